"""Trained models come back as they were, the same model is the same bytes, and no pickle is read."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from anipose.errors import FileFormatError
from anipose.filters.point_autoencoder import PointAutoencoder
from anipose.filters.score_autoencoder import Network, ScoreAutoencoder
from anipose.io import autoencoders


def network(n_inputs: int, n_outputs: int) -> Network:
    return Network.random(n_inputs, 4, n_outputs, np.random.default_rng(0))


def test_round_trip(tmp_path: Path) -> None:
    path, again = tmp_path / "points.npz", tmp_path / "again.npz"
    mean = np.array([[1.0, 0.5], [np.nan, np.nan]])
    errors = np.array([0.2, np.inf]), np.array([0.5, np.inf])
    model = PointAutoencoder(("nose", "tail (base)"), mean, np.eye(4), *errors)
    for target in (path, again):
        autoencoders.write_point_autoencoder(target, model)
    found = autoencoders.read_point_autoencoder(path)
    assert path.read_bytes() == again.read_bytes()
    assert found.keypoints == model.keypoints
    for name in ("mean", "covariance", "typical", "uncertainty"):
        np.testing.assert_array_equal(getattr(found, name), getattr(model, name))


def test_models_of_the_older_anipose_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "autoencoder.pickle"
    path.write_bytes(pickle.dumps({"mlp": 1}))
    with pytest.raises(FileFormatError, match=r"pickles, which can run any code.*anipose train-autoencoder"):
        autoencoders.read_score_autoencoder(path)


def test_round_trip_of_scores(tmp_path: Path) -> None:
    model = ScoreAutoencoder(("nose", "tail (base)"), network(2, 2))
    autoencoders.write_score_autoencoder(tmp_path / "scores.npz", model)
    found = autoencoders.read_score_autoencoder(tmp_path / "scores.npz")
    assert found.keypoints == model.keypoints
    for a, b in zip(found.network.weights(), model.network.weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_other_kind_is_told(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    autoencoders.write_score_autoencoder(path, ScoreAutoencoder(("a", "b"), network(2, 2)))
    with pytest.raises(FileFormatError, match=r"holds anipose autoencoder of scores, expected: .* of points"):
        autoencoders.read_point_autoencoder(path)


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    autoencoders.write_score_autoencoder(path, ScoreAutoencoder(("a", "b", "c"), network(2, 2)))
    with pytest.raises(FileFormatError, match="is damaged"):
        autoencoders.read_score_autoencoder(path)
