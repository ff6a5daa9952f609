"""Writing videos: H.264 in an mp4, which every browser, player and library opens."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2

from anipose.errors import FileFormatError
from anipose.io.encoders import Encoder, EncoderError, reason, x264
from anipose.io.files import atomic_path
from anipose.io.video import Image, count_frames
from anipose.io.yuv import FULL_RANGE, LIMITED_RANGE, ColourSpace, Yuv, even

# Time stamps of videos without a constant rate, per second: a multiple of all usual rates.
TICKS = 90000

# The highest frame rate written; faster ones are played more slowly. Players give up far below it.
MAX_RATE = 1000

# Where the width is no multiple of this, the "macroblock tree" of x264 reads behind the lines of its own
# tables, and the same pictures give different files from one time to the next: 25 of 25 films of equal frames
# were equal for widths of 128, 256, 384, 640 and 768, and never for 14 others (x264 165, AVX-512).
REPRODUCIBLE_WIDTH = 128

# Frames that x264 works on at once. The number is fixed, since the bytes depend on it.
ENCODER_THREADS = 2


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
        space: how colours are written.
        timed: whether `write_yuv` is given the time of each frame, instead of a constant rate.
        encoder: another one than x264.
    """

    def __init__(
        self,
        path: Path,
        fps: Fraction | float,
        size: tuple[int, int],
        *,
        crf: int = 18,
        preset: str = "veryfast",
        space: ColourSpace | None = None,
        timed: bool = False,
        encoder: Encoder | None = None,
    ) -> None:
        self._path = path
        self._rate = min(Fraction(fps).limit_denominator(1001), Fraction(MAX_RATE))
        self._size = size
        self._space = space or ColourSpace()
        self._time_base = Fraction(1, TICKS) if timed else 1 / self._rate
        self._timed = timed
        tree = {} if size[0] % REPRODUCIBLE_WIDTH == 0 else {"mbtree": "0"}
        self._encoder = encoder or x264(preset, **tree)
        self._quality = crf
        self.n_frames = 0

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
        with atomic_path(self._path) as partial:
            with av.open(str(partial), "w", format="mp4", options=muxer) as container:
                options = dict(self._encoder.options(self._quality))
                stream = container.add_stream(self._encoder.name, rate=self._rate, options=options)
                stream.width, stream.height = even(self._size)
                stream.pix_fmt = self._encoder.pix_fmt
                stream.codec_context.time_base = self._time_base
                stream.codec_context.thread_count = ENCODER_THREADS
                stream.codec_context.colorspace = self._space.matrix
                stream.codec_context.color_range = FULL_RANGE if self._space.full_range else LIMITED_RANGE
                self._container, self._stream = container, stream
                yield
                container.mux(self._encoded(None))
            written = count_frames(partial) if self.n_frames else 0
            if written != self.n_frames:
                raise FileFormatError(
                    f"{self._path} would have {written} of {self.n_frames} frames, and was not written; "
                    "please report this"
                )

    def write(self, image: Image) -> None:
        """Append a frame: (height, width, 3) blue, green, red, or (height, width) grey."""
        height, width = image.shape[:2]
        if (width, height) != self._size:
            raise ValueError(f"the frame is {width}x{height}, the video {self._size[0]}x{self._size[1]}")
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        self.write_yuv(Yuv.of_bgr(image, self._space))

    def write_yuv(self, picture: Yuv, seconds: float | None = None) -> None:
        """Append a picture; its memory must not be changed afterwards.

        Args:
            seconds: when it is shown, if the rate is not constant; later than the one before.
        """
        if picture.frame is None:
            copy = Yuv.blank(even(picture.size), picture.space)
            copy.paste(picture)
            picture = copy
        frame: Any = picture.frame
        frame.time_base = self._time_base
        frame.pts = self.n_frames if seconds is None else round(seconds * TICKS)
        self._container.mux(self._encoded(frame))
        self.n_frames += 1

    def _encoded(self, frame: Any) -> Any:
        """Packets; without a frame, those that the encoder has held back."""
        try:
            return self._stream.encode(frame)
        except av.error.FFmpegError as error:
            raise EncoderError(
                f"{self._encoder.name} cannot encode frame {self.n_frames} of {self._path} "
                f"({reason(error)}); nothing was written"
            ) from error
