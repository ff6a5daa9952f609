"""Several candidates per view: the right ones are those that are the same point."""

import numpy as np
import pytest

from anipose.geometry.candidates import choose_candidates
from synthetic import make_points, make_rig, observe

THRESHOLD_PX = 6.0
N_POINTS = 2000


def film(n_cameras: int, *, decoys: float, n_candidates: int = 3, seed: int = 4):
    """The right candidate, where a decoy has the higher score in a share of the views; the rest anywhere."""
    rng = np.random.default_rng(seed)
    cameras, truth = make_rig(n_cameras), make_points(N_POINTS)
    right, _ = observe(cameras, truth, noise_px=1.0)
    points = right[:, :, None] + rng.uniform(-300, 300, (n_cameras, N_POINTS, n_candidates, 2))
    scores = rng.uniform(0.3, 0.6, points.shape[:3])
    number = rng.integers(n_candidates, size=(n_cameras, N_POINTS))
    np.put_along_axis(points, number[..., None, None], right[:, :, None], axis=2)
    np.put_along_axis(scores, number[..., None], 0.8, axis=2)
    decoy = rng.random((n_cameras, N_POINTS)) < decoys
    other = (number + 1) % n_candidates
    was = np.take_along_axis(scores, other[..., None], axis=2)
    np.put_along_axis(scores, other[..., None], np.where(decoy[..., None], 0.95, was), axis=2)
    return cameras, points, scores, number, decoy


@pytest.mark.parametrize(("n_cameras", "least"), [(2, 0.85), (3, 0.97), (6, 0.995)])
def test_the_candidates_that_agree_are_chosen(n_cameras, least):
    """Of two views alone, wrong candidates agree by chance now and then."""
    cameras, points, scores, number, decoy = film(n_cameras, decoys=0.2)
    choice = choose_candidates(cameras, points, scores, threshold_px=THRESHOLD_PX)
    assert (choice == number)[decoy].mean() > least
    assert (choice == number).mean() > least


def test_the_highest_score_where_all_agree():
    cameras, points, scores, number, _ = film(4, decoys=0.0)
    np.testing.assert_array_equal(
        choose_candidates(cameras, points, scores, threshold_px=THRESHOLD_PX), number
    )


def test_a_view_in_which_no_candidate_is_right_keeps_its_highest_score():
    cameras, points, scores, number, _ = film(5, decoys=0.0)
    points[0] += 500.0
    choice = choose_candidates(cameras, points, scores, threshold_px=THRESHOLD_PX)
    assert (choice[0] == scores[0].argmax(axis=-1)).mean() > 0.98
    assert (choice[1:] == number[1:]).mean() > 0.999


def test_missing_candidates_and_any_shape():
    cameras, points, scores, number, _ = film(4, decoys=0.3)
    rng = np.random.default_rng(0)
    gone = rng.random(scores.shape) < 0.3
    points[gone] = np.nan
    points[:, :10] = np.nan
    scores[gone] = np.nan
    shape = (4, N_POINTS // 10, 10, 3)
    choice = choose_candidates(
        cameras, points.reshape(*shape, 2), scores.reshape(shape), threshold_px=THRESHOLD_PX
    ).reshape(4, -1)
    assert (choice[:, :10] == 0).all()
    there = ~np.take_along_axis(gone, number[..., None], axis=2)[..., 0]
    clear = there & (there.sum(axis=0) > 2)
    clear[:, :10] = False
    assert (choice == number)[clear].mean() > 0.97
