"""Looking for boards: speed and accuracy beside the peer, and what the choice of frames saves.

    ANIPOSE_PEER_PYTHON=/path/to/python python benchmarks/detection.py [--frames 3000] [--films FOLDER]

Films of 1280 x 1024 pixels with the board in view half of the time, H.264 with a keyframe every 250 frames.
CPU seconds, decoding included. The peer is aniposelib; it looks at every 20th frame until it has found a
board. The last part does the same on the real pictures of a recording, put together to films as long.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.board_detection import every_board, first_look, second_look
from anipose.board_recordings import configured_board
from anipose.boards import Board
from anipose.config import Calibration
from anipose.geometry.board_views import Seen
from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.cameras import Camera, Cameras
from anipose.io.detections import BoardDetections
from board_film import make_rig, true_corners, write_film

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from real_films import write_long_films

T = TypeVar("T")
DATA = Path(__file__).parents[2] / "shared" / "data"
PEER = os.environ.get("ANIPOSE_PEER_PYTHON")
CHARUCO = Calibration(
    board_type="charuco",
    board_size=(10, 7),
    board_square_side_length=25,
    board_marker_length=18.75,
    board_marker_bits=4,
    board_marker_dict_number=50,
)
CHECKERBOARD = Calibration(board_type="checkerboard", board_size=(9, 6), board_square_side_length=25)
MOUSE = Calibration(
    board_type="charuco",
    board_size=(8, 11),
    board_square_side_length=24,
    board_marker_length=18.75,
    board_marker_bits=4,
    board_marker_dict_number=1000,
)
ARUCO = Calibration(
    board_type="aruco",
    board_size=(5, 4),
    board_marker_length=40,
    board_marker_separation_length=10,
    board_marker_bits=4,
    board_marker_dict_number=50,
)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    before = time.process_time()
    result = work()
    return result, time.process_time() - before


def peer(table: Calibration, video: Path) -> tuple[BoardDetections, float] | str:
    if PEER is None:
        return "not installed (ANIPOSE_PEER_PYTHON)"
    if table.board_type == "aruco":
        return "does not do it"
    assert table.board_type is not None
    assert table.board_size is not None
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.npz"
        script = Path(__file__).with_name("peer_detection.py")
        size = [str(side) for side in table.board_size]
        command = [PEER, str(script), table.board_type, *size, str(video), str(output)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"fails: {done.stderr.strip().splitlines()[-1]}"
        found = np.load(output)
        return BoardDetections((0, 0), 0, found["frames"], found["corners"]), float(found["cpu_seconds"])


def in_words(
    found: BoardDetections, seconds: float, n_frames: int, truth: NDArray[np.float64], board: Board
) -> str:
    """Speed, and distance of the corners from the truth in either numbering of the board."""
    true = truth[found.frames]
    turned = [np.linalg.norm(found.corners - one, axis=-1) for one in (true, true[:, ::-1])]
    errors = np.where((np.nanmedian(turned[0], 1) < np.nanmedian(turned[1], 1))[:, None], *turned)
    errors = errors[np.isfinite(errors)]
    rms = np.sqrt(np.mean(errors**2))
    return (
        f"{n_frames / seconds:6.0f} frames per CPU s; {len(found.frames)} boards, {len(errors)} corners, "
        f"error median {np.median(errors):.3f}, rms {rms:.3f}, 99 % {np.quantile(errors, 0.99):.2f} px"
    )


def detection(folder: Path, n_frames: int) -> None:
    print(f"one camera, {n_frames} frames, the board in half of them")
    camera = make_rig(4).cameras[1]
    for name, table in (("ChArUco", CHARUCO), ("checkerboard", CHECKERBOARD), ("ArUco grid", ARUCO)):
        board = configured_board(table)
        video = existing(folder / f"{table.board_type}-{n_frames}-{camera.name}.mp4", camera, board, n_frames)
        truth = true_corners(camera, board, n_frames)
        rows = {
            "every frame": timed(lambda table=table, video=video: every_board(table, video)),
            "chosen frames": timed(lambda table=table, video=video: first_look(table, video)),
            "peer": peer(table, video),
        }
        for row, result in rows.items():
            text = result if isinstance(result, str) else in_words(*result, n_frames, truth, board)
            print(f"  {name:<13}{row:<15}{text}")


def existing(video: Path, camera: Camera, board: Board, n_frames: int) -> Path:
    return video if video.is_file() else write_film(video, camera, board, n_frames)


def made_films(folder: Path, n_frames: int) -> None:
    rig, board = make_rig(4), configured_board(CHARUCO)
    films = {
        camera.name: existing(folder / f"charuco-{n_frames}-{camera.name}.mp4", camera, board, n_frames)
        for camera in rig
    }
    print(f"calibration from {len(films)} cameras x {n_frames} frames")
    few, full = whole_calibration(CHARUCO, films)
    for name, result in (("chosen", few), ("every", full)):
        off = differences(result.cameras, rig)
        print(f"  {name:<7} off the truth by {off[0]:.2f} px in focal length, {off[1]:.3f} mm in place")


def real_films(folder: Path, n_frames: int) -> None:
    """The pictures of the mouse's calibration, with the mouse itself where no board is in view."""
    session = DATA / "mouse-4cam" / "experiment" / "session1"
    if not session.is_dir():
        print(f"no real films: {session} is not there")
        return
    names = ("back", "mid", "side", "top")
    boards = {name: session / "calibration" / f"board_{name}.mp4" for name in names}
    others = {name: session / "videos-raw" / f"mouse_{name}.mp4" for name in names}
    films = write_long_films(folder, boards, others, n_frames)
    print(f"calibration from 4 cameras x {n_frames} frames with the real pictures of mouse-4cam")
    few, full = whole_calibration(MOUSE, films)
    for name, result in (("chosen", few), ("every", full)):
        figures = result.cameras.metadata
        print(
            f"  {name:<7} held out: {figures['held_out_error']:.3f} px, distances off by "
            f"{figures['held_out_edge_error_percent']:.2f} %"
        )


def whole_calibration(
    table: Calibration, films: Mapping[str, Path]
) -> tuple[CalibrationResult, CalibrationResult]:
    """From chosen frames, and from all of them."""
    board = configured_board(table)
    first, first_s = timed(lambda: {name: first_look(table, film) for name, film in films.items()})
    chosen, chosen_s = timed(
        lambda: {name: second_look(table, film, name, first, ()) for name, film in films.items()}
    )
    few, few_s = timed(lambda: calibrated(chosen, board))
    whole = first_s + chosen_s + few_s
    print(
        f"  chosen frames  {first_s:.1f} s first look, {chosen_s:.1f} s second, {few_s:.1f} s calibration "
        f"from {sum(len(one.frames) for one in chosen.values())} views; together {whole:.1f} s"
    )
    every, every_s = timed(lambda: {name: every_board(table, film) for name, film in films.items()})
    full, full_s = timed(lambda: calibrated(every, board))
    print(
        f"  every frame    {every_s:.1f} s to detect, {full_s:.1f} s calibration from "
        f"{sum(len(one.frames) for one in every.values())} views"
    )
    print(f"  the whole with chosen frames is {100 * whole / every_s:.0f} % of detection in every frame")
    deviation = np.sqrt(np.diagonal(few.covariance, axis1=1, axis2=2))
    moved = np.stack(
        [a.matrix[0, 0] - b.matrix[0, 0] for a, b in zip(few.cameras, full.cameras, strict=True)]
    )
    placed = few.cameras.cam_from_world[1:, :, 3] - full.cameras.cam_from_world[1:, :, 3]
    in_sd = np.abs(np.r_[moved / deviation[:, 6], (placed / deviation[1:, 3:6]).ravel()])
    print(
        f"  they differ by {np.sqrt(np.mean(in_sd**2)):.2f} (rms), {in_sd.max():.2f} (most) of the stated "
        "deviations"
    )
    return few, full


def calibrated(found: Mapping[str, BoardDetections], board: Board) -> CalibrationResult:
    seen = {name: Seen(one.frames, one.corners, one.size) for name, one in found.items()}
    return calibrate(seen, board.points, neighbours=board.neighbours)


def differences(found: Cameras, true: Cameras) -> tuple[float, float]:
    """Largest error of a focal length, and of the place of a camera as the first one sees it."""
    focal = max(abs(a.matrix[0, 0] - b.matrix[0, 0]) for a, b in zip(found, true, strict=True))
    places = []
    for rig in (found, true):
        first = rig.cameras[0]
        places.append(np.stack([first.rotation_matrix @ (camera.center - first.center) for camera in rig]))
    return float(focal), float(np.linalg.norm(places[0] - places[1], axis=1).max())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--frames", type=int, default=3000, help="length of the films of the calibration")
    arguments.add_argument("--peer-frames", type=int, default=600, help="length of the films beside the peer")
    arguments.add_argument("--films", type=Path, help="folder in which films are kept for the next time")
    chosen = arguments.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.films or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        detection(folder, chosen.peer_frames)
        made_films(folder, chosen.frames)
        real_films(folder, chosen.frames)


if __name__ == "__main__":
    main()
