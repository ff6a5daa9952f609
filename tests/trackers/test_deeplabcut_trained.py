"""DeepLabCut for real: a network is trained in an environment of its own, then anipose runs it.

Making environment and network takes minutes the first time: `pytest -m slow tests/trackers`.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from anipose.demo.rig import make_rig
from anipose.io.poses_2d import read_poses_2d
from projects import anipose, made

sys.path.insert(0, str(Path(__file__).parent))
from networks import (
    DEEPLABCUT,
    config_of,
    errors_mm,
    errors_px,
    film_walk,
    lizard_network,
    mouse_network,
)

pytestmark = pytest.mark.slow

N_FRAMES = 60


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lizard_network(tmp_path_factory.mktemp("frames"))


def test_from_videos_to_3d(network: Path, tmp_path: Path) -> None:
    """A walk that the network has not seen; a broken video fails alone; the second run does nothing."""
    (tmp_path / "config.toml").write_text(config_of(DEEPLABCUT, network))
    rig, animal = film_walk(tmp_path / "lizard", N_FRAMES)
    broken = tmp_path / "broken" / "videos-raw" / "walk-camA.mp4"
    broken.parent.mkdir(parents=True)
    whole = (tmp_path / "lizard" / "videos-raw" / "walk-camA.mp4").read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])

    first = anipose(tmp_path, "analyze", "--jobs", "1")
    assert first.returncode == 1, first.stdout
    assert "failed  broken/pose-2d/walk-camA.h5" in first.stdout
    assert "1 failed" in first.stdout
    shutil.rmtree(tmp_path / "broken")
    second = anipose(tmp_path, "run-data", "--jobs", "1")
    assert second.returncode == 0, second.stdout
    assert not [path for path in made(second.stdout) if "pose-2d" in path]
    third = anipose(tmp_path, "run-data", "--jobs", "1")
    assert made(third.stdout) == set()

    scorer = read_poses_2d(tmp_path / "lizard" / "pose-2d" / "walk-camA.h5").scorer
    assert scorer.startswith("DLC_Resnet50_tinyJan1shuffle1_snapshot_")
    # A network of this size and training is right to 1 to 2 px, a fifth of a marker.
    assert np.nanmedian(errors_px(tmp_path / "lizard", rig, animal)) < 3
    error = errors_mm(tmp_path / "lizard", animal)
    # 3 px at 270 mm and a focal length of 900 px are 0.9 mm.
    assert np.nanmedian(error) < 0.9
    assert np.isfinite(error).mean() > 0.9


def test_exported_it_finds_the_same_without_deeplabcut(network: Path, tmp_path: Path) -> None:
    """`export-model`, then the ONNX file beside the project, on the same videos."""
    pytest.importorskip("onnxruntime")
    film_walk(tmp_path / "lizard", N_FRAMES // 3)
    (tmp_path / "config.toml").write_text(config_of(DEEPLABCUT, network))
    result = anipose(tmp_path, "export-model", "--jobs", "1")
    assert result.returncode == 0, result.stdout
    assert "exported-networks/project.onnx" in made(result.stdout)
    assert made(anipose(tmp_path, "export-model", "--jobs", "1").stdout) == set()
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 0, result.stdout
    by_deeplabcut = {path.name: read_poses_2d(path) for path in (tmp_path / "lizard" / "pose-2d").iterdir()}

    onnx = 'model_type = "onnx"\nmodel_folder = "exported-networks"\n[tracker]\ndevice = "cpu"\n'
    (tmp_path / "config.toml").write_text(onnx)
    result = anipose(tmp_path, "analyze", "--jobs", "1", "--force")
    assert made(result.stdout) >= {f"lizard/pose-2d/{name}" for name in by_deeplabcut}
    assert len(by_deeplabcut) == len(make_rig())
    for name, expected in by_deeplabcut.items():
        poses = read_poses_2d(tmp_path / "lizard" / "pose-2d" / name)
        assert poses.keypoints == expected.keypoints
        # Both see the same pictures but for how colours of the video are rounded: 1 of 255. Where two places
        # of a network of 8 px per place are as likely, that may choose: 1 of 100 points.
        distance = np.linalg.norm(poses.points - expected.points, axis=-1)
        assert np.percentile(distance[expected.scores >= 0.3], 95) < 0.5
        assert np.median(distance) < 0.05
        assert np.percentile(np.abs(poses.scores - expected.scores), 95) < 0.1


def test_a_real_mouse(shared_data: Path, tmp_path: Path) -> None:
    """The open field example of DeepLabCut; every sixth labelled frame is kept from training, and tracked."""
    recording = shared_data / "openfield-2d" / "experiment" / "labeled"
    known = read_poses_2d(recording / "pose-2d" / "m4s1.h5")
    held_out = range(0, known.n_frames, 6)
    frames = tmp_path / "frames"
    frames.mkdir()
    network = mouse_network(frames, recording / "videos-raw" / "m4s1.mp4", known, held_out)
    videos = tmp_path / "experiment" / "mouse" / "videos-raw"
    videos.mkdir(parents=True)
    (videos / "m4s1.mp4").symlink_to(recording / "videos-raw" / "m4s1.mp4")
    (tmp_path / "experiment" / "config.toml").write_text(config_of(DEEPLABCUT, network))

    result = anipose(tmp_path / "experiment", "analyze", "--jobs", "1")

    assert result.returncode == 0, result.stdout
    poses = read_poses_2d(videos.parent / "pose-2d" / "m4s1.h5")
    columns = [poses.keypoints.index(name) for name in known.keypoints]
    error = np.linalg.norm(poses.points[:, columns] - known.points, axis=-1)[list(held_out)]
    # In 640 x 480 pixels; people differ by 2 to 3 px from each other. Frames are not consecutive.
    assert np.nanmedian(error) < 6
