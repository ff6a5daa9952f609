"""From the points of several views to poses in space: where geometry meets names and settings."""

import logging

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from anipose.config import Triangulation
from anipose.geometry.cameras import Cameras
from anipose.geometry.frame import standard_frame
from anipose.geometry.triangulation import reprojection_errors, triangulate, triangulate_robust
from anipose.poses import Frame3D, MultiviewPoses, Poses3D

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
CamerasUsed = Bool[NDArray[np.bool_], "camera frame keypoint"]


def reconstruct(
    cameras: Cameras, seen: MultiviewPoses, table: Triangulation, *, trial: str
) -> tuple[Poses3D, CamerasUsed]:
    """3D poses in their frame of reference, and which cameras (camera, frame, keypoint) they are from.

    Args:
        cameras: those of the views, in their order.
        seen: all 2D points, on the sensors that were calibrated, with whatever score.
        table: the settings.
        trial: its name, for messages.

    Raises:
        PoseError: a keypoint of the axes is unknown or never seen.
    """
    good = seen.above(table.score_threshold)
    points, used = _solve(cameras, good, table)
    unknown = np.isnan(points).any(axis=-1)
    if unknown.all():
        log.warning(
            "trial %s: no keypoint is seen by two cameras with a score of %g or more, so there are no 3D "
            "points; the highest score is %.2f: lower triangulation.score_threshold",
            trial,
            table.score_threshold,
            np.nanmax(seen.scores, initial=-np.inf),
        )
    errors = np.where(used, reprojection_errors(cameras, points, good.points), np.nan)
    n_cameras = used.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean_errors = np.nansum(errors, axis=0) / n_cameras
    frame = Frame3D() if unknown.all() else _frame(points, seen.keypoints, table)
    return (
        Poses3D(
            keypoints=seen.keypoints,
            points=frame.from_world(points),
            errors=np.where(unknown, np.nan, mean_errors),
            n_cameras=np.where(unknown, np.nan, n_cameras),
            scores=np.where(unknown, np.nan, np.where(used, good.scores, np.inf).min(axis=0)),
            frame=frame,
            frame_numbers=np.arange(seen.n_frames),
        ),
        used & ~unknown,
    )


def _solve(
    cameras: Cameras, good: MultiviewPoses, table: Triangulation
) -> tuple[Float[Array, "frame keypoint 3"], CamerasUsed]:
    """Points (frame, keypoint, 3) in the world of the calibration, and the cameras they are from."""
    if table.ransac:
        return triangulate_robust(
            cameras, good.points, threshold_px=table.reproj_error_threshold, min_cameras=table.min_cameras
        )
    points = triangulate(cameras, good.points, min_cameras=table.min_cameras)
    used: NDArray[np.bool_] = np.isfinite(good.points).all(axis=-1) & np.isfinite(points).all(axis=-1)
    return points, used


def _frame(
    points: Float[Array, "frame keypoint 3"], keypoints: tuple[str, ...], table: Triangulation
) -> Frame3D:
    if table.axes is None or table.reference_point is None:
        return Frame3D()
    return Frame3D(*standard_frame(points, keypoints, table.axes, table.reference_point))
