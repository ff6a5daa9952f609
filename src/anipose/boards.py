"""Calibration boards: where their corners are, what colour they have where, and where a picture shows them.

Board coordinates: the origin is the top left corner of the printed pattern, x to the right, y down,
z into the board, in the unit of the lengths in config.toml. Corners are numbered row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from anipose import detection
from anipose.arrays import NDArray
from anipose.board_faults import board_faults
from anipose.errors import ConfigError


class Board(Protocol):
    """A flat calibration board."""

    @property
    def points(self) -> Float[np.ndarray, "corner 3"]:
        """The corners, in board coordinates."""
        ...

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the printed pattern, in the unit of the board."""
        ...

    @property
    def symmetries(self) -> Int[np.ndarray, "symmetry corner"]:
        """Renumberings of the corners under which a picture of the board may be read; the first is none."""
        ...

    @property
    def neighbours(self) -> Int[np.ndarray, "edge 2"]:
        """Pairs of corners whose distance checks a calibration."""
        ...

    def is_white(
        self, x: Float[np.ndarray, "*batch"], y: Float[np.ndarray, "*batch"]
    ) -> Bool[np.ndarray, "*batch"]:
        """The colour at points of the board's plane; white outside the pattern."""
        ...

    def detect(self, gray: UInt8[np.ndarray, "height width"]) -> Float[np.ndarray, "corner 2"]:
        """The corners in a picture, pixels; NaN where not seen, all NaN if too few to be of use."""
        ...


@lru_cache
def _marker_cells(bits: int, number: int, count: int) -> Bool[np.ndarray, "marker cell cell"]:
    """The cells of the first markers of a dictionary, with their black border; True is white."""
    cells = bits + 2
    words = detection.dictionary(bits, number, count)
    return np.stack([cv2.aruco.generateImageMarker(words, i, cells) > 0 for i in range(count)])


def _grid(columns: int, rows: int) -> Float[np.ndarray, "row column 2"]:
    return np.stack(np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float)), -1)


def _flat(xy: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "corner 3"]:
    return np.pad(xy.reshape(-1, 2), ((0, 0), (0, 1)))


def _grid_edges(columns: int, rows: int) -> Int[np.ndarray, "edge 2"]:
    number = np.arange(columns * rows).reshape(rows, columns)
    across = np.stack([number[:, :-1], number[:, 1:]], -1).reshape(-1, 2)
    down = np.stack([number[:-1], number[1:]], -1).reshape(-1, 2)
    return np.concatenate([across, down])


@dataclass(frozen=True)
class Checkerboard:
    """Black and white squares; every corner between four squares is a point. The top left square is black.

    Attributes:
        columns, rows: inner corners, one fewer than squares.
        square_length: side of a square.
    """

    columns: int
    rows: int
    square_length: float

    @property
    def points(self) -> Float[np.ndarray, "corner 3"]:
        return _flat((_grid(self.columns, self.rows) + 1) * self.square_length)

    @property
    def size(self) -> tuple[float, float]:
        return (self.columns + 1) * self.square_length, (self.rows + 1) * self.square_length

    @property
    def is_symmetric(self) -> bool:
        """Whether the board looks the same when turned by 180 degrees."""
        return (self.columns + self.rows) % 2 == 0

    @property
    def symmetries(self) -> Int[np.ndarray, "symmetry corner"]:
        numbers = np.arange(self.columns * self.rows)
        return np.stack([numbers, numbers[::-1]]) if self.is_symmetric else numbers[None]

    @property
    def neighbours(self) -> Int[np.ndarray, "edge 2"]:
        return _grid_edges(self.columns, self.rows)

    def is_white(
        self, x: Float[np.ndarray, "*batch"], y: Float[np.ndarray, "*batch"]
    ) -> Bool[np.ndarray, "*batch"]:
        width, height = self.size
        column, row = np.floor(x / self.square_length), np.floor(y / self.square_length)
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        white: NDArray[np.bool_] = ~inside | ((column + row) % 2 == 1)
        return white

    def detect(self, gray: UInt8[np.ndarray, "height width"]) -> Float[np.ndarray, "corner 2"]:
        return detection.find_checkerboard(gray, (self.columns, self.rows))


@dataclass(frozen=True)
class CharucoBoard:
    """A checkerboard with a marker in each white square, so that parts of it are recognised.

    Attributes:
        columns, rows: squares.
        square_length, marker_length: sides.
        marker_bits, dictionary_size: the dictionary of the markers.
        legacy: the layout of OpenCV before 4.6, which differs where the number of rows is even: there the
            top left square is white. None: whichever is seen; drawn as the current layout.
    """

    columns: int
    rows: int
    square_length: float
    marker_length: float
    marker_bits: int
    dictionary_size: int
    legacy: bool | None = None

    @property
    def points(self) -> Float[np.ndarray, "corner 3"]:
        return _flat((_grid(self.columns - 1, self.rows - 1) + 1) * self.square_length)

    @property
    def size(self) -> tuple[float, float]:
        return self.columns * self.square_length, self.rows * self.square_length

    @property
    def symmetries(self) -> Int[np.ndarray, "symmetry corner"]:
        return np.arange((self.columns - 1) * (self.rows - 1))[None]

    @property
    def neighbours(self) -> Int[np.ndarray, "edge 2"]:
        return _grid_edges(self.columns - 1, self.rows - 1)

    @property
    def has_white_corner(self) -> bool:
        """Whether the top left square is white, as in the legacy layout with an even number of rows."""
        return bool(self.legacy) and self.rows % 2 == 0

    def is_white(
        self, x: Float[np.ndarray, "*batch"], y: Float[np.ndarray, "*batch"]
    ) -> Bool[np.ndarray, "*batch"]:
        column, row = (np.floor(along / self.square_length).astype(int) for along in (x, y))
        inside = (column >= 0) & (row >= 0) & (column < self.columns) & (row < self.rows)
        squares = np.add.outer(np.arange(self.rows), np.arange(self.columns))
        holds_marker = squares % 2 == (0 if self.has_white_corner else 1)
        number = np.where(holds_marker, np.cumsum(holds_marker).reshape(squares.shape) - 1, -1)
        marker = number[np.clip(row, 0, self.rows - 1), np.clip(column, 0, self.columns - 1)]
        cells = _marker_cells(self.marker_bits, self.dictionary_size, int(holds_marker.sum()))
        cell_length = self.marker_length / cells.shape[-1]
        border = (self.square_length - self.marker_length) / 2
        i, j = (
            np.floor((along - square * self.square_length - border) / cell_length).astype(int)
            for along, square in ((y, row), (x, column))
        )
        in_marker = (i >= 0) & (j >= 0) & (i < cells.shape[-1]) & (j < cells.shape[-1])
        last = cells.shape[-1] - 1
        cell = cells[np.clip(marker, 0, None), np.clip(i, 0, last), np.clip(j, 0, last)]
        white: NDArray[np.bool_] = ~inside | ((marker >= 0) & (~in_marker | cell))
        return white

    def detect(self, gray: UInt8[np.ndarray, "height width"]) -> Float[np.ndarray, "corner 2"]:
        layouts = (False, True) if self.legacy is None and self.rows % 2 == 0 else (bool(self.legacy),)
        corners = detection.find_charuco(
            gray,
            (self.columns, self.rows),
            self.marker_length / self.square_length,
            (self.marker_bits, self.dictionary_size),
            layouts,
        )
        return detection.usable(corners, self.points)


@dataclass(frozen=True)
class ArucoBoard:
    """A grid of markers; the four corners of each are points, clockwise from its top left.

    Attributes:
        columns, rows: markers.
        marker_length: side of a marker.
        separation: gap between two markers.
        marker_bits, dictionary_size: the dictionary of the markers.
    """

    columns: int
    rows: int
    marker_length: float
    separation: float
    marker_bits: int
    dictionary_size: int

    @property
    def _outlines(self) -> Float[np.ndarray, "marker 4 2"]:
        places = _grid(self.columns, self.rows).reshape(-1, 1, 2) * (self.marker_length + self.separation)
        return places + self.marker_length * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])

    @property
    def points(self) -> Float[np.ndarray, "corner 3"]:
        return _flat(self._outlines)

    @property
    def size(self) -> tuple[float, float]:
        step = self.marker_length + self.separation
        return self.columns * step - self.separation, self.rows * step - self.separation

    @property
    def symmetries(self) -> Int[np.ndarray, "symmetry corner"]:
        return np.arange(4 * self.columns * self.rows)[None]

    @property
    def neighbours(self) -> Int[np.ndarray, "edge 2"]:
        first = 4 * np.arange(self.columns * self.rows)[:, None]
        corner = np.arange(4)
        return np.stack([first + corner, first + (corner + 1) % 4], -1).reshape(-1, 2)

    def is_white(
        self, x: Float[np.ndarray, "*batch"], y: Float[np.ndarray, "*batch"]
    ) -> Bool[np.ndarray, "*batch"]:
        step = self.marker_length + self.separation
        column, row = np.floor(x / step).astype(int), np.floor(y / step).astype(int)
        cells = _marker_cells(self.marker_bits, self.dictionary_size, self.columns * self.rows)
        cell_length = self.marker_length / cells.shape[-1]
        i = np.floor((y - row * step) / cell_length).astype(int)
        j = np.floor((x - column * step) / cell_length).astype(int)
        last = cells.shape[-1] - 1
        inside = (column >= 0) & (row >= 0) & (column < self.columns) & (row < self.rows)
        marker = np.where(inside, row * self.columns + column, 0)
        cell = cells[marker, np.clip(i, 0, last), np.clip(j, 0, last)]
        white: NDArray[np.bool_] = ~inside | (i > last) | (j > last) | cell
        return white

    def detect(self, gray: UInt8[np.ndarray, "height width"]) -> Float[np.ndarray, "corner 2"]:
        corners = detection.find_marker_grid(gray, self._outlines, (self.marker_bits, self.dictionary_size))
        return detection.usable(corners, self.points)


@dataclass(frozen=True)
class Inverted:
    """A board printed white on black."""

    board: Board

    @property
    def points(self) -> Float[np.ndarray, "corner 3"]:
        return self.board.points

    @property
    def size(self) -> tuple[float, float]:
        return self.board.size

    @property
    def symmetries(self) -> Int[np.ndarray, "symmetry corner"]:
        return self.board.symmetries

    @property
    def neighbours(self) -> Int[np.ndarray, "edge 2"]:
        return self.board.neighbours

    def is_white(
        self, x: Float[np.ndarray, "*batch"], y: Float[np.ndarray, "*batch"]
    ) -> Bool[np.ndarray, "*batch"]:
        black: NDArray[np.bool_] = ~self.board.is_white(x, y)
        return black

    def detect(self, gray: UInt8[np.ndarray, "height width"]) -> Float[np.ndarray, "corner 2"]:
        return self.board.detect(cv2.bitwise_not(gray))


def symmetry_warning(board: Board) -> str | None:
    """What to say of a board that looks the same turned by 180 degrees."""
    if len(board.symmetries) == 1:
        return None
    plain = board.board if isinstance(board, Inverted) else board
    assert isinstance(plain, Checkerboard)
    return (
        f"the checkerboard of {plain.columns} x {plain.rows} inner corners looks the same turned by 180 "
        "degrees. "
        "Cameras were matched by what fits all frames, which can fail with few frames. Next time print a "
        "board "
        f"with one row more, such as {plain.columns} x {plain.rows + 1}, or a ChArUco board"
    )


def make_board(
    board_type: str,
    board_size: Sequence[int],
    *,
    square_length: float | None = None,
    marker_length: float | None = None,
    marker_separation: float | None = None,
    marker_bits: int = 4,
    dictionary_size: int = 50,
    legacy: bool | None = None,
) -> Board:
    """The board that the table `[calibration]` of config.toml describes.

    Args:
        board_type: charuco, checkerboard or aruco.
        board_size: columns and rows: squares of a charuco board, inner corners of a checkerboard, markers
            of an aruco board.
        square_length: `board_square_side_length`.
        marker_length: `board_marker_length`.
        marker_separation: `board_marker_separation_length`.
        marker_bits: `board_marker_bits`.
        dictionary_size: `board_marker_dict_number`.
        legacy: `board_legacy`.

    Raises:
        ConfigError: such a board cannot be; lists all that is wrong.
    """
    faults = board_faults(
        board_type, board_size, square_length, marker_length, marker_separation, marker_bits, dictionary_size
    )
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        raise ConfigError(f"The calibration board of [calibration] cannot be used:\n{lines}")
    columns, rows = board_size
    if board_type == "checkerboard" and square_length is not None:
        return Checkerboard(columns, rows, square_length)
    if board_type == "charuco" and square_length is not None and marker_length is not None:
        return CharucoBoard(columns, rows, square_length, marker_length, marker_bits, dictionary_size, legacy)
    if marker_length is None:
        raise AssertionError("lengths were checked above")
    # A single marker has no gap to another.
    separation = marker_separation or 0.0
    return ArucoBoard(columns, rows, marker_length, separation, marker_bits, dictionary_size)
