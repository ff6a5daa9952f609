"""The coordinate system of a calibration."""

from dataclasses import replace

import numpy as np

from anipose.geometry.calibration import CalibrationResult
from anipose.geometry.cameras import Cameras
from anipose.geometry.transforms import compose, inverse

# The board's y axis points down and its z axis into the board. Turned about x, z points up from its face.
UP_FROM_BOARD = np.array([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0]])


def world_of_board(result: CalibrationResult, frame: int) -> CalibrationResult:
    """The same calibration in the coordinate system of the board in the frame nearest to `frame`.

    The origin is the board's, x is along its rows, and z points up from its face; never mirrored. The
    uncertainties of the poses stay those relative to the first camera.
    """
    nearest = int(np.argmin(np.abs(result.frames - frame)))
    old_from_new = compose(result.world_from_board[nearest], UP_FROM_BOARD)
    cameras = []
    for camera in result.cameras:
        pose = compose(camera.cam_from_world, old_from_new)
        cameras.append(camera.with_pose(pose[:, :3], pose[:, 3]))
    metadata = {**result.cameras.metadata, "world": f"board in frame {int(result.frames[nearest])}"}
    return replace(
        result,
        cameras=Cameras(tuple(cameras), metadata),
        world_from_board=compose(inverse(old_from_new), result.world_from_board),
    )
