"""The small least-squares problems inside triangulation: three unknowns for each of many points.

All arrays have the point last, (..., point), so that every operation runs along memory. A camera that
does not see a point has weight 0 there, and zeros in place of NaN; weights are those of squared errors.
Symmetric 3 x 3 matrices are their six numbers (00, 01, 02, 11, 12, 22).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.reprojection import of_one_camera, turn_blocks

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Below this ratio of det A to (trace A / 3)^3 the point is not determined: for two cameras it is reached
# when their rays are parallel to about 1e-7 rad, where rounding alone moves the point to infinity.
SINGULAR = 1e-14


def solve_symmetric(A: Float[Array, "6 point"], b: Float[Array, "3 point"]) -> Float[Array, "3 point"]:
    """x of A x = b for positive definite A, by the adjugate; NaN where A is singular or indefinite."""
    a00, a01, a02, a11, a12, a22 = A
    c00, c01, c02 = a11 * a22 - a12 * a12, a02 * a12 - a01 * a22, a01 * a12 - a02 * a11
    c11, c12, c22 = a00 * a22 - a02 * a02, a01 * a02 - a00 * a12, a00 * a11 - a01 * a01
    determinant = a00 * c00 + a01 * c01 + a02 * c02
    positive = (a00 > 0) & (c22 > 0)  # and the determinant: the leading minors
    regular = positive & (determinant > SINGULAR * ((a00 + a11 + a22) / 3) ** 3)
    inverse = 1 / np.where(regular, determinant, np.nan)
    b0, b1, b2 = b
    return np.stack(
        [
            (c00 * b0 + c01 * b1 + c02 * b2) * inverse,
            (c01 * b0 + c11 * b1 + c12 * b2) * inverse,
            (c02 * b0 + c12 * b1 + c22 * b2) * inverse,
        ]
    )


@dataclass(frozen=True)
class Rays:
    """Directions in which cameras see points.

    A camera with rows r0, r1, r2 of its rotation and translation t0, t1, t2 gives two equations for the
    point p: x (r2 p + t2) = r0 p + t0 and y (r2 p + t2) = r1 p + t1. Their normal equations are linear in
    (1, x, y, x^2 + y^2), so all cameras and points together are one matrix product.

    Attributes:
        cam_from_world: ``[R | t]`` of each camera.
        x: normalised coordinate; 0 where not seen.
        y: normalised coordinate; 0 where not seen.
        seen: whether the camera sees the point.
        weight: of the camera for the point; 0 where not seen.
    """

    cam_from_world: Float[Array, "camera 3 4"]
    x: Float[Array, "camera point"]
    y: Float[Array, "camera point"]
    seen: Bool[Mask, "camera point"]
    weight: Float[Array, "camera point"]

    @classmethod
    def of(
        cls,
        cameras: Cameras,
        pixels: Float[Array, "camera point 2"],
        weights: Float[Array, "camera point"] | None = None,
    ) -> Self:
        """NaN, and pixels to which no ray leads, are not seen; without weights all views count alike."""
        rays = np.empty((2, *pixels.shape[:2]))
        for row, camera in enumerate(cameras):
            rays[:, row] = camera.undistort(pixels[row]).T
        seen = np.isfinite(rays[0]) & np.isfinite(rays[1])
        if not seen.all():
            rays[:, ~seen] = 0.0
        weight = seen * 1.0 if weights is None else np.where(seen, weights, 0.0)
        return cls(cameras.cam_from_world, rays[0], rays[1], seen, weight)

    def pick(self, points: Bool[Mask, "point"]) -> Self:
        """These points only."""
        return type(self)(
            self.cam_from_world,
            self.x[:, points],
            self.y[:, points],
            self.seen[:, points],
            self.weight[:, points],
        )

    @property
    def normal_equations(self) -> Float[Array, "camera 9 point"]:
        """A (6 numbers) and b (3) of each camera; a sum over cameras is the system of those cameras."""
        return self._system_from_features @ self._features

    @property
    def total_normal_equations(self) -> Float[Array, "9 point"]:
        """A and b of all cameras together."""
        n_cameras, n_points = self.x.shape
        together = np.moveaxis(self._system_from_features, 0, 1).reshape(9, 4 * n_cameras)
        return together @ self._features.reshape(4 * n_cameras, n_points)

    @property
    def _features(self) -> Float[Array, "camera 4 point"]:
        features = np.empty((len(self.x), 4, self.x.shape[1]))
        features[:, 0] = self.weight
        np.multiply(self.weight, self.x, out=features[:, 1])
        np.multiply(self.weight, self.y, out=features[:, 2])
        np.add(features[:, 1] * self.x, features[:, 2] * self.y, out=features[:, 3])
        return features

    @property
    def _system_from_features(self) -> Float[Array, "camera 9 4"]:
        # In the camera's axes the two rows are (-1, 0, x) and (0, -1, y); this is the sum of their outer
        # products, for each of the four features.
        M = np.zeros((4, 3, 3))
        M[0, 0, 0] = M[0, 1, 1] = M[3, 2, 2] = 1
        M[1, 0, 2] = M[1, 2, 0] = M[2, 1, 2] = M[2, 2, 1] = -1
        P = self.cam_from_world[:, None]
        system = np.swapaxes(P, -1, -2) @ M @ P
        rows, columns = [0, 0, 0, 1, 1, 2, 0, 1, 2], [0, 1, 2, 1, 2, 2, 3, 3, 3]
        signs = np.array([1, 1, 1, 1, 1, 1, -1, -1, -1])
        return np.moveaxis(system[..., rows, columns] * signs, 1, 2)

    def residuals(
        self, points: Float[Array, "3 point"]
    ) -> tuple[Float[Array, "point"], Float[Array, "3 point"]]:
        """Weighted sum of squares of the residuals of all equations, and its gradient (half of it)."""
        n_cameras, n_points = self.x.shape
        R, t = self.cam_from_world[..., :3], self.cam_from_world[..., 3:]
        in_camera = (R.reshape(-1, 3) @ points).reshape(n_cameras, 3, n_points) + t
        by_axis = np.empty_like(in_camera)
        rx = in_camera[:, 0] - self.x * in_camera[:, 2]
        ry = in_camera[:, 1] - self.y * in_camera[:, 2]
        np.multiply(rx, self.weight, out=by_axis[:, 0])
        np.multiply(ry, self.weight, out=by_axis[:, 1])
        squares = (rx * by_axis[:, 0] + ry * by_axis[:, 1]).sum(axis=0)
        np.multiply(self.x, by_axis[:, 0], out=by_axis[:, 2])
        by_axis[:, 2] += self.y * by_axis[:, 1]
        np.negative(by_axis[:, 2], out=by_axis[:, 2])
        return squares, R.reshape(-1, 3).T @ by_axis.reshape(3 * n_cameras, n_points)

    def null_vectors(self) -> Float[Array, "3 point"]:
        """The homogeneous least-squares point by singular value decomposition: slow, and always right."""
        P, x, y = self.cam_from_world[:, None], self.x[..., None], self.y[..., None]
        rows = np.stack([x * P[:, :, 2] - P[:, :, 0], y * P[:, :, 2] - P[:, :, 1]]) * self.seen[..., None]
        equations = np.moveaxis(rows.reshape(-1, *rows.shape[2:]), 0, 1)
        vectors = np.linalg.svd(equations)[2][:, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            points: Array = vectors[:, :3] / vectors[:, 3:]
        return points.T


def gauss_newton_step(
    cameras: Cameras,
    points: Float[Array, "3 point"],
    pixels: Float[Array, "camera point 2"],
    used: Bool[Mask, "camera point"],
    *,
    weights: Float[Array, "camera point"] | None = None,
    scale_px: float = np.inf,
) -> tuple[Float[Array, "3 point"], Float[Array, "camera point"]]:
    """The step that lessens the squared distances e^2 in the picture, and e^2 where the step begins.

    Squares count by their weights, without weights all alike, times Geman-McClure's weight
    1 / (1 + (e / scale_px)^2)^2. The step is 0 for a point that is not determined; e^2 is NaN where there is
    no observation or the camera cannot picture the point.
    """
    A, b = np.zeros((6, points.shape[1])), np.zeros((3, points.shape[1]))
    squares = np.empty(used.shape)
    for row, camera in enumerate(cameras):
        x, y, inverse_z, u, v, (a, c, d) = camera.picture(points)
        du, dv = pixels[row, :, 0] - u, pixels[row, :, 1] - v
        squares[row] = du * du + dv * dv
        valid = used[row] & np.isfinite(squares[row])
        if not valid.all():
            x, y, inverse_z, du, dv = (np.where(valid, term, 0.0) for term in (x, y, inverse_z, du, dv))
            a, c, d = (np.where(valid, term, 0.0) for term in (a, c, d))
        scale_u, scale_v = camera.matrix[0, 0] * inverse_z, camera.matrix[1, 1] * inverse_z
        by_pixel, curvatures = (scale_u * du, scale_v * dv), (scale_u * scale_u, scale_v * scale_v)
        if weights is not None or np.isfinite(scale_px):
            weight = 1.0 if weights is None else weights[row]
            weight = weight / (1 + (du * du + dv * dv) / scale_px**2) ** 2
            by_pixel = by_pixel[0] * weight, by_pixel[1] * weight
            curvatures = curvatures[0] * weight, curvatures[1] * weight
        slope, block = of_one_camera(x, y, (a, c, d), by_pixel, curvatures)
        b += camera.rotation_matrix.T @ slope
        A += turn_blocks(camera.rotation_matrix) @ block
    step = solve_symmetric(A, b)
    return np.where(np.isfinite(step), step, 0.0), squares


def gauss_newton(
    cameras: Cameras,
    points: Float[Array, "3 point"],
    pixels: Float[Array, "camera point 2"],
    used: Bool[Mask, "camera point"],
    *,
    steps: int,
    weights: Float[Array, "camera point"] | None = None,
) -> tuple[Float[Array, "3 point"], Float[Array, "camera point"]]:
    """Some steps with the used cameras, kept only where they help; and squared distances in all views."""
    better, first_squares = points, np.empty(0)
    for number in range(steps):
        step, squares = gauss_newton_step(cameras, better, pixels, used, weights=weights)
        first_squares = squares if number == 0 else first_squares
        better = better + step
    squares = squared_distances(cameras, better, pixels)
    weight = used if weights is None else np.where(used, weights, 0.0)
    worse = ~(_total(squares, weight) < _total(first_squares, weight))
    if worse.any():
        better = np.where(worse, points, better)
        squares[:, worse] = first_squares[:, worse]
    return better, squares


def squared_distances(
    cameras: Cameras, points: Float[Array, "3 point"], pixels: Float[Array, "camera point 2"]
) -> Float[Array, "camera point"]:
    """Of each projection from what was seen; NaN where either is not there."""
    squares = np.empty(pixels.shape[:2])
    for row, camera in enumerate(cameras):
        difference = camera.project(points.T)
        difference -= pixels[row]
        difference *= difference
        np.add(difference[:, 0], difference[:, 1], out=squares[row])
    return squares


def _total(
    squares: Float[Array, "camera point"], weight: Bool[Mask, "camera point"] | Float[Array, "camera point"]
) -> Float[Array, "point"]:
    """Sum over the used cameras; inf where one of them cannot picture the point."""
    total = np.zeros(squares.shape[1])
    for row, of_camera in zip(squares, weight, strict=True):
        total += np.where(of_camera > 0, row, 0.0) * of_camera
    return np.where(np.isfinite(total), total, np.inf)
