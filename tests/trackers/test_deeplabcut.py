"""What is wrong with a model folder is said before anything is started; networks are found where they are."""

from pathlib import Path

import numpy as np
import pytest

from anipose.config import Tracker
from anipose.errors import ConfigError
from anipose.io.video_writer import VideoWriter
from anipose.trackers.deeplabcut import DeepLabCut, label_files, read_project
from projects import anipose


def make_project(
    folder: Path, *, shuffles: tuple[int, ...] = (1,), models: str = "dlc-models-pytorch"
) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("Task: reach\nbodyparts: [nose]\niteration: 0\n")
    for shuffle in shuffles:
        train = folder / models / "iteration-0" / f"reachJan1-trainset95shuffle{shuffle}" / "train"
        train.mkdir(parents=True)
        (train / "snapshot-best-040.pt").write_bytes(b"weights")
    return folder


def test_without_a_model_folder() -> None:
    with pytest.raises(
        ConfigError, match=r"model_folder is not set in config.toml.*put the files .* into pose-2d"
    ):
        read_project(None)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"model_folder = .*nowhere does not exist\. Correct it in config.toml: the folder of a",
    ):
        read_project(tmp_path / "nowhere")


def test_the_config_file_instead_of_its_folder(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "reach")
    with pytest.raises(ConfigError, match=r"config\.yaml is a file, .* Perhaps you mean .*reach$"):
        read_project(folder / "config.yaml")


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    make_project(tmp_path / "models" / "reach")
    with pytest.raises(ConfigError, match=r"it has no config\.yaml; perhaps you mean the folder reach in it"):
        read_project(tmp_path / "models")
    (tmp_path / "config.yaml").write_text("a: 1\n")
    with pytest.raises(ConfigError, match="it lacks Task and bodyparts"):
        read_project(tmp_path)
    (tmp_path / "config.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigError, match="is not a YAML file"):
        read_project(tmp_path)
    (tmp_path / "config.yaml").write_text("!!python/object/apply:os.system ['touch /tmp/never']\n")
    with pytest.raises(ConfigError, match="is not a YAML file"):
        read_project(tmp_path)


def test_a_project_without_a_trained_network(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "reach", shuffles=(3,))
    with pytest.raises(
        ConfigError,
        match=r"has no trained network \(no snapshot of iteration 0, shuffle 1\); "
        r"there is reachJan1-trainset95shuffle3: choose with tracker.shuffle",
    ):
        DeepLabCut(folder, Tracker()).files()
    assert len(DeepLabCut(folder, Tracker(shuffle=3)).files()) == 1


def test_networks_of_older_versions_are_found(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "reach", models="dlc-models")
    (path,) = DeepLabCut(folder, Tracker()).files()
    assert path.name == "snapshot-best-040.pt"


def test_labels_are_found_by_video(tmp_path: Path) -> None:
    for name in ("a/CollectedData_x.h5", "a/CollectedData_x.csv", "b/CollectedData_x.csv", "c/img0.png"):
        path = tmp_path / "labeled-data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert {video: path.name for video, path in label_files(tmp_path).items()} == {
        "a": "CollectedData_x.h5",
        "b": "CollectedData_x.csv",
    }


def test_analyze_without_deeplabcut_says_how_to_install_it(tmp_path: Path) -> None:
    """This Python has no DeepLabCut; other sessions and cameras have models of their own."""
    make_project(tmp_path / "models" / "one")
    (tmp_path / "config.toml").write_text('model_folder = "models/one"\n')
    video = tmp_path / "session" / "videos-raw" / "v.mp4"
    with VideoWriter(video, 30, (32, 32)) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 1
    assert "the package deeplabcut is not installed in" in result.stdout
    assert "python3 -m venv ~/dlc-env; ~/dlc-env/bin/pip install deeplabcut" in result.stdout
    assert "put the files (DeepLabCut .h5 or .csv" in result.stdout
    result = anipose(tmp_path, "analyze", "--jobs", "1", "--set", "tracker.python=no/python")
    assert (
        f"tracker.python = {tmp_path}/no/python cannot be started: no such file or directory" in result.stdout
    )
