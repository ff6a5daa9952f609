"""Several animals: which is which in all views, and the 3D poses of each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from anipose.arrays import NDArray
from anipose.config import Triangulation
from anipose.geometry.calibration_uncertainty import CalibrationUncertainty
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.frame import standard_frame
from anipose.geometry.identities import match_identities, nearest_animals
from anipose.geometry.keypoints import require_keypoints
from anipose.geometry.view_matching import gathered
from anipose.io.deeplabcut import UNIQUE_BODYPARTS
from anipose.poses import UNNAMED, Frame3D, MultiviewPoses, Poses2D, Poses3D, best_candidate
from anipose.reconstruction import Reconstruction, consistent, reconstruct

Array = NDArray[np.float64]
# Animals are counted where they are seen together in at least this share of the frames with any.
COUNTED_SHARE = 0.01


def animals_in_views(
    cameras: Cameras, views: Mapping[str, Mapping[str, Sequence[Poses2D]]], table: Triangulation
) -> dict[str, MultiviewPoses]:
    """The points of each animal in all views.

    Of one animal the views agree on the candidate of each keypoint. Of several, the identities in the views
    are matched by their points, of each keypoint the candidate with the highest score; the names are those
    of the first camera that has several. What DeepLabCut calls unique body parts is one "animal" more, that
    nobody can be confused with.

    Args:
        cameras: those of the views, in their order.
        views: the candidates of each animal in the view of each camera.
        table: the settings.
    """
    if all(len(animals) == 1 for animals in views.values()):
        only = {camera: next(iter(animals.values())) for camera, animals in views.items()}
        return {UNNAMED: consistent(cameras, only, table)}
    unique = {camera: animals.get(UNIQUE_BODYPARTS) for camera, animals in views.items()}
    confused = {
        camera: {name: _best(found) for name, found in animals.items() if name != UNIQUE_BODYPARTS}
        for camera, animals in views.items()
    }
    result = _matched(cameras, confused, table)
    if any(unique.values()):
        nothing = (_nothing(next(found for found in unique.values() if found)[0].keypoints),)
        single = {camera: found or nothing for camera, found in unique.items()}
        result[UNIQUE_BODYPARTS] = consistent(cameras, single, table)
    return result


def reconstruct_animals(
    cameras: Cameras,
    seen: Mapping[str, MultiviewPoses],
    table: Triangulation,
    *,
    trial: str,
    lengths: Mapping[str, Mapping[tuple[str, str], float]] | None = None,
    uncertainty: CalibrationUncertainty | None = None,
) -> dict[str, Reconstruction]:
    """3D poses of every animal, all in one frame of reference; otherwise as `reconstruct`.

    The axes of several animals are those of the first that has all the keypoints they are made of. The
    lengths of limbs are those of each animal.
    """
    lengths = lengths or {}
    if set(seen) == {UNNAMED}:
        only = reconstruct(
            cameras,
            seen[UNNAMED],
            table,
            trial=trial,
            lengths=lengths.get(UNNAMED),
            uncertainty=uncertainty,
        )
        return {UNNAMED: only}
    _require_known(seen, table)
    found = {
        animal: reconstruct(
            cameras,
            views,
            _for_keypoints(table, views.keypoints),
            trial=f"{trial}, {animal}",
            lengths=lengths.get(animal),
            uncertainty=uncertainty,
        )
        for animal, views in seen.items()
    }
    if table.axes is None or table.reference_point is None:
        return found
    needed = {name for axis in table.axes for name in axis[1:]} | {table.reference_point}
    base = next((one.poses for one in found.values() if needed <= set(one.poses.keypoints)), None)
    if base is None or not np.isfinite(base.points).any():
        return found
    frame = Frame3D(*standard_frame(base.points, base.keypoints, table.axes, table.reference_point))
    return {animal: _turned(one, frame) for animal, one in found.items()}


def seen_again(
    cameras: Cameras,
    views: Mapping[str, Mapping[str, Sequence[Poses2D]]],
    poses: Mapping[str, Poses3D],
    table: Triangulation,
) -> dict[str, MultiviewPoses]:
    """The points of each animal in all views, as in `animals_in_views`, told from where it is in space."""
    if set(poses) == {UNNAMED}:
        return animals_in_views(cameras, views, table)
    named = {
        camera.name: by_projection(
            {name: _best(found) for name, found in views[camera.name].items()},
            poses,
            camera,
            threshold_px=table.reproj_error_threshold,
        )
        for camera in cameras
    }
    result = {}
    for animal, found in poses.items():
        nothing = _nothing(found.keypoints)
        result[animal] = MultiviewPoses.from_views(
            {camera: view.get(animal, nothing) for camera, view in named.items()}
        )
    return result


def by_projection(
    view: Mapping[str, Poses2D], poses: Mapping[str, Poses3D], camera: Camera, *, threshold_px: float
) -> dict[str, Poses2D]:
    """The points of a view with the animals named as in space: each the one that is projected there.

    Args:
        view: on the sensor that was calibrated, in the frames of the trial.
        poses: of all animals.
        threshold_px: from which distance on a point is an outlier.
    """
    if set(poses) == {UNNAMED}:
        return dict(view)
    result = {name: found for name, found in view.items() if name == UNIQUE_BODYPARTS}
    confused = {name: found for name, found in view.items() if name != UNIQUE_BODYPARTS}
    in_space = {name: found for name, found in poses.items() if name != UNIQUE_BODYPARTS}
    if not confused or not in_space:
        return result
    points, scores, keypoints = _stacked({camera.name: confused})
    expected = np.full((points.shape[1], len(in_space), len(keypoints), 2), np.nan)
    for place, found in enumerate(in_space.values()):
        inside = found.frame_numbers < len(expected)
        projected = camera.project(found.frame.to_world(found.points[inside]))
        for column, name in enumerate(keypoints):
            if name in found.keypoints:
                rows = found.frame_numbers[inside]
                expected[rows, place, column] = projected[:, found.keypoints.index(name)]
    slots = nearest_animals(points[0], np.nan_to_num(scores[0]), expected, threshold_px=threshold_px)
    points, scores = (gathered(values, slots[:, None]) for values in (points, scores))
    scorer = next(iter(view.values())).scorer
    for place, name in enumerate(in_space):
        result[name] = Poses2D(keypoints, points[0, :, place], scores[0, :, place], scorer)
    return {name: result[name] for name in poses if name in result}


def _matched(
    cameras: Cameras, views: Mapping[str, Mapping[str, Poses2D]], table: Triangulation
) -> dict[str, MultiviewPoses]:
    points, scores, keypoints = _stacked(views)
    good = (scores >= table.score_threshold) & np.isfinite(points).all(axis=-1)
    n_animals = _count([tuple(view) for view in views.values()], np.asarray(good.any(axis=-1)))
    slots = match_identities(
        cameras,
        np.where(good[..., None], points, np.nan),
        np.where(good, scores, np.nan),
        n_animals,
        threshold_px=table.reproj_error_threshold,
    )
    points, scores = gathered(points, slots), gathered(scores, slots)
    names = _names(slots, [tuple(view) for view in views.values()])
    return {
        names[number]: MultiviewPoses(tuple(views), keypoints, points[:, :, number], scores[:, :, number])
        for number in np.argsort([_rank(name, views) for name in names], kind="stable").tolist()
    }


def _stacked(
    views: Mapping[str, Mapping[str, Poses2D]],
) -> tuple[
    Float[Array, "camera frame instance keypoint 2"],
    Float[Array, "camera frame instance keypoint"],
    tuple[str, ...],
]:
    """Points and scores of all instances in all views, NaN where a view has fewer; and the keypoints."""
    everyone = [poses for view in views.values() for poses in view.values()]
    keypoints = tuple(dict.fromkeys(name for poses in everyone for name in poses.keypoints))
    n_frames = max(poses.n_frames for poses in everyone)
    n_instances = max(len(view) for view in views.values())
    points = np.full((len(views), n_frames, n_instances, len(keypoints), 2), np.nan)
    scores = np.full(points.shape[:-1], np.nan)
    for row, view in enumerate(views.values()):
        for number, poses in enumerate(view.values()):
            columns = [keypoints.index(name) for name in poses.keypoints]
            points[row, : poses.n_frames, number, columns] = poses.points.swapaxes(0, 1)
            scores[row, : poses.n_frames, number, columns] = poses.scores.T
    return points, scores, keypoints


def _count(names: Sequence[tuple[str, ...]], present: NDArray[np.bool_]) -> int:
    """How many animals there are.

    Where all trackers have the same names, those were chosen. Otherwise as many as a view has at a time,
    now and then.
    """
    if len({frozenset(some) for some in names}) == 1:
        return len(names[0])
    most = 1
    for view in present:
        together = view.sum(axis=1)
        for number in range(2, view.shape[1] + 1):
            if (together >= number).sum() > COUNTED_SHARE * (together > 0).sum():
                most = max(most, number)
    return most


def _names(
    slots: Int[NDArray[np.int64], "frame camera animal"], names: Sequence[tuple[str, ...]]
) -> list[str]:
    """What the animals are called by most frames of the first view with several; by others who is left."""
    n_animals = slots.shape[2]
    found: dict[int, str] = {}
    for camera, some in sorted(enumerate(names), key=lambda item: len(item[1]) < 2):
        free = [place for place, name in enumerate(some) if name not in (*found.values(), UNNAMED)]
        nameless = [number for number in range(n_animals) if number not in found]
        votes = np.array(
            [[(slots[:, camera, number] == place).sum() for place in free] for number in nameless]
        )
        if votes.size:
            for row, column in zip(*linear_sum_assignment(-votes), strict=True):
                if votes[row, column] > 0 or camera == 0:
                    found[nameless[row]] = some[free[column]]
    spare = iter(f"animal{number}" for number in range(1, 2 * n_animals + 1))
    return [
        found[number] if number in found else next(name for name in spare if name not in found.values())
        for number in range(n_animals)
    ]


def _rank(name: str, views: Mapping[str, Mapping[str, Poses2D]]) -> int:
    """Animals are in the order in which the files name them."""
    order = list(dict.fromkeys(animal for view in views.values() for animal in view))
    return order.index(name) if name in order else len(order)


def _best(candidates: Sequence[Poses2D]) -> Poses2D:
    """The candidate with the highest score of each keypoint."""
    if len(candidates) == 1:
        return candidates[0]
    points, scores = best_candidate(
        np.stack([one.points for one in candidates], axis=2),
        np.stack([one.scores for one in candidates], axis=2),
    )
    return replace(candidates[0], points=points, scores=scores)


def _nothing(keypoints: tuple[str, ...]) -> Poses2D:
    """Points of a view without any."""
    return Poses2D(keypoints, np.empty((0, len(keypoints), 2)), np.empty((0, len(keypoints))))


def _require_known(seen: Mapping[str, MultiviewPoses], table: Triangulation) -> None:
    """Keypoints of the settings have to be those of some animal."""
    known = tuple(dict.fromkeys(name for views in seen.values() for name in views.keypoints))
    for key in ("constraints", "constraints_weak", "fix_swaps"):
        names = [name for pair in getattr(table, key) for name in pair]
        require_keypoints({f"triangulation.{key}": names}, known)
    if table.axes is not None and table.reference_point is not None:
        names = [name for axis in table.axes for name in axis[1:]] + [table.reference_point]
        require_keypoints({"triangulation.axes": names}, known)


def _for_keypoints(table: Triangulation, keypoints: Sequence[str]) -> Triangulation:
    """The settings, as far as they are about these keypoints, and without axes."""
    pairs = {
        key: tuple(pair for pair in getattr(table, key) if set(pair) <= set(keypoints))
        for key in ("constraints", "constraints_weak", "fix_swaps")
    }
    return table.model_copy(update={**pairs, "axes": None, "reference_point": None})


def _turned(found: Reconstruction, frame: Frame3D) -> Reconstruction:
    """From the world of the calibration to another frame of reference."""
    poses = replace(found.poses, points=frame.from_world(found.poses.points), frame=frame)
    covariances = frame.rotation @ found.covariances @ frame.rotation.T
    return replace(found, poses=poses, covariances=covariances)
