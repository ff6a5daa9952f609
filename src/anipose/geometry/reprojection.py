"""How far points project from where the cameras saw them: cost, gradient and curvature.

Every observation touches one point only, so all that an optimiser needs of it is summed per point: a
gradient (3 numbers) and a symmetric 3x3 block of the Gauss-Newton matrix (6 numbers, xx xy xz yy yz zz).
The sums are made in the axes of each camera, where the Jacobian is sparse, and turned into the world's.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Camera, chunks

Array = NDArray[np.float64]

# Rows and columns of the six numbers of a symmetric 3x3 matrix.
ROWS = np.array([0, 0, 0, 1, 1, 2])
COLUMNS = np.array([0, 1, 2, 1, 2, 2])

# A point that a camera cannot picture (behind it, or beyond the lens) is charged as if it were this many
# pixels off in each coordinate, so that nothing is gained by leaving the picture.
OUT_OF_SIGHT_PX = 1e4


class Loss(ABC):
    """What a weighted error of an observation costs."""

    @abstractmethod
    def cost(self, u: Array, v: Array) -> float:
        """Sum of the costs of the errors (u, v)."""

    @abstractmethod
    def influence(self, u: Array, v: Array) -> tuple[float, Array, Array, Array, Array]:
        """Cost; its derivatives by u and by v; the Gauss-Newton curvatures along u and along v."""


@dataclass(frozen=True)
class CoordinateLoss(Loss):
    """Cost r(|e|)^2 / 2 of each coordinate e of an error, as the peer has it.

    With threshold t and q = sqrt(1 + |e|/t): `soft_l1` is r = 2 t (q - 1), which grows like |e| and then
    like its root; `huber` is r = |e| up to t and t (2 sqrt(|e|/t) - 1) beyond; `linear` is r = |e|.
    """

    kind: Literal["soft_l1", "huber", "linear"]
    threshold: float

    def cost(self, u: Array, v: Array) -> float:
        return sum(0.5 * float(np.dot(r, r)) for r in (self._residual(e)[0] for e in (u, v)))

    def influence(self, u: Array, v: Array) -> tuple[float, Array, Array, Array, Array]:
        (r_u, slope_u), (r_v, slope_v) = self._residual(u), self._residual(v)
        cost = 0.5 * float(np.dot(r_u, r_u) + np.dot(r_v, r_v))
        by_u, by_v = np.copysign(r_u * slope_u, u), np.copysign(r_v * slope_v, v)
        return cost, by_u, by_v, slope_u * slope_u, slope_v * slope_v

    def _residual(self, e: Array) -> tuple[Array, Array]:
        """r and dr/d|e|."""
        size = np.abs(e)
        if self.kind == "linear":
            return size, np.ones_like(size)
        if self.kind == "huber":
            root = np.sqrt(np.maximum(size / self.threshold, 1.0))
            return np.where(root > 1, self.threshold * (2 * root - 1), size), 1 / root
        size *= 1 / self.threshold
        size += 1
        root = np.sqrt(size)
        slope = 1 / root
        root -= 1
        root *= 2 * self.threshold
        return root, slope


@dataclass(frozen=True)
class GemanMcClure(Loss):
    """Bounded cost of the length e of an error in standard deviations: c^2/2 q/(1 + q), q = (e/c)^2.

    The curvature is that of iteratively reweighted least squares, w = 1/(1 + q)^2, never negative.
    """

    width: float

    def cost(self, u: Array, v: Array) -> float:
        return float(np.sum(0.5 * self.width**2 * (1 - self._closeness(u, v))))

    def weight(self, u: Array, v: Array) -> Array:
        """Weight of an error in iteratively reweighted least squares: 1 at 0, 0 far out."""
        closeness = self._closeness(u, v)
        return closeness * closeness

    def influence(self, u: Array, v: Array) -> tuple[float, Array, Array, Array, Array]:
        closeness = self._closeness(u, v)
        cost = 0.5 * self.width**2 * (closeness.size - float(closeness.sum()))
        weight = closeness * closeness
        return cost, weight * u, weight * v, weight, weight

    def _closeness(self, u: Array, v: Array) -> Array:
        """1/(1 + q)."""
        q = u * u + v * v
        q *= 1 / self.width**2
        q += 1
        return 1 / q


@dataclass(frozen=True)
class Observations:
    """What cameras saw of some points, whichever those are.

    Attributes:
        cameras: one per row.
        pixels: (2, camera, point), any number where not seen.
        weight: (camera, point), factor on the error of an observation; 0 where not seen.
    """

    cameras: Sequence[Camera]
    pixels: Float[Array, "2 camera point"]
    weight: Float[Array, "camera point"]


def cost(observations: Observations, loss: Loss, points: Float[Array, "3 point"]) -> float:
    """Sum of the costs of all observations."""
    total = 0.0
    for row, camera in enumerate(observations.cameras):
        for chunk in chunks(points.shape[1]):
            weight = observations.weight[row, chunk]
            x, y, _, weight, lost = _in_sight(camera, points[:, chunk], weight)
            x_d, y_d = camera.lens.distort(x, y)
            u, v = _errors(camera, x_d, y_d, observations.pixels[:, row, chunk], weight)
            total += loss.cost(u, v) + _charge(loss, lost)
    return total


def cost_and_derivatives(
    observations: Observations, loss: Loss, points: Float[Array, "3 point"]
) -> tuple[float, Float[Array, "3 point"], Float[Array, "6 point"]]:
    """Cost of all observations, its gradient, and the Gauss-Newton block of each point.

    With x = X/Z, y = Y/Z in the camera, s_u = w fx/Z, s_v = w fy/Z, [[a, b], [b, d]] the Jacobian of the
    lens and h_u, h_v the curvatures of the loss, the block in the camera's axes is P^T K P with
    P = [[1, 0, -x], [0, 1, -y]], K = [[a, b], [b, d]] diag(s_u^2 h_u, s_v^2 h_v) [[a, b], [b, d]].
    """
    total = 0.0
    gradient, blocks = np.zeros((3, points.shape[1])), np.zeros((6, points.shape[1]))
    for row, camera in enumerate(observations.cameras):
        turn, turning = camera.rotation_matrix.T, turn_blocks(camera.rotation_matrix)
        focal_u, focal_v = camera.matrix[0, 0], camera.matrix[1, 1]
        for chunk in chunks(points.shape[1]):
            weight = observations.weight[row, chunk]
            x, y, inverse_z, weight, lost = _in_sight(camera, points[:, chunk], weight)
            x_d, y_d, a, b, d = camera.lens.distort_with_jacobian(x, y)
            u, v = _errors(camera, x_d, y_d, observations.pixels[:, row, chunk], weight)
            cost_here, by_u, by_v, h_u, h_v = loss.influence(u, v)
            total += cost_here + _charge(loss, lost)

            inverse_z *= weight
            inverse_z *= focal_u
            by_u *= inverse_z
            h_u = h_u * inverse_z
            h_u *= inverse_z
            inverse_z *= focal_v / focal_u
            by_v *= inverse_z
            h_v = h_v * inverse_z
            h_v *= inverse_z
            slope, block = of_one_camera(x, y, (a, b, d), (by_u, by_v), (h_u, h_v))
            gradient[:, chunk] += turn @ slope
            blocks[:, chunk] += turning @ block
    return total, gradient, blocks


def of_one_camera(
    x: Float[Array, "point"],
    y: Float[Array, "point"],
    lens: tuple[Array, Array, Array],
    by_pixel: tuple[Array, Array],
    curvatures: tuple[Array, Array],
) -> tuple[Float[Array, "3 point"], Float[Array, "6 point"]]:
    """Gradient and block of each point in the axes of the camera, see `cost_and_derivatives`.

    Args:
        x: X/Z in the camera.
        y: Y/Z in the camera.
        lens: a, b and d of its Jacobian.
        by_pixel: derivatives of the cost by u and v, times s_u and s_v.
        curvatures: s_u^2 h_u and s_v^2 h_v.
    """
    (a, b, d), (by_u, by_v), (h_u, h_v) = lens, by_pixel, curvatures
    slope, block = np.empty((3, len(x))), np.empty((6, len(x)))
    np.add(a * by_u, b * by_v, out=slope[0])
    np.add(b * by_u, d * by_v, out=slope[1])
    np.add(x * slope[0], y * slope[1], out=slope[2])
    np.negative(slope[2], out=slope[2])
    a_h, b_h = a * h_u, b * h_v
    np.add(a * a_h, b * b_h, out=block[0])
    np.add(b * a_h, d * b_h, out=block[1])
    np.add(b * b * h_u, d * d * h_v, out=block[3])
    np.add(x * block[0], y * block[1], out=block[2])
    np.add(x * block[1], y * block[3], out=block[4])
    np.add(x * block[2], y * block[4], out=block[5])
    np.negative(block[2], out=block[2])
    np.negative(block[4], out=block[4])
    return slope, block


def weighted_errors(
    observations: Observations, points: Float[Array, "3 point"]
) -> Float[Array, "2 camera point"]:
    """Errors times their weights; 0 where not seen, NaN where the camera cannot picture the point."""
    errors = np.empty(observations.pixels.shape)
    for row, camera in enumerate(observations.cameras):
        projected = camera.project(points.T).T
        weight = observations.weight[row]
        errors[:, row] = np.where(weight > 0, (projected - observations.pixels[:, row]) * weight, 0.0)
    return errors


def _in_sight(
    camera: Camera, points: Float[Array, "3 point"], weight: Float[Array, "point"]
) -> tuple[Array, Array, Array, Array, Array]:
    """x = X/Z, y = Y/Z, 1/Z, the weight, and the weights of what is out of sight (0 in the first four)."""
    x, y, z = camera.rotation_matrix @ points + camera.translation[:, None]
    behind = not z.min(initial=1.0) > 0
    inverse_z = 1 / np.where(z > 0, z, np.inf) if behind else 1 / z
    x *= inverse_z
    y *= inverse_z
    lost = z <= 0 if behind else np.zeros(0, dtype=np.bool_)
    if np.isfinite(camera.lens.limit):
        beyond = x * x + y * y > camera.lens.limit**2
        if beyond.any():
            lost = lost | beyond if behind else beyond
    if not lost.any():
        return x, y, inverse_z, weight, np.zeros(0)
    seen = ~lost
    return x * seen, y * seen, inverse_z * seen, weight * seen, weight[lost]


def _charge(loss: Loss, weights: Float[Array, "lost"]) -> float:
    """Cost of observations whose points are out of sight."""
    seen = weights[weights > 0]
    return loss.cost(seen * OUT_OF_SIGHT_PX, seen * OUT_OF_SIGHT_PX) if len(seen) else 0.0


def _errors(
    camera: Camera, x_d: Array, y_d: Array, pixels: Float[Array, "2 point"], weight: Array
) -> tuple[Array, Array]:
    u = x_d * camera.matrix[0, 0]
    u += camera.matrix[0, 2]
    u -= pixels[0]
    u *= weight
    v = y_d * camera.matrix[1, 1]
    v += camera.matrix[1, 2]
    v -= pixels[1]
    v *= weight
    return u, v


def turn_blocks(rotation: Float[Array, "3 3"]) -> Float[Array, "6 6"]:
    """The linear map of the six numbers of S to those of R^T S R."""
    turned = np.empty((6, 6))
    for column, (i, j) in enumerate(zip(ROWS, COLUMNS, strict=True)):
        outer = np.outer(rotation[i], rotation[j])
        outer = outer if i == j else outer + outer.T
        turned[:, column] = outer[ROWS, COLUMNS]
    return turned


def projected_variances(
    observations: Observations,
    points: Float[Array, "3 point"],
    covariances: Float[Array, "6 point"],
) -> Float[Array, "2 camera point"]:
    """Variances of (u, v) from covariances of the points, times squared weights; 0 where not seen."""
    variances = np.zeros(observations.pixels.shape)
    full = covariances[[0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(3, 3, -1)
    for row, camera in enumerate(observations.cameras):
        for chunk in chunks(points.shape[1]):
            _, jacobian = camera.project_with_jacobian(points[:, chunk].T)
            for coordinate in range(2):
                slope = jacobian[:, coordinate].T
                spread = np.einsum("ip,ijp,jp->p", slope, full[..., chunk], slope)
                variances[coordinate, row, chunk] = np.nan_to_num(spread)
        variances[:, row] *= observations.weight[row] ** 2
    return variances
