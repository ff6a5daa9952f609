"""One camera where it sees known points best."""

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Camera
from anipose.geometry.transforms import rotation_matrix

Array = NDArray[np.float64]

ITERATIONS = 20
MIN_POINTS = 6


def placed_by_points(
    camera: Camera, points: Float[Array, "point 3"], pixels: Float[Array, "point 2"]
) -> Camera:
    """The camera where it sees points best: Gauss-Newton with Geman-McClure weights.

    With a turn d before the pose, R <- exp(d) R, and g the derivative of a pixel coordinate by the point in
    the camera, the derivatives are (R X) x g and, by the translation, g.
    """
    for _ in range(ITERATIONS):
        seen, by_point = camera.project_with_jacobian(points)
        off = pixels - seen
        length = np.linalg.norm(off, axis=-1)
        good = np.isfinite(length)
        if good.sum() < MIN_POINTS:
            return camera
        scale = 2 * float(np.median(length[good])) + 1e-9
        weight = np.where(good, 1 / (1 + (length / scale) ** 2), 0.0)
        by_camera = np.where(good[:, None, None], by_point @ camera.rotation_matrix.T, 0.0)
        turned = points @ camera.rotation_matrix.T
        rows = (
            np.concatenate([np.cross(turned[:, None], by_camera), by_camera], axis=-1) * weight[:, None, None]
        )
        right = np.where(good[:, None], off, 0.0) * weight[:, None]
        step, *_ = np.linalg.lstsq(rows.reshape(-1, 6), right.ravel(), rcond=None)
        rotation = rotation_matrix(step[:3]) @ camera.rotation_matrix
        camera = camera.with_pose(rotation, camera.translation + step[3:])
    return camera
