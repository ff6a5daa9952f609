"""Trained autoencoders, as arrays with names (.npz): nothing in such a file can run."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.filters.point_autoencoder import PointAutoencoder
from anipose.filters.score_autoencoder import Network, ScoreAutoencoder
from anipose.io.files import atomic_path, require_file

SCORES, POINTS = "anipose autoencoder of scores", "anipose autoencoder of points"
WEIGHTS = ("first", "first_bias", "second", "second_bias")


def write_score_autoencoder(path: Path, model: ScoreAutoencoder) -> None:
    """Write a trained model; the same model gives the same bytes."""
    _write(path, SCORES, model.keypoints, dict(zip(WEIGHTS, model.network.weights(), strict=True)))


def write_point_autoencoder(path: Path, model: PointAutoencoder) -> None:
    """Write a trained model; the same model gives the same bytes."""
    _write(path, POINTS, model.keypoints, {name: getattr(model, name) for name in _shapes(0)})


def read_score_autoencoder(path: Path) -> ScoreAutoencoder:
    """Read a model of `write_score_autoencoder`.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it is something else.
    """
    keypoints, arrays = _read(path, SCORES)
    return ScoreAutoencoder(keypoints, _network(path, arrays, len(keypoints), len(keypoints)))


def read_point_autoencoder(path: Path) -> PointAutoencoder:
    """Read a model of `write_point_autoencoder`.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it is something else.
    """
    keypoints, arrays = _read(path, POINTS)
    shapes = _shapes(len(keypoints))
    if any(name not in arrays or arrays[name].shape != shape for name, shape in shapes.items()):
        raise _damaged(path)
    return PointAutoencoder(keypoints, **{name: arrays[name] for name in shapes})


def _shapes(n_keypoints: int) -> dict[str, tuple[int, ...]]:
    """The arrays of a model of points."""
    return {
        "mean": (n_keypoints, 2),
        "covariance": (2 * n_keypoints, 2 * n_keypoints),
        "typical": (n_keypoints,),
        "uncertainty": (n_keypoints,),
    }


def _write(path: Path, kind: str, keypoints: tuple[str, ...], arrays: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, kind=np.array(kind), keypoints=np.array(keypoints), **arrays)


def _read(path: Path, kind: str) -> tuple[tuple[str, ...], dict[str, NDArray[Any]]]:
    require_file(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            f"{path} is not a model of anipose. Models of Anipose 1.x are pickles, which can run any code "
            f"and are "
            "not read. Delete it, or set another path, and train anew with: anipose train-autoencoder"
        ) from error
    found = str(arrays.get("kind", "something else"))
    if found != kind:
        raise FileFormatError(f"{path} holds {found}, expected: {kind}; correct the path in [filter]")
    return tuple(str(name) for name in arrays["keypoints"]), arrays


def _network(path: Path, arrays: Mapping[str, NDArray[Any]], n_inputs: int, n_outputs: int) -> Network:
    try:
        network = Network(*(arrays[name] for name in WEIGHTS))
        network(np.zeros((1, n_inputs))).reshape(1, n_outputs)
    except (KeyError, ValueError) as error:
        raise _damaged(path) from error
    return network


def _damaged(path: Path) -> FileFormatError:
    return FileFormatError(f"{path} is damaged; delete it and run: anipose train-autoencoder")
