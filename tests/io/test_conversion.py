"""Converted films are told from their numbered frames: none is lost, added or moved."""

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from anipose.errors import FileAccessError, FileFormatError
from anipose.io.conversion import convert_video, copy_pictures, is_playable
from anipose.io.video import probe, read_gray
from films import N_FRAMES, SIZE, encode, number_of

VARYING = [0, 40, 80, 240, 280, 320, 500, *range(540, 540 + 40 * (N_FRAMES - 7), 40)]


def numbers(path: Path) -> list[int | None]:
    return [number_of(image) for image in read_gray(path)]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("a.avi", "mjpeg", "yuvj420p", {}),
        ("b.mkv", "ffv1", "gray", {}),
        ("c.mp4", "libx264", "yuv420p10le", {}),
        ("d.mp4", "libx264", "yuv422p", {}),
        ("e.mov", "libx265", "yuv420p", {"x265-params": "log-level=none"}),
        ("f.avi", "mpeg4", "yuv420p", {"bf": "2", "b": "2000000"}),
        ("g.avi", "rawvideo", "bgr24", {}),
        ("h.mkv", "ffv1", "gray10le", {}),
    ],
)
def test_frames_rate_and_order_stay(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    source = encode(tmp_path / name, codec, pix_fmt, options=options)
    convert_video(source, tmp_path / "out.mp4", quality=17)
    info = probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.n_frames, info.codec) == (*SIZE, N_FRAMES, "h264")
    assert info.fps == pytest.approx(25)
    assert numbers(tmp_path / "out.mp4") == list(range(N_FRAMES))
    assert is_playable(tmp_path / "out.mp4")


def test_it_looks_the_same(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "openfield-2d/experiment/labeled/videos-raw/m4s1.mp4"
    convert_video(source, tmp_path / "out.mp4", quality=17)
    pairs = list(zip(read_gray(source), read_gray(tmp_path / "out.mp4"), strict=True))
    errors = [np.mean((a.astype(float) - b) ** 2) for a, b in pairs]
    # PSNR; 40 dB is taken for the limit of what can be seen.
    assert 10 * np.log10(255**2 / np.mean(errors)) > 40


def test_varying_times_are_kept(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mkv", times=VARYING)
    assert probe(source).times == pytest.approx(np.array(VARYING) / 1000)
    convert_video(source, tmp_path / "out.mp4", quality=20, speed=2)
    info = probe(tmp_path / "out.mp4")
    assert info.n_frames == N_FRAMES
    assert info.times == pytest.approx(np.array(VARYING) / 2000, abs=1e-4)


def test_milliseconds_of_containers_do_not_make_a_rate_vary(tmp_path: Path) -> None:
    """mkv rounds times to milliseconds: at 60 frames per second they are 16 or 17 apart."""
    assert probe(encode(tmp_path / "a.mkv", rate=60)).times is None


def test_odd_sizes_are_padded(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mkv", "ffv1", "gray", size=(201, 121))
    convert_video(source, tmp_path / "out.mp4", quality=17)
    info = probe(tmp_path / "out.mp4")
    assert (info.width, info.height) == (202, 122)
    assert numbers(tmp_path / "out.mp4") == list(range(N_FRAMES))


def test_speed(tmp_path: Path) -> None:
    convert_video(
        encode(tmp_path / "a.avi", "mjpeg", "yuvj420p"), tmp_path / "out.mp4", quality=20, speed=0.2
    )
    info = probe(tmp_path / "out.mp4")
    assert (info.fps, info.n_frames) == (5, N_FRAMES)


def test_damage_in_the_middle_is_black_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = encode(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    with av.open(str(source)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(source.read_bytes())
    for number in (10, 11, 25):
        start, size = places[number]
        data[start : start + size] = bytes(size)
    source.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        convert_video(source, tmp_path / "out.mp4", quality=17)
    damaged = {10, 11, 25}
    out = numbers(tmp_path / "out.mp4")
    assert len(out) == N_FRAMES
    assert {place for place, number in enumerate(out) if number is None} >= damaged
    assert out.count(None) <= 2 * len(damaged)  # a parser may lose the one behind, too
    assert all(number in (None, place) for place, number in enumerate(out))
    (message,) = {record.getMessage() for record in caplog.records}
    n_read = N_FRAMES - out.count(None)
    assert message.startswith(
        f"{source} is damaged or was cut off: {n_read} of {N_FRAMES} frames can be read"
    )


def test_what_hangs_on_a_lost_frame_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Frame 14 cannot be read; 15 to 19 are changes of it, and 20 is whole again."""
    source = encode(tmp_path / "a.mp4", options={"g": "10", "bf": "0", "sc_threshold": "0"})
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][14]
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    source.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        convert_video(source, tmp_path / "out.mp4", quality=17)
    out = numbers(tmp_path / "out.mp4")
    assert out[:14] + out[20:] == [*range(14), *range(20, N_FRAMES)]
    assert out[14] is None
    assert [record.getMessage() for record in caplog.records] == [
        f"{source} is damaged or was cut off: 39 of 40 frames can be read, the unreadable "
        "ones between them are black, 5 behind those are patched up from others; copy it again if you can"
    ]


@pytest.mark.parametrize("codec", ["mjpeg", "libx264"])
def test_an_avi_without_its_index_is_read(tmp_path: Path, codec: str) -> None:
    """As recording programs leave it when they crash: the index is written last."""
    source = encode(tmp_path / "a.avi", codec, "yuvj420p" if codec == "mjpeg" else "yuv420p")
    data = source.read_bytes()
    source.write_bytes(data[: data.rfind(b"idx1")])
    convert_video(source, tmp_path / "out.mp4", quality=17)
    assert numbers(tmp_path / "out.mp4") == list(range(N_FRAMES))


def test_frames_that_an_avi_has_lost_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without the index, nobody can know where in the video they were."""
    source = encode(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        start, end = packets[17].pos, packets[18].pos
    data = source.read_bytes()
    source.write_bytes(data[: start - 8] + data[end - 8 : data.rfind(b"idx1")])
    with caplog.at_level(logging.WARNING):
        convert_video(source, tmp_path / "out.mp4", quality=17)
    assert numbers(tmp_path / "out.mp4") == [number for number in range(N_FRAMES) if number != 17]
    (message,) = {record.getMessage() for record in caplog.records}
    assert "39 of 40 frames can be read, 1 are not in the file: unless they were the last" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (b"nothing that FFmpeg knows" * 100, "is not a video that can be read"),
    ],
)
def test_what_is_no_video_leaves_no_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(FileFormatError) as error:
        convert_video(tmp_path / "a.mp4", tmp_path / "out.mp4", quality=17)
    assert message in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_unknown_codec_is_named(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    source.write_bytes(source.read_bytes().replace(b"MJPG", b"XQ9Z"))
    with pytest.raises(FileFormatError, match=r"a\.avi.*convert it to H\.264 with the program of the camera"):
        convert_video(source, tmp_path / "out.mp4", quality=17)
    assert not (tmp_path / "out.mp4").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    mount = subprocess.run(words, check=False, capture_output=True, text=True)
    if mount.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk(tmp_path: Path, small_disk: Path, shared_data: Path) -> None:
    source = shared_data / "hand-2cam/experiment/session1/videos-raw/hand_cam0.mp4"
    with pytest.raises(FileAccessError, match="no space left on the disk"):
        convert_video(source, small_disk / "out.mp4", quality=0)
    assert list(small_disk.iterdir()) == []


def test_playable_films_are_copied_as_they_are(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.mp4", options={"bf": "3"})
    assert is_playable(source)
    copy_pictures(source, tmp_path / "out.mp4")
    assert numbers(tmp_path / "out.mp4") == list(range(N_FRAMES))
    with av.open(str(source)) as a, av.open(str(tmp_path / "out.mp4")) as b:
        assert [bytes(p) for p in a.demux(video=0)] == [bytes(p) for p in b.demux(video=0)]


def test_others_are_not_playable(tmp_path: Path) -> None:
    assert not is_playable(encode(tmp_path / "a.avi"))
    assert not is_playable(encode(tmp_path / "b.mp4", pix_fmt="yuv420p10le"))
    assert not is_playable(encode(tmp_path / "c.mp4", "mpeg4"))


def test_opencv_reads_all_frames(tmp_path: Path) -> None:
    convert_video(encode(tmp_path / "a.mkv", "ffv1", "gray"), tmp_path / "out.mp4", quality=17)
    video = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    seen = []
    while (answer := video.read())[0]:
        seen.append(number_of(answer[1][..., 0]))
    assert seen == list(range(N_FRAMES))
