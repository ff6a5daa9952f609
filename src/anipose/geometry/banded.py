"""Time series with a stiffness in time: differences, banded factorisation, conjugate gradients.

A field holds one 3-vector per keypoint and frame, laid out (3, keypoint, frame). Its banded matrix has a
3x3 block for every point and couples a keypoint with itself in neighbouring frames only. In LAPACK's
order the unknowns are (keypoint, frame, coordinate), so the half bandwidth is 3 n for n-th differences,
and one factorisation serves all keypoints.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
from jaxtyping import Float
from scipy.linalg.lapack import dpbtrf, dpbtrs

from anipose.arrays import NDArray

Array = NDArray[np.float64]
Field = Float[Array, "3 keypoint frame"]

# Index of each entry of a 3x3 matrix among the six numbers xx xy xz yy yz zz.
SIX = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


def difference_coefficients(order: int) -> Float[Array, "{order}+1"]:
    """Of the n-th forward difference: (-1)^(n-k) (n over k), k = 0..n."""
    return np.array([(-1.0) ** (order - k) * comb(order, k) for k in range(order + 1)])


def difference(values: Float[Array, "*batch frame"], order: int) -> Float[Array, "*batch row"]:
    """n-th forward difference in time: frame - n rows, none where there are too few frames."""
    return np.diff(values, n=order, axis=-1)


def difference_adjoint(
    rows: Float[Array, "*batch row"], order: int, n_frames: int
) -> Float[Array, "*batch frame"]:
    """The transpose of `difference`: sum(rows * difference(x)) = sum(difference_adjoint(rows) * x)."""
    values = np.zeros((*rows.shape[:-1], n_frames))
    n_rows = rows.shape[-1]
    for k, coefficient in enumerate(difference_coefficients(order)):
        target = values[..., k : k + n_rows]
        if abs(coefficient) == 1:
            (np.add if coefficient > 0 else np.subtract)(target, rows, out=target)
        else:
            target += coefficient * rows
    return values


def stiffness_bands(row_weights: Float[Array, "keypoint row"], order: int, n_frames: int) -> Array:
    """Bands of D^T diag(w) D, (keypoint, n + 1, frame): entry (m, f) couples frames f and f + m."""
    bands = np.zeros((len(row_weights), order + 1, n_frames))
    n_rows = row_weights.shape[-1]
    coefficients = difference_coefficients(order)
    for first in range(order + 1):
        for second in range(first, order + 1):
            product = coefficients[first] * coefficients[second]
            bands[:, second - first, first : first + n_rows] += product * row_weights
    return bands


@dataclass(frozen=True)
class BandedCholesky:
    """Factor of a field's banded matrix.

    Attributes:
        factor: (unknown, half bandwidth + 1), a column of the lower factor per row.
        shape: (keypoint, frame).
    """

    factor: Float[Array, "unknown width"]
    shape: tuple[int, int]

    def solve(self, field: Field) -> Field:
        right = field.reshape(3, -1).T.reshape(-1)
        solution, _ = dpbtrs(self.factor.T, right, lower=1, overwrite_b=1)
        return np.ascontiguousarray(solution.reshape(-1, 3).T).reshape(field.shape)


def banded_template(bands: Float[Array, "keypoint lag frame"]) -> Float[Array, "unknown width"]:
    """The part of the banded matrix that is stiffness in time, the same for x, y and z."""
    n_keypoints, n_lags, n_frames = bands.shape
    width = max(3 * (n_lags - 1), 2) + 1
    template = np.zeros((n_keypoints, n_frames, 3, width))
    for lag in range(n_lags):
        template[..., 3 * lag] = bands[:, lag, :, None]
    return template.reshape(-1, width)


def factorise(
    template: Float[Array, "unknown width"], blocks: Float[Array, "6 keypoint frame"]
) -> BandedCholesky:
    """Cholesky factor of the template with a 3x3 block added to every point."""
    matrix = template.copy()
    points = matrix.reshape(-1, 3, template.shape[1])
    flat = blocks.reshape(6, -1)
    for row in range(3):
        for column in range(row + 1):
            points[:, column, row - column] += flat[SIX[row, column]]
    factor, failed = dpbtrf(matrix.T, lower=1, overwrite_ab=1)
    if failed:
        raise np.linalg.LinAlgError("the banded matrix is not positive definite")
    return BandedCholesky(factor.T, (blocks.shape[1], blocks.shape[2]))


def block_product(blocks: Float[Array, "6 keypoint frame"], field: Field) -> Field:
    """The 3x3 block of every point times its vector."""
    product = np.empty_like(field)
    for row in range(3):
        np.multiply(blocks[SIX[row, 0]], field[0], out=product[row])
        product[row] += blocks[SIX[row, 1]] * field[1]
        product[row] += blocks[SIX[row, 2]] * field[2]
    return product


def conjugate_gradients(
    apply: Callable[[Field], Field],
    precondition: Callable[[Field], Field],
    right: Field,
    *,
    tolerance: float,
    max_iterations: int = 60,
) -> tuple[Field, int]:
    """Solve apply(x) = right until the preconditioned residual is `tolerance` of what it was at x = 0."""
    x = np.zeros_like(right)
    residual = right.copy()
    z = precondition(residual)
    direction = z
    rho = float(np.vdot(residual, z))
    goal = tolerance**2 * rho
    for iteration in range(max_iterations):
        if not rho > goal:
            return x, iteration
        applied = apply(direction)
        step = rho / float(np.vdot(direction, applied))
        x += step * direction
        residual -= step * applied
        z = precondition(residual)
        previous, rho = rho, float(np.vdot(residual, z))
        direction = z + (rho / previous) * direction
    return x, max_iterations
