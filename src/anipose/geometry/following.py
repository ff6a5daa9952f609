"""Following several animals from frame to frame, by where they are and by what trackers call them.

A tracker that exchanges two names, or loses an animal for a while, does so in one view. So an animal is
looked for where it was in space, and where it was in the picture of each view: there it can be followed
while no other view has it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.view_matching import (
    FRAMES_AT_ONCE,
    PRIOR_KEYPOINTS,
    UNKNOWN,
    Slots,
    gathered,
    in_space,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# What the names of the trackers count when animals are followed, beside where they are.
NAME_WEIGHT = 0.15
# What it counts that all views have an animal, and not only one: only one has what is no animal.
VIEWS_WEIGHT = 0.15
# Where exchanging two animals would cost no more than this, it is not known which is which.
DOUBTFUL = 0.05
# After so many doubtful frames in a row, animals are no longer expected where they were before.
PATIENCE = 10
# That animals continue from one passage to the next counts like their names in so many frames.
CONTINUING_FRAMES = 10
# Animals that move fast are not told apart by where they are as well as slow ones, but by their size or, if
# that is more, so many steps from frame to frame.
STEPS = 10.0
# An animal that jumped farther than this part of its size was not matched rightly.
JUMP = 0.35


def follow(
    cameras: Cameras, pixels: Float[Array, "camera frame instance keypoint 2"], slots: Slots, n_animals: int
) -> tuple[Slots, Bool[Mask, "frame"]]:
    """Give animals the same number in all frames.

    Args:
        slots: in any order, that may change from frame to frame; more than there are, if some are none.
        n_animals: how many there are.

    Returns:
        slots of the animals in their order, and in which frames it is clear which is which, and none jumped.
    """
    points = in_space(cameras, pixels, slots)
    followed = _follow(points, pixels, slots, n_animals)
    return _with_lasting_names(followed, pixels.shape[2]), followed.certain


@dataclass(frozen=True)
class _Followed:
    """Animals that keep their number from frame to frame, within a passage.

    Attributes:
        slots: with the animals in their order.
        passages: (frame,), number of the passage: within one, animals are followed without doubt.
        certain: (frame,), where it is clear which is which, and no animal jumped.
    """

    slots: Slots
    passages: Int[NDArray[np.int64], "frame"]
    certain: Bool[Mask, "frame"]


def _follow(
    points: Float[Array, "frame group keypoint 3"],
    pixels: Float[Array, "camera frame instance keypoint 2"],
    slots: Slots,
    n_animals: int,
) -> _Followed:
    """Each frame's groups are the animals that were last seen most like them.

    A frame that leaves doubt, as one where views were matched wrongly, is passed over; after many a new
    passage begins.
    """
    unit = _unit(points)
    units_px = np.array([_unit(view) for view in pixels])[:, None, None, None]
    orders = np.empty((len(slots), n_animals), dtype=np.int64)
    passages, certain = np.zeros(len(slots), dtype=np.int64), np.ones(len(slots), dtype=np.bool_)
    last = _LastSeen.never(n_animals, len(pixels), points.shape[2])
    passage, n_doubtful = 0, 0
    for frame, called in enumerate(slots):
        places = _places(points[frame] / unit, pixels[:, frame] / units_px, called)
        cost = last.cost_of_places(places, frame) + NAME_WEIGHT * last.cost_of_names(called)
        cost -= VIEWS_WEIGHT * (called >= 0).mean(axis=0)
        order = linear_sum_assignment(cost)[1]
        called = called[:, order]
        certain[frame] = frame == 0 or _margin(cost[:, order], (called >= 0).any(axis=0)) >= DOUBTFUL
        n_doubtful = 0 if certain[frame] else n_doubtful + 1
        if n_doubtful > PATIENCE:
            passage, n_doubtful = passage + 1, 0
        orders[frame], passages[frame] = order, passage
        if n_doubtful == 0:
            last = last.updated(places[order], called, frame)
    moved = np.take_along_axis(points, orders[:, :, None, None], axis=1)
    steps = np.linalg.norm(np.diff(moved, axis=0, prepend=moved[:1]), axis=-1)
    certain &= ~(_low(steps) > JUMP * unit).any(axis=1)
    return _Followed(np.take_along_axis(slots, orders[:, None], axis=2), passages, certain)


@dataclass(frozen=True)
class _LastSeen:
    """Where animals were when they were last seen there.

    Attributes:
        places: as in `_places`; NaN: never.
        frames: when.
        names: the instance that each view's tracker had for them; -1: none yet.
    """

    places: Float[Array, "animal place 3"]
    frames: Int[NDArray[np.int64], "animal place"]
    names: Int[NDArray[np.int64], "camera animal"]

    @classmethod
    def never(cls, n_animals: int, n_cameras: int, n_keypoints: int) -> Self:
        shape = n_animals, (1 + n_cameras) * n_keypoints
        return cls(
            np.full((*shape, 3), np.nan),
            np.zeros(shape, dtype=np.int64),
            np.full((n_cameras, n_animals), -1),
        )

    def updated(
        self,
        places: Float[Array, "animal place 3"],
        names: Int[NDArray[np.int64], "camera animal"],
        frame: int,
    ) -> Self:
        """With what is seen now, but for what jumped: that is of another animal, or wrong.

        Trackers put together animals of the keypoints of two where these meet; and then views do not fit.
        """
        distance = np.linalg.norm(places - self.places, axis=-1)
        jumped = (distance > 1) & (frame - self.frames <= PATIENCE)
        known = np.isfinite(places[..., 0]) & ~jumped
        n_cameras, n_animals = names.shape
        n_known, n_jumped = (
            which.reshape(n_animals, 1 + n_cameras, -1).sum(axis=2)[:, 1:].T for which in (known, jumped)
        )
        return type(self)(
            np.where(known[..., None], places, self.places),
            np.where(known, frame, self.frames),
            np.where((names >= 0) & (n_known >= n_jumped), names, self.names),
        )

    def cost_of_places(self, now: Float[Array, "group place 3"], frame: int) -> Float[Array, "animal group"]:
        """Weighted mean of the distances, of at most 1; halfway where nothing is known.

        What was seen n frames ago counts 1 / n: the animal has moved since.
        """
        difference = now[None] - self.places[:, None]
        distance = np.sqrt(np.einsum("agkx,agkx->agk", difference, difference))
        age = np.maximum(frame - self.frames, 1)[:, None]
        weight = np.where(np.isfinite(distance), 1 / age, 0.0)
        total = (weight * np.fmin(np.nan_to_num(distance), 1.0)).sum(axis=2)
        cost: Array = (total + UNKNOWN * PRIOR_KEYPOINTS) / (weight.sum(axis=2) + PRIOR_KEYPOINTS)
        return cost

    def cost_of_names(self, now: Int[NDArray[np.int64], "camera group"]) -> Float[Array, "animal group"]:
        """Share of the views in which the tracker has another name for it; halfway where nothing is known."""
        known = (self.names >= 0)[:, :, None] & (now >= 0)[:, None]
        other = (known & (self.names[:, :, None] != now[:, None])).sum(axis=0)
        cost: Array = (other + UNKNOWN * PRIOR_KEYPOINTS) / (known.sum(axis=0) + PRIOR_KEYPOINTS)
        return cost


def _places(
    points: Float[Array, "group keypoint 3"],
    pixels: Float[Array, "camera instance keypoint 2"],
    called: Int[NDArray[np.int64], "camera group"],
) -> Float[Array, "group place 3"]:
    """Where the keypoints of groups are: in space, and in each picture, where the third coordinate is 0."""
    in_views = gathered(pixels[:, None], called[None])[:, 0]
    n_cameras, n_groups, n_keypoints, _ = in_views.shape
    result = np.zeros((n_groups, 1 + n_cameras, n_keypoints, 3))
    result[:, 0] = points
    result[:, 1:, :, :2] = in_views.swapaxes(0, 1)
    return result.reshape(n_groups, (1 + n_cameras) * n_keypoints, 3)


def _unit(points: Float[Array, "frame animal keypoint coordinate"]) -> float:
    """Places in space or in a picture that differ by this are not of one animal."""
    return max(_body_size(points), STEPS * _step(points))


def _low(values: Float[Array, "*batch value"]) -> Float[Array, "*batch"]:
    """What a quarter of the values are below, of those that are not NaN: whatever outliers there are."""
    number = np.maximum(np.isfinite(values).sum(axis=-1, keepdims=True) - 1, 0) // 4
    return np.take_along_axis(np.sort(values, axis=-1), number, axis=-1)[..., 0]


def _margin(cost: Float[Array, "animal animal"], present: Bool[Mask, "animal"]) -> float:
    """What exchanging any two animals, of which one is there, would cost at least."""
    kept = cost.diagonal()
    exchanged = cost + cost.T - kept - kept[:, None]
    exchanged[~(present | present[:, None])] = np.inf
    np.fill_diagonal(exchanged, np.inf)
    return float(exchanged.min())


def _body_size(points: Float[Array, "frame animal keypoint coordinate"]) -> float:
    """Median distance of keypoints from the middle of their animal; of animals of one point, a quarter of
    the distance between two."""
    size = _spread(points)
    if not size > 0:
        size = 0.5 * _spread(points[:, :, :1].swapaxes(1, 2))
    return size if size > 0 else 1.0


def _step(points: Float[Array, "frame animal keypoint coordinate"]) -> float:
    """Median distance of animals from the nearest place of one in the frame before."""
    steps = []
    for part in (slice(start, start + FRAMES_AT_ONCE + 1) for start in range(0, len(points), FRAMES_AT_ONCE)):
        now, before = points[part][1:, :, None], points[part][:-1, None]
        steps.append(np.fmin.reduce(_low(np.linalg.norm(now - before, axis=-1)), axis=2).ravel())
    known = np.concatenate(steps)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else 0.0


def _spread(points: Float[Array, "frame group point coordinate"]) -> float:
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
