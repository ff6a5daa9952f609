"""Which keypoints are seen together is made up, so that it is known which scores are wrong."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from anipose.filters.score_autoencoder import Network, ScoreAutoencoder

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


def from_one_side_or_the_other(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Which of twelve keypoints are seen: the legs of one side hide those of the other, or none does."""
    visible = np.ones((n_frames, 12), bool)
    side = rng.random(n_frames)
    visible[side < 0.4, 4:8] = False
    visible[side > 0.6, 8:] = False
    return visible


def made_up_scores(visible: np.ndarray, misled: float, rng: np.random.Generator) -> np.ndarray:
    """High where a keypoint is visible, low where not, and the other way round in a share of the cases."""
    high = visible ^ (rng.random(visible.shape) < misled)
    return np.where(high, rng.beta(6, 1, visible.shape), rng.beta(1, 6, visible.shape))


def ranking(scores: np.ndarray, right: np.ndarray) -> float:
    """The chance that a right point has a higher score than a wrong one: the area under the ROC curve."""
    return float(mannwhitneyu(scores[right], scores[~right]).statistic / (right.sum() * (~right).sum()))


@pytest.mark.parametrize("misled", [0.05, 0.15, 0.3])
def test_right_and_wrong_points_are_told_apart_better(misled: float) -> None:
    """A tracker that is wrong about 15 % of the keypoints ranks 85 % of the pairs right, and then 96 %."""
    rng = np.random.default_rng(9)
    labelled = np.where(from_one_side_or_the_other(100, rng)[..., None], np.zeros(2), NAN)
    model = ScoreAutoencoder.train(tuple("abcdefghijkl"), labelled, rng)
    visible = from_one_side_or_the_other(2000, rng)
    scores = made_up_scores(visible, misled, rng)
    corrected = model.correct(scores[..., None])[..., 0]
    before, after = ranking(scores, visible), ranking(corrected, visible)
    assert 1 - after < 0.6 * (1 - before)


def test_labels_that_are_always_there_change_no_ranking() -> None:
    """Nothing is to be learnt from them: every keypoint is always visible."""
    rng = np.random.default_rng(10)
    model = ScoreAutoencoder.train(tuple("abcdefghijkl"), np.zeros((80, 12, 2)), rng)
    right = rng.random((2000, 12)) > 0.08
    scores = made_up_scores(right, 0.1, rng)
    corrected = model.correct(scores[..., None])[..., 0]
    assert ranking(corrected, right) == pytest.approx(ranking(scores, right), abs=1e-3)
