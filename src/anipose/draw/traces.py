"""Curves over time, such as angles."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.draw.captions import BRIGHT, DIM
from anipose.draw.film import GROUND, Pictures
from anipose.draw.overlay import Colour, mixed
from anipose.draw.text import put_text, text_width
from anipose.io.yuv import Yuv


class TracePane:
    """Angles over time, with a line at the frame that is shown; a page at a time where they are long.

    Args:
        traces: name -> (frame,), degrees.
        numbers: the frames of the film.
    """

    LONGEST_PAGE = 600

    def __init__(
        self, traces: Mapping[str, NDArray[np.float64]], colours: Sequence[Colour], numbers: range
    ) -> None:
        self._traces = traces
        self._colours = colours
        self._numbers = numbers
        n_pages = -(-len(range(numbers.start, numbers.stop)) // self.LONGEST_PAGE)
        self._page_length = -(-(numbers.stop - numbers.start) // n_pages)
        self._page = -1
        self._paper: Yuv | None = None

    def prepare(self, part: Yuv) -> None:
        self._page, self._paper = -1, None

    def draw(self, part: Yuv, number: int, pictures: Pictures) -> None:
        page, place = divmod(number - self._numbers.start, self._page_length)
        if page != self._page or self._paper is None:
            self._page, self._paper = page, Yuv.of_bgr(self._drawn(page, part.size), part.space)
        part.paste(self._paper)
        left, right, top, bottom = self._area(part.size)
        x = left + (right - left) * place / max(self._page_length - 1, 1)
        tone = part.space.tones(BRIGHT)[0]
        ends = [(round(16 * x), round(16 * y)) for y in (top, bottom)]
        cv2.line(part.y, ends[0], ends[1], tone, max(1, round(part.size[1] / 90)), cv2.LINE_AA, 4)

    def _area(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        height = self._text(size)
        names = max(text_width(name, height) for name in self._traces)
        return names + 5.2 * height, size[0] - 1.2 * height, 0.8 * height, size[1] - 0.8 * height

    def _text(self, size: tuple[int, int]) -> float:
        return float(np.clip(size[1] / 11, 12, 30))

    def _drawn(self, page: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        image = np.empty((size[1], size[0], 3), np.uint8)
        image[:] = GROUND
        left, right, top, bottom = self._area(size)
        height = self._text(size)
        first = self._numbers.start + page * self._page_length
        values = np.stack([_window(trace, first, self._page_length) for trace in self._traces.values()])
        everything = np.concatenate([trace[np.isfinite(trace)] for trace in self._traces.values()])
        low, high = np.percentile(everything, [0.5, 99.5]) if len(everything) else (0.0, 180.0)
        middle, half = (low + high) / 2, max(0.55 * (high - low), 2.0)
        low, high = middle - half, middle + half
        step = next(step for step in (5, 10, 15, 30, 45, 90, 180, 360) if (high - low) / step <= 4.5)
        for tick in np.arange(np.ceil(low / step) * step, high, step):
            y = bottom - (bottom - top) * (tick - low) / (high - low)
            ends = [(round(16 * x), round(16 * y)) for x in (left, right)]
            cv2.line(image, ends[0], ends[1], (72, 66, 62), 1, cv2.LINE_AA, 4)
            put_text(
                image, f"{tick:.0f}", (left - 0.3 * height, y), height=height, colour=DIM, anchor=(-1, 0)
            )
        x = np.linspace(left, right, self._page_length)
        for row, ((name, _), colour) in enumerate(
            zip(self._traces.items(), cycle(self._colours), strict=False)
        ):
            colour = legible(colour)
            y = bottom - (bottom - top) * np.clip((values[row] - low) / (high - low), 0, 1)
            known = np.isfinite(y)
            # No line across a gap, nor where an angle goes on at -180 after 180.
            jumps = np.abs(np.diff(values[row])) > 180
            breaks = np.flatnonzero((np.diff(known.astype(int)) != 0) | jumps) + 1
            for piece in np.split(np.arange(len(y)), breaks):
                if known[piece[0]]:
                    line = np.rint(16 * np.column_stack([x[piece], y[piece]])).astype(np.int32)
                    cv2.polylines(image, [line], False, colour, 2, cv2.LINE_AA, 4)
            at = (0.8 * height, top + (row + 0.9) * 1.4 * height)
            put_text(image, name, at, height=height, colour=colour)
        put_text(image, "degrees", (0.8 * height, bottom - 0.3 * height), height=height, colour=DIM)
        return image


def _window(trace: NDArray[np.float64], first: int, length: int) -> NDArray[np.float64]:
    window = np.full(length, np.nan)
    part = trace[first : first + length]
    window[: len(part)] = part
    return window


def legible(colour: Colour) -> Colour:
    """A colour that can be read on a dark ground."""
    blue, green, red = colour
    return mixed((255, 255, 255), colour, 0.3) if 0.1 * blue + 0.6 * green + 0.3 * red < 130 else colour
