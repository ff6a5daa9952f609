"""Where the corners of a board really are: no board is quite flat, and none is printed quite to measure.

On real boards the corners are some hundredths to tenths of a millimetre from where they should be, which is
more than the noise of most pictures. The views tell it, since the errors are the same in all of them.

References:
    Strobl & Hirzinger, More accurate pinhole camera calibration with imperfect planar target, ICCV
    Workshops (2011).
"""

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.bundle import (
    Freedom,
    Loss,
    Rig,
    Views,
    camera_covariance,
    camera_steps,
    normal_equations,
    weighted_rows,
)
from anipose.geometry.schur import NormalEquations, descend

Array = NDArray[np.float64]

# Standard deviations of corners among boards, in the plane and out of it, over the size of the board; real
# ones have up to 0.0006 and 0.001. They also hold what views do not tell: place, turn and scale.
PRINT_SD, BEND_SD = 0.0005, 0.001
# The board is as it should be if another shape explains less than this part of the squared errors, beyond
# chance; and by chance it explains (3 numbers per corner) with so many standard deviations at most.
LEAST_PART, CHANCE_SDS = 0.05, 4.0


def is_misshapen(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> bool:
    """Whether the errors of a rig that fits best are to a good part the same wherever the board is."""
    own, gradient, total = _of_corners(rig, views, points, loss, noise_px)
    own = own + _precision(points)[:, :, None] * np.eye(3)
    explained = float((gradient * np.linalg.solve(own, gradient[..., None])[..., 0]).sum())
    by_chance = gradient.size
    least = max(LEAST_PART * total, CHANCE_SDS * np.sqrt(2 * by_chance))
    return bool(explained - by_chance > least)


def adjust_with_shape(
    rig: Rig,
    corners: Float[Array, "corner 3"],
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
    tolerance: float,
) -> tuple[Rig, Float[Array, "corner 3"]]:
    """The rig and the board that explain the views best.

    Args:
        corners: where the corners may be, to begin with.
        points: where they should be.
    """
    n_unknowns = freedom.basis.shape[0] * freedom.basis.shape[2]

    def equations(there: tuple[Rig, Array]) -> NormalEquations:
        return equations_with_shape(*there, views, points, freedom, loss, noise_px)

    def moved(there: tuple[Rig, Array], step: Array, boards: Array) -> tuple[Rig, Array]:
        cameras = camera_steps(freedom, step[:n_unknowns])
        return there[0].moved(cameras, boards), there[1] + step[n_unknowns:].reshape(-1, 3)

    return descend((rig, corners), equations, moved, tolerance=tolerance)


def covariance_with_shape(
    rig: Rig,
    corners: Float[Array, "corner 3"],
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    *,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> Float[Array, "camera 15 camera 15"]:
    """Covariance of the parameters of all cameras together, the shape of the board being estimated too."""
    equations = equations_with_shape(rig, corners, views, points, freedom, loss, noise_px)
    return camera_covariance(freedom, equations)


def equations_with_shape(
    rig: Rig,
    corners: Float[Array, "corner 3"],
    views: Views,
    points: Float[Array, "corner 3"],
    freedom: Freedom,
    loss: Loss,
    noise_px: Float[Array, "camera"],
) -> NormalEquations:
    """`normal_equations`, with the places of the corners as further unknowns that all frames share."""
    base = normal_equations(rig, views, corners, freedom, loss, noise_px)
    n_cameras, _, n_free = freedom.basis.shape
    n_corners, n_frames = len(points), len(rig.world_from_board)
    with_cameras = np.zeros((n_cameras, n_free, n_corners, 3))
    with_frames = np.zeros((n_corners, 3, n_frames, 6))
    for one in weighted_rows(rig, views, corners, loss, noise_px):
        frames = views.frame[one.views]
        by_corner = _by_corner(rig, frames, one.of_board)
        coupling = np.einsum("vpak,viak->pki", one.of_camera, by_corner, optimize=True)
        with_cameras[one.camera] += np.tensordot(freedom.basis[one.camera], coupling, (0, 0))
        with_frames[:, :, frames] += np.einsum("viak,vqak->kivq", by_corner, one.of_board, optimize=True)
    own, gradient, _ = _of_corners(rig, views, corners, loss, noise_px)
    precision, off = _precision(points), corners - points
    number = np.arange(n_corners)
    shape = np.zeros((n_corners, 3, n_corners, 3))
    shape[number, :, number] = own + precision[:, :, None] * np.eye(3)
    coupling = with_cameras.reshape(n_cameras * n_free, -1)
    return NormalEquations(
        base.cost + 0.5 * float((precision * off**2).sum()),
        np.block([[base.shared, coupling], [coupling.T, shape.reshape(3 * n_corners, -1)]]),
        np.concatenate([base.shared_gradient, (gradient + precision * off).ravel()]),
        base.frames,
        base.frames_gradient,
        np.concatenate([base.mixed, with_frames.reshape(3 * n_corners, n_frames, 6)]),
    )


def _of_corners(
    rig: Rig, views: Views, corners: Float[Array, "corner 3"], loss: Loss, noise_px: Float[Array, "camera"]
) -> tuple[Float[Array, "corner 3 3"], Float[Array, "corner 3"], float]:
    """J'WJ and J'Wr of the places of the corners, and the squared errors, over the noise."""
    own, gradient, total = np.zeros((len(corners), 3, 3)), np.zeros((len(corners), 3)), 0.0
    for one in weighted_rows(rig, views, corners, loss, noise_px):
        by_corner = _by_corner(rig, views.frame[one.views], one.of_board)
        own += np.einsum("viak,vjak->kij", by_corner, by_corner, optimize=True)
        gradient += np.einsum("viak,vak->ki", by_corner, one.error, optimize=True)
        total += float((one.error**2).sum())
    return own, gradient, total


def _by_corner(
    rig: Rig, frames: NDArray[np.int64], of_board: Float[Array, "view 6 2 corner"]
) -> Float[Array, "view 3 2 corner"]:
    """Derivatives by the places of the corners on the board: by a shift of the board, in its own axes."""
    rotations = rig.world_from_board[frames, :, :3]
    by_corner: Array = np.einsum("vji,vjak->viak", rotations, of_board[:, 3:])
    return by_corner


def off_plane(corners: Float[Array, "corner 3"], points: Float[Array, "corner 3"]) -> tuple[float, float]:
    """How far corners are from where they should be, in the plane of the board and out of it (rms)."""
    squares = np.mean((corners - points) ** 2, axis=0)
    return float(np.sqrt(squares[:2].sum())), float(np.sqrt(squares[2]))


def board_size(points: Float[Array, "corner 3"]) -> float:
    """The diagonal of the corners."""
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def _precision(points: Float[Array, "corner 3"]) -> Float[Array, "corner 3"]:
    """Of each coordinate of a corner, before any view."""
    deviation = board_size(points) * np.array([PRINT_SD, PRINT_SD, BEND_SD])
    return np.tile(1 / deviation**2, (len(points), 1))
