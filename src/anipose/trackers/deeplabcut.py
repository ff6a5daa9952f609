"""DeepLabCut: networks that users trained, run in DeepLabCut's own environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from anipose.config import Tracker as Settings
from anipose.errors import ConfigError
from anipose.trackers.base import Progress
from anipose.trackers.process import tracker_process

HAVE_FILES = (
    "If you have tracked the videos already, put the files (DeepLabCut .h5 or .csv, SLEAP .slp or "
    ".analysis.h5, "
    "Lightning Pose .csv) into pose-2d, each named after its video: then no tracker is needed"
)
INSTALL = (
    "DeepLabCut needs an environment of its own: python3 -m venv ~/dlc-env; ~/dlc-env/bin/pip install "
    'deeplabcut "filterpy<2"; then write under [tracker] in config.toml: python = "~/dlc-env/bin/python". '
    + HAVE_FILES
)

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
            others = sorted({path.parent.name for m in _MODELS for path in folder.glob(f"{m}/*/*/train")})
            there = f"; there is {', '.join(others)}: choose with tracker.shuffle" if others else ""
            raise ConfigError(
                f"model_folder = {folder} has no trained network (no snapshot of iteration {iteration}, "
                f"shuffle "
                f"{shuffle}){there}. Train it with DeepLabCut first: deeplabcut.train_network. {HAVE_FILES}"
            )
        return tuple(snapshots)

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        self.files()
        model_folder, _ = read_project(self._folder)
        device = self._settings.device
        settings = {
            "config": str(model_folder / "config.yaml"),
            "shuffle": self._settings.shuffle,
            "training_set": self._settings.training_set,
            "snapshot": self._settings.snapshot,
            "device": None if device == "auto" else device,
            "batch_size": self._settings.batch_size,
        }
        process = tracker_process(
            self._settings.python,
            "deeplabcut_backend",
            settings,
            install=INSTALL,
            all_threads=device != "cpu",
        )
        return process.track(video, folder, progress)


def read_project(folder: Path | None) -> tuple[Path, Mapping[str, Any]]:
    """The folder of a DeepLabCut project, and its config.yaml.

    Raises:
        ConfigError: it is not given, does not exist, or is none.
    """
    import yaml

    if folder is None:
        raise ConfigError(
            'model_folder is not set in config.toml, and model_type = "deeplabcut" needs it: the folder of a '
            f"DeepLabCut project with a trained network, the one that has its config.yaml. {HAVE_FILES}"
        )
    if not folder.is_dir():
        raise ConfigError(f"model_folder = {folder} is not a folder. Correct it in config.toml. {HAVE_FILES}")
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
