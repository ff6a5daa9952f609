"""Rigs, points and observations with a known answer, for tests.

Everything is drawn from a generator with a seed; noise is stated, so that tolerances follow from it.
Lengths are millimetres.
"""

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import looking_at

Array = NDArray[np.float64]

PINHOLE_DISTORTIONS = (-0.12, 0.05, 0.001, -0.0007, -0.01)
FISHEYE_DISTORTIONS = (-0.02, 0.006, -0.003, 0.0005)


def make_rig(
    n_cameras: int,
    *,
    radius: float = 600.0,
    focal: float = 1100.0,
    size: tuple[int, int] = (1280, 1024),
    distortions: tuple[float, ...] = PINHOLE_DISTORTIONS,
    fisheye: bool = False,
    seed: int = 0,
) -> Cameras:
    """Cameras all round the origin, at slightly different heights and distances, looking at it.

    Focal lengths differ by some 10 %, principal points by some 10 px from the centre of the picture.
    """
    rng = np.random.default_rng(seed)
    cameras = []
    for number in range(n_cameras):
        angle = 2 * np.pi * number / n_cameras + rng.normal(0, 0.1)
        distance = radius * rng.uniform(0.9, 1.1)
        height = distance * rng.uniform(0.2, 0.6)
        center = np.array([distance * np.cos(angle), distance * np.sin(angle), height])
        rotation, translation = looking_at(center, np.zeros(3))
        fx, ratio = focal * rng.uniform(0.95, 1.05), rng.uniform(0.995, 1.005)
        cx, cy = (np.array(size) - 1) / 2 + rng.normal(0, 10, 2)
        matrix = np.array([[fx, 0, cx], [0, fx * ratio, cy], [0, 0, 1]])
        camera = Camera(f"cam{number}", size, matrix, np.array(distortions), fisheye=fisheye)
        cameras.append(camera.with_pose(rotation, translation))
    return Cameras(tuple(cameras))


def make_points(n_points: int, *, extent: float = 150.0, seed: int = 1) -> Float[Array, "point 3"]:
    """Points evenly in a cube about the origin, with half edges of `extent`; all cameras see them."""
    return np.random.default_rng(seed).uniform(-extent, extent, (n_points, 3))


def observe(
    cameras: Cameras,
    points: Float[Array, "*batch 3"],
    *,
    noise_px: float = 0.0,
    missing: float = 0.0,
    outliers: float = 0.0,
    seed: int = 2,
) -> tuple[Float[Array, "camera *batch 2"], Bool[NDArray[np.bool_], "camera *batch"]]:
    """What a tracker makes of the points, and which of its points are wrong.

    Args:
        noise_px: standard deviation of the error of each coordinate.
        missing: share of the observations that are NaN.
        outliers: share of the observations that are 20 to 200 px off, in any direction.
    """
    rng = np.random.default_rng(seed)
    seen = cameras.project(points)
    seen += rng.normal(0, noise_px, seen.shape) if noise_px else 0.0
    wrong = rng.random(seen.shape[:-1]) < outliers
    direction = rng.uniform(0, 2 * np.pi, wrong.shape)
    distance = rng.uniform(20, 200, wrong.shape) * wrong
    seen += distance[..., None] * np.stack([np.cos(direction), np.sin(direction)], axis=-1)
    gone = rng.random(wrong.shape) < missing
    seen[gone] = np.nan
    return seen, wrong & ~gone
