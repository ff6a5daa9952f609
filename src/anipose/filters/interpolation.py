"""Filling gaps in series over time."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import CubicSpline

from anipose.arrays import NDArray

Array = NDArray[np.float64]

# Below this a cubic spline through the samples is not determined (it has two free ends).
_FEWEST_FOR_SPLINE = 4


def interpolate_gaps(
    values: Float[Array, "frame coordinate"],
    bad: Bool[np.ndarray, "frame"],
    *,
    method: Literal["linear", "cubic"],
    max_gap: int | None = None,
) -> tuple[Float[Array, "frame coordinate"], Bool[np.ndarray, "frame"]]:
    """Fill the bad samples of a series from the good ones, over time.

    Only gaps between two good samples are filled: before the first and after the last nothing is known,
    and nothing is made up. What is not filled is NaN.

    Args:
        values: the series; all coordinates of a frame are good or bad together.
        bad: samples to replace; samples with NaN are bad as well.
        method: straight lines, or the cubic spline through all good samples (not-a-knot).
        max_gap: longer gaps, in frames, stay empty; None: gaps of any length are filled.

    Returns:
        the series, and which samples were filled.
    """
    for coordinate in values.T:  # numpy takes ten times as long for any() over two
        bad = bad | np.isnan(coordinate)
    good = np.flatnonzero(~bad)
    filled = bad.copy() if max_gap is None else bad & (gap_lengths(bad) <= max_gap)
    if len(good):
        filled[: good[0]] = False
        filled[good[-1] :] = False
    else:
        filled[:] = False
    result = np.where(bad[:, None], np.nan, values)
    frames = np.flatnonzero(filled)
    if len(frames) and method == "cubic" and len(good) >= _FEWEST_FOR_SPLINE:
        result[frames] = CubicSpline(good, values[good])(frames)
    elif len(frames):
        for column in range(values.shape[1]):
            result[frames, column] = np.interp(frames, good, values[good, column])
    return result, filled


def gap_lengths(bad: Bool[np.ndarray, "frame"]) -> NDArray[np.int64]:
    """For each bad sample the number of bad samples in its run, 0 for a good one.

    >>> gap_lengths(np.array([True, False, True, True, False])).tolist()
    [1, 0, 2, 2, 0]
    """
    steps = np.diff(bad.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    lengths = np.zeros(len(bad), dtype=np.int64)
    lengths[bad] = np.repeat(ends - starts, ends - starts)
    return lengths
