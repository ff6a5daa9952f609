"""Lenses: how a ray becomes a distorted point of the picture plane, and back.

Coordinates are normalised: x = X/Z, y = Y/Z of the camera, before focal length and principal point.
Both models of OpenCV are one to one only up to a greatest radius, `Lens.limit`: beyond it the polynomial
folds over, and the formula puts points of the far outside into the picture again. `distort` is the bare
formula; `undistort` gives NaN for a point that no ray inside the limit reaches.

The Jacobian d(x_d, y_d)/d(x, y) of both models is symmetric, and is given as its three numbers
(xx, xy, yy). Both models are linear in their coefficients, see `Lens.basis`.

References:
    https://docs.opencv.org/4.x/d9/d0c/group__calib3d.html and .../db/d58/group__calib3d__fisheye.html
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray

Array = NDArray[np.float64]

# Newton is quadratic: from the start that `_nearly_inverted` gives it is at rounding after 1 or 2 steps. The
# bound only ends the rare point that bisects its way down.
MAX_ITERATIONS = 60
# From the solution of the radial part, 2 or 3 steps; what is not there after 10 is at the fold.
MAX_TANGENTIAL_ITERATIONS = 10
# After a step of this size, relative to the picture plane, what is left is its square: nothing.
LAST_STEP = 1e-6


@dataclass(frozen=True)
class Lens(ABC):
    """Distortion by some coefficients, (coefficient,)."""

    coefficients: Float[Array, "coefficient"]

    @property
    @abstractmethod
    def limit(self) -> float:
        """Greatest undistorted radius up to which the lens is one to one; inf if it always is."""

    @abstractmethod
    def distort(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """Distorted coordinates (x_d, y_d)."""

    @abstractmethod
    def distort_with_jacobian(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], ...]:
        """(x_d, y_d, xx, xy, yy): distorted coordinates and their symmetric Jacobian by (x, y)."""

    @abstractmethod
    def basis(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> Float[Array, "*batch 2 coefficient"]:
        """d(x_d, y_d)/d(coefficients), which does not depend on the coefficients."""

    @abstractmethod
    def undistort(
        self, x_d: Float[Array, "*batch"], y_d: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """The (x, y) inside the limit that `distort` takes to (x_d, y_d); NaN where there is none."""


class Pinhole(Lens):
    """OpenCV's pinhole model with coefficients (k1, k2, p1, p2, k3).

    With r2 = x^2 + y^2 and g = 1 + k1 r2 + k2 r2^2 + k3 r2^3:
    x_d = x g + 2 p1 x y + p2 (r2 + 2 x^2), y_d = y g + p1 (r2 + 2 y^2) + 2 p2 x y.
    """

    @cached_property
    def limit(self) -> float:
        return _fold(self._radial)

    @property
    def _radial(self) -> Float[Array, "3"]:
        return self.coefficients[[0, 1, 4]]

    def distort(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        k1, k2, p1, p2, k3 = self.coefficients
        r2 = x * x + y * y
        g = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        if p1 == 0 and p2 == 0:
            return x * g, y * g
        both = 2 * x * y
        return x * g + p1 * both + p2 * (r2 + 2 * x * x), y * g + p1 * (r2 + 2 * y * y) + p2 * both

    def distort_with_jacobian(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], ...]:
        k1, k2, p1, p2, k3 = self.coefficients
        r2 = x * x + y * y
        g = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        slope2 = 2 * (k1 + r2 * (2 * k2 + r2 * (3 * k3)))  # 2 dg/dr2
        x_slope2 = x * slope2
        xx, xy, yy = g + x * x_slope2, y * x_slope2, g + y * y * slope2
        if p1 == 0 and p2 == 0:
            return x * g, y * g, xx, xy, yy
        both = 2 * x * y
        x_d = x * g + p1 * both + p2 * (r2 + 2 * x * x)
        y_d = y * g + p1 * (r2 + 2 * y * y) + p2 * both
        px, py = 2 * p1 * x + 2 * p2 * y, 2 * p1 * y + 2 * p2 * x
        return x_d, y_d, xx + py + 4 * p2 * x, xy + px, yy + py + 4 * p1 * y

    def basis(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> Float[Array, "*batch 2 coefficient"]:
        r2 = x * x + y * y
        x2, both, y2 = r2 + 2 * x * x, 2 * x * y, r2 + 2 * y * y
        columns = [[x * r2, x * r2**2, both, x2, x * r2**3], [y * r2, y * r2**2, y2, both, y * r2**3]]
        return np.moveaxis(np.array(columns), (0, 1), (-2, -1))

    def undistort(
        self, x_d: Float[Array, "*batch"], y_d: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        if not self.coefficients.any():
            return x_d.copy(), y_d.copy()
        square_d = x_d * x_d + y_d * y_d
        if self.coefficients[2:4].any():
            scale = _nearly_inverted(square_d, self._radial)
            x, y = self._undistort_fully(x_d, y_d, x_d * scale, y_d * scale)
            lost = np.isnan(x) & np.isfinite(square_d)
            if lost.any():
                scale = self._radial_scale(square_d[lost])
                x[lost], y[lost] = self._undistort_fully(
                    x_d[lost], y_d[lost], x_d[lost] * scale, y_d[lost] * scale
                )
            return x, y
        scale = self._radial_scale(square_d)
        return x_d * scale, y_d * scale

    def _radial_scale(self, square_d: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        """What undoes the radial part, for squares of distorted radii."""
        radius_d = np.sqrt(square_d)
        radius = _invert_radial(radius_d, self._radial, self.limit)
        scale: Array = radius / np.where(radius_d > 0, radius_d, 1.0) + (radius_d == 0)
        return scale

    def _undistort_fully(
        self,
        x_d: Float[Array, "*batch"],
        y_d: Float[Array, "*batch"],
        x: Float[Array, "*batch"],
        y: Float[Array, "*batch"],
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """Newton in the plane, from (x, y)."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            size = _largest(np.abs(x_d) + np.abs(y_d))
            for _ in range(MAX_TANGENTIAL_ITERATIONS):
                x_now, y_now, xx, xy, yy = self.distort_with_jacobian(x, y)
                dx, dy = x_d - x_now, y_d - y_now
                determinant = xx * yy - xy * xy
                step_x, step_y = (yy * dx - xy * dy) / determinant, (xx * dy - xy * dx) / determinant
                x, y = x + step_x, y + step_y
                # Near the fold, where the determinant vanishes, Newton is not quadratic any more.
                moving = np.maximum(np.abs(step_x), np.abs(step_y)) > LAST_STEP * size * determinant
                if not moving.any():
                    break
            good = ~moving & (determinant > 0) & (x * x + y * y <= self.limit**2)
        return np.where(good, x, np.nan), np.where(good, y, np.nan)


class Fisheye(Lens):
    """OpenCV's fisheye model with coefficients (k1, k2, k3, k4).

    With r = |(x, y)| and t = atan(r): (x_d, y_d) = (x, y) t_d / r, t_d = t (1 + k1 t^2 + ... + k4 t^8).
    Normalised coordinates end at 90 degrees off the axis, and so do we.
    """

    @cached_property
    def _angle_limit(self) -> float:
        return min(_fold(self.coefficients), np.pi / 2)

    @cached_property
    def limit(self) -> float:
        return float(np.tan(self._angle_limit)) if self._angle_limit < np.pi / 2 else np.inf

    def distort(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        r = np.maximum(np.sqrt(x * x + y * y), np.finfo(float).tiny)
        scale = _radial(np.arctan(r), self.coefficients) / r
        return x * scale, y * scale

    def distort_with_jacobian(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], ...]:
        r2 = x * x + y * y
        r = np.maximum(np.sqrt(r2), np.finfo(float).tiny)
        angle = np.arctan(r)
        scale = _radial(angle, self.coefficients) / r
        # (d scale/dr) / r. It cancels as r goes to 0, but only ever meets x^2, x y or y^2.
        slope = (_radial_slope(angle, self.coefficients) / (1 + r2) - scale) / np.maximum(r2, 1e-300)
        return x * scale, y * scale, scale + x * x * slope, x * y * slope, scale + y * y * slope

    def basis(
        self, x: Float[Array, "*batch"], y: Float[Array, "*batch"]
    ) -> Float[Array, "*batch 2 coefficient"]:
        r = np.maximum(np.sqrt(x * x + y * y), np.finfo(float).tiny)
        angle = np.arctan(r)
        powers = np.stack([angle**power / r for power in (3, 5, 7, 9)], axis=-1)
        return np.stack([x[..., None] * powers, y[..., None] * powers], axis=-2)

    def undistort(
        self, x_d: Float[Array, "*batch"], y_d: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        radius_d = np.sqrt(x_d * x_d + y_d * y_d)
        angle = _invert_radial(radius_d, self.coefficients, self._angle_limit)
        scale = np.tan(angle) / np.where(radius_d > 0, radius_d, 1.0) + (radius_d == 0)
        return x_d * scale, y_d * scale


def lens(coefficients: Float[Array, "coefficient"], *, fisheye: bool) -> Lens:
    """The lens of these coefficients: 4 if fisheye, else 5."""
    return Fisheye(coefficients) if fisheye else Pinhole(coefficients)


def _radial(radius: Float[Array, "*batch"], k: Float[Array, "coefficient"]) -> Float[Array, "*batch"]:
    """r (1 + k[0] r^2 + k[1] r^4 + ...)."""
    square = radius * radius
    factor = np.full_like(radius, k[-1])
    for coefficient in k[-2::-1]:
        factor = factor * square + coefficient
    return radius * (1 + square * factor)


def _radial_slope(radius: Float[Array, "*batch"], k: Float[Array, "coefficient"]) -> Float[Array, "*batch"]:
    """d/dr of `_radial`: 1 + 3 k[0] r^2 + 5 k[1] r^4 + ..."""
    slopes = k * (2 * np.arange(1, len(k) + 1) + 1)
    square = radius * radius
    factor = np.full_like(radius, slopes[-1])
    for coefficient in slopes[-2::-1]:
        factor = factor * square + coefficient
    return 1 + square * factor


def _fold(k: Float[Array, "coefficient"]) -> float:
    """The smallest radius at which `_radial` stops growing; inf if it never does."""
    slopes = k * (2 * np.arange(1, len(k) + 1) + 1)
    roots = np.roots([*slopes[::-1], 1.0])
    real = roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0)]
    return float(np.sqrt(real.min())) if len(real) else np.inf


def _invert_radial(
    radius_d: Float[Array, "*batch"], k: Float[Array, "coefficient"], limit: float
) -> Float[Array, "*batch"]:
    """The radius within [0, limit] that `_radial` takes to radius_d; NaN where there is none.

    Newton, kept inside a shrinking bracket: up to the limit the function only grows, so it cannot fail.
    """
    reach = _radial(np.array([limit]), k)[0] if np.isfinite(limit) else np.inf
    target = np.where(radius_d <= reach, radius_d, np.nan)
    last_step = LAST_STEP * _largest(target)
    low, high = np.zeros_like(target), np.full_like(target, limit)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        radius = np.clip(target * _nearly_inverted(target * target, k), 0.0, 0.9 * limit)
        for _ in range(MAX_ITERATIONS):
            error, slope = _radial(radius, k) - target, _radial_slope(radius, k)
            low = np.where(error < 0, radius, low)
            high = np.where(error > 0, radius, high)
            step = error / slope
            following = radius - step
            outside = (following < low) | (following > high)
            if outside.any():
                middle = np.where(np.isfinite(high), 0.5 * (low + high), 2 * low)
                following = np.where(outside, middle, following)
            radius = following
            # Near the fold, where the slope vanishes, Newton is not quadratic any more.
            if not (outside | (np.abs(step) > last_step * slope)).any():
                break
    return radius


def _nearly_inverted(
    square_d: Float[Array, "*batch"], k: Float[Array, "coefficient"]
) -> Float[Array, "*batch"]:
    """What to multiply a distorted radius by to undo `_radial`: four terms of the inverse series."""
    k1, k2, k3 = k[:3]
    b1, b2, b3 = -k1, 3 * k1**2 - k2, 8 * k1 * k2 - 12 * k1**3 - k3
    b4 = 55 * k1**4 - 55 * k1**2 * k2 + 5 * k2**2 + 10 * k1 * k3
    scale: Array = 1 + square_d * (b1 + square_d * (b2 + square_d * (b3 + square_d * b4)))
    return scale


def _largest(values: Float[Array, "*batch"]) -> float:
    """The greatest finite value; 0 where there is none."""
    return float(np.max(values, initial=0.0, where=np.isfinite(values)))
