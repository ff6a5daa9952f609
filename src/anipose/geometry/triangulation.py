"""Triangulation: points in space from their pixels in several calibrated cameras.

`triangulate` is the linear solution, `refine` the most likely one under Gaussian pixel noise, near a guess,
`triangulate_best` both in one, and `triangulate_robust` finds out which cameras are wrong. NaN means not
seen, or not known. All work in chunks: memory does not grow with the number of points, except for what is
given and returned.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras, chunks
from anipose.geometry.contest import Contest
from anipose.geometry.least_squares import Rays, gauss_newton, solve_symmetric

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Rayleigh quotient iteration converges cubically: after a relative step of this size, what is left is at
# rounding. One or two repetitions do, up to five where views disagree by 50 px.
CONVERGED_STEP = 1e-4
MAX_REPETITIONS = 10


def triangulate(
    cameras: Cameras,
    points: Float[Array, "camera *batch 2"],
    *,
    min_cameras: int = 2,
    weights: Float[Array, "camera *batch"] | None = None,
) -> Float[Array, "*batch 3"]:
    """Linear triangulation (DLT) from all views that have the point.

    Each undistorted, normalised observation (x, y) of a camera with rows P0, P1, P2 of ``[R | t]`` gives
    two equations, (x P2 - P0) X = 0 and (y P2 - P1) X = 0; X is the homogeneous vector of length 1 with
    the least sum of squares. It is found from the inhomogeneous solution by Rayleigh quotient iteration,
    with residuals from the observations themselves, so that it is as accurate as a singular value
    decomposition of all equations, which is used where the iteration fails.

    Args:
        points: pixels; NaN where a camera does not see the point.
        min_cameras: a point seen by fewer is NaN. So is one with parallel rays, or behind a camera that
            is supposed to have seen it.
        weights: of the squared residuals; without them all views count alike.

    References:
        Hartley & Zisserman, Multiple View Geometry, 2nd ed., section 12.2.
    """
    flat = points.reshape(len(cameras), -1, 2)
    result = np.empty((flat.shape[1], 3))
    for chunk in chunks(len(result)):
        rays = Rays.of(cameras, flat[:, chunk], _chunk_of(weights, chunk))
        found = _linear(rays)
        found[:, rays.seen.sum(axis=0) < max(min_cameras, 2)] = np.nan
        result[chunk] = _in_front(cameras, found, rays.seen).T
    return result.reshape(*points.shape[1:-1], 3)


def triangulate_best(
    cameras: Cameras,
    points: Float[Array, "camera *batch 2"],
    *,
    min_cameras: int = 2,
    weights: Float[Array, "camera *batch"] | None = None,
) -> Float[Array, "*batch 3"]:
    """The points with the least squared distances to the pixels, from all views that have them.

    One Gauss-Newton step, see `refine`, from the inhomogeneous linear solution; arguments and NaN as in
    `triangulate`.
    """
    flat = points.reshape(len(cameras), -1, 2)
    result = np.empty((flat.shape[1], 3))
    for chunk in chunks(len(result)):
        weight = _chunk_of(weights, chunk)
        found, _, seen = _best(cameras, flat[:, chunk], weight)
        found[:, seen.sum(axis=0) < max(min_cameras, 2)] = np.nan
        result[chunk] = _in_front(cameras, found, seen).T
    return result.reshape(*points.shape[1:-1], 3)


def refine(
    cameras: Cameras,
    points: Float[Array, "*batch 3"],
    pixels: Float[Array, "camera *batch 2"],
    *,
    steps: int = 1,
) -> Float[Array, "*batch 3"]:
    """The points with the least squared distances to the pixels, from a guess near by (Gauss-Newton).

    This is the most likely point if all pixels have Gaussian errors of the same size. A point that does
    not get better stays as it is; NaN stays NaN.

    Args:
        steps: one step from `triangulate` comes to within a thousandth of the error that the noise makes
            anyway (measured, 1 px); each further one squares that.
    """
    flat, flat_pixels = points.reshape(-1, 3), pixels.reshape(len(cameras), -1, 2)
    result = np.empty(flat.shape)
    for chunk in chunks(len(result)):
        seen = np.isfinite(flat_pixels[:, chunk, 0]) & np.isfinite(flat_pixels[:, chunk, 1])
        found, _ = gauss_newton(cameras, flat[chunk].T, flat_pixels[:, chunk], seen, steps=steps)
        result[chunk] = found.T
    return result.reshape(points.shape)


def reprojection_errors(
    cameras: Cameras, points: Float[Array, "*batch 3"], pixels: Float[Array, "camera *batch 2"]
) -> Float[Array, "camera *batch"]:
    """Distance between each observation and the projection of its point, pixels.

    NaN where the camera has no observation, the point is unknown, or the camera cannot picture it.
    """
    errors = np.empty(pixels.shape[:-1])
    for row, camera in enumerate(cameras):
        difference = camera.project(points)
        difference -= pixels[row]
        errors[row] = np.hypot(difference[..., 0], difference[..., 1])
    return errors


def triangulate_robust(
    cameras: Cameras,
    points: Float[Array, "camera *batch 2"],
    *,
    threshold_px: float,
    min_cameras: int = 2,
    weights: Float[Array, "camera *batch"] | None = None,
) -> tuple[Float[Array, "*batch 3"], Bool[Mask, "camera *batch"]]:
    """Triangulation that leaves out the cameras that disagree, and which cameras it used.

    If all views agree within the threshold, the answer is their best solution. What the others do is
    settled by a `Contest`. Where fewer than `min_cameras` views agree nobody can tell which is right: the
    point is the best solution of all its views, whose reprojection errors show the disagreement.

    Args:
        points: pixels; NaN where a camera does not see the point.
        threshold_px: a view farther than this from its point is wrong: about five times the usual error.
        min_cameras: a point seen by fewer is NaN, and uses no camera.
        weights: of the squared distances, in the solutions and in the contest; without them all views
            count alike.
    """
    min_cameras = max(min_cameras, 2)
    flat = points.reshape(len(cameras), -1, 2)
    result = np.empty((flat.shape[1], 3))
    used = np.empty(flat.shape[:2], dtype=bool)
    doubtful = np.empty(flat.shape[1], dtype=bool)
    for chunk in chunks(len(result)):
        found, squares, seen = _best(cameras, flat[:, chunk], _chunk_of(weights, chunk))
        enough = seen.sum(axis=0) >= min_cameras
        doubtful[chunk] = enough & ((squares >= threshold_px**2) | (np.isnan(squares) & seen)).any(axis=0)
        found[:, ~enough] = np.nan
        result[chunk], used[:, chunk] = found.T, seen
    # Of all chunks together: what is done for few points at a time takes as long as for many.
    numbers = np.flatnonzero(doubtful)
    for chunk in chunks(len(numbers)):
        some = numbers[chunk]
        rays = Rays.of(cameras, flat[:, some], None if weights is None else _chunk_of(weights, some))
        better, agreeing = Contest(cameras, rays, flat[:, some], threshold_px, result[some].T).decide()
        agreed = agreeing.sum(axis=0) >= min_cameras
        result[some[agreed]] = better[:, agreed].T
        used[:, some[agreed]] = agreeing[:, agreed]
    for chunk in chunks(len(result)):
        result[chunk] = _in_front(cameras, result[chunk].T, used[:, chunk]).T
        used[:, chunk] &= np.isfinite(result[chunk]).all(axis=1)
    return result.reshape(*points.shape[1:-1], 3), used.reshape(points.shape[:-1])


def _chunk_of(
    weights: Float[Array, "camera *batch"] | None, chunk: slice | Int[NDArray[np.int_], "some"]
) -> Float[Array, "camera some"] | None:
    return None if weights is None else weights.reshape(len(weights), -1)[:, chunk]


def _best(
    cameras: Cameras,
    pixels: Float[Array, "camera point 2"],
    weights: Float[Array, "camera point"] | None,
) -> tuple[Float[Array, "3 point"], Float[Array, "camera point"], Bool[Mask, "camera point"]]:
    """The most likely points, squared distances in all views, and which views have the point."""
    rays = Rays.of(cameras, pixels, weights)
    total = rays.total_normal_equations
    start = solve_symmetric(total[:6], total[6:])
    found, squares = gauss_newton(cameras, start, pixels, rays.seen, steps=1, weights=weights)
    return found, squares, rays.seen


def _linear(rays: Rays) -> Float[Array, "3 point"]:
    """The homogeneous least-squares point; NaN where the rays do not determine it."""
    total = rays.total_normal_equations
    A, points = total[:6], solve_symmetric(total[:6], total[6:])
    diagonal = np.array([1.0, 0, 0, 1, 0, 1])[:, None]
    for _ in range(MAX_REPETITIONS):
        squares, gradient = rays.residuals(points)
        # With B, c the equations B p + c = 0, the null vector (p, 1) satisfies (B'B - q) p = -B'c with
        # its Rayleigh quotient q; written as a correction of p, it does not lose digits.
        quotient = squares / (1 + (points * points).sum(axis=0))
        step = solve_symmetric(A - diagonal * quotient, quotient * points - gradient)
        points = points + np.where(np.isfinite(step), step, 0.0)
        moving = np.abs(step).max(axis=0) > CONVERGED_STEP * np.abs(points).max(axis=0)
        if not moving.any():
            break
    # Where B'B - q is not positive definite, q is not the least of the singular values: the views differ
    # by about as much as the point is far from the origin, and the iteration went elsewhere.
    astray = (np.isnan(step[0]) | moving) & np.isfinite(points[0])
    if astray.any():
        points[:, astray] = rays.pick(astray).null_vectors()
    return points


def _in_front(
    cameras: Cameras, points: Float[Array, "3 point"], used: Bool[Mask, "camera point"]
) -> Float[Array, "3 point"]:
    """NaN instead of points behind a camera that was used for them: such a camera cannot have seen them."""
    towards = np.stack([camera.cam_from_world[2] for camera in cameras])
    with np.errstate(invalid="ignore", over="ignore"):
        behind = ~(towards[:, :3] @ points + towards[:, 3:] > 0)
    return np.where((behind & used).any(axis=0), np.nan, points)
