"""SLEAP for real: networks are trained in an environment of its own, then anipose runs them.

Making environment and networks takes minutes the first time: `pytest -m slow tests/trackers`.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from anipose.io.poses_2d import read_animals_2d, read_poses_2d
from anipose.io.poses_3d import read_animals_3d
from projects import anipose, made

sys.path.insert(0, str(Path(__file__).parent))
from networks import (
    SLEAP,
    config_of,
    errors_mm,
    errors_px,
    film_walk,
    film_walk_of_two,
    sleap_network,
    sleap_networks_for_two,
)

pytestmark = pytest.mark.slow

N_FRAMES = 40


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sleap_network(tmp_path_factory.mktemp("frames"))


def test_from_videos_to_3d(network: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(config_of(SLEAP, network))
    rig, animal = film_walk(tmp_path / "lizard", N_FRAMES)

    result = anipose(tmp_path, "run-data", "--jobs", "1")

    assert result.returncode == 0, result.stdout
    assert made(anipose(tmp_path, "run-data", "--jobs", "1").stdout) == set()
    assert read_poses_2d(tmp_path / "lizard" / "pose-2d" / "walk-camA.h5").scorer == "SLEAP"
    # It is tiny, and sees pictures of a quarter of the size: it is right to one or two of their pixels.
    assert np.nanmedian(errors_px(tmp_path / "lizard", rig, animal)) < 10
    error = errors_mm(tmp_path / "lizard", animal)
    # 10 px at 270 mm and a focal length of 900 px are 3 mm.
    assert np.nanmedian(error) < 3
    assert np.isfinite(error).mean() > 0.8


def test_two_animals_from_videos_to_3d(
    network: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SLEAP follows them in each view, the views are matched, and each has its 3D poses."""
    networks = sleap_networks_for_two(tmp_path_factory.mktemp("frames"), network)
    config = config_of(SLEAP, networks).replace("[tracker]", "[tracker]\nanimals = 2")
    (tmp_path / "config.toml").write_text(config)
    rig, pair = film_walk_of_two(tmp_path / "lizards", N_FRAMES)

    result = anipose(tmp_path, "run-data", "--jobs", "1")

    assert result.returncode == 0, result.stdout
    for camera in rig:
        animals = read_animals_2d(tmp_path / "lizards" / "pose-2d" / f"walk-cam{camera.name}.h5")
        assert set(animals) == {"track_0", "track_1"}
        assert {poses.n_frames for poses in animals.values()} == {N_FRAMES}
    found = read_animals_3d(tmp_path / "lizards" / "pose-3d" / "walk.csv")
    assert set(found) == {"track_0", "track_1"}
    for poses in found.values():
        errors = np.array([np.linalg.norm(poses.points - one.keypoints, axis=-1) for one in pair])
        # Of one animal in all frames: the other is 60 mm away. As with one animal, 3 mm.
        nearest = np.nanmedian(errors, axis=-1).argmin(axis=0)
        assert len(set(nearest.tolist())) == 1
        assert np.nanmedian(errors[nearest[0]]) < 3
