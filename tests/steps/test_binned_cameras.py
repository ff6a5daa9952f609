"""Cameras that record with other pixels than they were calibrated with, through all the steps."""

from pathlib import Path

import numpy as np
import pytest

from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.poses_2d import read_poses_2d, write_poses_2d
from anipose.io.poses_3d import read_poses_3d
from projects import anipose, make_walk


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same walk, as calibrated, and with camera 1 binned twice and camera 2 a part of it binned 4 x 2."""
    whole, binned = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("binned")
    for root in (whole, binned):
        make_walk(root)
    with (binned / "config.toml").open("a") as config:
        config.write(
            "\n[cameras.cam1]\nsize = [640, 512]\n"
            "\n[cameras.cam2]\nsize = [200, 300]\noffset = [300, 200, 800, 600]\n"
        )
    for name, corner, factor in (("cam1", (0, 0), (2, 2)), ("cam2", (300, 200), (4, 2))):
        path = binned / "session1" / "pose-2d" / f"t-{name}.h5"
        poses = read_poses_2d(path)
        poses.points[:] = (poses.points - corner + 0.5) / factor - 0.5
        write_poses_2d(path, poses)
    for root in (whole, binned):
        run = anipose(root, "run-data")
        assert run.returncode == 0, run.stdout
        run = anipose(root, "project-2d")
        assert run.returncode == 0, run.stdout
    return whole, binned


def test_same_points_in_space(walks: tuple[Path, Path]) -> None:
    whole, binned = (read_poses_3d(root / "session1" / "pose-3d" / "t.csv") for root in walks)
    np.testing.assert_allclose(binned.points, whole.points, atol=1e-6)
    assert np.nanmax(binned.errors) < 1e-6


def test_projected_points_are_in_the_pixels_of_the_recording(walks: tuple[Path, Path]) -> None:
    for name in ("cam0", "cam1", "cam2"):
        folder = walks[1] / "session1"
        projected = read_poses_2d(folder / "pose-2d-proj" / f"t-{name}.h5")
        np.testing.assert_allclose(
            projected.points, read_poses_2d(folder / "pose-2d" / f"t-{name}.h5").points, atol=1e-6
        )


def test_calibration_is_found_to_hold(walks: tuple[Path, Path]) -> None:
    run = anipose(walks[1], "calibration-errors", "--poses")
    assert run.returncode == 0, run.stdout
    table = (walks[1] / "session1" / "calibration-errors" / "t.csv").read_text()
    assert table.count("false") == 3
    assert "true" not in table


def test_size_that_does_not_fit_stops_the_trial(walks: tuple[Path, Path], tmp_path: Path) -> None:
    make_walk(tmp_path)
    cameras = read_calibration(tmp_path / "calibration" / "calibration.toml")
    write_calibration(tmp_path / "calibration" / "calibration.toml", cameras)
    run = anipose(tmp_path, "triangulate", "--set", "cameras.cam1.size=[640, 480]")
    assert run.returncode == 1
    assert "size = [640, 480] is not the calibrated picture of 1280x1024 with fewer pixels" in run.stdout
