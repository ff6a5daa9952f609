"""Identities of several animals: the same animal in all views, and from each frame to the next.

Trackers follow animals in one view, each with names of its own, and exchange them now and then. Where
views fit together (`view_matching`) is known frame by frame; here animals are followed through space,
with the names of the trackers as a second opinion that decides where they were out of sight.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.triangulation import triangulate
from anipose.geometry.view_matching import (
    FRAMES_AT_ONCE,
    MISFIT,
    PRIOR_KEYPOINTS,
    UNKNOWN,
    Slots,
    assigned,
    match_views,
    usual_distance_px,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# An epipolar or reprojection distance is that of a wrong point from this many thresholds on.
WRONG_THRESHOLDS = 2.0
# Where trackers are less exact than that, from this many times the usual distance on.
WRONG_DISTANCES = 4.0
# What the names of the trackers count when animals are followed, beside the way they moved.
NAME_WEIGHT = 0.3
# What it counts that all views have an animal, and not only one: only one has what is no animal.
VIEWS_WEIGHT = 0.3
# Where exchanging two animals would cost no more than this, it is not known which is which.
DOUBTFUL = 0.1
# After so many doubtful frames in a row, animals are no longer expected where they were before.
PATIENCE = 10
# That animals continue from one passage to the next counts like their names in so many frames.
CONTINUING_FRAMES = 10
# Animals that move fast are not told apart by where they are as well as slow ones, but by their size or, if
# that is more, so many steps from frame to frame.
STEPS = 10.0
# An animal that jumped farther than this part of its size was not matched rightly.
JUMP = 0.35
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
    followed = _follow(cameras, pixels, slots, n_animals)
    slots = _with_lasting_names(followed, pixels.shape[2])
    return _reassigned(cameras, pixels, weights, slots, followed.certain, wrong_px)


def gathered(
    values: Float[Array, "camera frame instance *rest"], slots: Slots
) -> Float[Array, "camera frame animal *rest"]:
    """Values of instances, such as pixels or scores, by animal; NaN where a view does not have it."""
    place = slots.swapaxes(0, 1).reshape(*slots.swapaxes(0, 1).shape, *[1] * (values.ndim - 3))
    found = np.take_along_axis(values, np.maximum(place, 0), axis=2)
    return np.where(place >= 0, found, np.nan)


def in_space(
    cameras: Cameras, pixels: Float[Array, "camera frame instance keypoint 2"], slots: Slots
) -> Float[Array, "frame animal keypoint 3"]:
    """The points of all animals, in pieces of the recording."""
    parts = [slice(start, start + FRAMES_AT_ONCE) for start in range(0, len(slots), FRAMES_AT_ONCE)]
    empty = np.empty((0, slots.shape[2], *pixels.shape[3:-1], 3))
    return np.concatenate(
        [empty, *(triangulate(cameras, gathered(pixels[:, part], slots[part])) for part in parts)]
    )


@dataclass(frozen=True)
class _Followed:
    """Animals that keep their number from frame to frame.

    Attributes:
        slots: with the animals in their order.
        passages: (frame,), number of the passage: within one, animals are followed without doubt.
        certain: (frame,), where it is clear which is which, and no animal jumped.
    """

    slots: Slots
    passages: Int[NDArray[np.int64], "frame"]
    certain: Bool[Mask, "frame"]


def _follow(
    cameras: Cameras, pixels: Float[Array, "camera frame instance keypoint 2"], slots: Slots, n_animals: int
) -> _Followed:
    """Follow animals by where they are and what trackers call them.

    A frame that leaves doubt, as one where views were matched wrongly, is passed over; after many a new
    passage begins.
    """
    points = in_space(cameras, pixels, slots)
    unit = max(body_size(points), STEPS * _step(points))
    orders = np.empty((len(slots), n_animals), dtype=np.int64)
    passages, certain = np.zeros(len(slots), dtype=np.int64), np.ones(len(slots), dtype=np.bool_)
    place = np.full((n_animals, *points.shape[2:]), np.nan)
    names = np.full((len(cameras), n_animals), -1)
    passage, n_doubtful = 0, 0
    for frame, (now, called) in enumerate(zip(points, slots, strict=True)):
        cost = _cost_of_places(place, now, unit) + NAME_WEIGHT * _cost_of_names(names, called)
        cost -= VIEWS_WEIGHT * (called >= 0).mean(axis=0)
        order = linear_sum_assignment(cost)[1]
        now, called = now[order], called[:, order]
        certain[frame] = frame == 0 or _margin(cost[:, order], (called >= 0).any(axis=0)) >= DOUBTFUL
        n_doubtful = 0 if certain[frame] else n_doubtful + 1
        if n_doubtful > PATIENCE:
            passage, n_doubtful = passage + 1, 0
        orders[frame], passages[frame] = order, passage
        if n_doubtful == 0:
            place = np.where(np.isfinite(now), now, place)
            names = np.where(called >= 0, called, names)
    moved = np.take_along_axis(points, orders[:, :, None, None], axis=1)
    steps = np.linalg.norm(np.diff(moved, axis=0, prepend=moved[:1]), axis=-1)
    certain &= ~(_low(steps) > JUMP * unit).any(axis=1)
    return _Followed(np.take_along_axis(slots, orders[:, None], axis=2), passages, certain)


def _low(values: Float[Array, "*batch value"]) -> Float[Array, "*batch"]:
    """What a quarter of the values are below, of those that are not NaN: whatever outliers there are."""
    number = np.maximum(np.isfinite(values).sum(axis=-1, keepdims=True) - 1, 0) // 4
    return np.take_along_axis(np.sort(values, axis=-1), number, axis=-1)[..., 0]


def _cost_of_places(
    before: Float[Array, "animal keypoint 3"], now: Float[Array, "group keypoint 3"], unit: float
) -> Float[Array, "animal group"]:
    """Mean distance of the keypoints, in body sizes of at most 1; halfway where nothing is known."""
    difference = now[None] - before[:, None]
    distance = np.sqrt(np.einsum("abkx,abkx->abk", difference, difference)) / unit
    known = np.isfinite(distance)
    total = np.where(known, np.fmin(distance, 1.0), 0.0).sum(axis=2)
    cost: Array = (total + UNKNOWN * PRIOR_KEYPOINTS) / (known.sum(axis=2) + PRIOR_KEYPOINTS)
    return cost


def _cost_of_names(
    before: Int[NDArray[np.int64], "camera animal"], now: Int[NDArray[np.int64], "camera group"]
) -> Float[Array, "animal group"]:
    """Share of the views in which the tracker has another name for it; halfway where nothing is known."""
    known = (before >= 0)[:, :, None] & (now >= 0)[:, None]
    other = (known & (before[:, :, None] != now[:, None])).sum(axis=0)
    cost: Array = (other + UNKNOWN * PRIOR_KEYPOINTS) / (known.sum(axis=0) + PRIOR_KEYPOINTS)
    return cost


def _margin(cost: Float[Array, "animal animal"], present: Bool[Mask, "animal"]) -> float:
    """What exchanging any two animals, of which one is there, would cost at least."""
    kept = cost.diagonal()
    exchanged = cost + cost.T - kept - kept[:, None]
    exchanged[~(present | present[:, None])] = np.inf
    np.fill_diagonal(exchanged, np.inf)
    return float(exchanged.min())


def body_size(points: Float[Array, "frame animal keypoint 3"]) -> float:
    """Median distance of keypoints from the middle of their animal; of animals of one point, a quarter of
    the distance between two."""
    size = _spread(points)
    if not size > 0:
        size = 0.5 * _spread(points[:, :, :1].swapaxes(1, 2))
    return size if size > 0 else 1.0


def _step(points: Float[Array, "frame animal keypoint 3"]) -> float:
    """Median distance of animals from the nearest place of one in the frame before."""
    steps = []
    for part in (slice(start, start + FRAMES_AT_ONCE + 1) for start in range(0, len(points), FRAMES_AT_ONCE)):
        now, before = points[part][1:, :, None], points[part][:-1, None]
        steps.append(np.fmin.reduce(_low(np.linalg.norm(now - before, axis=-1)), axis=2).ravel())
    known = np.concatenate(steps)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else 0.0


def _spread(points: Float[Array, "frame group point 3"]) -> float:
    known = np.isfinite(points).all(axis=-1)
    several = known & (known.sum(axis=2) > 1)[:, :, None]
    middle = (
        np.where(several[..., None], points, 0.0).sum(axis=2) / np.maximum(several.sum(axis=2), 1)[..., None]
    )
    distances = np.linalg.norm(points - middle[:, :, None], axis=-1)[several]
    return float(np.median(distances)) if len(distances) else 0.0


def _with_lasting_names(followed: _Followed, n_instances: int) -> Slots:
    """Put animals right that were exchanged where it was not known which was which.

    Each passage is taken for those animals that have, over the whole recording, the same names in the
    views; if names do not tell, animals continue.
    """
    slots, passages = followed.slots, followed.passages
    n_passages, n_animals = passages[-1] + 1, slots.shape[2]
    if n_passages == 1:
        return slots
    counts = np.zeros((n_passages, n_animals, slots.shape[1], n_instances))
    frames, views, animals = np.nonzero(slots >= 0)
    np.add.at(counts, (passages[frames], animals, views, slots[frames, views, animals]), 1)
    lengths = np.bincount(passages)

    usual = np.zeros(counts.shape[1:])
    for number in np.argsort(-lengths, kind="stable"):
        usual += counts[number][_most_alike(counts[number], usual, np.eye(n_animals))]
    result, before = slots.copy(), np.arange(n_animals)
    for number in range(n_passages):
        continuing = min(CONTINUING_FRAMES, lengths[number] / 2) * slots.shape[1] / n_animals
        before = _most_alike(counts[number], usual, continuing * np.eye(n_animals)[before])
        result[passages == number] = slots[passages == number][:, :, before]
    return result


def _most_alike(
    counts: Float[Array, "animal camera instance"],
    usual: Float[Array, "animal camera instance"],
    bonus: Float[Array, "animal animal"],
) -> Int[NDArray[np.int64], "animal"]:
    """Which of these animals is each of the usual ones, by their names in the views."""
    share = usual / np.maximum(usual.sum(axis=0), 1)
    alike = np.einsum("ucn,acn->ua", share, counts) + bonus
    return np.asarray(linear_sum_assignment(-alike)[1])


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
