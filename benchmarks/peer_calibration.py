"""Calibration from corners by the peer (aniposelib), run by its own Python: input.npz output.npz seconds.

It is killed after so many seconds of CPU. The output has the cameras, or none if it failed, and the CPU
seconds of the call.
"""

import contextlib
import io
import resource
import sys
import time

import numpy as np
from aniposelib.boards import CharucoBoard
from aniposelib.cameras import Camera, CameraGroup


def main() -> None:
    seconds = int(sys.argv[3])
    # At the second limit it would be killed by another signal.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))
    given = np.load(sys.argv[1])
    board = CharucoBoard(
        *(int(n) for n in given["squares"]), float(given["square"]), 0.75 * float(given["square"])
    )
    cameras, rows = [], []
    for i, size in enumerate(given["sizes"]):
        cameras.append(Camera(size=tuple(int(side) for side in size), name=str(i)))
        rows.append([])
        for frame, corners in zip(given[f"frames{i}"], given[f"corners{i}"], strict=True):
            seen = np.flatnonzero(np.isfinite(corners[:, 0]))
            rows[-1].append(
                {
                    "framenum": (0, int(frame)),
                    "corners": np.float32(corners[seen]).reshape(-1, 1, 2),
                    "ids": np.int32(seen).reshape(-1, 1),
                }
            )
    group = CameraGroup(cameras)
    np.random.seed(0)  # noqa: NPY002  # the peer draws from it
    before = time.process_time()
    found: dict[str, np.ndarray] = {}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            group.calibrate_rows(rows, board, verbose=False)
        found = {
            "matrices": np.array([camera.get_camera_matrix() for camera in cameras]),
            "rotations": np.array([camera.get_rotation() for camera in cameras]),
            "distortions": np.array([camera.get_distortions() for camera in cameras]),
            "translations": np.array([camera.get_translation() for camera in cameras]),
        }
    except Exception as error:  # noqa: BLE001  # whatever it is, it has failed
        print(repr(error), file=sys.stderr)
    np.savez(sys.argv[2], cpu_seconds=time.process_time() - before, **found)


main()
