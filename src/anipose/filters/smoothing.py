"""Smoothing trajectories that have been repaired: what is missing stays missing."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded
from scipy.signal import savgol_filter

from anipose.arrays import NDArray

Array = NDArray[np.float64]

# A polynomial filter of `window` frames and order 2 or 3 leaves 9/(4 window) of the variance of white noise,
# smoothing with the weight w of second differences 3/(8 sqrt(2) w^(1/4)), the integral of its squared gain
# 1/(1 + w frequency^4): equal at w = (window / (6 sqrt(2)))^4.
FRAMES_OF_UNIT_WEIGHT = 6 * np.sqrt(2)


def smooth_savgol(
    points: Float[Array, "frame *rest"], *, window: int, order: int
) -> Float[Array, "frame *rest"]:
    """Savitzky-Golay: the value in the middle of a polynomial fitted to `window` frames.

    Stretches without NaN are smoothed each for itself, shorter ones than the window with a shorter window,
    and those too short for the polynomial not at all.
    """
    flat = points.reshape(len(points), int(np.prod(points.shape[1:])))
    result = flat.copy()
    for column in range(flat.shape[1]):
        for start, stop in _stretches(np.isfinite(flat[:, column])):
            width = min(window, stop - start - (stop - start + 1) % 2)
            if width > order:
                result[start:stop, column] = savgol_filter(flat[start:stop, column], width, order)
    return result.reshape(points.shape)


def smooth_kalman(points: Float[Array, "frame *rest"], *, window: int) -> Float[Array, "frame *rest"]:
    """The Kalman smoother (Rauch-Tung-Striebel) of a point with random acceleration.

    Its mean is the series x with the least sum of (x - points)^2 + w (second difference of x)^2, which is
    solved for all frames at once; missing frames have no first term. w is such that as much noise is left
    as by a polynomial over `window` frames.
    """
    flat = points.reshape(len(points), int(np.prod(points.shape[1:])))
    result = np.full(flat.shape, np.nan)
    weight = (window / FRAMES_OF_UNIT_WEIGHT) ** 4
    for column in range(flat.shape[1]):
        known = np.isfinite(flat[:, column])
        if known.sum() < 3:
            result[known, column] = flat[known, column]
            continue
        first, last = np.flatnonzero(known)[[0, -1]]
        inside = slice(int(first), int(last) + 1)
        system = weight * _second_difference_bands(int(last - first) + 1)
        system[2] += known[inside]
        smooth = solveh_banded(system, np.where(known[inside], flat[inside, column], 0.0))
        result[inside, column] = np.where(known[inside], smooth, np.nan)
    return result.reshape(points.shape)


def _second_difference_bands(n_frames: int) -> Float[Array, "3 frame"]:
    """D'D of the second difference, as upper bands: second, first and main diagonal."""
    bands = np.zeros((3, n_frames))
    rows = max(n_frames - 2, 0)
    for one, weight in enumerate((1.0, -2.0, 1.0)):
        for two, other in enumerate((1.0, -2.0, 1.0)):
            if two >= one:
                bands[2 - (two - one), two : two + rows] += weight * other
    return bands


def _stretches(present: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where runs of True begin, and where they end."""
    steps = np.diff(np.concatenate([[0], present.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))
