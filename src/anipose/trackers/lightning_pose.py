"""Lightning Pose: networks that users trained, run in an environment of its own."""

from pathlib import Path
from typing import ClassVar

from anipose.config import Tracker as Settings
from anipose.errors import ConfigError
from anipose.trackers.base import HAVE_FILES, Progress, require_model_folder
from anipose.trackers.process import tracker_process

INSTALL = (
    "Lightning Pose needs an environment of its own: python3 -m venv ~/lightning-pose-env; "
    "~/lightning-pose-env/bin/pip install lightning-pose; then write under [tracker] in config.toml: "
    'python = "~/lightning-pose-env/bin/python". ' + HAVE_FILES
)


class LightningPose:
    """Runs a model that `litpose train` wrote."""

    name: ClassVar[str] = "lightning-pose"

    def __init__(self, model_folder: Path | None, settings: Settings) -> None:
        self._folder = model_folder
        self._settings = settings

    def files(self) -> tuple[Path, ...]:
        """The weights of the network, and how it was trained.

        Raises:
            ConfigError: there is no model folder, or it has no trained network.
        """
        folder = require_model_folder(
            self._folder,
            self.name,
            "the folder that litpose train wrote, the one with config.yaml and tb_logs",
        )
        weights = tuple(sorted(folder.glob("tb_logs/*/version_*/checkpoints/*.ckpt")))
        if not (folder / "config.yaml").is_file() or not weights:
            lacks = "checkpoint in tb_logs" if (folder / "config.yaml").is_file() else "config.yaml"
            raise ConfigError(
                f"model_folder = {folder} is not a trained model of Lightning Pose: it has no {lacks}. "
                f"{HAVE_FILES}"
            )
        return (folder / "config.yaml", *weights)

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        self.files()
        options = {"model": str(self._folder), "device": self._settings.device}
        process = tracker_process(self._settings, "lightning_pose_backend", options, install=INSTALL)
        return process.track(video, folder, progress)
