"""Points that an optimiser left behind: in one frame far from where the frames around it foretell them.

With few good views among bad ones, a robust start can be the place where a good and a bad view happen to
meet, and a loss that does not count what is far off leaves the point there. Its neighbours in time tell.
"""

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.geometry.banded import Field
from anipose.geometry.windows import Model, Recording

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Farther from where it is foretold than this many times the usual distance of its keypoint.
STRAY = 10.0
# A cubic through the two frames before and the two after, in the middle.
BEFORE_AND_AFTER = ((-2, -1 / 6), (-1, 4 / 6), (1, 4 / 6), (2, -1 / 6))


def without_strays(recording: Recording, model: Model, field: Field, width: float) -> Field | None:
    """The field with its strays put where they are foretold; None if there are none.

    A point that two or more views see where it is foretold is a stray, if no more see it where it is. An
    animal that startles is not: its views see it where it is.

    Args:
        width: an error of so many standard deviations is still that of a view that sees the point.
    """
    keypoint, frame, places = _far_from_foretold(recording, field)
    if not len(frame):
        return None
    here = _views(recording, model, keypoint, frame, field[:, keypoint, frame], width)
    there = _views(recording, model, keypoint, frame, places, width)
    stray = (there >= 2) & (there >= here)
    if not stray.any():
        return None
    mended = field.copy()
    mended[:, keypoint[stray], frame[stray]] = places[:, stray]
    return mended


def _far_from_foretold(
    recording: Recording, field: Field
) -> tuple[NDArray[np.intp], NDArray[np.intp], Float[Array, "3 point"]]:
    """Keypoints, frames, and where they are foretold."""
    n_frames = field.shape[2]
    if n_frames < 5:
        nothing = np.zeros(0, dtype=np.intp)
        return nothing, nothing, np.zeros((3, 0))
    inner = slice(2, n_frames - 2)
    foretold: Field = np.sum(
        [share * field[:, :, 2 + by : n_frames - 2 + by] for by, share in BEFORE_AND_AFTER], axis=0
    )
    known: Bool[Mask, "keypoint frame"] = np.logical_and.reduce(
        [recording.exists[:, 2 + by : n_frames - 2 + by] for by in range(-2, 3)]
    )
    distance = np.where(known, np.linalg.norm(field[:, :, inner] - foretold, axis=0), 0.0)
    usual = np.array(
        [np.median(row[there]) if there.any() else 0.0 for row, there in zip(distance, known, strict=True)]
    )
    keypoint, middle = np.nonzero(distance > STRAY * usual[:, None])
    return keypoint, middle + 2, foretold[:, keypoint, middle]


def _views(
    recording: Recording,
    model: Model,
    keypoint: NDArray[np.intp],
    frame: NDArray[np.intp],
    places: Float[Array, "3 point"],
    width: float,
) -> NDArray[np.intp]:
    """How many views see points at these places."""
    count = np.zeros(len(frame), dtype=np.intp)
    for camera, pixels, weights in zip(recording.cameras, recording.points, model.weights, strict=True):
        error = np.linalg.norm(camera.project(places.T) - pixels[frame, keypoint], axis=-1)
        count += error * weights[keypoint] < width
    return count
