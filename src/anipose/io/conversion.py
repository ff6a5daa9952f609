"""Converting videos without losing, adding or moving a frame."""

import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from anipose.errors import FileFormatError
from anipose.io.ahead import ahead
from anipose.io.encoders import Encoder, EncoderError, first_working
from anipose.io.files import atomic_path
from anipose.io.video import VideoInfo, count_frames, probe, read_yuv
from anipose.io.video_writer import VideoWriter
from anipose.io.yuv import Yuv, even

logger = logging.getLogger(__name__)

# Slower presets of x264 make little smaller files.
PRESET = "fast"
# Of a video that does not say how fast it was filmed.
UNKNOWN_RATE = Fraction(30)


def convert_video(
    source: Path, target: Path, *, quality: int, speed: float = 1.0, encoders: Sequence[Encoder] = ()
) -> None:
    """Write a video as H.264 with 8 bits per colour in an mp4, which everything plays.

    Frames that cannot be decoded are black, so that all others keep their numbers. Odd sizes get one column
    or row more. Sound is left out.

    Args:
        quality: CRF of x264, 0 to 51.
        speed: how many times faster it plays.
        encoders: the first of them that works is used, and x264 if none does, or if it fails on the way.

    Raises:
        FileFormatError: nothing of the source can be decoded, or the result has not as many frames.
        FileAccessError: a file cannot be read or written.
    """
    info = probe(source)
    size = even((info.width, info.height))
    encoder = first_working(encoders, size, quality)
    if encoder is not None:
        try:
            _convert(source, target, info, quality, speed, encoder)
        except EncoderError as error:
            logger.warning("%s; x264 does it instead", error)
        else:
            return
    _convert(source, target, info, quality, speed, None)


def _convert(
    source: Path, target: Path, info: VideoInfo, quality: int, speed: float, encoder: Encoder | None
) -> None:
    rate = (info.rate or UNKNOWN_RATE) * Fraction(speed).limit_denominator(10000)
    size = info.width, info.height
    writer = VideoWriter(
        target,
        rate,
        size,
        crf=quality,
        preset=PRESET,
        space=info.space,
        timed=info.times is not None,
        encoder=encoder,
    )
    black = Yuv.blank(even(size), info.space)
    with writer:
        for number, picture in enumerate(ahead(read_yuv(source))):
            seconds = None if info.times is None else float(info.times[number]) / speed
            writer.write_yuv(black if picture is None else picture, seconds)
        if writer.n_frames != info.n_frames:
            raise FileFormatError(
                f"{source} has {info.n_frames} frames, but {writer.n_frames} came out of converting it; "
                "nothing was written. Copy the file again, and if that does not help please report it"
            )


def is_playable(path: Path) -> bool:
    """Whether every browser plays this file as it is: H.264 with 8 bits in an mp4, with all its frames."""
    with av.open(str(path)) as container:
        if "mp4" not in container.format.name.split(",") or not container.streams.video:
            return False
        stream = container.streams.video[0]
        if stream.codec_context.name != "h264" or stream.codec_context.pix_fmt not in ("yuv420p", "yuvj420p"):
            return False
        packets = [packet for packet in container.demux(stream) if packet.size]
        shown = not any(packet.is_discard or packet.is_corrupt for packet in packets)
        return shown and len(packets) == count_frames(path)


def copy_pictures(source: Path, target: Path) -> None:
    """Write the coded pictures of a playable video into a new mp4, without its sound, as they are."""
    with atomic_path(target) as partial:
        with (
            av.open(str(source)) as container,
            av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as copy,
        ):
            stream = container.streams.video[0]
            to = copy.add_stream_from_template(stream)
            for packet in container.demux(stream):
                if packet.size:
                    packet.stream = to
                    copy.mux(packet)
        wanted, copied = count_frames(source), count_frames(partial)
        if wanted != copied:
            raise FileFormatError(
                f"{source} has {wanted} frames, but {copied} were copied; report it, please"
            )
