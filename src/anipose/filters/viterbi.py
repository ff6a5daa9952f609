"""The likeliest path of each keypoint through its candidates.

A tracker may offer several candidates for a keypoint in a frame. The best one taken by itself is a decoy
now and then; a path that has to pay for every jump is not misled as easily.

The model is a hidden Markov chain per keypoint. Its states in a frame are the candidates of this frame and
of the frames before it, `n_back` frames in all, in that order: an older candidate stands for "it has not
moved since". Where there is none at all the keypoint is missing, which is a state of its own. With d the
distance between two states in pixels, s the `offset_threshold` and Φ the normal distribution,

    log P(state) = log(score / 2^age),                             log 0.001 for missing,
    log P(a → b) = log(Φ((d + 2) / s) - Φ((d - 2) / s)),           log 0.001 to and from missing,

or -100 where that difference is less than 2^-54, beyond some 8 s: however long, a jump costs the same.
The path with the highest sum is found by dynamic programming (Viterbi 1967; Rabiner 1989, section III B).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from anipose.arrays import NDArray

Array = NDArray[np.float64]

# Candidates this close are one peak of the heatmap, found twice.
DUPLICATE_PX = 5.0
# A jump is judged by the chance to land within this distance of where it ends.
LANDING_PX = 2.0
# Any jump is possible, but one less likely than this costs as much as the longest. It is where the older
# Anipose, which takes the difference of two numbers close to 1, finds 0, so that the paths are the same, save
# those that hang on a jump just short of it, whose cost is mostly rounding there (0.1 % of the points among
# decoys). A cost that goes on growing gave no fewer wrong points: 2 % more or less, in slow or fast motion.
LEAST_PROBABILITY = 2.0**-54
LOG_LONGEST_JUMP = -100.0
LOG_MISSING = float(np.log(0.001))
# Transitions are worked out for as many frames at once as make this many numbers (2 MB): few enough to
# stay in the processor's cache and to bound memory, enough to spare Python's cost per call.
BLOCK_SIZE = 2**18


def filter_viterbi(
    points: Float[np.ndarray, "frame keypoint candidate 2"],
    scores: Float[np.ndarray, "frame keypoint candidate"],
    *,
    n_back: int,
    offset_threshold: float,
    score_threshold: float,
) -> tuple[Float[np.ndarray, "frame keypoint 2"], Float[np.ndarray, "frame keypoint"]]:
    """The candidates on the likeliest path of each keypoint; see the module for the model.

    Candidates are left out if a coordinate is not finite, if the score is below the threshold, not positive
    or NaN, or if an earlier candidate of the frame lies within 5 px: the best should come first.

    Args:
        points: pixels; NaN where there is no candidate.
        scores: confidence of each candidate, usually 0 to 1.
        n_back: number of frames whose candidates are states, with the frame itself; at least 1.
        offset_threshold: the typical jump between two frames, pixels.
        score_threshold: candidates with a lower score do not count.

    Returns:
        Points and scores. A point held over from an earlier frame has its score halved for each frame that
        has passed. NaN where there was no candidate in `n_back` frames.
    """
    if n_back < 1:
        raise ValueError(f"n_back is {n_back}, expected at least 1")
    if not offset_threshold > 0:
        raise ValueError(f"offset_threshold is {offset_threshold}, expected more than 0")
    if not len(points):
        return points[:, :, 0].astype(np.float64), scores[:, :, 0].astype(np.float64)
    states = States(*_usable(points, scores, score_threshold, n_padding=2 * n_back), n_back=n_back)
    return states.values(_likeliest_states(states, offset_threshold))


def _usable(
    points: Float[np.ndarray, "frame keypoint candidate 2"],
    scores: Float[np.ndarray, "frame keypoint candidate"],
    score_threshold: float,
    n_padding: int,
) -> tuple[Float[Array, "2 padded keypoint candidate"], Float[Array, "padded keypoint candidate"]]:
    """Candidates that count, the others NaN with score 0; frames without any are put before the first."""
    usable = np.isfinite(points).all(axis=-1) & (scores >= score_threshold) & (scores > 0)
    x, y = np.where(usable, np.moveaxis(points, -1, 0), np.nan)
    for later in range(1, x.shape[-1]):
        squared = (x[..., :later] - x[..., later, None]) ** 2 + (y[..., :later] - y[..., later, None]) ** 2
        usable[..., later] &= ~(squared <= DUPLICATE_PX**2).any(axis=-1)
    padding = ((n_padding, 0), (0, 0), (0, 0))
    kept = [np.pad(np.where(usable, axis, np.nan), padding, constant_values=np.nan) for axis in (x, y)]
    return np.stack(kept), np.pad(np.where(usable, scores, 0.0), padding)


@dataclass(frozen=True)
class States:
    """The states of every keypoint, frame by frame, numbered by age and then by candidate.

    A missing keypoint has state 0, whose place is free.

    Attributes:
        points: (2, padded, keypoint, candidate), pixels; NaN where there is no candidate.
        scores: (padded, keypoint, candidate); 0 where there is no candidate.
        n_back: number of ages. Twice as many frames without candidates come before frame 0.
    """

    points: Array
    scores: Array
    n_back: int

    @property
    def n_frames(self) -> int:
        return len(self.scores) - 2 * self.n_back

    @property
    def n_keypoints(self) -> int:
        return int(self.scores.shape[1])

    @property
    def n_candidates(self) -> int:
        return int(self.scores.shape[2])

    @property
    def n_states(self) -> int:
        return self.n_back * self.n_candidates

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First frames and ends of pieces that together cover all frames."""
        n_frames = max(1, BLOCK_SIZE // (self.n_keypoints * self.n_states**2))
        for start in range(0, self.n_frames, n_frames):
            yield start, min(start + n_frames, self.n_frames)

    def missing(self, start: int, stop: int) -> Bool[np.ndarray, "frame keypoint"]:
        """Where there is no candidate of any age; `start` may be -1."""
        absent = (self._frames(self.scores, start - self.n_back + 1, stop) == 0).all(axis=-1)
        windows = np.lib.stride_tricks.sliding_window_view(absent, self.n_back, axis=0)
        missing: NDArray[np.bool_] = np.all(windows, axis=-1)
        return missing

    def log_scores(self, start: int, stop: int) -> Float[Array, "frame keypoint state"]:
        """log P of each state; -inf where there is none."""
        aged = [self._frames(self.scores, start - age, stop - age) / 2.0**age for age in range(self.n_back)]
        with np.errstate(divide="ignore"):
            log_scores = np.log(np.concatenate(aged, axis=-1))
        log_scores[self.missing(start, stop), 0] = LOG_MISSING
        return log_scores

    def log_transitions(
        self, start: int, stop: int, offset_threshold: float
    ) -> Float[Array, "frame keypoint state previous_state"]:
        """log P of coming to each state of a frame from each state of the frame before.

        Both are candidates of some frames, and it is the lag between these that tells pairs apart: n_back + 1
        lags make all the n_back² pairs of ages. Where a state does not exist the value is finite, no more.
        """
        first = start - self.n_back + 1
        by_lag = [self._log_jumps(first, stop, lag, offset_threshold) for lag in range(self.n_back + 1)]
        shape = (self.n_back, self.n_candidates)
        log_transitions = np.empty((stop - start, self.n_keypoints, *shape, *shape))
        for age in range(self.n_back):
            for previous_age in range(self.n_back):
                lag = previous_age + 1 - age
                newer = start - first - min(age, previous_age + 1)  # the later frame of the two
                jumps = by_lag[abs(lag)][newer : newer + stop - start]
                log_transitions[:, :, age, :, previous_age] = jumps if lag >= 0 else jumps.swapaxes(-1, -2)
        missing = self.missing(start - 1, stop)
        log_transitions[missing[1:] | missing[:-1]] = LOG_MISSING
        return log_transitions.reshape(stop - start, self.n_keypoints, self.n_states, self.n_states)

    def values(
        self, chosen: Int[np.ndarray, "frame keypoint"]
    ) -> tuple[Float[Array, "frame keypoint 2"], Float[Array, "frame keypoint"]]:
        """Points and scores of one state per frame and keypoint; NaN where it is missing."""
        age, candidate = np.divmod(chosen, self.n_candidates)
        frame = 2 * self.n_back + np.arange(self.n_frames)[:, None] - age
        keypoint = np.arange(self.n_keypoints)
        scores = self.scores[frame, keypoint, candidate] / 2.0**age
        points = np.stack([axis[frame, keypoint, candidate] for axis in self.points], axis=-1)
        return points, np.where(scores > 0, scores, np.nan)

    def _frames(self, array: Array, start: int, stop: int) -> Array:
        return array[2 * self.n_back + start : 2 * self.n_back + stop]

    def _log_jumps(
        self, start: int, stop: int, lag: int, offset_threshold: float
    ) -> Float[Array, "frame keypoint candidate earlier_candidate"]:
        """log P of the jumps between the candidates of each frame and of the one `lag` frames before."""
        squared = np.zeros((stop - start, self.n_keypoints, self.n_candidates, self.n_candidates))
        for axis in self.points:
            now, then = self._frames(axis, start, stop), self._frames(axis, start - lag, stop - lag)
            squared += (now[..., :, None] - then[..., None, :]) ** 2
        distance = np.sqrt(squared, out=squared)
        # The tails below -d: as large as those above d, but exact where the distribution itself is near 1.
        probability = ndtr((LANDING_PX - distance) / offset_threshold)
        probability -= ndtr((-LANDING_PX - distance) / offset_threshold)
        possible = probability >= LEAST_PROBABILITY  # false for NaN
        return np.log(probability, out=np.full_like(probability, LOG_LONGEST_JUMP), where=possible)


def _likeliest_states(states: States, offset_threshold: float) -> Int[np.ndarray, "frame keypoint"]:
    """The state of each frame on the path with the highest probability; of equals, the first."""
    shape = (states.n_frames, states.n_keypoints, states.n_states)
    came_from = np.empty(shape, dtype=np.min_scalar_type(states.n_states))
    best = np.empty(shape[1:])  # log P of the likeliest path to each state of the frame
    for start, stop in states.blocks():
        log_scores = states.log_scores(start, stop)
        log_transitions = states.log_transitions(start, stop, offset_threshold)
        for frame in range(start, stop):
            if frame == 0:
                best = log_scores[0]
                continue
            paths = np.add(log_transitions[frame - start], best[:, None, :])
            came_from[frame] = paths.argmax(axis=-1)
            best = paths.max(axis=-1) + log_scores[frame - start]
    chosen = np.empty(shape[:2], dtype=np.intp)
    chosen[-1] = best.argmax(axis=-1)
    keypoints = np.arange(states.n_keypoints)
    for frame in range(states.n_frames - 1, 0, -1):
        chosen[frame - 1] = came_from[frame, keypoints, chosen[frame]]
    return chosen
