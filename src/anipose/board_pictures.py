"""Pictures of found boards with their corners drawn, one file per frame."""

import logging
from pathlib import Path

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.board_recordings import picture_numbers
from anipose.io.detections import read_detections
from anipose.io.files import write_bytes, write_text
from anipose.io.video import read_bgr

log = logging.getLogger(__name__)

FIRST, LAST = np.array([60, 60, 255.0]), np.array([255, 120, 60.0])


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
            _, jpeg = cv2.imencode(".jpg", _with_corners(image, wanted[frame]))
            names.append(f"{frame:06d}.jpg")
            write_bytes(folder / names[-1], jpeg.tobytes())
    write_text(listed, "".join(f"{name}\n" for name in names))
    log.warning(
        "look at the %d pictures in %s, delete those in which the corners are wrong, and calibrate again",
        len(names),
        folder,
    )


def _with_corners(image: NDArray[np.uint8], corners: NDArray[np.float64]) -> NDArray[np.uint8]:
    """From red, the first corner, to blue, the last."""
    drawn = image.copy()
    for number in np.flatnonzero(np.isfinite(corners[:, 0])):
        share = number / max(len(corners) - 1, 1)
        colour = tuple(int(value) for value in FIRST + share * (LAST - FIRST))
        centre = (round(float(corners[number, 0])), round(float(corners[number, 1])))
        cv2.circle(drawn, centre, max(4, image.shape[1] // 250), colour, max(1, image.shape[1] // 640))
    return drawn
