"""Films of numbered frames: a white square that is four pixels further right in each."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from anipose.arrays import NDArray

SIZE = (200, 120)
N_FRAMES = 40


def frame(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    image = np.full((size[1], size[0]), 90, np.uint8)
    image[20:50, 4 * number : 4 * number + 30] = 230
    return image


def number_of(image: NDArray[np.uint8]) -> int | None:
    """The number of a frame, from its picture; None if it is black."""
    columns = np.flatnonzero(image[25:45].mean(axis=0) > 150)
    return round((columns[0] + columns[-1] - 29) / 8) if len(columns) else None


def encode(
    path: Path,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    *,
    n_frames: int = N_FRAMES,
    size: tuple[int, int] = SIZE,
    rate: int = 25,
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A film made by FFmpeg itself.

    Args:
        times: of each frame, in 1000ths of a second; when absent, the rate is constant.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(n_frames):
            picture = av.VideoFrame.from_ndarray(frame(number, size), format="gray").reformat(format=pix_fmt)
            picture.pts = number if times is None else times[number]
            picture.time_base = Fraction(1, rate) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path
