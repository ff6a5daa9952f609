"""From the points of several views to poses in space: where geometry meets names and settings."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.config import Triangulation
from anipose.geometry.calibration_uncertainty import CalibrationUncertainty, calibration_covariances
from anipose.geometry.cameras import Cameras
from anipose.geometry.candidates import choose_candidates
from anipose.geometry.frame import standard_frame
from anipose.geometry.keypoints import require_keypoints
from anipose.geometry.point_uncertainty import point_covariances
from anipose.geometry.swaps import exchanged, find_swaps
from anipose.geometry.trajectory import Trajectory, optimise_classic, optimise_map
from anipose.geometry.triangulation import reprojection_errors, triangulate, triangulate_robust
from anipose.poses import Frame3D, MultiviewPoses, Poses2D, Poses3D, best_candidate

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
# No score counts for less, so that views do not vanish altogether.
LEAST_SCORE = 0.01

CamerasUsed = Bool[NDArray[np.bool_], "camera frame keypoint"]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """3D poses and what is known of them.

    Attributes:
        poses: in their frame of reference.
        cameras_used: (camera, frame, keypoint), the observations that the points were made from. A point that
            was filled in, from its neighbours in time, has none.
        covariances: (frame, keypoint, 3, 3) of the points. Those of `optim_method = "anipose"` are of its
            points each for itself, too wide for smooth ones.
    """

    poses: Poses3D
    cameras_used: CamerasUsed
    covariances: Float[Array, "frame keypoint 3 3"]


def reconstruct(
    cameras: Cameras,
    seen: MultiviewPoses,
    table: Triangulation,
    *,
    trial: str,
    lengths: Mapping[tuple[str, str], float] | None = None,
    uncertainty: CalibrationUncertainty | None = None,
) -> Reconstruction:
    """3D poses from the points of several views.

    Args:
        cameras: those of the views, in their order.
        seen: all 2D points, on the sensors that were calibrated, with whatever score.
        table: the settings.
        trial: its name, for messages.
        lengths: of limbs, where they are known from other trials, too.
        uncertainty: of the calibration, if the covariances are to have it.

    Raises:
        PoseError: a keypoint of the axes or constraints is unknown, or never seen.
    """
    good, swaps = put_right(cameras, seen.above(table.score_threshold), table)
    for swap in swaps:
        log.info("trial %s: %s", trial, swap)
    points, used = each_alone(cameras, good, table)
    covariances = None
    if np.isnan(points).all():
        log.warning("trial %s: %s", trial, _why_no_points(seen, good, table))
    elif table.optim:
        trajectory = _together(cameras, good, points, table, lengths or {})
        points, covariances = trajectory.points, trajectory.covariances
        used = _seen(good)
    unknown = np.isnan(points).any(axis=-1)
    used = np.logical_and(used, ~unknown)
    frame = Frame3D() if unknown.all() else _frame(points, seen.keypoints, table)
    if covariances is None:
        covariances = point_covariances(cameras, points, good.points, used)
    if uncertainty is not None:
        covariances = covariances + calibration_covariances(cameras, uncertainty.of(cameras), points, used)
    covariances = frame.rotation @ covariances @ frame.rotation.T
    poses = _described(cameras, good, points, used, frame)
    _warn_of_errors(poses, table, trial)
    return Reconstruction(poses, used, covariances)


def _why_no_points(seen: MultiviewPoses, good: MultiviewPoses, table: Triangulation) -> str:
    """What to do where there is not a single 3D point."""
    needed = table.min_cameras
    if needed > len(seen.cameras):
        return (
            f"triangulation.min_cameras = {needed}, but the trial has {len(seen.cameras)} cameras, so there "
            "are no 3D points: lower it"
        )
    by = f"by {'two' if needed == 2 else needed} cameras"
    if _most_views(seen) < needed:
        return (
            f"no keypoint is seen {by} in the same frame, so there are no 3D points: do the keypoints have "
            "the same names in all views, and is frame_offset right?"
        )
    if _most_views(good) < needed:
        highest = np.max(seen.scores, initial=0.0, where=np.isfinite(seen.scores))
        return (
            f"no keypoint is seen {by} with a score of {table.score_threshold:g} or more, so there are no 3D "
            f"points; the highest score is {highest:.2f}: lower triangulation.score_threshold"
        )
    return (
        f"no keypoint is where {needed} cameras agree, so there are no 3D points: is the calibration that of "
        "these videos, are the cameras named right, and were they in step?"
    )


def _most_views(poses: MultiviewPoses) -> int:
    """By how many cameras the keypoint that most see is seen."""
    return int(_seen(poses).sum(axis=0).max(initial=0))


def _warn_of_errors(poses: Poses3D, table: Triangulation, trial: str) -> None:
    """What a wrong calibration looks like, and cameras that were exchanged or out of step."""
    errors = poses.errors[np.isfinite(poses.errors)]
    if len(errors) and np.median(errors) > table.reproj_error_threshold:
        log.warning(
            "trial %s: the views do not fit together. Half of the points have a reprojection error above "
            "%.0f px, more than triangulation.reproj_error_threshold (%g px): is the calibration that of "
            "these videos, are the cameras named right, and were they in step?",
            trial,
            np.median(errors),
            table.reproj_error_threshold,
        )


def consistent(
    cameras: Cameras, views: Mapping[str, Sequence[Poses2D]], table: Triangulation
) -> MultiviewPoses:
    """The points of several views, of each the candidate that agrees with the other views.

    Args:
        cameras: those of the views, in their order.
        views: the first, second, ... candidates of each camera. Those with a score below the threshold do
            not take part; where there are no others, the one with the highest score stays.
        table: the settings.
    """
    n_candidates = max(len(candidates) for candidates in views.values())
    joined = [
        MultiviewPoses.from_views({name: _candidate(found, number) for name, found in views.items()})
        for number in range(n_candidates)
    ]
    if n_candidates == 1:
        return joined[0]
    points, scores = (
        np.stack([j.points for j in joined], axis=3),
        np.stack([j.scores for j in joined], axis=3),
    )
    good = (scores >= table.score_threshold) & np.isfinite(points).all(axis=-1)
    choice = choose_candidates(
        cameras,
        np.where(good[..., None], points, np.nan),
        scores,
        threshold_px=table.reproj_error_threshold,
    )[..., None]
    best_points, best_scores = best_candidate(points, scores)
    taken = np.take_along_axis(good, choice, axis=3)[..., 0]
    point = np.take_along_axis(points, choice[..., None], axis=3)[..., 0, :]
    score = np.take_along_axis(scores, choice, axis=3)[..., 0]
    return replace(
        joined[0],
        points=np.where(taken[..., None], point, best_points),
        scores=np.where(taken, score, best_scores),
    )


def _candidate(found: Sequence[Poses2D], number: int) -> Poses2D:
    """One candidate; none where there are not so many."""
    if number < len(found):
        return found[number]
    return replace(
        found[0], points=np.full_like(found[0].points, np.nan), scores=np.full_like(found[0].scores, np.nan)
    )


@dataclass(frozen=True)
class Swap:
    """A pair of keypoints that a camera had exchanged in some frames."""

    pair: tuple[str, str]
    camera: str
    frames: int

    def __str__(self) -> str:
        return (
            f"{self.pair[0]} and {self.pair[1]} were exchanged in camera {self.camera}, {self.frames} times"
        )


def put_right(
    cameras: Cameras, good: MultiviewPoses, table: Triangulation
) -> tuple[MultiviewPoses, tuple[Swap, ...]]:
    """The points with the pairs of `fix_swaps` exchanged back where cameras had them exchanged."""
    if not table.fix_swaps:
        return good, ()
    pairs = _columns(table.fix_swaps, good.keypoints, "fix_swaps")
    swaps = find_swaps(cameras, good.points, pairs, threshold_px=table.reproj_error_threshold)
    listed = tuple(
        Swap(pair, camera, int(swaps[number, row].sum()))
        for number, pair in enumerate(table.fix_swaps)
        for row, camera in enumerate(good.cameras)
        if swaps[number, row].any()
    )
    points, scores = (exchanged(values, pairs, swaps) for values in (good.points, good.scores))
    return replace(good, points=points, scores=scores), listed


def _described(
    cameras: Cameras,
    good: MultiviewPoses,
    points: Float[Array, "frame keypoint 3"],
    used: CamerasUsed,
    frame: Frame3D,
) -> Poses3D:
    """The points with the mean error, the number and the lowest score of the cameras they are from."""
    unknown = np.isnan(points).any(axis=-1)
    from_none = ~used.any(axis=0)
    n_cameras = used.sum(axis=0)
    errors = np.where(used, reprojection_errors(cameras, points, good.points), 0).sum(axis=0)
    return Poses3D(
        keypoints=good.keypoints,
        points=frame.from_world(points),
        errors=np.where(from_none, np.nan, errors / np.maximum(n_cameras, 1)),
        n_cameras=np.where(unknown, np.nan, n_cameras),
        scores=np.where(from_none, np.nan, np.where(used, good.scores, np.inf).min(axis=0)),
        frame=frame,
        frame_numbers=np.arange(good.n_frames),
    )


def each_alone(
    cameras: Cameras, good: MultiviewPoses, table: Triangulation
) -> tuple[Float[Array, "frame keypoint 3"], CamerasUsed]:
    """Every point of every frame for itself, in the world of the calibration, and its cameras."""
    weights = np.maximum(np.nan_to_num(good.scores), LEAST_SCORE) ** 2 if table.score_weighting else None
    if table.ransac:
        return triangulate_robust(
            cameras,
            good.points,
            threshold_px=table.reproj_error_threshold,
            min_cameras=table.min_cameras,
            weights=weights,
        )
    points = triangulate(cameras, good.points, min_cameras=table.min_cameras, weights=weights)
    return points, np.logical_and(_seen(good), np.isfinite(points).all(axis=-1))


def _seen(poses: MultiviewPoses) -> CamerasUsed:
    return np.asarray(np.isfinite(poses.points).all(axis=-1))


def _together(
    cameras: Cameras,
    good: MultiviewPoses,
    start: Float[Array, "frame keypoint 3"],
    table: Triangulation,
    lengths: Mapping[tuple[str, str], float],
) -> Trajectory:
    """All points of a trial at once: smooth in time, with limbs of constant length."""
    strong = _columns(table.constraints, good.keypoints, "constraints")
    weak = _columns(table.constraints_weak, good.keypoints, "constraints_weak")
    if table.method == "map":
        limbs = (*table.constraints, *table.constraints_weak)
        return optimise_map(
            cameras,
            good.points,
            start,
            constraints=strong,
            constraints_weak=weak,
            n_deriv=table.n_deriv_smooth,
            max_gap=table.max_gap,
            lengths=np.array([lengths.get(limb, np.nan) for limb in limbs]),
        )
    return optimise_classic(
        cameras,
        good.points,
        start,
        constraints=strong,
        constraints_weak=weak,
        scale_smooth=table.scale_smooth,
        scale_length=table.scale_length,
        scale_length_weak=table.scale_length_weak,
        n_deriv_smooth=table.n_deriv_smooth,
        reproj_error_threshold=table.reproj_error_threshold,
        reproj_loss=table.reproj_loss,
        max_gap=table.max_gap,
    )


def _columns(pairs: Sequence[tuple[str, str]], keypoints: Sequence[str], key: str) -> NDArray[np.int64]:
    """Pairs of keypoints (pair, 2) of a key of [triangulation] by the numbers of their keypoints."""
    names = [name for pair in pairs for name in pair]
    require_keypoints({f"triangulation.{key}": names}, keypoints)
    return np.array([keypoints.index(name) for name in names], dtype=np.int64).reshape(-1, 2)


def _frame(
    points: Float[Array, "frame keypoint 3"], keypoints: tuple[str, ...], table: Triangulation
) -> Frame3D:
    if table.axes is None or table.reference_point is None:
        return Frame3D()
    return Frame3D(*standard_frame(points, keypoints, table.axes, table.reference_point))
