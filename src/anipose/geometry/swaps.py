"""Left taken for right in single cameras: found because the other cameras say so.

A tracker that exchanges two keypoints in one view puts both beside where the other views have them, and
exchanging them back makes all views agree. What all cameras exchange together cannot be seen.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.triangulation import reprojection_errors, triangulate_robust

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Exchanging has to bring at least as many views into agreement as this, and to leave at most this share of
# the disagreement.
LEAST_GAIN, LARGEST_REST = 0.9, 0.6
# Two ways of exchanging are as good as each other up to this difference, in views that disagree.
ALIKE = 0.25
# With more cameras than this, at most two of them are exchanged at a time.
ALL_SUBSETS = 6
# Where half of the cameras say left and the others right, the way the animal came decides, if one is so many
# times nearer than the other.
NEARER = 2.0


def find_swaps(
    cameras: Cameras,
    pixels: Float[Array, "camera frame keypoint 2"],
    pairs: Int[NDArray[np.int64], "pair 2"],
    *,
    threshold_px: float,
) -> Bool[Mask, "pair camera frame"]:
    """Which cameras have the keypoints of which pair exchanged, frame by frame.

    Of all sets of cameras that could be exchanged, the one with the least sum of min(error^2, threshold^2)
    of both keypoints is right, if it is clearly better than none; of a set and its complement, which are
    equally good, the smaller one.

    Args:
        pixels: NaN where a camera does not see the point.
        pairs: of keypoints that may be exchanged.
        threshold_px: a view farther than this from its point disagrees.
    """
    swaps = np.zeros((len(pairs), *pixels.shape[:2]), dtype=np.bool_)
    for number, pair in enumerate(pairs):
        swaps[number] = _swaps_of_pair(cameras, pixels[:, :, pair], threshold_px)
    return swaps


def exchanged(
    values: Float[Array, "camera frame keypoint *rest"],
    pairs: Int[NDArray[np.int64], "pair 2"],
    swaps: Bool[Mask, "pair camera frame"],
) -> Float[Array, "camera frame keypoint *rest"]:
    """The values (pixels or scores) with swaps undone."""
    result = values.copy()
    for (one, two), where in zip(pairs, swaps, strict=True):
        first, second = result[:, :, one], result[:, :, two]
        first[where], second[where] = second[where], first[where].copy()
    return result


def _swaps_of_pair(
    cameras: Cameras, pixels: Float[Array, "camera frame 2 2"], threshold: float
) -> Bool[Mask, "camera frame"]:
    n_cameras, n_frames = pixels.shape[:2]
    swaps = np.zeros((n_cameras, n_frames), dtype=np.bool_)
    points, disagreement = _agreement(cameras, pixels, threshold)
    doubtful = np.flatnonzero(disagreement >= LEAST_GAIN)
    if not len(doubtful):
        return swaps
    some = pixels[:, doubtful]
    sees = np.isfinite(some).all(axis=-1)
    seen, both = np.asarray(sees.any(axis=-1)), np.asarray(sees.all(axis=-1))
    # Two views of a point agree now and then by chance, three do not.
    enough = both.sum(axis=0) >= np.minimum(seen.sum(axis=0), 3)
    least, best = disagreement[doubtful].copy(), np.zeros((n_cameras, len(doubtful)), dtype=np.bool_)
    best_points = points[doubtful].copy()
    for chosen in _subsets(n_cameras):
        mask = np.zeros(n_cameras, dtype=np.bool_)
        mask[list(chosen)] = True
        # Only sets of cameras that see both, and are not more than the others that see one.
        sensible = enough & both[mask].all(axis=0) & (2 * mask.sum() <= seen.sum(axis=0))
        if not sensible.any():
            continue
        tried = np.where(mask[:, None, None, None], some[:, sensible][:, :, ::-1], some[:, sensible])
        found, rest = _agreement(cameras, tried, threshold)
        where = np.flatnonzero(sensible)
        # Smaller sets come first: a larger one has to be better than they are.
        better = rest < least[where] - ALIKE
        least[where[better]], best_points[where[better]] = rest[better], found[better]
        best[:, where[better]] = mask[:, None]
    gain = disagreement[doubtful] - least
    right = (gain >= LEAST_GAIN) & (least <= LARGEST_REST * disagreement[doubtful])
    best &= right
    halves = right & (2 * best.sum(axis=0) == seen.sum(axis=0))
    certain = np.asarray(np.isfinite(points).all(axis=(1, 2)))
    certain[doubtful] = False
    best[:, halves] = _by_continuity(
        points, certain, doubtful[halves], best_points[halves], best[:, halves], seen[:, halves]
    )
    swaps[:, doubtful] = best
    return swaps


def _agreement(
    cameras: Cameras, pixels: Float[Array, "camera frame 2 2"], threshold: float
) -> tuple[Float[Array, "frame 2 3"], Float[Array, "frame"]]:
    """The points of a pair, and how many views disagree with them: the sum of min(error/threshold, 1)^2."""
    points, _ = triangulate_robust(cameras, pixels, threshold_px=threshold)
    errors = reprojection_errors(cameras, points, pixels)
    seen = np.isfinite(pixels).all(axis=-1)
    # Where there is no point, nobody agrees.
    rest = np.where(seen & (seen.sum(axis=0) > 1), np.fmin(errors / threshold, 1.0) ** 2, 0.0)
    return points, np.nan_to_num(rest, nan=1.0).sum(axis=(0, 2))


def _subsets(n_cameras: int) -> Iterator[tuple[int, ...]]:
    """Sets of cameras, up to half of them, small ones first."""
    largest = n_cameras // 2 if n_cameras <= ALL_SUBSETS else 2
    for size in range(1, largest + 1):
        yield from combinations(range(n_cameras), size)


def _by_continuity(
    points: Float[Array, "frame 2 3"],
    certain: Bool[Mask, "frame"],
    frames: Int[NDArray[np.int64], "some"],
    found: Float[Array, "some 2 3"],
    swaps: Bool[Mask, "camera some"],
    seen: Bool[Mask, "camera some"],
) -> Bool[Mask, "camera some"]:
    """The swaps or those of the other half of the cameras, whichever continues the way; none if in doubt."""
    known = np.flatnonzero(certain)
    if not len(known):
        return np.zeros_like(swaps)
    flat = points[known].reshape(len(known), 6)
    expected = np.stack([np.interp(frames, known, series) for series in flat.T], axis=1).reshape(-1, 2, 3)
    as_found = np.linalg.norm(found - expected, axis=-1).sum(axis=-1)
    other_way = np.linalg.norm(found[:, ::-1] - expected, axis=-1).sum(axis=-1)
    keep, turn = NEARER * as_found < other_way, NEARER * other_way < as_found
    return np.where(keep, swaps, np.where(turn, seen & ~swaps, False))
