"""How well cameras, as they are, explain the boards that they saw."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.board_graph import place_boards
from anipose.geometry.board_views import Seen
from anipose.geometry.bundle import Rig, Views, residuals
from anipose.geometry.calibration_start import board_candidates, usable_views, views_of
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.held_out import fit_boards
from anipose.geometry.transforms import compose

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoardErrors:
    """Corners that were seen, and where the boards that fit best have them.

    Attributes:
        names: of the cameras.
        camera, frame: (view,), number of the camera, and of the frame.
        corners: (view, corner, 2), pixels; NaN where not seen.
        errors: (view, corner, 2), projection minus corner, pixels; NaN where not seen.
        cam_from_board: (view, 3, 4), of the board that fits this view alone best.
    """

    names: tuple[str, ...]
    camera: Int[NDArray[np.int64], "view"]
    frame: Int[NDArray[np.int64], "view"]
    corners: Float[Array, "view corner 2"]
    errors: Float[Array, "view corner 2"]
    cam_from_board: Float[Array, "view 3 4"]

    def between(self, start: int, end: int) -> Self:
        """Those of the frames from `start` to before `end`, counted from `start`."""
        kept = (self.frame >= start) & (self.frame < end)
        return replace(
            self,
            camera=self.camera[kept],
            frame=self.frame[kept] - start,
            corners=self.corners[kept],
            errors=self.errors[kept],
            cam_from_board=self.cam_from_board[kept],
        )


def board_errors(
    cameras: Cameras,
    seen: Mapping[str, Seen],
    points: Float[Array, "corner 3"],
    symmetries: Int[NDArray[np.int64], "symmetry corner"],
) -> BoardErrors:
    """Errors of boards in calibrated cameras.

    Raises:
        CalibrationError: none of the cameras saw the board.
    """
    names = tuple(name for name in cameras.names if name in seen)
    if not names:
        raise CalibrationError(
            f"the calibration has the cameras {', '.join(cameras.names)}, the videos of the board have "
            f"{', '.join(seen)}; rename them, or correct triangulation.cam_regex"
        )
    chosen = cameras.subset(names)
    intrinsics = np.stack([intrinsics_of(camera) for camera in chosen])
    fisheye = tuple(camera.fisheye for camera in chosen)
    views, frames = views_of([usable_views(seen[name], points) for name in names])
    views, frames, candidates = board_candidates(views, frames, points, intrinsics, fisheye)
    if not len(views.frame):
        raise CalibrationError("the board was found in no frame of the calibration videos")
    rig = Rig(intrinsics, fisheye, chosen.cam_from_world, np.empty((0, 3, 4)))
    boards, numbering = place_boards(rig, views, points, candidates, symmetries)
    corners = np.empty_like(views.corners)
    np.put_along_axis(corners, symmetries[numbering][..., None], views.corners, axis=1)
    views = Views(views.camera, views.frame, corners)
    rig = fit_boards(replace(rig, world_from_board=boards), views, points)
    errors = residuals(rig, views, points)
    # Each view as if it were a frame of its own, from where all views have the board. Twice, since the noise,
    # by which corners count as wrong, is at first that of all views together.
    apart = Views(views.camera, np.arange(len(views.camera)), corners)
    alone = replace(rig, world_from_board=rig.world_from_board[views.frame])
    for _ in range(2):
        alone = fit_boards(alone, apart, points)
    poses = compose(rig.cam_from_world[views.camera], alone.world_from_board)
    return BoardErrors(names, views.camera, frames[views.frame], corners, errors, poses)


def intrinsics_of(camera: Camera) -> Float[Array, "9"]:
    """fx, fy, cx, cy, and the coefficients of the lens, filled up with zeros."""
    values = np.zeros(9)
    values[:4] = camera.matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
    values[4 : 4 + len(camera.distortions)] = camera.distortions
    return values
