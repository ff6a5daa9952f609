"""How good the 3D poses of a session are, in figures, and in words what to do about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.config import Triangulation
from anipose.geometry.cameras import Cameras
from anipose.geometry.synchrony import find_offsets
from anipose.geometry.triangulation import reprojection_errors, triangulate_best
from anipose.pose_contradictions import (
    exchanges_of,
    lasting_errors,
    words_on_exchanges,
    words_on_lasting_errors,
)
from anipose.poses import UNNAMED, MultiviewPoses, Poses3D, with_animal

Array = NDArray[np.float64]

# A camera or keypoint is to blame if its error is so many times that of the others, and so many pixels.
BLAMED_TIMES, BLAMED_PX = 2.0, 2.0
# A camera is to blame if without it the others agree better by this factor.
BETTER_WITHOUT = 0.6
# Standard deviation of the length of a limb, in percent of it.
STEADY_PERCENT = 10.0
FEW_POINTS = 0.7
# A camera is left out in so many frames of each trial, evenly chosen.
LEFT_OUT_FRAMES = 500


@dataclass(frozen=True, eq=False)
class TrialPoses:
    """A trial with its 3D poses.

    Attributes:
        name: of the trial.
        cameras: those of the views, in their order.
        seen: the points that were triangulated.
        poses: what was made of them.
        frame_offsets: those of the config, of each camera.
        swaps: pair, camera and number of frames of what was exchanged, and put right.
        animal: whose poses these are.
    """

    name: str
    cameras: Cameras
    seen: MultiviewPoses
    poses: Poses3D
    frame_offsets: tuple[int, ...]
    swaps: tuple[Mapping[str, Any], ...] = ()
    animal: str = UNNAMED

    @property
    def title(self) -> str:
        """What these poses are called."""
        return self.name if self.animal == UNNAMED else f"{self.name}, {self.animal}"


@dataclass
class _Collected:
    """Values of all trials, by camera, keypoint or limb (of each animal its own)."""

    errors: dict[tuple[str, str], list[Array]] = field(default_factory=dict)
    without: dict[str, list[Array]] = field(default_factory=dict)
    lengths: dict[str, list[Array]] = field(default_factory=dict)
    rigid: dict[str, bool] = field(default_factory=dict)
    n_views: dict[int, int] = field(default_factory=dict)
    n_points: dict[str, list[int]] = field(default_factory=dict)
    offsets: list[dict[str, Any]] = field(default_factory=list)
    lasting: list[Array] = field(default_factory=list)
    noise: list[Array] = field(default_factory=list)


def pose_figures(
    trials: Sequence[TrialPoses], limbs: Mapping[tuple[str, str], bool], units: str, table: Triangulation
) -> dict[str, Any]:
    """Everything the report shows, as JSON values; pixels are medians.

    Args:
        trials: of the session.
        limbs: pairs of keypoints, and whether their distance is to be constant.
        units: of length.
        table: the settings of triangulation.
    """
    found = _Collected()
    for trial in trials:
        _collect(found, trial, limbs)
    cameras = tuple(dict.fromkeys(name for trial in trials for name in trial.cameras.names))
    keypoints = tuple(dict.fromkeys(name for trial in trials for name in trial.poses.keypoints))
    n_points = sum(found.n_views.values())
    figures: dict[str, Any] = {
        "trials": [trial.title for trial in trials],
        "units": units,
        "share_by_number_of_cameras": {
            str(n): found.n_views[n] / max(n_points, 1) for n in sorted(found.n_views)
        },
        "error_px": {"all": _median(found.errors.values())},
        "cameras": {
            camera: {
                "error_px": _median(v for (c, _), v in found.errors.items() if c == camera),
                "error_of_others_without_it_px": _median([found.without.get(camera, [])]),
                "by_keypoint_px": {
                    name: _median([found.errors.get((camera, name), [])]) for name in keypoints
                },
            }
            for camera in cameras
        },
        "keypoints": {
            name: {
                "error_px": _median(v for (_, k), v in found.errors.items() if k == name),
                "share_found": found.n_points[name][0] / max(found.n_points[name][1], 1),
            }
            for name in keypoints
        },
        "limbs": {
            limb: {**_spread(lengths), "rigid": found.rigid[limb]} for limb, lengths in found.lengths.items()
        },
        "frame_offsets": found.offsets,
        "swaps": [{"trial": trial.title, **swap} for trial in trials for swap in trial.swaps],
        "exchanges": [
            exchange
            for trial in trials
            for exchange in exchanges_of(trial.name, trial.cameras, trial.seen, table.reproj_error_threshold)
        ],
        "lasting_px": _median([found.lasting]),
        "noise_px": _median([found.noise]),
    }
    figures["words"] = [
        *_words(figures, table.reproj_error_threshold),
        *words_on_exchanges(figures["exchanges"], table.fix_swaps),
        *words_on_lasting_errors(figures["lasting_px"], figures["noise_px"]),
    ]
    unblemished = figures["error_px"]["all"] is not None and len(figures["words"]) == 1
    figures["verdict"] = "good" if unblemished else "doubtful"
    return figures


def _collect(found: _Collected, trial: TrialPoses, limbs: Mapping[tuple[str, str], bool]) -> None:
    poses, names = trial.poses, list(trial.poses.keypoints)
    world = poses.frame.to_world(poses.points)
    columns = [names.index(name) for name in trial.seen.keypoints if name in names]
    known = [name for name in trial.seen.keypoints if name in names]
    pixels = trial.seen.points[:, poses.frame_numbers][:, :, [trial.seen.keypoints.index(n) for n in known]]
    errors = reprojection_errors(trial.cameras, world[:, columns], pixels)
    for row, camera in enumerate(trial.cameras.names):
        for column, name in enumerate(known):
            values = errors[row, :, column]
            found.errors.setdefault((camera, name), []).append(values[np.isfinite(values)])
    counts = np.nan_to_num(poses.n_cameras).astype(int)
    for number, many in zip(*np.unique(counts, return_counts=True), strict=True):
        found.n_views[int(number)] = found.n_views.get(int(number), 0) + int(many)
    present = np.asarray(np.isfinite(poses.points).all(axis=-1))
    for column, name in enumerate(names):
        tally = found.n_points.setdefault(name, [0, 0])
        tally[0] += int(present[:, column].sum())
        tally[1] += len(present)
    for (one, two), rigid in limbs.items():
        if one in names and two in names:
            lengths = np.linalg.norm(world[:, names.index(one)] - world[:, names.index(two)], axis=1)
            limb = f"{with_animal(trial.animal, one)} - {two}"
            found.lengths.setdefault(limb, []).append(lengths[np.isfinite(lengths)])
            found.rigid[limb] = rigid
    for into, part in zip(
        (found.lasting, found.noise), lasting_errors(trial.cameras, world[:, columns], pixels), strict=True
    ):
        into.append(part[np.isfinite(part)])
    for camera, values in _errors_without_each(trial.cameras, pixels).items():
        found.without.setdefault(camera, []).append(values)
    found.offsets.append(_offsets(trial))


def _errors_without_each(
    cameras: Cameras, pixels: Float[Array, "camera frame keypoint 2"]
) -> dict[str, Array]:
    """Reprojection errors in the other cameras when one is left out; of none where there are but two."""
    if len(cameras) < 3:
        return {}
    some = pixels[:, :: max(pixels.shape[1] // LEFT_OUT_FRAMES, 1)]
    result = {}
    for left_out, camera in enumerate(cameras.names):
        others = some.copy()
        others[left_out] = np.nan
        points = triangulate_best(cameras, others)
        errors = reprojection_errors(cameras, points, others)
        result[camera] = errors[np.isfinite(errors)]
    return result


def _offsets(trial: TrialPoses) -> dict[str, Any]:
    found = find_offsets(trial.cameras, trial.seen.points)
    totals = np.array(trial.frame_offsets) + found.offsets
    return {
        "trial": trial.title,
        "believed": found.believed,
        "error_px": _number(found.error_px),
        "error_with_offsets_px": _number(found.best_px),
        "frame_offset": {
            name: int(total)
            for name, total, change in zip(trial.cameras.names, totals, found.offsets, strict=True)
            if change and found.believed
        },
    }


def _words(figures: Mapping[str, Any], threshold_px: float) -> list[str]:
    """The verdict, and what is wrong with whom."""
    overall = figures["error_px"]["all"]
    if overall is None:
        return ["There are no 3D points. Lower triangulation.score_threshold, or look at the 2D points."]
    words = [f"Half of all 2D points are within {overall:.1f} px of their 3D point in the picture."]
    if overall > threshold_px:
        words.append(
            f"That is more than triangulation.reproj_error_threshold ({threshold_px:g} px): is the "
            "calibration that of these videos, and are the cameras named right?"
        )
    words += _words_on_time(figures["frame_offsets"])
    words += _words_on_cameras(figures["cameras"])
    words += _words_on_keypoints(figures, overall)
    for limb, length in figures["limbs"].items():
        if length["rigid"] and (length["variation_percent"] or 0.0) > STEADY_PERCENT:
            words.append(f"The length of {limb} varies by {length['variation_percent']:.0f} %.")
    if figures["swaps"]:
        frames = sum(swap["frames"] for swap in figures["swaps"])
        words.append(f"Left and right were exchanged in single cameras {frames} times, and put right.")
    return words


def _words_on_time(offsets: Sequence[Mapping[str, Any]]) -> list[str]:
    words = []
    for trial in offsets:
        if trial["frame_offset"]:
            keys = ", ".join(
                f"[cameras.{name}] frame_offset = {n}" for name, n in trial["frame_offset"].items()
            )
            words.append(
                f"Trial {trial['trial']}: the cameras are out of step; write {keys} into the config.toml of "
                f"the session ({trial['error_px']:.1f} px from the epipolar lines, then "
                f"{trial['error_with_offsets_px']:.1f} px)."
            )
    return words


def _words_on_cameras(cameras: Mapping[str, Any]) -> list[str]:
    without = {name: c["error_of_others_without_it_px"] for name, c in cameras.items()}
    known = {name: value for name, value in without.items() if value is not None}
    if len(known) < 3:
        return []
    culprit = min(known, key=lambda name: known[name])
    others = float(np.median([value for name, value in known.items() if name != culprit]))
    if known[culprit] > BETTER_WITHOUT * others or others < BLAMED_PX:
        return []
    return [
        f"Camera {culprit} contradicts the others: without it, their error is {known[culprit]:.1f} px, with "
        f"it and without another {others:.1f} px. Was it moved after the calibration, is its crop "
        f"([cameras.{culprit}] offset) right, is it in step, does its tracker swap left and right?"
    ]


def _words_on_keypoints(figures: Mapping[str, Any], overall: float) -> list[str]:
    words = []
    for name, keypoint in figures["keypoints"].items():
        if keypoint["share_found"] < FEW_POINTS:
            words.append(f"{name} is known in only {keypoint['share_found']:.0%} of the frames.")
        for camera, of_camera in figures["cameras"].items():
            error = of_camera["by_keypoint_px"][name]
            usual = max(overall, of_camera["error_px"] or 0.0)
            if error is not None and error > max(BLAMED_TIMES * usual, BLAMED_PX):
                words.append(
                    f"{name} is not at the same place in camera {camera} as in the others ({error:.1f} px, "
                    f"usually {usual:.1f} px there): look at its labels."
                )
    return words


def _median(parts: Any) -> float | None:
    values = [array for part in parts for array in part]
    joined = np.concatenate(values) if values else np.zeros(0)
    return _number(float(np.median(joined))) if len(joined) else None


def _spread(parts: Sequence[Array]) -> dict[str, float | None]:
    """Median of lengths, and how they vary: 1.48 times the median deviation, in percent."""
    lengths = np.concatenate(list(parts))
    if not len(lengths):
        return {"length": None, "variation_percent": None}
    middle = float(np.median(lengths))
    deviation = 1.4826 * float(np.median(np.abs(lengths - middle)))
    return {
        "length": _number(middle),
        "variation_percent": _number(100 * deviation / middle if middle else np.nan),
    }


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
