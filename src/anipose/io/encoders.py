"""Programs that encode H.264: x264, and those of graphics cards, of which every computer has others."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av

from anipose.errors import AniposeError

logger = logging.getLogger(__name__)

# So many frames tell whether an encoder works: some fail with the first, some when they are to end.
N_TRIED = 12


class EncoderError(AniposeError):
    """An encoder that is there does not do its work."""


@dataclass(frozen=True)
class Encoder:
    """A program that encodes.

    Attributes:
        name: FFmpeg's.
        options: what it is told, by the quality from 0 to 51, as in the `crf` of x264.
        pix_fmt: how it takes pictures.
    """

    name: str
    options: Callable[[int], Mapping[str, str]]
    pix_fmt: str = "yuv420p"


HARDWARE: tuple[Encoder, ...] = (
    Encoder("h264_nvenc", lambda q: {"rc": "vbr", "cq": str(q), "b": "0", "preset": "p5"}),
    Encoder("h264_qsv", lambda q: {"global_quality": str(max(q, 1)), "preset": "medium"}, "nv12"),
    Encoder("h264_amf", lambda q: {"rc": "cqp", "qp_i": str(q), "qp_p": str(q)}, "nv12"),
    # Apple counts from 1 to 100, the best, and FFmpeg in 118ths of that.
    Encoder(
        "h264_videotoolbox",
        lambda q: {"flags": "+qscale", "global_quality": str(118 * max(1, 100 - 2 * q))},
        "nv12",
    ),
    Encoder(
        "h264_mf",
        lambda q: {"hw_encoding": "1", "rate_control": "quality", "quality": str(100 - q)},
        "nv12",
    ),
)


def x264(preset: str, **options: str) -> Encoder:
    """In software, with the tools that a preset has, from ultrafast to veryslow."""
    return Encoder("libx264", lambda q: {"crf": str(q), "preset": preset, **options})


def first_working(encoders: Sequence[Encoder], size: tuple[int, int], quality: int) -> Encoder | None:
    """The first of these encoders that encodes pictures of this size here; if none does, a warning says why.

    Args:
        size: (width, height), even.
    """
    failures = []
    for encoder in encoders:
        failure = _failure(encoder, size, quality)
        if failure is None:
            return encoder
        failures.append(f"{encoder.name}: {failure}")
    if failures:
        logger.warning(
            "no graphics card here encodes H.264, so x264 does it (%s). Its files are smaller; with "
            "conversion.encoder = 'x264' no other is tried",
            "; ".join(failures),
        )
    return None


def _failure(encoder: Encoder, size: tuple[int, int], quality: int) -> str | None:
    """Why an encoder does not work here; None: it does."""
    try:
        context = av.CodecContext.create(encoder.name, "w")
        context.width, context.height = size
        context.pix_fmt = encoder.pix_fmt
        context.time_base = Fraction(1, 25)
        context.framerate = Fraction(25)
        context.options = dict(encoder.options(quality))
        n_packets = 0
        for number in range(N_TRIED):
            frame = av.VideoFrame(*size, encoder.pix_fmt)
            for plane in frame.planes:
                plane.update(bytes([64]) * plane.buffer_size)
            frame.pts = number
            n_packets += len(context.encode(frame))
        n_packets += len(context.encode(None))
    except av.codec.codec.UnknownCodecError:
        return "not in this FFmpeg"
    except (av.error.FFmpegError, ValueError) as error:
        return reason(error)
    return None if n_packets == N_TRIED else f"{n_packets} of {N_TRIED} frames come back"


def reason(error: Exception) -> str:
    """What FFmpeg says, without the names of its functions."""
    return str(getattr(error, "strerror", None) or error)
