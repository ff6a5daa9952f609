"""Cameras calibrated anew from tracked points, against rigs whose truth is known."""

import numpy as np
import pytest
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.animal_calibration import (
    calibrate_with_animal,
    fit,
    fit_freely,
    require_better,
)
from anipose.geometry.bundle import Loss
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.point_bundle import (
    Seen,
    fitted_world,
    gauge,
    in_other_world,
    normal_equations,
    steps_between,
    without_points,
)
from anipose.geometry.point_choice import Tracked, choose
from anipose.geometry.transforms import rotation_matrix
from synthetic import make_points, make_rig, observe

Array = NDArray[np.float64]

KEYPOINTS = ("nose", "neck", "back", "tail")
NOISE_PX = 2.0
LEAST_SQUARES = Loss(lambda square: (square, np.ones_like(square)), 1.0)


def animal(n_frames: int = 150) -> Float[Array, "frame keypoint 3"]:
    return make_points(n_frames * len(KEYPOINTS)).reshape(n_frames, len(KEYPOINTS), 3)


def tracked(pixels: Float[Array, "camera frame keypoint 2"]) -> Tracked:
    return Tracked(pixels, np.ones(pixels.shape[:3]), KEYPOINTS)


def nudged(cameras: Cameras, number: int, degrees: float, shift: float = 3.0) -> Cameras:
    """What the calibration says after one camera was turned where it stands, and shifted a little."""
    turn = rotation_matrix(np.deg2rad(degrees) * np.array([0.48, 0.64, 0.6]))
    moved = list(cameras)
    camera = moved[number]
    moved[number] = camera.with_pose(
        turn @ camera.rotation_matrix, turn @ camera.translation + shift * np.array([0.6, 0.0, 0.8])
    )
    return Cameras(tuple(moved))


def errors_over_bound(
    found: Cameras, truth: Cameras, points: Float[Array, "frame keypoint 3"], pixels: Array
) -> float:
    """Errors of all poses over what the noise allows (Cramer-Rao), as a root mean square.

    The world is no part of it: errors that change no pixel do not count.
    """
    flat = points.reshape(-1, 3)
    clean = truth.project(flat)
    clean[np.isnan(pixels.reshape(len(truth), -1, 2))] = np.nan
    seen = Seen(clean, np.full(clean.shape[:2], 1 / NOISE_PX))
    information, _, _ = without_points(normal_equations(truth, flat, seen, LEAST_SQUARES))
    there = in_other_world(found, *fitted_world(found, truth, flat))
    off = steps_between(truth, there).ravel()
    free = gauge(truth)
    off -= free @ (free.T @ off)
    return float(np.sqrt(off @ information @ off / (len(off) - free.shape[1])))


@pytest.mark.parametrize(
    ("n_cameras", "degrees", "outliers", "missing", "allowed"),
    [(2, 1.0, 0.0, 0.0, 2.0), (3, 0.5, 0.0, 0.0, 1.5), (4, 3.0, 0.0, 0.1, 1.5), (4, 1.5, 0.05, 0.2, 1.7)],
)
def test_nudged_camera_comes_back_to_the_bound(
    n_cameras: int, degrees: float, outliers: float, missing: float, allowed: float
) -> None:
    truth, points = make_rig(n_cameras, seed=n_cameras), animal()
    pixels, _ = observe(truth, points, noise_px=NOISE_PX, outliers=outliers, missing=missing)
    found = calibrate_with_animal(nudged(truth, 1, degrees), tracked(pixels))
    assert errors_over_bound(found.cameras, truth, points, pixels) < allowed
    assert found.error_after < found.error_before


@pytest.mark.parametrize("n_cameras", [3])
def test_others_stay_where_the_board_had_them(n_cameras: int) -> None:
    """The world, and so the scale, are those of the cameras that nobody moved."""
    truth = make_rig(n_cameras)
    pixels, _ = observe(truth, animal(), noise_px=1.0, outliers=0.05)
    found = calibrate_with_animal(nudged(truth, 0, 2.0), tracked(pixels))
    assert found.turned_deg["cam0"] == pytest.approx(2, abs=0.1)
    for name in truth.names[1:]:
        assert found.turned_deg[name] < 0.1  # one observation is 0.05 degrees off
        assert found.moved[name] < 1.0  # mm, of 600 to the animal
    points = animal(50)
    # Half as much as one observation is off, from 600 points.
    assert np.median(np.abs(found.cameras.project(points) - truth.project(points))) < 0.5


def test_errors_that_are_alike_do_not_drag_the_cameras() -> None:
    """What a tracker takes for a keypoint is some pixels off, in each view elsewhere, in all frames alike.

    Cameras free to fit this are turned. No camera was moved, so all stay where the board had them.
    """
    truth = make_rig(4)
    pixels, _ = observe(truth, animal() * 0.3, noise_px=1.0)
    pixels += np.random.default_rng(3).normal(0, 5, (4, 1, len(KEYPOINTS), 2))
    found = fit(truth, choose(truth, tracked(pixels), 1000))
    freely = fit_freely(truth, choose(truth, tracked(pixels), 1000))
    assert max(_turns(truth, found)) < 0.15 < 0.5 < max(_turns(truth, freely))


def test_calibration_that_is_right_is_left_alone() -> None:
    truth = make_rig(3)
    pixels, _ = observe(truth, animal(), noise_px=1.0)
    found = fit(truth, choose(truth, tracked(pixels), 1000))
    assert max(_turns(truth, found)) < 0.05


def _turns(before: Cameras, after: Cameras) -> Array:
    """How far each camera is turned, degrees."""
    return np.rad2deg(np.linalg.norm(steps_between(before, after)[:, :3], axis=-1))


def test_result_that_is_no_better_is_refused() -> None:
    with pytest.raises(
        CalibrationError, match=r"gains nothing: .* is 1.50 px as a median before, 1.50 px after"
    ):
        require_better(1.5, 1.4999, 1.0)
    with pytest.raises(CalibrationError, match=r"30 % of the points that were held out lie behind"):
        require_better(1.5, 1.0, 0.7)
    require_better(1.5, 1.4, 0.99)


def test_known_length_sets_the_scale() -> None:
    truth, points = make_rig(4), animal()
    points[:, 1] = points[:, 0] + np.array([30.0, 0, 40])
    pixels, _ = observe(truth, points, noise_px=0.5)
    found = calibrate_with_animal(nudged(truth, 2, 1.0), tracked(pixels), lengths=[(0, 1, 25.0)])
    assert found.scale == pytest.approx(0.5, rel=0.005)
    first, second = (
        np.linalg.norm(rig.cameras[0].center - rig.cameras[1].center) for rig in (truth, found.cameras)
    )
    assert second / first == pytest.approx(0.5, rel=0.005)


def test_same_points_give_the_same_bytes() -> None:
    pixels, _ = observe(make_rig(3), animal(60), noise_px=1.0, outliers=0.05, missing=0.2)
    start = nudged(make_rig(3), 1, 1.0)
    assert list(calibrate_with_animal(start, tracked(pixels)).cameras) == list(
        calibrate_with_animal(start, tracked(pixels.copy())).cameras
    )


def test_too_few_points_are_told_with_their_numbers() -> None:
    pixels, _ = observe(make_rig(3), animal(5), noise_px=1.0)
    with pytest.raises(CalibrationError, match=r"cam0 20, cam1 20, cam2 20; at least 30 are needed of each"):
        calibrate_with_animal(make_rig(3), tracked(pixels))


def test_world_of_most_cameras_is_found() -> None:
    """One of four was moved; the world is turned, moved and stretched."""
    truth, points = make_rig(4), make_points(100)
    turn, shift = rotation_matrix(np.array([0.02, -0.01, 0.03])), np.array([4.0, -3, 2])
    elsewhere = in_other_world(nudged(truth, 3, 2.0), 1.02, turn, shift)
    seen_there = 1.02 * points @ turn.T + shift
    scale, rotation, translation = fitted_world(elsewhere, truth, seen_there)
    assert scale == pytest.approx(1 / 1.02, abs=1e-6)
    np.testing.assert_allclose(rotation, turn.T, atol=1e-6)
    np.testing.assert_allclose(translation, -turn.T @ shift / 1.02, atol=1e-3)


def test_derivatives_are_those_of_differences() -> None:
    """Of the cost by the poses and by the points."""
    cameras, points = make_rig(2), make_points(5)
    pixels, _ = observe(cameras, points, noise_px=3.0)
    seen = Seen(pixels, np.full(pixels.shape[:2], 0.7))
    found = normal_equations(cameras, points, seen, LEAST_SQUARES)
    step = 1e-5
    for number, camera in enumerate(cameras):
        for unknown in range(6):
            moves = step * np.eye(6)[unknown]
            costs = []
            for sign in (1, -1):
                there = list(cameras)
                there[number] = _stepped(camera, sign * moves)
                costs.append(normal_equations(Cameras(tuple(there)), points, seen, LEAST_SQUARES).cost)
            expected = (costs[0] - costs[1]) / (2 * step)
            assert found.cameras_gradient[number, unknown] == pytest.approx(expected, rel=1e-5, abs=1e-4)
    for axis in range(3):
        moved = np.zeros(points.shape)
        moved[2, axis] = step
        costs = [
            normal_equations(cameras, points + sign * moved, seen, LEAST_SQUARES).cost for sign in (1, -1)
        ]
        expected = (costs[0] - costs[1]) / (2 * step)
        assert found.points_gradient[2, axis] == pytest.approx(expected, rel=1e-5, abs=1e-4)


def _stepped(camera: Camera, step: Float[Array, "6"]) -> Camera:
    return camera.with_pose(rotation_matrix(step[:3]) @ camera.rotation_matrix, camera.translation + step[3:])
