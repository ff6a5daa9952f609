"""The verdict on 3D poses: what it blames is what was made wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anipose.geometry.transforms import rotation_matrix
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.poses_2d import read_poses_2d, write_poses_2d
from anipose.io.poses_3d import read_poses_3d
from anipose.poses import Poses2D
from moving_animal import move_animal
from projects import anipose
from synthetic import make_rig, observe

KEYPOINTS = tuple("abcdef")
N_FRAMES = 200
CONFIG = """
[triangulation]
cam_regex = '-(cam[0-9])$'
constraints = [["a", "b"], ["a", "c"]]

[labeling]
scheme = [["b", "a", "c"], ["e", "f"]]
"""


def make(root: Path, *, late: int = 0, beside: str = "", turned: float = 0.0) -> np.ndarray:
    """Four cameras, 0.5 px noise.

    Args:
        late: frames by which cam1 shows everything later.
        beside: keypoint that is 40 px beside its place in cam2.
        turned: degrees by which cam3 was turned after the calibration.
    """
    cameras = make_rig(4)
    truth = move_animal(N_FRAMES + 60, len(KEYPOINTS))
    pixels, _ = observe(cameras, truth, noise_px=0.5, missing=0.05)
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.toml").write_text(CONFIG)
    calibrated = cameras
    if turned:
        moved = cameras.cameras[3]
        turn = rotation_matrix(np.array([0, np.deg2rad(turned), 0]))
        moved = moved.with_pose(turn @ moved.rotation_matrix, turn @ moved.translation)
        calibrated = type(cameras)((*cameras.cameras[:3], moved))
    write_calibration(root / "s" / "calibration" / "calibration.toml", calibrated)
    for row, camera in enumerate(cameras):
        start = 30 - (late if row == 1 else 0)
        points = pixels[row, start : start + N_FRAMES].copy()
        if beside and row == 2:
            points[:, KEYPOINTS.index(beside)] += 40
        scores = np.full(points.shape[:2], 0.95)
        write_poses_2d(root / "s" / "pose-2d" / f"t-{camera.name}.h5", Poses2D(KEYPOINTS, points, scores))
    return truth[30 : 30 + N_FRAMES]


def report(root: Path) -> dict[str, Any]:
    process = anipose(root, "run-data", "--jobs", "1")
    assert process.returncode == 0, process.stdout
    page = (root / "s" / "pose-3d" / "report.html").read_text()
    found = json.loads((root / "s" / "pose-3d" / "report.json").read_text())
    told = " ".join(process.stdout.split())
    assert all(word in told for word in found["words"][:9])
    assert "<svg" in page
    assert "http" not in page  # it needs nothing from elsewhere
    assert all(name in page for name in KEYPOINTS)
    return found


def test_a_good_session(tmp_path: Path) -> None:
    make(tmp_path)
    found = report(tmp_path)
    assert found["verdict"] == "good"
    assert found["error_px"]["all"] < 1
    assert sum(found["share_by_number_of_cameras"].values()) == pytest.approx(1)
    assert set(found["limbs"]) == {"a - b", "a - c", "e - f"}
    # 0.5 px are about 0.3 mm in a limb of some 15 mm.
    assert found["limbs"]["a - b"]["variation_percent"] < 4


def test_a_late_camera_is_named_and_the_key_puts_it_right(tmp_path: Path) -> None:
    truth = make(tmp_path, late=6)
    found = report(tmp_path)
    assert found["frame_offsets"][0]["frame_offset"] == {"cam1": 6}
    assert "[cameras.cam1] frame_offset = 6" in " ".join(found["words"])
    (tmp_path / "s" / "config.toml").write_text("[cameras.cam1]\nframe_offset = 6\n")
    found = report(tmp_path)
    assert found["verdict"] == "good"
    poses = read_poses_3d(tmp_path / "s" / "pose-3d" / "t.csv")
    error = np.linalg.norm(poses.points - truth[: len(poses.points)], axis=-1)
    assert np.nanmedian(error) < 0.5
    projected = anipose(tmp_path, "project-2d", "--jobs", "1")
    assert projected.returncode == 0, projected.stdout


@pytest.mark.parametrize("late", [-30, -1, 1, 30])
def test_other_offsets(tmp_path: Path, late: int) -> None:
    make(tmp_path, late=late)
    assert report(tmp_path)["frame_offsets"][0]["frame_offset"] == {"cam1": late}


def test_a_camera_that_was_moved_is_named(tmp_path: Path) -> None:
    make(tmp_path, turned=1.0)
    words = " ".join(report(tmp_path)["words"])
    assert "Camera cam3 contradicts the others" in words
    assert "out of step" not in words


def test_a_keypoint_that_one_camera_sees_elsewhere_is_named(tmp_path: Path) -> None:
    make(tmp_path, beside="d")
    figures = report(tmp_path)
    assert figures["cameras"]["cam2"]["by_keypoint_px"]["d"] > 20
    words = " ".join(figures["words"])
    assert "d is not at the same place in camera cam2" in words


def test_a_session_without_3d_points_is_not_good(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "s" / "config.toml").write_text("[triangulation]\nmin_cameras = 5\n")
    figures = report(tmp_path)
    assert figures["verdict"] == "doubtful"
    assert figures["words"][0].startswith("There are no 3D points.")


def test_two_cameras_that_do_not_fit_together_are_not_good(tmp_path: Path) -> None:
    """With two cameras, none can be blamed."""
    make(tmp_path)
    path = tmp_path / "s" / "calibration" / "calibration.toml"
    cameras = read_calibration(path).subset(["cam0", "cam1"])
    one, two = cameras.cameras
    swapped = (
        one.with_pose(two.rotation_matrix, two.translation),
        two.with_pose(one.rotation_matrix, one.translation),
    )
    write_calibration(path, replace(cameras, cameras=swapped))
    figures = report(tmp_path)
    assert figures["verdict"] == "doubtful"
    assert "is the calibration that of these videos, and are the cameras named right?" in " ".join(
        figures["words"]
    )


def test_exchanged_keypoints_are_put_right_and_listed(tmp_path: Path) -> None:
    truth = make(tmp_path)
    path = tmp_path / "s" / "pose-2d" / "t-cam2.h5"
    poses = read_poses_2d(path)
    points = poses.points.copy()
    b, c = KEYPOINTS.index("b"), KEYPOINTS.index("c")
    points[50:90, [b, c]] = points[50:90, [c, b]]
    write_poses_2d(path, replace(poses, points=points))
    (tmp_path / "s" / "config.toml").write_text('[triangulation]\nfix_swaps = [["b", "c"]]\n')
    figures = report(tmp_path)
    (swap,) = figures["swaps"]
    assert (swap["pair"], swap["camera"]) == (["b", "c"], "cam2")
    # A camera that misses one of the two, 10 % of them, is left as it is.
    assert 34 <= swap["frames"] <= 40
    found = read_poses_3d(tmp_path / "s" / "pose-3d" / "t.csv")
    both = (found.n_cameras[50:90, [b, c]] == 4).mean()
    assert both > 0.7
    assert np.nanmedian(np.linalg.norm(found.points - truth, axis=-1)) < 0.5


def test_exchanged_keypoints_that_nobody_named_are_told_with_the_line_to_paste(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "s" / "pose-2d" / "t-cam2.h5"
    poses = read_poses_2d(path)
    points = poses.points.copy()
    b, c = KEYPOINTS.index("b"), KEYPOINTS.index("c")
    points[50:90, [b, c]] = points[50:90, [c, b]]
    write_poses_2d(path, replace(poses, points=points))
    words = " ".join(report(tmp_path)["words"])
    assert "b and c look exchanged in camera cam2 (" in words
    line = 'fix_swaps = [["b", "c"]]'
    assert line in words
    (tmp_path / "s" / "config.toml").write_text(f"[triangulation]\n{line}\n")
    assert "look exchanged" not in " ".join(report(tmp_path)["words"])


def test_views_that_contradict_each_other_for_good_are_no_noise(tmp_path: Path) -> None:
    make(tmp_path)
    rng = np.random.default_rng(0)
    for path in sorted((tmp_path / "s" / "pose-2d").glob("*.h5")):
        poses = read_poses_2d(path)
        write_poses_2d(path, replace(poses, points=poses.points + rng.normal(0, 4, (len(KEYPOINTS), 2))))
    figures = report(tmp_path)
    assert figures["lasting_px"] > 3 * figures["noise_px"]
    assert "px that stay the same over time, more than their noise" in " ".join(figures["words"])


def test_swaps_of_unknown_keypoints_are_refused(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "s" / "config.toml").write_text('[triangulation]\nfix_swaps = [["b", "x"]]\n')
    process = anipose(tmp_path, "run-data", "--jobs", "1")
    assert process.returncode == 1
    assert "triangulation.fix_swaps" in process.stdout
    assert "Traceback" not in process.stdout


def test_cameras_of_the_report_are_those_of_the_calibration(tmp_path: Path) -> None:
    make(tmp_path)
    report_cameras = report(tmp_path)["cameras"]
    calibration = read_calibration(tmp_path / "s" / "calibration" / "calibration.toml")
    assert tuple(report_cameras) == calibration.names


def test_without_3d_poses_it_is_blocked(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "s" / "config.toml").write_text('[triangulation]\nfix_swaps = [["b", "x"]]\n')
    process = anipose(tmp_path, "run-data", "--jobs", "1")
    assert process.returncode == 1
    said = " ".join(process.stdout.split())
    assert "1 failed" in said, said
    assert "blocked s/pose-3d/report.json" in said, said
    assert "nothing that it is made from is there" in said, said
