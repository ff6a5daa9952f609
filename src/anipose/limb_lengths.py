"""Lengths of limbs from several trials: a short or poor one borrows from the others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.config import Triangulation
from anipose.geometry.cameras import Cameras
from anipose.geometry.objective import best_lengths
from anipose.geometry.trajectory import measure_limbs
from anipose.poses import UNNAMED, MultiviewPoses
from anipose.reconstruction import each_alone, put_right

# Looked at in all trials together, and in each at least and at most so many: more would say the same.
ALL_FRAMES, LEAST_FRAMES, MOST_FRAMES = 20_000, 200, 1000
# One of several animals is the same one in all trials if its size differs by no more than this part: that is
# some five times what noise does to short trials.
SAME_SIZE = 0.03

Array = NDArray[np.float64]


class LimbSums:
    """Measured lengths of the limbs that the config names, of each animal in each trial."""

    def __init__(self, table: Triangulation, *, n_trials: int) -> None:
        self._table = table
        self._n_frames = int(np.clip(ALL_FRAMES // max(n_trials, 1), LEAST_FRAMES, MOST_FRAMES))
        self._limbs = (*table.constraints, *table.constraints_weak)
        self._sums: dict[str, list[Float[Array, "3 limb"]]] = {}

    def add(self, cameras: Cameras, seen: Mapping[str, MultiviewPoses]) -> None:
        """Measure a trial, where most of each animal is seen. Limbs that it does not have are left out."""
        for animal, views in seen.items():
            if any(set(limb) <= set(views.keypoints) for limb in self._limbs):
                self._sums.setdefault(animal, []).append(self._measured(cameras, views))

    def _measured(self, cameras: Cameras, seen: MultiviewPoses) -> Float[Array, "3 limb"]:
        """Number, sum and sum of squares of the lengths."""
        sums = np.zeros((3, len(self._limbs)))
        good = _busiest(seen.above(self._table.score_threshold), self._n_frames)
        good, _ = put_right(cameras, good, self._table)
        start, _ = each_alone(cameras, good, self._table)
        known = [number for number, limb in enumerate(self._limbs) if set(limb) <= set(good.keypoints)]
        if not np.isfinite(start).any():
            return sums
        pairs = np.array(
            [[good.keypoints.index(end) for end in self._limbs[number]] for number in known], dtype=np.int64
        )
        n_strong = sum(number < len(self._table.constraints) for number in known)
        sums[:, known] = measure_limbs(
            cameras,
            good.points,
            start,
            constraints=pairs[:n_strong],
            constraints_weak=pairs[n_strong:],
            n_deriv=self._table.n_deriv_smooth,
        )
        return sums

    @property
    def lengths(self) -> dict[str, dict[tuple[str, str], float]]:
        """Of each animal that is the same one in all trials, as far as its limbs were measured.

        Trackers that do not know animals one from another name them anew in each trial. Where a name is
        that of larger and smaller ones, it has no lengths here: each trial has its own.
        """
        found = {}
        for animal, sums in self._sums.items():
            if animal == UNNAMED or _has_one_size(sums):
                lengths = best_lengths(np.sum(sums, axis=0))
                found[animal] = {
                    limb: float(length)
                    for limb, length in zip(self._limbs, lengths, strict=True)
                    if length > 0
                }
        return found


def _has_one_size(sums: Sequence[Float[Array, "3 limb"]]) -> bool:
    """Whether an animal is as large in all trials: the mean of its limbs, which is known better than each."""
    usual = best_lengths(np.sum(sums, axis=0))
    lengths = [best_lengths(trial) for trial in sums]
    sizes = [float((found[found > 0] / usual[found > 0]).mean()) for found in lengths if found.any()]
    return bool(sizes) and max(sizes) - min(sizes) <= SAME_SIZE


def _busiest(seen: MultiviewPoses, n_frames: int) -> MultiviewPoses:
    """The frames in a row in which most keypoints are seen by two cameras."""
    if seen.n_frames <= n_frames:
        return seen
    counts = (np.isfinite(seen.points).all(axis=-1).sum(axis=0) > 1).sum(axis=1)
    before = np.concatenate([[0], np.cumsum(counts)])
    first = int(np.argmax(before[n_frames:] - before[:-n_frames]))
    frames = slice(first, first + n_frames)
    return replace(seen, points=seen.points[:, frames], scores=seen.scores[:, frames])
