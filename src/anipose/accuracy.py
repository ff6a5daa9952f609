"""How good the tracking is: against labelled frames, and by what the results say of themselves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from anipose import config
from anipose.arrays import NDArray
from anipose.geometry.angles import compute_angles
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.triangulation import triangulate
from anipose.individuals import animals_in_views
from anipose.io.deeplabcut import UNIQUE_BODYPARTS
from anipose.io.labels import Labels
from anipose.poses import Change, Poses2D, Poses3D

Array = NDArray[np.float64]
# How labels of several animals in different views are matched: as tracked points are by default.
MATCHING = config.Triangulation()
# An animal that has no tracked points in a frame is farther away than any other.
FAR = 1e9


@dataclass(frozen=True)
class TrackingError:
    """The difference of a tracked keypoint or angle from the labelled one, in one frame.

    Attributes:
        frame: number in the trial.
        kind: "keypoint" or "angle".
        name: of the keypoint or angle.
        error: distance in the unit of the calibration, or difference without sign in degrees. NaN: labelled,
            but not tracked.
    """

    frame: int
    kind: str
    name: str
    error: float


def labelled_points(
    cameras: Cameras, labels: Mapping[str, Labels], settings: Mapping[str, config.Camera]
) -> tuple[tuple[int, ...], tuple[str, ...], dict[str, Float[Array, "frame keypoint 3"]]]:
    """Frames that are labelled in two views or more, the keypoints, and the points of each animal in space.

    Which of several animals is which in the views is told by their points, frame by frame, as of tracked
    ones: those who label need not keep their order.

    Args:
        cameras: calibrated cameras, those of `labels` at least.
        labels: camera -> labelled images.
        settings: camera -> what the config says about it. Frames of a camera are turned into those of the
            trial, and those before it are left out.
    """
    rows = {
        camera: {
            frame - settings[camera].frame_offset: row
            for row, frame in enumerate(found.frame_numbers)
            if frame is not None and frame >= settings[camera].frame_offset
        }
        for camera, found in labels.items()
    }
    everywhere = [frame for frames in rows.values() for frame in frames]
    frames = tuple(sorted({frame for frame in everywhere if everywhere.count(frame) > 1}))
    every_animal = [poses for found in labels.values() for poses in found.animals.values()]
    keypoints = tuple(dict.fromkeys(name for poses in every_animal for name in poses.keypoints))
    truth: dict[str, Float[Array, "frame keypoint 3"]] = {}
    for place, frame in enumerate(frames):
        views = {
            camera: {
                animal: (_row(poses, rows[camera][frame]).shifted(settings[camera].corner),)
                for animal, poses in found.animals.items()
            }
            for camera, found in labels.items()
            if frame in rows[camera]
        }
        seen_by = cameras.subset(list(views))
        for animal, seen in animals_in_views(seen_by, views, MATCHING).items():
            points = truth.setdefault(animal, np.full((len(frames), len(keypoints), 3), np.nan))
            columns = [keypoints.index(name) for name in seen.keypoints]
            points[place, columns] = triangulate(seen_by, seen.points[:, 0])
    return frames, keypoints, truth


def _row(poses: Poses2D, row: int) -> Poses2D:
    return replace(poses, points=poses.points[[row]], scores=poses.scores[[row]])


def as_tracked(
    frames: Sequence[int],
    keypoints: Sequence[str],
    truth: Mapping[str, Float[Array, "frame keypoint 3"]],
    tracked: Mapping[str, Poses3D],
) -> dict[str, Float[Array, "frame keypoint 3"]]:
    """Labelled points by the names of the tracked animals: in each frame those that are nearest, all at once.

    Animals that were not tracked at all are left out.
    """
    nothing = np.full((len(frames), len(keypoints), 3), np.nan)
    found = {animal: _in_world(frames, keypoints, poses) for animal, poses in tracked.items()}
    result = {
        animal: truth.get(animal, nothing) if animal == UNIQUE_BODYPARTS else nothing.copy()
        for animal in found
    }
    labelled = np.stack([points for animal, points in truth.items() if animal != UNIQUE_BODYPARTS])
    names = [animal for animal in found if animal != UNIQUE_BODYPARTS]
    for place in range(len(frames)):
        present = labelled[np.isfinite(labelled[:, place]).any(axis=(1, 2)), place]
        cost = np.zeros((len(present), len(names)))
        for column, animal in enumerate(names):
            distance = np.linalg.norm(present - found[animal][place], axis=-1)
            known = np.isfinite(distance)
            mean = np.where(known, distance, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
            cost[:, column] = np.where(known.any(axis=1), mean, FAR)
        for row, nearest in zip(*linear_sum_assignment(cost), strict=True):
            result[names[nearest]][place] = present[row]
    return result


def tracking_errors(
    frames: Sequence[int],
    keypoints: Sequence[str],
    truth: Float[Array, "frame keypoint 3"],
    poses: Poses3D,
    angles: Mapping[str, Sequence[str]],
) -> Iterator[TrackingError]:
    """The errors of tracked poses and of the angles between them.

    Args:
        frames, keypoints, truth: labelled points in the world of the calibration; NaN: not labelled.
        poses: the tracked ones.
        angles: as in the table [angles].
    """
    tracked = _in_world(frames, keypoints, poses)
    shared = [name for name in keypoints if name in poses.keypoints]
    labelled: NDArray[np.bool_] = np.all(np.isfinite(truth), axis=-1)
    distances = np.linalg.norm(tracked - truth, axis=-1)
    for place, frame in enumerate(frames):
        for name in shared:
            column = keypoints.index(name)
            if labelled[place, column]:
                yield TrackingError(frame, "keypoint", name, float(distances[place, column]))
    known = {name: form for name, form in angles.items() if _joints(form) <= set(shared)}
    expected, found = (
        compute_angles(
            {name: poses.frame.from_world(points[:, keypoints.index(name)]) for name in shared}, known
        )
        for points in (truth, tracked)
    )
    for name, values in expected.items():
        difference = np.abs((found[name] - values + 180) % 360 - 180)
        for place, frame in enumerate(frames):
            if np.isfinite(values[place]):
                yield TrackingError(frame, "angle", name, float(difference[place]))


def _in_world(
    frames: Sequence[int], keypoints: Sequence[str], poses: Poses3D
) -> Float[Array, "frame keypoint 3"]:
    """The tracked points of these frames and keypoints, in the world of the calibration; NaN: none."""
    numbers = poses.frame_numbers.tolist()
    tracked = np.full((len(frames), len(keypoints), 3), np.nan)
    in_world = poses.frame.to_world(poses.points)
    for place, frame in enumerate(frames):
        if frame in numbers:
            for column, name in enumerate(keypoints):
                if name in poses.keypoints:
                    tracked[place, column] = in_world[numbers.index(frame), poses.keypoints.index(name)]
    return tracked


def _joints(form: Sequence[str]) -> set[str]:
    """Keypoints of an angle; a "/" marks a joint of a chain that bends the other way."""
    words = form[1:] if form and form[0] in ("flex", "axis", "cross-axis", "chain") else form
    return {word.removesuffix("/") for word in words}


def view_quality(
    tracked: Poses2D,
    used: Poses2D,
    changes: Sequence[Change],
    *,
    score_threshold: float,
    poses_3d: Poses3D | None,
    camera: Camera | None,
    offset_px: tuple[float, float],
) -> Iterator[dict[str, str | int | float | None]]:
    """One row for each keypoint of a view: how often it was found, how sure, how well the views agree.

    Args:
        tracked: what the tracker found.
        used: what 3D poses are made of, filtered or not, in the frames of the trial.
        changes: what the filters changed.
        score_threshold: of triangulation.
        poses_3d, camera: for the reprojection errors; None if they are not known.
        offset_px: corner of the crop.
    """
    errors = None
    if poses_3d is not None and camera is not None:
        projected = camera.project(poses_3d.frame.to_world(poses_3d.points)) - np.asarray(offset_px)
        errors = _reprojection_errors(projected, poses_3d, used)
    for column, name in enumerate(tracked.keypoints):
        scores = tracked.scores[:, column]
        row: dict[str, str | int | float | None] = {
            "keypoint": name,
            "frames": tracked.n_frames,
            "tracked": float((scores >= score_threshold).mean()) if len(scores) else np.nan,
            "mean_score": float(np.nan_to_num(scores).mean()) if len(scores) else np.nan,
        }
        found = errors.get(name) if errors is not None else None
        if found is not None and np.isfinite(found).any():
            row["reprojection_median_px"] = float(np.nanmedian(found))
            row["reprojection_95_percent_px"] = float(np.nanpercentile(found, 95))
        for change in changes:
            if change.keypoint == name:
                share = 1 / max(change.frames, 1)
                row[f"{change.filter}_replaced"] = change.replaced
                row[f"{change.filter}_dropped"] = change.dropped * share
                row[f"{change.filter}_filled"] = change.filled * share
                row[f"{change.filter}_rescored"] = change.rescored * share
        yield row


def _reprojection_errors(
    projected: Float[Array, "frame keypoint 2"], poses: Poses3D, used: Poses2D
) -> dict[str, Float[Array, "frame"]]:
    """Distances between the points of a view and the 3D poses in it, by keypoint, pixels."""
    rows = [number for number in poses.frame_numbers if number < used.n_frames]
    return {
        name: np.linalg.norm(
            projected[: len(rows), poses.keypoints.index(name)] - used.points[rows, column], axis=-1
        )
        for column, name in enumerate(used.keypoints)
        if name in poses.keypoints
    }
