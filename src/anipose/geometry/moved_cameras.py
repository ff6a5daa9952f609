"""Whether a calibration still holds, judged by points that are tracked in several cameras."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import rotation_matrix, rotation_vector
from anipose.geometry.triangulation import reprojection_errors, triangulate_robust

Array = NDArray[np.float64]

# A camera has moved if it is off by so many pixels, the others agree so much better without it, and so much
# of its error goes away when it is put where the points say, down to so many times that of the others.
# Noise of the tracker stays.
OFF_PX, BETTER_WITHOUT, LEFT_WHEN_MOVED, OF_OTHERS = 1.5, 0.8, 0.5, 2.0
ITERATIONS = 20
# Among fewer cameras, nothing tells which of them is wrong.
MIN_CAMERAS = 3
MIN_POINTS = 6
# So many frames are enough, evenly chosen.
FRAMES = 2000
# Views off by more than this are no part of the points that the others make, px.
GROSS_PX = 50.0


@dataclass(frozen=True)
class CameraFit:
    """How one camera fits the others.

    Attributes:
        n_points: points that it and two others see.
        offset: where it sees them, from where the others put them, as a median, px: to the right, down.
        error: distance between the two, as a median, px.
        error_of_others: reprojection error of the others, among themselves without it, px.
        error_with_it: the same with it, px.
        error_when_moved: of the camera, put where the points of the others say it is, px.
        turn_deg: how far it is turned for that.
        placed: the camera there.
    """

    n_points: int
    offset: tuple[float, float]
    error: float
    error_of_others: float
    error_with_it: float
    error_when_moved: float
    turn_deg: float
    placed: Camera

    @property
    def has_moved(self) -> bool:
        """Whether the calibration no longer holds for this camera."""
        return (
            self.error > OFF_PX
            and self.error_of_others < BETTER_WITHOUT * self.error_with_it
            and self.error_when_moved < min(LEFT_WHEN_MOVED * self.error, OF_OTHERS * self.error_of_others)
        )


def camera_fits(cameras: Cameras, points: Float[Array, "camera frame keypoint 2"]) -> dict[str, CameraFit]:
    """Leave out each camera in turn, and compare it with what the others say.

    Args:
        points: pixels on the sensors that were calibrated; NaN where not seen.
    """
    chosen = np.unique(np.linspace(0, points.shape[1] - 1, min(FRAMES, points.shape[1])).astype(int))
    points = points[:, chosen]
    if len(cameras) < MIN_CAMERAS:
        return {}
    together = _error(cameras, points)
    fits = {}
    for number, name in enumerate(cameras.names):
        others = [other for other in range(len(cameras)) if other != number]
        rest = Cameras(tuple(cameras.cameras[other] for other in others), {})
        seen = points[others]
        found, _ = triangulate_robust(rest, seen, threshold_px=GROSS_PX)
        off = points[number] - cameras.cameras[number].project(found)
        good = np.isfinite(off).all(axis=-1)
        if not good.any():
            continue
        x, y = np.median(off[good], axis=0)
        error = float(np.median(np.linalg.norm(off[good], axis=-1)))
        of_others = float(np.nanmedian(reprojection_errors(rest, found, seen)))
        moved = placed_by_points(cameras.cameras[number], found[good], points[number][good])
        left = np.median(np.linalg.norm(points[number][good] - moved.project(found[good]), axis=-1))
        turn = rotation_vector(moved.rotation_matrix @ cameras.cameras[number].rotation_matrix.T)
        angle = float(np.rad2deg(np.linalg.norm(turn)))
        fits[name] = CameraFit(
            int(good.sum()), (float(x), float(y)), error, of_others, together, float(left), angle, moved
        )
    return fits


def placed_by_points(
    camera: Camera, points: Float[Array, "point 3"], pixels: Float[Array, "point 2"]
) -> Camera:
    """The camera where it sees points best: Gauss-Newton with Geman-McClure weights.

    With a turn d before the pose, R <- exp(d) R, and g the derivative of a pixel coordinate by the point in
    the camera, the derivatives are (R X) x g and, by the translation, g.
    """
    for _ in range(ITERATIONS):
        seen, by_point = camera.project_with_jacobian(points)
        off = pixels - seen
        length = np.linalg.norm(off, axis=-1)
        good = np.isfinite(length)
        if good.sum() < MIN_POINTS:
            return camera
        scale = 2 * float(np.median(length[good])) + 1e-9
        weight = np.where(good, 1 / (1 + (length / scale) ** 2), 0.0)
        by_camera = np.where(good[:, None, None], by_point @ camera.rotation_matrix.T, 0.0)
        turned = points @ camera.rotation_matrix.T
        rows = (
            np.concatenate([np.cross(turned[:, None], by_camera), by_camera], axis=-1) * weight[:, None, None]
        )
        right = np.where(good[:, None], off, 0.0) * weight[:, None]
        step, *_ = np.linalg.lstsq(rows.reshape(-1, 6), right.ravel(), rcond=None)
        rotation = rotation_matrix(step[:3]) @ camera.rotation_matrix
        camera = camera.with_pose(rotation, camera.translation + step[3:])
    return camera


def _error(cameras: Cameras, points: Array) -> float:
    found, _ = triangulate_robust(cameras, points, threshold_px=GROSS_PX)
    return float(np.nanmedian(reprojection_errors(cameras, found, points)))
