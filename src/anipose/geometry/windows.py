"""Long recordings: one objective per window of frames, and one result without seams.

Windows keep the arrays in the processor's cache and memory bounded. Each is solved with some frames
more on both sides, of which only the middle is kept; then the frames around every seam are solved again
between what is on either side of it, so that the cost of the whole falls further and no seam stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.geometry.banded import Field, difference
from anipose.geometry.cameras import Camera
from anipose.geometry.objective import Limbs, Objective, Room, best_lengths, minimise
from anipose.geometry.reprojection import Loss, Observations

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

WINDOW_FRAMES = 2000
OVERLAP_FRAMES = 40
# On each side of a seam; the trace of a boundary dies out within some ten frames.
SEAM_FRAMES = 60


@dataclass(frozen=True)
class Recording:
    """What the cameras saw.

    Attributes:
        cameras: one per row.
        points: pixels, NaN where not seen.
        exists: which points can be known.
    """

    cameras: Sequence[Camera]
    points: Float[Array, "camera frame keypoint 2"]
    exists: Bool[Mask, "keypoint frame"]


@dataclass(frozen=True)
class Model:
    """What makes a trajectory likely; see `Objective`.

    Attributes:
        loss: of the reprojection errors after they are multiplied by their weights.
        weights: per camera and keypoint, 1/px.
        smoothness: per keypoint.
        order: which difference in time is to be small.
        tails: how seldom it is large.
        limbs: of constant length.
        room: that the animal is in.
    """

    loss: Loss
    weights: Float[Array, "camera keypoint"]
    smoothness: Float[Array, "keypoint"]
    order: int
    tails: float
    limbs: Limbs
    room: Room


@dataclass(frozen=True)
class Solution:
    """Points, lengths of the limbs, and the value of the objective."""

    field: Field
    limbs: Limbs
    cost: float


def windows(n_frames: int, size: int = WINDOW_FRAMES) -> list[slice]:
    """Slices of about equal length, at most `size`, that together cover all frames."""
    edges = np.linspace(0, n_frames, max(-(-n_frames // size), 1) + 1).round().astype(int)
    return [slice(int(start), int(stop)) for start, stop in pairwise(edges)]


def widened(frames: slice, by: int, n_frames: int) -> slice:
    """With frames more on both sides, as far as there are any."""
    return slice(max(frames.start - by, 0), min(frames.stop + by, n_frames))


def objective_of(
    recording: Recording, model: Model, frames: slice, held: Bool[Mask, "frame"] | None = None
) -> Objective:
    """The objective of some frames."""
    pixels = np.ascontiguousarray(recording.points[:, frames].transpose(3, 0, 2, 1))
    exists = recording.exists[:, frames]
    seen = np.isfinite(pixels).all(axis=0) & exists
    weight = np.where(seen, model.weights[..., None], 0.0)
    pixels[:, ~seen] = 0.0
    n_cameras = len(recording.cameras)
    observations = Observations(
        recording.cameras, pixels.reshape(2, n_cameras, -1), weight.reshape(n_cameras, -1)
    )
    if held is None:
        held = np.zeros(exists.shape[1], dtype=np.bool_)
    return Objective(
        observations,
        model.loss,
        model.smoothness,
        model.order,
        model.tails,
        model.limbs,
        model.room,
        exists,
        held,
    )


def solve(recording: Recording, model: Model, start: Field, *, ftol: float) -> Solution:
    """The points with the least cost, near `start`.

    Lengths of limbs are those of all windows solved so far, so that they are the same everywhere.
    """
    n_frames = start.shape[2]
    parts = windows(n_frames)
    field = start.copy()
    limbs = model.limbs
    for part in parts:
        frames = widened(part, OVERLAP_FRAMES, n_frames)
        objective = objective_of(recording, replace(model, limbs=limbs), frames)
        # From the start, not from what the last window found: the result is then that of this window.
        at = minimise(objective, start[:, :, frames], ftol=ftol)
        field[:, :, part] = at.points[:, :, part.start - frames.start : part.stop - frames.start]
        limbs = replace(limbs, known=limbs.known + at.length_sums)
    if len(parts) == 1:
        return Solution(field, limbs, at.cost)
    model = replace(model, limbs=limbs)
    for part in parts[1:]:
        _mend_seam(recording, model, field, part.start, ftol)
    return Solution(field, limbs, total_cost(recording, model, field))


def _mend_seam(recording: Recording, model: Model, field: Field, seam: int, ftol: float) -> None:
    """Solve the frames around a seam once more, between the frames on either side."""
    frames = widened(slice(seam, seam), SEAM_FRAMES + model.order, field.shape[2])
    number = np.arange(frames.start, frames.stop)
    held = (number < seam - SEAM_FRAMES) | (number >= seam + SEAM_FRAMES)
    objective = objective_of(recording, model, frames, held)
    at = minimise(objective, field[:, :, frames], ftol=ftol)
    field[:, :, frames] = at.points


def total_cost(recording: Recording, model: Model, field: Field) -> float:
    """The objective of all frames, with the lengths of the limbs as they are known."""
    alone = replace(model, smoothness=np.zeros_like(model.smoothness))
    total = 0.0
    for part in windows(field.shape[2]):
        total += objective_of(recording, alone, part).cost(field[:, :, part])
    for keypoint in range(field.shape[1]):
        only = slice(keypoint, keypoint + 1)
        whole = np.convolve(recording.exists[keypoint], np.ones(model.order + 1), "valid") > model.order
        rows = difference(field[:, only], model.order)[:, 0, : whole.size] * whole
        squares = np.sum(rows**2, axis=0) * model.smoothness[keypoint] ** 2
        gaussian = np.isinf(model.tails)
        total += 0.5 * float(
            squares.sum() if gaussian else (model.tails + 3) * np.log1p(squares / model.tails).sum()
        )
    return total


def fixed_lengths(lengths: Float[Array, "limb"]) -> Float[Array, "3 limb"]:
    """`Limbs.known` with so many measurements of these lengths that they do not change any more.

    A length that is NaN is unknown.
    """
    count = np.where(np.isnan(lengths), 0.0, 1e12)
    known: Array = count * np.nan_to_num(np.stack([np.ones_like(lengths), lengths, lengths**2]))
    return known


def lengths_of(limbs: Limbs) -> Float[Array, "limb"]:
    """The lengths of limbs as they are known; NaN where nothing is."""
    lengths = best_lengths(limbs.known)
    return np.where(lengths > 0, lengths, np.nan)
