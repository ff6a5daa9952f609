"""Pictures of found boards with their corners drawn, one file per frame."""

from pathlib import Path

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.board_recordings import picture_numbers
from anipose.io.detections import read_detections
from anipose.io.files import write_bytes, write_text
from anipose.io.video import read_bgr

FIRST, LAST = np.array([60, 60, 255.0]), np.array([255, 120, 60.0])
# JPEG halves the resolution of colours, which thin lines do not survive, unless it is told not to.
SHARP_COLOURS = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


def write_board_pictures(video: Path, detections: Path, listed: Path) -> None:
    """Write the pictures into the folder that has the name of the list, and the list."""
    found = read_detections(detections)
    folder = listed.with_suffix("")
    for old in folder.glob("*.jpg"):
        old.unlink()
    wanted = dict(zip(found.frames.tolist(), found.corners, strict=True))
    numbers = picture_numbers(video) if video.is_dir() else None
    names = []
    for place, image in enumerate(read_bgr(video)):
        frame = place if numbers is None else int(numbers[place])
        if frame in wanted:
            _, jpeg = cv2.imencode(".jpg", _with_corners(image, wanted[frame]), SHARP_COLOURS)
            names.append(f"{frame:06d}.jpg")
            write_bytes(folder / names[-1], jpeg.tobytes())
    write_text(listed, "".join(f"{name}\n" for name in names))


def _with_corners(image: NDArray[np.uint8], corners: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Circles and a line through them, from red, the first corner, to blue, the last.

    A corner in the wrong place, or of the wrong number, is a spike in the line.
    """
    drawn = image.copy()
    thickness = max(1, image.shape[1] // 640)
    before: tuple[int, int] | None = None
    for number in np.flatnonzero(np.isfinite(corners[:, 0])):
        share = number / max(len(corners) - 1, 1)
        colour = tuple(int(value) for value in FIRST + share * (LAST - FIRST))
        centre = (round(float(corners[number, 0])), round(float(corners[number, 1])))
        if before is not None:
            cv2.line(drawn, before, centre, colour, thickness, cv2.LINE_AA)
        cv2.circle(drawn, centre, max(5, image.shape[1] // 200), colour, thickness + 1, cv2.LINE_AA)
        before = centre
    return drawn
