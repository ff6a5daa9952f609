"""Lightning Pose for real: a network is trained in an environment of its own, then anipose runs it.

Making environment and network takes minutes the first time: `pytest -m slow tests/trackers`.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from anipose.io.poses_2d import read_poses_2d
from projects import anipose, made

sys.path.insert(0, str(Path(__file__).parent))
from networks import LIGHTNING_POSE, config_of, errors_mm, errors_px, film_walk, lightning_pose_network

pytestmark = pytest.mark.slow

N_FRAMES = 40


def test_from_videos_to_3d(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    network = lightning_pose_network(tmp_path_factory.mktemp("frames"))
    (tmp_path / "config.toml").write_text(config_of(LIGHTNING_POSE, network))
    rig, animal = film_walk(tmp_path / "lizard", N_FRAMES)

    result = anipose(tmp_path, "run-data", "--jobs", "1")

    assert result.returncode == 0, result.stdout
    assert made(anipose(tmp_path, "run-data", "--jobs", "1").stdout) == set()
    assert read_poses_2d(tmp_path / "lizard" / "pose-2d" / "walk-camA.h5").scorer == "heatmap_tracker"
    # It sees pictures of 128 px, a fifth as wide: it is right to three of their pixels, with little training.
    assert np.nanmedian(errors_px(tmp_path / "lizard", rig, animal)) < 20
    error = errors_mm(tmp_path / "lizard", animal)
    # 20 px at 270 mm and a focal length of 900 px are 6 mm.
    assert np.nanmedian(error) < 6
    assert np.isfinite(error).mean() > 0.8


def test_a_model_for_several_views_is_refused(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It wants the videos of all cameras at a time."""
    network = lightning_pose_network(tmp_path_factory.mktemp("frames"))
    model = tmp_path / "model"
    weights = next(network.glob("tb_logs/*/version_*/checkpoints/*.ckpt")).relative_to(network)
    (model / weights).parent.mkdir(parents=True)
    (model / weights).symlink_to(network / weights)
    text = (network / "config.yaml").read_text()
    (model / "config.yaml").write_text(text.replace("data:\n", "data:\n  view_names: [A, B]\n", 1))
    (tmp_path / "config.toml").write_text(config_of(LIGHTNING_POSE, model))
    film_walk(tmp_path / "lizard", 2)
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 1
    assert "this model looks at the videos of all cameras together" in result.stdout
