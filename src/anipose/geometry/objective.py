"""The cost of a trajectory: reprojection, smoothness in time, limbs of constant length.

The cost is half the sum of squares of
- the reprojection errors, through a loss (`reprojection`);
- s_j (D^n p)[f] for every keypoint j and coordinate, D^n the n-th difference in time; or, with `tails`,
  what makes it Student's t of so many degrees of freedom, which lets an animal startle now and then;
- w_k (l - L_k)/L_k for every limb k and frame, l its length there;
- the distance of every keypoint from the middle of its room in standard deviations, see `Room`.
The lengths L_k are no unknowns: for given points the best is L = sum(l^2)/sum(l) (variable projection).
The deviation can also be measured in shares of a length given beforehand; the best L is then mean(l). A
bounded loss needs that: otherwise limbs could grow without end, which makes their deviations small.
It is minimised by damped Gauss-Newton; the linear systems are solved by conjugate gradients with a
preconditioner that leaves out only the coupling between keypoints, see `banded`.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array

from anipose.arrays import NDArray
from anipose.geometry import reprojection
from anipose.geometry.banded import (
    BandedCholesky,
    Field,
    banded_template,
    block_product,
    conjugate_gradients,
    difference,
    difference_adjoint,
    factorise,
    stiffness_bands,
)
from anipose.geometry.reprojection import COLUMNS, ROWS, Loss, Observations

Array = NDArray[np.float64]

# Added to the diagonal, relative to the typical curvature of the data: keeps what nothing determines
# where it is, and is far too small to be seen elsewhere.
DAMPING = 1e-6
# Added to the diagonal of points that must not move, relative to the largest curvature.
HOLD = 1e8
# Residual of a step's linear system, relative; with less, the cost falls by a millionth more in all.
STEP_TOLERANCE = 0.1
# Only so that it ends in any case.
MAX_STEPS = 50
# Two keypoints of a limb nearer than this share of its length have no direction.
SHORTEST = 1e-6


@dataclass(frozen=True)
class Limbs:
    """Pairs of keypoints at a constant distance.

    Attributes:
        pairs: (limb, 2), keypoints.
        weights: (limb,), of the relative deviation of the length.
        known: (3, limb), number, sum and sum of squares of lengths measured elsewhere, in other frames.
        scales: lengths that deviations are shares of; None for the best lengths themselves.
    """

    pairs: Int[NDArray[np.int64], "limb 2"]
    weights: Float[Array, "limb"]
    known: Float[Array, "3 limb"]
    scales: Float[Array, "limb"] | None = None


@dataclass(frozen=True)
class Room:
    """Where the keypoints are, whatever the cameras say: Gaussians.

    Attributes:
        middle: of each keypoint.
        precision: inverse of its covariance, xx xy xz yy yz zz; 0 for anywhere.
    """

    middle: Float[Array, "3 keypoint"]
    precision: Float[Array, "6 keypoint"]

    @classmethod
    def anywhere(cls, n_keypoints: int) -> Self:
        return cls(np.zeros((3, n_keypoints)), np.zeros((6, n_keypoints)))

    @classmethod
    def around(cls, middle: Float[Array, "3"], radius: float, n_keypoints: int) -> Self:
        """The same for all keypoints: so that nothing flies away."""
        precision = np.array([1.0, 0, 0, 1, 0, 1]) / radius**2
        return cls(*(np.repeat(values[:, None], n_keypoints, axis=1) for values in (middle, precision)))


@dataclass(frozen=True)
class Point:
    """The objective at one set of points: its value, and what a step from there needs."""

    points: Field
    cost: float
    gradient: Field
    blocks: Float[Array, "6 keypoint frame"]
    row_weights: Float[Array, "keypoint row"]
    directions: Float[Array, "3 limb frame"]
    length_sums: Float[Array, "3 limb"]


@dataclass(frozen=True)
class Objective:
    """The cost of the points of some frames.

    Attributes:
        observations: of the points in the order (keypoint, frame).
        loss: of the reprojection errors.
        smoothness: (keypoint,), s_j, per unit of length.
        order: n, which difference in time is to be small.
        tails: degrees of freedom of the differences in time, inf for a Gaussian.
        limbs: with constant lengths.
        room: that the points are in.
        exists: (keypoint, frame), which points take part at all.
        held: (frame,), frames whose points are given and stay.
    """

    observations: Observations
    loss: Loss
    smoothness: Float[Array, "keypoint"]
    order: int
    tails: float
    limbs: Limbs
    room: Room
    exists: Bool[NDArray[np.bool_], "keypoint frame"]
    held: Bool[NDArray[np.bool_], "frame"]

    @cached_property
    def stiffness(self) -> Float[Array, "keypoint row"]:
        """s_j^2 where all frames of a difference exist, else 0."""
        n_rows = max(self.exists.shape[1] - self.order, 0)
        whole = np.ones((self.exists.shape[0], n_rows), dtype=np.bool_)
        for shift in range(self.order + 1):
            whole &= self.exists[:, shift : shift + n_rows]
        return np.where(whole, self.smoothness[:, None] ** 2, 0.0)

    @cached_property
    def _gaussian_template(self) -> Float[Array, "unknown width"]:
        return self._template(self.stiffness)

    def _template(self, row_weights: Float[Array, "keypoint row"]) -> Float[Array, "unknown width"]:
        return banded_template(stiffness_bands(row_weights, self.order, self.exists.shape[1]))

    @cached_property
    def free(self) -> Bool[NDArray[np.bool_], "keypoint frame"]:
        return self.exists & ~self.held

    @cached_property
    def limb_exists(self) -> Float[Array, "limb frame"]:
        """1 where both ends of a limb exist, else 0."""
        first, second = self.limbs.pairs.T
        both: Array = np.where(self.exists[first] & self.exists[second], 1.0, 0.0)
        return both

    @cached_property
    def incidence(self) -> csr_array:
        """(keypoint, limb): 1 for the first end, -1 for the second."""
        n_limbs = len(self.limbs.pairs)
        signs = np.tile([1.0, -1.0], n_limbs)
        limbs = np.repeat(np.arange(n_limbs), 2)
        shape = (self.exists.shape[0], n_limbs)
        return csr_array((signs, (self.limbs.pairs.ravel(), limbs)), shape=shape)

    def cost(self, points: Field) -> float:
        data = reprojection.cost(self.observations, self.loss, points.reshape(3, -1))
        return data + self._smoothness(points)[0] + self._limbs(points)[0] + self._room(points)[0]

    def evaluate(self, points: Field) -> Point:
        """Cost and derivatives; the gradient is 0 for points that do not move."""
        data, gradient, blocks = reprojection.cost_and_derivatives(
            self.observations, self.loss, points.reshape(3, -1)
        )
        gradient = gradient.reshape(points.shape)
        smooth, rows, row_weights = self._smoothness(points)
        rows *= row_weights
        gradient += difference_adjoint(rows, self.order, points.shape[2])
        limb_cost, directions, forces, sums = self._limbs(points)
        self._add_to_ends(gradient, directions * forces)
        blocks = blocks.reshape(6, *points.shape[1:])
        room_cost, inwards = self._room(points)
        gradient += inwards
        blocks += self.room.precision[..., None]
        gradient *= self.free
        return Point(
            points, data + smooth + limb_cost + room_cost, gradient, blocks, row_weights, directions, sums
        )

    def factorise(self, at: Point, damping: float) -> BandedCholesky:
        """Factor of the curvature without the coupling between keypoints."""
        blocks = at.blocks.copy()
        if len(self.limbs.pairs):
            unsigned = abs(self.incidence)
            for entry, (row, column) in enumerate(zip(ROWS, COLUMNS, strict=True)):
                blocks[entry] += unsigned @ (at.directions[row] * at.directions[column])
        blocks[[0, 3, 5]] += damping + self._hold(at)
        gaussian = np.isinf(self.tails)
        return factorise(self._gaussian_template if gaussian else self._template(at.row_weights), blocks)

    def curvature(self, at: Point, field: Field, damping: float) -> Field:
        """The Gauss-Newton matrix times a field that is 0 for points that do not move."""
        product = block_product(at.blocks, field)
        product += damping * field
        rows = difference(field, self.order)
        rows *= at.row_weights
        product += difference_adjoint(rows, self.order, field.shape[2])
        if len(self.limbs.pairs):
            first, second = self.limbs.pairs.T
            stretch = np.sum(at.directions * (field[:, first] - field[:, second]), axis=0)
            stretch -= self._limb_mean(stretch)[:, None] * self.limb_exists
            self._add_to_ends(product, at.directions * stretch)
        product *= self.free
        return product

    def _hold(self, at: Point) -> Float[Array, "keypoint frame"]:
        top = max(float(at.blocks[[0, 3, 5]].max(initial=0.0)), float(self.stiffness.max(initial=0.0)), 1e-12)
        return np.where(self.free, 0.0, HOLD * top)

    def _smoothness(self, points: Field) -> tuple[float, Array, Array]:
        """Cost, the differences in time, and their weights (the derivative is the product of the two)."""
        rows = difference(points, self.order)
        if np.isinf(self.tails):
            return 0.5 * float(np.einsum("ckf,ckf,kf->", rows, rows, self.stiffness)), rows, self.stiffness
        excess = 1 + np.einsum("ckf,ckf->kf", rows, rows) * (self.stiffness / self.tails)
        cost = 0.5 * (self.tails + 3) * float(np.log(excess).sum())
        return cost, rows, self.stiffness * (1 + 3 / self.tails) / excess

    def _limbs(self, points: Field) -> tuple[float, Float[Array, "3 limb frame"], Array, Array]:
        """Cost, w_k/L_k times the direction of each limb, residuals, and `length_sums`."""
        first, second = self.limbs.pairs.T
        vectors = points[:, first] - points[:, second]
        lengths_now = np.sqrt(np.sum(vectors * vectors, axis=0))
        lengths_now *= self.limb_exists
        sums = length_sums(lengths_now)
        known = self.limbs.known + sums
        lengths = best_lengths(known) if self.limbs.scales is None else mean_lengths(known)
        scales = lengths if self.limbs.scales is None else self.limbs.scales
        stiffness = np.divide(self.limbs.weights, scales, out=np.zeros(len(scales)), where=scales > 0)
        weights = stiffness[:, None] * self.limb_exists
        residuals = weights * (lengths_now - lengths[:, None])
        vectors *= weights / np.maximum(lengths_now, SHORTEST * np.where(scales > 0, scales, 1.0)[:, None])
        return 0.5 * float(np.vdot(residuals, residuals)), vectors, residuals, sums

    def _room(self, points: Field) -> tuple[float, Field | float]:
        """Cost and gradient."""
        if not self.room.precision.any():
            return 0.0, 0.0
        away = (points - self.room.middle[..., None]) * self.exists
        inwards = block_product(np.broadcast_to(self.room.precision[..., None], (6, *away.shape[1:])), away)
        return 0.5 * float(np.vdot(away, inwards)), inwards

    def _limb_mean(self, values: Float[Array, "limb frame"]) -> Float[Array, "limb"]:
        mean: Array = values.sum(axis=1) / np.maximum(self.limb_exists.sum(axis=1) + self.limbs.known[0], 1)
        return mean

    def _add_to_ends(self, field: Field, pulls: Float[Array, "3 limb frame"]) -> None:
        if len(self.limbs.pairs):
            for axis in range(3):
                field[axis] += self.incidence @ pulls[axis]


def length_sums(lengths: Float[Array, "limb frame"]) -> Float[Array, "3 limb"]:
    """Number, sum and sum of squares of the lengths; 0 is no length."""
    return np.stack([(lengths > 0).sum(axis=1), lengths.sum(axis=1), np.einsum("kf,kf->k", lengths, lengths)])


def best_lengths(sums: Float[Array, "3 limb"]) -> Float[Array, "limb"]:
    """The L that minimises sum((l/L - 1)^2) over all lengths l; 0 where there are none."""
    lengths: Array = np.divide(sums[2], sums[1], out=np.zeros(sums.shape[1]), where=sums[1] > 0)
    return lengths


def mean_lengths(sums: Float[Array, "3 limb"]) -> Float[Array, "limb"]:
    """The L that minimises sum((l - L)^2) over all lengths l; 0 where there are none."""
    lengths: Array = np.divide(sums[1], sums[0], out=np.zeros(sums.shape[1]), where=sums[0] > 0)
    return lengths


def minimise(objective: Objective, start: Field, *, ftol: float) -> Point:
    """Damped Gauss-Newton with a line search, until the cost falls by less than a share `ftol`."""
    at = objective.evaluate(start)
    curvatures = at.blocks[0][objective.free & (at.blocks[0] > 0)]
    damping = DAMPING * float(np.median(curvatures)) if len(curvatures) else DAMPING
    for _ in range(MAX_STEPS):
        factor = objective.factorise(at, damping)
        step, _ = conjugate_gradients(
            partial(objective.curvature, at, damping=damping),
            factor.solve,
            -at.gradient,
            tolerance=STEP_TOLERANCE,
        )
        after = _line_search(objective, at, step)
        if after is None:
            return at
        decrease = (at.cost - after.cost) / max(at.cost, np.finfo(float).tiny)
        at = after
        if decrease < ftol:
            return at
    return at


def _line_search(objective: Objective, at: Point, step: Field) -> Point | None:
    """The first of full, half, ... step that lowers the cost as the slope promises; None if none does."""
    slope = float(np.vdot(at.gradient, step))
    if not slope < 0:
        return None
    share = 1.0
    while share > 1e-3:
        after = objective.evaluate(at.points + share * step)
        if after.cost <= at.cost + 1e-4 * share * slope:
            return after
        share /= 2
    return None
