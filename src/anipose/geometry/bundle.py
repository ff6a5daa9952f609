"""Bundle adjustment of cameras and board poses.

Unknown are, per camera, its pose and its intrinsics, and, per frame, the pose of the board; the corners
of the board are known. Residuals are in units of the noise of their camera, so that priors, robust losses
and the covariance share one unit.

Parameters of a camera, in this order (`N_CAMERA`): rotation (3, a small turn before the present one:
R <- exp(d) R), translation (3), fx, fy, cx, cy, and five coefficients of the lens (the fifth stays 0 for a
fisheye). `Freedom.basis` says which of them, or which combinations, are free.

References:
    Yang et al., Graduated non-convexity for robust spatial perception, IEEE RA-L 5 (2020).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.geometry.lenses import Lens, lens
from anipose.geometry.schur import NormalEquations, descend, without_frames
from anipose.geometry.transforms import rotation_matrix

Array = NDArray[np.float64]

N_POSE, N_INTRINSICS = 6, 9
N_CAMERA = N_POSE + N_INTRINSICS
FX, FY, CX, CY, K1, K2 = range(6)
# Corners worked on at once: the temporary arrays then stay in the processor's cache.
CHUNK = 2048
# A corner that the model puts behind the camera, or beyond the fold of the lens, counts as this far off.
BEHIND_PX = 1e4


@dataclass(frozen=True, eq=False)
class Views:
    """What the cameras saw: one view per frame and camera, at most.

    Attributes:
        camera: (view,), number of the camera.
        frame: (view,), number of the frame, 0 to n_frames - 1, each with a view at least.
        corners: (view, corner, 2), pixels; NaN where a corner was not seen.
    """

    camera: Int[NDArray[np.int64], "view"]
    frame: Int[NDArray[np.int64], "view"]
    corners: Float[Array, "view corner 2"]


@dataclass(frozen=True, eq=False)
class Rig:
    """The values that are adjusted.

    Attributes:
        intrinsics: (camera, 9), fx, fy, cx, cy and the coefficients of the lens.
        fisheye: (camera,).
        cam_from_world: (camera, 3, 4).
        world_from_board: (frame, 3, 4).
    """

    intrinsics: Float[Array, "camera 9"]
    fisheye: tuple[bool, ...]
    cam_from_world: Float[Array, "camera 3 4"]
    world_from_board: Float[Array, "frame 3 4"]

    def lens(self, camera: int) -> Lens:
        fisheye = self.fisheye[camera]
        return lens(self.intrinsics[camera, 4 : 8 if fisheye else 9], fisheye=fisheye)

    def moved(self, cameras: Float[Array, "camera 15"], boards: Float[Array, "frame 6"]) -> Self:
        """The rig after a step in its parameters."""
        return replace(
            self,
            intrinsics=self.intrinsics + cameras[:, N_POSE:],
            cam_from_world=_moved(self.cam_from_world, cameras[:, :N_POSE]),
            world_from_board=_moved(self.world_from_board, boards),
        )


def _moved(poses: Float[Array, "pose 3 4"], step: Float[Array, "pose 6"]) -> Float[Array, "pose 3 4"]:
    moved = poses.copy()
    moved[:, :, :3] = rotation_matrix(step[:, :3]) @ poses[:, :, :3]
    moved[:, :, 3] += step[:, 3:]
    return moved


@dataclass(frozen=True, eq=False)
class Freedom:
    """Which parameters of the cameras are free, and what is known of them before.

    Attributes:
        basis: (camera, 15, free), parameters by unknowns; a column of zeros is an unknown that a camera
            does not have.
        prior: (camera, 9), intrinsics expected.
        precision: (camera, 9, 9), inverse covariance of the prior; 0 if nothing is known.
    """

    basis: Float[Array, "camera 15 free"]
    prior: Float[Array, "camera 9"]
    precision: Float[Array, "camera 9 9"]


@dataclass(frozen=True)
class Loss:
    """How much a residual counts.

    Attributes:
        rho: of the squared residual over `scale`: (loss, its derivative, which is the weight).
        scale: where residuals begin to count less, in units of the noise.
    """

    rho: Callable[[Array], tuple[Array, Array]]
    scale: float


def cauchy(square: Array) -> tuple[Array, Array]:
    """log(1 + q): outliers count ever less, but count."""
    return np.log1p(square), 1 / (1 + square)


def geman_mcclure(square: Array) -> tuple[Array, Array]:
    """q / (1 + q): outliers count for nothing."""
    return square / (1 + square), 1 / (1 + square) ** 2


def residuals(rig: Rig, views: Views, points: Float[Array, "corner 3"]) -> Float[Array, "view corner 2"]:
    """Projection minus corner, pixels; NaN where not seen, and where the model cannot see it."""
    result = np.full(views.corners.shape, np.nan)
    for camera, chunk in _pieces(views):
        _, u, v, front = _project(rig, camera, views.frame[chunk], points)
        seen = np.where(front[..., None], np.stack([u, v], -1), np.nan)
        result[chunk] = seen - views.corners[chunk]
    return result


def _pieces(views: Views) -> list[tuple[int, NDArray[np.int64]]]:
    """Views of one camera at a time, few enough for the cache."""
    n_views = max(1, CHUNK // views.corners.shape[1])
    pieces = []
    for camera in np.unique(views.camera):
        own = np.flatnonzero(views.camera == camera)
        pieces += [(int(camera), own[start : start + n_views]) for start in range(0, len(own), n_views)]
    return pieces


def _project(
    rig: Rig, camera: int, frames: NDArray[np.int64], points: Array
) -> tuple[tuple[Array, ...], Array, Array, NDArray[np.bool_]]:
    """Everything between board and pixel that derivatives need, pixels, and whether the camera sees it."""
    board, cam = rig.world_from_board[frames], rig.cam_from_world[camera]
    turned = board[:, :, :3] @ points.T  # (view, 3, corner)
    rotated = cam[:, :3] @ (turned + board[:, :, 3:])
    z = rotated[:, 2] + cam[2, 3]
    front = z > 0
    z = np.where(front, z, 1.0)
    x, y = (rotated[:, 0] + cam[0, 3]) / z, (rotated[:, 1] + cam[1, 3]) / z
    front &= x * x + y * y < rig.lens(camera).limit ** 2
    x, y = np.where(front, x, 0.0), np.where(front, y, 0.0)
    x_d, y_d, xx, xy, yy = rig.lens(camera).distort_with_jacobian(x, y)
    fx, fy, cx, cy = rig.intrinsics[camera, :4]
    return (turned, rotated, z, x, y, x_d, y_d, xx, xy, yy), fx * x_d + cx, fy * y_d + cy, front


def jacobian(
    rig: Rig, camera: int, frames: Int[NDArray[np.int64], "view"], points: Float[Array, "corner 3"]
) -> tuple[Float[Array, "view 21 2 corner"], Float[Array, "view 2 corner"], NDArray[np.bool_]]:
    """Derivatives of the pixels (u, v) by the parameters of the camera (15) and of the board (6).

    Returns:
        derivatives, pixels, and where the camera sees the corner (else both are meaningless).

    With Y = R_c X + t_c, X = R_b P + t_b, and g the derivative of a pixel coordinate by Y: by a turn
    of the camera (R_c X) x g, by its translation g; by a turn of the board (R_b P) x (R_c' g), by its
    translation R_c' g.
    """
    (turned, rotated, z, x, y, x_d, y_d, xx, xy, yy), u, v, front = _project(rig, camera, frames, points)
    fx, fy = rig.intrinsics[camera, :2]
    rotation = rig.cam_from_world[camera, :, :3]
    result = np.zeros((len(frames), N_CAMERA + 6, 2, len(points)))
    coefficients = rig.lens(camera).basis(x, y)
    n_coefficients = coefficients.shape[-1]
    for axis, (f, along_x, along_y, along_f) in enumerate([(fx, xx, xy, x_d), (fy, xy, yy, y_d)]):
        gx, gy = f / z * along_x, f / z * along_y
        gradient = np.stack([gx, gy, -(gx * x + gy * y)], axis=1)  # (view, 3, corner)
        in_world = rotation.T @ gradient
        result[:, 0:3, axis] = _cross(rotated, gradient)
        result[:, 3:6, axis] = gradient
        result[:, N_POSE + axis, axis] = along_f
        result[:, N_POSE + CX + axis, axis] = 1.0
        by_lens = np.moveaxis(coefficients[..., axis, :], -1, 1)
        result[:, N_POSE + K1 : N_POSE + K1 + n_coefficients, axis] = f * by_lens
        result[:, N_CAMERA : N_CAMERA + 3, axis] = _cross(turned, in_world)
        result[:, N_CAMERA + 3 :, axis] = in_world
    return result, np.stack([u, v], axis=1), front


def _cross(
    a: Float[Array, "view 3 corner"], b: Float[Array, "view 3 corner"]
) -> Float[Array, "view 3 corner"]:
    rows = [a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(rows, axis=1)


@dataclass(frozen=True, eq=False)
class Rows:
    """Equations of some views of one camera, over the noise and with the roots of their weights.

    Attributes:
        camera: its number.
        views: (view,), their numbers.
        cost: of them.
        of_camera: (view, 15, 2, corner), derivatives by its parameters.
        of_board: (view, 6, 2, corner), by those of the board.
        error: (view, 2, corner).
    """

    camera: int
    views: NDArray[np.int64]
    cost: float
    of_camera: Float[Array, "view 15 2 corner"]
    of_board: Float[Array, "view 6 2 corner"]
    error: Float[Array, "view 2 corner"]


def weighted_rows(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> Iterator[Rows]:
    """The linear equations of all views, by iterated reweighting, of 1/2 sum(s^2 rho(|r|^2 / s^2))."""
    for camera, chunk in _pieces(views):
        by_parameter, pixels, front = jacobian(rig, camera, views.frame[chunk], points)
        noise, corners = noise_px[camera], np.moveaxis(views.corners[chunk], 2, 1)
        seen = np.isfinite(corners[:, 0])
        error = np.where(seen[:, None], pixels - corners, 0.0) / noise
        square = np.where(front, (error**2).sum(1), (BEHIND_PX / noise) ** 2) / loss.scale**2
        rho, weight = loss.rho(square)
        cost = 0.5 * loss.scale**2 * float(rho[seen].sum())
        root = np.sqrt(np.where(seen & front, weight, 0.0))[:, None]
        by_parameter *= (root / noise)[:, None]
        yield Rows(camera, chunk, cost, by_parameter[:, :N_CAMERA], by_parameter[:, N_CAMERA:], error * root)


def normal_equations(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> NormalEquations:
    """The quadratic model of the cost and the priors; all frames share the unknowns of the cameras."""
    n_cameras, _, n_free = freedom.basis.shape
    n_frames = len(rig.world_from_board)
    cameras = np.zeros((n_cameras, N_CAMERA, N_CAMERA))
    gradient = np.zeros((n_cameras, N_CAMERA))
    boards, boards_gradient = np.zeros((n_frames, 6, 6)), np.zeros((n_frames, 6))
    mixed = np.zeros((n_cameras, n_free, n_frames, 6))
    off = rig.intrinsics - freedom.prior
    pull = (freedom.precision @ off[..., None])[..., 0]
    cost = 0.5 * float((off * pull).sum())
    for one in weighted_rows(rig, views, points, loss, noise_px):
        camera, frames = one.camera, views.frame[one.views]
        cost += one.cost
        rows = np.concatenate([one.of_camera, one.of_board, one.error[:, None]], axis=1)
        rows = rows.reshape(len(frames), N_CAMERA + 7, -1)
        products = rows @ np.swapaxes(rows, 1, 2)
        cameras[camera] += products[:, :N_CAMERA, :N_CAMERA].sum(0)
        gradient[camera] += products[:, :N_CAMERA, -1].sum(0)
        boards[frames] += products[:, N_CAMERA:-1, N_CAMERA:-1]
        boards_gradient[frames] += products[:, N_CAMERA:-1, -1]
        coupling = freedom.basis[camera].T @ products[:, :N_CAMERA, N_CAMERA:-1]
        mixed[camera][:, frames] = np.moveaxis(coupling, 0, 1)
    cameras[:, N_POSE:, N_POSE:] += freedom.precision
    gradient[:, N_POSE:] += pull
    transposed = np.swapaxes(freedom.basis, 1, 2)
    shared = np.zeros((n_cameras, n_free, n_cameras, n_free))
    number = np.arange(n_cameras)
    shared[number, :, number] = transposed @ cameras @ freedom.basis
    n_shared = n_cameras * n_free
    return NormalEquations(
        cost,
        shared.reshape(n_shared, n_shared),
        (transposed @ gradient[..., None]).ravel(),
        boards,
        boards_gradient,
        mixed.reshape(n_shared, n_frames, 6),
    )


def adjust(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
    tolerance: float = 1e-8,
) -> Rig:
    """The rig that explains the views best.

    Args:
        points: the corners, in board coordinates.
        noise_px: standard deviation of each coordinate of a corner, per camera.
        tolerance: stop when a step lowers the cost by less than this fraction.
    """

    def equations(there: Rig) -> NormalEquations:
        return normal_equations(there, views, points, freedom, loss, noise_px)

    def moved(there: Rig, step: Array, boards: Array) -> Rig:
        return there.moved(camera_steps(freedom, step), boards)

    return descend(rig, equations, moved, tolerance=tolerance)


def camera_steps(freedom: Freedom, step: Float[Array, "unknown"]) -> Float[Array, "camera 15"]:
    """A step in the unknowns of the cameras, in their parameters."""
    steps: Array = (freedom.basis @ step.reshape(len(freedom.basis), -1, 1))[..., 0]
    return steps


def covariance(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> Float[Array, "camera 15 15"]:
    """Covariance of the parameters of each camera, everything else being estimated too."""
    return own_blocks(joint_covariance(rig, views, points, freedom, loss=loss, noise_px=noise_px))


def joint_covariance(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> Float[Array, "camera 15 camera 15"]:
    """Covariance of the parameters of all cameras together, the boards being estimated too."""
    return camera_covariance(freedom, normal_equations(rig, views, points, freedom, loss, noise_px))


def camera_covariance(freedom: Freedom, equations: NormalEquations) -> Float[Array, "camera 15 camera 15"]:
    """Covariance of the parameters of the cameras, whose unknowns are the first of the shared ones."""
    n_cameras, _, n_free = freedom.basis.shape
    n_unknowns = n_cameras * n_free
    inverse = np.linalg.inv(without_frames(equations)[0])[:n_unknowns, :n_unknowns]
    blocks = inverse.reshape(n_cameras, n_free, n_cameras, n_free)
    joint: Array = np.einsum("cif,cfdg,djg->cidj", freedom.basis, blocks, freedom.basis, optimize=True)
    return joint


def own_blocks(joint: Float[Array, "camera 15 camera 15"]) -> Float[Array, "camera 15 15"]:
    """The covariance of each camera, of that of all together."""
    number = np.arange(len(joint))
    return joint[number, :, number]
