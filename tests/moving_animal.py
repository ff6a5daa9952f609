"""An animal with rigid limbs that moves smoothly, and known 3D points, for tests and benchmarks."""

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import median_filter

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras

Array = NDArray[np.float64]


def limbs_of(n_keypoints: int) -> Int[NDArray[np.int64], "limb 2"]:
    """(limb, 2), four chains of keypoints that hang on keypoint 0."""
    parents = [max(child - 4, 0) for child in range(1, n_keypoints)]
    return np.array([parents, range(1, n_keypoints)], dtype=np.int64).T.reshape(-1, 2)


def move_animal(
    n_frames: int, n_keypoints: int, *, fps: float = 100.0, top_hz: float = 3.0, seed: int = 0
) -> Float[Array, "frame keypoint 3"]:
    """Positions in mm of an animal of about 100 mm that wanders some 40 mm about the origin.

    The limbs are rigid, and swing by some 40 degrees with frequencies up to `top_hz`.
    """
    rng = np.random.default_rng(seed)
    points = np.zeros((n_frames, n_keypoints, 3))
    points[:, 0] = 20 * _wander(rng, n_frames, 3, fps, top_hz / 3)
    for parent, child in limbs_of(n_keypoints):
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        swing = 0.5 * _wander(rng, n_frames, 2, fps, top_hz)
        angle = np.linalg.norm(swing, axis=1, keepdims=True)
        across = swing @ axes[1:] * np.sinc(angle / np.pi)
        points[:, child] = points[:, parent] + rng.uniform(12, 25) * (np.cos(angle) * axes[0] + across)
    return points


def _wander(
    rng: np.random.Generator, n_frames: int, n_series: int, fps: float, top_hz: float
) -> Float[Array, "frame series"]:
    """Sums of sines of random frequency and phase, about unit size."""
    time = np.arange(n_frames)[:, None, None] / fps
    frequency = rng.uniform(0.1, 1.0, (n_series, 6)) * top_hz
    phase = rng.uniform(0, 2 * np.pi, (n_series, 6))
    wander: Array = np.sqrt(2 / 6) * np.sin(2 * np.pi * frequency * time + phase).sum(axis=2)
    return wander


def classic_cost(
    cameras: Cameras,
    pixels: Float[Array, "camera frame keypoint 2"],
    start: Float[Array, "frame keypoint 3"],
    points: Float[Array, "frame keypoint 3"],
    limbs: Int[NDArray[np.int64], "limb 2"],
    *,
    scale_smooth: float,
    scale_length: float,
    n_deriv_smooth: int,
    threshold: float,
) -> float:
    """The original anipose's objective (soft L1), written down as plainly as can be.

    The start must have no NaN in it, or only such as `np.interp` fills along time.
    """
    frames = np.arange(len(start))
    whole = start.reshape(len(start), -1).copy()
    for series in whole.T:
        known = np.isfinite(series)
        series[~known] = np.interp(frames[~known], frames[known], series[known])
    filtered = np.stack([median_filter(series, 7, mode="mirror") for series in whole.T])
    smooth = scale_smooth / np.mean(np.abs(np.diff(filtered, axis=1)))
    errors = np.abs(cameras.project(points) - pixels)
    reprojection = 2 * threshold * (np.sqrt(1 + errors[np.isfinite(errors)] / threshold) - 1)
    smoothness = smooth * np.diff(points, n=n_deriv_smooth, axis=0)
    lengths = np.linalg.norm(points[:, limbs[:, 0]] - points[:, limbs[:, 1]], axis=2)
    best = (lengths**2).sum(axis=0) / lengths.sum(axis=0)
    stretch = 100 * scale_length * (lengths / best - 1)
    return 0.5 * float((reprojection**2).sum() + (smoothness**2).sum() + (stretch**2).sum())
