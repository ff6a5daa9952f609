"""Boards found in a video by the peer, run by its own Python: kind columns rows video output.npz."""

import contextlib
import io
import sys
import time

import numpy as np
from aniposelib.boards import CharucoBoard, Checkerboard


def main() -> None:
    kind, columns, rows, video, output = sys.argv[1:]
    size = int(columns), int(rows)
    board = CharucoBoard(*size, 25, 18.75) if kind == "charuco" else Checkerboard(*size, 25)
    before = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        found = board.detect_video(video)
    seconds = time.process_time() - before
    frames = np.array([row["framenum"] for row in found], int)
    corners = np.array([np.reshape(row["filled"], (-1, 2)) for row in found])
    np.savez(output, cpu_seconds=seconds, frames=frames, corners=corners)


main()
