"""Points move on known paths, and are given to the tracks as a tracker would that guessed wrong."""

import numpy as np
import pytest

from anipose.trackers.marker_identities import identified, seen_alone

NAN = np.nan


def given(
    truth: np.ndarray, visible: np.ndarray, swapped_from: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, scores and where there is no doubt; the first two are exchanged from a frame on."""
    points = np.where(visible[..., None], truth, NAN)
    if swapped_from is not None:
        points[swapped_from:, [0, 1]] = points[swapped_from:, [1, 0]]
    seen = np.isfinite(points[..., 0])
    return points, np.where(seen, 0.95, NAN), seen


def crossing(n_frames: int, *, rise: float) -> np.ndarray:
    """Two that meet in the middle, at 4 px a frame; `rise` is by how much their courses differ."""
    n = np.arange(n_frames) - n_frames / 2
    return np.stack([np.stack([4 * n, rise * n], axis=-1), np.stack([4 * n, -rise * n], axis=-1)], axis=1)


def test_two_that_cross_while_both_are_hidden() -> None:
    """30 frames are hidden; before and after they are 20 px apart, and go 1 px a frame apart or together."""
    truth = crossing(200, rise=0.5) + np.random.default_rng(0).normal(0, 0.1, (200, 2, 2))
    visible = np.ones((200, 2), bool)
    visible[85:115] = False
    points, scores, doubtless = given(truth, visible, swapped_from=115)
    found, rated = identified(points, scores, doubtless, max_gap=30)
    np.testing.assert_array_equal(found[visible], truth[visible])
    assert np.isnan(found[~visible]).all()
    assert rated[visible].min() > 0.9


def test_two_that_come_out_beside_each_other_at_one_speed() -> None:
    """They turn while they are hidden, nobody knows where; from then on it is even, and the score says so."""
    rng = np.random.default_rng(1)
    wander = np.cumsum(np.cumsum(rng.normal(0, 0.3, (3000, 2, 2)), axis=0), axis=0)  # as they do at all times
    wander -= wander.mean(axis=0)
    visible = np.ones((3000, 2), bool)
    visible[1500:1530] = False
    before, after = wander[:1500, :1], wander[1530:, :1]
    truth = wander.copy()
    truth[:1500] = np.concatenate([before, before + 3], axis=1)
    truth[1530:] = np.concatenate([after, after + 3], axis=1)
    _, rated = identified(*given(truth, visible), max_gap=30)
    assert rated[:1500].min() > 0.9
    assert rated[1530:].max() < 0.6


def test_a_doubt_about_two_is_none_about_a_third() -> None:
    truth = np.concatenate([crossing(200, rise=0.0), np.full((200, 1, 2), 300.0)], axis=1)
    truth += np.random.default_rng(2).normal(0, 0.1, truth.shape)
    visible = np.ones((200, 3), bool)
    visible[85:115, :2] = False
    _, rated = identified(*given(truth, visible), max_gap=30)
    assert rated[120:, :2].max() < 0.7
    assert rated[:, 2].min() > 0.9


def test_points_in_doubt_go_to_the_marker_that_was_there() -> None:
    """While they overlap, the tracker exchanges them for some frames."""
    truth = crossing(100, rise=1.0)
    doubt = np.abs(np.arange(100) - 50) < 8
    points, scores, _ = given(truth, np.ones((100, 2), bool))
    points[52:58] = points[52:58, ::-1]
    found, _ = identified(points, scores, np.repeat(~doubt[:, None], 2, axis=1), max_gap=30)
    np.testing.assert_array_equal(found[52:], truth[52:])


def test_seen_alone() -> None:
    """Half hidden for some frames, taken for one with another for some, and slowly coming nearer."""
    areas = np.linspace(100, 130, 200)[:, None]
    areas[50:60] *= 0.5
    areas[100:120] *= 1.8
    areas[150:155] = NAN
    alone = seen_alone(areas)[:, 0]
    doubtful = np.zeros(200, bool)
    doubtful[50:60] = doubtful[100:120] = doubtful[150:155] = True
    np.testing.assert_array_equal(alone, ~doubtful)


def test_a_marker_that_is_never_lost_stays_as_it_is() -> None:
    points, scores, doubtless = given(crossing(50, rise=5.0), np.ones((50, 2), bool))
    found, rated = identified(points, scores, doubtless, max_gap=10)
    np.testing.assert_array_equal(found, points)
    np.testing.assert_array_equal(rated, scores)


def test_lost_for_longer_than_anyone_can_tell() -> None:
    """Both are gone for 200 frames: their names are given again, and may be the wrong ones."""
    truth, visible = crossing(400, rise=0.5), np.ones((400, 2), bool)
    visible[100:300] = False
    found, rated = identified(*given(truth, visible), max_gap=10)
    assert np.isfinite(found[visible]).all()
    assert rated[:100].min() > 0.9
    assert rated[300:].max() < 0.5


@pytest.mark.parametrize("n_frames", [0, 1, 5, 8])
def test_short_recordings(n_frames: int) -> None:
    points, scores, doubtless = given(crossing(n_frames, rise=3.0), np.ones((n_frames, 2), bool))
    found, _ = identified(points, scores, doubtless, max_gap=10)
    np.testing.assert_array_equal(found, points)


def test_nothing_is_seen() -> None:
    points, scores, doubtless = given(crossing(20, rise=3.0), np.zeros((20, 2), bool))
    found, _ = identified(points, scores, doubtless, max_gap=10)
    assert np.isnan(found).all()


def test_scores_are_chances() -> None:
    """Three markers wander and are hidden together again and again: of joins that are sure few are wrong."""
    rng = np.random.default_rng(3)
    time_s = np.arange(8000)[:, None, None] / 60
    truth = sum(
        amplitude
        * np.sin(2 * np.pi * hz * rng.uniform(0.8, 1.2, (3, 2)) * time_s + rng.uniform(0, 7, (3, 2)))
        for hz, amplitude in ((0.1, 60), (0.35, 30), (0.8, 12))
    )
    right, sure = [], []
    for start in range(100, 7800, 150):
        cut = slice(start - 100, start + 130)
        visible = np.ones((230, 3), bool)
        visible[100 : 100 + rng.integers(20, 30)] = False
        noisy = truth[cut] + rng.normal(0, 0.2, (230, 3, 2))
        found, rated = identified(*given(noisy, visible), max_gap=30)
        right += (found[-1] == noisy[-1]).all(axis=-1).tolist()
        sure += (rated[-1] / 0.95).tolist()
    right, sure = np.array(right), np.array(sure)
    assert (sure > 0.9).mean() > 0.5
    assert right[sure > 0.9].mean() > 0.95
    assert abs(right.mean() - sure.mean()) < 0.1
