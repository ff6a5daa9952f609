"""Angles with standard deviations beside the table that other programs read."""

from pathlib import Path

import numpy as np
import pytest

from anipose.io.poses_2d import read_poses_2d, write_poses_2d
from anipose.poses import Poses2D
from projects import anipose, make_walk

xarray = pytest.importorskip("xarray")


def test_deviations_are_those_of_the_angles(tmp_path: Path) -> None:
    """The knee is at 90 degrees in all frames: its scatter is noise, told to 4 % by 400 frames."""
    walk = make_walk(tmp_path / "walk", n_frames=400)
    rng = np.random.default_rng(0)
    for path in sorted((walk.root / "session1" / "pose-2d").glob("*.h5")):
        poses = read_poses_2d(path)
        noisy = poses.points + rng.normal(0, 1, poses.points.shape)
        write_poses_2d(path, Poses2D(poses.keypoints, noisy, poses.scores))
    process = anipose(walk.root, "run-data", "--jobs", "1")
    assert process.returncode == 0, process.stdout
    with xarray.open_dataset(walk.root / "session1" / "angles" / "t.nc") as data:
        knee = data.sel(angles="knee")
        assert float(knee["angle_sd"].median()) == pytest.approx(float(knee["angle"].std()), rel=0.2)
    assert (walk.root / "session1" / "angles" / "t.csv").read_text().startswith("knee,fnum")
