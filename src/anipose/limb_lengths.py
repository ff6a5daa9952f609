"""Lengths of limbs from several trials: a short or poor one borrows from the others."""

from dataclasses import replace

import numpy as np

from anipose.config import Triangulation
from anipose.geometry.cameras import Cameras
from anipose.geometry.objective import best_lengths
from anipose.geometry.trajectory import measure_limbs
from anipose.poses import MultiviewPoses
from anipose.reconstruction import each_alone, put_right

# Looked at in all trials together, and in each at least and at most so many: more would say the same.
ALL_FRAMES, LEAST_FRAMES, MOST_FRAMES = 20_000, 200, 1000


class LimbSums:
    """Measured lengths of the limbs that the config names, summed over trials."""

    def __init__(self, table: Triangulation, *, n_trials: int) -> None:
        self._table = table
        self._n_frames = int(np.clip(ALL_FRAMES // max(n_trials, 1), LEAST_FRAMES, MOST_FRAMES))
        self._limbs = (*table.constraints, *table.constraints_weak)
        self._sums = np.zeros((3, len(self._limbs)))

    def add(self, cameras: Cameras, seen: MultiviewPoses) -> None:
        """Measure a trial, where most of the animal is seen. Limbs that it does not have are left out."""
        good = _busiest(seen.above(self._table.score_threshold), self._n_frames)
        good, _ = put_right(cameras, good, self._table)
        start, _ = each_alone(cameras, good, self._table)
        known = [number for number, limb in enumerate(self._limbs) if set(limb) <= set(good.keypoints)]
        if not known or not np.isfinite(start).any():
            return
        pairs = np.array(
            [[good.keypoints.index(end) for end in self._limbs[number]] for number in known], dtype=np.int64
        )
        n_strong = sum(number < len(self._table.constraints) for number in known)
        self._sums[:, known] += measure_limbs(
            cameras,
            good.points,
            start,
            constraints=pairs[:n_strong],
            constraints_weak=pairs[n_strong:],
            n_deriv=self._table.n_deriv_smooth,
        )

    @property
    def lengths(self) -> dict[tuple[str, str], float]:
        """Of the limbs that were measured at all."""
        lengths = best_lengths(self._sums)
        return {limb: float(length) for limb, length in zip(self._limbs, lengths, strict=True) if length > 0}


def _busiest(seen: MultiviewPoses, n_frames: int) -> MultiviewPoses:
    """The frames in a row in which most keypoints are seen by two cameras."""
    if seen.n_frames <= n_frames:
        return seen
    counts = (np.isfinite(seen.points).all(axis=-1).sum(axis=0) > 1).sum(axis=1)
    before = np.concatenate([[0], np.cumsum(counts)])
    first = int(np.argmax(before[n_frames:] - before[:-n_frames]))
    frames = slice(first, first + n_frames)
    return replace(seen, points=seen.points[:, frames], scores=seen.scores[:, frames])
