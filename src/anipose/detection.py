"""Find the corners of calibration boards in grey pictures.

Nothing here opens a file: pictures come from `anipose.io.video`. Who runs several videos at once
calls `cv2.setNumThreads(1)` in each process first; OpenCV's own threads cost more than they bring.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from anipose.geometry.board_views import fixes_homography

# Below this width or height a picture is searched at once at full size: halving it would lose
# small markers, and a full search of a small picture costs little.
MIN_SIZE_TO_SEARCH_HALVED = 700
# If this part of the markers of a ChArUco board is found in the halved picture, corners are only refined in
# the full one, which is twice as fast; otherwise markers are searched there, too: small ones are lost in the
# half. Corners end where they would have ended, see benchmarks/detection.py.
ENOUGH_MARKERS = 0.9
# The part of the picture that is searched at full size is larger than the outline that the
# markers of the halved picture predict, by this fraction: lenses bend straight lines.
REGION_MARGIN = 0.15
# Half width of the window of the sub-pixel search, as a fraction of the smallest distance between corners.
# A ChArUco board has corners of markers nearby (at 0.15 of it, typically), which must stay outside.
CHECKERBOARD_WINDOW = 0.3
CHARUCO_WINDOW = 0.12
WINDOWS_PX = (2, 10)
# A ChArUco corner that the sub-pixel search takes further than this has gone to something else. (OpenCV 4.11
# gives corners that are all 0.5 px too far right and down before it; measured on rendered boards.)
MAX_REFINEMENT_PX = 1.5
# OpenCV's finder by the black squares, which gives up early where there is no checkerboard.
QUADS = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
SMALLEST_CHECKERBOARD = (3, 3)
# The slow finders are spared where there are fewer crossings than this part of those of the board. A crossing
# of contrast C has a saddle of 0.19 C^2 after this blur, with cv2's derivatives; a corner of one square 0.05.
ENOUGH_CROSSINGS = 0.75
CROSSING_BLUR_PX, MIN_SADDLE, MAX_UNEVEN, MIN_CONTRAST = 1.4, 0.1, 0.5, 15
REFINEMENT_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 40, 0.005)


class Detects(Protocol):
    """What `detect_in_video` needs of a board."""

    def detect(self, gray: UInt8[np.ndarray, "height width"]) -> Float[np.ndarray, "corner 2"]:
        """The corners of the board in one picture, pixels; NaN where not seen."""
        ...


def detect_in_video(
    board: Detects, frames: Iterable[UInt8[np.ndarray, "height width"]]
) -> tuple[Int[np.ndarray, " found"], Float[np.ndarray, "found corner 2"]]:
    """Find the board in every frame.

    Returns:
        the numbers of the frames in which the board was found, and its corners there in pixels; NaN
        where a corner was not seen. Views that fix no homography (few corners, all on a line) are left out.
    """
    numbers, found = [], []
    for number, gray in enumerate(frames):
        corners = board.detect(gray)
        if np.isfinite(corners).any():
            numbers.append(number)
            found.append(corners)
    if not found:
        return np.empty(0, int), np.empty((0, 0, 2))
    return np.array(numbers), np.stack(found)


def usable(
    corners: Float[np.ndarray, "corner 2"], points: Float[np.ndarray, "corner 3"]
) -> Float[np.ndarray, "corner 2"]:
    """The same corners, or only NaN if they do not fix a homography from the board to the picture."""
    if fixes_homography(points[np.isfinite(corners[:, 0])], n_corners=len(points)):
        return corners
    return np.full_like(corners, np.nan)


@lru_cache
def dictionary(bits: int, number: int, count: int) -> cv2.aruco.Dictionary:
    """The first `count` markers of OpenCV's dictionary of `number` markers of `bits` x `bits` cells.

    To look for the markers of the board alone is 10 x faster in OpenCV 5 than to look for a thousand.
    """
    whole = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{bits}X{bits}_{number}"))
    return cv2.aruco.Dictionary(whole.bytesList[:count], bits, whole.maxCorrectionBits)


@lru_cache
def _marker_detector(bits: int, number: int, count: int, *, refine: bool) -> cv2.aruco.ArucoDetector:
    parameters = cv2.aruco.DetectorParameters()
    # Two threshold windows find what the default three do, 1.25 x faster.
    parameters.adaptiveThreshWinSizeMin = 5
    parameters.adaptiveThreshWinSizeMax = 21
    parameters.adaptiveThreshWinSizeStep = 16
    if refine:
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return cv2.aruco.ArucoDetector(dictionary(bits, number, count), parameters)


@lru_cache
def _charuco_detector(
    squares: tuple[int, int], marker_fraction: float, bits: int, number: int, legacy: bool
) -> cv2.aruco.CharucoDetector:
    markers = dictionary(bits, number, squares[0] * squares[1] // 2)
    board = cv2.aruco.CharucoBoard(squares, 1.0, marker_fraction, markers)
    board.setLegacyPattern(legacy)
    return cv2.aruco.CharucoDetector(board)


def find_charuco(
    gray: UInt8[np.ndarray, "height width"],
    squares: tuple[int, int],
    marker_fraction: float,
    dictionary_key: tuple[int, int],
    layouts: tuple[bool, ...],
) -> Float[np.ndarray, "corner 2"]:
    """Inner corners of a ChArUco board, row by row.

    Args:
        squares: columns and rows of squares.
        marker_fraction: length of a marker over the length of a square.
        dictionary_key: bits and number of the dictionary.
        layouts: the values of OpenCV's `legacy` to try; the one that finds more corners counts.
    """
    detectors = [_charuco_detector(squares, marker_fraction, *dictionary_key, legacy) for legacy in layouts]
    outlines = np.array(detectors[0].getBoard().getObjPoints())[..., :2]
    grid_shape = squares[1] - 1, squares[0] - 1, 2
    region, corner = gray, np.zeros(2)
    if min(gray.shape) >= MIN_SIZE_TO_SEARCH_HALVED:
        halved = _halved(gray)
        markers, ids = _find_markers(halved, dictionary_key, len(outlines), refine=False)
        if len(ids) >= ENOUGH_MARKERS * len(outlines):
            grid = _between_markers(halved, detectors, markers, ids).reshape(grid_shape)
            return _refined_charuco(gray, 2 * _refined_charuco(halved, grid).reshape(grid_shape) + 0.5)
        region, corner = _region_of_board(gray, outlines, markers, ids)
    markers, ids = _find_markers(region, dictionary_key, len(outlines), refine=False)
    grid = _between_markers(region, detectors, markers, ids).reshape(grid_shape)
    return _refined_charuco(region, grid) + corner


def _between_markers(
    gray: np.ndarray,
    detectors: Sequence[cv2.aruco.CharucoDetector],
    markers: Sequence[np.ndarray],
    ids: np.ndarray,
) -> Float[np.ndarray, "corner 2"]:
    """The corners beside the markers that were found, in the layout that has more of them."""
    corners = np.full((len(detectors[0].getBoard().getChessboardCorners()), 2), np.nan)
    if len(ids) < 2:
        return corners
    best, best_ids = np.empty((0, 2), np.float32), np.empty(0, int)
    for detector in detectors:
        positions, found, _, _ = detector.detectBoard(gray, markerCorners=markers, markerIds=ids)
        if found is not None and len(found) > len(best_ids):
            best, best_ids = np.reshape(positions, (-1, 2)), np.ravel(found)
    corners[best_ids] = best
    return corners


def _refined_charuco(
    gray: np.ndarray, grid: Float[np.ndarray, "row column 2"]
) -> Float[np.ndarray, "corner 2"]:
    """Sub-pixel positions; NaN where the search went to something else."""
    if not np.isfinite(grid).any():
        return grid.reshape(-1, 2)
    refined = _refine(gray, grid, CHARUCO_WINDOW)
    moved = np.linalg.norm(refined - grid, axis=-1, keepdims=True)
    return np.where(moved <= MAX_REFINEMENT_PX, refined, np.nan).reshape(-1, 2)


def find_marker_grid(
    gray: UInt8[np.ndarray, "height width"],
    outlines: Float[np.ndarray, "marker 4 2"],
    dictionary_key: tuple[int, int],
) -> Float[np.ndarray, "corner 2"]:
    """Corners of the markers of an ArUco grid, four per marker, clockwise from its top left.

    Args:
        outlines: the corners of each marker on the board, in any unit.
        dictionary_key: bits and number of the dictionary.
    """
    region, corner = gray, np.zeros(2)
    if min(gray.shape) >= MIN_SIZE_TO_SEARCH_HALVED:
        seen = _find_markers(_halved(gray), dictionary_key, len(outlines), refine=False)
        region, corner = _region_of_board(gray, outlines, *seen)
    markers, ids = _find_markers(region, dictionary_key, len(outlines), refine=True)
    corners = np.full(outlines.shape, np.nan)
    for marker, position in zip(ids, markers, strict=True):
        corners[marker] = position.reshape(4, 2) + corner
    return corners.reshape(-1, 2)


def _find_markers(
    gray: np.ndarray, dictionary_key: tuple[int, int], n_markers: int, *, refine: bool
) -> tuple[list[np.ndarray], np.ndarray]:
    """Outlines and numbers of the markers of the board; those seen twice are left out."""
    if not gray.size:
        return [], np.empty(0, np.int32)
    found, ids, _ = _marker_detector(*dictionary_key, n_markers, refine=refine).detectMarkers(gray)
    if ids is None:
        return [], np.empty(0, np.int32)
    ids = np.ravel(ids)
    unique, counts = np.unique(ids, return_counts=True)
    keep = np.isin(ids, unique[counts == 1])
    return [marker for marker, kept in zip(found, keep, strict=True) if kept], ids[keep].astype(np.int32)


def count_markers(gray: UInt8[np.ndarray, "height width"], bits: int) -> tuple[int, int]:
    """How many markers of the largest dictionary are in a picture, and the largest number of one."""
    _, ids = _find_markers(gray, (bits, 1000), 1000, refine=False)
    return len(ids), int(ids.max(initial=0))


def _halved(gray: np.ndarray) -> np.ndarray:
    height, width = gray.shape
    half: np.ndarray = cv2.resize(gray, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return half


def count_quads(gray: UInt8[np.ndarray, "height width"]) -> int:
    """How many things in a picture look like a marker from afar."""
    found, _, rejected = _marker_detector(4, 50, 50, refine=False).detectMarkers(gray)
    return len(found) + len(rejected)


def _region_of_board(
    gray: np.ndarray, outlines: np.ndarray, markers: Sequence[np.ndarray], ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that holds the board, and its top left corner; empty if there is no board.

    Args:
        markers, ids: what was found in the halved picture, where a search is three times faster.
    """
    everything = gray, np.zeros(2)
    height, width = gray.shape
    if not len(ids):
        return gray[:0, :0], np.zeros(2)
    seen = 2.0 * np.reshape(markers, (-1, 2)) + 0.5
    picture_from_board, _ = cv2.findHomography(outlines[ids].reshape(-1, 2), seen)
    low, high = outlines.min((0, 1)), outlines.max((0, 1))
    low, high = low - REGION_MARGIN * (high - low), high + REGION_MARGIN * (high - low)
    if picture_from_board is None:
        return everything
    border = np.array(
        [[low[0], low[1], 1], [high[0], low[1], 1], [high[0], high[1], 1], [low[0], high[1], 1]]
    )
    projected = border @ picture_from_board.T
    if (projected[:, 2] <= 0).any():
        return everything
    around = np.concatenate([projected[:, :2] / projected[:, 2:], seen])
    left, top = np.clip(np.floor(around.min(0)), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(around.max(0)) + 1, 0, (width, height)).astype(int)
    return np.ascontiguousarray(gray[top:bottom, left:right]), np.array([left, top], float)


def find_checkerboard(
    gray: UInt8[np.ndarray, "height width"], inner_corners: tuple[int, int]
) -> Float[np.ndarray, "corner 2"]:
    """Inner corners of a checkerboard, row by row, all or none.

    The first corner is the one beside the black square in the corner of the board, so that the order
    is the same in every camera; where the colours do not tell (columns + rows even), it is one of two.
    """
    columns, rows = inner_corners
    found, corners = _find_checkerboard_halved(gray, cv2.findChessboardCorners, inner_corners, QUADS)
    if not found and count_crossings(gray) < ENOUGH_CROSSINGS * columns * rows:
        return np.full((columns * rows, 2), np.nan)
    if not found and min(gray.shape) >= MIN_SIZE_TO_SEARCH_HALVED:
        found, corners = cv2.findChessboardCorners(gray, inner_corners, flags=QUADS)
    if not found:  # slower, and finds more
        found, corners = _find_checkerboard_halved(gray, cv2.findChessboardCornersSB, inner_corners, 0)
    if not found:
        return np.full((columns * rows, 2), np.nan)
    refined = _refine(gray, corners.reshape(rows, columns, 2), CHECKERBOARD_WINDOW)
    return _orient(gray, refined).reshape(-1, 2)


def _find_checkerboard_halved(
    gray: np.ndarray, find: Callable[..., tuple[bool, np.ndarray]], inner_corners: tuple[int, int], flags: int
) -> tuple[bool, np.ndarray]:
    """A finder of OpenCV on the halved picture where that is large enough."""
    if min(gray.shape) < MIN_SIZE_TO_SEARCH_HALVED:
        return find(gray, inner_corners, flags=flags)
    found, corners = find(_halved(gray), inner_corners, flags=flags)
    return found, 2.0 * corners + 0.5 if found else corners


def count_crossings(gray: UInt8[np.ndarray, "height width"]) -> int:
    """How many places look like a corner between four squares, in the halved picture if it is large.

    The brightness has a saddle there: it rises along one diagonal as fast as it falls along the other.
    """
    small = gray if min(gray.shape) < MIN_SIZE_TO_SEARCH_HALVED else _halved(gray)
    soft = cv2.GaussianBlur(small, (7, 7), CROSSING_BLUR_PX)
    xx, yy, xy = (cv2.Sobel(soft, cv2.CV_32F, *order, ksize=3) for order in ((2, 0), (0, 2), (1, 1)))
    saddle = xy * xy - xx * yy
    around = np.ones((7, 7), np.uint8)
    contrast = cv2.subtract(cv2.dilate(soft, around), cv2.erode(soft, around)).astype(np.float32)
    is_top = (saddle >= cv2.dilate(saddle, around)) & (contrast > MIN_CONTRAST)
    is_even = (saddle > MIN_SADDLE * contrast**2) & ((xx + yy) ** 2 < MAX_UNEVEN * saddle)
    return int((is_top & is_even).sum())


def checkerboard_size(gray: UInt8[np.ndarray, "height width"]) -> tuple[int, int] | None:
    """Inner corners of the checkerboard in a picture, the longer side first; None if there is none."""
    small = gray if min(gray.shape) < MIN_SIZE_TO_SEARCH_HALVED else _halved(gray)
    found, _, cells = cv2.findChessboardCornersSBWithMeta(small, SMALLEST_CHECKERBOARD, cv2.CALIB_CB_LARGER)
    if not found:
        return None
    rows, columns = cells.shape
    return max(rows, columns), min(rows, columns)


def _refine(gray: np.ndarray, grid: np.ndarray, window: float) -> np.ndarray:
    """Sub-pixel positions: at a corner every grey-value gradient is at right angles to its direction."""
    spacings = [np.linalg.norm(np.diff(grid, axis=axis), axis=-1).ravel() for axis in (0, 1)]
    half = WINDOWS_PX[0]
    if np.isfinite(np.concatenate(spacings)).any():
        half = int(np.clip(round(window * np.nanmin(np.concatenate(spacings))), *WINDOWS_PX))
    seen = np.isfinite(grid[..., 0])
    positions = np.array(grid[seen].reshape(-1, 1, 2), np.float32, order="C")
    refined = np.full(grid.shape, np.nan)
    refined[seen] = np.reshape(
        cv2.cornerSubPix(gray, positions, (half, half), (-1, -1), REFINEMENT_STOP), (-1, 2)
    )
    return refined


def _orient(gray: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Turn the grid of corners so that the board is not mirrored and its first square is black."""
    rows, columns, _ = grid.shape
    along_row = grid[:, -1].mean(0) - grid[:, 0].mean(0)
    along_column = grid[-1].mean(0) - grid[0].mean(0)
    if along_row[0] * along_column[1] < along_row[1] * along_column[0]:
        grid = grid[:, ::-1]
    centres = (grid[:-1, :-1] + grid[1:, :-1] + grid[:-1, 1:] + grid[1:, 1:]) / 4
    column, row = np.rint(centres).astype(int).reshape(-1, 2).T
    height, width = gray.shape
    brightness = gray[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)].astype(float)
    like_the_first = (np.add.outer(np.arange(rows - 1), np.arange(columns - 1)) % 2 == 0).ravel()
    first_is_white = brightness[like_the_first].mean() > brightness[~like_the_first].mean()
    return grid[::-1, ::-1] if first_is_white and (rows + columns) % 2 else grid
