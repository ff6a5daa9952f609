"""How well cameras predict boards that they were not calibrated from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.geometry.board_edges import Edges, edge_deviations, edge_lengths, edge_noise_px, expected_error
from anipose.geometry.bundle import (
    N_CAMERA,
    N_INTRINSICS,
    Freedom,
    Loss,
    Rig,
    Views,
    adjust,
    geman_mcclure,
    residuals,
)
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.intrinsics import noise_of
from anipose.geometry.transforms import rotation_vector

Array = NDArray[np.float64]

# Every so many-th frame is held out, once; with few frames in turn, so that each is.
EVERY, FEW_FRAMES = 4, 80
# With fewer frames than this, what is left to fit is not what would be calibrated.
MIN_FRAMES = 8
# A corner that is off by more than so many standard deviations is none.
GROSS = 6.0
LOSS = Loss(geman_mcclure, 5.0)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Errors in frames that were not used.

    Attributes:
        errors: (view, corner, 2), pixels, of the boards that fit best in cameras as they are; NaN elsewhere.
        camera: (view,).
        lengths: (edge,), of board edges between triangulated corners, over the true ones.
        deviations: (edge,), of the same, in the unit of the board.
        noise: (edge,), standard deviations of `lengths` that the noise of the corners alone gives.
        misprint: (edge,), what is added to `lengths` by the board, as it seems to be.
    """

    errors: Float[Array, "view corner 2"]
    camera: Int[NDArray[np.int64], "view"]
    lengths: Float[Array, "edge"]
    deviations: Float[Array, "edge"]
    noise: Float[Array, "edge"]
    misprint: Float[Array, "edge"]

    def of_camera(self, camera: int) -> tuple[float, float] | None:
        """Median and 95th percentile of the errors, pixels."""
        lengths = np.linalg.norm(self.errors[self.camera == camera], axis=-1)
        lengths = lengths[np.isfinite(lengths)]
        return (float(np.median(lengths)), float(np.quantile(lengths, 0.95))) if len(lengths) else None

    def figures(self) -> dict[str, float]:
        """For the metadata of a calibration."""
        lengths = np.linalg.norm(self.errors, axis=-1)
        found = {"held_out_error": figure(np.nanmedian(lengths))}
        if len(self.lengths):
            found |= {
                "held_out_edge_error": figure(np.median(np.abs(self.deviations))),
                "held_out_edge_error_percent": figure(100 * np.median(np.abs(self.lengths - 1))),
                "held_out_edge_bias_percent": figure(100 * np.median(self.lengths - 1)),
                "held_out_edge_noise_percent": figure(100 * expected_error(0.0, self.noise)),
                "held_out_edge_expected_percent": figure(100 * expected_error(self.misprint, self.noise)),
            }
        return found


def figure(value: float | np.floating) -> float:
    """Four digits are all that such a figure means."""
    return float(f"{value:.4g}")


def hold_out(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    edges: Edges | None,
    fit: Callable[[Rig, Views], Rig | None],
) -> HeldOut | None:
    """Fit without some frames, and compare with these.

    Args:
        rig: fitted to all; where the fits begin.
        fit: the rig that explains views, from one nearby; None if they are too few to tell.
    """
    n_frames = len(rig.world_from_board)
    if n_frames < MIN_FRAMES:
        return None
    parts = range(EVERY) if n_frames <= FEW_FRAMES else (1,)
    # By turns in each group of cameras, so that no part takes all the frames that a pair shares.
    turn = _turns(views, n_frames)
    errors, cameras, of_edges = [], [], []
    for part in parts:
        out = turn == part
        if len(np.unique(views.camera[~out[views.frame]])) < len(rig.fisheye):
            continue
        fitted = fit(*some_frames(rig, views, ~out))
        if fitted is None:
            continue
        judged, of_judged = some_frames(rig, views, out)
        judged = fit_boards(
            replace(judged, intrinsics=fitted.intrinsics, cam_from_world=fitted.cam_from_world),
            of_judged,
            points,
        )
        left = residuals(judged, of_judged, points)
        errors.append(left)
        cameras.append(of_judged.camera)
        if edges is not None and len(rig.fisheye) > 1:
            # Corners that were detected somewhere else say nothing of the cameras.
            right = np.linalg.norm(left, axis=-1) < GROSS * noise_of(left)
            seen = replace(of_judged, corners=np.where(right[..., None], of_judged.corners, np.nan))
            of_edges.append(_measured(judged, seen, left, edges))
    if not errors:
        return None
    measured = np.concatenate([np.empty((4, 0)), *of_edges], axis=1)
    return HeldOut(np.concatenate(errors), np.concatenate(cameras), *measured)


def _turns(views: Views, n_frames: int) -> NDArray[np.int64]:
    """The number of each frame among those that the same cameras see, modulo EVERY."""
    n_cameras = int(views.camera.max()) + 1
    seen = np.zeros((n_frames, n_cameras), bool)
    seen[views.frame, views.camera] = True
    _, group = np.unique(seen, axis=0, return_inverse=True)
    turn = np.zeros(n_frames, np.int64)
    for number in np.unique(group):
        own = np.flatnonzero(group == number)
        turn[own] = (np.arange(len(own)) + number) % EVERY
    return turn


def some_frames(rig: Rig, views: Views, chosen: NDArray[np.bool_]) -> tuple[Rig, Views]:
    """The boards and views of some of the frames."""
    kept = chosen[views.frame]
    number = np.cumsum(chosen) - 1
    return replace(rig, world_from_board=rig.world_from_board[chosen]), Views(
        views.camera[kept], number[views.frame[kept]], views.corners[kept]
    )


def fit_boards(rig: Rig, views: Views, points: Float[Array, "corner 3"]) -> Rig:
    """Boards where they fit best, the cameras as they are."""
    n_cameras = len(rig.fisheye)
    nothing = Freedom(
        np.zeros((n_cameras, N_CAMERA, 1)), rig.intrinsics, np.zeros((n_cameras, N_INTRINSICS, N_INTRINSICS))
    )
    noise = np.full(n_cameras, noise_of(residuals(rig, views, points)))
    return adjust(rig, views, points, nothing, loss=LOSS, noise_px=noise, tolerance=1e-6)


def _measured(
    rig: Rig, views: Views, errors: Float[Array, "view corner 2"], edges: Edges
) -> Float[Array, "4 measured"]:
    """Lengths, deviations, noise and misprint of the edges, see `HeldOut`."""
    n_cameras, n_frames = len(rig.fisheye), len(rig.world_from_board)
    corners = np.full((n_cameras, n_frames, *views.corners.shape[1:]), np.nan)
    corners[views.camera, views.frame] = views.corners
    cameras = cameras_of(rig, [str(i) for i in range(n_cameras)], [(1, 1)] * n_cameras)
    found = edge_lengths(cameras, corners, edges)
    noise = edge_deviations(cameras, corners, edges, edge_noise_px(errors, edges))
    relative = found / edges.lengths
    misprint = np.broadcast_to(edges.misprint, found.shape)
    every = np.stack([relative, found - edges.lengths, noise / edges.lengths, misprint])
    return every[:, np.isfinite(every).all(0)]


def cameras_of(rig: Rig, names: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Cameras:
    """The cameras of a rig."""
    return Cameras(
        tuple(_camera(name, size, rig, i) for i, (name, size) in enumerate(zip(names, sizes, strict=True)))
    )


def _camera(name: str, size: tuple[int, int], rig: Rig, number: int) -> Camera:
    fx, fy, cx, cy = rig.intrinsics[number, :4]
    pose = rig.cam_from_world[number]
    return Camera(
        name,
        size,
        np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        rig.lens(number).coefficients,
        rotation_vector(pose[:, :3]),
        pose[:, 3],
        fisheye=rig.fisheye[number],
    )
