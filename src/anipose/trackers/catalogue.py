"""The trackers by the names that `model_type` of config.toml has for them; imported when they are used."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from anipose import config
from anipose.errors import ConfigError
from anipose.trackers.base import Tracker


class ModelTracker(Tracker, Protocol):
    """A tracker made from a model folder and the table [tracker]."""

    def __init__(self, model_folder: Path | None, settings: config.Tracker) -> None: ...

    def files(self) -> tuple[Path, ...]:
        """The files that decide the result besides the video: the network.

        Raises:
            AniposeError: they are not there.
        """
        ...


@dataclass(frozen=True)
class Entry:
    """A tracker that can be chosen.

    Attributes:
        where: "module:class" of this package.
        keys: the keys of the table [tracker] that it reads.
        is_network: it wants a graphics card.
    """

    where: str
    keys: tuple[str, ...]
    is_network: bool = True


_RUNS = ("python", "device", "batch_size")

TRACKERS: Mapping[str, Entry] = {
    "deeplabcut": Entry("deeplabcut:DeepLabCut", (*_RUNS, "shuffle", "training_set", "snapshot")),
    "sleap": Entry("sleap:Sleap", (*_RUNS, "animals")),
    "lightning-pose": Entry("lightning_pose:LightningPose", _RUNS[:2]),
    "onnx": Entry("onnx:Onnx", _RUNS[1:]),
    "mediapipe": Entry("mediapipe:MediaPipe", ("python", "part"), is_network=False),
    "command": Entry("command:CommandTracker", ("command", "device")),
}

# Keys of [tracker] that say how it is run, not what comes out: they make no result stale.
WITHOUT_EFFECT = frozenset({"python", "device", "batch_size"})


def open_tracker(model_type: str, model_folder: Path | None, settings: config.Tracker) -> ModelTracker:
    """The tracker of this name.

    Raises:
        ConfigError: anipose cannot run it.
    """
    if model_type not in TRACKERS:
        raise ConfigError(
            f'anipose does not run model_type = "{model_type}" itself. Track the videos with it and put its '
            f"files "
            "into pose-2d, each named after its video; or let anipose start it by a command: set "
            'model_type = "command", and tracker.command to a command line with {video} and {output}'
        )
    module, _, name = TRACKERS[model_type].where.partition(":")
    tracker: ModelTracker = getattr(import_module(f"anipose.trackers.{module}"), name)(model_folder, settings)
    return tracker
