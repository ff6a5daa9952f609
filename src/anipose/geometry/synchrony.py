"""Whether cameras saw the same moments: frame offsets under which their pictures agree best.

Two cameras that see a point at the same moment see it on corresponding epipolar lines. If one of them is
late, moving points are beside their lines, and shifting its frames brings them back. This needs motion
only, no points in space, and says nothing where the animal keeps still.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras

Array = NDArray[np.float64]

# So many frames at most are compared, evenly chosen: more would say the same.
COMPARED_FRAMES = 1500
# Errors count up to this many times the usual one: a wrong point must not decide.
LARGEST_ERROR = 4.0
# Offsets are believed if they lower the error by this share, and by this many pixels.
LEAST_GAIN, LEAST_GAIN_PX = 0.15, 0.1
MAX_ROUNDS = 20
# Frames; cameras that are farther out of step were not started together.
LARGEST = 30


@dataclass(frozen=True, eq=False)
class Synchrony:
    """How well cameras agree in time.

    Attributes:
        offsets: (camera,), frames to add to each camera's frame number so that all show the same moment.
            The commonest is 0.
        error_px: mean distance from epipolar lines as the frames are; NaN where it cannot be told.
        best_px: the same with the offsets.
    """

    offsets: Int[NDArray[np.int64], "camera"]
    error_px: float
    best_px: float

    @property
    def believed(self) -> bool:
        """Whether the offsets make a difference that noise does not."""
        gain = self.error_px - self.best_px
        return bool(gain > max(LEAST_GAIN * self.error_px, LEAST_GAIN_PX) and self.offsets.any())


def find_offsets(cameras: Cameras, pixels: Float[Array, "camera frame keypoint 2"]) -> Synchrony:
    """The frame offsets, from -LARGEST to LARGEST, with the least distance from epipolar lines.

    Args:
        pixels: NaN where a camera does not see the point.
    """
    n_cameras, n_frames = pixels.shape[:2]
    largest = min(LARGEST, (n_frames - 1) // 2)
    rays = cameras.undistort(pixels)
    errors = np.zeros((n_cameras, n_cameras, 4 * largest + 1))
    for one, two in combinations(range(n_cameras), 2):
        curve = _errors_by_offset(cameras, rays, one, two, 2 * largest)
        errors[one, two], errors[two, one] = curve, curve[::-1]
    zero = np.zeros(n_cameras, dtype=np.int64)
    best, best_error = zero, _total(errors, zero)
    starts = [errors[reference].argmin(axis=1) - 2 * largest for reference in range(n_cameras)]
    for start in [zero, *starts]:
        offsets = _descended(errors, np.clip(start, -largest, largest), largest)
        if _total(errors, offsets) < best_error:
            best, best_error = offsets, _total(errors, offsets)
    values, counts = np.unique(best, return_counts=True)
    n_pairs = n_cameras * (n_cameras - 1)
    return Synchrony(
        best - values[counts.argmax()], float(_total(errors, zero) / n_pairs), float(best_error / n_pairs)
    )


def _errors_by_offset(
    cameras: Cameras, rays: Float[Array, "camera frame keypoint 2"], one: int, two: int, largest: int
) -> Float[Array, "offset"]:
    """Mean distance from epipolar lines, pixels, if camera two is so many frames ahead; 0 if unknown."""
    n_frames = rays.shape[1]
    first, second = cameras.cameras[one], cameras.cameras[two]
    turn = second.rotation_matrix @ first.rotation_matrix.T
    shift = second.translation - turn @ first.translation
    cross = np.array([[0, -shift[2], shift[1]], [shift[2], 0, -shift[0]], [-shift[1], shift[0], 0]])
    essential = cross @ turn
    focal = 0.5 * (first.matrix[0, 0] + second.matrix[0, 0])
    frames = np.arange(0, n_frames, max(n_frames // COMPARED_FRAMES, 1))
    homogeneous = [np.concatenate([rays[row], np.ones((*rays.shape[1:3], 1))], axis=-1) for row in (one, two)]
    lines_in_two, lines_in_one = homogeneous[0] @ essential.T, homogeneous[1] @ essential
    errors = []
    for offset in range(-largest, largest + 1):
        chosen = frames[(frames + offset >= 0) & (frames + offset < n_frames)]
        product = np.sum(homogeneous[1][chosen + offset] * lines_in_two[chosen], axis=-1)
        lengths = (lines_in_two[chosen, :, :2] ** 2).sum(axis=-1)
        lengths += (lines_in_one[chosen + offset, :, :2] ** 2).sum(axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = focal * np.abs(product) / np.sqrt(lengths)
        errors.append(distance[np.isfinite(distance)])
    known = errors[largest]
    if not len(known):
        return np.zeros(2 * largest + 1)
    cap = max(LARGEST_ERROR * float(np.median(known)), np.finfo(float).tiny)
    return np.array(
        [np.minimum(error, cap).mean() if len(error) > len(known) // 4 else cap for error in errors]
    )


def _total(errors: Float[Array, "camera camera offset"], offsets: Int[NDArray[np.int64], "camera"]) -> float:
    middle = errors.shape[2] // 2
    rows = np.arange(len(offsets))
    between = offsets[None] - offsets[:, None] + middle
    return float(errors[rows[:, None], rows[None], between].sum())


def _descended(
    errors: Float[Array, "camera camera offset"], offsets: Int[NDArray[np.int64], "camera"], largest: int
) -> Int[NDArray[np.int64], "camera"]:
    """Change the offset of one camera after the other while that lowers the sum of the errors."""
    offsets = offsets.copy()
    for _ in range(MAX_ROUNDS):
        before = offsets.copy()
        for row in range(len(offsets)):
            candidates = np.repeat(offsets[None], 2 * largest + 1, axis=0)
            candidates[:, row] = np.arange(-largest, largest + 1)
            totals = [_total(errors, candidate) for candidate in candidates]
            if min(totals) < _total(errors, offsets):
                offsets = candidates[int(np.argmin(totals))]
        if np.array_equal(before, offsets):
            break
    return offsets
