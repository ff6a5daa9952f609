"""What to change in config.toml when hardly any board is found: other readings of the same pictures."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from anipose.arrays import NDArray
from anipose.board_faults import DICTIONARY_SIZES, MARKER_BITS
from anipose.board_recordings import BoardVideo, configured_board
from anipose.config import Calibration
from anipose.detection import checkerboard_size, count_markers, count_quads
from anipose.errors import ConfigError
from anipose.geometry.board_views import agreeing_corners, diagonal
from anipose.io.chosen_frames import read_gray_at
from anipose.io.detections import BoardDetections
from anipose.io.video import count_frames, image_files

Gray = UInt8[np.ndarray, "height width"]

# So many pictures of a video are tried, evenly chosen; readings are compared in those that show most.
PICTURES, COMPARED = 12, 3
# Of the sizes that checkerboards seem to have, so many are tried.
SIZES = 2
# A reading counts if it finds the board in more than this part of them, and this much more of it than the
# config does; corners agree with a flat board to within this part of its size.
MIN_FOUND, MIN_GAIN, AGREEMENT = 0.15, 1.5, 0.03
# Of the corners of a picture, so many agree with a flat board if they are numbered rightly.
MIN_SHARE = 0.8
# A board has another row if so much of it is seen, where most of the board is seen.
ROW_SEEN = 0.5
# So many markers of a dictionary in a picture are not seen by chance in something else.
SURE_MARKERS = 4


@dataclass(frozen=True)
class Reading:
    """Another way to read the pictures.

    Attributes:
        keys: what differs in [calibration].
        mirrored: whether the pictures have to be flipped.
        found: in how many pictures the board is then found.
        n_pictures: of how many.
        n_corners: how many corners are found in all.
        area: columns times rows of the board.
    """

    keys: dict[str, Any]
    mirrored: bool
    found: int
    n_pictures: int
    n_corners: int
    area: int

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
    if isinstance(value, str):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, tuple) else str(value)


def by_advice(told: Iterable[tuple[str, str]]) -> list[str]:
    """Pairs of a name and what is told of it, in lines of the same advice with all its names."""
    names: dict[str, list[str]] = {}
    for name, advice in told:
        names.setdefault(advice, []).append(name)
    return [f"{', '.join(dict.fromkeys(those))}: {advice}" for advice, those in names.items()]


def advice_for(table: Calibration, video: Path) -> str:
    """What to change in the settings, from a video in which hardly any board is found; empty if not known."""
    pictures = chosen_pictures(video)
    if table.board_type == "checkerboard" and (advice := _advice_on_markers(table, pictures)):
        return advice
    if (reading := best_reading(table, pictures)) is not None:
        return reading.advice
    if table.board_type == "checkerboard":
        return ""
    return _advice_on_markers(table, pictures) or _advice_on_checkerboard(pictures)


def advice_on_rows(table: Calibration, video: Path, found: BoardDetections) -> str:
    """What to change if a board of markers was found, but has more rows; empty if it has not.

    With columns that it does not have, none is found; rows that are not in the config are passed over. Those
    that it does not have do no harm.
    """
    if table.board_type == "checkerboard" or not len(found.frames):
        return ""
    n_seen = np.isfinite(found.corners[..., 0]).sum(1)
    fullest = found.frames[np.argsort(n_seen, kind="stable")[::-1][:COMPARED]]
    columns, rows = table.board_size or (0, 0)
    n_corners, more = _corners_found(table, video, fullest), 0
    per_row = len(fullest) * (columns - 1 if table.board_type == "charuco" else 4 * columns)
    while True:
        larger = table.model_copy(update={"board_size": (columns, rows + more + 1)})
        n_larger = _corners_found(larger, video, fullest)
        if n_larger < n_corners + ROW_SEEN * per_row:
            break
        n_corners, more = n_larger, more + 1
    if not more:
        return ""
    return (
        f"the board has more rows than the {rows} of the config, whose corners are not used: set "
        f"board_size = [{columns}, {rows + more}] under [calibration] of config.toml"
    )


def _corners_found(table: Calibration, video: Path, frames: NDArray[np.int64]) -> int:
    """How many corners of a board are seen in some frames, numbered rightly; 0 if there is no such board."""
    try:
        board = configured_board(table)
    except ConfigError:
        return 0
    found = BoardVideo(board, video).look(frames)
    if not len(found.frames):
        return 0
    good, corners = _numbered_rightly(table, found.corners)
    return int(corners[good].sum())


def chosen_pictures(video: Path) -> list[Gray]:
    """Some of the pictures of a video or folder, evenly chosen."""
    n_frames = len(image_files(video)) if video.is_dir() else count_frames(video)
    numbers = np.unique(np.linspace(0, n_frames - 1, PICTURES).round().astype(int))
    return list(read_gray_at(video, numbers.tolist()))


def boards_that_agree(table: Calibration, found: BoardDetections) -> int:
    """In how many views the corners are numbered as on a flat board."""
    return int(_numbered_rightly(table, found.corners)[0].sum()) if len(found.frames) else 0


def best_reading(table: Calibration, pictures: Sequence[Gray]) -> Reading | None:
    """The settings under which most of the board is seen; None if none is much better than those given."""
    if table.board_type == "checkerboard":
        some, readings = _checkerboards(table, pictures)
    else:
        some, readings = _with_markers(table, pictures)
    tried = [_tried(table, keys, some, mirrored=mirrored) for keys, mirrored in readings]
    # Rows that a board does not have are not missed: the smallest of the best, then the first, which differs
    # least from the config.
    best = max(
        (one for one in tried if one is not None), key=lambda one: (one.n_corners, -one.area), default=None
    )
    if best is None:
        return None
    best = _tried(table, best.keys, pictures, mirrored=best.mirrored)
    if best is None or best.found < max(1, MIN_FOUND * len(pictures)):
        return None
    now = _tried(table, {}, pictures, mirrored=False)
    return best if best.n_corners > MIN_GAIN * (0 if now is None else now.n_corners) else None


_Readings = list[tuple[dict[str, Any], bool]]


def _checkerboards(table: Calibration, pictures: Sequence[Gray]) -> tuple[list[Gray], _Readings]:
    """Pictures that show checkerboards, and their sizes, as they are and with black and white exchanged."""
    for colour in ({}, {"board_inverted": not table.board_inverted}):
        some: list[Gray] = []
        readings: _Readings = []
        inverted = table.board_inverted != bool(colour)
        sizes = [checkerboard_size(_seen(gray, inverted=inverted, mirrored=False)) for gray in pictures]
        for size, count in Counter(size for size in sizes if size is not None).most_common(SIZES):
            keys = {} if size in (table.board_size, (table.board_size or ())[::-1]) else {"board_size": size}
            if count >= min(SIZES, len(pictures)) and (keys or colour):
                readings.append((keys | colour, False))
                shown = [gray for gray, its in zip(pictures, sizes, strict=True) if its == size]
                some += shown[:COMPARED]
        if readings:
            break
    return some, readings


def _with_markers(table: Calibration, pictures: Sequence[Gray]) -> tuple[list[Gray], _Readings]:
    """The pictures that show most markers, and other settings worth a try with them."""
    look = _best_look(table, pictures)
    if look is None:
        return [], []
    some, keys, mirrored = look
    readings: _Readings = []
    for shape in _shapes(table):
        layouts: tuple[dict[str, Any], ...] = ({},)
        if table.board_type == "charuco" and table.board_legacy is not None:
            layouts = ({}, {"board_legacy": not table.board_legacy})
        for layout in layouts:
            if shape or layout or keys or mirrored:
                readings.append((shape | layout | keys, mirrored))
    return some, readings


def _shapes(table: Calibration) -> Iterator[dict[str, Any]]:
    """The size of the config, the transposed one, and those that differ by 1."""
    columns, rows = table.board_size or (0, 0)
    sizes = [(columns, rows), (rows, columns)]
    near = [(c + i, r + j) for (c, r), i, j in product(sizes, (-1, 0, 1), (-1, 0, 1))]
    for size in dict.fromkeys([*sizes, *near]):
        if min(size) >= 1:
            yield {} if size == table.board_size else {"board_size": size}


def _best_look(
    table: Calibration, pictures: Sequence[Gray]
) -> tuple[list[Gray], dict[str, Any], bool] | None:
    """The pictures with most markers; dictionary, colours and side from which most are recognised in them."""
    most, best = 0, None
    own = table.board_marker_bits or 4
    bits_tried = (own, *(bits for bits in MARKER_BITS if bits != own))
    looks = [
        (bits, invert, mirror) for invert, mirror, bits in product((False, True), (False, True), bits_tried)
    ]
    some = _fullest(pictures)
    for bits, invert, mirror in looks:
        counts = [
            count_markers(_seen(gray, inverted=invert != table.board_inverted, mirrored=mirror), bits)
            for gray in some
        ]
        total = sum(count for count, _ in counts)
        if total > most:
            keys: dict[str, Any] = {"board_inverted": not table.board_inverted} if invert else {}
            if bits != own:
                largest = max(number for _, number in counts)
                keys |= {"board_marker_bits": bits, "board_marker_dict_number": _dictionary_with(largest)}
            most, best = total, (keys, mirror)
    return None if best is None else (some, *best)


def _dictionary_with(number: int) -> int:
    return next(size for size in DICTIONARY_SIZES if size > number)


def _advice_on_markers(table: Calibration, pictures: Sequence[Gray]) -> str:
    """What to do if pictures show markers, but not of the configured board."""
    other = (
        'an ArUco grid, set board_type = "aruco", board_size = [columns, rows] of markers'
        if table.board_type == "charuco"
        else 'a ChArUco board, set board_type = "charuco", board_size = [columns, rows] of squares'
    )
    some = _fullest(pictures)
    for bits in MARKER_BITS:
        counts = [count_markers(gray, bits) for gray in some]
        if sum(count for count, _ in counts) >= SURE_MARKERS * len(counts):
            largest = max(number for _, number in counts)
            return (
                f"the pictures show markers of {bits} x {bits} bits, with numbers up to {largest}. If this "
                f"is {other}, board_marker_bits = {bits}, board_marker_dict_number = "
                f"{_dictionary_with(largest)} and the lengths under [calibration] of config.toml"
            )
    return ""


def _advice_on_checkerboard(pictures: Sequence[Gray]) -> str:
    """What to do if pictures that should show markers show a checkerboard."""
    sizes = Counter(size for gray in pictures if (size := checkerboard_size(gray)) is not None)
    size, count = sizes.most_common(1)[0] if sizes else ((0, 0), 0)
    if count < COMPARED:
        return ""
    return (
        f"no markers are seen, but {count} of {len(pictures)} pictures that were tried show a checkerboard: "
        f'set board_type = "checkerboard", board_size = {list(size)} under [calibration] of config.toml'
    )


def _fullest(pictures: Sequence[Gray]) -> list[Gray]:
    """The pictures that show most that looks like markers."""
    quads = [max(count_quads(gray), count_quads(cv2.bitwise_not(gray))) for gray in pictures]
    return [pictures[i] for i in np.argsort(quads, kind="stable")[::-1][:COMPARED]]


def _seen(gray: Gray, *, inverted: bool, mirrored: bool) -> Gray:
    gray = cv2.bitwise_not(gray) if inverted else gray
    return np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray


def _tried(
    table: Calibration, keys: dict[str, Any], pictures: Sequence[Gray], *, mirrored: bool
) -> Reading | None:
    table = table.model_copy(update=keys)
    try:
        board = configured_board(table)
    except ConfigError:
        return None  # such a board cannot be, for example it needs more markers than there are
    views = [board.detect(_seen(gray, inverted=False, mirrored=mirrored)) for gray in pictures]
    views = [view for view in views if np.isfinite(view).any()]
    if not views:
        return None
    good, corners = _numbered_rightly(table, np.stack(views))
    area = int(np.prod(table.board_size or ()))
    return Reading(keys, mirrored, int(good.sum()), len(pictures), int(corners[good].sum()), area)


def _numbered_rightly(
    table: Calibration, corners: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether most corners of each view are where a flat board has them, and how many are."""
    points = configured_board(table).points
    agree = agreeing_corners(corners, points, AGREEMENT * diagonal(corners))
    share = agree.sum(1) / np.maximum(np.isfinite(corners[..., 0]).sum(1), 1)
    return share > MIN_SHARE, agree.sum(1)
