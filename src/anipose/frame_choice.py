"""Choosing frames worth labelling: where tracking is worst, spread over sessions and over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.poses import MultiviewPoses, Poses3D

Array = NDArray[np.float64]

# Two frames of a trial are at least this part of it apart, per frame that is chosen in it.
SPACING = 0.25
# A point that a filter moved farther than this, or took away, is as changed as can be, in pixels.
FULL_CHANGE_PX = 50.0


@dataclass(frozen=True)
class Choice:
    """A chosen frame.

    Attributes:
        trial: the folders of its session, and its name.
        frame: number in the videos, from 0.
        reason: the key of the badness it was chosen by.
        badness: how bad the frame is by that.
    """

    trial: tuple[str, ...]
    frame: int
    reason: str
    badness: float


def choose_frames(
    badness: Mapping[str, Mapping[tuple[str, ...], Float[Array, "frame"]]], n_frames: int
) -> tuple[Choice, ...]:
    """The worst frames by every reason in turn; sessions take turns as well, and their trials.

    Args:
        badness: reason -> trial -> badness of each frame; NaN or 0: not to be chosen by this.
        n_frames: how many in all; fewer, if there are no more with the distance in time.
    """
    chosen: list[Choice] = []
    open_reasons = {reason: trials for reason, trials in badness.items() if trials}
    n_trials = max((len(trials) for trials in open_reasons.values()), default=1)
    per_trial = max(1, -(-n_frames // n_trials))
    while open_reasons and len(chosen) < n_frames:
        for reason in list(open_reasons):
            found = _next_choice(reason, open_reasons[reason], chosen, per_trial)
            if found is None:
                del open_reasons[reason]
            elif len(chosen) < n_frames:
                chosen.append(found)
    return tuple(chosen)


def _next_choice(
    reason: str,
    trials: Mapping[tuple[str, ...], Float[Array, "frame"]],
    chosen: Sequence[Choice],
    per_trial: int,
) -> Choice | None:
    """The worst frame of the trial whose turn it is; None if no trial has one left."""

    def turn(trial: tuple[str, ...]) -> tuple[int, int]:
        in_session = sum(other.trial[:-1] == trial[:-1] for other in chosen)
        return in_session, sum(other.trial == trial for other in chosen)

    for trial in sorted(trials, key=lambda trial: (*turn(trial), trial)):
        values = np.nan_to_num(trials[trial])
        spacing = max(1, int(SPACING * len(values) / per_trial))
        for other in chosen:
            if other.trial == trial:
                values[max(0, other.frame - spacing + 1) : other.frame + spacing] = 0
        if values.max(initial=0) > 0:
            frame = int(values.argmax())
            return Choice(trial, frame, reason, float(values[frame]))
    return None


def badness_of_scores(seen: MultiviewPoses) -> Float[Array, "frame"]:
    """Mean over views and keypoints of 1 - score; a keypoint that is not found counts as score 0."""
    bad: Array = 1 - np.clip(np.nan_to_num(seen.scores), 0, 1).mean(axis=(0, 2))
    return bad


def badness_of_reprojection(poses: Poses3D) -> Float[Array, "frame"]:
    """Largest reprojection error of the keypoints, in pixels; 0 where nothing is known."""
    bad: Array = np.nan_to_num(poses.errors).max(axis=1, initial=0)
    return bad


def badness_of_change(before: MultiviewPoses, after: MultiviewPoses) -> Float[Array, "frame"]:
    """Mean over views and keypoints of how far the filters moved a point, at most 50 px; dropped is 50 px."""
    n_frames = min(before.n_frames, after.n_frames)
    columns = [after.keypoints.index(name) for name in before.keypoints if name in after.keypoints]
    kept = [before.keypoints.index(after.keypoints[column]) for column in columns]
    was, now = before.points[:, :n_frames][:, :, kept], after.points[:, :n_frames][:, :, columns]
    distance = np.minimum(np.linalg.norm(now - was, axis=-1), FULL_CHANGE_PX)
    gone = np.isfinite(was).all(axis=-1) & np.isnan(now).any(axis=-1)
    bad: Array = np.where(gone, FULL_CHANGE_PX, np.nan_to_num(distance)).mean(axis=(0, 2))
    return bad


def badness_at_random(n_frames: int, rng: np.random.Generator) -> Float[Array, "frame"]:
    """All frames in random order."""
    return (rng.permutation(n_frames) + 1.0) / max(n_frames, 1)
