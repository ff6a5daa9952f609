"""How sure points are that were triangulated each for itself."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import gammainc

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras, chunks
from anipose.geometry.reprojection import COLUMNS, ROWS, of_one_camera, turn_blocks
from anipose.geometry.triangulation import reprojection_errors

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A keypoint's noise counts as if so many residuals had the noise of all keypoints.
SHARED_RESIDUALS = 100.0
# A misfit this many standard deviations above what noise does is no noise: the covariance grows with it.
MISFIT_DEVIATIONS = 3.0
TRIMMING_ROUNDS = 5
# A direction that the cameras see this much worse than others is not seen.
LEAST_SEEN = 1e-12


def point_covariances(
    cameras: Cameras,
    points: Float[Array, "frame keypoint 3"],
    pixels: Float[Array, "camera frame keypoint 2"],
    used: Bool[Mask, "camera frame keypoint"],
) -> Float[Array, "frame keypoint 3 3"]:
    """Covariances of points that fit the pixels of the cameras used for them best; NaN where there is none.

    The inverse of the normal equations of the reprojection errors, J'J, times the variance of a pixel
    coordinate: sum of squared errors / (2 n - 3) over n views, of all points of the keypoint together whose
    views agree. Where the errors of one point are far larger than that, its own: few views that disagree,
    of which nobody can tell which is wrong. Two views that agree may both be wrong.
    """
    n_frames, n_keypoints = points.shape[:2]
    squares = np.where(used, reprojection_errors(cameras, points, pixels), 0.0) ** 2
    freedom = np.maximum(2.0 * used.sum(axis=0) - 3, 0.0)
    misfit = np.where(freedom > 0, squares.sum(axis=0), 0.0)
    variances = _variances(misfit, freedom)
    result = np.empty((n_frames * n_keypoints, 3, 3))
    flat_points, flat_used = points.reshape(-1, 3), used.reshape(len(cameras), -1)
    for chunk in chunks(len(result)):
        result[chunk] = _inverse(_curvature(cameras, flat_points[chunk], flat_used[:, chunk]))
    result *= variances.reshape(-1, 1, 1)
    result[(freedom == 0).ravel() | np.isnan(flat_points).any(axis=1)] = np.nan
    return result.reshape(n_frames, n_keypoints, 3, 3)


def _variances(
    misfit: Float[Array, "frame keypoint"], freedom: Float[Array, "frame keypoint"]
) -> Float[Array, "frame keypoint"]:
    """Variance of a pixel coordinate, from sums of squares with so many degrees of freedom."""
    safe = np.maximum(freedom, 1.0)
    own, largest = misfit / safe, 1 + MISFIT_DEVIATIONS * np.sqrt(2 / safe)
    # What the mean of noise that is not larger than that is short of the variance: of chi-squared with k
    # degrees of freedom, cut at c, the mean is k P(k + 2, c) / P(k, c) (incomplete gamma functions).
    cut = safe * largest / 2
    short = gammainc(safe / 2 + 1, cut) / gammainc(safe / 2, cut)
    known = freedom > 0
    if not known.any():
        return np.ones_like(misfit)
    # The median of chi-squared is about k (1 - 2/(9 k))^3.
    everywhere = float(np.median(own[known] / (1 - 2 / (9 * safe[known])) ** 3))
    for _ in range(TRIMMING_ROUNDS):
        fits = known & (own <= largest * everywhere)
        everywhere = float(misfit[fits].sum() / max((freedom * short)[fits].sum(), 1.0))
    squares, count = (misfit * fits).sum(axis=0), (freedom * short * fits).sum(axis=0)
    variance = (squares + SHARED_RESIDUALS * everywhere) / (count + SHARED_RESIDUALS)
    return np.where(own > largest * variance, own, variance)


def _curvature(
    cameras: Cameras, points: Float[Array, "point 3"], used: Bool[Mask, "camera point"]
) -> Float[Array, "6 point"]:
    """J'J of the pixels of the cameras used."""
    total = np.zeros((6, len(points)))
    for row, camera in enumerate(cameras):
        x, y, inverse_z, _, _, (a, b, d) = camera.picture(points.T)
        nothing = np.zeros(len(points))
        scale_u, scale_v = camera.matrix[0, 0] * inverse_z, camera.matrix[1, 1] * inverse_z
        curvatures = (scale_u * scale_u, scale_v * scale_v)
        _, block = of_one_camera(x, y, (a, b, d), (nothing, nothing), curvatures)
        total += turn_blocks(camera.rotation_matrix) @ np.where(used[row] & np.isfinite(block), block, 0.0)
    return total


def _inverse(six: Float[Array, "6 point"]) -> Float[Array, "point 3 3"]:
    full = np.empty((six.shape[1], 3, 3))
    full[:, ROWS, COLUMNS] = full[:, COLUMNS, ROWS] = six.T
    values, vectors = np.linalg.eigh(full)
    with np.errstate(divide="ignore"):
        inverse = 1 / np.where(values > LEAST_SEEN * values[:, -1:], values, np.nan)
    inverted: Array = (vectors * inverse[:, None]) @ vectors.swapaxes(1, 2)
    return inverted
