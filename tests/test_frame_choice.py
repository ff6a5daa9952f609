"""Frames are chosen where badness is made to be."""

import numpy as np

from anipose.frame_choice import badness_of_change, badness_of_scores, choose_frames
from anipose.poses import MultiviewPoses

NAN = np.nan


def views(points: np.ndarray, scores: np.ndarray) -> MultiviewPoses:
    return MultiviewPoses(("A",), ("nose",), points[None, :, None], scores[None, :, None])


def test_worst_first_and_apart_in_time() -> None:
    values = np.zeros(100)
    values[[10, 11, 12, 60, 90]] = [5, 9, 8, 4, 3]
    chosen = choose_frames({"score": {("s", "t"): values}}, 3)
    assert [(choice.frame, choice.badness) for choice in chosen] == [(11, 9), (60, 4), (90, 3)]


def test_sessions_and_trials_take_turns() -> None:
    """The first session is far worse everywhere, and still the second one has its half."""
    bad, good = np.full(100, 50.0), np.full(100, 1.0)
    trials = {("s1", "a"): bad, ("s1", "b"): bad, ("s2", "c"): good}
    chosen = choose_frames({"score": trials}, 8)
    where = [choice.trial for choice in chosen]
    assert [where.count(trial) for trial in trials] == [2, 2, 4]


def test_reasons_take_turns_and_zero_is_no_reason() -> None:
    scores, errors = np.ones(50), np.zeros(50)
    errors[7] = 3
    chosen = choose_frames({"reprojection-error": {("t",): errors}, "score": {("t",): scores}}, 4)
    assert [choice.reason for choice in chosen] == ["reprojection-error", "score", "score", "score"]
    assert chosen[0].frame == 7


def test_fewer_are_chosen_when_there_are_no_more() -> None:
    assert len(choose_frames({"random": {("t",): np.ones(3)}}, 10)) == 3
    assert choose_frames({"filter-change": {}}, 10) == ()


def test_a_lost_keypoint_is_as_bad_as_a_score_of_0() -> None:
    seen = views(np.zeros((3, 2)), np.array([0.75, 0.0, NAN]))
    np.testing.assert_allclose(badness_of_scores(seen), [0.25, 1, 1])


def test_change_is_how_far_a_filter_moved_or_dropped_a_point() -> None:
    before = views(np.array([[0, 0], [0, 0], [0, 0], [NAN, NAN]], float), np.ones(4))
    after = views(np.array([[3, 4], [300, 400], [NAN, NAN], [1, 1]], float), np.ones(4))
    np.testing.assert_array_equal(badness_of_change(before, after), [5, 50, 50, 0])
