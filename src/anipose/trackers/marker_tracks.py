"""Which blob is which marker, from where each marker is expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from anipose.arrays import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

# How a marker bends its path is learnt at the first rate; a hidden one is expected to bend on, less with each
# frame by the second, and to slow down by the third.
BEND_RATE, KEPT_BEND, KEPT_SPEED = 0.2, 0.9, 0.98
# How far off the expected place of a marker is, is learnt at this rate; it is never taken for less than this.
SURPRISE_RATE, LEAST_SURPRISE_PX = 0.1, 0.5
# Degrees of freedom: markers jump more often than a normal distribution would have it.
TAILS = 3.0
# The usual area of a marker follows larger blobs faster than smaller ones, which may be half hidden.
GROWTH, SHRINKAGE = 0.2, 0.02
# A blob so much larger than a marker usually is, where two are expected, is both of them; what is made of it
# is not seen as one disc, and counts as one that is hardly round.
MERGED_AREA = 1.15
SPLIT_ROUNDNESS = 0.16
# The velocity of a marker follows a place in such a blob, which is not exact, at this rate.
SPLIT_RATE = 0.15


@dataclass(frozen=True)
class Blobs:
    """Blobs of one paint in a frame.

    Attributes:
        keypoints: numbers of the keypoints that they may be.
        centres: (blob, 2), pixels.
        areas: (blob,), square pixels.
        roundness: (blob,), 1 for a disc, 0.5 for a half disc.
        axes: (blob, 2), unit vectors in which the blobs are longest.
    """

    keypoints: list[int]
    centres: Float[np.ndarray, "blob 2"]
    areas: Float[np.ndarray, "blob"]
    roundness: Float[np.ndarray, "blob"]
    axes: Float[np.ndarray, "blob 2"]


@dataclass
class Tracks:
    """Where each keypoint was last seen, and what is to be expected next.

    Attributes:
        gate: largest distance from the expected position, pixels, for a keypoint seen in the last frame.
        max_gap: frames after which a lost keypoint is expected anywhere.
        last: (keypoint, 2), where it is or would be; NaN before the first time.
        velocity: (keypoint, 2), pixels per frame.
        bend: (keypoint, 2), by how much the velocity changes in a frame.
        missed: (keypoint,), frames since it was seen.
        area: (keypoint,), usual area; NaN before the first time.
        surprise: (keypoint,), how far it usually is from where it is expected after one frame, pixels.
    """

    gate: float
    max_gap: int
    last: Array
    velocity: Array
    bend: Array
    missed: Array
    area: Array
    surprise: Array

    @classmethod
    def start(cls, n_keypoints: int, gate: float, max_gap: int) -> Self:
        nothing, zero = np.full((n_keypoints, 2), np.nan), np.zeros((n_keypoints, 2))
        unsure = np.full(n_keypoints, gate / 4)
        return cls(gate, max_gap, nothing, zero, zero, zero[:, 0], nothing[:, 0], unsure)

    def step(
        self, found: Sequence[Blobs]
    ) -> tuple[Float[np.ndarray, "keypoint 2"], Float[np.ndarray, "keypoint"], Float[np.ndarray, "keypoint"]]:
        """Points, scores and areas of a frame; NaN where a keypoint is not seen, and areas of split blobs."""
        expected = self.last + self.velocity + self.bend
        expected[self.missed > self.max_gap] = np.nan
        gates = self.gate * (1 + self.missed)
        # A marker that changes its speed by s pixels in a frame is off by s after one frame, 3 s after two.
        spread = np.minimum(self.surprise * (1 + self.missed) * (2 + self.missed) / 2, gates / 2)
        points = np.full_like(self.last, np.nan)
        areas, roundness = np.full((2, len(points)), np.nan)
        halves = np.zeros(len(points), bool)
        for blobs in found:
            members = np.array(blobs.keypoints)
            blobs, is_half = self._split(blobs, members, expected, spread)
            rows, columns = _assign(expected[members], spread[members], gates[members], blobs)
            chosen = members[rows]
            halves[chosen] = is_half[columns]
            points[chosen], areas[chosen], roundness[chosen] = (
                values[columns] for values in (blobs.centres, blobs.areas, blobs.roundness)
            )
        off = np.nan_to_num(np.linalg.norm(points - expected, axis=-1) / gates)
        self._learn(points, expected, areas, halves)
        scores = np.minimum(areas / self.area, 1) * np.sqrt(roundness) * np.exp(-0.5 * off**2)
        return points, np.where(np.isfinite(areas), scores, np.nan), np.where(halves, np.nan, areas)

    def _split(self, blobs: Blobs, members: Indices, expected: Array, spread: Array) -> tuple[Blobs, Mask]:
        """Two blobs in the place of each that is two markers of this paint; and which blobs these are.

        Of two discs of radius r whose centres are d apart, d < 2 r, the area is larger than that of one by
        2 r d for small d, and by 1.57 r d for d = 2 r. The centres are on the long axis of the blob.
        """
        usual = self.area[members]
        distance = np.linalg.norm(expected[members][:, None] - blobs.centres, axis=-1)
        # A hidden marker may come out anywhere about where it is expected, also right beside another one.
        reach = np.sqrt(blobs.areas / np.pi) + (0.5 * np.sqrt(usual / np.pi) + spread[members])[:, None]
        within = distance < reach
        of_one = np.where(within, usual[:, None], np.inf).min(axis=0, initial=np.inf)
        two = (within.sum(axis=0) > 1) & (blobs.areas > MERGED_AREA * of_one)
        radius, more = np.sqrt(of_one[two] / np.pi), np.minimum(blobs.areas[two] / of_one[two] - 1, 1)
        apart = more * np.pi * radius / (2 - 0.43 * more)
        half = 0.5 * apart[:, None] * blobs.axes[two]
        halves = Blobs(
            blobs.keypoints,
            np.concatenate([blobs.centres[~two], blobs.centres[two] - half, blobs.centres[two] + half]),
            np.concatenate([blobs.areas[~two], of_one[two], of_one[two]]),
            np.concatenate([blobs.roundness[~two], *2 * [np.full(two.sum(), SPLIT_ROUNDNESS)]]),
            np.concatenate([blobs.axes[~two], blobs.axes[two], blobs.axes[two]]),
        )
        return halves, np.arange(len(halves.areas)) >= (~two).sum()

    def _learn(
        self, points: Array, expected: Array, areas: Float[np.ndarray, "keypoint"], halves: Mask
    ) -> None:
        seen = np.isfinite(areas)
        step = points - self.last
        follows = seen & (self.missed == 0) & np.isfinite(step[:, 0])
        off = np.linalg.norm(points - expected, axis=-1)
        surprise = self.surprise + SURPRISE_RATE * (off - self.surprise)
        known = follows & ~halves & (np.abs(self.velocity).sum(axis=-1) > 0)
        self.surprise = np.where(known, np.maximum(surprise, LEAST_SURPRISE_PX), self.surprise)
        # Found again, it is expected to go on as before: where it was hidden, its last step is not known.
        bend = self.bend + BEND_RATE * (step - self.velocity - self.bend)
        found_again = seen & ~follows & ~halves
        self.bend = np.where(known[:, None], bend, np.where(found_again[:, None], 0, KEPT_BEND * self.bend))
        kept = np.where(seen[:, None], self.velocity, KEPT_SPEED * self.velocity + self.bend)
        half = self.velocity + self.bend + SPLIT_RATE * (step - self.velocity)
        moving = np.where(halves[:, None], half, step)
        self.velocity = np.where(follows[:, None], moving, kept)
        self.last = np.where(seen[:, None], points, self.last + self.velocity)
        self.missed = np.where(seen, 0, self.missed + 1)
        areas = np.where(halves, np.nan, areas)
        seen = np.isfinite(areas)
        usual = np.where(np.isnan(self.area), areas, self.area)
        rate = np.where(areas > usual, GROWTH, SHRINKAGE)
        self.area = np.where(seen, usual + rate * (areas - usual), self.area)


def _assign(
    expected: Float[np.ndarray, "keypoint 2"],
    spread: Float[np.ndarray, "keypoint"],
    gates: Float[np.ndarray, "keypoint"],
    blobs: Blobs,
) -> tuple[Indices, Indices]:
    """The keypoints (rows) and blobs that belong together, at the least cost in all.

    The cost of a pair is minus the logarithm of how likely the blob is at its distance d from the expected
    position, by a t distribution of the spread s, (n + 2) / 2 log(1 + d² / n s²) + 2 log s: of two keypoints
    that may be a blob it is the one of which more is known, unless that one would have had to jump. It is a
    constant for a keypoint that is expected anywhere, and a little more for blobs that are small. To leave a
    keypoint without a blob costs more than any pair within the gate.
    """
    n_keypoints, n_blobs = len(expected), len(blobs.areas)
    if n_blobs == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    distance = np.linalg.norm(expected[:, None] - blobs.centres, axis=-1)
    anywhere = np.isnan(distance)
    from_left = np.argsort(np.argsort(blobs.centres[:, 0])) / n_blobs
    order = np.abs(np.arange(n_keypoints)[:, None] / n_keypoints - from_left)
    likely = _surprisal(distance, spread[:, None])
    without = 10 + float(_surprisal(gates, spread).max())
    cost = np.where(anywhere, without / 2 + 0.2 * order, likely) + 0.3 * (1 - blobs.areas / blobs.areas.max())
    cost = np.where(distance > gates[:, None], 2 * n_keypoints * without, cost)
    padded = np.concatenate([cost, np.full((n_keypoints, n_keypoints), without)], axis=1)
    rows, columns = linear_sum_assignment(padded)
    real = columns < n_blobs
    return rows[real], columns[real]


def _surprisal(distance: Array, spread: Array) -> Array:
    cost: Array = (TAILS + 2) / 2 * np.log1p((distance / spread) ** 2 / TAILS) + 2 * np.log(spread)
    return cost
