"""The coordinate system of a calibration: the first camera, or the board; never mirrored."""

import numpy as np
import pytest

from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.world import world_of_board
from board_rigs import BOARD, film, make_cameras


@pytest.fixture(scope="module")
def result() -> CalibrationResult:
    rng = np.random.default_rng(0)
    return calibrate(film(make_cameras("wall", 3, rng), 40, rng, outliers=0.0).seen, BOARD.points)


def test_first_camera_is_the_world(result: CalibrationResult) -> None:
    np.testing.assert_array_equal(result.cameras.cameras[0].cam_from_world, np.eye(3, 4))


@pytest.mark.parametrize("frame", [0, 17])
def test_board_in_a_frame_is_the_world(result: CalibrationResult, frame: int) -> None:
    """Its corners are at z = 0, and the cameras, which see its face, above it."""
    moved = world_of_board(result, frame)
    nearest = int(np.argmin(np.abs(result.frames - frame)))
    pose = moved.world_from_board[nearest]
    corners = BOARD.points @ pose[:, :3].T + pose[:, 3]
    np.testing.assert_allclose(corners, BOARD.points * [1, -1, -1], atol=1e-9)
    sees = np.isfinite(result.corners[:, nearest, :, 0]).any(axis=1)
    assert all(camera.center[2] > 0 for camera, seen in zip(moved.cameras, sees, strict=True) if seen)
    assert moved.cameras.metadata["world"] == f"board in frame {result.frames[nearest]}"


def test_nothing_else_changes(result: CalibrationResult) -> None:
    """Turned and shifted, never mirrored: the same pictures of the same boards."""
    moved = world_of_board(result, 3)
    for before, after in zip(result.cameras, moved.cameras, strict=True):
        assert np.linalg.det(after.rotation_matrix) == pytest.approx(1)
        np.testing.assert_array_equal(after.matrix, before.matrix)
        old, new = (
            poses[5, :, :3] @ BOARD.points.T + poses[5, :, 3:]
            for poses in (result.world_from_board, moved.world_from_board)
        )
        np.testing.assert_allclose(after.project(new.T), before.project(old.T), atol=1e-6)
