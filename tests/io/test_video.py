"""Truth is a film of numbered frames: a white square that is four pixels further right in each."""

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from anipose.errors import FileAccessError, FileFormatError
from anipose.io.video import probe, read_bgr, read_gray
from anipose.io.video_writer import VideoWriter

SIZE = (200, 120)
N_FRAMES = 40


def frame(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    image = np.full((size[1], size[0]), 90, np.uint8)
    image[20:50, 4 * number : 4 * number + 30] = 230
    return image


def number_of(image: np.ndarray) -> int | None:
    """The number of a frame, from its picture; None if it is black."""
    columns = np.flatnonzero(image[25:45].mean(axis=0) > 150)
    return round((columns[0] + columns[-1] - 29) / 8) if len(columns) else None


def encode(
    path: Path, codec: str, pix_fmt: str, *, n_frames: int = N_FRAMES, options: dict[str, str] | None = None
) -> Path:
    """A film made by FFmpeg itself, in the format under test."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height = SIZE
        stream.pix_fmt = pix_fmt
        for number in range(n_frames):
            picture = av.VideoFrame.from_ndarray(frame(number), format="gray").reformat(format=pix_fmt)
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write(path: Path, n_frames: int = N_FRAMES, **options: Any) -> Path:
    with VideoWriter(path, 25, SIZE, **options) as writer:
        for number in range(n_frames):
            writer.write(frame(number))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("a.mp4", "libx264", "yuv420p", {"bf": "3"}),
        ("a.mkv", "libx264", "yuv420p", {"bf": "3"}),
        ("a.avi", "libx264", "yuv420p", {"bf": "2"}),
        ("b.mp4", "libx264", "yuv444p", {}),
        ("c.mp4", "libx264", "yuv420p10le", {}),
        ("d.mp4", "libx264", "gray", {}),
        ("e.mov", "libx265", "yuv420p", {"x265-params": "log-level=none"}),
        ("f.avi", "mjpeg", "yuvj420p", {}),
        ("g.avi", "mpeg4", "yuv420p", {"bf": "2", "b": "2000000"}),
        ("h.avi", "rawvideo", "yuv420p", {}),
        ("i.mkv", "ffv1", "gray", {}),
        ("j.avi", "huffyuv", "yuv422p", {}),
        ("k.h264", "libx264", "yuv420p", {}),
    ],
)
def test_every_frame_is_at_its_number(
    tmp_path: Path, name: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    path = encode(tmp_path / name, codec, pix_fmt, options=options)
    info = probe(path)
    assert (info.width, info.height, info.n_frames) == (*SIZE, N_FRAMES)
    assert info.fps == pytest.approx(25)
    assert info.duration == pytest.approx(1.6)
    assert [number_of(image) for image in read_gray(path)] == list(range(N_FRAMES))
    assert [number_of(image[..., 1]) for image in read_bgr(path)] == list(range(N_FRAMES))


def test_colours_come_back(tmp_path: Path) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:] = (40, 80, 200)  # blue, green, red
    with VideoWriter(tmp_path / "a.mp4", 30, (64, 64)) as writer:
        writer.write(image)
    (read,) = read_bgr(tmp_path / "a.mp4")
    # 8-bit limited-range YUV has steps of about 2 in red and blue; the encoder adds one step.
    assert np.abs(read.astype(int) - image).max() <= 4


def test_fast_colour_conversion_agrees_with_ffmpeg(shared_data: Path) -> None:
    path = shared_data / "mouse-4cam/experiment/session1/videos-raw/mouse_top.mp4"
    with av.open(str(path)) as container:
        expected = next(container.decode(video=0)).to_ndarray(format="bgr24")
    # FFmpeg smooths the half-size colour planes before they are enlarged, OpenCV does not.
    assert np.abs(next(read_bgr(path)).astype(int) - expected).mean() < 1


def test_line_padding_is_not_part_of_the_picture(tmp_path: Path) -> None:
    narrow = np.tile(np.arange(50, dtype=np.uint8) * 4 + 20, (34, 1))
    with VideoWriter(tmp_path / "a.mp4", 30, (50, 34), crf=0) as writer:
        writer.write(narrow)
    (read,) = read_gray(tmp_path / "a.mp4")
    # Luminance is stored in 16..235 and read as stored.
    assert np.abs(read - (narrow * (219 / 255) + 16)).max() <= 1


def test_odd_sizes_are_made_even(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 30, (101, 55)) as writer:
        writer.write(np.full((55, 101, 3), 128, np.uint8))
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == (102, 56)
    (read,) = read_gray(tmp_path / "a.mp4")
    assert np.ptp(read.astype(int)) <= 1


def test_same_frames_same_bytes(tmp_path: Path) -> None:
    """Once in ten the files differed: x264 saw uninitialised bytes behind the lines of the frame."""
    files = {write(tmp_path / f"{number}.mp4", n_frames=15).read_bytes() for number in range(20)}
    assert len(files) == 1


def test_frame_rate_of_television(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 59.94, (64, 64)) as writer:
        for _ in range(10):
            writer.write(np.zeros((64, 64), np.uint8))
    assert probe(tmp_path / "a.mp4").fps == pytest.approx(59.94, abs=0.001)


def fail_while_writing(path: Path) -> None:
    with VideoWriter(path, 25, SIZE) as writer:
        writer.write(frame(0))
        raise ZeroDivisionError


def test_failed_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_while_writing(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="the frame is 64x48, the video 200x120"),
        VideoWriter(tmp_path / "a.mp4", 25, SIZE) as writer,
    ):
        writer.write(np.zeros((48, 64), np.uint8))


def test_frames_before_a_lossless_cut_are_not_counted(tmp_path: Path) -> None:
    """A cut without re-encoding keeps the packets since the last key frame; an edit list hides them."""
    path = encode(tmp_path / "a.mp4", "libx264", "yuv420p", options={"bf": "2", "g": "100"})
    first = 15
    data = bytearray(path.read_bytes())
    entry = data.index(b"elst") + 12  # after version, flags and the number of entries
    duration, start = (int.from_bytes(data[at : at + 4], "big") for at in (entry, entry + 4))
    # The duration counts in milliseconds, the start in units of 1/12800 s, of which a frame has 512.
    data[entry : entry + 8] = (duration - 40 * first).to_bytes(4, "big") + (start + 512 * first).to_bytes(
        4, "big"
    )
    path.write_bytes(data)
    assert probe(path).n_frames == N_FRAMES - first
    assert [number_of(image) for image in read_gray(path)] == list(range(first, N_FRAMES))


def test_phone_video_is_read_upright(tmp_path: Path) -> None:
    """Phones film sideways and write into the file that it is to be turned by a quarter."""
    path = encode(tmp_path / "a.mp4", "libx264", "yuv420p")
    data = path.read_bytes()
    upright = b"".join(
        n.to_bytes(4, "big", signed=True) for n in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 1 << 30)
    )
    clockwise = b"".join(
        n.to_bytes(4, "big", signed=True) for n in (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 1 << 30)
    )
    track = data.index(b"tkhd")
    path.write_bytes(data[:track] + data[track:].replace(upright, clockwise, 1))
    info = probe(path)
    assert (info.width, info.height) == (SIZE[1], SIZE[0])
    expected = [np.rot90(frame(number), -1) for number in range(N_FRAMES)]
    for read, image in zip(read_gray(path), expected, strict=True):
        assert read.shape == image.shape
        assert np.array_equal(read > 150, image > 150)


def test_cut_off_avi_gives_what_is_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = encode(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with caplog.at_level(logging.WARNING):
        numbers = [number_of(image) for image in read_gray(path)]
    info = probe(path)
    assert (info.n_frames, info.n_lost) == (len(numbers), N_FRAMES - len(numbers))
    assert 15 <= len(numbers) <= 20
    # The last frame is cut in the middle: what is there of it is shown, or it is black, as the decoder likes.
    assert numbers[:-1] == list(range(len(numbers) - 1))
    (record,) = caplog.records
    readable = rf"({len(numbers)}|{len(numbers) - 1}) of 40 frames can be read"
    expected = f"{re.escape(str(path))} is damaged or was cut off: {readable}.*; copy it again if you can"
    assert re.fullmatch(expected, record.getMessage())


def test_unreadable_frames_are_black_and_the_others_keep_their_numbers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = encode(tmp_path / "a.mkv", "ffv1", "gray")
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for number in (10, 11):
        # The first byte of a slice says how it is coded; with all of it gone nothing can be decoded.
        data = data.replace(packets[number], bytes(len(packets[number])))
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        numbers = [number_of(image) for image in read_gray(path)]
    assert len(numbers) == N_FRAMES
    assert numbers[:10] + numbers[12:] == [*range(10), *range(12, N_FRAMES)]


def test_folder_of_images_is_a_film(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"img{number}.png"), frame(number))
    (tmp_path / "notes.txt").write_text("not a picture")
    assert [number_of(image) for image in read_gray(tmp_path)] == [1, 2, 10]
    assert next(read_bgr(tmp_path)).shape == (SIZE[1], SIZE[0], 3)


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="has no images"):
        next(read_gray(tmp_path))


def _missing(path: Path) -> None:
    pass


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("this is a letter, not a video\n" * 100)


def _without_index(path: Path) -> None:
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[:600])


def _sound(path: Path) -> None:
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))


def _noise_for_frames(path: Path) -> None:
    encode(path, "libx264", "yuv420p")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 8
    data[start : data.index(b"moov") - 4] = b"\xff" * (data.index(b"moov") - 4 - start)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (_missing, FileAccessError, r"bad\.mp4"),
        (_empty, FileFormatError, r"bad\.mp4 is empty \(0 bytes\)"),
        (_text, FileFormatError, r"bad\.mp4 is not a video that can be read .*copy it again, or remove it"),
        (_without_index, FileFormatError, r"bad\.mp4 is not a video that can be read .*its end is missing"),
        (_sound, FileFormatError, r"bad\.mp4 has no pictures, only audio; remove it"),
        (
            _noise_for_frames,
            FileFormatError,
            r"none of the frames of .*bad\.mp4 \(codec h264\) can be decoded",
        ),
    ],
)
def test_bad_files(tmp_path: Path, make: Callable[[Path], None], kind: type[Exception], message: str) -> None:
    path = tmp_path / "bad.mp4"
    make(path)
    for read in (probe, lambda path: list(read_gray(path)), lambda path: list(read_bgr(path))):
        with pytest.raises(kind, match=message):
            read(path)


@pytest.mark.parametrize(
    ("name", "codec", "size", "n_frames"),
    [
        ("checkerboard-stereo/experiment/session1/calibration/board-left.avi", "mjpeg", (640, 480), 14),
        ("hand-2cam/experiment/session1/videos-raw/hand_cam0.mp4", "mpeg4", (720, 720), 378),
        ("mouse-4cam/experiment/session1/videos-raw/mouse_top.mp4", "h264", None, 120),
    ],
)
def test_real_recordings(
    shared_data: Path, name: str, codec: str, size: tuple[int, int] | None, n_frames: int
) -> None:
    info = probe(shared_data / name)
    assert (info.codec, info.n_frames) == (codec, n_frames)
    assert size is None or (info.width, info.height) == size
    frames = list(read_gray(shared_data / name))
    assert len(frames) == n_frames
    assert all(image.shape == (info.height, info.width) and image.any() for image in frames)


def test_real_recording_cut_off(shared_data: Path, tmp_path: Path) -> None:
    """An mp4 that was cut in the middle has lost its index, as with a camera without power."""
    source = shared_data / "mouse-4cam/experiment/session1/videos-raw/mouse_top.mp4"
    path = tmp_path / "mouse_top.mp4"
    path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(FileFormatError, match="its end is missing"):
        probe(path)


def test_colours_are_where_the_brightness_is(tmp_path: Path) -> None:
    """The colour of 2 x 2 pixels used to be that of the first, which moved markers by half a pixel."""
    y, x = np.mgrid[:64, :64]
    image = np.full((64, 64, 3), 128, np.uint8)
    image[np.hypot(x - 31.25, y - 30.5) < 8] = (40, 40, 220)
    with VideoWriter(tmp_path / "a.mp4", 30, (64, 64), crf=5) as writer:
        writer.write(image)
    (read,) = read_bgr(tmp_path / "a.mp4")

    def centre(picture: np.ndarray) -> tuple[float, float]:
        colour = np.ptp(picture.astype(float), axis=-1)
        colour[colour < 20] = 0
        return (colour * x).sum() / colour.sum(), (colour * y).sum() / colour.sum()

    assert centre(read) == pytest.approx(centre(image), abs=0.05)
