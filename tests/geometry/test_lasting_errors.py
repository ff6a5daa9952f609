"""Cameras that contradict each other for good, as on real animals, and not by noise."""

from pathlib import Path

import numpy as np
import pytest

from anipose.geometry.trajectory import optimise_map
from anipose.geometry.triangulation import triangulate, triangulate_robust
from anipose.io.calibration import read_calibration
from anipose.io.poses_2d import read_poses_2d
from anipose.poses import MultiviewPoses
from moving_animal import move_animal
from synthetic import make_rig, observe

LASTING_PX = 8.0
NO_PAIRS = np.zeros((0, 2), dtype=np.int64)


@pytest.fixture(scope="module")
def contradicting():
    """Four cameras; each sees every keypoint some 8 px beside where it is, the same in all frames."""
    cameras = make_rig(4)
    truth = move_animal(150, 6)
    pixels, _ = observe(cameras, truth, noise_px=0.5)
    pixels += np.random.default_rng(3).normal(0, LASTING_PX, (4, 1, 6, 2))
    start = triangulate(cameras, pixels)
    return truth, start, optimise_map(cameras, pixels, start, constraints=NO_PAIRS, constraints_weak=NO_PAIRS)


def test_no_camera_is_trusted_alone(contradicting):
    """Learning whom to trust chose the two cameras that agreed best, and gave them a noise of 1 px."""
    truth, start, found = contradicting
    np.testing.assert_allclose(found.noise_px, LASTING_PX, rtol=0.35)
    error, error_at_start = (
        np.linalg.norm(points - truth, axis=2).mean() for points in (found.points, start)
    )
    assert error < 1.05 * error_at_start


def test_errors_that_last_do_not_average_out(contradicting):
    """Nearly all of the error is the same in every frame, and the covariance says so."""
    truth, _, found = contradicting
    error = found.points - truth
    distance = np.einsum("fki,fki->fk", error, np.linalg.solve(found.covariances, error[..., None])[..., 0])
    assert 0.2 < np.median(distance) < 8  # of chi-squared with 3 degrees of freedom: 2.4


def test_the_head_of_a_mouse_keeps_its_length(shared_data: Path) -> None:
    """All cameras together say 24.0 mm, any two of them something between 18 and 28."""
    folder = shared_data / "mouse-4cam"
    cameras = read_calibration(folder / "reference" / "calibration-reference.toml")
    views = {
        name: read_poses_2d(folder / "experiment" / "session1" / "pose-2d" / f"mouse_{name}.h5")
        for name in cameras.names
    }
    seen = MultiviewPoses.from_views(views).above(0.2)
    ends = [seen.keypoints.index(name) for name in ("Nose", "Head")]
    start, _ = triangulate_robust(cameras, seen.points, threshold_px=15)
    found = optimise_map(cameras, seen.points, start, constraints=np.array([ends]), constraints_weak=NO_PAIRS)
    assert found.lengths == pytest.approx([24.0], rel=0.04)
    deviation = np.sqrt(np.median(np.trace(found.covariances[:, ends], axis1=-2, axis2=-1) / 3))
    assert 1 < deviation < 10


def slowly_wrong(rng, shape):
    """Errors (camera, frame, ...) of 2 px that are alike for 20 frames, as trackers' are in a posture."""
    errors = rng.normal(0, 2.0, shape)
    for frame in range(1, shape[1]):
        errors[:, frame] = 0.95 * errors[:, frame - 1] + np.sqrt(1 - 0.95**2) * errors[:, frame]
    return errors


def test_an_animal_in_its_place_does_not_wander_along_the_line_of_sight():
    """Two views and errors that last: smoothing averages nothing out, but the depth moves less than that."""
    cameras = make_rig(2)
    rng = np.random.default_rng(4)
    shape = (1, 500, 6, 3)
    truth = move_animal(1, 6)[0] + 0.25 * slowly_wrong(rng, shape)[0]  # half a millimetre
    pixels, _ = observe(cameras, truth, noise_px=0.3)
    pixels += slowly_wrong(rng, pixels.shape)
    start = triangulate(cameras, pixels)
    found = optimise_map(cameras, pixels, start, constraints=NO_PAIRS, constraints_weak=NO_PAIRS)
    wander = [np.sqrt(((points - truth) ** 2).sum(axis=2).mean()) for points in (start, found.points)]
    assert wander[1] < 0.6 * wander[0]
