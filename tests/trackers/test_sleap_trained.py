"""SLEAP for real: a network is trained in an environment of its own, then anipose runs it.

Making environment and network takes minutes the first time: `pytest -m slow tests/trackers`.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

import environments
from anipose.demo.animal import KEYPOINTS
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import read_poses_2d
from anipose.io.poses_3d import read_poses_3d
from projects import anipose, made

sys.path.insert(0, str(Path(__file__).parent))
from networks import film_walk, sleap_network

pytestmark = pytest.mark.slow

N_FRAMES = 40
CONFIG = """
model_type = "sleap"
model_folder = "{model}"

[tracker]
python = "{python}"
device = "cpu"

[triangulation]
cam_regex = "-cam([A-Z])"
score_threshold = 0.3
"""


def test_from_videos_to_3d(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    network = sleap_network(tmp_path_factory.mktemp("frames"))
    config = CONFIG.format(model=network, python=environments.SLEAP.python())
    (tmp_path / "config.toml").write_text(config)
    rig, animal = film_walk(tmp_path / "lizard", N_FRAMES)
    write_calibration(tmp_path / "calibration" / "calibration.toml", rig)

    result = anipose(tmp_path, "run-data", "--jobs", "1")

    assert result.returncode == 0, result.stdout
    assert made(anipose(tmp_path, "run-data", "--jobs", "1").stdout) == set()
    for camera in rig:
        poses = read_poses_2d(tmp_path / "lizard" / "pose-2d" / f"walk-cam{camera.name}.h5")
        assert (poses.keypoints, poses.n_frames, poses.scorer) == (KEYPOINTS, N_FRAMES, "SLEAP")
        error = np.linalg.norm(poses.points - camera.project(animal.keypoints), axis=-1)
        # It is tiny, and sees pictures of a quarter of the size: it is right to one or two of their pixels.
        assert np.median(error[poses.scores >= 0.3]) < 10
    found = read_poses_3d(tmp_path / "lizard" / "pose-3d" / "walk.csv")
    error = np.linalg.norm(found.points - animal.keypoints, axis=-1)
    # 10 px at 270 mm and a focal length of 900 px are 3 mm.
    assert np.nanmedian(error) < 3
    assert np.isfinite(error).mean() > 0.8
