"""MediaPipe for real, on a recording of a hand: `pytest -m slow tests/trackers/test_mediapipe.py`."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import environments
from anipose.io.poses_2d import read_poses_2d
from anipose.io.poses_3d import read_poses_3d
from projects import anipose

pytestmark = pytest.mark.slow

CONFIG = """
model_type = "mediapipe"

[tracker]
python = "{python}"
part = "hands"

[triangulation]
cam_regex = '_cam([0-9])$'
"""


def test_a_real_hand(shared_data: Path, tmp_path: Path) -> None:
    """The points that came with the recording were made by the same models: both find the same right hand."""
    recording = shared_data / "hand-2cam" / "experiment" / "session1"
    session = tmp_path / "session"
    for folder in ("videos-raw", "calibration"):
        shutil.copytree(recording / folder, session / folder)
    (tmp_path / "config.toml").write_text(CONFIG.format(python=environments.MEDIAPIPE.python()))

    result = anipose(tmp_path, "run-data", "--jobs", "1")

    assert result.returncode == 0, result.stdout
    for name in ("hand_cam0.h5", "hand_cam1.h5"):
        poses = read_poses_2d(session / "pose-2d" / name)
        known = read_poses_2d(recording / "pose-2d" / name)
        assert len(poses.keypoints) == 42
        assert poses.n_frames == known.n_frames
        columns = [poses.keypoints.index(f"right_{keypoint.lower()}") for keypoint in known.keypoints]
        distance = np.linalg.norm(poses.points[:, columns] - known.points, axis=-1)
        # It may be taken for a left hand in some frames; half a pixel is the origin, the rest is jitter.
        assert np.isfinite(distance).mean() > 0.9
        assert np.nanmedian(distance) < 3
    found = read_poses_3d(session / "pose-3d" / "hand.csv")
    right = [name.startswith("right_") for name in found.keypoints]
    assert np.isfinite(found.points[:, right]).all(axis=-1).mean() > 0.85
    # Where two cameras see a point, its models place it to some pixels of 1280.
    assert np.nanmedian(found.errors[:, right]) < 5
