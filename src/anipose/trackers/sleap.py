"""SLEAP: networks that users trained, run by sleap-nn in an environment of its own."""

from pathlib import Path
from typing import ClassVar

from anipose.config import Tracker as Settings
from anipose.errors import ConfigError
from anipose.trackers.base import HAVE_FILES, Progress, require_model_folder
from anipose.trackers.process import tracker_process

INSTALL = (
    "SLEAP needs an environment of its own: python3 -m venv ~/sleap-env; ~/sleap-env/bin/pip install "
    '"sleap-nn[torch]"; then write under [tracker] in config.toml: python = "~/sleap-env/bin/python". '
    + HAVE_FILES
)

# A folder with one of these is a model: of SLEAP 1.5 and later, and of older versions.
_TRAINING = ("training_config.yaml", "training_config.json")
# Of these, one is the network itself.
_WEIGHTS = ("best.ckpt", "best_model.h5")


class Sleap:
    """Runs a model of SLEAP: one network, or two, one to find the animal and one for its points."""

    name: ClassVar[str] = "sleap"

    def __init__(self, model_folder: Path | None, settings: Settings) -> None:
        self._folder = model_folder
        self._settings = settings

    def files(self) -> tuple[Path, ...]:
        """The files of the networks.

        Raises:
            ConfigError: there is no model folder, or it has no trained network.
        """
        files = []
        for model in models_in(self._folder):
            weights = [model / name for name in _WEIGHTS if (model / name).is_file()]
            if not weights:
                raise ConfigError(
                    f"{model} has no trained network: neither {' nor '.join(_WEIGHTS)} is in it. Train it "
                    f"with SLEAP first. {HAVE_FILES}"
                )
            settings = [model / name for name in _TRAINING if (model / name).is_file()]
            files += [settings[0], weights[0]]
        return tuple(files)

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        self.files()
        options = {
            "models": [str(model.resolve()) for model in models_in(self._folder)],
            "device": self._settings.device,
            "batch_size": self._settings.batch_size,
            "animals": self._settings.animals,
        }
        process = tracker_process(self._settings, "sleap_backend", options, install=INSTALL)
        return process.track(video, folder, progress)


def models_in(folder: Path | None) -> tuple[Path, ...]:
    """The folder itself if it is a model, or the one or two models in it.

    Raises:
        ConfigError: there are none, or too many to know which.
    """
    folder = require_model_folder(
        folder,
        Sleap.name,
        "the folder of a model that SLEAP trained, the one that has its training_config.yaml",
    )
    if _is_model(folder):
        return (folder,)
    models = tuple(below for below in sorted(folder.glob("*/")) if _is_model(below))
    if not models:
        raise ConfigError(
            f"model_folder = {folder} is not a model of SLEAP: it has no training_config.yaml or .json, and "
            f"no folder in it has one. {HAVE_FILES}"
        )
    if len(models) > 2:
        raise ConfigError(
            f"model_folder = {folder} has {len(models)} models of SLEAP in it "
            f"({', '.join(model.name for model in models)}). Set it to one of them; or, for a pair of a "
            "centroid and a centered-instance model, to a folder with just these two"
        )
    return models


def _is_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _TRAINING)
