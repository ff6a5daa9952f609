"""What is written beside and into the pictures of a film."""

from collections.abc import Sequence

import cv2
import numpy as np

from anipose.draw.film import GROUND, Pictures
from anipose.draw.footage import Footage
from anipose.draw.overlay import Colour
from anipose.draw.text import put_text, text_width
from anipose.io.yuv import Yuv

BRIGHT: Colour = (240, 238, 236)
DIM: Colour = (165, 158, 152)


# Lines are apart by so many heights of a line.
SPACING = 1.25
SMALLEST_TEXT, LARGEST_TEXT = 12.0, 40.0


def line_height(picture_height: float, n_lines: int = 0) -> float:
    """Height of a line of text that suits a picture, so that so many lines have room in it, pixels."""
    suits = np.clip(picture_height / 34, SMALLEST_TEXT + 1, LARGEST_TEXT)
    fits = picture_height / (SPACING * n_lines + 5)
    return float(max(SMALLEST_TEXT, min(suits, fits)))


class LegendPane:
    """Beside the picture, where it hides nothing: what is shown, the keypoints, and the time.

    Args:
        lines: what is shown; the first is bright.
        entries: keypoints and their colours.
        clock: the video that says when a frame was filmed.
        height: of a line of text, pixels.
    """

    def __init__(
        self,
        lines: Sequence[str],
        entries: Sequence[tuple[str, Colour]],
        clock: Footage,
        height: float,
    ) -> None:
        self._lines = lines
        self._entries = entries
        self._clock = clock
        self._height = height

    @property
    def width(self) -> int:
        """Pixels that it needs."""
        widest = max(
            [text_width(line, self._height) for line in [*self._lines, "frame 000000"]]
            + [text_width(name, self._height) + 1.1 * self._height for name, _ in self._entries]
        )
        return round(widest + 1.6 * self._height)

    def prepare(self, part: Yuv) -> None:
        image = np.empty((part.size[1], part.size[0], 3), np.uint8)
        image[:] = GROUND
        height = self._height
        top, left = 1.0 * height, 0.8 * height
        for number, line in enumerate(self._lines):
            put_text(image, line, (left, top), height=height, colour=DIM if number else BRIGHT)
            top += SPACING * height
        top += 0.4 * height
        bottom = part.size[1] - 3.6 * height
        fitting = max(0, int((bottom - top) / (SPACING * height)) + 1)
        entries = list(self._entries)
        hidden = len(entries) - fitting
        for name, colour in entries[: fitting - 1] if hidden > 0 else entries:
            centre = (round((left + 0.35 * height) * 16), round(top * 16))
            cv2.circle(image, centre, round(0.3 * height * 16), colour, cv2.FILLED, cv2.LINE_AA, 4)
            put_text(image, name, (left + 1.1 * height, top), height=height, colour=BRIGHT)
            top += SPACING * height
        if hidden > 0 and fitting > 0:
            put_text(image, f"and {hidden + 1} more", (left, top), height=height, colour=DIM)
        part.paste(Yuv.of_bgr(image, part.space))

    def draw(self, part: Yuv, number: int, pictures: Pictures) -> None:
        height = self._height
        caption = part.y[part.size[1] - round(2.9 * height) :]
        caption[:] = part.space.tones(GROUND)[0]
        seconds = self._clock.seconds(number)
        rows = [(0.6, f"frame {number}", BRIGHT)]
        if seconds is not None:
            rows.append((1.8, f"{seconds:.3f} s", DIM))
        for row, text, colour in rows:
            tone = part.space.tones(colour)[0]
            put_text(caption, text, (0.8 * height, row * height), height=height, colour=tone)


def put_title(part: Yuv, text: str, height: float) -> None:
    """Bright text on a dark label in the corner, readable on any footage."""
    dark, bright = (part.space.tones(colour) for colour in (GROUND, BRIGHT))
    columns = 2 * round((text_width(text, height) + 0.8 * height) / 2)
    rows = 2 * round(1.5 * height / 2)
    label = part.y[:rows, :columns], part.u[: rows // 2, : columns // 2], part.v[: rows // 2, : columns // 2]
    for plane, tone in zip(label, dark, strict=True):
        plane[...] = tone
    put_text(label[0], text, (0.4 * height, 0.75 * height), height=height, colour=bright[0])
