"""Cameras that were moved after the calibration, told from tracked points."""

import numpy as np
import pytest

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.moved_cameras import camera_fits
from anipose.geometry.point_choice import Tracked
from anipose.geometry.transforms import rotation_matrix
from synthetic import make_points, make_rig, observe


def turned(cameras: Cameras, number: int, degrees: float) -> Cameras:
    """One camera is turned about an axis in its own picture plane, after the calibration."""
    turn = rotation_matrix(np.deg2rad(degrees) * np.array([0.6, 0.8, 0.0]))
    moved = list(cameras)
    camera = moved[number]
    moved[number] = camera.with_pose(turn @ camera.rotation_matrix, turn @ camera.translation)
    return Cameras(tuple(moved))


def tracked(pixels: NDArray[np.float64]) -> Tracked:
    return Tracked(pixels, np.ones(pixels.shape[:3]), ("nose", "neck", "back", "tail"))


@pytest.mark.parametrize(("n_cameras", "degrees"), [(3, 0.5), (3, 5.0), (4, 1.0), (4, 12.0)])
def test_camera_that_was_turned_is_named(n_cameras: int, degrees: float) -> None:
    """It alone, however far it was turned; the tracker is 5 % wrong."""
    cameras = make_rig(n_cameras)
    moved = turned(cameras, 2, degrees)
    seen, _ = observe(moved, make_points(600).reshape(150, 4, 3), noise_px=1.0, outliers=0.05)
    fits = camera_fits(cameras, tracked(seen))
    assert [name for name, fit in fits.items() if fit.has_moved] == ["cam2"]
    # 1 degree is 19 px at a focal length of 1100 px; without the turn, the noise is left: median 1.2 px.
    assert fits["cam2"].error == pytest.approx(19 * degrees, rel=0.25)
    assert fits["cam2"].error_when_moved < 2
    assert fits["cam2"].turn_deg == pytest.approx(degrees, abs=0.1)


def test_two_cameras_that_were_turned_are_named() -> None:
    cameras = make_rig(6)
    moved = turned(turned(cameras, 0, 1.0), 2, 3.0)
    seen, _ = observe(moved, make_points(600).reshape(150, 4, 3), noise_px=1.0)
    fits = camera_fits(cameras, tracked(seen))
    assert [name for name, fit in fits.items() if fit.has_moved] == ["cam0", "cam2"]


def test_noise_of_a_tracker_is_no_move() -> None:
    """Camera 1 is tracked badly, with errors of 10 px in all directions."""
    cameras = make_rig(4)
    seen, _ = observe(cameras, make_points(400).reshape(100, 4, 3), noise_px=1.0)
    seen[1] += np.random.default_rng(5).normal(0, 10, seen[1].shape)
    assert not any(fit.has_moved for fit in camera_fits(cameras, tracked(seen)).values())


def test_two_cameras_cannot_tell() -> None:
    cameras = make_rig(2)
    seen, _ = observe(cameras, make_points(400).reshape(100, 4, 3), noise_px=1.0)
    assert camera_fits(cameras, tracked(seen)) == {}


def test_camera_that_sees_nothing_is_left_out() -> None:
    cameras = make_rig(4)
    seen, _ = observe(cameras, make_points(400).reshape(100, 4, 3), noise_px=1.0)
    seen[3] = np.nan
    assert set(camera_fits(cameras, tracked(seen))) == {"cam0", "cam1", "cam2"}
