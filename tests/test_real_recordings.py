"""The whole pipeline on real recordings, against the figures in their READMEs."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anipose.board_recordings import configured_board
from anipose.geometry.calibration import Seen, calibrate
from anipose.geometry.triangulation import refine, reprojection_errors, triangulate
from anipose.io.calibration import read_calibration
from anipose.io.detections import read_detections
from anipose.io.poses_3d import read_poses_3d
from anipose.project import open_project
from projects import anipose, content


@pytest.fixture
def copy_of(shared_data: Path, tmp_path: Path) -> "Copy":
    return Copy(shared_data, tmp_path)


class Copy:
    """Makes a copy of a recording in which a test may write."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source, self._target = source, target

    def __call__(self, name: str, experiment: str = "experiment") -> Path:
        root = self._target / name
        # copyfile: the recordings are read-only, the copy is not
        shutil.copytree(self._source / name / experiment, root, copy_function=shutil.copyfile)
        for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        return root


def run_data(root: Path, *words: str) -> str:
    process = anipose(root, "run-data", "--jobs", "1", *words)
    assert process.returncode == 0, process.stdout
    return process.stdout


def test_mouse_4cam(copy_of: Copy, shared_data: Path) -> None:
    """A mouse in four cameras, from videos of a ChArUco board and SLEAP's points to angles, in one go."""
    root = copy_of("mouse-4cam")
    run_data(root)
    reference = read_calibration(shared_data / "mouse-4cam" / "reference" / "calibration-reference.toml")
    cameras = read_calibration(root / "session1" / "calibration" / "calibration.toml")
    assert cameras.names == ("back", "mid", "side", "top")
    expected = reference.subset(cameras.names)
    distances, expected_distances = (
        np.linalg.norm([a.center - b.center for a in rig for b in rig], axis=1) for rig in (cameras, expected)
    )
    # The reference has centred principal points and k1 alone, which this lens does not; see the next test.
    np.testing.assert_allclose(distances, expected_distances, rtol=0.01, atol=1e-9)
    assert cameras.metadata["error"] < 0.25  # the reference: 0.25 px, median of all corners
    assert abs(cameras.metadata["edge_bias_percent"]) < 0.1

    poses = read_poses_3d(root / "session1" / "pose-3d" / "mouse.csv")
    # README: the linear solution with the reference calibration has a mean error of 7.43 px.
    assert np.nanmean(poses.errors) < 7.43
    assert set(np.unique(poses.n_cameras[np.isfinite(poses.n_cameras)])) <= {2, 3, 4}
    angles = pd.read_csv(root / "session1" / "angles" / "mouse.csv")
    assert list(angles.columns) == ["spine", "tail", "fnum"]
    summary = pd.read_csv(root / "summaries" / "pose_3d.csv")
    assert len(summary) == 120
    assert list(summary.columns[-3:]) == ["folder_1", "filename", "project"]


def test_boards_that_the_calibration_has_not_seen(copy_of: Copy, shared_data: Path) -> None:
    """Held out, boards agree better with our calibration than with the reference, which has seen them all.

    Measured: reprojection error of triangulated corners 0.13 px against 0.47 px, distance to the rigid board
    0.13 mm against 0.30 mm. So where the two differ by 1 % (focal lengths, distances), ours is the better.
    """
    root = copy_of("mouse-4cam")
    assert anipose(root, "calibrate", "--jobs", "1").returncode == 0
    board = configured_board(open_project(root).config.calibration)
    folder = root / "session1" / "calibration"
    found = {
        name: read_detections(folder / f"detections.board_{name}.csv")
        for name in ("back", "mid", "side", "top")
    }
    reference = read_calibration(shared_data / "mouse-4cam" / "reference" / "calibration-reference.toml")
    errors, reference_errors = [], []
    for third in range(3):
        seen = {
            name: Seen(d.frames[d.frames % 3 != third], d.corners[d.frames % 3 != third], d.size)
            for name, d in found.items()
        }
        ours = calibrate(seen, board.points).cameras.subset(list(found))
        corners = np.full((len(found), 21, len(board.points), 2), np.nan)
        for row, d in enumerate(found.values()):
            held_out = d.frames % 3 == third
            corners[row, d.frames[held_out]] = d.corners[held_out]
        for cameras, into in ((ours, errors), (reference.subset(ours.names), reference_errors)):
            points = refine(cameras, triangulate(cameras, corners), corners)
            into.append(np.nanmedian(reprojection_errors(cameras, points, corners)))
    assert max(errors) < 0.2
    assert max(errors) < 0.5 * min(reference_errors)


def test_mouse_4cam_with_the_reference_calibration(copy_of: Copy, shared_data: Path) -> None:
    """The linear solution is that of the README, point by point."""
    root = copy_of("mouse-4cam")
    reference = shared_data / "mouse-4cam" / "reference"
    shutil.copyfile(
        reference / "calibration-reference.toml", root / "session1" / "calibration" / "calibration.toml"
    )
    output = run_data(root)
    assert "kept" in output
    assert not list((root / "session1" / "calibration").glob("detections.*"))  # nobody needs them
    poses = read_poses_3d(root / "session1" / "pose-3d" / "mouse.csv")
    expected = read_poses_3d(reference / "points3d-aniposelib-plain.csv")
    same = [poses.keypoints.index(name) for name in expected.keypoints]
    finite = np.isfinite(expected.points).all(axis=-1) & np.isfinite(poses.points[:, same]).all(axis=-1)
    assert finite.mean() > 0.95
    # aniposelib undistorts in few steps: up to 2.6e-4 mm; its file is rounded to 5 digits.
    np.testing.assert_allclose(poses.points[:, same][finite], expected.points[finite], atol=5e-4)


def test_checkerboard_stereo(copy_of: Copy) -> None:
    """README: focal lengths 533.00 and 536.98 within 3 %, baseline 99.85 mm within 2 %."""
    root = copy_of("checkerboard-stereo")
    run_data(root)
    left, right = read_calibration(root / "session1" / "calibration" / "calibration.toml")
    assert left.matrix[0, 0] == pytest.approx(533.00, rel=0.03)
    assert right.matrix[0, 0] == pytest.approx(536.98, rel=0.03)
    assert np.linalg.norm(left.center - right.center) == pytest.approx(99.85, rel=0.02)


def test_charuco_room(copy_of: Copy) -> None:
    """README: corners below 1.2 px on average, neighbouring corners within 0.5 mm of 54 mm; right angles."""
    root = copy_of("charuco-4cam-room")
    run_data(root)
    poses = read_poses_3d(root / "session1" / "pose-3d" / "board.csv")
    assert np.nanmean(poses.errors) < 1.2
    points = {name: poses.points[:, column] for column, name in enumerate(poses.keypoints)}
    edges = [
        np.linalg.norm(points[a] - points[b], axis=1) for a, b in (("c0", "c1"), ("c0", "c3"), ("c3", "c6"))
    ]
    assert np.nanmedian(np.concatenate(edges)) == pytest.approx(54, abs=0.5)
    angles = pd.read_csv(root / "session1" / "angles" / "board.csv")
    assert angles["corner_right_angle"].median() == pytest.approx(90, abs=1)
    assert angles["row_straight_angle"].median() == pytest.approx(180, abs=2)


def test_fly_project_of_the_peer(copy_of: Copy, shared_data: Path) -> None:
    """Nothing that the user made is touched, and the linear solution is the peer's to rounding."""
    root = copy_of("fly-3cam-anipose")
    before = {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    run_data(root, "--set", "triangulation.ransac=false")
    assert {path: (root / path).read_bytes() for path in before} == before
    expected = read_poses_3d(shared_data / "fly-3cam-anipose" / "reference" / "points3d-aniposelib-plain.csv")
    poses = read_poses_3d(next((root / "network0" / "pose-3d").glob("*.csv")))
    assert np.linalg.det(poses.frame.rotation) == pytest.approx(1)
    world = poses.frame.to_world(poses.points)
    np.testing.assert_allclose(world, expected.points, atol=5.1e-6)  # the file has five digits
    # README: mean over all observations 1.59 px for network 0.
    assert np.nanmean(poses.errors) == pytest.approx(1.586, abs=0.001)


def test_exact_labels_come_out_exactly(copy_of: Copy, shared_data: Path) -> None:
    root = copy_of("mouse-6cam-labels")
    run_data(root)
    poses = read_poses_3d(root / "session1" / "pose-3d" / "mouse.csv")
    truth = read_poses_3d(shared_data / "mouse-6cam-labels" / "reference" / "points3d-labels.csv")
    same = [poses.keypoints.index(name) for name in truth.keypoints]
    np.testing.assert_allclose(poses.points[:, same], truth.points, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "experiment", "command"),
    [
        ("hand-2cam", "experiment", "run-data"),
        ("mirror-mouse", "experiment-filter", "run-data"),
        ("openfield-2d", "experiment", "filter"),
        ("aruco-grid-1cam", "experiment", "calibrate"),
    ],
)
def test_other_projects_run_and_run_again_without_work(
    copy_of: Copy, name: str, experiment: str, command: str
) -> None:
    root = copy_of(name, experiment)
    first = anipose(root, command, "--jobs", "1")
    assert first.returncode in (0, 1), first.stdout
    assert "Traceback" not in first.stdout
    assert "fault of anipose" not in first.stdout
    before = content(root)
    again = anipose(root, command, "--jobs", "1")
    assert "done" not in again.stdout.splitlines()[-1]
    assert content(root) == before
