"""Bundle adjustment: derivatives against central differences, and recovery of a known rig."""

from dataclasses import replace

import numpy as np
import pytest

from anipose.boards import Checkerboard
from anipose.geometry.bundle import (
    FX,
    FY,
    K1,
    N_CAMERA,
    N_INTRINSICS,
    N_POSE,
    Freedom,
    Loss,
    Rig,
    Views,
    adjust,
    cauchy,
    covariance,
    geman_mcclure,
    jacobian,
    normal_equations,
    residuals,
)
from anipose.geometry.transforms import rigid, rotation_matrix

BOARD = Checkerboard(6, 5, 20.0)
NOISE_PX = 0.3


def make_rig(n_cameras: int = 4, n_frames: int = 20, *, fisheye: bool = False) -> Rig:
    """Cameras on an arc, 600 mm from boards of many tilts; camera 0 is the world."""
    rng = np.random.default_rng(3)
    lens = [-0.02, 0.006, -0.003, 0.0005, 0] if fisheye else [-0.12, 0.05, 0, 0, 0]
    f = 400.0 if fisheye else 900.0
    intrinsics = np.array([[f + 9 * c, f + 9 * c, 630 + 7 * c, 520 - 5 * c, *lens] for c in range(n_cameras)])
    turn = rotation_matrix(np.array([[0, 0.3 * c, 0] for c in range(n_cameras)]))
    middle = np.array([0, 0, 600.0])
    cam_from_world = rigid(turn, middle - turn @ middle)
    boards = rotation_matrix(rng.normal(0, 0.4, (n_frames, 3)))
    centre = BOARD.points.mean(0)
    place = middle + rng.uniform(-80, 80, (n_frames, 3)) - boards @ centre
    return Rig(intrinsics, (fisheye,) * n_cameras, cam_from_world, rigid(boards, place))


def look(rig: Rig, *, noise_px: float = NOISE_PX, outliers: float = 0.0, seed: int = 5) -> Views:
    """Every camera sees every board."""
    n_cameras, n_frames, n_corners = len(rig.fisheye), len(rig.world_from_board), len(BOARD.points)
    frame, camera = (index.ravel() for index in np.indices((n_frames, n_cameras)))
    blank = Views(camera, frame, np.zeros((len(frame), n_corners, 2)))
    rng = np.random.default_rng(seed)
    corners = residuals(rig, blank, BOARD.points)
    corners += rng.normal(0, noise_px, corners.shape)
    wrong = rng.random(corners.shape[:2]) < outliers
    corners[wrong] += rng.uniform(-150, 150, (wrong.sum(), 2))
    return replace(blank, corners=corners)


def single_focal_length(rig: Rig, n_coefficients: int = 2) -> Freedom:
    """Camera 0 stays where it is; fx = fy, the principal point and the first coefficients are free."""
    basis = np.zeros((len(rig.fisheye), N_CAMERA, N_POSE + 3 + n_coefficients))
    basis[1:, range(N_POSE), range(N_POSE)] = 1
    basis[:, [N_POSE + FX, N_POSE + FY], N_POSE] = 1
    for i in range(2 + n_coefficients):
        basis[:, N_POSE + 2 + i, N_POSE + 1 + i] = 1
    return Freedom(basis, rig.intrinsics, np.zeros((len(rig.fisheye), N_INTRINSICS, N_INTRINSICS)))


def disturbed(rig: Rig, freedom: Freedom) -> Rig:
    rng = np.random.default_rng(11)
    size = np.array([0.02] * 3 + [5.0] * 3 + [20, 20, 10, 10, 0.03, 0.02, 0, 0, 0])
    free = (freedom.basis != 0).any(axis=2)
    step = rng.normal(0, 1, (len(rig.fisheye), N_CAMERA)) * size * free
    step[:, N_POSE + FY] = step[:, N_POSE + FX]
    boards = rng.normal(0, 1, (len(rig.world_from_board), 6)) * ([0.02] * 3 + [5.0] * 3)
    return rig.moved(step, boards)


@pytest.mark.parametrize("fisheye", [False, True])
def test_derivatives_are_central_differences(fisheye: bool) -> None:
    rig = make_rig(fisheye=fisheye)
    frames, camera, h = np.array([0, 3, 4]), 1, 1e-6
    derivatives, _, _ = jacobian(rig, camera, frames, BOARD.points)
    for parameter in range(N_CAMERA + 6):
        if fisheye and parameter == N_CAMERA - 1:
            continue  # a fisheye has four coefficients
        pixels = []
        for sign in (1, -1):
            cameras, boards = np.zeros((4, N_CAMERA)), np.zeros((20, 6))
            if parameter < N_CAMERA:
                cameras[camera, parameter] = sign * h
            else:
                boards[:, parameter - N_CAMERA] = sign * h
            pixels.append(jacobian(rig.moved(cameras, boards), camera, frames, BOARD.points)[1])
        # Rounding: 1e3 px * 2e-16 / 1e-6 = 2e-7 px per unit.
        np.testing.assert_allclose(derivatives[:, parameter], (pixels[0] - pixels[1]) / (2 * h), atol=1e-5)


@pytest.mark.parametrize("rho", [cauchy, geman_mcclure])
def test_gradient_is_the_slope_of_the_cost(rho) -> None:  # type: ignore[no-untyped-def]
    rig = make_rig()
    freedom = single_focal_length(rig)
    freedom = replace(
        freedom, precision=np.tile(0.01 * np.eye(N_INTRINSICS) + 0.001, (4, 1, 1)), prior=rig.intrinsics + 1.0
    )
    views, noise, loss = look(rig, outliers=0.1), np.full(4, NOISE_PX), Loss(rho, 5.0)
    start = disturbed(rig, freedom)
    equations = normal_equations(start, views, BOARD.points, freedom, loss, noise)
    gradient = equations.shared_gradient.reshape(4, -1)
    for camera, unknown in [(0, 6), (1, 0), (1, 4), (2, 7), (3, 9), (3, 10)]:
        h = 1e-6
        costs = []
        for sign in (1, -1):
            step = np.zeros((4, N_CAMERA))
            step[camera] = sign * h * freedom.basis[camera, :, unknown]
            there = start.moved(step, np.zeros((20, 6)))
            costs.append(normal_equations(there, views, BOARD.points, freedom, loss, noise).cost)
        assert gradient[camera, unknown] == pytest.approx((costs[0] - costs[1]) / (2 * h), rel=1e-4)


@pytest.mark.parametrize("fisheye", [False, True])
def test_exact_corners_give_the_exact_rig(fisheye: bool) -> None:
    rig = make_rig(fisheye=fisheye)
    freedom = single_focal_length(rig)
    found = adjust(
        disturbed(rig, freedom), look(rig, noise_px=0), BOARD.points, freedom,
        loss=Loss(cauchy, 50.0), noise_px=np.ones(4),
    )  # fmt: skip
    np.testing.assert_allclose(found.intrinsics, rig.intrinsics, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(found.cam_from_world, rig.cam_from_world, atol=1e-6)


@pytest.mark.parametrize("outliers", [0.0, 0.02])
def test_errors_are_within_the_stated_uncertainty(outliers: float) -> None:
    """Chi-square over the parameters of a camera: with 11 unknowns, 99.9 % are below 31."""
    rig = make_rig()
    freedom = single_focal_length(rig)
    views, noise = look(rig, outliers=outliers), np.full(4, NOISE_PX)
    found = disturbed(rig, freedom)
    for scale in (60.0, 15.0, 5.0):
        loss = Loss(geman_mcclure, scale)
        found = adjust(found, views, BOARD.points, freedom, loss=loss, noise_px=noise)
    spread = covariance(found, views, BOARD.points, freedom, loss=loss, noise_px=noise)
    for camera in range(4):
        off = np.zeros(N_CAMERA)
        off[N_POSE:] = found.intrinsics[camera] - rig.intrinsics[camera]
        turn = found.cam_from_world[camera, :, :3] @ rig.cam_from_world[camera, :, :3].T
        off[:3] = [turn[2, 1], turn[0, 2], turn[1, 0]]
        off[3:6] = found.cam_from_world[camera, :, 3] - rig.cam_from_world[camera, :, 3]
        unknowns = freedom.basis[camera].any(0)
        basis = freedom.basis[camera][:, unknowns] / freedom.basis[camera][:, unknowns].sum(0)
        own = basis.T @ spread[camera] @ basis
        assert (basis.T @ off) @ np.linalg.solve(own, basis.T @ off) < 31


def test_corner_that_nobody_can_see_does_not_break_the_fit() -> None:
    """Behind the camera at the start: the corner is far off, and its derivative is not used."""
    rig = make_rig()
    views = look(rig)
    turned = replace(rig, cam_from_world=rig.cam_from_world * np.array([-1, 1, -1.0])[:, None])
    equations = normal_equations(
        turned, views, BOARD.points, single_focal_length(rig), Loss(geman_mcclure, 5.0), np.full(4, NOISE_PX)
    )
    assert np.isfinite(equations.cost)
    assert np.isnan(residuals(turned, views, BOARD.points)).all()
    assert not equations.shared.any()


def test_prior_holds_what_the_views_do_not_tell() -> None:
    rig = make_rig()
    freedom = single_focal_length(rig)
    precision = np.zeros((4, N_INTRINSICS, N_INTRINSICS))
    precision[:, K1, K1] = 1e12
    freedom = replace(freedom, precision=precision, prior=rig.intrinsics)
    found = adjust(
        disturbed(rig, freedom), look(rig), BOARD.points, freedom,
        loss=Loss(geman_mcclure, 60.0), noise_px=np.full(4, NOISE_PX),
    )  # fmt: skip
    np.testing.assert_allclose(found.intrinsics[:, K1], rig.intrinsics[:, K1], atol=1e-5)
