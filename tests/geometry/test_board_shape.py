"""A board that is bent, and not printed to measure: its corners are found, and the cameras with them."""

from dataclasses import replace

import numpy as np
import pytest

from anipose.geometry.board_errors import intrinsics_of
from anipose.geometry.board_shape import equations_with_shape
from anipose.geometry.bundle import Loss, Rig, Views, geman_mcclure
from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.calibration_start import LensSettings
from anipose.geometry.cameras import Cameras
from anipose.geometry.intrinsics import lens_freedom
from anipose.geometry.transforms import align_rigid
from board_rigs import BOARD, NOISE_PX, SIZE, Scene, bound, errors, film, make_cameras

# As the boards of real recordings: printed wrongly by some hundredths of a millimetre, bent by some tenths.
PRINT_MM, BEND_MM = 0.08, 0.3


def real_board() -> np.ndarray:
    """Bent along a diagonal like a sheet of paper, and every corner a bit off."""
    points = BOARD.points + np.random.default_rng(7).normal(0, PRINT_MM, BOARD.points.shape) * (1, 1, 0)
    along = (points[:, 0] + points[:, 1] - points[:, :2].sum(1).mean()) / np.ptp(points[:, :2].sum(1))
    points[:, 2] = BEND_MM * (12 * along**2 - 1)
    return points


def seen_by(cameras: Cameras, points: np.ndarray, n_frames: int = 100) -> Scene:
    return film(cameras, n_frames, np.random.default_rng(1), outliers=0.01, points=points)


def in_bounds(result: CalibrationResult, scene: Scene) -> float:
    """Root mean square of the errors of poses and lenses, over their bounds for a board that is known."""
    cameras = result.cameras
    intrinsics = np.stack([intrinsics_of(camera) for camera in cameras])
    deviation = bound(scene, cameras.names)
    off = errors(intrinsics, cameras.cam_from_world, scene.cameras)[:, :12]
    free = deviation[:, :12] > 0
    return float(np.sqrt(np.mean((off[free] / deviation[:, :12][free]) ** 2)))


def test_cameras_are_right_though_the_board_is_not() -> None:
    """Taken for flat, it would put everything off by several bounds: its errors are the same in all views."""
    cameras, points = make_cameras("ring", 4, np.random.default_rng(0)), real_board()
    scene = seen_by(cameras, points)
    result = calibrate(scene.seen, BOARD.points, neighbours=BOARD.neighbours)
    # A corner is seen some 100 times, of 0.3 px or 0.15 mm: 0.015 mm, and more along the line of sight.
    turn, shift = align_rigid(result.board, points)
    off = result.board @ turn.T + shift - points
    assert np.sqrt(np.mean(off[:, :2] ** 2)) < 0.03
    assert np.sqrt(np.mean(off[:, 2] ** 2)) < 0.06
    assert in_bounds(result, scene) < 2
    noise = np.nanmedian(np.linalg.norm(result.residuals, axis=-1))
    assert noise == pytest.approx(1.1774 * NOISE_PX, rel=0.05)


def test_board_as_it_should_be_is_left_alone() -> None:
    cameras = make_cameras("ring", 4, np.random.default_rng(0))
    scene = seen_by(cameras, BOARD.points)
    result = calibrate(scene.seen, BOARD.points)
    np.testing.assert_array_equal(result.board, BOARD.points)


def test_stated_uncertainty_has_that_of_the_board() -> None:
    """Errors over stated deviations, of many numbers that depend on each other: about 1."""
    scores = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        scene = film(make_cameras("ring", 3, rng), 40, rng, outliers=0.0, points=real_board())
        result = calibrate(scene.seen, BOARD.points)
        intrinsics = np.stack([intrinsics_of(camera) for camera in result.cameras])
        off = errors(intrinsics, result.cameras.cam_from_world, scene.cameras)
        deviation = np.sqrt(np.diagonal(result.covariance, axis1=1, axis2=2))
        free = deviation > 0
        scores.append((off[free] / deviation[free]) ** 2)
    assert 0.6 < np.sqrt(np.mean(np.concatenate(scores))) < 1.5


def test_gradient_is_the_slope_of_the_cost() -> None:
    scene = seen_by(make_cameras("wall", 2, np.random.default_rng(3)), real_board(), 6)
    names = scene.cameras.names
    rig = Rig(
        np.stack([intrinsics_of(camera) for camera in scene.cameras]),
        (False, False),
        scene.cameras.cam_from_world,
        scene.boards,
    )
    views = Views(
        np.concatenate([np.full(len(scene.seen[name].frames), i) for i, name in enumerate(names)]),
        np.concatenate([scene.seen[name].frames for name in names]),
        np.concatenate([scene.seen[name].corners for name in names]),
    )
    freedom = lens_freedom(rig.intrinsics, [SIZE] * 2, ["k1 k2"] * 2, moving=np.array([False, True]))
    loss, noise = Loss(geman_mcclure, 5.0), np.full(2, NOISE_PX)

    def cost(corners: np.ndarray) -> float:
        return equations_with_shape(rig, corners, views, BOARD.points, freedom, loss, noise).cost

    here = real_board()
    equations = equations_with_shape(rig, here, views, BOARD.points, freedom, loss, noise)
    np.testing.assert_allclose(equations.shared, equations.shared.T, atol=1e-9 * equations.shared.max())
    gradient = equations.shared_gradient[-here.size :].reshape(here.shape)
    for corner, axis in [(0, 0), (17, 1), (30, 2), (53, 2)]:
        step = np.zeros(here.shape)
        step[corner, axis] = 1e-5
        slope = (cost(here + step) - cost(here - step)) / 2e-5
        assert gradient[corner, axis] == pytest.approx(slope, rel=1e-4, abs=1e-3)


def test_distances_are_off_by_what_noise_and_board_explain() -> None:
    scene = seen_by(make_cameras("ring", 4, np.random.default_rng(0)), real_board())
    result = calibrate(scene.seen, BOARD.points, neighbours=BOARD.neighbours)
    figures = result.held_out.figures()  # type: ignore[union-attr]
    expected = figures["held_out_edge_expected_percent"]
    assert figures["held_out_edge_noise_percent"] < expected
    assert figures["held_out_edge_error_percent"] == pytest.approx(expected, rel=0.1)


def test_lens_gets_the_coefficients_that_it_needs() -> None:
    """One of three has decentred glass; all views together tell which."""
    cameras = list(make_cameras("wall", 3, np.random.default_rng(2)))
    more = np.array([0, 0, 0.002, -0.001, 0.02])
    cameras[1] = replace(cameras[1], distortions=cameras[1].distortions + more)
    scene = seen_by(Cameras(tuple(cameras), {}), BOARD.points)
    result = calibrate(scene.seen, BOARD.points)
    assert [model == "k1 k2 p1 p2 k3" for model in result.models] == [False, True, False]
    asked = {"cam1": LensSettings(models=("k1 k2",))}
    assert calibrate(scene.seen, BOARD.points, lenses=asked).models[1] == "k1 k2"
