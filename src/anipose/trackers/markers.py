"""Tracking painted or reflective markers by their colour or brightness.

In each frame, blobs of the colour of a marker are found in a picture of half the size, then measured at
full size. Which blob is which keypoint follows from the colour, and where several keypoints have the
same colour, from where each is expected: one optimal assignment of keypoints to blobs per colour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment

from anipose.arrays import NDArray
from anipose.config import Marker, Markers
from anipose.errors import ConfigError
from anipose.io.poses_2d import write_poses_2d
from anipose.io.video import read_bgr, read_gray
from anipose.poses import Poses2D
from anipose.trackers.base import Progress

Image = UInt8[np.ndarray, "*shape"]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

# Markers of at least this area (square pixels) are still four pixels in a picture of half the size.
HALVED_FROM_AREA = 16
# A blob counts as seen from the start when its area is within the limits; of each colour only the
# largest are measured: so many for each keypoint.
BLOBS_PER_KEYPOINT = 4
# Pixels on the edge of a marker belong to it in part; the lens and the colour compression of videos
# (one colour for 2 x 2 pixels) spread them over about this many pixels.
EDGE_PX = 2
# A hidden marker is expected to slow down: of its speed, this much is left after each frame.
KEPT_SPEED = 0.7
# Frames between two reports of progress.
TOLD_EVERY = 50
# The usual area of a marker follows larger blobs faster than smaller ones, which may be half hidden.
GROWTH, SHRINKAGE = 0.2, 0.02


class MarkerTracker:
    """Tracks painted or reflective markers, in this process and without a model."""

    name: ClassVar[str] = "markers"

    def __init__(self, settings: Markers) -> None:
        self._settings = settings

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        coloured = any(marker.hue is not None for marker in self._settings.keypoints.values())
        frames = read_bgr(video) if coloured else read_gray(video)
        result = folder / f"{video.stem}.h5"
        write_poses_2d(result, track(_counted(frames, progress), self._settings))
        return result


def _counted(frames: Iterable[Image], progress: Progress) -> Iterator[Image]:
    for number, frame in enumerate(frames):
        if number % TOLD_EVERY == 0:
            progress(number, 0)
        yield frame


def track(frames: Iterable[Image], settings: Markers) -> Poses2D:
    """Markers in frames that are (height, width, 3) blue, green, red, or (height, width) grey.

    The score of a point is the product of: its area over the usual area of this marker (a half hidden one
    has 0.5), how round it is (a half disc has 0.7), and how near it is to where it was expected (1 there,
    0.6 at the gate). Before a marker has been seen, and when it was lost for longer than `max_gap`, it is
    expected anywhere; several of the same colour are then taken from left to right, in the order of the
    settings.
    """
    keypoints = tuple(settings.keypoints)
    if not keypoints:
        raise ConfigError(
            "markers.keypoints is empty, so there is nothing to track; name each marker and its colour, "
            "as in [markers.keypoints.nose] hue = [345, 15]"
        )
    paints = _paints(settings)
    tracks = _Tracks.start(len(keypoints), settings.gate, settings.max_gap)
    points, scores = [], []
    for frame in frames:
        seen, score = tracks.step(_blobs(frame, paints))
        points.append(seen)
        scores.append(score)
    return Poses2D(
        keypoints=keypoints,
        points=np.array(points).reshape(-1, len(keypoints), 2),
        scores=np.array(scores).reshape(-1, len(keypoints)),
        scorer=MarkerTracker.name,
    )


@dataclass(frozen=True)
class _Paint:
    """What some markers look like, in the units of OpenCV's HSV_FULL (all 0 to 255).

    Attributes:
        hue: (from, to), through 0 if from > to; None for any colour.
        saturation, value: least.
        area: (smallest, largest), square pixels.
    """

    hue: tuple[int, int] | None
    saturation: int
    value: int
    area: tuple[float, float]

    @classmethod
    def of(cls, marker: Marker, settings: Markers) -> Self:
        area = marker.area or settings.area
        if marker.hue is None:
            return cls(None, 0, round(255 * settings.threshold), area)
        first, last = (round(bound / 360 * 256) for bound in marker.hue)
        first %= 256  # 360 degrees are 0
        return cls(
            (first, min(last, 255)), round(255 * marker.saturation_min), round(255 * marker.value_min), area
        )

    def covers(self, hsv: Image) -> Image:
        """255 where a picture has this paint; of grey pictures the brightness is used."""
        if hsv.ndim == 2:
            return cv2.inRange(hsv, self.value, 255)  # type: ignore[no-any-return]
        first, last = self.hue or (0, 255)
        if first <= last:
            return self._between(hsv, first, last)
        return cv2.bitwise_or(self._between(hsv, first, 255), self._between(hsv, 0, last))  # type: ignore[no-any-return]

    def _between(self, hsv: Image, first: int, last: int) -> Image:
        return cv2.inRange(hsv, (first, self.saturation, self.value), (last, 255, 255))  # type: ignore[no-any-return]

    def strength(self, picture: Image) -> Float[np.ndarray, "height width"]:
        """How much of each pixel is paint, on any scale: proportional to the part of it that is covered.

        Largest minus smallest of blue, green and red: it is zero for every grey, so that a pixel that is a
        third paint and two thirds grey, dark or light, has a third of the strength. For markers of any
        colour, the brightness.
        """
        if picture.ndim == 2:
            return picture.astype(np.float64)
        brightest: Float[np.ndarray, "height width"] = picture.max(axis=-1).astype(np.float64)
        return brightest if self.hue is None else brightest - picture.min(axis=-1)


def _paints(settings: Markers) -> Mapping[_Paint, list[int]]:
    """The numbers of the keypoints that have each paint."""
    paints: dict[_Paint, list[int]] = {}
    for number, marker in enumerate(settings.keypoints.values()):
        paints.setdefault(_Paint.of(marker, settings), []).append(number)
    return paints


@dataclass(frozen=True)
class _Blobs:
    """Blobs of one paint in a frame.

    Attributes:
        keypoints: numbers of the keypoints that they may be.
        centres: (blob, 2), pixels.
        areas: (blob,), square pixels.
        roundness: (blob,), 1 for a disc, 0.5 for a half disc.
    """

    keypoints: list[int]
    centres: Float[np.ndarray, "blob 2"]
    areas: Float[np.ndarray, "blob"]
    roundness: Float[np.ndarray, "blob"]


def _blobs(frame: Image, paints: Mapping[_Paint, list[int]]) -> list[_Blobs]:
    step = 2 if min(paint.area[0] for paint in paints) >= HALVED_FROM_AREA else 1
    height, width = frame.shape[0] // step * step, frame.shape[1] // step * step
    small = frame[:height, :width]
    if step > 1:
        small = cv2.resize(small, (width // step, height // step), interpolation=cv2.INTER_AREA)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_BGR2HSV_FULL)
    found = []
    for paint, keypoints in paints.items():
        windows = _windows(paint.covers(small), paint, step, BLOBS_PER_KEYPOINT * len(keypoints))
        measured = np.array([m for window in windows for m in _measured(frame, window, paint)]).reshape(-1, 4)
        found.append(_Blobs(keypoints, measured[:, :2], measured[:, 2], measured[:, 3]))
    return found


def _windows(mask: Image, paint: _Paint, step: int, at_most: int) -> list[tuple[slice, slice]]:
    """Where, in the full picture, blobs of plausible area are in a mask; the largest ones."""
    left, top, width, height = cv2.boundingRect(mask)  # blobs are looked for only where there is something
    if width == 0:
        return []
    part = mask[top : top + height, left : left + width]
    _, _, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8, ltype=cv2.CV_16U)
    stats[:, : cv2.CC_STAT_TOP + 1] += (left, top)
    areas = stats[1:, cv2.CC_STAT_AREA] * step**2
    # Edge pixels may count or not: a small blob may be half as large again at full size.
    plausible = 1 + np.flatnonzero((areas >= 0.5 * paint.area[0]) & (areas <= 1.5 * paint.area[1]))
    largest = plausible[np.argsort(-areas[plausible - 1], kind="stable")][:at_most]
    margin = step + 2 * EDGE_PX
    windows = []
    for left, top, width, height, _ in stats[largest] * step:
        rows = slice(max(top - margin, 0), top + height + margin)
        windows.append((rows, slice(max(left - margin, 0), left + width + margin)))
    return windows


def _measured(
    frame: Image, window: tuple[slice, slice], paint: _Paint
) -> Iterator[tuple[float, float, float, float]]:
    """x, y, area and roundness of the largest blob in a window; nothing if its area is not plausible."""
    picture = frame[window]
    hsv = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2HSV_FULL)
    covered = paint.covers(hsv)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(covered, connectivity=8, ltype=cv2.CV_16U)
    if len(stats) < 2:
        return
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    area = stats[largest, cv2.CC_STAT_AREA]
    if not paint.area[0] <= area <= paint.area[1]:
        return
    blob = (labels == largest).astype(np.uint8)
    around = cv2.dilate(blob, np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)) > 0
    strength = paint.strength(picture)
    outside = strength[~around]
    if outside.size:
        strength = np.maximum(strength - np.median(outside), 0)
    weights = np.where(around & ~_other_paint(hsv, paint, covered), strength, 0)
    moments = cv2.moments(weights)
    total = moments["m00"]
    if total == 0:
        return
    x, y = moments["m10"] / total, moments["m01"] / total
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / total
    narrow, wide = np.linalg.eigvalsh(spread)
    yield x + window[1].start, y + window[0].start, float(area), float(np.sqrt(max(narrow, 0) / wide))


def _other_paint(hsv: Image, paint: _Paint, covered: Image) -> Mask:
    """Pixels that are surely of another colour: a neighbouring marker that touches this one."""
    if paint.hue is None:
        return np.zeros(hsv.shape[:2], bool)
    other: Mask = (covered == 0) & (hsv[..., 1] >= paint.saturation) & (hsv[..., 2] >= paint.value)
    return other


@dataclass
class _Tracks:
    """Where each keypoint was last seen, and what is to be expected next.

    Attributes:
        gate: largest distance from the expected position, pixels, for a keypoint seen in the last frame.
        max_gap: frames after which a lost keypoint is expected anywhere.
        last: (keypoint, 2), NaN before the first time.
        velocity: (keypoint, 2), pixels per frame.
        missed: (keypoint,), frames since it was seen.
        area: (keypoint,), usual area; NaN before the first time.
    """

    gate: float
    max_gap: int
    last: Float[np.ndarray, "keypoint 2"]
    velocity: Float[np.ndarray, "keypoint 2"]
    missed: Float[np.ndarray, "keypoint"]
    area: Float[np.ndarray, "keypoint"]

    @classmethod
    def start(cls, n_keypoints: int, gate: float, max_gap: int) -> Self:
        nothing = np.full((n_keypoints, 2), np.nan)
        return cls(
            gate, max_gap, nothing, np.zeros((n_keypoints, 2)), np.zeros(n_keypoints), nothing[:, 0].copy()
        )

    def step(
        self, found: Sequence[_Blobs]
    ) -> tuple[Float[np.ndarray, "keypoint 2"], Float[np.ndarray, "keypoint"]]:
        """Points and scores of a frame."""
        expected = self.last + self.velocity
        expected[self.missed > self.max_gap] = np.nan
        gates = self.gate * (1 + self.missed)
        points = np.full_like(self.last, np.nan)
        areas, roundness = np.full((2, len(points)), np.nan)
        for blobs in found:
            members = np.array(blobs.keypoints)
            rows, columns = _assign(expected[members], gates[members], blobs)
            chosen = members[rows]
            points[chosen], areas[chosen], roundness[chosen] = (
                values[columns] for values in (blobs.centres, blobs.areas, blobs.roundness)
            )
        off = np.nan_to_num(np.linalg.norm(points - expected, axis=-1) / gates)
        seen = np.isfinite(areas)
        self._learn(points, areas, seen)
        scores = np.minimum(areas / self.area, 1) * np.sqrt(roundness) * np.exp(-0.5 * off**2)
        return points, np.where(seen, scores, np.nan)

    def _learn(
        self,
        points: Float[np.ndarray, "keypoint 2"],
        areas: Float[np.ndarray, "keypoint"],
        seen: Mask,
    ) -> None:
        step = points - self.last
        follows = seen & (self.missed == 0) & np.isfinite(step[:, 0])
        moving = np.where(follows[:, None], step, 0)
        self.velocity = np.where(seen[:, None], moving, KEPT_SPEED * self.velocity)
        self.last = np.where(seen[:, None], points, self.last + self.velocity)
        self.missed = np.where(seen, 0, self.missed + 1)
        usual = np.where(np.isnan(self.area), areas, self.area)
        rate = np.where(areas > usual, GROWTH, SHRINKAGE)
        self.area = np.where(seen, usual + rate * (areas - usual), self.area)


def _assign(
    expected: Float[np.ndarray, "keypoint 2"], gates: Float[np.ndarray, "keypoint"], blobs: _Blobs
) -> tuple[Indices, Indices]:
    """The keypoints (rows) and blobs that belong together, at the least cost in all.

    The cost of a pair is the squared distance from the expected position in units of the gate, or a
    constant for a keypoint that is expected anywhere, and a little more for blobs that are small. To
    leave a keypoint without a blob costs more than any pair within the gate.
    """
    n_keypoints, n_blobs = len(expected), len(blobs.areas)
    if n_blobs == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    distance = np.linalg.norm(expected[:, None] - blobs.centres, axis=-1) / gates[:, None]
    anywhere = np.isnan(distance)
    from_left = np.argsort(np.argsort(blobs.centres[:, 0])) / n_blobs
    order = np.abs(np.arange(n_keypoints)[:, None] / n_keypoints - from_left)
    cost = np.where(anywhere, 0.5 + 0.2 * order, distance**2) + 0.3 * (1 - blobs.areas / blobs.areas.max())
    without = 10.0
    cost = np.where(distance > 1, 2 * without, cost)
    padded = np.concatenate([cost, np.full((n_keypoints, n_keypoints), without)], axis=1)
    rows, columns = linear_sum_assignment(padded)
    real = columns < n_blobs
    return rows[real], columns[real]
