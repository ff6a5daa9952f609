"""Videos: what is in them, their frames one after the other, and writing new ones.

What a container says about itself is often wrong, so frames are counted by reading all packets.
The readers give exactly that many frames, each at its own number: a frame that cannot be decoded is
black, because leaving it out would shift this camera against the others.
"""

import logging
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from anipose.errors import FileFormatError
from anipose.io.files import atomic_path, require_file

logger = logging.getLogger(__name__)

Image = NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})

# 8-bit formats whose first plane is the luminance, one byte per pixel.
LUMA_FIRST = frozenset(
    ["gray", "nv12", "nv21"]
    + [f"{yuv}{sampling}p" for yuv in ("yuv", "yuvj") for sampling in (410, 411, 420, 422, 440, 444)]
)

# Codes of ITU-T H.273 as FFmpeg has them. OpenCV's YUV conversions compute BT.601 in limited range.
BT709, BT601 = 1, 6
LIMITED_RANGE, FULL_RANGE = 1, 2


@dataclass(frozen=True)
class VideoInfo:
    """What is in a video.

    Attributes:
        width: of a frame as it is shown (turned upright where a phone says so), pixels.
        height: likewise.
        fps: mean frame rate; NaN if the file has none.
        n_frames: number of frames that the readers give.
        duration: n_frames / fps, seconds.
        codec: FFmpeg's name of the codec.
    """

    width: int
    height: int
    fps: float
    n_frames: int
    duration: float
    codec: str


def probe(path: Path) -> VideoInfo:
    """Size, rate and true number of frames of a video."""
    index = _Index.of(path)
    with _open(path) as container:
        stream = container.streams.video[0]
        first = next(_decoded(container), None)
        if first is None:
            raise _no_frame(path, stream.codec_context.name)
        height, width = _upright(_gray(first), first).shape
        fps = float(stream.average_rate or stream.guessed_rate or np.nan)
        return VideoInfo(
            width=width,
            height=height,
            fps=fps,
            n_frames=index.n_frames,
            duration=index.n_frames / fps,
            codec=stream.codec_context.name,
        )


def read_gray(path: Path) -> Iterator[Image]:
    """Frames of a video, or images of a folder in natural order: (height, width) luminance."""
    return _images(path, cv2.IMREAD_GRAYSCALE) if path.is_dir() else _frames(path, _gray)


def read_bgr(path: Path) -> Iterator[Image]:
    """Frames of a video, or images of a folder in natural order: (height, width, 3) blue, green, red."""
    return _images(path, cv2.IMREAD_COLOR) if path.is_dir() else _frames(path, _bgr)


class VideoWriter:
    """H.264 in an mp4, whole or not at all: the file appears when the `with` block ends well.

    The same frames give the same bytes. Sizes are made even, which yuv420p needs, by repeating the
    last column and row.

    Args:
        path: where to write.
        fps: frame rate.
        size: (width, height) of the frames, pixels.
        crf: quality, 0 (lossless) to 51; 18 can hardly be told from the original.
        preset: of x264, from ultrafast to veryslow: size of the file against time.
    """

    def __init__(
        self, path: Path, fps: float, size: tuple[int, int], *, crf: int = 18, preset: str = "veryfast"
    ) -> None:
        self._path = path
        self._fps = Fraction(fps).limit_denominator(1001)
        self._size = size
        self._options = {"crf": str(crf), "preset": preset}

    def __enter__(self) -> Self:
        self._file = self._opened()
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._file.__exit__(kind, error, trace)

    @contextmanager
    def _opened(self) -> Iterator[None]:
        # bitexact keeps the version of the muxer out of the file, so that it depends on the frames only.
        muxer = {"fflags": "+bitexact", "movflags": "+faststart"}
        with (
            atomic_path(self._path) as partial,
            av.open(str(partial), "w", format="mp4", options=muxer) as container,
        ):
            stream = container.add_stream("libx264", rate=self._fps, options=self._options)
            stream.width, stream.height = (side + side % 2 for side in self._size)
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            stream.codec_context.colorspace = BT601
            stream.codec_context.color_range = LIMITED_RANGE
            self._container, self._stream = container, stream
            yield
            container.mux(stream.encode(None))

    def write(self, image: Image) -> None:
        """Append a frame: (height, width, 3) blue, green, red, or (height, width) grey."""
        height, width = image.shape[:2]
        if (width, height) != self._size:
            raise ValueError(f"the frame is {width}x{height}, the video {self._size[0]}x{self._size[1]}")
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        self._container.mux(self._stream.encode(_yuv_frame(image)))


def _yuv_frame(image: Image) -> Any:
    """A frame for the encoder: (height, width, 3) blue, green, red as yuv420p.

    OpenCV takes the colour of 2 x 2 pixels from the first of them, which would move all colours half a
    pixel to the right and down; here it is their mean. x264 reads a little of the padding behind each
    line, which `VideoFrame.from_ndarray` leaves to chance: the same pictures would not always give the
    same file.
    """
    height, width = image.shape[:2]
    blocks = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    blocks = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST)
    luma, chroma = (cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).ravel() for picture in (image, blocks))
    samples = [luma[: height * width], *np.split(chroma[height * width :], 2)]
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, samples, strict=True):
        lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        lines[:, plane.width :] = 0
        lines[: plane.height, : plane.width] = values.reshape(plane.height, plane.width)
    return frame


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    """The container of a file with at least one video stream that we can decode."""
    require_file(path)
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise FileFormatError(
            f"{path} is not a video that can be read ({error.strerror}): it is of another kind, or its end "
            "is missing because recording or copying was interrupted; copy it again, or remove it"
        ) from error
    with container:
        if not container.streams.video:
            raise FileFormatError(f"{path} has no pictures, only {_other_streams(container)}; remove it")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise FileFormatError(
                f"the codec of {path} is unknown; convert it to H.264 with the program of the camera"
            )
        # Several videos are read at once, one per process: each has one core.
        stream.codec_context.thread_count = 1
        yield container


def _other_streams(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def _no_frame(path: Path, codec: str) -> FileFormatError:
    return FileFormatError(
        f"none of the frames of {path} (codec {codec}) can be decoded: the file is damaged, or of a kind "
        "that FFmpeg does not know; copy it again, or convert it to H.264 with the program of the camera"
    )


def _packets(container: Any) -> Iterator[Any]:
    """All packets as far as the file can be read; the last one, empty, flushes the decoder."""
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.error.FFmpegError):
            return


def _decoded(container: Any) -> Iterator[Any]:
    """Every frame that can be decoded and that belongs to the video, in the order in which they are shown."""
    for packet in _packets(container):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        yield from (frame for frame in frames if frame.pts is None or frame.pts >= 0)


@dataclass(frozen=True)
class _Index:
    """The frames of a file, from its packets.

    Attributes:
        n_frames: how many there are.
        times: time stamp of each, as they are shown; empty if they are not known.
        expected: how many the container promises; more than there are in a file that was cut off.
    """

    n_frames: int
    times: list[int]
    expected: int

    @classmethod
    def of(cls, path: Path) -> Self:
        with _open(path) as container:
            packets = [(packet.pts, packet.is_discard) for packet in _packets(container) if packet.size]
            stream = container.streams.video[0]
            promised = stream.frames
            # AVI has the times at which frames are decoded, which is another order if there are B-frames.
            timed = container.format.name != "avi" or not stream.codec_context.has_b_frames
        # A cut without re-encoding keeps packets that players do not show: marked, or before time 0.
        shown = [time for time, discarded in packets if not discarded and (time is None or time >= 0)]
        times = sorted({time for time in shown if time is not None})
        hidden = len(packets) - len(shown)
        return cls(
            n_frames=len(shown),
            times=times if timed and len(times) == len(shown) else [],
            expected=max(len(shown), promised - hidden),
        )

    def number(self, time: int | None, following: int) -> int:
        """Number of the frame that is shown at a time; without time stamps, the following one."""
        return following if time is None or not self.times else bisect_left(self.times, time)


def _frames(path: Path, convert: Callable[[Any], Image]) -> Iterator[Image]:
    index = _Index.of(path)
    following = readable = 0
    picture: Image | None = None
    with _open(path) as container:
        for frame in _decoded(container):
            number = index.number(frame.pts, following)
            if not following <= number < index.n_frames:
                continue
            picture = _upright(convert(frame), frame)
            for _ in range(following, number):
                yield np.zeros_like(picture)
            yield picture
            readable, following = readable + 1, number + 1
        if picture is None:
            raise _no_frame(path, container.streams.video[0].codec_context.name)
    for _ in range(following, index.n_frames):
        yield np.zeros_like(picture)
    if readable < index.expected:
        logger.warning(
            "%s is damaged or was cut off: %d of %d frames can be read%s; copy it again if you can",
            path,
            readable,
            index.expected,
            ", the unreadable ones between them are black" if readable < index.n_frames else "",
        )


def _upright(picture: Image, frame: Any) -> Image:
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _gray(frame: Any) -> Image:
    if frame.format.name not in LUMA_FIRST:
        gray: Image = frame.to_ndarray(format="gray")
        return gray
    return _plane(frame, 0)


def _plane(frame: Any, number: int) -> Image:
    """A plane of 8-bit samples, without the padding at the end of its lines; a copy."""
    plane = frame.planes[number]
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width].copy()


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
    paths = sorted((path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES), key=_natural)
    if not paths:
        raise FileFormatError(f"{folder} has no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    for path in paths:
        image = cv2.imread(str(path), mode)
        if image is None:
            raise FileFormatError(f"{path} is not an image that can be read; make it again, or remove it")
        yield image


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key in which img2 comes before img10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
