"""What goes wrong in a lab: every case has a message that says what, where, why and what to do, and the
rest of the work is done."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from anipose.io.poses_2d import read_poses_2d, write_poses_2d
from anipose.io.poses_3d import read_poses_3d
from anipose.io.video_writer import VideoWriter
from anipose.poses import Poses2D
from projects import anipose, make_walk


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """Two sessions; the tests break the first."""
    return make_walk(tmp_path / "walk", sessions=("a", "b")).root


def run(root: Path, *words: str, code: int = 1) -> str:
    """A run of which a part fails; the output on one line, as the lines are wrapped for people."""
    process = anipose(root, "run-data", "--jobs", "1", *words)
    assert process.returncode == code, process.stdout
    assert "Traceback" not in process.stdout
    return " ".join(process.stdout.split())


def assert_rest_is_done(root: Path) -> None:
    assert (root / "b" / "pose-3d" / "t.csv").is_file()
    assert (root / "b" / "angles" / "t.csv").is_file()
    assert not (root / "a" / "angles" / "t.csv").exists()


def test_no_config(tmp_path: Path) -> None:
    process = anipose(tmp_path, "run-data")
    assert process.returncode == 1
    assert "there is no config.toml in" in process.stdout
    assert "anipose init" in process.stdout


def test_broken_toml_of_the_experiment_names_file_and_line(walk: Path) -> None:
    (walk / "config.toml").write_text('project = "walk"\n[triangulation\ncam_regex = 1\n')
    output = run(walk, code=2)
    assert "config.toml" in output
    assert "line 2" in output


def test_broken_toml_of_one_session_stops_that_session_alone(walk: Path) -> None:
    (walk / "a" / "config.toml").write_text("[triangulation]\noptim = False\n")
    output = run(walk)
    assert "failed session a" in output
    assert "config.toml" in output
    assert "line 2" in output
    assert_rest_is_done(walk)


def test_a_mistyped_key_is_an_error_with_a_hint(walk: Path) -> None:
    output = run(walk, "--set", "triangulation.score_treshold=0.5", code=2)
    assert "did you mean triangulation.score_threshold" in output


@pytest.mark.parametrize(
    "setting",
    [
        'angles.bend=["hip","kne","foot"]',
        'triangulation.axes=[["x","hip","kne"],["z","knee","foot"]]',
        "triangulation.reference_point='kne'",
    ],
)
def test_an_unknown_keypoint_is_named_with_the_nearest_one(walk: Path, setting: str) -> None:
    output = run(walk, "--set", setting)
    assert "kne" in output
    assert "did you mean" in output
    assert "knee" in output


def test_a_camera_without_calibration_is_left_out_with_a_warning(walk: Path) -> None:
    poses = walk / "a" / "pose-2d"
    shutil.copy(poses / "t-cam0.h5", poses / "t-cam9.h5")
    output = run(walk, code=0)
    assert "trial t: camera cam9 is not in" in output
    assert "triangulated from cam0, cam1, cam2" in output


def test_cameras_that_are_all_uncalibrated_fail(walk: Path) -> None:
    poses = walk / "a" / "pose-2d"
    for number in (1, 2):
        (poses / f"t-cam{number}.h5").rename(poses / f"t-cam{number + 6}.h5")
    output = run(walk)
    assert "has the cameras cam0, cam7, cam8, but" in output
    assert "cam_regex" in output
    assert_rest_is_done(walk)


def test_no_calibration_at_all(walk: Path) -> None:
    shutil.rmtree(walk / "calibration")
    output = run(walk)
    assert "calibration/calibration.toml does not exist; put videos of a calibration board" in output


def test_views_of_different_lengths_are_used_as_far_as_they_go_with_a_warning(walk: Path) -> None:
    path = walk / "a" / "pose-2d" / "t-cam1.h5"
    poses = read_poses_2d(path)
    write_poses_2d(path, Poses2D(poses.keypoints, poses.points[:20], poses.scores[:20]))
    output = run(walk, code=0)
    assert "the views differ in their number of frames (cam0 30, cam1 20, cam2 30)" in output
    poses = read_poses_3d(walk / "a" / "pose-3d" / "t.csv")
    assert set(poses.n_cameras[:20].ravel()) == {3}
    assert set(poses.n_cameras[20:].ravel()) == {2}


@pytest.mark.parametrize("data", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n" + b"\0" * 200])
def test_a_file_that_is_no_hdf5(walk: Path, data: bytes) -> None:
    (walk / "a" / "pose-2d" / "t-cam1.h5").write_bytes(data)
    output = run(walk)
    assert "t-cam1.h5" in output
    assert_rest_is_done(walk)


def test_an_hdf5_that_is_not_deeplabcuts(walk: Path) -> None:
    import h5py

    path = walk / "a" / "pose-2d" / "t-cam1.h5"
    path.unlink()
    with h5py.File(path, "w") as file:
        file["temperature"] = np.arange(5)
    output = run(walk)
    assert "t-cam1.h5" in output
    assert "temperature" in output
    assert_rest_is_done(walk)


def test_all_scores_zero_and_infinities(walk: Path) -> None:
    for number in range(3):
        path = walk / "a" / "pose-2d" / f"t-cam{number}.h5"
        poses = read_poses_2d(path)
        points = poses.points.copy()
        points[3] = np.inf
        write_poses_2d(path, Poses2D(poses.keypoints, points, np.zeros_like(poses.scores)))
    output = run(walk, code=0)
    assert "no keypoint is seen by two cameras with a score of 0.8 or more" in output


def test_more_cameras_wanted_than_there_are(walk: Path) -> None:
    output = run(walk, "--set", "triangulation.min_cameras=4", code=0)
    assert "triangulation.min_cameras = 4, but the trial has 3 cameras, so there are no 3D points" in output


def test_views_without_a_common_keypoint(walk: Path) -> None:
    for number in range(3):
        path = walk / "a" / "pose-2d" / f"t-cam{number}.h5"
        poses = read_poses_2d(path)
        write_poses_2d(
            path, Poses2D(tuple(f"{k}{number}" for k in poses.keypoints), poses.points, poses.scores)
        )
    output = run(walk)
    assert (
        "trial t: no keypoint is seen by two cameras in the same frame, so there are no 3D points" in output
    )
    assert "do the keypoints have the same names in all views" in output


def test_three_frames(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk", n_frames=3)
    run(walk.root, code=0)


def test_nothing_that_a_command_works_on(walk: Path) -> None:
    for command, looked_for in (
        ("filter", "filter.enabled = true"),
        ("calibrate", "videos of a calibration board"),
    ):
        process = anipose(walk, command)
        assert process.returncode == 1
        assert "nothing to do: found no" in process.stdout
        assert looked_for in process.stdout


def test_folders_with_other_names(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk").root
    (walk / "session1" / "pose-2d").rename(walk / "session1" / "Pose2D")
    output = run(walk)
    assert "no session found" in output
    assert "Pose2D looks like pose-2d" in output


def test_sessions_at_another_depth(walk: Path) -> None:
    output = run(walk, "--set", "nesting=2")
    assert "nesting = 1" in output


def test_a_folder_of_videos_that_is_empty(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("nesting = 1\n")
    (tmp_path / "session1" / "videos-raw").mkdir(parents=True)
    output = run(tmp_path)
    assert "There is one in" in output
    assert "but nothing in it that counts as a video or as tracked points" in output


def test_trials_with_one_camera_are_told(walk: Path) -> None:
    """As when the names of the files differ in more than the camera."""
    path = walk / "a" / "pose-2d" / "t-cam2.h5"
    path.rename(path.with_name("t2-cam2.h5"))
    output = run(walk, code=0)
    assert "a: no 3D points are made of trials with one camera only: t2 (camera cam2)" in output


@pytest.fixture
def locked(walk: Path) -> Iterator[Path]:
    """A session into which not even root can write."""
    folder = walk / "a"
    lock = subprocess.run(["chattr", "+i", str(folder)], capture_output=True, text=True, check=False)
    if lock.returncode:
        pytest.skip(f"folders cannot be made immutable here: {lock.stderr.strip()}")
    yield folder
    subprocess.run(["chattr", "-i", str(folder)], check=True)


@pytest.mark.usefixtures("locked")
def test_a_folder_without_write_permission(walk: Path) -> None:
    output = run(walk)
    assert "no permission to write here" in output
    assert_rest_is_done(walk)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with hardly any space."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    walk = make_walk(small_disk / "walk").root
    filler = os.open(small_disk / "filler", os.O_CREAT | os.O_WRONLY)
    with contextlib.suppress(OSError):  # until no space is left
        while os.write(filler, b"0" * 4096):
            pass
    os.close(filler)
    output = run(walk)
    assert "no space left" in output
    assert "Free some space" in output
    assert not list(walk.rglob("t.csv"))


def test_two_runs_at_once(walk: Path) -> None:
    """Both end well, the second after it has waited, and the result is that of one."""
    import sys

    command = [sys.executable, "-m", "anipose", "run-data", "--jobs", "1"]
    runs = [
        subprocess.Popen(command, cwd=walk, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], outputs
    assert not list(walk.rglob("*.tmp-*"))
    assert anipose(walk, "run-data").stdout.strip().endswith("up to date")


def test_videos_of_another_size_than_the_calibration(walk: Path) -> None:
    with VideoWriter(walk / "a" / "videos-raw" / "t-cam1.mp4", 30, (320, 240)) as writer:
        writer.write(np.zeros((240, 320, 3), np.uint8))
    output = run(walk, code=0)
    assert "camera cam1 was calibrated with pictures of 1280x1024, but t-cam1.mp4 has 320x240" in output
    assert "[cameras.cam1] size = [320, 240] if it shows the whole picture" in output
    assert "or offset = [x, y] if it is a part of it" in output


def test_exchanged_cameras_are_noticed_and_told_again(walk: Path) -> None:
    poses = walk / "a" / "pose-2d"
    (poses / "t-cam0.h5").rename(poses / "x.h5")
    (poses / "t-cam1.h5").rename(poses / "t-cam0.h5")
    (poses / "x.h5").rename(poses / "t-cam1.h5")
    said = "trial t: the views do not fit together"
    assert said in run(walk, code=0)
    assert said in run(walk, code=0)  # nothing is made anew, and it still holds
    assert said in " ".join(anipose(walk, "status").stdout.split())


def test_a_table_of_a_camera_that_is_not_there(walk: Path) -> None:
    output = run(walk, "--set", "cameras.cma1.offset=[10,10]", code=0)
    assert "[cameras.cma1] has no effect: there is no camera of this name. The cameras are cam0" in output


def test_summaries_stay_whole_while_a_session_cannot_be_used(walk: Path) -> None:
    run(walk, code=0)
    before = (walk / "summaries" / "angles.csv").read_bytes()
    (walk / "a" / "config.toml").write_text("nonsense")
    output = run(walk)
    assert "the tables over all sessions stay as they are while a session cannot be used: a" in output
    assert (walk / "summaries" / "angles.csv").read_bytes() == before
