"""Bundle adjustment of cameras and board poses: Levenberg-Marquardt with a Schur complement.

Unknown are, per camera, its pose and its intrinsics, and, per frame, the pose of the board; the corners
of the board are known. Residuals are in units of the noise of their camera, so that priors, robust losses
and the covariance share one unit.

Parameters of a camera, in this order (`N_CAMERA`): rotation (3, a small turn before the present one:
R <- exp(d) R), translation (3), fx, fy, cx, cy, and five coefficients of the lens (the fifth stays 0 for a
fisheye). `Freedom.basis` says which of them, or which combinations, are free.

References:
    Triggs et al., Bundle adjustment: a modern synthesis, section 6 (Schur complement).
    Yang et al., Graduated non-convexity for robust spatial perception, IEEE RA-L 5 (2020).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.geometry.lenses import Lens, lens
from anipose.geometry.transforms import rotation_matrix

Array = NDArray[np.float64]

N_POSE, N_INTRINSICS = 6, 9
N_CAMERA = N_POSE + N_INTRINSICS
FX, FY, CX, CY, K1, K2 = range(6)
# Corners worked on at once: the temporary arrays then stay in the processor's cache.
CHUNK = 2048
# A corner that the model puts behind the camera, or beyond the fold of the lens, counts as this far off.
BEHIND_PX = 1e4
DAMPING_AT_START, DAMPING_AT_MOST = 1e-4, 1e8
# Keeps the equations of a frame solvable in which every corner is an outlier.
FLOOR = 1e-9


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


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Cost, and J'WJ and J'Wr in blocks, of cameras in their unknowns and of boards."""

    cost: float
    cameras: Float[Array, "camera free free"]
    cameras_gradient: Float[Array, "camera free"]
    boards: Float[Array, "frame 6 6"]
    boards_gradient: Float[Array, "frame 6"]
    mixed: Float[Array, "camera free frame 6"]


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


def normal_equations(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> NormalEquations:
    """The quadratic model of the cost 1/2 sum(s^2 rho(|r|^2 / s^2)) + prior, by iterated reweighting."""
    n_cameras, _, n_free = freedom.basis.shape
    n_frames = len(rig.world_from_board)
    cameras = np.zeros((n_cameras, N_CAMERA, N_CAMERA))
    cameras_gradient = np.zeros((n_cameras, N_CAMERA))
    boards, boards_gradient = np.zeros((n_frames, 6, 6)), np.zeros((n_frames, 6))
    mixed = np.zeros((n_cameras, n_free, n_frames, 6))
    off = rig.intrinsics - freedom.prior
    pull = (freedom.precision @ off[..., None])[..., 0]
    cost = 0.5 * float((off * pull).sum())
    for camera, chunk in _pieces(views):
        frames = views.frame[chunk]
        by_parameter, pixels, front = jacobian(rig, camera, frames, points)
        seen = np.isfinite(views.corners[chunk, :, 0])
        error = (
            np.where(seen[:, None], pixels - np.moveaxis(views.corners[chunk], 2, 1), 0.0) / noise_px[camera]
        )
        square = np.where(front, (error**2).sum(1), (BEHIND_PX / noise_px[camera]) ** 2) / loss.scale**2
        rho, weight = loss.rho(square)
        cost += 0.5 * loss.scale**2 * float(rho[seen].sum())
        root = np.sqrt(np.where(seen & front, weight, 0.0))[:, None]
        rows = np.concatenate([by_parameter / noise_px[camera], error[:, None]], axis=1) * root[:, None]
        rows = rows.reshape(len(chunk), N_CAMERA + 7, -1)
        products = rows @ np.swapaxes(rows, 1, 2)
        cameras[camera] += products[:, :N_CAMERA, :N_CAMERA].sum(0)
        cameras_gradient[camera] += products[:, :N_CAMERA, -1].sum(0)
        boards[frames] += products[:, N_CAMERA:-1, N_CAMERA:-1]
        boards_gradient[frames] += products[:, N_CAMERA:-1, -1]
        coupling = freedom.basis[camera].T @ products[:, :N_CAMERA, N_CAMERA:-1]
        mixed[camera][:, frames] = np.moveaxis(coupling, 0, 1)
    cameras[:, N_POSE:, N_POSE:] += freedom.precision
    cameras_gradient[:, N_POSE:] += pull
    transposed = np.swapaxes(freedom.basis, 1, 2)
    return NormalEquations(
        cost,
        transposed @ cameras @ freedom.basis,
        (transposed @ cameras_gradient[..., None])[..., 0],
        boards,
        boards_gradient,
        mixed,
    )


def _schur(equations: NormalEquations, damping: float) -> tuple[Array, Array, Array]:
    """The equations of the cameras alone, (matrix, right side), and the inverse blocks of the boards."""
    n_cameras, n_free, n_frames, _ = equations.mixed.shape
    diagonal = np.einsum("fii->fi", equations.boards)
    boards = equations.boards.copy()
    index = np.arange(6)
    boards[:, index, index] += damping * diagonal + FLOOR * diagonal.mean(0)
    inverse = np.linalg.inv(boards).astype(np.float64)
    mixed = equations.mixed.reshape(n_cameras * n_free, n_frames, 6)
    eliminated = (mixed.transpose(1, 0, 2) @ inverse).transpose(1, 0, 2).reshape(len(mixed), -1)
    matrix = -eliminated @ mixed.reshape(len(mixed), -1).T
    for camera in range(n_cameras):
        own = slice(camera * n_free, (camera + 1) * n_free)
        matrix[own, own] += equations.cameras[camera]
        matrix[own, own] += damping * np.diag(np.diag(equations.cameras[camera]))
    fixed = np.einsum("cii->ci", equations.cameras).ravel() == 0
    matrix[fixed, fixed] = 1.0
    right = eliminated @ equations.boards_gradient.ravel() - equations.cameras_gradient.ravel()
    return matrix, right, inverse


def adjust(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
    tolerance: float = 1e-8,
    max_iterations: int = 30,
) -> Rig:
    """The rig that explains the views best.

    Args:
        points: the corners, in board coordinates.
        noise_px: standard deviation of each coordinate of a corner, per camera.
        tolerance: stop when a step lowers the cost by less than this fraction.
    """
    now = normal_equations(rig, views, points, freedom, loss, noise_px)
    damping = DAMPING_AT_START
    for _ in range(max_iterations):
        matrix, right, inverse = _schur(now, damping)
        step = np.linalg.solve(matrix, right)
        coupled = np.tensordot(step, now.mixed.reshape(len(step), -1), 1).reshape(-1, 6)
        boards = (inverse @ (-now.boards_gradient - coupled)[..., None])[..., 0]
        cameras = (freedom.basis @ step.reshape(len(freedom.basis), -1, 1))[..., 0]
        there = rig.moved(cameras, boards)
        then = normal_equations(there, views, points, freedom, loss, noise_px)
        if not then.cost < now.cost:
            damping *= 10
            if damping > DAMPING_AT_MOST:
                break
            continue
        gain = now.cost - then.cost
        rig, now, damping = there, then, damping / 10
        if gain <= tolerance * now.cost:
            break
    return rig


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
    equations = normal_equations(rig, views, points, freedom, loss, noise_px)
    inverse = np.linalg.inv(_schur(equations, 0.0)[0])
    n_cameras, _, n_free = freedom.basis.shape
    blocks = inverse.reshape(n_cameras, n_free, n_cameras, n_free)
    joint: Array = np.einsum("cif,cfdg,djg->cidj", freedom.basis, blocks, freedom.basis, optimize=True)
    return joint


def own_blocks(joint: Float[Array, "camera 15 camera 15"]) -> Float[Array, "camera 15 15"]:
    """The covariance of each camera, of that of all together."""
    number = np.arange(len(joint))
    return joint[number, :, number]
