"""Pictures of calibration boards."""

import numpy as np
from jaxtyping import Float, UInt8

from anipose.arrays import NDArray
from anipose.boards import ArucoBoard, Board, CharucoBoard, Checkerboard, Inverted

Array = NDArray[np.float64]


def draw(board: Board, pixels_per_unit: float, *, margin_px: int = 0) -> UInt8[np.ndarray, "height width"]:
    """A picture of the board seen straight on, with a white margin.

    The board point (x, y) is at pixel (x, y) * pixels_per_unit + margin_px - 0.5.
    """
    width, height = (round(length * pixels_per_unit) + 2 * margin_px for length in board.size)
    pixel_x, pixel_y = ((np.arange(n + 1) - margin_px) / pixels_per_unit for n in (width, height))
    x, y = (
        np.union1d(np.clip(board_edges(board, axis), pixel[0], pixel[-1]), pixel[[0, -1]])
        for axis, pixel in enumerate((pixel_x, pixel_y))
    )
    white = board.is_white(*np.meshgrid((x[:-1] + x[1:]) / 2, (y[:-1] + y[1:]) / 2))
    # The white area above and left of a point is bilinear between edges, so each pixel is its mean exactly.
    area = np.pad(white * np.diff(y)[:, None] * np.diff(x), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    area = _between(_between(area, y, pixel_y).T, x, pixel_x).T
    share = np.diff(np.diff(area, axis=0), axis=1) * pixels_per_unit**2
    image: NDArray[np.uint8] = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return image


def _between(
    values: Float[np.ndarray, "known column"],
    at: Float[np.ndarray, "known"],
    wanted: Float[np.ndarray, "row"],
) -> Float[np.ndarray, "row column"]:
    """Rows in between, linearly."""
    place = np.clip(np.searchsorted(at, wanted) - 1, 0, len(at) - 2)
    part = ((wanted - at[place]) / (at[place + 1] - at[place]))[:, None]
    rows: Array = (1 - part) * values[place] + part * values[place + 1]
    return rows


def board_edges(board: Board, axis: int) -> Float[Array, "edge"]:
    """Where colours may change along an axis, from one side of the pattern to the other."""
    plain = board.board if isinstance(board, Inverted) else board
    length = plain.size[axis]
    if isinstance(plain, CharucoBoard):
        starts = np.arange((plain.columns, plain.rows)[axis]) * plain.square_length
        border = (plain.square_length - plain.marker_length) / 2
        cells = border + np.arange(plain.marker_bits + 3) * plain.marker_length / (plain.marker_bits + 2)
        edges = np.concatenate([starts, (starts[:, None] + cells).ravel(), [length]])
    elif isinstance(plain, ArucoBoard):
        starts = np.arange((plain.columns, plain.rows)[axis]) * (plain.marker_length + plain.separation)
        cells = np.arange(plain.marker_bits + 3) * plain.marker_length / (plain.marker_bits + 2)
        edges = (starts[:, None] + cells).ravel()
    else:
        assert isinstance(plain, Checkerboard)
        edges = np.arange((plain.columns, plain.rows)[axis] + 2) * plain.square_length
    edges = np.sort(edges)
    kept: Array = edges[np.concatenate([[True], np.diff(edges) > 1e-9 * length])]
    return kept
