"""Videos: what is in them, and their frames one after the other.

What a container says about itself is often wrong, so frames are counted by reading all packets.
The readers give exactly that many frames, each at its own number: a frame that cannot be decoded is
black, because leaving it out would shift this camera against the others.
"""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.packets import Index, opened, packets_of
from anipose.io.yuv import BT709, FULL_RANGE, LIMITED_RANGE, ColourSpace, Yuv

logger = logging.getLogger(__name__)

Image = NDArray[np.uint8]
_Picture = TypeVar("_Picture")

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})

# 8-bit formats whose first plane is the luminance, one byte per pixel.
LUMA_FIRST = frozenset(
    ["gray", "nv12", "nv21"]
    + [f"{yuv}{sampling}p" for yuv in ("yuv", "yuvj") for sampling in (410, 411, 420, 422, 440, 444)]
)


@dataclass(frozen=True)
class VideoInfo:
    """What is in a video.

    Attributes:
        width: of a frame as it is shown (turned upright where a phone says so), pixels.
        height: likewise.
        fps: mean frame rate; NaN if the file has none.
        n_frames: number of frames that the readers give.
        n_lost: frames that the file should have besides, and has not: it is damaged or was cut off.
        duration: n_frames / fps, seconds.
        codec: FFmpeg's name of the codec.
        rate: mean frame rate, exactly; None if the file has none.
        times: seconds from the first frame to each, where the rate varies; None where it is constant.
        space: how colours are written.
    """

    width: int
    height: int
    fps: float
    n_frames: int
    duration: float
    codec: str
    rate: Fraction | None = None
    times: NDArray[np.float64] | None = None
    space: ColourSpace = ColourSpace()  # noqa: RUF009  # it is frozen
    n_lost: int = 0


def probe(path: Path) -> VideoInfo:
    """Size, rate and true number of frames of a video."""
    index = Index.of(path)
    with opened(path) as container:
        stream = container.streams.video[0]
        first = next(_decoded(container), None)
        if first is None:
            raise _no_frame(path, stream.codec_context.name)
        height, width = upright_gray(first).shape
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate or np.nan)
        return VideoInfo(
            width=width,
            height=height,
            fps=fps,
            n_frames=index.n_frames,
            duration=index.n_frames / fps,
            codec=stream.codec_context.name,
            rate=rate,
            times=index.varying_times(fps, float(stream.time_base)),
            space=as_yuv(first).space,
            n_lost=max(index.expected - index.n_frames, 0),
        )


def count_frames(path: Path) -> int:
    """The true number of frames of a video."""
    return Index.of(path).n_frames


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of the pictures of a video as they are shown, from its first frame alone.

    Raises:
        FileFormatError: it is no video that can be read.
    """
    with opened(path) as container:
        first = next(_decoded(container), None)
        if first is None:
            raise _no_frame(path, container.streams.video[0].codec_context.name)
        height, width = upright_gray(first).shape
        return width, height


def frame_rate(path: Path) -> float | None:
    """Mean frames per second as the file says; None if it does not.

    Raises:
        FileFormatError: it is no video that can be read.
    """
    with opened(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        return float(rate) if rate else None


def read_gray(path: Path) -> Iterator[Image]:
    """Frames of a video, or images of a folder in natural order: (height, width) luminance."""
    return _images(path, cv2.IMREAD_GRAYSCALE) if path.is_dir() else _frames(path, _gray)


def read_bgr(path: Path) -> Iterator[Image]:
    """Frames of a video, or images of a folder in natural order: (height, width, 3) blue, green, red."""
    return _images(path, cv2.IMREAD_COLOR) if path.is_dir() else _frames(path, _bgr)


def read_yuv(path: Path) -> Iterator[Yuv | None]:
    """Frames of a video as its codec has them, not to be changed; None where one cannot be decoded."""
    return _pictures(path, as_yuv)


def _no_frame(path: Path, codec: str) -> FileFormatError:
    return FileFormatError(
        f"none of the frames of {path} (codec {codec}) can be decoded: the file is damaged, or of a kind "
        "that FFmpeg does not know; copy it again, or convert it to H.264 with the program of the camera"
    )


def _decoded(container: Any) -> Iterator[Any]:
    """Every frame that can be decoded and that belongs to the video, in the order in which they are shown."""
    for packet in packets_of(container):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        yield from (frame for frame in frames if frame.pts is None or frame.pts >= 0)


def _frames(path: Path, convert: Callable[[Any], Image]) -> Iterator[Image]:
    """Every frame of the video; what cannot be decoded is black."""
    black: Image | None = None
    waiting = 0
    for picture in _pictures(path, lambda frame: _upright(convert(frame), frame)):
        if picture is not None:
            black = np.zeros_like(picture)
            yield from (black.copy() for _ in range(waiting))
            waiting = 0
            yield picture
        elif black is None:
            waiting += 1
        else:
            yield black.copy()


def _pictures(path: Path, convert: Callable[[Any], _Picture]) -> Iterator[_Picture | None]:
    """Every frame of the video, in its order; None for one that cannot be decoded."""
    index = Index.of(path)
    following = readable = patched = 0
    is_whole = True
    with opened(path) as container:
        for frame in _decoded(container):
            number = index.number(frame.pts, following)
            if not following <= number < index.n_frames:
                continue
            for _ in range(following, number):
                yield None
            yield convert(frame)
            # Frames that are coded as changes of a lost one: the decoder makes up what it lacks.
            is_whole = bool(frame.key_frame) or (is_whole and number == following)
            patched += not is_whole
            readable, following = readable + 1, number + 1
        if not readable:
            raise _no_frame(path, container.streams.video[0].codec_context.name)
    for _ in range(following, index.n_frames):
        yield None
    if readable < index.expected:
        _tell_damage(path, index, readable, patched)


def _tell_damage(path: Path, index: Index, readable: int, patched: int) -> None:
    details = ""
    if readable < index.n_frames:
        details += ", the unreadable ones between them are black"
    if patched:
        details += f", {patched} behind those are patched up from others"
    if index.n_frames < index.expected:
        lost = index.expected - index.n_frames
        details += f", {lost} are not in the file: unless they were the last, all behind them have moved up"
    logger.warning(
        "%s is damaged or was cut off: %d of %d frames can be read%s; copy it again if you can",
        path,
        readable,
        index.expected,
        details,
    )


def upright_gray(frame: Any) -> Image:
    """The luminance of a decoded frame, as it is shown."""
    return _upright(_gray(frame), frame)


def _upright(picture: Image, frame: Any) -> Image:
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def as_yuv(frame: Any) -> Yuv:
    """The frame as it is, where it is 8-bit yuv420p already, or converted by FFmpeg."""
    space = ColourSpace.of(frame)
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame, space = frame.reformat(format="yuv420p", dst_color_range=LIMITED_RANGE), space.limited
    turns = round(frame.rotation / 90) % 4
    y, u, v = (np.rot90(_lines(frame, number), turns) for number in range(3))
    return Yuv(y, u, v, space)


def _gray(frame: Any) -> Image:
    if frame.format.name not in LUMA_FIRST:
        gray: Image = frame.to_ndarray(format="gray")
        return gray
    return _plane(frame, 0)


def _plane(frame: Any, number: int) -> Image:
    """A plane of 8-bit samples, without the padding at the end of its lines; a copy."""
    return _lines(frame, number).copy()


def _lines(frame: Any, number: int) -> Image:
    """A plane of 8-bit samples in the memory of the decoder."""
    plane = frame.planes[number]
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def _bgr(frame: Any) -> Image:
    """OpenCV converts the common case, three times as fast as FFmpeg, which converts the rest."""
    even = frame.width % 2 == 0 and frame.height % 2 == 0
    bt601 = frame.color_range != FULL_RANGE and frame.colorspace != BT709
    bgr: Image
    if frame.format.name == "yuv420p" and even and bt601:
        planes = np.concatenate([_plane(frame, number).ravel() for number in range(3)])
        bgr = cv2.cvtColor(planes.reshape(-1, frame.width), cv2.COLOR_YUV2BGR_I420)
    else:
        bgr = frame.to_ndarray(format="bgr24")
    return bgr


def _images(folder: Path, mode: int) -> Iterator[Image]:
    return (read_image(path, mode) for path in image_files(folder))


def read_image(path: Path, mode: int) -> Image:
    """An image; `mode` is cv2's."""
    image: Image | None = cv2.imread(str(path), mode)
    if image is None:
        raise FileFormatError(f"{path} is not an image that can be read; make it again, or remove it")
    return image


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in natural order.

    Raises:
        FileFormatError: there is none.
    """
    paths = sorted((path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES), key=_natural)
    if not paths:
        raise FileFormatError(f"{folder} has no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return paths


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key in which img2 comes before img10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
