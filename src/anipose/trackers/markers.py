"""Tracking painted or reflective markers by their colour or brightness.

In each frame, blobs of the colour of a marker are found in a picture of half the size, then measured at
full size. Which blob is which keypoint follows from the colour, and where several keypoints have the
same colour, from where each is expected: one optimal assignment of keypoints to blobs per colour and frame,
and one of the pieces before and after each time that markers were hidden or overlapped.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from anipose.arrays import NDArray
from anipose.config import Marker, Markers
from anipose.errors import ConfigError
from anipose.io.poses_2d import write_poses_2d
from anipose.io.video import read_bgr, read_gray
from anipose.poses import Poses2D
from anipose.trackers.base import Progress
from anipose.trackers.marker_identities import identified, seen_alone
from anipose.trackers.marker_tracks import Blobs, Tracks

Image = UInt8[np.ndarray, "*shape"]
Mask = NDArray[np.bool_]

# Markers of at least this area (square pixels) are still four pixels in a picture of half the size.
HALVED_FROM_AREA = 16
# A blob counts as seen from the start when its area is within the limits; of each colour only the
# largest are measured: so many for each keypoint.
BLOBS_PER_KEYPOINT = 4
# Pixels on the edge of a marker belong to it in part; the lens and the colour compression of videos
# (one colour for 2 x 2 pixels) spread them over about this many pixels.
EDGE_PX = 2
# Frames between two reports of progress.
TOLD_EVERY = 50


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
            progress(number)
        yield frame


def track(frames: Iterable[Image], settings: Markers) -> Poses2D:
    """Markers in frames that are (height, width, 3) blue, green, red, or (height, width) grey.

    The score of a point is the product of: its area over the usual area of this marker (a half hidden one
    has 0.5), how round it is (a half disc has 0.7), and how near it is to where it was expected (1 there,
    0.6 at the gate); where several have its colour, times the chance that it is this one. Before a marker has
    been seen, and when it was lost for longer than `max_gap`, it is expected anywhere; several of the same
    colour are then taken from left to right, in the order of the settings.
    """
    keypoints = tuple(settings.keypoints)
    if not keypoints:
        raise ConfigError(
            "markers.keypoints is empty, so there is nothing to track; name each marker and its colour, "
            "as in [markers.keypoints.nose] hue = [345, 15]"
        )
    paints = _paints(settings)
    tracks = Tracks.start(len(keypoints), settings.gate, settings.max_gap)
    steps = [tracks.step(_blobs(frame, paints)) for frame in frames]
    points = np.array([seen for seen, _, _ in steps]).reshape(-1, len(keypoints), 2)
    scores, areas = (np.array([step[n] for step in steps]).reshape(-1, len(keypoints)) for n in (1, 2))
    for members in paints.values():
        if len(members) > 1:
            points[:, members], scores[:, members] = identified(
                points[:, members], scores[:, members], seen_alone(areas[:, members]), settings.max_gap
            )
    return Poses2D(keypoints=keypoints, points=points, scores=scores, scorer=MarkerTracker.name)


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


def _blobs(frame: Image, paints: Mapping[_Paint, list[int]]) -> list[Blobs]:
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
        measured = np.array([m for window in windows for m in _measured(frame, window, paint)]).reshape(-1, 6)
        found.append(Blobs(keypoints, measured[:, :2], measured[:, 2], measured[:, 3], measured[:, 4:]))
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


def _measured(frame: Image, window: tuple[slice, slice], paint: _Paint) -> Iterator[tuple[float, ...]]:
    """x, y, area, roundness and long axis of the largest blob in a window; nothing if it is not plausible."""
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
    (narrow, wide), (_, axis) = (values.T for values in np.linalg.eigh(spread))
    yield x + window[1].start, y + window[0].start, float(area), float(np.sqrt(max(narrow, 0) / wide)), *axis


def _other_paint(hsv: Image, paint: _Paint, covered: Image) -> Mask:
    """Pixels that are surely of another colour: a neighbouring marker that touches this one."""
    if paint.hue is None:
        return np.zeros(hsv.shape[:2], bool)
    other: Mask = (covered == 0) & (hsv[..., 1] >= paint.saturation) & (hsv[..., 2] >= paint.value)
    return other
