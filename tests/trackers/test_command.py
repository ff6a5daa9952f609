"""Trackers that are started by a command line: small scripts that do right and wrong."""

import shlex
import sys
from pathlib import Path

import av
import numpy as np

from anipose.io.poses_2d import read_poses_2d
from anipose.io.video import count_frames
from anipose.io.video_writer import VideoWriter
from projects import anipose, made

# Writes a point (7, 8) for each of N frames, as a CSV of DeepLabCut, to a file that is called .h5.
SCRIPT = """
import sys
video, output, n_frames = sys.argv[1:]
if "broken" in video:
    sys.exit("cannot read the video")
lines = ["scorer,me,me,me", "bodyparts,nose,nose,nose", "coords,x,y,likelihood"]
lines += [f"{frame},7,8,0.9" for frame in range(int(n_frames))]
if int(n_frames):
    open(output, "w").write("\\n".join(lines))
"""
N_FRAMES = 5


def make_experiment(root: Path, *names: str, n_frames: int = N_FRAMES) -> None:
    script = root / "my tracker.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(SCRIPT)
    command = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {{video}} {{output}} {n_frames}"
    (root / "config.toml").write_text(f"model_type = 'command'\n[tracker]\ncommand = \"{command}\"\n")
    for name in names:
        with VideoWriter(root / "a session" / "videos-raw" / f"{name}.mp4", 30, (32, 32)) as writer:
            for _ in range(N_FRAMES):
                writer.write(np.zeros((32, 32, 3), np.uint8))


def write_half_an_avi(path: Path, n_frames: int) -> None:
    """The file of a camera whose disk was full; its beginning promises all frames."""
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
        for _ in range(n_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, "bgr24")))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_tracker_runs_for_every_video_and_fails_alone(tmp_path: Path) -> None:
    make_experiment(tmp_path, "good", "broken")
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 1
    assert "tracker.command ended with the exit code 1 for broken.mp4" in result.stdout
    assert "cannot read the video" in result.stdout
    poses = read_poses_2d(tmp_path / "a session" / "pose-2d" / "good.h5")
    assert (poses.keypoints, poses.scorer, poses.n_frames) == (("nose",), "me", N_FRAMES)
    np.testing.assert_array_equal(poses.points[:, 0], [[7, 8]] * N_FRAMES)
    assert made(anipose(tmp_path, "analyze", "--jobs", "1").stdout) == set()


def test_nothing_written(tmp_path: Path) -> None:
    make_experiment(tmp_path, "v", n_frames=0)
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 1
    assert "tracker.command ran for v.mp4, but did not write {output}, which was" in result.stdout


def test_wrong_number_of_frames(tmp_path: Path) -> None:
    make_experiment(tmp_path, "v", n_frames=4)
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 1
    assert "the tracker found poses for 4 frames, but" in result.stdout
    assert f"v.mp4 has {N_FRAMES}" in result.stdout
    assert not (tmp_path / "a session" / "pose-2d" / "v.h5").exists()


def test_a_video_that_cannot_be_read_is_told_before_a_tracker_starts(tmp_path: Path) -> None:
    make_experiment(tmp_path, "v")
    (tmp_path / "a session" / "videos-raw" / "v.mp4").write_bytes(b"no video at all")
    result = anipose(tmp_path, "analyze", "--jobs", "1", "--set", "tracker.command='no-such-tracker {video}'")
    assert "v.mp4 is not a video that can be read" in result.stdout
    assert "no-such-tracker" not in result.stdout


def test_a_video_that_was_cut_off_is_tracked_as_far_as_it_goes_and_told(tmp_path: Path) -> None:
    video = tmp_path / "a session" / "videos-raw" / "v.avi"
    write_half_an_avi(video, 40)
    n_there = count_frames(video)
    make_experiment(tmp_path, n_frames=n_there)
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert f"v.avi is damaged or was cut off: it has {n_there} of 40 frames" in result.stdout
    assert read_poses_2d(tmp_path / "a session" / "pose-2d" / "v.h5").n_frames == n_there


def test_no_command_and_one_that_cannot_start(tmp_path: Path) -> None:
    make_experiment(tmp_path, "v")
    result = anipose(
        tmp_path, "analyze", "--jobs", "1", "--set", "tracker.command='no-such-tracker {video} {output}'"
    )
    assert "tracker.command cannot start no-such-tracker: no such file or directory" in result.stdout
    (tmp_path / "config.toml").write_text("model_type = 'command'\n")
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert 'model_type = "command" needs tracker.command, a command line with {video} and' in result.stdout
    assert "It is not set" in result.stdout
    result = anipose(tmp_path, "analyze", "--jobs", "1", "--set", "tracker.command='track {video}'")
    assert 'It is "track {video}", without {output}' in result.stdout
    result = anipose(
        tmp_path, "analyze", "--jobs", "1", "--set", "tracker.command='track \" {video} {output}'"
    )
    assert 'tracker.command = track " {video} {output}: no closing quotation' in result.stdout


def test_models_by_rule_camera_and_default(tmp_path: Path) -> None:
    """{model_folder} is that of the first rule that fits, of the camera, or of all."""
    make_experiment(tmp_path, "t-camA", "t-camB", "u-camB")
    script = tmp_path / "say.py"
    script.write_text("import sys; print('MODEL', sys.argv[1])")
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    (tmp_path / "config.toml").write_text(
        f"""
model_type = "command"
model_folder = "one"
[tracker]
command = "{sys.executable} {script} {{model_folder}} {{video}} {{output}}"
[[tracker.rules]]
videos = "a session/u-*"
model_folder = "three"
[[tracker.rules]]
videos = "another session/*"
model_folder = "two"
[cameras.B]
model_folder = "two"
[triangulation]
cam_regex = "-cam([A-Z])"
"""
    )
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    said = [Path(line.split()[-1]).name for line in result.stdout.splitlines() if "MODEL" in line]
    assert said == ["one", "two", "three"]
    assert '[[tracker.rules]] videos = "another session/*" fits none of the videos.' in result.stdout
    assert 'such as "a session/t-camA.mp4"' in result.stdout
