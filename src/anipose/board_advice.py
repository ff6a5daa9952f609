"""What to change in config.toml when hardly any board is found: other readings of the same pictures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from anipose.board_faults import DICTIONARY_SIZES, MARKER_BITS
from anipose.board_recordings import configured_board
from anipose.config import Calibration
from anipose.detection import count_markers
from anipose.errors import ConfigError
from anipose.geometry.board_views import agreeing_corners, diagonal

Gray = UInt8[np.ndarray, "height width"]

# So many pictures of a video are tried, evenly chosen.
PICTURES = 12
# A reading counts if it finds the board in more than this part of them, and this much more of it than the
# config does; corners agree with a flat board to within this part of its size.
MIN_FOUND, MIN_GAIN, AGREEMENT = 0.15, 1.5, 0.03
# Of the corners of a picture, so many agree with a flat board if they are numbered rightly.
MIN_SHARE = 0.8


@dataclass(frozen=True)
class Reading:
    """Another way to read the pictures.

    Attributes:
        keys: what differs in [calibration].
        mirrored: whether the pictures have to be flipped.
        found: in how many pictures the board is then found.
        n_pictures: of how many.
        n_corners: how many corners are found in all.
    """

    keys: dict[str, Any]
    mirrored: bool
    found: int
    n_pictures: int
    n_corners: int

    @property
    def advice(self) -> str:
        """What to do."""
        where = f"the board is found in {self.found} of {self.n_pictures} pictures that were tried"
        lines = ", ".join(f"{key} = {_toml(value)}" for key, value in self.keys.items())
        if not self.mirrored:
            return f"with other settings {where}: set {lines} under [calibration] of config.toml"
        also = f", and set {lines} under [calibration] of config.toml" if lines else ""
        return (
            f"the video is mirrored: flipped, {where}. Flip this camera's videos, those of the animal as "
            f"well{also}"
        )


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)


def chosen_pictures(pictures: Sequence[Gray] | Iterable[Gray], n_frames: int) -> list[Gray]:
    """Some of the pictures of a video, evenly chosen."""
    wanted = set(np.linspace(0, n_frames - 1, min(PICTURES, n_frames)).round().astype(int).tolist())
    found = []
    for number, gray in enumerate(pictures):
        if number in wanted:
            found.append(gray)
        if number >= max(wanted):
            break
    return found


def best_reading(table: Calibration, pictures: Sequence[Gray]) -> Reading | None:
    """The settings under which most of the board is seen; None if none is much better than those given."""
    now = _tried(table, {}, pictures, mirrored=False)
    best: Reading | None = None
    for keys, mirrored in _readings(table, pictures):
        found = _tried(table, keys, pictures, mirrored=mirrored)
        if found is not None and (best is None or found.n_corners > best.n_corners):
            best = found
    if best is None or best.found < max(1, MIN_FOUND * len(pictures)):
        return None
    before = 0 if now is None else now.n_corners
    return best if best.n_corners > MIN_GAIN * before else None


def _readings(table: Calibration, pictures: Sequence[Gray]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Other settings worth a try, and whether the pictures are to be flipped with them."""
    if table.board_size is None:
        return
    inverted = {"board_inverted": not table.board_inverted}
    columns, rows = table.board_size
    sizes = [(columns, rows), (rows, columns)]
    near = [(c + i, r + j) for (c, r), i, j in product(sizes, (-1, 0, 1), (-1, 0, 1))]
    sizes += [size for size in dict.fromkeys(near) if min(size) >= 2 and size not in sizes]
    shapes: list[dict[str, Any]] = [
        {} if size == table.board_size else {"board_size": size} for size in sizes
    ]
    if table.board_type == "checkerboard":
        yield from (
            (shape | colour, False) for shape in shapes for colour in ({}, inverted) if shape | colour
        )
        return
    look = _best_look(table, pictures)
    if look is None:
        return
    keys, mirrored = look
    for shape in shapes:
        layouts: tuple[dict[str, Any], ...] = ({},)
        if table.board_type == "charuco" and table.board_legacy is not None:
            layouts = ({}, {"board_legacy": not table.board_legacy})
        for layout in layouts:
            if shape or layout or keys or mirrored:
                yield shape | layout | keys, mirrored


def _best_look(table: Calibration, pictures: Sequence[Gray]) -> tuple[dict[str, Any], bool] | None:
    """Dictionary, colours and side from which most markers are recognised."""
    most, best = 0, None
    for bits, invert, mirror in product(MARKER_BITS, (False, True), (False, True)):
        counts = [
            count_markers(_seen(gray, inverted=invert != table.board_inverted, mirrored=mirror), bits)
            for gray in pictures
        ]
        total = sum(count for count, _ in counts)
        if total > most:
            keys: dict[str, Any] = {"board_inverted": not table.board_inverted} if invert else {}
            if bits != (table.board_marker_bits or 4):
                largest = max(number for _, number in counts)
                keys |= {"board_marker_bits": bits, "board_marker_dict_number": _dictionary_with(largest)}
            most, best = total, (keys, mirror)
    return best


def _dictionary_with(number: int) -> int:
    return next(size for size in DICTIONARY_SIZES if size > number)


def _seen(gray: Gray, *, inverted: bool, mirrored: bool) -> Gray:
    gray = cv2.bitwise_not(gray) if inverted else gray
    return np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray


def _tried(
    table: Calibration, keys: dict[str, Any], pictures: Sequence[Gray], *, mirrored: bool
) -> Reading | None:
    try:
        board = configured_board(table.model_copy(update=keys))
    except ConfigError:
        return None  # such a board cannot be, for example it needs more markers than there are
    views = [board.detect(_seen(gray, inverted=False, mirrored=mirrored)) for gray in pictures]
    views = [view for view in views if np.isfinite(view).any()]
    if not views:
        return None
    corners = np.stack(views)
    limit = AGREEMENT * diagonal(corners)
    agree = agreeing_corners(corners, board.points, limit)
    share = agree.sum(1) / np.maximum(np.isfinite(corners[..., 0]).sum(1), 1)
    good = share > MIN_SHARE
    return Reading(keys, mirrored, int(good.sum()), len(pictures), int(agree[good].sum()))
