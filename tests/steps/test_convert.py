"""From originals to videos to be tracked to videos for browsers."""

from pathlib import Path

import pytest

from anipose.io.video import probe
from films import N_FRAMES, encode
from projects import anipose


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text('project = "films"\n')
    encode(tmp_path / "day1/videos-original/a.avi", "mjpeg", "yuvj420p")
    encode(tmp_path / "day1/videos-original/b.mkv", "ffv1", "gray")
    encode(tmp_path / "day1/videos-raw/c.mp4")
    return tmp_path


def test_both_ways_and_again(experiment: Path) -> None:
    told = anipose(experiment, "convert-videos", "--jobs", "1")
    assert told.returncode == 0, told.stdout
    session = experiment / "day1"
    for folder, names in (("videos-raw", "abc"), ("videos-raw-mp4", "abc")):
        assert sorted(path.name for path in (session / folder).iterdir()) == [f"{name}.mp4" for name in names]
        for name in names:
            info = probe(session / folder / f"{name}.mp4")
            assert (info.n_frames, info.fps, info.codec) == (N_FRAMES, 25, "h264")
    assert "done" not in anipose(experiment, "convert-videos", "--jobs", "1").stdout
    again = anipose(experiment, "convert-videos", "--quality", "23", "--dry-run").stdout
    assert "day1/videos-raw/a.mp4  (conversion.quality: 17 -> 23)" in again


def test_speed_is_for_the_videos_to_look_at(experiment: Path) -> None:
    assert anipose(experiment, "convert-videos", "--speed", "0.2", "--jobs", "1").returncode == 0
    assert probe(experiment / "day1/videos-raw/a.mp4").fps == 25
    assert probe(experiment / "day1/videos-raw-mp4/a.mp4").fps == 5


def test_what_was_converted_by_hand_is_used(experiment: Path) -> None:
    encode(experiment / "day1/videos-raw/a.avi", "mpeg4")
    told = anipose(experiment, "convert-videos", "--jobs", "1")
    assert told.returncode == 0, told.stdout
    assert not (experiment / "day1/videos-raw/a.mp4").exists()
    assert (experiment / "day1/videos-raw-mp4/a.mp4").exists()


def test_a_bad_video_is_named_and_the_others_are_made(experiment: Path) -> None:
    (experiment / "day1/videos-original/bad.avi").write_bytes(b"no video at all")
    told = anipose(experiment, "convert-videos", "--jobs", "1")
    assert told.returncode == 1
    assert "bad.avi is not a video that can be read" in told.stdout
    assert (experiment / "day1/videos-raw-mp4/a.mp4").exists()
    assert not (experiment / "day1/videos-raw/bad.mp4").exists()


def test_hardware_that_is_not_there_is_told(experiment: Path) -> None:
    told = anipose(experiment, "convert-videos", "--set", "conversion.encoder=hardware", "--jobs", "1")
    assert told.returncode == 0
    assert (experiment / "day1/videos-raw/a.mp4").exists()
