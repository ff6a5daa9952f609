"""Excerpts of a video are the same pictures as those of the whole, from any kind of file."""

from pathlib import Path

import av
import numpy as np
import pytest

from anipose.draw.footage import Footage
from films import N_FRAMES, encode, number_of

FILES = {
    "b-frames.mp4": {"g": "12", "bf": "3"},
    "open-groups.mkv": {"g": "10", "x264-params": "open-gop=1:bframes=3:scenecut=0"},
    "one-keyframe.mp4": {"g": "250", "bf": "2"},
    "b-frames.avi": {"g": "12", "bf": "2"},
}
EXCERPTS = [range(N_FRAMES), range(13, 29), range(5, N_FRAMES, 7), range(11, 12), range(30, 60, 4)]


def numbers_in(path: Path, wanted: range) -> list[int | None]:
    pictures = list(Footage.of(path).pictures(wanted))
    assert len(pictures) == len(wanted)
    return [None if picture is None else number_of(picture.y) for picture in pictures]


def expected(wanted: range) -> list[int | None]:
    return [number if number < N_FRAMES else None for number in wanted]


@pytest.mark.parametrize("name", FILES)
def test_excerpts(name: str, tmp_path: Path) -> None:
    path = encode(tmp_path / name, options=FILES[name])
    for wanted in EXCERPTS:
        assert numbers_in(path, wanted) == expected(wanted)


def test_excerpts_of_a_varying_rate(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(1).integers(5, 60, N_FRAMES)).tolist()
    path = encode(tmp_path / "phone.mp4", times=times, options={"g": "12", "bf": "3"})
    for wanted in EXCERPTS:
        assert numbers_in(path, wanted) == expected(wanted)


def test_what_is_before_the_excerpt_is_not_decoded(tmp_path: Path) -> None:
    """Packets of another keyframe's group are not even looked at: here they are damaged, and nobody minds."""
    path = encode(tmp_path / "film.mp4", options={"g": "10", "bf": "0", "sc_threshold": "0"})
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in [packet for packet in container.demux(video=0) if packet.size][1:20]:
            content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    assert numbers_in(path, range(22, 30)) == list(range(22, 30))


def test_blank_without_a_video() -> None:
    assert list(Footage.of(None).pictures(range(3, 6))) == [None, None, None]


@pytest.mark.parametrize("late", [-3, 0, 4])
def test_a_camera_that_started_at_another_time(tmp_path: Path, late: int) -> None:
    """Frame 0 of the trial is frame `late` of the file."""
    footage = Footage.of(encode(tmp_path / "a.mp4", options={"g": "12", "bf": "2"})).advanced(late)
    assert footage.n_frames == N_FRAMES - late
    for wanted in (range(N_FRAMES), range(2, 20, 3)):
        pictures = list(footage.pictures(wanted))
        numbers = [None if picture is None else number_of(picture.y) for picture in pictures]
        assert numbers == [n + late if 0 <= n + late < N_FRAMES else None for n in wanted]
    assert footage.seconds(5) == pytest.approx(0.2)


def test_times_of_a_varying_rate_start_with_the_trial(tmp_path: Path) -> None:
    times = [0, 40, 80, 240, 280, 320, 500, *range(540, 540 + 40 * (N_FRAMES - 7), 40)]
    footage = Footage.of(encode(tmp_path / "a.mkv", times=times))
    assert footage.advanced(2).seconds(4) == pytest.approx(0.42, abs=1e-3)
    mean = (times[-1] - times[0]) / 1000 / (N_FRAMES - 1)
    assert footage.advanced(-2).seconds(5) == pytest.approx(2 * mean + 0.24, abs=1e-3)
