"""The likeliest path: against a plainly written model, and against candidates with a known answer."""

from itertools import pairwise, product
from math import dist, erfc, log, sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import anipose.filters.viterbi
from anipose.arrays import NDArray
from anipose.filters.viterbi import filter_viterbi

Array = NDArray[np.float64]
State = tuple[float, float, float] | None  # x, y, score; None: missing


# The model, written plainly, for one keypoint and so few states that every path can be tried.


def plain_candidates(
    points: Array, scores: Array, score_threshold: float
) -> list[tuple[float, float, float]]:
    """The candidates of a frame that count."""
    found = [
        (float(x), float(y), float(score))
        for (x, y), score in zip(points, scores, strict=True)
        if np.isfinite([x, y]).all() and score >= score_threshold
    ]
    return [c for i, c in enumerate(found) if all(dist(c[:2], earlier[:2]) > 5 for earlier in found[:i])]


def plain_states(points: Array, scores: Array, n_back: int, score_threshold: float) -> list[list[State]]:
    """The states of each frame: its candidates, and the older ones with half the score per frame."""
    found = [plain_candidates(p, s, score_threshold) for p, s in zip(points, scores, strict=True)]
    states: list[list[State]] = []
    for frame in range(len(found)):
        aged = [
            (x, y, score / 2**age)
            for age in range(min(n_back, frame + 1))
            for x, y, score in found[frame - age]
        ]
        states.append([*aged] or [None])
    return states


def plain_log_transition(before: State, after: State, offset_threshold: float) -> float:
    if before is None or after is None:
        return log(0.001)
    d = dist(before[:2], after[:2])

    def tail(z: float) -> float:  # of the normal distribution, above z
        return erfc(z / sqrt(2)) / 2

    probability = tail((d - 2) / offset_threshold) - tail((d + 2) / offset_threshold)
    return log(probability) if probability >= 2**-54 else -100


def plain_log_probability(path: tuple[State, ...], offset_threshold: float) -> float:
    log_scores = sum(log(0.001 if state is None else state[2]) for state in path)
    return log_scores + sum(plain_log_transition(a, b, offset_threshold) for a, b in pairwise(path))


@st.composite
def small_cases(draw: st.DrawFn) -> tuple[Array, Array, int, float]:
    """Points (frame, candidate, 2), scores, n_back and offset_threshold; at most some thousand paths."""
    n_frames, n_candidates, n_back = draw(
        st.sampled_from([(1, 3, 2), (3, 3, 3), (4, 2, 3), (5, 2, 2), (6, 1, 3)])
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread = draw(st.sampled_from([4.0, 40.0, 400.0]))
    points = rng.normal(0, spread, (n_frames, n_candidates, 2))
    scores = rng.uniform(0.1, 1, (n_frames, n_candidates))
    absent = rng.random(scores.shape) < draw(st.sampled_from([0.0, 0.3, 0.7]))
    points[absent] = np.nan
    low = rng.random(scores.shape) < 0.1
    scores[low] = 0.09
    return points, scores, n_back, draw(st.sampled_from([3.0, 25.0]))


@given(small_cases())
@settings(max_examples=150, deadline=None)
def test_no_path_is_likelier(case: tuple[Array, Array, int, float]) -> None:
    points, scores, n_back, offset_threshold = case
    paths = list(product(*plain_states(points, scores, n_back, score_threshold=0.1)))
    log_probabilities = [plain_log_probability(path, offset_threshold) for path in paths]
    best, *others = np.argsort(log_probabilities)[::-1]
    # Two paths are one to rounding when they swap the same jumps: then either may be found.
    assume(not others or log_probabilities[best] - log_probabilities[others[0]] > 1e-6)
    missing = (np.nan, np.nan, np.nan)
    expected = np.array([missing if state is None else state for state in paths[best]])

    found, found_scores = filter_viterbi(
        points[:, None],
        scores[:, None],
        n_back=n_back,
        offset_threshold=offset_threshold,
        score_threshold=0.1,
    )

    np.testing.assert_array_equal(found[:, 0], expected[:, :2])
    np.testing.assert_array_equal(found_scores[:, 0], expected[:, 2])


# Candidates with a known answer.


def decoyed(
    rng: np.random.Generator, n_frames: int, n_keypoints: int, n_candidates: int
) -> tuple[Array, Array, Array]:
    """True points (frame, keypoint, 2), candidates and their scores, the best first.

    The truth moves 5 px per frame and is seen with 1.5 px of noise (both standard deviations, per axis) and
    a score of 0.3 to 1. The other candidates are anywhere in the picture with a score of 0 to 0.9.
    """
    truth = 500 + np.cumsum(rng.normal(0, 5, (n_frames, n_keypoints, 2)), axis=0)
    points = rng.uniform(0, 1280, (n_frames, n_keypoints, n_candidates, 2))
    points[:, :, 0] = truth + rng.normal(0, 1.5, truth.shape)
    scores = rng.uniform(0, 0.9, points.shape[:3])
    scores[:, :, 0] = rng.uniform(0.3, 1, scores.shape[:2])
    order = np.argsort(-scores, axis=-1)
    return (
        truth,
        np.take_along_axis(points, order[..., None], axis=2),
        np.take_along_axis(scores, order, axis=2),
    )


def is_wrong(points: Array, truth: Array) -> NDArray[np.bool_]:
    """More than 25 px off: neither a right candidate nor, but for 3 in 1000, one held for two frames."""
    wrong: NDArray[np.bool_] = np.linalg.norm(points - truth, axis=-1) > 25
    return wrong


def test_a_straight_path_is_found_between_likelier_decoys() -> None:
    frames = np.arange(50)
    points = np.random.default_rng(4).uniform(100, 1000, (50, 1, 2, 2))  # decoys, with the better score
    points[:, 0, 1] = frames[:, None]  # along x = y
    scores = np.tile([0.9, 0.6], (50, 1, 1))
    found, found_scores = filter_viterbi(points, scores, n_back=3, offset_threshold=10, score_threshold=0.1)
    np.testing.assert_array_equal(found[:, 0], np.stack([frames, frames], axis=1))
    np.testing.assert_array_equal(found_scores, 0.6)


@pytest.mark.parametrize("n_back", [1, 3])
def test_fewer_points_are_wrong_than_among_the_best_candidates(n_back: int) -> None:
    truth, points, scores = decoyed(np.random.default_rng(5), 1000, 4, 5)
    found, _ = filter_viterbi(points, scores, n_back=n_back, offset_threshold=15, score_threshold=0.05)
    assert is_wrong(points[:, :, 0], truth).mean() > 0.5  # with four decoys the best is mostly one of them
    # To go 25 px = 1.7 s to a decoy and back costs 2 × 1.7² / 2 = 2.8, and its better score makes up for at
    # most log(0.9 / 0.3) = 1.1: what is left are decoys that happen to follow each other.
    assert is_wrong(found, truth).mean() < 0.001


def test_the_answer_does_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    _, points, scores = decoyed(np.random.default_rng(6), 60, 3, 3)
    scores[20:31] = 0
    expected = filter_viterbi(points, scores, n_back=4, offset_threshold=15, score_threshold=0.05)
    for block_size in (1, 3 * 12**2 * 7):  # one frame, seven frames
        monkeypatch.setattr(anipose.filters.viterbi, "BLOCK_SIZE", block_size)
        found = filter_viterbi(points, scores, n_back=4, offset_threshold=15, score_threshold=0.05)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_keypoints_do_not_touch_each_other() -> None:
    _, points, scores = decoyed(np.random.default_rng(7), 100, 4, 3)
    together, _ = filter_viterbi(points, scores, n_back=3, offset_threshold=15, score_threshold=0.05)
    for keypoint in range(4):
        alone, _ = filter_viterbi(
            points[:, [keypoint]], scores[:, [keypoint]], n_back=3, offset_threshold=15, score_threshold=0.05
        )
        np.testing.assert_array_equal(alone[:, 0], together[:, keypoint])


# Nothing there.


def one_by_one(
    xs: list[float], scores: list[float], *, n_back: int = 1, score_threshold: float = 0.1
) -> tuple[list[float], list[float]]:
    """Filter one keypoint with one candidate per frame, on the line x = y."""
    points = np.repeat(np.array(xs, dtype=float), 2).reshape(-1, 1, 1, 2)
    found, found_scores = filter_viterbi(
        points,
        np.array(scores, dtype=float).reshape(-1, 1, 1),
        n_back=n_back,
        offset_threshold=25,
        score_threshold=score_threshold,
    )
    np.testing.assert_array_equal(found[..., 0], found[..., 1])
    return found[:, 0, 0].tolist(), found_scores[:, 0].tolist()


NAN = float("nan")


def test_a_gap_is_held_for_n_back_frames_and_then_missing() -> None:
    found, scores = one_by_one([NAN, 3, NAN, NAN, NAN, 4], [NAN, 0.8, NAN, NAN, NAN, 0.6], n_back=3)
    np.testing.assert_array_equal(found, [NAN, 3, 3, 3, NAN, 4])
    np.testing.assert_array_equal(scores, [NAN, 0.8, 0.4, 0.2, NAN, 0.6])


def test_gaps_at_both_ends_are_missing() -> None:
    found, scores = one_by_one([NAN, NAN, 5, 6, NAN], [NAN, NAN, 1, 1, NAN])
    np.testing.assert_array_equal(found, [NAN, NAN, 5, 6, NAN])
    np.testing.assert_array_equal(scores, [NAN, NAN, 1, 1, NAN])


@pytest.mark.parametrize(
    ("x", "score"),
    [(NAN, 0.9), (np.inf, 0.9), (7, NAN), (7, 0.09), (7, -1)],
    ids=["no position", "infinite position", "no score", "low score", "negative score"],
)
def test_a_candidate_that_does_not_count_is_missing(x: float, score: float) -> None:
    found, scores = one_by_one([4, x, 5], [1, score, 1])
    np.testing.assert_array_equal(found, [4, NAN, 5])
    np.testing.assert_array_equal(scores, [1, NAN, 1])


def test_a_score_of_0_never_counts_and_one_at_the_threshold_does() -> None:
    # Its logarithm is -inf: every path through it is as bad, and the older Anipose then took any.
    found, _ = one_by_one([4, 7, 5], [1, 0, 1], score_threshold=0)
    np.testing.assert_array_equal(found, [4, NAN, 5])
    found, _ = one_by_one([4, 7, 5], [1, 0.25, 1], score_threshold=0.25)
    np.testing.assert_array_equal(found, [4, 7, 5])


def test_a_point_at_minus_1_is_a_point() -> None:
    # The older Anipose marks missing points by x = -1, and takes a candidate there for one of them.
    found, _ = one_by_one([-1, -1, -1], [0.5, 0.5, 0.5])
    assert found == [-1, -1, -1]


def test_one_frame_is_its_best_candidate() -> None:
    points = np.array([[[[1.0, 2.0], [30.0, 40.0]]]])
    found, scores = filter_viterbi(
        points, np.array([[[0.3, 0.7]]]), n_back=3, offset_threshold=25, score_threshold=0.1
    )
    np.testing.assert_array_equal(found, [[[30, 40]]])
    np.testing.assert_array_equal(scores, [[0.7]])


@pytest.mark.parametrize("n_frames", [0, 1, 7])
def test_keypoints_without_candidates_are_missing(n_frames: int) -> None:
    points = np.full((n_frames, 2, 3, 2), np.nan)
    found, scores = filter_viterbi(
        points, np.full((n_frames, 2, 3), np.nan), n_back=3, offset_threshold=25, score_threshold=0.1
    )
    np.testing.assert_array_equal(found, np.full((n_frames, 2, 2), np.nan))
    np.testing.assert_array_equal(scores, np.full((n_frames, 2), np.nan))


@pytest.mark.parametrize(("distance", "expected"), [(5.0, 0.0), (5.01, 5.01)])
def test_of_two_candidates_within_5_px_the_later_is_dropped(distance: float, expected: float) -> None:
    points = np.array([[[[0.0, 0.0], [0.0, distance]]]])
    found, _ = filter_viterbi(
        points, np.array([[[0.3, 0.7]]]), n_back=1, offset_threshold=25, score_threshold=0.1
    )
    np.testing.assert_array_equal(found, [[[0, expected]]])


def test_the_input_is_not_written_to() -> None:
    _, points, scores = decoyed(np.random.default_rng(8), 20, 2, 2)
    before = points.copy(), scores.copy()
    filter_viterbi(points, scores, n_back=3, offset_threshold=15, score_threshold=0.5)
    np.testing.assert_array_equal(points, before[0])
    np.testing.assert_array_equal(scores, before[1])


def test_settings_without_meaning_are_refused() -> None:
    points, scores = np.zeros((1, 1, 1, 2)), np.ones((1, 1, 1))
    with pytest.raises(ValueError, match="n_back is 0, expected at least 1"):
        filter_viterbi(points, scores, n_back=0, offset_threshold=25, score_threshold=0.1)
    with pytest.raises(ValueError, match="offset_threshold is 0, expected more than 0"):
        filter_viterbi(points, scores, n_back=1, offset_threshold=0, score_threshold=0.1)


# Real predictions.


@pytest.mark.parametrize(("view", "expected_before"), [("top", 161), ("bot", 1)])
def test_real_predictions_do_not_get_worse(shared_data: Path, view: str, expected_before: int) -> None:
    """Points of five networks more than 25 px from the median of the five, of 10 020; see the README.

    With one candidate per frame there is nothing to choose but to hold on, so the gain is small.
    """
    recording = shared_data / "mirror-mouse"
    reference = pd.read_csv(recording / f"reference/median-of-5-networks_{view}.csv", index_col="frame")
    truth = reference.to_numpy().reshape(len(reference), -1, 2)
    before, after = 0, 0
    for network in range(5):
        table = pd.read_hdf(recording / f"experiment-filter/network{network}/pose-2d/180607_004_{view}.h5")
        predicted = table.to_numpy().reshape(len(table), -1, 1, 3)
        found, _ = filter_viterbi(  # with the settings of the recording's config.toml
            predicted[..., :2], predicted[..., 2], n_back=5, offset_threshold=15, score_threshold=0.1
        )
        before += int(is_wrong(predicted[:, :, 0, :2], truth).sum())
        after += int(is_wrong(found, truth).sum())
    assert before == expected_before
    assert after <= before
