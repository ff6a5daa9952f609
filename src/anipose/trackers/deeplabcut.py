"""DeepLabCut: networks that users trained, run in DeepLabCut's own environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from anipose.config import Tracker as Settings
from anipose.errors import ConfigError
from anipose.trackers.base import HAVE_FILES, Progress, require_model_folder
from anipose.trackers.process import tracker_process

INSTALL = (
    "DeepLabCut needs an environment of its own: python3 -m venv ~/dlc-env; ~/dlc-env/bin/pip install "
    'deeplabcut "filterpy<2"; then write under [tracker] in config.toml: python = "~/dlc-env/bin/python". '
    + HAVE_FILES
)
INSTALL_ONNX = (
    "To export a network, the environment with DeepLabCut needs onnx, too: ~/dlc-env/bin/pip install onnx."
)

_WANTED = "the folder of a DeepLabCut project with a trained network, the one that has its config.yaml"
# Where DeepLabCut keeps networks: those of PyTorch, and those of TensorFlow, from before version 3.
_MODELS = ("dlc-models-pytorch", "dlc-models")


class DeepLabCut:
    """Runs the network of a DeepLabCut project."""

    name: ClassVar[str] = "deeplabcut"

    def __init__(self, model_folder: Path | None, settings: Settings) -> None:
        self._folder = model_folder
        self._settings = settings

    def files(self) -> tuple[Path, ...]:
        """The files of the network, any of them if a snapshot is not chosen: a new training changes them.

        Raises:
            ConfigError: there is no model folder, or it has no trained network.
        """
        folder, project = read_project(self._folder)
        iteration, shuffle = project.get("iteration", 0), self._settings.shuffle
        networks = [
            path
            for models in _MODELS
            for path in sorted(folder.glob(f"{models}/iteration-{iteration}/*shuffle{shuffle}/train"))
        ]
        snapshots = [path for network in networks for path in sorted(network.glob("snapshot-*"))]
        if not snapshots:
            trained = {
                path.parents[1].name for m in _MODELS for path in folder.glob(f"{m}/*/*/train/snapshot-*")
            }
            there = f"; there is {', '.join(sorted(trained))}: choose with tracker.shuffle" if trained else ""
            raise ConfigError(
                f"model_folder = {folder} has no trained network (no snapshot of iteration {iteration}, "
                f"shuffle "
                f"{shuffle}){there}. Train it with DeepLabCut first: deeplabcut.train_network. {HAVE_FILES}"
            )
        return tuple(snapshots)

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        device = self._settings.device
        options = self._choice() | {
            "config": str(self._config_file()),
            "device": None if device == "auto" else device,
            "batch_size": self._settings.batch_size,
        }
        process = tracker_process(self._settings, "deeplabcut_backend", options, install=INSTALL)
        return process.track(video, folder, progress)

    def export(self, folder: Path) -> Path:
        """Write the network as an ONNX file into a folder, for `anipose.trackers.onnx`."""
        config_file = self._config_file()
        process = tracker_process(
            self._settings, "deeplabcut_onnx_backend", self._choice(), install=f"{INSTALL_ONNX} {INSTALL}"
        )
        return process.track(config_file, folder, lambda frames: None)

    def _choice(self) -> dict[str, Any]:
        """Which of the networks of the project."""
        chosen = self._settings
        return {
            "shuffle": chosen.shuffle,
            "training_set": chosen.training_set,
            "snapshot": chosen.snapshot,
        }

    def _config_file(self) -> Path:
        """The config.yaml of a project that has the network."""
        self.files()
        folder, _ = read_project(self._folder)
        return folder / "config.yaml"


def read_project(folder: Path | None) -> tuple[Path, Mapping[str, Any]]:
    """The folder of a DeepLabCut project, and its config.yaml.

    Raises:
        ConfigError: it is not given, does not exist, or is none.
    """
    import yaml

    folder = require_model_folder(folder, DeepLabCut.name, _WANTED)
    path = folder / "config.yaml"
    if not path.is_file():
        near = [below.parent.name for below in sorted(folder.glob("*/config.yaml"))]
        hint = f"; perhaps you mean the folder {' or '.join(near)} in it" if near else ""
        raise ConfigError(
            f"model_folder = {folder} is not a DeepLabCut project: it has no config.yaml{hint}. {HAVE_FILES}"
        )
    try:
        project = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a YAML file: {str(error).splitlines()[0]}") from error
    if not isinstance(project, dict) or not {"Task", "bodyparts"} <= set(project):
        raise ConfigError(
            f"{path} is not the config.yaml of a DeepLabCut project: it lacks Task and bodyparts. "
            f"{HAVE_FILES}"
        )
    return folder, project


def label_files(folder: Path) -> Mapping[str, Path]:
    """The labels in a DeepLabCut project, by the name of the video."""
    found = {}
    for video in sorted((folder / "labeled-data").glob("*/")):
        files = [*sorted(video.glob("CollectedData_*.h5")), *sorted(video.glob("CollectedData_*.csv"))]
        if files:
            found[video.name] = files[0]
    return found
