"""Angles with standard deviations beside the table that other programs read."""

from pathlib import Path

import numpy as np
import pytest

from anipose.io.poses_2d import read_poses_2d, write_poses_2d
from anipose.io.video_writer import VideoWriter
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


def times(folder: Path) -> tuple[list[float], list[str]]:
    found, units = [], []
    for name in ("pose-3d", "angles"):
        with xarray.open_dataset(folder / name / "t.nc") as data:
            found.append(float(data["time"][-1]))
            units.append(data.attrs["time_unit"])
    return found, units


def test_times_are_seconds_where_the_frame_rate_is_known(tmp_path: Path) -> None:
    """31 frames: the last is 30 frames after the first."""
    walk = make_walk(tmp_path / "walk", n_frames=31)
    session = walk.root / "session1"
    assert anipose(walk.root, "run-data", "--jobs", "1").returncode == 0
    assert times(session) == ([30, 30], ["frames", "frames"])
    for number in range(3):
        with VideoWriter(session / "videos-raw" / f"t-cam{number}.mp4", 20, (1280, 1024)) as writer:
            writer.write(np.zeros((1024, 1280, 3), np.uint8))
    assert anipose(walk.root, "run-data", "--jobs", "1").returncode == 0
    assert times(session) == ([1.5, 1.5], ["seconds", "seconds"])
    assert anipose(walk.root, "run-data", "--jobs", "1", "--set", "fps=300").returncode == 0
    assert times(session) == ([0.1, 0.1], ["seconds", "seconds"])


def test_videos_of_different_rates_are_told(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk")
    for number, rate in enumerate((30, 30, 60)):
        path = walk.root / "session1" / "videos-raw" / f"t-cam{number}.mp4"
        with VideoWriter(path, rate, (1280, 1024)) as writer:
            writer.write(np.zeros((1024, 1280, 3), np.uint8))
    process = anipose(walk.root, "triangulate", "--jobs", "1")
    assert process.returncode == 0, process.stdout
    assert "differ in their frames per second (cam0 30, cam1 30, cam2 60)" in " ".join(process.stdout.split())
