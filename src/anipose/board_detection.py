"""The boards of a calibration video, and advice where there are hardly any."""

from dataclasses import replace
from pathlib import Path

from anipose.board_advice import best_reading, chosen_pictures
from anipose.board_recordings import configured_board, look_for_board
from anipose.config import Calibration
from anipose.io.detections import BoardDetections
from anipose.io.video import read_gray

# With fewer views than this, other settings are tried.
FEW_VIEWS = 5


def detect_boards(table: Calibration, video: Path) -> BoardDetections:
    """The board in a video or folder of pictures; with advice if it is found in hardly any frame."""
    found = look_for_board(configured_board(table), video)
    if len(found.frames) >= min(FEW_VIEWS, found.n_frames):
        return found
    pictures = chosen_pictures(read_gray(video), found.n_frames)
    reading = best_reading(table, pictures)
    return found if reading is None else replace(found, advice=reading.advice)
