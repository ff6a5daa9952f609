"""Identities of several animals: the same animal in all views, and from each frame to the next.

Trackers follow animals in one view, each with names of its own, and exchange them now and then. Where
views fit together (`view_matching`) is known frame by frame; animals are followed from frame to frame
(`following`); frames that left doubt are assigned to where the animals have to be.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.following import follow
from anipose.geometry.view_matching import (
    MISFIT,
    PRIOR_KEYPOINTS,
    UNKNOWN,
    Slots,
    assigned,
    in_space,
    match_views,
    usual_distance_px,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# An epipolar or reprojection distance is that of a wrong point from this many thresholds on.
WRONG_THRESHOLDS = 2.0
# Where trackers are less exact than that, from this many times the usual distance on.
WRONG_DISTANCES = 4.0
# Where animals are expected is not exact: an assignment has to fit so much better than the one before.
CLEARLY_BETTER = 0.25
# An animal is expected on the line between two places at most so many frames away.
LONGEST_GAP = 10


def match_identities(
    cameras: Cameras,
    pixels: Float[Array, "camera frame instance keypoint 2"],
    scores: Float[Array, "camera frame instance keypoint"],
    n_animals: int,
    *,
    threshold_px: float,
) -> Slots:
    """The instance of each animal in each view of every frame; -1: none. Animals keep their number.

    Args:
        pixels: NaN where there is no point. An instance has a place of its own in all frames, as far as the
            tracker knows.
        scores: how sure each point is.
        n_animals: how many there are.
        threshold_px: from which reprojection error on a point is an outlier.
    """
    seen = np.isfinite(pixels).all(axis=-1)
    weights = np.where(seen, np.nan_to_num(np.clip(scores, 0, 1)), 0.0)
    if not seen.any():
        return np.full((pixels.shape[1], len(cameras), n_animals), -1)
    rays = cameras.undistort(pixels)
    wrong_px = max(
        WRONG_THRESHOLDS * threshold_px, WRONG_DISTANCES * usual_distance_px(cameras, rays, weights)
    )
    # What is no animal, as a reflection that one tracker takes for one, gets a place of its own at first.
    n_groups = max(n_animals, pixels.shape[2])
    slots = match_views(cameras, rays, weights, n_groups, threshold_px=wrong_px)
    slots, certain = follow(cameras, pixels, slots, n_animals)
    return _reassigned(cameras, pixels, weights, slots, certain, wrong_px)


def _reassigned(
    cameras: Cameras,
    pixels: Float[Array, "camera frame instance keypoint 2"],
    weights: Float[Array, "camera frame instance keypoint"],
    slots: Slots,
    certain: Bool[Mask, "frame"],
    wrong_px: float,
) -> Slots:
    """Assign the instances of doubtful frames to where the animals have to be, from before and after.

    One animal may be in a place that is not known, as if only one view has it: it is what is left over.
    """
    frames = np.flatnonzero(~certain)
    if not len(frames) or not certain.any():
        return slots
    expected = _expected(cameras, pixels, slots, np.flatnonzero(certain), frames)
    known = np.asarray(np.isfinite(expected[..., 0]).any(axis=-1))
    left_over = np.asarray(~known & (slots[frames] >= 0).any(axis=1))
    sure = np.logical_and(known.any(axis=1), left_over.sum(axis=1) <= 1)
    frames, expected, possible = frames[sure], expected[sure], (known | left_over)[sure]
    result = slots.copy()
    for row, camera in enumerate(cameras):
        projected = camera.project(expected)
        cost = _cost_of_projections(pixels[row, frames], weights[row, frames], projected, wrong_px)
        cost = np.where(possible[:, None], cost, 1.0)
        present = np.asarray((weights[row, frames] > 0).any(axis=-1))
        before, after = slots[frames, row], assigned(cost, present)
        better = _total(cost, after) < _total(cost, before) - CLEARLY_BETTER
        result[frames[better], row] = after[better]
    return result


def _total(
    cost: Float[Array, "frame instance animal"], chosen: Int[NDArray[np.int64], "frame animal"]
) -> Float[Array, "frame"]:
    """What an assignment costs; an animal without an instance costs as much as a misfit."""
    costs = np.take_along_axis(cost, np.maximum(chosen, 0)[:, None], axis=1)[:, 0]
    total: Array = np.where(chosen >= 0, costs, MISFIT).sum(axis=1)
    return total


def nearest_animals(
    pixels: Float[Array, "frame instance keypoint 2"],
    weights: Float[Array, "frame instance keypoint"],
    projected: Float[Array, "frame animal keypoint 2"],
    *,
    threshold_px: float,
) -> Int[NDArray[np.int64], "frame animal"]:
    """The instance in a view of each animal whose place is known; -1: none."""
    cost = _cost_of_projections(pixels, weights, projected, WRONG_THRESHOLDS * threshold_px)
    return assigned(cost, np.asarray((weights > 0).any(axis=-1)))


def _cost_of_projections(
    pixels: Float[Array, "frame instance keypoint 2"],
    weights: Float[Array, "frame instance keypoint"],
    projected: Float[Array, "frame animal keypoint 2"],
    wrong_px: float,
) -> Float[Array, "frame instance animal"]:
    """Mean of min(distance / threshold, 1)^2 over the keypoints; halfway where none can be compared."""
    difference = pixels[:, :, None] - projected[:, None]
    squares = (difference**2).sum(axis=-1) / wrong_px**2
    weight = np.where(np.isfinite(squares), weights[:, :, None], 0.0)
    total = (weight * np.nan_to_num(np.fmin(squares, 1.0))).sum(axis=-1)
    cost: Array = (total + UNKNOWN * PRIOR_KEYPOINTS) / (weight.sum(axis=-1) + PRIOR_KEYPOINTS)
    return cost


def _expected(
    cameras: Cameras,
    pixels: Float[Array, "camera frame instance keypoint 2"],
    slots: Slots,
    certain: Int[NDArray[np.int64], "known"],
    frames: Int[NDArray[np.int64], "asked"],
) -> Float[Array, "asked animal keypoint 3"]:
    """Points in frames between certain ones, on straight lines; NaN where those are too far away."""
    after = np.searchsorted(certain, frames)
    earlier, later = certain[np.maximum(after - 1, 0)], certain[np.minimum(after, len(certain) - 1)]
    one, two = (
        np.where(
            ((gap >= 1) & (gap <= LONGEST_GAP))[:, None, None, None],
            in_space(cameras, pixels[:, where], slots[where]),
            np.nan,
        )
        for gap, where in ((frames - earlier, earlier), (later - frames, later))
    )
    part = ((frames - earlier) / np.maximum(later - earlier, 1))[:, None, None, None]
    between = (1 - part) * one + part * two
    return np.where(np.isfinite(between), between, np.where(np.isfinite(one), one, two))
