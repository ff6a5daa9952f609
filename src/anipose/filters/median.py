"""Running medians: finding points that jump, and smoothing."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter

from anipose.arrays import NDArray
from anipose.filters.interpolation import interpolate_gaps

Array = NDArray[np.float64]

# A keypoint that is mostly lost, or was hardly ever seen, is not filled in: what is left says too little.
LEAST_SHARE_GOOD_2D = 0.5
LEAST_GOOD_2D = 5
LARGEST_SHARE_MISSING_3D = 0.85
# Windows are sorted some at a time, which bounds the memory.
VALUES_AT_ONCE = 2**22


@dataclass(frozen=True)
class Filtered:
    """Points after a filter, and what was done to them.

    Attributes:
        points: (frame, keypoint, coordinate); NaN where there is none.
        dropped: (frame, keypoint), points that were found wrong.
        interpolated: (frame, keypoint), points filled in from their neighbours in time.
    """

    points: Array
    dropped: NDArray[np.bool_]
    interpolated: NDArray[np.bool_]


def filter_median(
    points: Float[Array, "frame keypoint 2"],
    scores: Float[Array, "frame keypoint"],
    *,
    size: int,
    offset_threshold: float,
    score_threshold: float,
    spline: bool,
    max_gap: int | None = None,
) -> Filtered:
    """Drop points with a low score and points far from the running median; fill the gaps.

    A point is far if ``|x - median(x)| + |y - median(y)| >= offset_threshold``. The medians are over
    `size` frames around the point, fewer at the ends of the recording, and leave out what is missing or
    has a low score. Gaps are filled if more than half of the frames and more than 5 frames are good.
    Scores stay as they are, so that an interpolated point keeps the score of the one it replaces.

    Args:
        points: pixels; NaN where there is none.
        scores: NaN where there is no point.
        size: length of the running median, odd; 0 or 1 keeps every point with a sufficient score.
        offset_threshold: pixels.
        score_threshold: points with a lower score are dropped.
        spline: fill gaps with a cubic spline instead of straight lines.
        max_gap: longer gaps stay empty, in frames.
    """
    # Each keypoint in one piece of memory: reading every 20th number would take longer than the rest.
    points, scores = (np.ascontiguousarray(np.swapaxes(array, 0, 1)) for array in (points, scores))
    present = ~(np.isnan(points[..., 0]) | np.isnan(points[..., 1]))
    trusted = present & (scores >= score_threshold)
    dropped = present & ~trusted
    result = np.full(points.shape, np.nan)
    interpolated = np.zeros(scores.shape, dtype=bool)
    for keypoint in range(len(points)):
        series = np.where(trusted[keypoint, :, None], points[keypoint], np.nan)
        if size > 1:
            offset = np.abs(series - running_median(series, size))
            # Written out: numpy takes ten times as long for a sum over two.
            dropped[keypoint] |= offset[:, 0] + offset[:, 1] >= offset_threshold
        good = trusted[keypoint] & ~dropped[keypoint]
        result[keypoint, good] = series[good]
        if good.sum() > max(LEAST_SHARE_GOOD_2D * len(good), LEAST_GOOD_2D):
            result[keypoint], interpolated[keypoint] = interpolate_gaps(
                series, ~good, method="cubic" if spline else "linear", max_gap=max_gap
            )
    return Filtered(*(np.swapaxes(array, 0, 1) for array in (result, dropped, interpolated)))


def filter_median_3d(
    points: Float[Array, "frame keypoint 3"],
    errors: Float[Array, "frame keypoint"],
    *,
    size: int,
    offset_threshold: float,
    max_gap: int | None = None,
) -> Filtered:
    """Drop points with a large reprojection error, fill the gaps, and smooth with a running median.

    Gaps are filled with straight lines if at most 85 % of the frames are missing. The median is
    symmetric, see `symmetric_median`: it does not lag behind at the ends and beside gaps.

    Args:
        points: NaN where there is none.
        errors: pixels; a point without error is dropped.
        size: length of the running median, odd; 0 or 1 does not smooth.
        offset_threshold: points with a larger error are dropped, pixels.
        max_gap: longer gaps stay empty, in frames.
    """
    present = ~np.isnan(points).any(axis=-1)
    good = present & (errors <= offset_threshold)
    result = np.where(good[..., None], points, np.nan)
    interpolated = np.zeros(errors.shape, dtype=bool)
    for keypoint in range(points.shape[1]):
        bad = ~good[:, keypoint]
        series = result[:, keypoint]
        if bad.sum() <= LARGEST_SHARE_MISSING_3D * len(bad):
            series, interpolated[:, keypoint] = interpolate_gaps(
                series, bad, method="linear", max_gap=max_gap
            )
        result[:, keypoint] = symmetric_median(series, size) if size > 1 else series
    return Filtered(result, present & ~good, interpolated)


def running_median(values: Float[Array, "frame series"], size: int) -> Float[Array, "frame series"]:
    """Median of the values in `size` frames around each frame, as many as there are.

    NaN does not count; the median is NaN where all values of the window are.

    >>> running_median(np.array([[1.0], [2.0], [np.nan], [40.0], [5.0]]), 3).ravel().tolist()
    [1.5, 1.5, 21.0, 22.5, 22.5]
    """
    half = min(size // 2, len(values))
    width = 2 * half + 1
    present = ~np.isnan(values)
    # Values up to each frame of each series, as if there were more frames at both ends, without values.
    upto = np.cumsum(np.pad(present, ((half + 1, half), (0, 0))), axis=0)
    count = upto[width:] - upto[:-width]
    median = np.empty(values.shape)
    # Most windows are whole, and SciPy's filter is several times as fast as sorting; but it knows no NaN.
    for column, series in enumerate(np.where(present, values, np.inf).T):
        median[:, column] = median_filter(series, width)
    windows, broken = _windows(values, width), np.nonzero(count < width)
    for start in range(0, len(broken[0]), VALUES_AT_ONCE // width + 1):
        some = tuple(index[start : start + VALUES_AT_ONCE // width + 1] for index in broken)
        median[some] = median_of_finite(windows[some], count[some])
    return median


def symmetric_median(values: Float[Array, "frame series"], size: int) -> Float[Array, "frame series"]:
    """Median over the frames around each frame of which the mirror frame has a value, too.

    So the window shrinks towards the ends and towards gaps, and whatever rises or falls steadily comes
    out as it went in. NaN stays NaN.

    >>> symmetric_median(np.array([[1.0], [2.0], [30.0], [4.0], [5.0]]), 3).ravel().tolist()
    [1.0, 2.0, 4.0, 5.0, 5.0]
    """
    windows = _windows(values, size)
    lonely = np.isnan(windows) | np.isnan(windows[..., ::-1])
    median = median_of_finite(np.where(lonely, np.nan, windows), (~lonely).sum(axis=-1))
    return np.where(np.isnan(values), np.nan, median)


def _windows(values: Float[Array, "frame series"], size: int) -> Float[Array, "frame series window"]:
    # One row more than needed, so that a recording without frames has windows (none) as well.
    padded = np.pad(values, ((size // 2, size // 2 + 1), (0, 0)), constant_values=np.nan)
    return sliding_window_view(padded, 2 * (size // 2) + 1, axis=0)[: len(values)]


def median_of_finite(
    windows: Float[Array, "*batch window"], count: Int[NDArray[np.int64], "*batch"]
) -> Float[Array, "*batch"]:
    """Median of the values that are not NaN, of which there are `count` in each window."""
    ordered = np.sort(windows, axis=-1)  # NaN comes last
    count = count[..., None]
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, ordered.shape[-1] - 1), axis=-1)
    middle: Array = np.where(count > 0, (low + high) / 2, np.nan)[..., 0]
    return middle
