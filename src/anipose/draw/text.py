"""Text in pictures."""

import unicodedata
from functools import cache, lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from anipose.arrays import NDArray
from anipose.draw.overlay import Colour

# Of the outlines that OpenCV 5 has, Rubik and what that lacks from WenQuanYi: height of a capital letter as a
# part of the size, and how bold they are.
_CAPITAL_PART = 0.75
_WEIGHT = 400
# Of the strokes that OpenCV 4 has.
FONT = cv2.FONT_HERSHEY_SIMPLEX
# Height of a capital letter at a scale of 1, pixels.
_CAPITAL = 21.0
# The letters are drawn so many times larger and reduced, for smooth edges.
_SAMPLES = 3
# Signs that are no letters, or whose parts would be misread.
_SPELLED = {"µ": "u", "μ": "u", "°": " deg", "ß": "ss", "–": "-", "—": "-", "…": "...", "’": "'"}


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
    ink = _ink(text, round(height, 1))
    rows, columns = ink.shape
    left = round(float(at[0]) + columns * (float(anchor[0]) - 1) / 2)
    top = round(float(at[1]) + rows * (float(anchor[1]) - 1) / 2)
    shown = canvas[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)]
    ink = ink[max(-top, 0) :, max(-left, 0) :][: shown.shape[0], : shown.shape[1]]
    if ink.size == 0 or shown.size == 0:
        return
    if shown.ndim == 3:
        ink = ink[..., None]
    shown[...] = (shown * (256 - ink) + np.array(colour, np.uint16) * ink + 128) >> 8


def text_width(text: str, height: float) -> int:
    """Width of a text, pixels."""
    return int(_ink(text, round(height, 1)).shape[1])


def spelled(text: str) -> str:
    """What OpenCV 4 can write: other letters lose their accents, or their sounds are spelled."""
    return "".join(letter if letter.isascii() else _spelled_letter(letter) for letter in text)


def _spelled_letter(letter: str) -> str:
    if letter in _SPELLED:
        return _SPELLED[letter]
    without_accents = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    if without_accents:
        return without_accents
    if unicodedata.combining(letter):
        return ""
    # As in "GREEK SMALL LETTER ALPHA", "LATIN SMALL LETTER O WITH STROKE", "HANGUL SYLLABLE HAN".
    name = unicodedata.name(letter, "")
    _, found, sound = name.partition("LETTER ") if "LETTER " in name else name.partition("SYLLABLE ")
    if not found:
        return f"[{ord(letter):X}]"
    sound = sound.partition(" WITH ")[0].rpartition(" ")[2].lower()
    return sound.capitalize() if "CAPITAL" in name else sound


@lru_cache(maxsize=4096)
def _ink(text: str, height: float) -> UInt16[np.ndarray, "row column"]:
    """How much of each pixel the text covers, 0 to 256, with a narrow margin left and right of it."""
    rows = round(1.1 * height)
    covered = (
        _of_outlines(text, height, rows) if hasattr(cv2, "FontFace") else _of_strokes(text, height, rows)
    )
    return covered.astype(np.uint16) + (covered > 127)


def _of_outlines(text: str, height: float, rows: int) -> UInt8[np.ndarray, "row column"]:
    """With the letters that OpenCV 5 brings, those of almost all languages."""
    size = round(height * 2 / 3 / _CAPITAL_PART)
    at = 1, round(0.5 * rows + height / 3)
    # OpenCV counts what is in a picture of some size, though beyond its right edge, too.
    _, _, width, _ = cv2.getTextSize((2 * rows, 2 * rows), text, at, _face(), size, _WEIGHT)
    ink: UInt8[np.ndarray, "row column"] = np.zeros((rows, width + 2), np.uint8)
    cv2.putText(ink, text, at, 255, _face(), size, _WEIGHT)
    return ink


@cache
def _face() -> "cv2.FontFace":
    return cv2.FontFace("sans")


def _of_strokes(text: str, height: float, rows: int) -> UInt8[np.ndarray, "row column"]:
    """With the letters of OpenCV 4, which are those of English."""
    text = spelled(text)
    scale = _SAMPLES * height * 2 / 3 / _CAPITAL
    thick = max(1, round(_SAMPLES * height / 13))
    (width, _), _ = cv2.getTextSize(text, FONT, scale, thick)
    margin = _SAMPLES + thick
    columns = -(-(width + 2 * margin) // _SAMPLES)
    large = np.zeros((_SAMPLES * rows, _SAMPLES * columns), np.uint8)
    baseline = round(_SAMPLES * rows * 0.5 + _SAMPLES * height / 3)
    cv2.putText(large, text, (margin, baseline), FONT, scale, 255, thick, cv2.LINE_AA)
    ink: UInt8[np.ndarray, "row column"] = cv2.resize(large, (columns, rows), interpolation=cv2.INTER_AREA)
    return ink
