"""Which of the tracked points a calibration is made from: some thousands, as different as there are."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.cameras import Cameras
from anipose.geometry.point_bundle import Seen
from anipose.geometry.triangulation import triangulate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Frames that points are chosen from, and stretches of time, of which every so many-th is held out.
MOST_FRAMES, STRETCHES, EVERY = 20_000, 40, 4
# Points are spread over so many slices of the volume along each axis.
SLICES = 6
# Fewer points of a camera say too little of six unknowns.
LEAST_POINTS = 30
# The least score that a point counts with: a score is no variance.
LEAST_SCORE = 0.1
# Multiples of the golden ratio, modulo 1, are spread evenly, however many are taken.
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, eq=False)
class Tracked:
    """Tracked points of all trials, one after the other.

    Attributes:
        pixels: (camera, frame, keypoint, 2), pixels of the pictures that were calibrated; NaN: not seen.
        scores: (camera, frame, keypoint).
        keypoints: their names.
    """

    pixels: Float[Array, "camera frame keypoint 2"]
    scores: Float[Array, "camera frame keypoint"]
    keypoints: tuple[str, ...]

    def frames(self, chosen: Bool[Mask, "frame"] | Int[NDArray[np.int64], "some"]) -> "Tracked":
        return replace(self, pixels=self.pixels[:, chosen], scores=self.scores[:, chosen])


@dataclass(frozen=True, eq=False)
class Chosen(Seen):
    """Some of the points.

    Attributes:
        keypoint: (point,), number of its keypoint.
    """

    keypoint: Int[NDArray[np.int64], "point"]


def well_seen(pixels: Float[Array, "camera frame keypoint 2"]) -> Bool[Mask, "camera"]:
    """The cameras that see enough points together with others, also when a part of them is held out."""
    return shared_counts(pixels) >= 2 * LEAST_POINTS


def shared_counts(pixels: Float[Array, "camera frame keypoint 2"]) -> Int[NDArray[np.int64], "camera"]:
    """How many points each camera sees together with others."""
    there = np.asarray(np.isfinite(pixels).all(axis=-1))
    return np.asarray((there & (there.sum(axis=0) > 1)).sum(axis=(1, 2)))


def split_in_time(tracked: Tracked) -> tuple[Tracked, Tracked]:
    """The frames to fit, and those to hold out: neighbours are too much alike to be one of each."""
    n_frames = tracked.pixels.shape[1]
    stretch = np.arange(n_frames) * STRETCHES // max(n_frames, 1)
    out = stretch % EVERY == EVERY // 2
    return tracked.frames(~out), tracked.frames(out)


def choose(cameras: Cameras, tracked: Tracked, count: int) -> Chosen:
    """So many points at most, from all parts of the volume and time and all sets of cameras alike.

    Raises:
        CalibrationError: a camera shares too few points with others.
    """
    n_frames = tracked.pixels.shape[1]
    some = tracked.frames(
        np.unique(np.linspace(0, max(n_frames - 1, 0), MOST_FRAMES).astype(np.int64))[:n_frames]
    )
    pixels = some.pixels.reshape(len(cameras), -1, 2)
    there = np.asarray(np.isfinite(pixels).all(axis=-1))
    shared = there.sum(axis=0) >= 2
    pixels, there = pixels[:, shared], there[:, shared]
    scores = some.scores.reshape(len(cameras), -1)[:, shared]
    _require_points(cameras, there)
    group = np.concatenate([_slices(triangulate(cameras, pixels)), there.T], axis=1)
    kept = np.sort(np.argsort(_turns(group), kind="stable")[:count])
    keypoint = np.broadcast_to(np.arange(len(tracked.keypoints)), some.scores.shape[1:]).ravel()[shared]
    weight = np.sqrt(np.clip(np.nan_to_num(scores[:, kept], nan=1.0), LEAST_SCORE, 1.0))
    return Chosen(pixels[:, kept], np.where(there[:, kept], weight, 0.0), keypoint[kept])


def _require_points(cameras: Cameras, there: Bool[Mask, "camera point"]) -> None:
    few = [
        f"{name} {count}"
        for name, count in zip(cameras.names, there.sum(axis=1), strict=True)
        if count < LEAST_POINTS
    ]
    if few:
        raise CalibrationError(
            "too few tracked points are seen by two cameras at the same time: "
            f"{', '.join(few)}; at least {LEAST_POINTS} are needed of each camera. Lower "
            "triangulation.score_threshold, or track more videos"
        )


def _slices(points: Float[Array, "point 3"]) -> Int[NDArray[np.int64], "point 3"]:
    """In which slice of the volume each point is, along each axis; slices hold equally many points."""
    found = np.zeros(points.shape, np.int64)
    for axis in range(3):
        values = points[:, axis]
        good = np.isfinite(values)
        if good.any():
            edges = np.quantile(values[good], np.arange(1, SLICES) / SLICES)
            found[:, axis] = np.searchsorted(edges, np.where(good, values, 0.0))
    return found


def _turns(group: NDArray[np.generic]) -> Int[NDArray[np.int64], "point"]:
    """When each point is taken if the groups take turns, each going through its time in leaps."""
    _, number = np.unique(group, axis=0, return_inverse=True)
    turns = np.empty(len(number), np.int64)
    for one in range(int(number.max(initial=-1)) + 1):
        own = np.flatnonzero(number == one)
        turns[own[np.argsort(np.arange(len(own)) * GOLDEN % 1, kind="stable")]] = np.arange(len(own))
    return turns
