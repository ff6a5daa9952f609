"""The errors of a calibration, of every corner and of every frame, and of the session's tracked points."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from anipose.board_recordings import configured_board, joined, without
from anipose.config import Calibration, Camera
from anipose.geometry.board_errors import BoardErrors, board_errors
from anipose.geometry.cameras import Cameras
from anipose.geometry.moved_cameras import MIN_CAMERAS, CameraFit, camera_fits
from anipose.geometry.point_choice import Tracked
from anipose.geometry.transforms import rotation_vector
from anipose.geometry.triangulation import reprojection_errors, triangulate
from anipose.io.calibration import read_calibration
from anipose.io.detections import read_detections
from anipose.io.files import write_text
from anipose.io.views import read_views
from anipose.poses import MultiviewPoses
from anipose.recorded import recorded_cameras

log = logging.getLogger(__name__)


def write_board_errors(
    calibration: Path,
    detections: Mapping[str, Mapping[str, Path]],
    table: Calibration,
    rejected: Mapping[str, tuple[int, ...]],
    *,
    corners: Path,
    frames: Path,
    boards: Mapping[str, Path],
) -> None:
    """Write the errors of the boards in the calibration videos.

    Args:
        detections: recording -> camera -> corners that were found.
        rejected: name of a file of detections -> frames that do not count.
        corners: a line per corner.
        frames: a line per frame and camera.
        boards: recording -> a line per frame, with all corners in 3D, as the older Anipose has it.
    """
    board = configured_board(table)
    recordings = {
        recording: {
            camera: without(read_detections(path), rejected.get(path.name, ()))
            for camera, path in views.items()
        }
        for recording, views in detections.items()
    }
    cameras = read_calibration(calibration)
    found = board_errors(cameras, joined([*recordings.values()]), board.points, board.symmetries)
    corner_lines = ["recording,camera,frame,corner,x,y,error_x,error_y,error"]
    frame_lines = ["recording,camera,frame,n_corners,error_median,error_95,error_max"]
    start = 0
    for recording, views in recordings.items():
        end = start + max(one.n_frames for one in views.values())
        part = found.between(start, end)
        corner_lines += [f"{recording},{line}" for line in _corner_lines(part)]
        frame_lines += [f"{recording},{line}" for line in _frame_lines(part)]
        write_text(boards[recording], "\n".join(_board_lines(part, cameras.subset(found.names))) + "\n")
        start = end
    write_text(corners, "\n".join(corner_lines) + "\n")
    write_text(frames, "\n".join(frame_lines) + "\n")


def _corner_lines(found: BoardErrors) -> Iterator[str]:
    for camera, frame, corners, errors in zip(
        found.camera, found.frame, found.corners, found.errors, strict=True
    ):
        for corner in np.flatnonzero(np.isfinite(corners[:, 0])):
            values = [*corners[corner], *errors[corner], np.linalg.norm(errors[corner])]
            yield f"{found.names[camera]},{frame},{corner},{_cells(values, '.4f')}"


def _frame_lines(found: BoardErrors) -> Iterator[str]:
    for camera, frame, errors in zip(found.camera, found.frame, found.errors, strict=True):
        lengths = np.linalg.norm(errors, axis=-1)
        lengths = lengths[np.isfinite(lengths)]
        if len(lengths):
            figures = (np.median(lengths), np.quantile(lengths, 0.95), lengths.max())
            yield f"{found.names[camera]},{frame},{len(lengths)},{_cells(figures, '.4f')}"


def _board_lines(found: BoardErrors, cameras: Cameras) -> Iterator[str]:
    """Corners triangulated, their mean error and number of cameras; the board as each camera alone has it.

    Columns and their order are those of the older Anipose, `calibration_errors.py`.
    """
    frames, row = np.unique(found.frame, return_inverse=True)
    n_corners = found.corners.shape[1]
    seen = np.full((len(cameras), len(frames), n_corners, 2), np.nan)
    poses = np.full((len(cameras), len(frames), 3, 2), np.nan)
    seen[found.camera, row] = found.corners
    poses[found.camera, row, :, 0] = rotation_vector(found.cam_from_board[:, :, :3])
    poses[found.camera, row, :, 1] = found.cam_from_board[:, :, 3]
    points = triangulate(cameras, seen)
    errors = reprojection_errors(cameras, points, seen)
    n_cameras = np.isfinite(errors).sum(axis=0).astype(float)
    n_cameras[n_cameras == 0] = np.nan
    mean = np.nansum(errors, axis=0) / n_cameras

    names = [f"corner_{n}_{what}" for n in range(n_corners) for what in ("x", "y", "z", "error", "ncams")]
    names += [f"cam_{camera}_{what}{axis}" for camera in cameras.names for axis in "xyz" for what in "rt"]
    yield ",".join([*names, "fnum"])
    for number, frame in enumerate(frames):
        corners = np.column_stack([points[number], mean[number], n_cameras[number]])
        yield f"{_cells([*corners.ravel(), *poses[:, number].ravel()], '.8g')},{frame}"


def _cells(values: Iterable[float], form: str) -> str:
    """Numbers with commas between; empty for NaN."""
    return ",".join(format(value, form) if np.isfinite(value) else "" for value in values)


def write_pose_errors(
    calibration: Path,
    poses_2d: Mapping[str, Path],
    cameras: Mapping[str, Camera],
    score_threshold: float,
    *,
    trial: str,
    table: Path,
) -> None:
    """Write how each camera fits the points that the others track; warn of one that has moved."""
    calibrated = recorded_cameras(read_calibration(calibration), cameras)
    names = tuple(name for name in poses_2d if name in calibrated.names)
    views = read_views({name: poses_2d[name] for name in names}, cameras)
    good = MultiviewPoses.from_views(views).above(score_threshold)
    fits = camera_fits(calibrated.subset(names), Tracked(good.points, good.scores, good.keypoints))
    if not fits:
        log.warning(
            "trial %s: fewer than %d calibrated cameras see enough points together, so nothing tells which "
            "one does not fit",
            trial,
            MIN_CAMERAS,
        )
    elif left_out := [name for name in names if name not in fits]:
        log.warning(
            "trial %s: camera %s sees too few points together with others to be checked",
            trial,
            ", ".join(left_out),
        )
    lines = [
        "trial,camera,n_points,offset_x,offset_y,error,error_when_moved,turn_deg,distance,has_moved",
        *(f"{trial},{name},{_fit_cells(fit)}" for name, fit in fits.items()),
    ]
    write_text(table, "\n".join(lines) + "\n")
    for name, fit in fits.items():
        if fit.has_moved:
            log.warning(
                "trial %s: the calibration does not fit camera %s: its points are %.1f px off (%+.1f to the "
                "right, %+.1f down), but %.1f px if it was turned by %.2f degrees and moved by %.3g since "
                "the calibration. Film the board again; or set calibration.animal_calibration = true, to put "
                "it where the points say; or leave it out. If its video is out of step, set frame_offset",
                trial, name, fit.error, *fit.offset, fit.error_when_moved, fit.turn_deg, fit.distance,
            )  # fmt: skip


def _fit_cells(fit: CameraFit) -> str:
    values = (*fit.offset, fit.error, fit.error_when_moved, fit.turn_deg, fit.distance)
    return f"{fit.n_points},{_cells(values, '.3f')},{str(fit.has_moved).lower()}"
