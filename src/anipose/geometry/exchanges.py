"""Keypoints that are taken for one another in single cameras, whichever they are.

`swaps` puts right the pairs that the user names. Here all pairs are looked at, to tell which ones to name: a
camera that the others contradict on a keypoint, and whose point is where they see another keypoint, has
taken the one for the other.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.triangulation import reprojection_errors, triangulate_robust

Array = NDArray[np.float64]

# So many of the other cameras have to agree on where both keypoints are.
WITNESSES = 2
# In the picture, both keypoints are farther apart than so many thresholds.
APART = 3.0


@dataclass(frozen=True)
class Exchange:
    """A keypoint that a camera has where another one is.

    Attributes:
        camera: its number.
        keypoint: what the camera says it is.
        is_at: what is there according to the others.
        frames: how often.
        both: how often the camera has also the other one where this one is: they are exchanged.
    """

    camera: int
    keypoint: int
    is_at: int
    frames: int
    both: int


def find_exchanges(
    cameras: Cameras, pixels: Float[Array, "camera frame keypoint 2"], *, threshold_px: float
) -> list[Exchange]:
    """All keypoints that are taken for another one in some camera, the most frequent first.

    Args:
        pixels: NaN where a camera does not see the point.
        threshold_px: a view farther than this from its point is wrong.
    """
    if len(cameras) <= WITNESSES:
        return []
    points, used = triangulate_robust(cameras, pixels, threshold_px=threshold_px)
    n_keypoints = pixels.shape[2]
    found = []
    for row, camera in enumerate(cameras):
        certain = np.isfinite(points[..., 0]) & (np.delete(used, row, axis=0).sum(axis=0) >= WITNESSES)
        errors = reprojection_errors(Cameras((camera,)), points, pixels[row : row + 1])[0]
        frames, keypoints = np.nonzero(certain & (errors > APART * threshold_px))
        places = np.where(certain[frames][..., None], camera.project(points[frames]), np.nan)
        distances = np.linalg.norm(places - pixels[row, frames, keypoints][:, None], axis=-1)
        distances[np.arange(len(frames)), keypoints] = np.inf
        at = np.nan_to_num(distances, nan=np.inf).argmin(axis=1)
        near = distances[np.arange(len(frames)), at] < threshold_px
        taken = np.zeros((n_keypoints, n_keypoints, pixels.shape[1]), dtype=np.bool_)
        taken[keypoints[near], at[near], frames[near]] = True
        both = (taken & taken.swapaxes(0, 1)).sum(axis=2)
        times = taken.sum(axis=2)
        found += [
            Exchange(row, int(one), int(two), int(times[one, two]), int(both[one, two]))
            for one, two in np.argwhere(times)
        ]
    return sorted(found, key=lambda exchange: -exchange.frames)
