"""The calibration board on paper: a PDF in true millimetres, with a ruler and the settings, and a picture."""

import json
import textwrap
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import UInt8

from anipose.board_drawing import board_edges, draw
from anipose.boards import Board, Inverted

POINTS_PER_MM = 72 / 25.4
MARGIN_MM, TEXT_MM, LINE_MM = 12.0, 3.5, 5.0
# Letters of Helvetica are half as wide as high, a little more with capitals and underscores.
LETTER_MM = 0.53 * TEXT_MM
RULER_MM, RULER_SPACE_MM, DIGIT_MM = 100, 8.0, 2.2
# White on black boards have a black rim, this part of the shorter side.
RIM = 0.05
# Longer side of the picture.
PICTURE_PX = 2000
NO_BREAK = "\N{NO-BREAK SPACE}"


def board_picture(board: Board) -> UInt8[np.ndarray, "height width"]:
    """A picture of the board with a margin."""
    scale = PICTURE_PX / max(board.size)
    return draw(board, scale, margin_px=round(0.04 * PICTURE_PX))


def board_pdf(board: Board, mm_per_unit: float, settings: Mapping[str, Any]) -> bytes:
    """One page, a little larger than the board, in true size.

    Args:
        settings: keys and values to be printed below the board.
    """
    width, height = (side * mm_per_unit for side in board.size)
    rim = RIM * min(width, height) if isinstance(board, Inverted) else 0.0
    body = max(width, RULER_MM)
    lines = _text(settings, int(body / LETTER_MM))
    margin = MARGIN_MM + rim
    page_width = body + 2 * margin
    page_height = height + 2 * margin + RULER_SPACE_MM + LINE_MM * (len(lines) + 1)
    left, top = (page_width - width) / 2, page_height - margin
    draws = ["0 g"]
    if rim:
        draws.append(_rectangle(left - rim, top - height - rim, width + 2 * rim, height + 2 * rim))
        draws.append("1 g")
    for x, y, w, h in _black_rectangles(board):
        draws.append(_rectangle(left + x * width, top - (y + h) * height, w * width, h * height))
    draws.append("0 g")
    ruler_y = top - height - rim - RULER_SPACE_MM
    draws += _ruler(margin, ruler_y)
    for number, line in enumerate(lines):
        draws.append(_written(margin, ruler_y - LINE_MM * (number + 2), line, TEXT_MM))
    return _pdf(page_width, page_height, "\n".join(draws))


def _ruler(left: float, y: float) -> list[str]:
    """A line with a tick for each millimetre, and the number of each tenth below."""
    drawn = [_rectangle(left, y, RULER_MM, 0.2)]
    for tick in range(RULER_MM + 1):
        length = 3 if tick % 10 == 0 else 2 if tick % 5 == 0 else 1
        drawn.append(_rectangle(left + tick - 0.05, y, 0.1, length))
        if tick % 10 == 0:
            label = f"{tick} mm" if tick == RULER_MM else str(tick)
            drawn.append(_written(left + tick - 0.5, y - 1.2 * DIGIT_MM, label, DIGIT_MM))
    return drawn


def _text(settings: Mapping[str, Any], n_letters: int) -> list[str]:
    """What to do, and the settings, in lines of so many letters; a setting is not broken in two."""
    advice = (
        "Print at 100 %, not fitted to the page: the ruler is 100 mm long. Measure the board, and correct "
        "the lengths in config.toml if the printer does not keep to it. Glue it to something flat."
    )
    items = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]
    shown = ", ".join(item.replace(" ", NO_BREAK) for item in items)
    lines = [*textwrap.wrap(advice, n_letters), *textwrap.wrap(shown, n_letters, break_long_words=False)]
    return [line.replace(NO_BREAK, " ") for line in lines]


def _black_rectangles(board: Board) -> list[tuple[float, float, float, float]]:
    """(x, y, width, height) of what is ink, over the size of the board, from the top left."""
    plain = board.board if isinstance(board, Inverted) else board
    x, y = (board_edges(plain, axis) for axis in (0, 1))
    width, height = plain.size
    black = ~plain.is_white(*np.meshgrid((x[:-1] + x[1:]) / 2, (y[:-1] + y[1:]) / 2))
    found = []
    for row, line in enumerate(black):
        column = 0
        for ink, run in groupby(line.tolist()):
            count = len(list(run))
            if ink:
                found.append(
                    (
                        x[column] / width,
                        y[row] / height,
                        (x[column + count] - x[column]) / width,
                        (y[row + 1] - y[row]) / height,
                    )
                )
            column += count
    return found


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    numbers = " ".join(f"{value * POINTS_PER_MM:.4f}" for value in (x, y, width, height))
    return f"{numbers} re f"


def _written(x: float, y: float, text: str, size_mm: float) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    size = size_mm * POINTS_PER_MM
    return f"BT /F1 {size:.2f} Tf {x * POINTS_PER_MM:.3f} {y * POINTS_PER_MM:.3f} Td ({escaped}) Tj ET"


def _pdf(width_mm: float, height_mm: float, content: str) -> bytes:
    """A PDF of one page."""
    box = f"[0 0 {width_mm * POINTS_PER_MM:.4f} {height_mm * POINTS_PER_MM:.4f}]"
    stream = content.encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Contents 4 0 R "
            "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica "
            "/Encoding /WinAnsiEncoding >> >> >> >>"
        ).encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    result = b"%PDF-1.4\n"
    places = []
    for number, item in enumerate(objects, start=1):
        places.append(len(result))
        result += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(result)
    result += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return result + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
