"""Poses: named keypoints over time, in one view, in several views, or in 3D.

Axes are always in the order (camera, frame, keypoint, coordinate). Missing is NaN.
All arrays are float64 and are checked once, when the object is made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import PoseError

Array = NDArray[np.float64]

# The animal of a file that has only one, and no name for it. Poses of several animals are a mapping from the
# names of the animals to the poses of each.
UNNAMED = ""


def _check_names(kind: str, names: Sequence[str]) -> None:
    if not names:
        raise PoseError(f"there is no {kind} in these poses")
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise PoseError(f"{kind} named more than once: {', '.join(twice)}")


def _check_shape(name: str, array: NDArray[np.generic], expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}")


def with_animal(animal: str, keypoint: str) -> str:
    """The name of a keypoint where those of several animals are side by side."""
    return keypoint if animal == UNNAMED else f"{animal} {keypoint}"


@dataclass(frozen=True)
class Poses2D:
    """Tracked points of one camera.

    Attributes:
        keypoints: names, in the order of the file.
        points: (frame, keypoint, 2), pixels; the centre of the top-left pixel is (0, 0). NaN: not seen.
        scores: (frame, keypoint), the tracker's confidence, usually 0 to 1. NaN where there is no point.
        scorer: what made the points, as DeepLabCut writes it in its files.
    """

    keypoints: tuple[str, ...]
    points: Array
    scores: Array
    scorer: str = "anipose"

    def __post_init__(self) -> None:
        _check_names("keypoint", self.keypoints)
        _check_shape("points", self.points, (len(self.points), len(self.keypoints), 2))
        _check_shape("scores", self.scores, self.points.shape[:2])

    @property
    def n_frames(self) -> int:
        return len(self.points)

    def shifted(self, offset_px: tuple[float, float]) -> Self:
        """The same points, moved by (x, y): from a cropped picture to the whole sensor."""
        return replace(self, points=self.points + np.asarray(offset_px, dtype=float))

    def advanced(self, n_frames: int) -> Self:
        """The same points, so many frames earlier: what was at frame n + n_frames is at frame n.

        What was before the first frame is dropped; a negative number begins with empty frames.
        """
        if n_frames >= 0:
            return replace(self, points=self.points[n_frames:], scores=self.scores[n_frames:])
        empty = ((-n_frames, 0), (0, 0))
        return replace(
            self,
            points=np.pad(self.points, (*empty, (0, 0)), constant_values=np.nan),
            scores=np.pad(self.scores, empty, constant_values=np.nan),
        )


def side_by_side(animals: Mapping[str, Poses2D]) -> Poses2D:
    """The points of several animals in one view, as if they were keypoints of one."""
    return Poses2D(
        tuple(with_animal(name, keypoint) for name, poses in animals.items() for keypoint in poses.keypoints),
        np.concatenate([poses.points for poses in animals.values()], axis=1),
        np.concatenate([poses.scores for poses in animals.values()], axis=1),
        next(iter(animals.values())).scorer,
    )


@dataclass(frozen=True)
class Candidates2D:
    """Tracked points of one camera, of which the tracker offers several for each keypoint.

    Attributes:
        keypoints: names, in the order of the file.
        points: (frame, keypoint, candidate, 2), pixels, as the tracker orders them. NaN: no such candidate.
        scores: (frame, keypoint, candidate). NaN where there is no candidate.
        scorer: what made the points.
    """

    keypoints: tuple[str, ...]
    points: Array
    scores: Array
    scorer: str = "anipose"

    def __post_init__(self) -> None:
        _check_names("keypoint", self.keypoints)
        shape = (len(self.points), len(self.keypoints), self.points.shape[2])
        _check_shape("points", self.points, (*shape, 2))
        _check_shape("scores", self.scores, shape)

    def best(self) -> Poses2D:
        """The candidate with the highest score of each keypoint."""
        return Poses2D(self.keypoints, *best_candidate(self.points, self.scores), self.scorer)

    @property
    def each(self) -> tuple[Poses2D, ...]:
        """The first candidates, the second, ..."""
        numbers = range(self.points.shape[2])
        return tuple(
            Poses2D(self.keypoints, self.points[:, :, n], self.scores[:, :, n], self.scorer) for n in numbers
        )

    @classmethod
    def of(cls, poses: Poses2D) -> Self:
        """Points without an alternative."""
        return cls(poses.keypoints, poses.points[:, :, None], poses.scores[:, :, None], poses.scorer)


def best_candidate(points: Array, scores: Array) -> tuple[Array, Array]:
    """The candidate with the highest score of each frame.

    Args:
        points: (*batch, candidate, 2), pixels. Not finite: missing.
        scores: (*batch, candidate). Not finite: missing.

    Returns:
        points (*batch, 2) and scores (*batch), both NaN where every candidate is missing.
    """
    present = np.isfinite(points).all(axis=-1) & np.isfinite(scores)
    best = np.where(present, scores, -np.inf).argmax(axis=-1)[..., None]
    seen = np.take_along_axis(present, best, axis=-1)[..., 0]
    point = np.take_along_axis(points, best[..., None], axis=-2)[..., 0, :]
    score = np.take_along_axis(scores, best, axis=-1)[..., 0]
    return np.where(seen[..., None], point, np.nan), np.where(seen, score, np.nan)


@dataclass(frozen=True)
class Change:
    """What a filter did to a keypoint of one video, as numbers of frames.

    Attributes:
        filter: its name.
        keypoint: whose points.
        frames: in the video.
        dropped: points before, none after.
        filled: no point before, one after.
        moved: another point than before.
        rescored: the score crossed `filter.score_threshold`.
    """

    filter: str
    keypoint: str
    frames: int
    dropped: int
    filled: int
    moved: int
    rescored: int

    @property
    def replaced(self) -> float:
        """Share of the frames in which the filter gave another point, or took it away."""
        return (self.dropped + self.filled + self.moved) / max(self.frames, 1)


@dataclass(frozen=True)
class MultiviewPoses:
    """Tracked points of all cameras of a trial, matched by camera, frame and keypoint.

    Attributes:
        cameras: names.
        keypoints: names; a keypoint that a camera's tracker does not know is NaN there.
        points: (camera, frame, keypoint, 2), pixels.
        scores: (camera, frame, keypoint); NaN where there is no point.
    """

    cameras: tuple[str, ...]
    keypoints: tuple[str, ...]
    points: Array
    scores: Array

    def __post_init__(self) -> None:
        _check_names("camera", self.cameras)
        _check_names("keypoint", self.keypoints)
        n_frames = self.points.shape[1]
        _check_shape("points", self.points, (len(self.cameras), n_frames, len(self.keypoints), 2))
        _check_shape("scores", self.scores, self.points.shape[:3])

    @property
    def n_frames(self) -> int:
        return int(self.points.shape[1])

    @classmethod
    def from_views(cls, views: Mapping[str, Poses2D]) -> Self:
        """Join the views of a trial by keypoint name.

        Keypoints are the union over the views, in the order in which they first appear. There are as many
        frames as the longest view has: what a shorter one lacks at its end is not seen.
        """
        keypoints = tuple(dict.fromkeys(name for view in views.values() for name in view.keypoints))
        n_frames = max((view.n_frames for view in views.values()), default=0)
        points = np.full((len(views), n_frames, len(keypoints), 2), np.nan)
        scores = np.full(points.shape[:3], np.nan)
        for row, view in enumerate(views.values()):
            columns = [keypoints.index(name) for name in view.keypoints]
            points[row, : view.n_frames, columns] = view.points.swapaxes(0, 1)
            scores[row, : view.n_frames, columns] = view.scores.T
        return cls(tuple(views), keypoints, points, scores)

    def above(self, threshold: float) -> Self:
        """Drop the points with a score below the threshold, or with no finite position."""
        keep = (self.scores >= threshold) & np.isfinite(self.points).all(axis=-1)
        return replace(
            self,
            points=np.where(keep[..., None], self.points, np.nan),
            scores=np.where(keep, self.scores, np.nan),
        )


@dataclass(frozen=True)
class Frame3D:
    """The frame of reference of 3D poses, seen from the world of the calibration.

    x_in_frame = rotation @ x_in_world - center. Both parts are stored in the columns M_ij and
    center_i of the pose-3d files.

    Attributes:
        rotation: (3, 3), right-handed.
        center: (3,), the new origin, in the rotated axes.
    """

    rotation: Array = field(default_factory=lambda: np.eye(3))
    center: Array = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        _check_shape("rotation", self.rotation, (3, 3))
        _check_shape("center", self.center, (3,))

    def from_world(self, points: Array) -> Array:
        """Points (..., 3) of the calibration's world, in this frame."""
        return points @ self.rotation.T - self.center

    def to_world(self, points: Array) -> Array:
        """Points (..., 3) of this frame, in the calibration's world."""
        return (points + self.center) @ np.linalg.inv(self.rotation).T


@dataclass(frozen=True)
class Poses3D:
    """Keypoints in space.

    Attributes:
        keypoints: names.
        points: (frame, keypoint, 3), in the unit of the calibration board, in `frame`. NaN: unknown.
        errors: (frame, keypoint), mean reprojection error over the cameras used, pixels.
        n_cameras: (frame, keypoint), how many cameras were used; NaN where there is no point.
        scores: (frame, keypoint), lowest score among the cameras used.
        frame: the frame of reference of `points`.
        frame_numbers: (frame,), number of each frame in the video, from 0.
    """

    keypoints: tuple[str, ...]
    points: Array
    errors: Array
    n_cameras: Array
    scores: Array
    frame: Frame3D
    frame_numbers: NDArray[np.int64]

    def __post_init__(self) -> None:
        _check_names("keypoint", self.keypoints)
        n_frames = len(self.points)
        _check_shape("points", self.points, (n_frames, len(self.keypoints), 3))
        for name in ("errors", "n_cameras", "scores"):
            _check_shape(name, getattr(self, name), self.points.shape[:2])
        _check_shape("frame_numbers", self.frame_numbers, (n_frames,))


def side_by_side_3d(animals: Mapping[str, Poses3D]) -> Poses3D:
    """The points of several animals in one frame of reference, as if they were keypoints of one."""
    first = next(iter(animals.values()))
    points, errors, n_cameras, scores = (
        np.concatenate([getattr(poses, part) for poses in animals.values()], axis=1)
        for part in ("points", "errors", "n_cameras", "scores")
    )
    keypoints = [with_animal(name, point) for name, poses in animals.items() for point in poses.keypoints]
    return Poses3D(tuple(keypoints), points, errors, n_cameras, scores, first.frame, first.frame_numbers)
