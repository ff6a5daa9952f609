"""Text in pictures."""

import unicodedata
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from anipose.arrays import NDArray
from anipose.draw.overlay import Colour

FONT = cv2.FONT_HERSHEY_SIMPLEX
# Height of a capital letter at a scale of 1, pixels.
_CAPITAL = 21.0
# The letters are drawn so many times larger and reduced, for smooth edges.
_SAMPLES = 3


def put_text(
    canvas: NDArray[np.uint8],
    text: str,
    at: Float[np.ndarray, "2"] | tuple[float, float],
    *,
    height: float,
    colour: Colour | int,
    anchor: Float[np.ndarray, "2"] | tuple[float, float] = (1.0, 0.0),
) -> None:
    """Write into a picture, (height, width, 3), or into one plane of it.

    Args:
        at: pixel (x, y).
        height: of a line of text, pixels; a capital letter has two thirds of it.
        anchor: direction in which the text lies from there, from (-1, -1) to (1, 1); (0, 0): centred.
    """
    ink = _ink(plain(text), round(height, 1))
    rows, columns = ink.shape
    left = round(float(at[0]) + columns * (float(anchor[0]) - 1) / 2)
    top = round(float(at[1]) + rows * (float(anchor[1]) - 1) / 2)
    shown = canvas[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)]
    ink = ink[max(-top, 0) :, max(-left, 0) :][: shown.shape[0], : shown.shape[1]]
    if ink.size == 0 or shown.size == 0:
        return
    part = ink.astype(np.uint16) if shown.ndim == 2 else ink[..., None].astype(np.uint16)
    tone = np.array(colour, np.uint16)
    shown[...] = (shown * (255 - part) + tone * part + 127) // 255


def text_width(text: str, height: float) -> int:
    """Width of a text, pixels."""
    return int(_ink(plain(text), round(height, 1)).shape[1])


def plain(text: str) -> str:
    """What OpenCV can write: letters lose their accents, others become question marks."""
    text = text.replace("µ", "u").replace("μ", "u").replace("°", " deg")
    return "".join(
        unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?" for letter in text
    )


@lru_cache(maxsize=4096)
def _ink(text: str, height: float) -> UInt8[np.ndarray, "row column"]:
    """How much of each pixel the text covers, 0 to 255: with nothing left and right of it."""
    scale = _SAMPLES * height * 2 / 3 / _CAPITAL
    thick = max(1, round(_SAMPLES * height / 13))
    (width, _), _ = cv2.getTextSize(text, FONT, scale, thick)
    rows, margin = round(height * 1.1), _SAMPLES + thick
    columns = -(-(width + 2 * margin) // _SAMPLES)
    large = np.zeros((_SAMPLES * rows, _SAMPLES * columns), np.uint8)
    baseline = round(_SAMPLES * rows * 0.5 + _SAMPLES * height / 3)
    cv2.putText(large, text, (margin, baseline), FONT, scale, 255, thick, cv2.LINE_AA)
    ink: UInt8[np.ndarray, "row column"] = cv2.resize(large, (columns, rows), interpolation=cv2.INTER_AREA)
    return ink
