"""Frames are made up so that the right answer is known: keypoints that are seen together, stiff animals."""

import numpy as np
import pytest

from anipose.filters.autoencoder import Network, PointAutoencoder, ScoreAutoencoder

KEYPOINTS = tuple("abcdefgh")
NAN = np.nan


@pytest.fixture(scope="module")
def of_scores() -> ScoreAutoencoder:
    """The first three keypoints are always seen, the others together in half of the frames or not at all."""
    rng = np.random.default_rng(0)
    points = np.zeros((200, 6, 2))
    points[rng.random(200) < 0.5, 3:] = NAN
    return ScoreAutoencoder.train(tuple("abcdef"), points, rng)


def test_gradients_are_those_of_the_output() -> None:
    rng = np.random.default_rng(1)
    network = Network.random(3, 5, 2, rng)
    values, direction = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    gradients = network.gradients(values, direction)
    step = 1e-6
    for number, weight in enumerate(network.weights()):
        change = rng.normal(size=weight.shape)
        up, down = (
            Network(*(w + s * change if n == number else w for n, w in enumerate(network.weights())))
            for s in (step, -step)
        )
        slope = ((up(values) - down(values)) * direction).sum() / (2 * step)
        assert slope == pytest.approx((gradients[number] * change).sum(), rel=1e-6)


def test_a_score_against_all_others_is_corrected(of_scores: ScoreAutoencoder) -> None:
    seen, hidden = [0.9] * 6, [0.9] * 3 + [0.1] * 3
    doubted, made_up = [0.9] * 5 + [0.2], [0.9] * 3 + [0.1, 0.1, 0.9]
    given = np.array([seen, hidden, doubted, made_up])[:, :, None]
    corrected = of_scores.correct(given)[:, :, 0]
    np.testing.assert_allclose(corrected[0], 0.95, atol=0.03)
    assert (corrected[1, 3:] < 0.15).all()
    assert corrected[2, 5] > 0.4  # was 0.2
    assert corrected[3, 5] < 0.5  # was 0.9


def test_scores_of_candidates_keep_their_order(of_scores: ScoreAutoencoder) -> None:
    given = np.full((1, 6, 2), 0.9)
    given[:, :, 1] = 0.3
    given[0, 5, 1] = NAN
    corrected = of_scores.correct(given)
    assert (corrected[0, :5, 0] > corrected[0, :5, 1]).all()
    assert np.isnan(corrected[0, 5, 1])


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
    truth = stiff_animal(2, np.random.default_rng(4))
    points, scores = truth.copy(), np.full((2, 8), 0.9)
    points[0, 3], scores[0, 3] = NAN, NAN
    points[1, 2:], scores[1, 2:] = NAN, NAN  # two are left, which say too little
    filled, rated = of_points.correct(points, scores, offset_threshold=25, score_threshold=0.3)
    assert np.linalg.norm(filled[0, 3] - truth[0, 3]) < 25
    assert rated[0, 3] == 0.3
    np.testing.assert_array_equal(filled[1], points[1])
    np.testing.assert_array_equal(rated[1], scores[1])


def test_a_keypoint_that_can_be_anywhere_is_left_alone() -> None:
    """What the network would put there is a guess, and it knows that from frames that were held back."""
    rng = np.random.default_rng(8)

    def with_free_foot(n_frames: int) -> np.ndarray:
        points = stiff_animal(n_frames, rng)
        points[:, 7] = points[:, :7].mean(axis=1) + rng.uniform(-90, 90, (n_frames, 2))
        return points

    model = PointAutoencoder.train(KEYPOINTS, with_free_foot(150), rng)
    assert model.uncertainty[7] > 0.5
    assert model.uncertainty[:7].max() < 0.5
    truth = with_free_foot(50)
    given, scores = truth.copy(), np.full((50, 8), 0.9)
    given[:, 2] += 100
    scores[:, 7] = 0.1
    points, rated = model.correct(given, scores, offset_threshold=40, score_threshold=0.3)
    np.testing.assert_array_equal(points[:, 7], truth[:, 7])
    assert (rated[:, 7] == 0.1).all()
    assert (np.linalg.norm(points[:, 2] - truth[:, 2], axis=-1) < 40).mean() > 0.9


def test_training_again_gives_the_same() -> None:
    points = stiff_animal(30, np.random.default_rng(6))
    first, second = (PointAutoencoder.train(KEYPOINTS, points, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.network.first, second.network.first)
