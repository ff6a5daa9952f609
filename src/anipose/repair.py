"""Repairing tracked points in 2D: the filters of the config, one after the other, and what each changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from anipose.arrays import NDArray
from anipose.config import Filter
from anipose.filters.median import filter_median
from anipose.filters.point_autoencoder import PointAutoencoder
from anipose.filters.score_autoencoder import ScoreAutoencoder
from anipose.filters.viterbi import filter_viterbi
from anipose.poses import Candidates2D, Change, Poses2D

# Points that moved by less than this, in pixels, are the same but for rounding.
SAME_PX = 1e-6
# What the score autoencoder is given for a keypoint that this camera's tracker does not know.
UNKNOWN_SCORE = 0.5


@dataclass(frozen=True)
class Autoencoders:
    """The trained models that the filters need; None where no filter does."""

    scores: ScoreAutoencoder | None = None
    points: PointAutoencoder | None = None


def repair(tracked: Candidates2D, table: Filter, models: Autoencoders) -> tuple[Poses2D, tuple[Change, ...]]:
    """The points after all filters, and what each of them changed."""
    current, changes = tracked, []
    for name in table.type:
        after = _apply(name, current, table, models)
        changes += list(_changes(name, current.best(), after.best(), table.score_threshold))
        current = after
    return current.best(), tuple(changes)


def _apply(name: str, tracked: Candidates2D, table: Filter, models: Autoencoders) -> Candidates2D:
    if name == "autoencoder" and models.scores is not None:
        return replace(tracked, scores=_corrected_scores(tracked, models.scores))
    if name == "viterbi":
        points, scores = filter_viterbi(
            tracked.points,
            tracked.scores,
            n_back=table.n_back,
            offset_threshold=table.offset_threshold,
            score_threshold=table.score_threshold,
        )
        return Candidates2D.of(replace(tracked.best(), points=points, scores=scores))
    poses = tracked.best()
    if name == "medfilt":
        filtered = filter_median(
            poses.points,
            poses.scores,
            size=table.medfilt,
            offset_threshold=table.offset_threshold,
            score_threshold=table.score_threshold,
            spline=table.spline,
            max_gap=table.max_gap,
        )
        # As in the files: a point that was filled in for a missing one has the score 0.
        scores = np.where(filtered.interpolated, np.nan_to_num(poses.scores), poses.scores)
        return Candidates2D.of(replace(poses, points=filtered.points, scores=scores))
    if name == "autoencoder_points" and models.points is not None:
        return Candidates2D.of(_corrected_points(poses, models.points, table))
    raise ValueError(f"the filter {name} has no model")


def _corrected_scores(tracked: Candidates2D, model: ScoreAutoencoder) -> NDArray[np.float64]:
    """Scores (frame, keypoint, candidate); of keypoints that the model does not know, as they are."""
    columns = {name: tracked.keypoints.index(name) for name in model.keypoints if name in tracked.keypoints}
    scores = np.full((*tracked.scores.shape[::2], len(model.keypoints)), UNKNOWN_SCORE).swapaxes(1, 2)
    for place, name in enumerate(model.keypoints):
        if name in columns:
            scores[:, place] = tracked.scores[:, columns[name]]
    corrected = model.correct(scores)
    result = tracked.scores.copy()
    for place, name in enumerate(model.keypoints):
        if name in columns:
            result[:, columns[name]] = corrected[:, place]
    return result


def _corrected_points(poses: Poses2D, model: PointAutoencoder, table: Filter) -> Poses2D:
    """Keypoints that the model does not know stay as they are."""
    known = [name for name in model.keypoints if name in poses.keypoints]
    inner = [model.keypoints.index(name) for name in known]
    outer = [poses.keypoints.index(name) for name in known]
    points = np.full((poses.n_frames, len(model.keypoints), 2), np.nan)
    scores = np.full(points.shape[:2], np.nan)
    points[:, inner], scores[:, inner] = poses.points[:, outer], poses.scores[:, outer]
    corrected, rated = model.correct(
        points, scores, offset_threshold=table.offset_threshold, score_threshold=table.score_threshold
    )
    all_points, all_scores = poses.points.copy(), poses.scores.copy()
    all_points[:, outer], all_scores[:, outer] = corrected[:, inner], rated[:, inner]
    return replace(poses, points=all_points, scores=all_scores)


def _changes(name: str, before: Poses2D, after: Poses2D, score_threshold: float) -> Iterator[Change]:
    had, has = (np.isfinite(poses.points).all(axis=-1) for poses in (before, after))
    moved = np.linalg.norm(after.points - before.points, axis=-1) > SAME_PX  # false for NaN
    rescored = had & has & ((before.scores >= score_threshold) != (after.scores >= score_threshold))
    counts: Mapping[str, NDArray[np.int64]] = {
        "dropped": (had & ~has).sum(axis=0),
        "filled": (~had & has).sum(axis=0),
        "moved": moved.sum(axis=0),
        "rescored": rescored.sum(axis=0),
    }
    for column, keypoint in enumerate(before.keypoints):
        numbers = {key: int(values[column]) for key, values in counts.items()}
        yield Change(name, keypoint, before.n_frames, **numbers)
