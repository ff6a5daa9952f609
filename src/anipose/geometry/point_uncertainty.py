"""How sure points are that were triangulated each for itself."""

import numpy as np
from jaxtyping import Bool, Float

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
    coordinate: sum of squared errors / (2 n - 3) over n views, of all points of the keypoint together. Where
    the errors of one point are far larger than that, its own. Two views that agree may both be wrong.
    """
    n_frames, n_keypoints = points.shape[:2]
    squares = np.where(used, reprojection_errors(cameras, points, pixels), 0.0) ** 2
    freedom = np.maximum(2.0 * used.sum(axis=0) - 3, 0.0)
    misfit = np.where(freedom > 0, squares.sum(axis=0), 0.0)
    everywhere = misfit.sum() / max(freedom.sum(), 1.0)
    variance = (misfit.sum(axis=0) + SHARED_RESIDUALS * everywhere) / (freedom.sum(axis=0) + SHARED_RESIDUALS)
    own = misfit / np.maximum(freedom, 1.0)
    usual = 1 + MISFIT_DEVIATIONS * np.sqrt(2 / np.maximum(freedom, 1.0))
    variances = np.where(own > usual * variance, own, variance)
    result = np.empty((n_frames * n_keypoints, 3, 3))
    flat_points, flat_used = points.reshape(-1, 3), used.reshape(len(cameras), -1)
    for chunk in chunks(len(result)):
        result[chunk] = _inverse(_curvature(cameras, flat_points[chunk], flat_used[:, chunk]))
    result *= variances.reshape(-1, 1, 1)
    result[(freedom == 0).ravel() | np.isnan(flat_points).any(axis=1)] = np.nan
    return result.reshape(n_frames, n_keypoints, 3, 3)


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
