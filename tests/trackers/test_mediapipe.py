"""MediaPipe for real, on a recording of a hand: `pytest -m slow tests/trackers/test_mediapipe.py`."""

from pathlib import Path

import numpy as np
import pytest

import environments
from anipose.io.poses_2d import read_poses_2d
from projects import anipose

pytestmark = pytest.mark.slow


def test_a_real_hand(shared_data: Path, tmp_path: Path) -> None:
    """The points that came with the recording were made by the same models: both find the same hand."""
    recording = shared_data / "hand-2cam" / "experiment" / "session1"
    videos = tmp_path / "session" / "videos-raw"
    videos.mkdir(parents=True)
    (videos / "hand_cam1.mp4").symlink_to(recording / "videos-raw" / "hand_cam1.mp4")
    python = environments.MEDIAPIPE.python()
    (tmp_path / "config.toml").write_text(
        f'model_type = "mediapipe"\n[tracker]\npython = "{python}"\npart = "hands"\n'
    )
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 0, result.stdout
    poses = read_poses_2d(tmp_path / "session" / "pose-2d" / "hand_cam1.h5")
    known = read_poses_2d(recording / "pose-2d" / "hand_cam1.h5")
    assert len(poses.keypoints) == 42
    assert poses.n_frames == known.n_frames
    distances = []
    for side in ("left", "right"):
        columns = [poses.keypoints.index(f"{side}_{name.lower()}") for name in known.keypoints]
        distances.append(np.linalg.norm(poses.points[:, columns] - known.points, axis=-1))
    # It may be taken for a left hand in some frames; half a pixel is the origin, the rest is jitter.
    best = np.nanmin(distances, axis=0)
    assert np.isfinite(best).mean() > 0.9
    assert np.nanmedian(best) < 3
