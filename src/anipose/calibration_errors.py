"""The errors of a calibration, of every corner and of every frame, and of the session's tracked points."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from anipose.board_recordings import configured_board, joined, without
from anipose.config import Calibration, Camera
from anipose.geometry.board_errors import BoardErrors, board_errors
from anipose.geometry.moved_cameras import MIN_CAMERAS, camera_fits
from anipose.io.calibration import read_calibration
from anipose.io.detections import read_detections
from anipose.io.files import write_text
from anipose.io.views import read_views
from anipose.poses import MultiviewPoses

log = logging.getLogger(__name__)


def write_board_errors(
    calibration: Path,
    detections: Mapping[str, Mapping[str, Path]],
    table: Calibration,
    rejected: Mapping[str, tuple[int, ...]],
    *,
    corners: Path,
    frames: Path,
) -> None:
    """Write a line per corner, and a line per frame and camera."""
    board = configured_board(table)
    seen = joined(
        [
            {
                camera: without(read_detections(path), rejected.get(path.name, ()))
                for camera, path in views.items()
            }
            for views in detections.values()
        ]
    )
    found = board_errors(read_calibration(calibration), seen, board.points, board.symmetries)
    write_text(
        corners, "\n".join(["camera,frame,corner,x,y,error_x,error_y,error", *_corner_lines(found)]) + "\n"
    )
    write_text(
        frames,
        "\n".join(["camera,frame,n_corners,error_median,error_95,error_max", *_frame_lines(found)]) + "\n",
    )


def _corner_lines(found: BoardErrors) -> list[str]:
    lines = []
    for camera, frame, corners, errors in zip(
        found.camera, found.frame, found.corners, found.errors, strict=True
    ):
        for corner in np.flatnonzero(np.isfinite(corners[:, 0])):
            values = [*corners[corner], *errors[corner], np.linalg.norm(errors[corner])]
            shown = ",".join(f"{value:.4f}" if np.isfinite(value) else "" for value in values)
            lines.append(f"{found.names[camera]},{frame},{corner},{shown}")
    return lines


def _frame_lines(found: BoardErrors) -> list[str]:
    lines = []
    for camera, frame, errors in zip(found.camera, found.frame, found.errors, strict=True):
        lengths = np.linalg.norm(errors, axis=-1)
        lengths = lengths[np.isfinite(lengths)]
        if len(lengths):
            figures = (np.median(lengths), np.quantile(lengths, 0.95), lengths.max())
            shown = ",".join(f"{value:.4f}" for value in figures)
            lines.append(f"{found.names[camera]},{frame},{len(lengths)},{shown}")
    return lines


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
    calibrated = read_calibration(calibration)
    names = tuple(name for name in poses_2d if name in calibrated.names)
    lines = [
        "trial,camera,n_points,offset_x,offset_y,error,error_of_others,error_with_it,error_when_moved,turn_deg,has_moved"
    ]
    if len(names) < MIN_CAMERAS:
        log.warning(
            "trial %s has %d calibrated cameras; at least %d are needed to tell which one does not fit",
            trial, len(names), MIN_CAMERAS,
        )  # fmt: skip
    else:
        views = read_views({name: poses_2d[name] for name in names}, cameras)
        good = MultiviewPoses.from_views(views).above(score_threshold)
        for name, fit in camera_fits(calibrated.subset(names), good.points).items():
            values = (
                *fit.offset,
                fit.error,
                fit.error_of_others,
                fit.error_with_it,
                fit.error_when_moved,
                fit.turn_deg,
            )
            shown = ",".join(f"{value:.3f}" for value in values)
            lines.append(f"{trial},{name},{fit.n_points},{shown},{str(fit.has_moved).lower()}")
            if fit.has_moved:
                log.warning(
                    "trial %s: the calibration does not fit camera %s: it sees points %.1f px from where the "
                    "others put them (%+.1f to the right, %+.1f down), %.1f px when turned by %.2f degrees. "
                    "The camera was moved, or it is out of step. Calibrate again, or leave it out",
                    trial, name, fit.error, *fit.offset, fit.error_when_moved, fit.turn_deg,
                )  # fmt: skip
    write_text(table, "\n".join(lines) + "\n")
