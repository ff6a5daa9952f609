"""DeepLabCut for real with several animals: trained, run, assembled and tracked by it, then matched in 3D.

Making environment and network takes minutes the first time: `pytest -m slow tests/trackers`.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import environments
from anipose.arrays import NDArray
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import read_animals_2d
from anipose.io.poses_3d import read_animals_3d
from anipose.trackers.workers import serve
from projects import anipose

sys.path.insert(0, str(Path(__file__).parent))
from lizard_pairs import KEYPOINTS, film_pair, pair_network

pytestmark = pytest.mark.slow

N_FRAMES = 120
CONFIG = """
[triangulation]
cam_regex = "-cam([A-Z])"
score_threshold = 0.3

[tracker]
device = "cpu"
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pair_network(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.float64]]:
    """An experiment with videos of two animals that pass each other, and where these are."""
    root = tmp_path_factory.mktemp("filmed")
    cameras, points = film_pair(root / "day1", N_FRAMES)
    write_calibration(root / "calibration" / "calibration.toml", cameras)
    return root, points


def _check_tracks(path: Path, truth: NDArray[np.float64]) -> None:
    """The network is right to some 2 px, and a pixel is 0.6 mm; the animals are 40 mm apart or more.

    Where they pass each other, DeepLabCut exchanges them in some views, and puts together animals of parts
    of both: those parts are wrong, but their numbers must not be.
    """
    found = read_animals_3d(path)
    assert list(found) == ["one", "two"]
    errors = np.stack([np.linalg.norm(poses.points[:, None] - truth, axis=-1) for poses in found.values()])
    whose = np.nanmedian(errors, axis=(1, 3)).argmin(axis=1)
    assert sorted(whose.tolist()) == [0, 1]
    for number, animal in enumerate(whose):
        own = errors[number, :, animal]
        assert np.nanmedian(own) < 2
        assert np.isfinite(own).mean() > 0.9
        assert np.nanmean(own < 15) > 0.9
        assert np.nanmean(np.nanmedian(own, axis=1) < 15) > 0.95


def test_from_videos_to_3d(network: Path, truth: tuple[Path, NDArray[np.float64]], tmp_path: Path) -> None:
    """`analyze` has DeepLabCut assemble the animals and track them, too; the second run does nothing."""
    filmed, points = truth
    root = tmp_path / "experiment"
    shutil.copytree(filmed, root)
    python = environments.DEEPLABCUT.python()
    (root / "config.toml").write_text(f'model_folder = "{network}"\n{CONFIG}python = "{python}"\n')
    result = anipose(root, "run-data", "--jobs", "1")
    assert result.returncode == 0, result.stdout
    for path in (root / "day1" / "pose-2d").iterdir():
        animals = read_animals_2d(path)
        assert list(animals) == ["one", "two"]
        assert {poses.keypoints for poses in animals.values()} == {KEYPOINTS}
        assert animals["one"].scorer.startswith("DLC_Resnet50_tinyJan1shuffle1_snapshot_")
    _check_tracks(root / "day1" / "pose-3d" / "walk.csv", points)
    assert "up to date" in anipose(root, "run-data", "--jobs", "1").stdout


def test_tracked_by_hand(network: Path, truth: tuple[Path, NDArray[np.float64]], tmp_path: Path) -> None:
    """All that DeepLabCut wrote lies in pose-2d, under its own names."""
    filmed, points = truth
    root = tmp_path / "experiment"
    shutil.copytree(filmed, root)
    (root / "config.toml").write_text(CONFIG)
    folder = root / "day1" / "pose-2d"
    videos = sorted((root / "day1" / "videos-raw").iterdir())
    workers = Path(serve.__file__).parent
    script = Path(__file__).parent / "track_deeplabcut.py"
    environments.DEEPLABCUT.run(script, workers, network / "config.yaml", folder, *videos)
    assert len(list(folder.glob("*_el.h5"))) == len(videos)
    assert len(list(folder.glob("*_assemblies.pickle"))) == len(videos)
    result = anipose(root, "run-data", "--jobs", "1")
    assert result.returncode == 0, result.stdout
    _check_tracks(root / "day1" / "pose-3d" / "walk.csv", points)
