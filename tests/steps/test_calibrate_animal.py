"""A calibration that is refined with the animal, as users run it."""

from pathlib import Path

import numpy as np
import pytest

from anipose.geometry.cameras import Cameras
from anipose.geometry.transforms import rotation_matrix
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.poses_2d import write_poses_2d
from anipose.poses import Poses2D
from projects import anipose
from synthetic import make_points, make_rig, observe

KEYPOINTS = ("nose", "neck", "back", "tail")


def make_experiment(root: Path, *, turned_deg: float, start: str = "start.toml") -> Cameras:
    """Two sessions and a calibration, after which camera 1 was turned; the cameras as they are."""
    truth = make_rig(3)
    (root / "config.toml").write_text(
        '[calibration]\nanimal_calibration = true\ncalibration_init = "start.toml"\n'
        "[triangulation]\ncam_regex = '-(cam[0-9])$'\n"
    )
    turn = rotation_matrix(np.deg2rad(turned_deg) * np.array([0.6, 0.8, 0]))
    cameras = list(truth)
    cameras[1] = cameras[1].with_pose(turn @ cameras[1].rotation_matrix, turn @ cameras[1].translation)
    write_calibration(root / start, Cameras(tuple(cameras)))
    for number, session in enumerate(("day1", "day2")):
        points = make_points(4 * 60, seed=number).reshape(60, 4, 3)
        pixels, _ = observe(truth, points, noise_px=1.0, outliers=0.03, seed=number)
        for camera, seen in zip(truth, pixels, strict=True):
            poses = Poses2D(KEYPOINTS, seen, np.full(seen.shape[:2], 0.95))
            write_poses_2d(root / session / "pose-2d" / f"t-{camera.name}.h5", poses)
    return truth


def test_all_sessions_refine_the_calibration_that_is_named(tmp_path: Path) -> None:
    truth = make_experiment(tmp_path, turned_deg=1.0)
    run = anipose(tmp_path, "calibrate")
    assert run.returncode == 0, run.stdout
    assert "refined with 480 tracked points: in frames that were held out" in run.stdout
    found = read_calibration(tmp_path / "calibration" / "calibration.toml")
    assert found.metadata["adjusted"] is True
    assert found.metadata["adjusted_turned_deg"]["cam1"] == pytest.approx(1, abs=0.1)
    points = make_points(50)
    assert np.abs(found.project(points) - truth.project(points)).max() < 1.0
    assert "2 up to date" in anipose(tmp_path, "calibrate", "--session", "day1").stdout
    poses = next((tmp_path / "day2" / "pose-2d").glob("*cam0.h5"))
    poses.unlink()
    again = anipose(tmp_path, "calibrate", "--dry-run").stdout
    assert "would run calibrate" in again
    assert "day2/pose-2d/t-cam0.h5 is no longer used" in again


def test_calibration_of_the_user_is_told_to_be_named_otherwise(tmp_path: Path) -> None:
    make_experiment(tmp_path, turned_deg=1.0, start="calibration/calibration.toml")
    (tmp_path / "config.toml").write_text(
        "[calibration]\nanimal_calibration = true\n[triangulation]\ncam_regex = '-(cam[0-9])$'\n"
    )
    run = anipose(tmp_path, "calibrate")
    assert 'calibration_init = "calibration/start.toml"' in run.stdout
    assert "adjusted" not in read_calibration(tmp_path / "calibration" / "calibration.toml").metadata


def test_nothing_is_written_that_is_no_better(tmp_path: Path) -> None:
    """Keypoints that are at random places: no calibration explains them."""
    truth = make_experiment(tmp_path, turned_deg=0.0)
    rng = np.random.default_rng(0)
    for path in tmp_path.glob("day*/pose-2d/*.h5"):
        write_poses_2d(path, Poses2D(KEYPOINTS, rng.uniform(0, 1000, (60, 4, 2)), np.full((60, 4), 0.9)))
    run = anipose(tmp_path, "calibrate")
    assert run.returncode == 1
    assert "lie behind the cameras" in run.stdout or "gains nothing" in run.stdout
    assert not (tmp_path / "calibration" / "calibration.toml").exists()
    assert len(truth) == 3
