"""A calibration from tracked points: reading them, and writing what came of it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.config import Camera
from anipose.errors import CalibrationError, PoseError
from anipose.geometry.animal_calibration import (
    AnimalCalibration,
    calibrate_with_animal,
)
from anipose.geometry.cameras import Cameras
from anipose.geometry.held_out import figure
from anipose.geometry.keypoints import require_keypoints
from anipose.geometry.point_choice import LEAST_POINTS, MOST_FRAMES, Tracked, shared_counts, well_seen
from anipose.geometry.structure import calibrate_with_animal_alone
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.views import read_views
from anipose.poses import MultiviewPoses, Poses2D
from anipose.recorded import recorded_window

log = logging.getLogger(__name__)


def refine_with_animal(
    start: Path,
    poses_2d: Mapping[str, Mapping[str, Path]],
    settings: Mapping[str, Mapping[str, Camera]],
    *,
    score_threshold: float,
    lengths: Sequence[tuple[str, str, float]],
    calibration: Path,
) -> None:
    """Write the calibration that explains the tracked points of all trials.

    Args:
        start: the calibration before; with all cameras at one place, its lenses alone are used.
        poses_2d: trial -> camera -> file; those that are not there are left out.
        settings: trial -> camera -> what the config says about it.
        lengths: known distances of keypoints; without, the scale is that of the start.

    Raises:
        CalibrationError: there are too few points, or the result is no better than what was there.
        PoseError: nothing has been tracked, or a keypoint of `lengths` is unknown.
    """
    before = read_calibration(start)
    tracked = _read(before, poses_2d, settings, score_threshold)
    pairs = _columns(lengths, tracked.keypoints)
    taking_part = _with_points(before, tracked)
    rows = [before.names.index(name) for name in taking_part]
    tracked = replace(tracked, pixels=tracked.pixels[rows], scores=tracked.scores[rows])
    start_from = before.subset(taking_part)
    if _are_at_one_place(before):
        found = calibrate_with_animal_alone(start_from, tracked, lengths=pairs)
        before = start_from
    else:
        found = calibrate_with_animal(start_from, tracked, lengths=pairs)
    write_calibration(calibration, _described(before, found, lengths_known=bool(lengths)))


def _read(
    before: Cameras,
    poses_2d: Mapping[str, Mapping[str, Path]],
    settings: Mapping[str, Mapping[str, Camera]],
    score_threshold: float,
) -> Tracked:
    """The points of all trials, one after the other, of as many frames as are worth it."""
    there = {
        trial: {camera: path for camera, path in views.items() if path.is_file() and camera in before.names}
        for trial, views in poses_2d.items()
    }
    there = {trial: views for trial, views in there.items() if len(views) > 1}
    if not there:
        raise PoseError(
            "calibration.animal_calibration = true, but no trial has tracked points of two cameras that are "
            "in the calibration. Track the videos with: anipose analyze"
        )
    parts = []
    for trial, views in there.items():
        found = _in_calibrated_pixels(read_views(views, settings[trial]), before, settings[trial])
        seen = MultiviewPoses.from_views(found).above(score_threshold)
        step = max(1, seen.n_frames * len(there) // MOST_FRAMES)
        parts.append(replace(seen, points=seen.points[:, ::step], scores=seen.scores[:, ::step]))
    keypoints = tuple(dict.fromkeys(name for part in parts for name in part.keypoints))
    joined = [_in_order(part, before.names, keypoints) for part in parts]
    return Tracked(
        np.concatenate([pixels for pixels, _ in joined], axis=1),
        np.concatenate([scores for _, scores in joined], axis=1),
        keypoints,
    )


def _in_calibrated_pixels(
    views: Mapping[str, Poses2D], before: Cameras, settings: Mapping[str, Camera]
) -> dict[str, Poses2D]:
    """As pictures of one camera may differ from trial to trial."""
    windows = {name: recorded_window(before.subset([name]).cameras[0], settings[name]) for name in views}
    return {
        name: poses
        if (window := windows[name]) is None
        else replace(poses, points=window.to_calibrated(poses.points))
        for name, poses in views.items()
    }


def _in_order(
    seen: MultiviewPoses, cameras: Sequence[str], keypoints: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and scores with all the cameras and keypoints, NaN where a trial does not have them."""
    pixels = np.full((len(cameras), seen.n_frames, len(keypoints), 2), np.nan)
    rows = np.array([cameras.index(name) for name in seen.cameras])
    columns = np.array([keypoints.index(name) for name in seen.keypoints])
    pixels[rows[:, None, None], np.arange(seen.n_frames)[None, :, None], columns] = seen.points
    scores = np.full(pixels.shape[:3], np.nan)
    scores[rows[:, None, None], np.arange(seen.n_frames)[None, :, None], columns] = seen.scores
    return pixels, scores


def _are_at_one_place(cameras: Cameras) -> bool:
    """Whether only the lenses are known."""
    poses = cameras.cam_from_world
    return len(cameras) > 1 and bool((poses == poses[0]).all())


def _columns(
    lengths: Sequence[tuple[str, str, float]], keypoints: Sequence[str]
) -> list[tuple[int, int, float]]:
    names = [name for start, end, _ in lengths for name in (start, end)]
    require_keypoints({"calibration.animal_lengths": names}, keypoints)
    return [(keypoints.index(start), keypoints.index(end), length) for start, end, length in lengths]


def _with_points(before: Cameras, tracked: Tracked) -> tuple[str, ...]:
    """The cameras that see enough points together with others.

    Raises:
        CalibrationError: there are fewer than two.
    """
    seeing = well_seen(tracked.pixels)
    names = tuple(name for name, there in zip(before.names, seeing, strict=True) if there)
    counts = shared_counts(tracked.pixels)
    listed = ", ".join(f"{name} {count}" for name, count in zip(before.names, counts, strict=True))
    if len(names) < 2:
        raise CalibrationError(
            "too few tracked points are seen by two cameras at the same time to calibrate with: "
            f"{listed}; {2 * LEAST_POINTS} are needed. Lower triangulation.score_threshold, or track more "
            "videos"
        )
    if len(names) < len(before):
        log.warning(
            "camera %s stays where it was: too few of its tracked points are seen by others, too (%s)",
            ", ".join(name for name in before.names if name not in names),
            listed,
        )
    return names


def _described(before: Cameras, found: AnimalCalibration, *, lengths_known: bool) -> Cameras:
    """All cameras, in the order they had, with what was done in the metadata."""
    new = dict(zip(found.cameras.names, found.cameras, strict=True))
    cameras = []
    for camera in before:
        same = camera.with_pose(camera.rotation, found.scale * camera.translation)
        cameras.append(new.get(camera.name, same))
    metadata = {
        **before.metadata,
        "adjusted": True,
        "error": figure(found.error_after),
        "adjusted_with_points": found.n_points,
        "scale_from": "animal_lengths" if lengths_known else "the calibration before",
    }
    if found.error_before is not None:
        metadata |= {
            "adjusted_error_before": figure(found.error_before),
            "adjusted_turned_deg": {name: figure(turn) for name, turn in found.turned_deg.items()},
            "adjusted_moved": {name: figure(move) for name, move in found.moved.items()},
        }
    return Cameras(tuple(cameras), metadata)


def summary(calibration: Path) -> str:
    """What was done, in a few lines for the terminal."""
    told = read_calibration(calibration).metadata
    error = f"in frames that were held out, their reprojection error is {told['error']:g} px as a median"
    if "adjusted_error_before" not in told:
        return f"calibrated with {told['adjusted_with_points']} tracked points alone: {error}"
    lines = [
        f"refined with {told['adjusted_with_points']} tracked points: {error}, "
        f"{told['adjusted_error_before']:g} px before"
    ]
    for name, turn in told["adjusted_turned_deg"].items():
        lines.append(f"{name}  turned by {turn:.2f} degrees, moved by {told['adjusted_moved'][name]:.3g}")
    return "\n".join(lines)
