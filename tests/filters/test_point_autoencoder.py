"""Animals are made up so that the right answer is known: stiff ones, and some with a foot anywhere."""

import numpy as np
import pytest

from anipose.demo.animal import KEYPOINTS as LIZARD
from anipose.demo.animal import walk
from anipose.demo.rig import make_rig
from anipose.filters.point_autoencoder import PointAutoencoder, usable

KEYPOINTS = tuple("abcdefgh")
NAN = np.nan


def stiff_animal(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Eight points of a body that keeps its shape, seen from above: turned by any angle, near and far."""
    shape = np.random.default_rng(5).normal(0, 40, (8, 2))
    angle = rng.uniform(-np.pi, np.pi, n_frames)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=-1).reshape(
        -1, 1, 2, 2
    )
    turned = (turn @ shape[..., None])[..., 0]
    return turned * rng.uniform(0.8, 1.2, (n_frames, 1, 1)) + rng.uniform(100, 500, (n_frames, 1, 2))


@pytest.fixture(scope="module")
def of_points() -> PointAutoencoder:
    rng = np.random.default_rng(2)
    return PointAutoencoder.train(KEYPOINTS, stiff_animal(150, rng) + rng.normal(0, 1, (150, 8, 2)), rng)


def test_misplaced_points_are_put_where_they_belong(of_points: PointAutoencoder) -> None:
    rng = np.random.default_rng(3)
    truth = stiff_animal(300, rng)
    wrong = rng.random(truth.shape[:2]) < 0.08
    given = truth + np.where(wrong[..., None], rng.choice([-90, 90], truth.shape), 0)
    scores = np.full(truth.shape[:2], 0.9)
    points, rated = of_points.correct(given, scores, offset_threshold=25, score_threshold=0.3)
    error = np.linalg.norm(points - truth, axis=-1)
    assert (error[wrong] < 25).mean() > 0.9  # were 127
    assert (points == given)[~wrong].all(axis=-1).mean() > 0.97
    replaced = (points != given).any(axis=-1)
    assert (rated[replaced] == 0.3).all()
    assert (rated[~replaced] == 0.9).all()


def test_missing_points_are_filled_and_lonely_ones_are_left(of_points: PointAutoencoder) -> None:
    truth = stiff_animal(40, np.random.default_rng(4))
    points, scores = truth.copy(), np.full((40, 8), 0.9)
    points[0, 3], scores[0, 3] = NAN, NAN
    points[1, 1:], scores[1, 1:] = NAN, NAN  # one is left, which says too little
    filled, rated = of_points.correct(points, scores, offset_threshold=25, score_threshold=0.3)
    # The model knows the animal from 150 frames with 1 px of noise.
    assert np.linalg.norm(filled[0, 3] - truth[0, 3]) < 1
    assert rated[0, 3] == 0.3
    np.testing.assert_array_equal(filled[1:], points[1:])
    np.testing.assert_array_equal(rated[1:], scores[1:])


def with_free_foot(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """A stiff animal but for the last keypoint, which is anywhere about the middle of the others."""
    points = stiff_animal(n_frames, rng)
    points[:, 7] = points[:, :7].mean(axis=1) + rng.uniform(-90, 90, (n_frames, 2))
    return points


@pytest.fixture(scope="module")
def of_free_foot() -> PointAutoencoder:
    rng = np.random.default_rng(8)
    return PointAutoencoder.train(KEYPOINTS, with_free_foot(150, rng), rng)


def test_a_keypoint_that_can_be_anywhere_is_left_alone(of_free_foot: PointAutoencoder) -> None:
    """What the network would put there is a guess, and it knows that from frames that were held back."""
    truth = with_free_foot(50, np.random.default_rng(9))
    assert of_free_foot.unsure(truth, offset_threshold=40) == ("h",)
    given, scores = truth.copy(), np.full((50, 8), 0.9)
    given[:10, 2] += 100
    scores[:, 7] = 0.1
    points, rated = of_free_foot.correct(given, scores, offset_threshold=40, score_threshold=0.3)
    np.testing.assert_array_equal(points[:, 7], truth[:, 7])
    assert (rated[:, 7] == 0.1).all()
    assert (np.linalg.norm(points[:, 2] - truth[:, 2], axis=-1) < 40).mean() > 0.9


def test_wrong_points_that_cannot_be_placed_are_left_out(of_free_foot: PointAutoencoder) -> None:
    """A foot ten body lengths away is wrong, wherever it may be; it has no place and no score then."""
    rng = np.random.default_rng(10)
    points, scores = with_free_foot(60, rng), np.full((60, 8), 0.9)
    points[:6, 7] += 900
    repaired, rated = of_free_foot.correct(points, scores, offset_threshold=40, score_threshold=0.3)
    assert np.isnan(repaired[:6, 7]).all()
    assert np.isnan(rated[:6, 7]).all()
    np.testing.assert_array_equal(repaired[6:], points[6:])


def test_places_are_as_uncertain_as_is_said(of_free_foot: PointAutoencoder) -> None:
    """Of new frames, 90 % are within the uncertainty that the frames that were held back tell."""
    truth = with_free_foot(1000, np.random.default_rng(11))
    expected, spread = of_free_foot.expect(truth, np.random.default_rng(12).random((1000, 8)) > 0.25)
    within = np.linalg.norm(expected - truth, axis=-1) <= of_free_foot.uncertainty * spread
    # 150 labelled frames know a share of 90 % to 2.5 %; twice that, and as much for how these hide others.
    assert np.abs(within.mean(axis=0) - 0.9).max() < 0.1


def test_what_is_in_no_labelled_frame_is_not_taken_for_wrong(of_points: PointAutoencoder) -> None:
    """The animal turns its head, the last two keypoints, as it never does in the labelled frames."""
    truth = stiff_animal(300, np.random.default_rng(12))
    neck = truth[:, 5:6]
    truth[:, 6:] = neck + (truth[:, 6:] - neck) @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    scores = np.full(truth.shape[:2], 0.9)
    points, _ = of_points.correct(truth, scores, offset_threshold=25, score_threshold=0.3)
    assert (points == truth).all(axis=-1).mean() > 0.99


def test_too_few_points_to_tell_which_is_wrong(of_points: PointAutoencoder) -> None:
    """Three are known, one of them wrong: the other two, without it, could not be judged."""
    points, scores = stiff_animal(40, np.random.default_rng(13)), np.full((40, 8), 0.9)
    points[:5, 3:], scores[:5, 3:] = NAN, NAN
    points[:5, 0] += 100
    repaired, rated = of_points.correct(points, scores, offset_threshold=25, score_threshold=0.3)
    np.testing.assert_array_equal(repaired, points)
    np.testing.assert_array_equal(rated, scores)


def lizards(n_labelled: int, rng: np.random.Generator, *, moments: range) -> np.ndarray:
    """Labelled frames of the demo's animal in all its cameras, each of another walk."""
    frames = []
    for _ in range(n_labelled):
        animal = walk(60, 60.0, rng)
        moment = rng.choice(moments)
        frames += [camera.project(animal.keypoints[moment]) for camera in make_rig()]
    return np.array(frames)


@pytest.mark.parametrize(("moments", "learns"), [(range(60), True), (range(30, 31), False)])
@pytest.mark.parametrize("share_wrong", [0.0, 0.04, 0.12])
def test_never_worse_than_nothing(moments: range, learns: bool, share_wrong: float) -> None:
    """A lizard walks: its labelled frames show all that it does, or one moment of each walk, as it happens.

    In the second case its tail, which swings, is always where it never is in the labelled frames, and then
    nothing else can be told either.
    """
    rng = np.random.default_rng(16)
    model = PointAutoencoder.train(LIZARD, lizards(20, rng, moments=moments), rng)
    animal, before, after, n_good, n_good_lost = walk(120, 60.0, rng), 0, 0, 0, 0
    for camera in make_rig():
        truth = camera.project(animal.keypoints)
        points = truth + rng.normal(0, 1.5, truth.shape)
        wrong = rng.random(truth.shape[:2]) < share_wrong
        points[wrong] += rng.choice([-1, 1], (wrong.sum(), 2)) * rng.uniform(30, 80, (wrong.sum(), 2))
        scores = np.full(truth.shape[:2], 0.9)
        points[rng.random(scores.shape) < 0.04] = NAN
        repaired, _ = model.correct(points, scores, offset_threshold=25, score_threshold=0.3)
        was, now = (np.linalg.norm(found - truth, axis=-1) for found in (points, repaired))
        before, after = before + (was > 20).sum(), after + (now > 20).sum()
        n_good, n_good_lost = n_good + (was < 20).sum(), n_good_lost + ((was < 20) & ~(now < 20)).sum()
    assert after <= (0.3 * before + 0.001 * n_good if learns else before)
    assert n_good_lost < 0.01 * n_good


@pytest.mark.parametrize("n_frames", [0, 3])
def test_a_recording_too_short_to_tell_is_left_alone(of_points: PointAutoencoder, n_frames: int) -> None:
    points, scores = stiff_animal(n_frames, np.random.default_rng(14)), np.full((n_frames, 8), 0.9)
    points[:, 2] += 100
    repaired, _ = of_points.correct(points, scores, offset_threshold=25, score_threshold=0.3)
    np.testing.assert_array_equal(repaired, points)


def test_labels_with_gaps_and_a_keypoint_that_is_never_labelled() -> None:
    rng = np.random.default_rng(15)
    labels = stiff_animal(100, rng)
    labels[rng.random((100, 8)) < 0.3] = NAN
    labels[:, 5] = NAN
    model = PointAutoencoder.train(KEYPOINTS, labels, rng)
    assert np.isinf(model.uncertainty[5])
    truth = stiff_animal(50, rng)
    expected, _ = model.expect(truth, np.ones((50, 8), bool))
    assert np.isnan(expected[:, 5]).all()
    others = [0, 1, 2, 3, 4, 6, 7]
    np.testing.assert_allclose(expected[:, others], truth[:, others], atol=1e-3)


def test_frames_that_can_be_learnt_from() -> None:
    frames = np.full((4, 3, 2), NAN)
    frames[1] = [[1, 1], [2, 5], [3, 1]]
    frames[2, :2] = [[1, 1], [1, 4]]
    frames[3] = 7.0  # all in one place: its size is not known
    assert usable(frames).tolist() == [False, True, True, False]
    assert usable(np.zeros((0, 0, 2))).tolist() == []


def test_training_again_gives_the_same() -> None:
    points = stiff_animal(30, np.random.default_rng(6))
    first, second = (PointAutoencoder.train(KEYPOINTS, points, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.covariance, second.covariance)
    np.testing.assert_array_equal(first.uncertainty, second.uncertainty)
