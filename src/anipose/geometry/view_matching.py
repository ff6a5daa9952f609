"""Which instances in several views are the same animal, frame by frame.

An instance is what a tracker of one view takes for one animal. Two instances of two views are compared by
how far each keypoint of one is from the epipolar line of the other; an animal is a set of instances, at
most one per view, that all fit each other.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import uniform_filter1d
from scipy.optimize import linear_sum_assignment

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.transforms import cross_matrix
from anipose.geometry.triangulation import triangulate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Slots = Int[NDArray[np.int64], "frame camera animal"]

# Of two instances that cannot be compared, nothing is known: halfway between the best and the worst cost.
# That is also the cost of taking an instance for an animal that no other view has.
UNKNOWN = 0.5
# How many keypoints that knowledge counts for.
PRIOR_KEYPOINTS = 0.5
# An instance that fits no better than this to any animal is none.
MISFIT = 0.75
# What views say in the frames around counts half as much as the frame itself: where the animals of a frame
# could be taken for each other, trackers' identities decide, unless they change just there.
AROUND_FRAMES, AROUND_WEIGHT = 15, 0.5
SWEEPS = 2
# So many frames tell how far points usually are from where they should be.
FRAMES_TO_MEASURE = 300
FRAMES_AT_ONCE = 2000


@dataclass(frozen=True)
class Evidence:
    """What the keypoints of two views say about the instances in them: a weighted mean, as its two sums.

    Attributes:
        cost: sum over the keypoints of weight times min(distance / threshold, 1)^2.
        weight: sum over the keypoints that both have; 0: not comparable.
    """

    cost: Float[Array, "frame first second"]
    weight: Float[Array, "frame first second"]

    @property
    def turned(self) -> Self:
        """The same of the second view and the first."""
        return type(self)(self.cost.swapaxes(1, 2), self.weight.swapaxes(1, 2))

    def with_frames_around(self) -> Self:
        """Weighed together with the frames before and after."""
        size = 2 * AROUND_FRAMES + 1
        cost, weight = (
            values + AROUND_WEIGHT * uniform_filter1d(values, size, axis=0, mode="constant")
            for values in (self.cost, self.weight)
        )
        return type(self)(cost, weight)


def match_views(
    cameras: Cameras,
    rays: Float[Array, "camera frame instance keypoint 2"],
    weights: Float[Array, "camera frame instance keypoint"],
    n_animals: int,
    *,
    threshold_px: float,
) -> Slots:
    """The instance of each animal in each view of every frame; -1: none.

    Views join one after the other, the one with the most instances first, each instance with the animals
    that it fits best, all of a view at once (linear assignment); then each view is assigned anew to what the
    others say. The order of the animals has no meaning, and changes from frame to frame.

    Args:
        rays: normalised coordinates; NaN where there is no point.
        weights: of each point, such as its score; 0 where there is no point.
        n_animals: the most that there are in a frame.
        threshold_px: from which distance on a point is a wrong one.
    """
    n_frames = rays.shape[1]
    result = np.empty((n_frames, len(cameras), n_animals), dtype=np.int64)
    order = np.argsort(-(weights > 0).any(axis=-1).sum(axis=(1, 2)), kind="stable")
    for start in range(0, n_frames, FRAMES_AT_ONCE):
        inner = slice(start, min(start + FRAMES_AT_ONCE, n_frames))
        outer = slice(max(start - AROUND_FRAMES, 0), inner.stop + AROUND_FRAMES)
        pairs: dict[tuple[int, int], Evidence] = {}
        for one, two in combinations(range(len(cameras)), 2):
            both = [one, two]
            found = _compare(cameras, both, rays[both, outer], weights[both, outer], threshold_px)
            pairs[one, two] = found.with_frames_around()
            pairs[two, one] = pairs[one, two].turned
        present = np.asarray((weights[:, outer] > 0).any(axis=-1))
        chunk = _match_chunk(pairs, present, order.tolist(), n_animals)
        result[inner] = chunk[inner.start - outer.start :][: inner.stop - inner.start]
    return result


def _match_chunk(
    pairs: dict[tuple[int, int], Evidence],
    present: Bool[Mask, "camera frame instance"],
    order: list[int],
    n_animals: int,
) -> Slots:
    n_cameras, n_frames, _ = present.shape
    slots = np.full((n_frames, n_cameras, n_animals), -1)
    for _ in range(1 + SWEEPS):
        for camera in order:
            slots[:, camera] = -1
            fit = _fit_to_animals(pairs, camera, slots)
            slots[:, camera] = assigned(np.where(fit > MISFIT, 1.0, fit), present[camera], highest=MISFIT)
    return slots


def _fit_to_animals(
    pairs: dict[tuple[int, int], Evidence], camera: int, slots: Slots
) -> Float[Array, "frame instance animal"]:
    """How badly each instance of a view fits to the animals, as the other views have them."""
    cost, weight = np.array(UNKNOWN * PRIOR_KEYPOINTS), np.array(PRIOR_KEYPOINTS)
    for other in range(slots.shape[1]):
        if other == camera:
            continue
        column = slots[:, None, other]
        known, place = column >= 0, np.maximum(column, 0)
        evidence = pairs[camera, other]
        cost = cost + np.where(known, np.take_along_axis(evidence.cost, place, axis=2), 0.0)
        weight = weight + np.where(known, np.take_along_axis(evidence.weight, place, axis=2), 0.0)
    fit: Array = cost / weight
    return fit


def usual_distance_px(
    cameras: Cameras,
    rays: Float[Array, "camera frame instance keypoint 2"],
    weights: Float[Array, "camera frame instance keypoint"],
) -> float:
    """How far keypoints usually are from the epipolar lines of the same animal in other views; 0 if unknown.

    That of an instance to the nearest one in another view is the median over its keypoints.
    """
    some = slice(None, None, max(rays.shape[1] // FRAMES_TO_MEASURE, 1))
    found = []
    for one, two in combinations(range(len(cameras)), 2):
        both = [one, two]
        squares = _squared_distances(cameras, both, rays[both, some])
        comparable = (weights[one, some] > 0)[:, :, None] & (weights[two, some] > 0)[:, None]
        squares = np.sort(np.where(comparable, squares, np.nan), axis=-1)
        middle = np.maximum(np.isfinite(squares).sum(axis=-1, keepdims=True) - 1, 0) // 2
        medians = np.take_along_axis(squares, middle, axis=-1)[..., 0]
        found.append(np.fmin.reduce(medians, axis=2).ravel())
    known = np.concatenate(found)
    known = known[np.isfinite(known)]
    return float(np.sqrt(np.median(known))) if len(known) else 0.0


def _compare(
    cameras: Cameras,
    both: list[int],
    rays: Float[Array, "2 frame instance keypoint 2"],
    weights: Float[Array, "2 frame instance keypoint"],
    threshold_px: float,
) -> Evidence:
    """Compare all instances of two views."""
    squares = np.fmin(_squared_distances(cameras, both, rays) / threshold_px**2, 1.0)
    roots = np.sqrt(weights)
    cost = np.einsum("fik,fjk,fijk->fij", roots[0], roots[1], squares)
    return Evidence(cost, roots[0] @ roots[1].swapaxes(1, 2))


def _squared_distances(
    cameras: Cameras, both: list[int], rays: Float[Array, "2 frame instance keypoint 2"]
) -> Float[Array, "frame first second keypoint"]:
    """First-order (Sampson) distances of the keypoints in two views from the epipolar lines, pixels squared.

    References:
        Hartley & Zisserman, Multiple View Geometry, 2nd ed., section 11.4.3.
    """
    first, second = (cameras.cameras[row] for row in both)
    turn = second.rotation_matrix @ first.rotation_matrix.T
    essential = cross_matrix(second.translation - turn @ first.translation) @ turn
    focal_one, focal_two = (np.sqrt(camera.matrix[0, 0] * camera.matrix[1, 1]) for camera in (first, second))
    x, y = np.moveaxis(np.nan_to_num(rays), -1, 0)
    in_two = [row[0] * x[0] + row[1] * y[0] + row[2] for row in essential]
    in_one = [column[0] * x[1] + column[1] * y[1] + column[2] for column in essential.T]
    product = in_two[0][:, :, None] * x[1][:, None] + in_two[1][:, :, None] * y[1][:, None]
    product += in_two[2][:, :, None]
    variance = ((in_two[0] ** 2 + in_two[1] ** 2) / focal_two**2)[:, :, None] + (
        (in_one[0] ** 2 + in_one[1] ** 2) / focal_one**2
    )[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares: Array = product**2 / variance
    return squares


def assigned(
    cost: Float[Array, "frame row column"], present: Bool[Mask, "frame row"], *, highest: float = np.inf
) -> Int[NDArray[np.int64], "frame column"]:
    """The row of each column in the assignment with the least sum of costs, frame by frame; -1: none.

    Args:
        present: rows to be assigned.
        highest: what costs more than this is not assigned.
    """
    n_frames, _, n_columns = cost.shape
    columns = cost.argmin(axis=2)
    # Where the best columns of all rows differ, they are the solution.
    taken = (present[:, :, None] & (columns[:, :, None] == np.arange(n_columns))).sum(axis=1)
    rows = np.full((n_frames, n_columns), -1)
    frames, chosen = np.nonzero(present & (taken <= 1).all(axis=1)[:, None])
    rows[frames, columns[frames, chosen]] = chosen
    for frame in np.flatnonzero((taken > 1).any(axis=1)).tolist():
        some = np.flatnonzero(present[frame])
        which, where = linear_sum_assignment(cost[frame, some])
        rows[frame, where] = some[which]
    found = np.take_along_axis(cost, np.maximum(rows, 0)[:, None], axis=1)[:, 0]
    return np.where(found <= highest, rows, -1)


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
