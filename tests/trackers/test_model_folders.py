"""What is wrong with the model folders of SLEAP and Lightning Pose is said before anything is started."""

from pathlib import Path

import numpy as np
import pytest

from anipose.config import Tracker
from anipose.errors import ConfigError
from anipose.io.video_writer import VideoWriter
from anipose.trackers.lightning_pose import LightningPose
from anipose.trackers.sleap import Sleap
from projects import anipose


def make_sleap_model(
    folder: Path, *, weights: str = "best.ckpt", training: str = "training_config.yaml"
) -> Path:
    folder.mkdir(parents=True)
    for name in (weights, training):
        (folder / name).write_text(folder.name)
    return folder


def test_a_sleap_model_and_a_pair_of_them(tmp_path: Path) -> None:
    one = make_sleap_model(tmp_path / "models" / "centroid")
    assert {path.name for path in Sleap(one, Tracker()).files()} == {"best.ckpt", "training_config.yaml"}
    make_sleap_model(
        tmp_path / "models" / "instance", weights="best_model.h5", training="training_config.json"
    )
    assert len(Sleap(tmp_path / "models", Tracker()).files()) == 4
    make_sleap_model(tmp_path / "models" / "old")
    with pytest.raises(
        ConfigError, match=r"has 3 models of SLEAP in it \(centroid, instance, old\)\. Set it to"
    ):
        Sleap(tmp_path / "models", Tracker()).files()


def test_no_sleap_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model_folder is not set in config.toml.*into pose-2d"):
        Sleap(None, Tracker()).files()
    with pytest.raises(ConfigError, match=r"model_folder = .*nowhere does not exist"):
        Sleap(tmp_path / "nowhere", Tracker()).files()
    with pytest.raises(ConfigError, match=r"is not a model of SLEAP: it has no training_config"):
        Sleap(tmp_path, Tracker()).files()
    (make_sleap_model(tmp_path / "model") / "best.ckpt").unlink()
    with pytest.raises(
        ConfigError, match=r"model has no trained network: neither best.ckpt nor best_model.h5"
    ):
        Sleap(tmp_path / "model", Tracker()).files()


def test_lightning_pose(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model_folder is not set in config.toml.*litpose train"):
        LightningPose(None, Tracker()).files()
    with pytest.raises(ConfigError, match=r"nowhere does not exist"):
        LightningPose(tmp_path / "nowhere", Tracker()).files()
    with pytest.raises(ConfigError, match=r"it has no config\.yaml\. If you have tracked"):
        LightningPose(tmp_path, Tracker()).files()
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"it has no checkpoint in tb_logs"):
        LightningPose(tmp_path, Tracker()).files()
    weights = tmp_path / "tb_logs" / "test" / "version_0" / "checkpoints" / "epoch=1-step=2-best.ckpt"
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert LightningPose(tmp_path, Tracker()).files() == (tmp_path / "config.yaml", weights)


@pytest.mark.parametrize(
    ("model_type", "package"), [("sleap", "sleap_nn"), ("lightning-pose", "lightning_pose")]
)
def test_without_the_program(tmp_path: Path, model_type: str, package: str) -> None:
    """This Python has none of them."""
    model = make_sleap_model(tmp_path / "model")
    (model / "config.yaml").touch()
    (model / "tb_logs" / "test" / "version_0" / "checkpoints").mkdir(parents=True)
    (model / "tb_logs" / "test" / "version_0" / "checkpoints" / "a.ckpt").touch()
    (tmp_path / "config.toml").write_text(f'model_type = "{model_type}"\nmodel_folder = "model"\n')
    with VideoWriter(tmp_path / "session" / "videos-raw" / "v.mp4", 30, (32, 32)) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 1
    assert f"the package {package} is not installed in" in result.stdout
    assert "needs an environment of its own" in result.stdout
    assert "then no tracker is needed" in result.stdout
