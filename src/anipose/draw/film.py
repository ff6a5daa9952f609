"""Putting a film together from panes: videos with what was tracked, 3D poses, curves, captions.

Three things happen at the same time, in threads of their own: decoding, drawing and encoding. Every video is
decoded once, and its pictures are drawn upon in the colours that they are encoded with.
"""

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.draw.footage import DEFAULT_RATE, Excerpt, Footage
from anipose.draw.overlay import Colour
from anipose.io.ahead import ahead
from anipose.io.files import write_bytes
from anipose.io.video_writer import VideoWriter
from anipose.io.yuv import Yuv

# Quality and preset of x264: hard to tell from the original, and small enough to send around.
QUALITY = 23
PRESET = "veryfast"

# The still is the best of so many frames that would be telling and whose pictures are whole.
N_CANDIDATES = 8

GROUND: Colour = (34, 30, 28)

Pictures = Sequence[Yuv | None]


@dataclass(frozen=True)
class Box:
    """A place in a film, even numbers of pixels."""

    left: int
    top: int
    size: tuple[int, int]


class Pane(Protocol):
    """What is to be seen in one place of a film."""

    def prepare(self, part: Yuv) -> None:
        """Draw what is the same in every frame."""
        ...

    def draw(self, part: Yuv, number: int, pictures: Pictures) -> None:
        """Draw what is different in every frame; the part still has what was drawn for one before."""
        ...


@dataclass(frozen=True)
class Film:
    """A film to be written.

    Attributes:
        size: (width, height), even.
        panes: where is what.
        sources: the videos whose pictures the panes are given.
        n_frames: how many frames there would be without an excerpt.
        excerpt: which of them are shown, and how fast.
        clock: the video whose rate the film has; when absent, the first source.
    """

    size: tuple[int, int]
    panes: Sequence[tuple[Box, Pane]]
    sources: Sequence[Footage]
    n_frames: int
    excerpt: Excerpt
    clock: Footage | None = None

    def write(self, path: Path, still: Path, merit: NDArray[np.float64]) -> None:
        """Write the film, and its most telling frame as a PNG.

        Args:
            merit: (frame,), how telling a frame is.

        Raises:
            ConfigError: the excerpt is empty.
            FileFormatError: a video cannot be read at all.
            FileAccessError: the film cannot be written.
        """
        numbers = self.excerpt.numbers(self.n_frames)
        clock = self.clock or self.sources[0]
        rate = clock.rate or DEFAULT_RATE
        speed = Fraction(self.excerpt.speed).limit_denominator(10000)
        start = clock.seconds(numbers.start) if clock.times is not None else None
        free: queue.SimpleQueue[Yuv] = queue.SimpleQueue()
        space = next((source.space for source in self.sources if source.path is not None), None)
        blank = self._prepared(Yuv.blank(self.size, space or Footage(None, (0, 0)).space, GROUND))
        best = -np.inf
        telling = Yuv.blank(self.size, blank.space)
        worth = np.full(self.n_frames, -1.0)
        worth[: len(merit)] = merit[: self.n_frames]
        candidates = {numbers[0], *sorted(numbers, key=lambda number: -worth[number])[:N_CANDIDATES]}
        writer = VideoWriter(
            path,
            rate * speed / self.excerpt.every,
            self.size,
            crf=QUALITY,
            preset=PRESET,
            space=blank.space,
            timed=start is not None,
        )
        with writer:
            for number, canvas, is_whole in ahead(self._canvases(numbers, blank, free)):
                seconds = clock.seconds(number)
                since = None if seconds is None or start is None else (seconds - start) / float(speed)
                writer.write_yuv(canvas, since)
                if number in candidates and (value := worth[number] if is_whole else -2.0) > best:
                    best = value
                    telling.paste(canvas)
                free.put(canvas)
        write_bytes(still, _png(telling.to_bgr()))

    def _prepared(self, canvas: Yuv) -> Yuv:
        for box, pane in self.panes:
            pane.prepare(canvas.part(box.left, box.top, box.size))
        return canvas

    def _canvases(
        self, numbers: range, blank: Yuv, free: "queue.SimpleQueue[Yuv]"
    ) -> Iterator[tuple[int, Yuv, bool]]:
        """Every frame, and whether all pictures in it are there.

        Canvases are used again once they are encoded, so what does not change is drawn once.
        """
        sources = [ahead(source.pictures(numbers)) for source in self.sources]
        for number in numbers:
            pictures = [next(source) for source in sources]
            try:
                canvas = free.get_nowait()
            except queue.Empty:
                canvas = Yuv.blank(self.size, blank.space)
                canvas.paste(blank)
            for box, pane in self.panes:
                pane.draw(canvas.part(box.left, box.top, box.size), number, pictures)
            yield number, canvas, all(picture is not None for picture in pictures)


def _png(image: NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".png", image)
    return bytes(data)
