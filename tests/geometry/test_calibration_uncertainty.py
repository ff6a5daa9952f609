"""Points move with the errors of a calibration as their covariances say."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from anipose.geometry.bundle import N_CAMERA
from anipose.geometry.calibration import calibrate
from anipose.geometry.calibration_uncertainty import calibration_covariances, uncertainty_of
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import compose, looking_at, rigid, rotation_matrix
from anipose.geometry.triangulation import refine, triangulate
from board_rigs import BOARD, film, make_cameras
from synthetic import FISHEYE_DISTORTIONS, PINHOLE_DISTORTIONS, make_points, make_rig

# Standard deviations of rotation (rad), translation (mm), focal lengths and centre (px), and k1.
DEVIATIONS = np.array([2e-3] * 3 + [1.0] * 3 + [3.0] * 2 + [2.0] * 2 + [5e-3] + [0.0] * 4)


def correlated(n_cameras: int) -> np.ndarray:
    """A covariance of all parameters together, the first camera's pose being certain."""
    rng = np.random.default_rng(8)
    n = n_cameras * N_CAMERA
    mixing = rng.normal(size=(n, n)) / np.sqrt(2 * n) + np.eye(n) / np.sqrt(2)
    root = np.tile(DEVIATIONS, n_cameras)[:, None] * mixing
    root[:6] = 0
    return (root @ root.T).reshape(n_cameras, N_CAMERA, n_cameras, N_CAMERA)


def moved(camera: Camera, step: np.ndarray) -> Camera:
    """As `bundle` moves a camera: R <- exp(d) R, and the rest is added."""
    fx, fy, cx, cy = camera.matrix[[0, 1, 0, 1], [0, 1, 2, 2]] + step[6:10]
    n = len(camera.distortions)
    changed = replace(
        camera,
        matrix=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        distortions=camera.distortions + step[10 : 10 + n],
    )
    rotation = rotation_matrix(step[:3]) @ camera.rotation_matrix
    return changed.with_pose(rotation, camera.translation + step[3:6])


@pytest.mark.parametrize(
    ("distortions", "fisheye"), [(PINHOLE_DISTORTIONS, False), (FISHEYE_DISTORTIONS, True)]
)
def test_points_scatter_as_much_as_calibrations_do(distortions, fisheye):
    """500 draws tell a variance to 6 %: the extremes of 18 are within 25 %."""
    cameras, points = make_rig(4, distortions=distortions, fisheye=fisheye), make_points(6)
    pixels = cameras.project(points)
    pixels[3, 2:4] = np.nan
    used = np.isfinite(pixels).all(axis=-1)
    joint = correlated(4)
    n = 4 * N_CAMERA
    values, vectors = np.linalg.eigh(joint.reshape(n, n))
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng = np.random.default_rng(3)
    found = []
    for _ in range(500):
        steps = (root @ rng.normal(size=n)).reshape(4, N_CAMERA)
        other = Cameras(tuple(moved(camera, step) for camera, step in zip(cameras, steps, strict=True)))
        found.append(refine(other, triangulate(other, pixels), pixels))
    uncertainty = uncertainty_of(cameras, joint)
    expected = calibration_covariances(cameras, uncertainty.of(cameras), points, used)
    for number in range(len(points)):
        scatter = np.cov(np.array(found)[:, number].T)
        whitened = np.linalg.solve(expected[number], scatter)
        assert_allclose(np.linalg.eigvals(whitened).real, 1.0, atol=0.3)


def in_another_world(cameras: Cameras) -> tuple[Cameras, np.ndarray]:
    old_from_new = rigid(*looking_at(np.array([100.0, -300, 200]), np.zeros(3)))
    poses = [compose(camera.cam_from_world, old_from_new) for camera in cameras]
    return Cameras(
        tuple(c.with_pose(p[:, :3], p[:, 3]) for c, p in zip(cameras, poses, strict=True))
    ), old_from_new


def test_the_world_does_not_matter():
    cameras, points = make_rig(3), make_points(20)
    uncertainty = uncertainty_of(cameras, correlated(3))
    turned, old_from_new = in_another_world(cameras)
    assert uncertainty.is_of(turned)
    used = np.ones((3, 20), dtype=bool)
    rotation = old_from_new[:, :3]
    there = (points - old_from_new[:, 3]) @ rotation
    expected = rotation.T @ calibration_covariances(cameras, uncertainty.joint, points, used) @ rotation
    assert_allclose(calibration_covariances(turned, uncertainty.joint, there, used), expected, rtol=1e-6)


def test_it_knows_whose_it_is():
    cameras = make_rig(3)
    uncertainty = uncertainty_of(cameras, correlated(3))
    assert uncertainty.is_of(cameras)
    assert uncertainty.is_of(cameras.subset(["cam2", "cam1"]))
    assert not uncertainty.is_of(make_rig(3, seed=1))
    assert not uncertainty.is_of(make_rig(4))
    apart = cameras.cameras[1].with_pose(cameras.cameras[1].rotation, cameras.cameras[1].translation + 0.1)
    assert not uncertainty.is_of(Cameras((cameras.cameras[0], apart, cameras.cameras[2])))


def test_points_of_no_or_one_camera_have_none():
    cameras, points = make_rig(3), make_points(4)
    points[0] = np.nan
    used = np.ones((3, 4), dtype=bool)
    used[1:, 1] = False
    found = calibration_covariances(cameras, correlated(3), points, used)
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).all()


@pytest.mark.slow
def test_points_of_calibrations_from_boards_are_as_far_off_as_they_say():
    """Twelve calibrations from boards filmed anew, and points seen exactly: all of the error is theirs."""
    rng = np.random.default_rng(0)
    cameras, points = make_cameras("one-sided", 3, rng), make_points(20, extent=60)
    pixels = cameras.project(points)
    used = np.ones(pixels.shape[:-1], dtype=bool)
    first = cameras.cameras[0].cam_from_world
    truth = points @ first[:, :3].T + first[:, 3]
    squares = []
    for _ in range(12):
        result = calibrate(film(cameras, 40, rng, outliers=0.0).seen, BOARD.points)
        found = refine(result.cameras, triangulate(result.cameras, pixels), pixels)
        spread = calibration_covariances(result.cameras, result.uncertainty.of(result.cameras), found, used)
        error = found - truth
        squares.append(np.einsum("pi,pi->p", error, np.linalg.solve(spread, error[..., None])[..., 0]).mean())
    # Of 3 degrees of freedom each. Points of a calibration share their error: some ten independent numbers,
    # good to a factor of 1.5; the uncertainty itself is not exact where the lens is chosen by the data.
    assert 1.5 < np.mean(squares) < 7
