"""Before a trajectory is optimised: which of its points can be known, and a sane place to start from."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import median_filter

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MEDIAN_FRAMES = 7
# A start point this many times farther from its neighbours in time than nine in ten are, or from the
# middle of the animal's path, is no measurement of anything. Sane starts have none.
WILD = 30.0


def observable(
    seen: Bool[Mask, "camera frame keypoint"], *, order: int, max_gap: int | None
) -> Bool[Mask, "keypoint frame"]:
    """Which points can be known, from which cameras see them.

    A point that two cameras see is measured. A point that one camera sees counts as well if a measured
    frame of the keypoint is at most `max_gap` frames away (None: any). A point that nobody sees is known
    between two such frames if the gap is at most `max_gap` frames long, and never before the first or
    after the last. What only smoothness determines needs the differences in time that smoothness is made
    of: in a stretch of `order` frames or fewer only measured points are known.
    """
    views = seen.sum(axis=0).T
    n_frames = views.shape[1]
    reach = n_frames if max_gap is None else max_gap
    measured = views >= 2
    before, after = _distances(measured)
    counts = measured | ((views >= 1) & (np.minimum(before, after) <= reach))
    before, after = _distances(counts)
    known: NDArray[np.bool_] = counts | (before + after - 1 <= reach)
    padded = np.zeros((len(known), n_frames + 2), dtype=np.int8)
    padded[:, 1:-1] = known
    for row, steps in enumerate(np.diff(padded, axis=1)):
        for start, stop in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
            if stop - start <= order:
                known[row, start:stop] = measured[row, start:stop]
    return known


def _distances(marks: Bool[Mask, "keypoint frame"]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames since the last mark and until the next one; more than any gap where there is none."""
    n_frames = marks.shape[1]
    frame = np.arange(n_frames)
    none = 4 * n_frames
    last = np.maximum.accumulate(np.where(marks, frame, -none), axis=1)
    following = np.minimum.accumulate(np.where(marks, frame, n_frames + none)[:, ::-1], axis=1)[:, ::-1]
    return frame - last, following - frame


def sane_start(
    start: Float[Array, "frame keypoint 3"], exists: Bool[Mask, "keypoint frame"]
) -> tuple[Float[Array, "3 keypoint frame"], float]:
    """The start without wild points, interpolated in time, and its mean speed.

    Wild points would decide the weight of smoothness, and could leave the optimiser in a bad place. The
    speed is the mean |first difference| of the coordinates after a median filter over 7 frames, in units
    of length per frame. A keypoint without any start begins at the middle of the others.
    """
    field = np.ascontiguousarray(start.transpose(2, 1, 0))
    field[:, ~(np.isfinite(field).all(axis=0) & exists)] = np.nan
    if not np.isfinite(field).any():
        return np.zeros_like(field), 0.0
    middle = np.nanmedian(field.reshape(3, -1), axis=1)
    path = np.linalg.norm(field - middle[:, None, None], axis=0)
    field[:, path > WILD * np.nanpercentile(path, 90)] = np.nan
    filled = _interpolated(field)
    smooth = _median_filtered(filled)
    jump = np.linalg.norm(field - smooth, axis=0)
    # Where most points do not move at all, a ten thousandth of the path is still no jump.
    usual = max(float(np.nanpercentile(jump, 90)), 1e-4 * float(np.nanmedian(path)))
    wild = jump > WILD * usual
    if wild.any():
        field[:, wild] = np.nan
        filled = _interpolated(field)
        smooth = _median_filtered(filled)
    has_start = np.isfinite(field[0]).any(axis=1)
    steps = np.abs(np.diff(smooth[:, has_start], axis=2))
    filled[:, ~has_start] = np.median(filled[:, has_start], axis=1, keepdims=True)
    return filled, float(steps.mean()) if steps.size else 0.0


def _interpolated(field: Float[Array, "3 keypoint frame"]) -> Float[Array, "3 keypoint frame"]:
    """NaN replaced by linear interpolation in time; by the nearest value at the ends, by 0 if all is NaN."""
    filled = field.copy()
    frames = np.arange(field.shape[2])
    good = np.isfinite(field[0])
    for keypoint in np.flatnonzero(~good.all(axis=1)):
        known = frames[good[keypoint]]
        gaps = frames[~good[keypoint]]
        for axis in range(3):
            series = filled[axis, keypoint]
            series[gaps] = np.interp(gaps, known, series[known]) if len(known) else 0.0
    return filled


def _median_filtered(field: Float[Array, "3 keypoint frame"]) -> Float[Array, "3 keypoint frame"]:
    # One contiguous series at a time is four times faster than all at once.
    filtered = [
        median_filter(series, MEDIAN_FRAMES, mode="mirror") for series in field.reshape(-1, field.shape[2])
    ]
    return np.stack(filtered).reshape(field.shape)


def behind_a_camera(
    cameras: Cameras, field: Float[Array, "3 keypoint frame"], points: Float[Array, "camera frame keypoint 2"]
) -> Bool[Mask, "keypoint frame"]:
    """Points that lie behind a camera that is supposed to have seen them."""
    behind = np.zeros(field.shape[1:], dtype=np.bool_)
    for camera, pixels in zip(cameras, points, strict=True):
        axis, offset = camera.rotation_matrix[2], camera.translation[2]
        depth = axis[0] * field[0] + axis[1] * field[1] + axis[2] * field[2] + offset
        behind |= (depth <= 0) & np.isfinite(pixels).all(axis=-1).T
    return behind
