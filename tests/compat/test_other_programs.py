"""Other programs read what we write, and we read what they write.

Each runs with its own, older or conflicting libraries, so in an environment of its own. Making the
environments takes minutes the first time: `pytest -m slow tests/compat`.
"""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import environments
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.calibration_formats.registry import FORMATS, read_any_calibration
from anipose.io.movement import Described3D, write_animals_companion
from anipose.io.poses_2d import read_poses_2d, write_animals_2d, write_poses_2d
from anipose.io.poses_3d import read_poses_3d, write_poses_3d
from anipose.io.sleap_project import TrackedFrames, write_sleap_project
from anipose.io.tables import SummaryPart, read_angles, write_summary
from anipose.io.video_writer import VideoWriter
from anipose.poses import UNNAMED, Frame3D, Poses2D, Poses3D
from synthetic import PINHOLE_DISTORTIONS, make_points, make_rig

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
NAN = np.nan

POSES_2D = Poses2D(
    ("nose", "tail (base)"),
    np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [NAN, NAN]], [[7.0, 8.0], [9.0, 0.1]]]),
    np.array([[0.9, 0.8], [0.7, NAN], [0.6, 1 / 3]]),
    "net",
)


def _run(environment: str, script: str, folder: Path, *arguments: str) -> Any:
    """What a script prints in its last line."""
    output = getattr(environments, environment).run(HERE / script, folder, *arguments)
    return json.loads(output.strip().splitlines()[-1])


@pytest.mark.parametrize("environment", ["PANDAS_2_1", "PANDAS_2_2"])
def test_older_pandas(environment: str, tmp_path: Path) -> None:
    write_poses_2d(tmp_path / "pose_2d.h5", POSES_2D)
    write_summary(
        [SummaryPart(tmp_path / "pose_2d.h5", ("mäuse",), "trial")],
        "project",
        csv=tmp_path / "summary.csv",
        parquet=None,
        hdf5=tmp_path / "summary.h5",
    )

    found = _run(environment, "pandas_reads.py", tmp_path)

    assert found["version"].startswith(environment.removeprefix("PANDAS_").replace("_", "."))
    assert found["levels"] == ["scorer", "bodyparts", "coords"]
    coords = ["x", "y", "likelihood"]
    assert found["columns"] == [["net", name, coord] for name in POSES_2D.keypoints for coord in coords]
    assert found["values"] == [[1, 2, 0.9, 3, 4, 0.8], [5, 6, 0.7, -1, -1, -1], [7, 8, 0.6, 9, 0.1, 1 / 3]]
    assert found["part"] == [1, 2]
    assert found["summary"][-3:] == [["folder_1", ""], ["filename", ""], ["project", ""]]
    assert found["last"] == [7, 8, 0.6, 9, 0.1, 1 / 3, "mäuse", "trial", "project"]
    for name in ("copy_table.h5", "copy_fixed.h5"):
        copy = read_poses_2d(tmp_path / name)
        assert copy.keypoints == POSES_2D.keypoints
        np.testing.assert_array_equal(copy.points, POSES_2D.points)
        np.testing.assert_array_equal(copy.scores, POSES_2D.scores)


def test_movement(tmp_path: Path) -> None:
    points = np.arange(18.0).reshape(3, 2, 3) / 7
    points[1, 1] = NAN
    poses = Poses3D(
        ("nose", "a_x"),
        points,
        errors=points[..., 0],
        n_cameras=np.full((3, 2), 2.0),
        scores=points[..., 0] / 3,
        frame=Frame3D(),
        frame_numbers=np.arange(3),
    )
    write_poses_2d(tmp_path / "pose_2d.h5", POSES_2D)
    write_poses_3d(tmp_path / "pose_3d.csv", poses)
    used = np.ones((2, 3, 2), dtype=bool)
    one = {UNNAMED: Described3D(poses, used)}
    write_animals_companion(tmp_path / "pose_3d.nc", one, fps=100, unit="mm", cameras=["A", "B"])

    berta = replace(poses, keypoints=("collar", "nose"), points=points + 100)
    animals = {name: Described3D(one, used) for name, one in (("anna", poses), ("berta", berta))}
    write_animals_companion(tmp_path / "animals_3d.nc", animals, fps=100, unit="mm", cameras=["A", "B"])
    write_animals_2d(
        tmp_path / "animals_2d.h5",
        {"anna": POSES_2D, "berta": replace(POSES_2D, points=POSES_2D.points + 100)},
    )

    found = _run("MOVEMENT", "movement_reads.py", tmp_path)

    several = found.pop("several")
    assert several["nc"]["individuals"] == several["h5"]["individuals"] == ["anna", "berta"]
    np.testing.assert_array_equal(several["nc"]["berta"][0], points[0, 1] + 100)
    np.testing.assert_array_equal(several["h5"]["berta"][0], POSES_2D.points[0, 0] + 100)
    expected = {"csv": (poses.keypoints, points, poses.scores), "nc": (poses.keypoints, points, poses.scores)}
    expected["h5"] = (POSES_2D.keypoints, POSES_2D.points, POSES_2D.scores)
    for name, (keypoints, positions, scores) in expected.items():
        order = [found[name]["keypoints"].index(keypoint) for keypoint in keypoints]
        position = np.array(found[name]["position"])[:, order]
        np.testing.assert_array_equal(np.where(position == -1e9, NAN, position), positions)
        confidence = np.array(found[name]["confidence"])[:, order]
        np.testing.assert_array_equal(np.where(confidence == -1e9, NAN, confidence), scores)
        assert found[name]["time"] == [0.0, 0.01, 0.02]
        assert found[name]["fps"] == 100


def test_older_anipose(tmp_path: Path, shared_data: Path) -> None:
    """It triangulates, filters and takes angles from our files as it does from its own."""
    session = shared_data / "mouse-4cam" / "experiment" / "session1" / "pose-2d"
    reference = shared_data / "mouse-4cam" / "reference"
    for path in sorted(session.glob("*.h5")):
        write_poses_2d(tmp_path / f"view_{path.stem.removeprefix('mouse_')}.h5", read_poses_2d(path))
    write_calibration(
        tmp_path / "calibration.toml", read_calibration(reference / "calibration-reference.toml")
    )
    triangulated = read_poses_3d(reference / "points3d-dlt-reference-calibration.csv")
    write_poses_3d(tmp_path / "pose_3d.csv", triangulated)

    found = _run("PEER", "peer_reads.py", tmp_path)

    back = read_poses_2d(session / "mouse_back.h5")
    assert found["bodyparts"] == list(back.keypoints)
    assert found["scorer"] == back.scorer
    assert found["shape"] == [120, 15, 1, 3]

    # Two versions of OpenCV stopped at different points when they undistorted: below 0.001 mm and px.
    peer = read_poses_3d(tmp_path / "peer_pose_3d.csv")
    assert peer.keypoints == triangulated.keypoints
    np.testing.assert_allclose(peer.points, triangulated.points, atol=1e-3)
    np.testing.assert_allclose(peer.errors, triangulated.errors, atol=1e-3)
    np.testing.assert_array_equal(peer.n_cameras, triangulated.n_cameras)

    filtered = read_poses_3d(tmp_path / "peer_filtered_3d.csv")
    assert filtered.keypoints == triangulated.keypoints
    assert np.nanmedian(np.abs(filtered.points - triangulated.points)) < 1
    angles, frames = read_angles(tmp_path / "peer_angles.csv")
    assert frames.tolist() == list(range(120))
    place = [triangulated.keypoints.index(name) for name in ("Nose", "Head", "Trunk")]
    nose, head, trunk = (triangulated.points[:, number] for number in place)
    one, other = nose - head, trunk - head
    cosine = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(angles["neck"], np.degrees(np.arccos(cosine)), atol=1e-9)

    for name in ("medfilt", "viterbi"):
        written = read_poses_2d(tmp_path / f"peer_{name}.h5")
        assert written.keypoints == back.keypoints
        assert found[name] > 0.7 * back.points.size


@pytest.mark.parametrize("name", ["colmap", "caliscope", "pose2sim"])
def test_calibrations(tmp_path: Path, name: str) -> None:
    """The readers of the originals project with our exports to the same pixels."""
    rig = make_rig(3, distortions=PINHOLE_DISTORTIONS[: 4 if name == "pose2sim" else 5])
    points = make_points(50)
    np.save(tmp_path / "points.npy", points)
    FORMATS[name].write(tmp_path / FORMATS[name].TARGET, rig)

    found = _run(name.upper(), "calibrations_read.py", tmp_path, name)

    for camera in rig:
        np.testing.assert_allclose(found[camera.name], camera.project(points), atol=1e-6)


@pytest.mark.skipif(shutil.which("octave") is None, reason="Octave is not installed")
@pytest.mark.parametrize("name", ["matlab", "dannce", "dlt"])
def test_files_of_matlab(tmp_path: Path, name: str) -> None:
    """Octave loads them, MATLAB's formulas give the same pixels, from 1 on; and we read what it saves."""
    rig = make_rig(3, distortions=() if name == "dlt" else PINHOLE_DISTORTIONS)
    points = make_points(50)
    np.savetxt(tmp_path / "points.csv", points, delimiter=",")
    FORMATS[name].write(tmp_path / ("dannce" if name == "dannce" else FORMATS[name].TARGET), rig)

    command = ["octave", "--no-gui", "--quiet", HERE / "calibrations_read.m", tmp_path, name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.strip().splitlines()[-1])
    for camera in rig:
        np.testing.assert_allclose(np.array(found[camera.name]) - 1, camera.project(points), atol=1e-6)
    left, right = read_any_calibration(tmp_path / "stereo.mat")
    assert (left.size, right.size) == ((1280, 1024), (1280, 1024))
    np.testing.assert_array_equal(right.matrix, [[1000, 0, 640], [0, 1010, 500], [0, 0, 1]])
    np.testing.assert_allclose(right.rotation, [0, 0, np.pi / 2], atol=1e-15)
    np.testing.assert_array_equal(right.translation, [10, 20, 500])
    np.testing.assert_array_equal(left.distortions, [-0.1, 0.02, 0.001, -0.002, 0])


def test_sleap(tmp_path: Path) -> None:
    """Its own reader finds our suggestions: the frames, what was tracked in them, and the skeleton."""
    tracked = []
    for number, name in enumerate(("a.mp4", "b.mp4")):
        with VideoWriter(tmp_path / name, 30, (64, 48)) as writer:
            for brightness in range(10):
                writer.write(np.full((48, 64, 3), 100 * number + 10 * brightness, np.uint8))
        tracked.append(TrackedFrames(tmp_path / name, (0, 4, 8), {"": POSES_2D}))
    write_sleap_project(tmp_path / "frames.slp", tracked, [("nose", "tail (base)"), ("nose", "ear")])

    found = _run("SLEAP_IO", "sleap_reads.py", tmp_path / "frames.slp")

    assert found["keypoints"] == list(POSES_2D.keypoints)
    assert found["limbs"] == [list(POSES_2D.keypoints)]
    assert found["shapes"] == 2 * [[10, 48, 64, 3]]
    assert found["suggested"] == [[video, frame] for video in (0, 1) for frame in (0, 4, 8)]
    assert [[one["video"], one["number"]] for one in found["frames"]] == found["suggested"]
    for one in found["frames"]:
        row = (0, 4, 8).index(one["number"])
        assert one["kind"] == ["PredictedInstance"]
        seen = np.nan_to_num(POSES_2D.points[row], nan=-1), np.nan_to_num(POSES_2D.scores[row])[:, None]
        np.testing.assert_array_equal(one["points"], np.hstack(seen))
        assert one["mean"] == pytest.approx(100 * one["video"] + 10 * one["number"], abs=3)
