"""The figures of a calibration report, as plain values for JSON."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.boards import Board
from anipose.calibration_verdict import verdict_of
from anipose.geometry.board_edges import edge_lengths, edges_of, expected_error
from anipose.geometry.board_shape import board_size, off_plane
from anipose.geometry.board_views import Seen
from anipose.geometry.bundle import CX, CY, FX, K1, N_POSE
from anipose.geometry.calibration import CalibrationResult
from anipose.geometry.cameras import Cameras
from anipose.geometry.held_out import figure
from anipose.geometry.intrinsics import COEFFICIENTS
from anipose.geometry.triangulation import reprojection_errors, triangulate

Array = NDArray[np.float64]

# Cells of the picture along its longer side, for coverage and residual field.
CELLS = 16
# A cell of the residual field needs so many corners for a mean that means something.
MIN_IN_CELL = 4
# Frames of a pair from which its error is told, evenly chosen.
FRAMES_PER_PAIR = 40
BOARDS_DRAWN, WORST_VIEWS = 30, 10
NAMES = {False: ("k1", "k2", "p1", "p2", "k3"), True: ("k1", "k2", "k3", "k4")}


def figures_of(
    result: CalibrationResult,
    seen: Mapping[str, Seen],
    board: Board,
    units: str,
    *,
    starts: Mapping[str, int],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """All that the report says.

    Args:
        starts: recording -> its first frame among those of all.
        warnings: what has been said already.
    """
    cameras = {
        name: _camera_figures(result, number, seen[name]) for number, name in enumerate(result.cameras.names)
    }
    distances = _distances(result, board)
    shape = _board(result, board)
    verdict, words, doubts = verdict_of(result, cameras, distances, shape, units)
    return {
        "verdict": verdict,
        "words": [words, *doubts, *warnings],
        "doubts": doubts,
        "units": units,
        "lenses_from": result.cameras.metadata["lenses_from"],
        "frames": len(result.frames),
        "cameras": cameras,
        "left_out": dict(result.left_out),
        "pairs": _pairs(result),
        "board_distances": distances,
        "board_shape": shape,
        "worst_views": _worst_views(result, starts),
        "scene": _scene(result, board),
    }


def figures_of_failure(seen: Mapping[str, Seen], message: str) -> dict[str, Any]:
    """What can be said if there is no calibration."""
    names = list(seen)
    frames = {name: set(one.frames.tolist()) for name, one in seen.items()}
    return {
        "verdict": "failed",
        "words": message.split("\n"),
        "cameras": {
            name: {
                "size": list(one.size),
                "boards_found": len(one.frames),
                "frames_looked_at": one.n_frames,
                "coverage": figure(covered_cells(one.corners.reshape(-1, 2), one.size).mean()),
                "coverage_map": covered_cells(one.corners.reshape(-1, 2), one.size).astype(int).tolist(),
            }
            for name, one in seen.items()
        },
        "pairs": [
            {"cameras": [a, b], "shared_views": len(frames[a] & frames[b])} for a, b in combinations(names, 2)
        ],
    }


def _cells(size: tuple[int, int]) -> tuple[int, int]:
    longer = max(size)
    return max(1, round(CELLS * size[0] / longer)), max(1, round(CELLS * size[1] / longer))


def _cell_of(corners: Float[Array, "corner 2"], size: tuple[int, int]) -> tuple[NDArray[np.int64], ...]:
    columns, rows = _cells(size)
    column = np.clip((corners[:, 0] + 0.5) / size[0] * columns, 0, columns - 1).astype(np.int64)
    row = np.clip((corners[:, 1] + 0.5) / size[1] * rows, 0, rows - 1).astype(np.int64)
    return column, row


def covered_cells(corners: Float[Array, "corner 2"], size: tuple[int, int]) -> NDArray[np.bool_]:
    """(row, column), whether any corner was seen in a cell of the picture."""
    columns, rows = _cells(size)
    covered = np.zeros((rows, columns), bool)
    column, row = _cell_of(corners[np.isfinite(corners).all(1)], size)
    covered[row, column] = True
    return covered


def _spread(lengths: Array) -> dict[str, float]:
    return {"median": figure(np.nanmedian(lengths)), "p95": figure(np.nanquantile(lengths, 0.95))}


def _camera_figures(result: CalibrationResult, number: int, seen: Seen) -> dict[str, Any]:
    camera = result.cameras.cameras[number]
    corners = result.corners[number].reshape(-1, 2)
    off = result.residuals[number].reshape(-1, 2)
    sd = np.sqrt(np.diagonal(result.covariance[number]))
    covered = covered_cells(corners, camera.size)
    order = COEFFICIENTS[result.models[number]]
    found: dict[str, Any] = {
        "size": list(camera.size),
        "boards_found": len(seen.frames),
        "frames_looked_at": seen.n_frames,
        "views": int(np.isfinite(result.corners[number]).any((1, 2)).sum()),
        "error_px": _spread(np.linalg.norm(off, axis=1)),
        "coverage": figure(covered.mean()),
        "coverage_map": covered.astype(int).tolist(),
        "residual_field": _residual_field(corners, off, camera.size),
        "distortion": result.models[number],
        "focal_length": _with_sd(camera.matrix[0, 0], sd[N_POSE + FX]),
        "principal_point": [
            _with_sd(camera.matrix[axis, 2], sd[N_POSE + at]) for axis, at in ((0, CX), (1, CY))
        ],
        "coefficients": {
            NAMES[camera.fisheye][i]: _with_sd(camera.distortions[i], sd[N_POSE + K1 + i]) for i in order
        },
        "position": [figure(value) for value in camera.center],
        "position_sd": [figure(value) for value in _centre_sd(result, number)],
        "rotation_sd_deg": [figure(np.rad2deg(value)) for value in sd[:3]],
        "translation_sd": [figure(value) for value in sd[3:6]],
    }
    held_out = None if result.held_out is None else result.held_out.of_camera(number)
    if held_out is not None:
        found["held_out_px"] = {"median": figure(held_out[0]), "p95": figure(held_out[1])}
    return found


def _with_sd(value: float, sd: float) -> dict[str, float]:
    return {"value": float(f"{value:.8g}"), "sd": figure(sd)}


def _centre_sd(result: CalibrationResult, number: int) -> Array:
    """Of the centre -R' t: with R <- exp(d) R its change is -R' (dt + t x d)."""
    camera = result.cameras.cameras[number]
    t = camera.translation
    cross = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]])
    by_pose = -camera.rotation_matrix.T @ np.hstack([cross, np.eye(3)])
    sd: Array = np.sqrt(np.diagonal(by_pose @ result.covariance[number, :6, :6] @ by_pose.T))
    return sd


def _residual_field(corners: Array, off: Array, size: tuple[int, int]) -> list[list[list[float] | None]]:
    """[row][column]: median residual (x, y) of the corners in a cell of the picture, pixels."""
    columns, rows = _cells(size)
    good = np.isfinite(corners).all(1) & np.isfinite(off).all(1)
    column, row = _cell_of(corners[good], size)
    off = off[good]
    field: list[list[list[float] | None]] = [[None] * columns for _ in range(rows)]
    order = np.lexsort((column, row))
    cell = (row * columns + column)[order]
    for own in np.split(order, np.flatnonzero(np.diff(cell)) + 1):
        if len(own) >= MIN_IN_CELL:
            field[row[own[0]]][column[own[0]]] = [figure(value) for value in np.median(off[own], axis=0)]
    return field


def _pairs(result: CalibrationResult) -> list[dict[str, Any]]:
    """Of each pair that shares views, how well corners triangulated from the two alone fit both."""
    found = []
    names = result.cameras.names
    seen = np.asarray(np.isfinite(result.corners[..., 0]).any(axis=2))
    for a, b in combinations(range(len(names)), 2):
        pair: dict[str, Any] = {
            "cameras": [names[a], names[b]],
            "shared_views": int(result.shared[a, b]),
        }
        frames = np.flatnonzero(seen[a] & seen[b])
        if len(frames):
            frames = frames[np.unique(np.linspace(0, len(frames) - 1, FRAMES_PER_PAIR).astype(int))]
            two = Cameras((result.cameras.cameras[a], result.cameras.cameras[b]), {})
            corners = result.corners[[a, b]][:, frames]
            errors = reprojection_errors(two, triangulate(two, corners), corners)
            if np.isfinite(errors).any():
                pair["error_px"] = figure(np.nanmedian(errors))
        found.append(pair)
    return found


def _distances(result: CalibrationResult, board: Board) -> dict[str, Any]:
    """How long edges of the board come out, triangulated without knowing it, against the truth."""
    if len(result.cameras) < 2:
        return {}
    edges = edges_of(board.neighbours, board.points, result.board)
    lengths, true = edge_lengths(result.cameras, result.corners, edges), edges.lengths
    off, relative = (lengths - true), lengths / true - 1
    good = np.isfinite(off)
    if not good.any():
        return {}
    found = {"true": figure(np.median(true)), "fit": _edges(off[good], relative[good])}
    held_out = result.held_out
    if held_out is not None and len(held_out.lengths):
        found["held_out"] = _edges(held_out.deviations, held_out.lengths - 1) | {
            "noise_percent": figure(100 * expected_error(0.0, held_out.noise)),
            "noise_and_board_percent": figure(100 * expected_error(held_out.misprint, held_out.noise)),
        }
    return found


def _board(result: CalibrationResult, board: Board) -> dict[str, float]:
    """How far the corners of the board are from where they should be, if that is known."""
    if np.array_equal(result.board, board.points):
        return {}
    in_plane, out_of_plane = off_plane(result.board, board.points)
    size = board_size(board.points)
    return {"in_plane": figure(in_plane), "out_of_plane": figure(out_of_plane), "size": figure(size)}


def _edges(off: Array, relative: Array) -> dict[str, Any]:
    return {
        "n": len(off),
        "error": figure(np.median(np.abs(off))),
        "error_percent": figure(100 * np.median(np.abs(relative))),
        "p95": figure(np.quantile(np.abs(off), 0.95)),
        "p95_percent": figure(100 * np.quantile(np.abs(relative), 0.95)),
        "bias": figure(np.median(off)),
        "bias_percent": figure(100 * np.median(relative)),
    }


def _worst_views(result: CalibrationResult, starts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The views with the largest errors, worst first: their camera, recording and frame in it."""
    lengths = np.linalg.norm(result.residuals, axis=-1)
    seen = np.asarray(np.isfinite(lengths).any(axis=2))
    camera, frame = np.nonzero(seen)
    median = np.nanmedian(lengths[seen], axis=1)
    recordings, first = list(starts), np.array(list(starts.values()))
    found = []
    for view in np.argsort(-median, kind="stable")[:WORST_VIEWS]:
        number = int(result.frames[frame[view]])
        recording = int(np.searchsorted(first, number, "right")) - 1
        found.append(
            {
                "camera": result.cameras.names[camera[view]],
                "recording": recordings[recording],
                "frame": number - int(first[recording]),
                "corners": int(np.isfinite(lengths[camera[view], frame[view]]).sum()),
                "error_px": figure(median[view]),
            }
        )
    return found


def _scene(result: CalibrationResult, board: Board) -> dict[str, Any]:
    """Cameras and some boards in space: names, and points of lines."""
    centers = np.array([camera.center for camera in result.cameras])
    middle = result.world_from_board[:, :, :3] @ board.points.mean(0) + result.world_from_board[:, :, 3]
    reach = float(np.median(np.linalg.norm(middle - centers[:1], axis=1)))
    cameras = []
    for camera in result.cameras:
        width, height = camera.size
        depth = 0.12 * reach
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
        rays = np.column_stack([(corners - camera.matrix[:2, 2]) / np.diag(camera.matrix)[:2], np.ones(4)])
        frame = (depth * rays - camera.translation) @ camera.rotation_matrix
        cameras.append({"name": camera.name, "center": _rounded(camera.center), "picture": _rounded(frame)})
    across, down = board.size
    outline = np.array([[0, 0, 0], [across, 0, 0], [across, down, 0], [0, down, 0.0]])
    chosen = np.unique(np.linspace(0, len(result.frames) - 1, BOARDS_DRAWN).astype(int))
    boards = [_rounded(outline @ pose[:, :3].T + pose[:, 3]) for pose in result.world_from_board[chosen]]
    return {"cameras": cameras, "boards": boards}


def _rounded(points: Array) -> Any:
    return np.vectorize(lambda value: float(f"{value:.5g}"))(points).tolist()
