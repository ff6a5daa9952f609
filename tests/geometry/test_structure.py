"""Cameras of which the lenses alone are known, placed by points that they see."""

import numpy as np
import pytest

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.cameras import Cameras
from anipose.geometry.point_bundle import fitted_world, in_other_world, steps_between
from anipose.geometry.point_choice import Tracked
from anipose.geometry.structure import calibrate_with_animal_alone
from synthetic import make_points, make_rig, observe

KEYPOINTS = ("nose", "neck", "back", "tail")


def animal() -> NDArray[np.float64]:
    points = make_points(4 * 200).reshape(200, 4, 3)
    points[:, 1] = points[:, 0] + np.array([30.0, 0, 40])  # 50 mm
    return points


def nowhere(cameras: Cameras) -> Cameras:
    return Cameras(tuple(camera.with_pose(np.zeros(3), np.zeros(3)) for camera in cameras))


def tracked(pixels: NDArray[np.float64]) -> Tracked:
    return Tracked(pixels, np.ones(pixels.shape[:3]), KEYPOINTS)


@pytest.mark.parametrize("n_cameras", [2, 3, 5])
def test_lenses_and_a_length_are_enough(n_cameras: int) -> None:
    truth, points = make_rig(n_cameras, seed=n_cameras), animal()
    pixels, _ = observe(truth, points, noise_px=1.0, outliers=0.05, missing=0.1)
    found = calibrate_with_animal_alone(nowhere(truth), tracked(pixels), lengths=[(0, 1, 50.0)])
    np.testing.assert_allclose(found.cameras.cameras[0].rotation, 0, atol=1e-9)
    pairs = [rig.cameras[:2] for rig in (found.cameras, truth)]
    distances = [np.linalg.norm(one.center - other.center) for one, other in pairs]
    assert distances[0] == pytest.approx(distances[1], rel=0.005)
    there = in_other_world(truth, 1.0, truth.cameras[0].rotation_matrix, truth.cameras[0].translation)
    sample = points.reshape(-1, 3) @ truth.cameras[0].rotation_matrix.T + truth.cameras[0].translation
    world = fitted_world(found.cameras, there, sample)
    turns = steps_between(there, in_other_world(found.cameras, *world))[:, :3]
    assert np.rad2deg(np.linalg.norm(turns, axis=-1)).max() < 0.3


def test_without_a_length_there_is_no_scale() -> None:
    pixels, _ = observe(make_rig(2), animal())
    with pytest.raises(
        CalibrationError, match=r"no scale. Say how long a limb is: calibration.animal_lengths"
    ):
        calibrate_with_animal_alone(nowhere(make_rig(2)), tracked(pixels), lengths=[])


def test_points_of_nothing_are_refused() -> None:
    pixels = np.random.default_rng(0).uniform(0, 1000, (3, 200, 4, 2))
    with pytest.raises(CalibrationError, match="do not tell where the cameras are"):
        calibrate_with_animal_alone(nowhere(make_rig(3)), tracked(pixels), lengths=[(0, 1, 50.0)])


def test_camera_that_shares_nothing_is_named() -> None:
    truth = make_rig(4)
    pixels, _ = observe(truth, animal(), noise_px=1.0)
    pixels[:2, :100] = np.nan
    pixels[2:, 100:] = np.nan
    with pytest.raises(CalibrationError, match=r"camera cam\d sees only 0 of the points that cam\d, "):
        calibrate_with_animal_alone(nowhere(truth), tracked(pixels), lengths=[(0, 1, 50.0)])
