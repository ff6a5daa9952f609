"""Whether a calibration still holds, judged by points that are tracked in several cameras."""

from dataclasses import dataclass, replace

import numpy as np

from anipose.arrays import NDArray
from anipose.geometry.animal_calibration import fit, place, turn_deg
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.point_choice import Tracked, choose, well_seen

Array = NDArray[np.float64]

# A camera has moved if it is off by so many pixels, and so much of that goes away when it is put where the
# points say. Errors of the tracker stay.
OFF_PX, LEFT_WHEN_MOVED = 1.5, 0.5
# Among fewer cameras, nothing tells which of them is wrong.
MIN_CAMERAS = 3
# So many points are enough to see it.
POINTS = 1500


@dataclass(frozen=True)
class CameraFit:
    """How one camera fits the others.

    Attributes:
        n_points: points of it that were compared.
        offset: where it sees them, from where the others put them, as a median, px: to the right, down.
        error: distance between the two, as a median, px.
        error_when_moved: the same where the points of all cameras say that it is, px.
        turn_deg: how far it is turned there.
        distance: how far it is moved there, in the unit of the calibration.
    """

    n_points: int
    offset: tuple[float, float]
    error: float
    error_when_moved: float
    turn_deg: float
    distance: float

    @property
    def has_moved(self) -> bool:
        """Whether the calibration no longer holds for this camera."""
        return self.error > OFF_PX and self.error_when_moved < LEFT_WHEN_MOVED * self.error


def camera_fits(cameras: Cameras, tracked: Tracked) -> dict[str, CameraFit]:
    """Each camera where it was calibrated, against where the points of all of them say that it is.

    Cameras that share few points with others are left out; of fewer than `MIN_CAMERAS`, there are none.

    Args:
        tracked: of these cameras, in their order.
    """
    seeing = well_seen(tracked.pixels)
    if seeing.sum() < MIN_CAMERAS:
        return {}
    cameras = cameras.subset([name for name, there in zip(cameras.names, seeing, strict=True) if there])
    tracked = replace(tracked, pixels=tracked.pixels[seeing], scores=tracked.scores[seeing])
    seen = choose(cameras, tracked, POINTS)
    there = fit(cameras, seen)
    points = place(there, seen)
    return {
        before.name: _compared(before, after, points, pixels)
        for before, after, pixels in zip(cameras, there, seen.pixels, strict=True)
    }


def _compared(before: Camera, after: Camera, points: Array, pixels: Array) -> CameraFit:
    off = pixels - before.project(points)
    left = np.linalg.norm(pixels - after.project(points), axis=-1)
    x, y = np.nanmedian(off, axis=0)
    return CameraFit(
        n_points=int(np.isfinite(off).all(axis=-1).sum()),
        offset=(float(x), float(y)),
        error=float(np.nanmedian(np.linalg.norm(off, axis=-1))),
        error_when_moved=float(np.nanmedian(left)),
        turn_deg=turn_deg(before, after),
        distance=float(np.linalg.norm(after.center - before.center)),
    )
