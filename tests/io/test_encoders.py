"""Encoders are found by trying them. No graphics card is needed: other software takes its place."""

import logging
from pathlib import Path

import av
import pytest

from anipose.io.conversion import convert_video
from anipose.io.encoders import HARDWARE, Encoder, EncoderError, first_working
from anipose.io.video import probe, read_gray
from anipose.io.video_writer import VideoWriter
from films import N_FRAMES, encode, frame, number_of

SIZE = (200, 120)
MPEG4 = Encoder("mpeg4", lambda q: {"qscale": str(q), "flags": "+qscale", "global_quality": "236"})
UNKNOWN = Encoder("h264_of_the_moon", lambda q: {})
# A real one, that does not take pictures of this kind.
UNWILLING = Encoder("mjpeg", lambda q: {}, "yuv420p10le")


def numbers(path: Path) -> list[int | None]:
    return [number_of(image) for image in read_gray(path)]


def codec(path: Path) -> str:
    with av.open(str(path)) as container:
        return str(container.streams.video[0].codec_context.name)


def test_the_first_that_works() -> None:
    assert first_working([UNKNOWN, UNWILLING, MPEG4], SIZE, 17) == MPEG4


def test_if_none_works_the_reasons_are_told(caplog: pytest.LogCaptureFixture) -> None:
    assert first_working([UNKNOWN, UNWILLING], SIZE, 17) is None
    (message,) = (record.getMessage() for record in caplog.records)
    assert "(h264_of_the_moon: not in this FFmpeg; mjpeg: " in message
    assert message.endswith("with conversion.encoder = 'x264' no other is tried")


def test_what_is_tried_for_graphics_cards_never_breaks() -> None:
    working = first_working(HARDWARE, SIZE, 17)
    assert working is None or working in HARDWARE


def test_another_encoder_does_the_work(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    convert_video(source, tmp_path / "out.mp4", quality=5, encoders=[UNKNOWN, MPEG4])
    assert codec(tmp_path / "out.mp4") == "mpeg4"
    assert numbers(tmp_path / "out.mp4") == list(range(N_FRAMES))


def test_pictures_are_given_as_the_encoder_takes_them(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    nv12 = Encoder("libx264", lambda q: {"crf": str(q)}, "nv12")
    convert_video(source, tmp_path / "out.mp4", quality=5, encoders=[nv12])
    assert numbers(tmp_path / "out.mp4") == list(range(N_FRAMES))


def test_x264_steps_in_where_another_fails_on_the_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """MPEG-4 has no time stamps as fine as those of a varying rate, which the first frame shows."""
    times = [0, 40, 80, 240, 280, 320, 500, *range(540, 540 + 40 * (N_FRAMES - 7), 40)]
    source = encode(tmp_path / "a.mkv", times=times)
    with caplog.at_level(logging.WARNING):
        convert_video(source, tmp_path / "out.mp4", quality=17, encoders=[MPEG4])
    (message,) = (record.getMessage() for record in caplog.records)
    assert message.startswith(f"mpeg4 cannot encode frame 0 of {tmp_path / 'out.mp4'}")
    assert message.endswith("nothing was written; x264 does it instead")
    assert codec(tmp_path / "out.mp4") == "h264"
    assert numbers(tmp_path / "out.mp4") == list(range(N_FRAMES))
    assert probe(tmp_path / "out.mp4").times is not None


def test_an_encoder_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(EncoderError, match="mjpeg cannot encode frame 0"),
        VideoWriter(tmp_path / "a.mp4", 25, SIZE, encoder=UNWILLING) as writer,
    ):
        writer.write(frame(0))
    assert list(tmp_path.iterdir()) == []
