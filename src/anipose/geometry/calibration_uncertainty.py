"""What the error of a calibration does to points: cameras that are not quite where, or what, they seem to be.

A calibration is the same for all frames. So its error does not average out over time, and it shifts
neighbouring points alike.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.geometry.bundle import N_CAMERA, N_POSE
from anipose.geometry.cameras import Camera, Cameras, chunks
from anipose.geometry.transforms import compose, cross_matrix, inverse

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Cameras are those of an uncertainty if they agree this well: files round to 15 digits, no more.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class CalibrationUncertainty:
    """Covariance of the parameters of all cameras of a calibration.

    The parameters of a camera are a small turn d and shift s of what it sees, Y <- Y + d x Y + s for a
    point Y in its axes; fx, fy, cx, cy; and five coefficients of the lens. They do not depend on the
    coordinate system of the world.

    Attributes:
        names: of the cameras.
        intrinsics: (camera, 9), that it holds for.
        cam_from_first: (camera, 3, 4), that it holds for; relative to the first camera.
        joint: the covariance; the first camera is exactly where it is.
    """

    names: tuple[str, ...]
    intrinsics: Float[Array, "camera 9"]
    cam_from_first: Float[Array, "camera 3 4"]
    joint: Float[Array, "camera 15 camera 15"]

    def is_of(self, cameras: Cameras) -> bool:
        """Whether it is the uncertainty of these cameras, or of a calibration that they are a part of."""
        if not set(cameras.names) <= set(self.names):
            return False
        rows = [self.names.index(name) for name in cameras.names]
        one_from_first = self.cam_from_first[rows[0]]
        poses = np.stack([compose(self.cam_from_first[row], inverse(one_from_first)) for row in rows])
        here = _relative_poses(cameras)
        size = max(float(np.abs(here[..., 3]).max()), 1e-12)
        return bool(
            np.allclose(self.intrinsics[rows], _intrinsics(cameras), rtol=SAME, atol=SAME)
            and np.allclose(poses[..., :3], here[..., :3], rtol=0, atol=SAME)
            and np.allclose(poses[..., 3], here[..., 3], rtol=0, atol=SAME * size)
        )

    def of(self, cameras: Cameras) -> Float[Array, "camera 15 camera 15"]:
        """The covariance of some of the cameras."""
        rows = [self.names.index(name) for name in cameras.names]
        return self.joint[rows][:, :, rows]


def uncertainty_of(cameras: Cameras, joint: Float[Array, "camera 15 camera 15"]) -> CalibrationUncertainty:
    """From the covariance of the parameters of `bundle`, whose rotation turns R alone and not t."""
    turned = np.zeros((len(cameras), N_CAMERA, N_CAMERA))
    turned[:] = np.eye(N_CAMERA)
    for row, camera in enumerate(cameras):
        # R <- exp(d) R, t <- t + e is Y <- Y + d x (Y - t) + e: the shift is e - d x t = e + t x d.
        turned[row, 3:6, :3] = cross_matrix(camera.translation)
    return CalibrationUncertainty(
        cameras.names,
        _intrinsics(cameras),
        _relative_poses(cameras),
        np.einsum("cij,cjdk,dlk->cidl", turned, joint, turned, optimize=True),
    )


def calibration_covariances(
    cameras: Cameras,
    joint: Float[Array, "camera 15 camera 15"],
    points: Float[Array, "*batch 3"],
    used: Bool[Mask, "camera *batch"],
) -> Float[Array, "*batch 3 3"]:
    """Covariances of points that fit the pixels of the used cameras best, from those of the cameras alone.

    A change dq of the parameters moves the point by -(J'J)^-1 J'K dq, J and K the derivatives of the
    pixels by the point and by the parameters.
    """
    flat, seen = points.reshape(-1, 3), used.reshape(len(cameras), -1)
    n_parameters = len(cameras) * N_CAMERA
    # The covariance is that of few combinations of the parameters: those that are free.
    values, vectors = np.linalg.eigh(joint.reshape(n_parameters, n_parameters))
    free = values > 1e-15 * values.max(initial=0.0)
    root = vectors[:, free] * np.sqrt(values[free])
    result = np.empty((len(flat), 3, 3))
    for chunk in chunks(len(flat)):
        moves = _moves(cameras, flat[chunk], seen[:, chunk]) @ root
        result[chunk] = moves @ np.swapaxes(moves, 1, 2)
    return result.reshape(*points.shape[:-1], 3, 3)


def _moves(
    cameras: Cameras, points: Float[Array, "point 3"], used: Bool[Mask, "camera point"]
) -> Float[Array, "point 3 parameter"]:
    """Derivatives of the best points by the parameters of all cameras; NaN where there is no point."""
    curvature = np.zeros((len(points), 3, 3))
    mixed = np.zeros((len(points), 3, len(cameras), N_CAMERA))
    for row, camera in enumerate(cameras):
        _, by_point = camera.project_with_jacobian(points)
        by_parameter = _by_parameter(camera, points, by_point)
        by_point = np.where(used[row, :, None, None] & np.isfinite(by_point), by_point, 0.0)
        curvature += np.swapaxes(by_point, 1, 2) @ by_point
        mixed[:, :, row] = np.swapaxes(by_point, 1, 2) @ np.nan_to_num(by_parameter)
    known = np.isfinite(points).all(axis=1) & (used.sum(axis=0) > 1)
    curvature[~known] = np.eye(3)
    moves = -np.linalg.solve(curvature, mixed.reshape(len(points), 3, -1))
    return np.where(known[:, None, None], moves, np.nan)


def _by_parameter(
    camera: Camera, points: Float[Array, "point 3"], by_point: Float[Array, "point 2 3"]
) -> Float[Array, "point 2 parameter"]:
    """Derivatives of the pixels by the parameters of the camera."""
    in_camera = points @ camera.rotation_matrix.T + camera.translation
    by_camera = by_point @ camera.rotation_matrix.T
    result = np.zeros((len(points), 2, N_CAMERA))
    result[:, :, :3] = np.cross(in_camera[:, None], by_camera)
    result[:, :, 3:6] = by_camera
    x, y = in_camera[:, 0] / in_camera[:, 2], in_camera[:, 1] / in_camera[:, 2]
    result[:, 0, N_POSE], result[:, 1, N_POSE + 1] = camera.lens.distort(x, y)
    result[:, 0, N_POSE + 2] = result[:, 1, N_POSE + 3] = 1.0
    by_lens = camera.lens.basis(x, y) * camera.matrix[[0, 1], [0, 1]][:, None]
    result[:, :, N_POSE + 4 : N_POSE + 4 + by_lens.shape[2]] = by_lens
    return result


def _intrinsics(cameras: Cameras) -> Float[Array, "camera 9"]:
    result = np.zeros((len(cameras), N_CAMERA - N_POSE))
    for row, camera in enumerate(cameras):
        result[row, :4] = camera.matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
        result[row, 4 : 4 + len(camera.distortions)] = camera.distortions
    return result


def _relative_poses(cameras: Cameras) -> Float[Array, "camera 3 4"]:
    first = cameras.cameras[0].cam_from_world
    return np.stack([compose(camera.cam_from_world, inverse(first)) for camera in cameras])
