"""Chosen frames are those that reading all of them gives, bit by bit, from every kind of file."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from anipose.io.chosen_frames import read_gray_at
from anipose.io.video import read_gray
from films import N_FRAMES, encode, frame

CHOICES = [[0], [39], [7, 8, 30], [3, 21, 22, 39], [11, 12, 13, 25], list(range(0, N_FRAMES, 5))]
FILES = {
    "one-keyframe.mp4": ("libx264", {}),
    "b-frames.mp4": ("libx264", {"g": "12", "bf": "3"}),
    "open-groups.mkv": ("libx264", {"g": "10", "x264-params": "open-gop=1:bframes=3:scenecut=0"}),
    "intra-refresh.mp4": ("libx264", {"g": "10", "x264-params": "intra-refresh=1"}),
    "hevc.mp4": ("libx265", {"x265-params": "keyint=9:bframes=3:log-level=none"}),
    "mpeg4.mp4": ("mpeg4", {"g": "8", "bf": "2"}),
    "mpeg4.avi": ("mpeg4", {"g": "8", "bf": "2"}),
    "vp9.webm": ("libvpx-vp9", {"g": "10"}),
    "motion-jpeg.avi": ("mjpeg", {}),
}


def numbers_and_pictures(path: Path, numbers: list[int]) -> None:
    everything = list(read_gray(path))
    found = list(read_gray_at(path, numbers))
    assert len(found) == len(numbers)
    for number, picture in zip(numbers, found, strict=True):
        np.testing.assert_array_equal(picture, everything[number], err_msg=f"{path.name} {number}")


@pytest.mark.parametrize("name", FILES)
def test_same_pictures_as_reading_all(name: str, tmp_path: Path) -> None:
    codec, options = FILES[name]
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = encode(tmp_path / name, codec, pix_fmt, options=options)
    for numbers in CHOICES:
        numbers_and_pictures(path, numbers)


def test_varying_rate(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(1).integers(5, 60, N_FRAMES)).tolist()
    path = encode(tmp_path / "phone.mp4", times=times, options={"g": "12"})
    for numbers in CHOICES:
        numbers_and_pictures(path, numbers)


def test_damaged_in_the_middle(tmp_path: Path) -> None:
    path = encode(tmp_path / "damaged.mp4", options={"g": "10", "bf": "0"})
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][20]
        content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    for numbers in ([5, 35], [0, 20, 31]):
        numbers_and_pictures(path, numbers)


def test_frames_of_a_folder(tmp_path: Path) -> None:
    for number in range(12):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame(number))
    numbers_and_pictures(tmp_path, [2, 10])


def test_what_no_chosen_frame_needs_is_not_decoded(tmp_path: Path) -> None:
    """Frames between a chosen one and the next keyframe are not looked at, even where they are damaged."""
    path = encode(tmp_path / "film.mp4", options={"g": "10", "bf": "0", "sc_threshold": "0"})
    expected = list(read_gray(path))
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for place, packet in enumerate(packet for packet in container.demux(video=0) if packet.size):
            if 10 <= place < 30 or place in (9, 39):
                content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    for number, picture in zip((2, 8, 31), read_gray_at(path, [2, 8, 31]), strict=True):
        np.testing.assert_array_equal(picture, expected[number])
