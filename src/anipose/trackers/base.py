"""What a 2D tracker is. A new one is a module beside this one, and a line in `catalogue.py`."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from anipose.errors import ConfigError

Progress = Callable[[int], None]
"""Told how many frames of the video are done."""

HAVE_FILES = (
    "If you have tracked the videos already, put the files (DeepLabCut .h5 or .csv, SLEAP .slp or "
    ".analysis.h5, Lightning Pose .csv) into pose-2d, each named after its video: then no tracker is needed"
)
"""What a message of a tracker that cannot run ends with."""


def require_model_folder(folder: Path | None, model_type: str, wanted: str) -> Path:
    """The model folder.

    Args:
        folder: as configured.
        model_type: the tracker.
        wanted: for the user, which folder that is.

    Raises:
        ConfigError: it is not set, does not exist, or is a file.
    """
    if folder is None:
        raise ConfigError(
            f'model_folder is not set in config.toml, and model_type = "{model_type}" needs it: {wanted}. '
            f"{HAVE_FILES}"
        )
    if not folder.exists():
        raise ConfigError(
            f"model_folder = {folder} does not exist. Correct it in config.toml: {wanted}. {HAVE_FILES}"
        )
    if folder.is_file():
        raise ConfigError(
            f'model_folder = {folder} is a file, and model_type = "{model_type}" needs a folder: {wanted}. '
            f"Perhaps you mean {folder.parent}"
        )
    return folder


class Tracker(Protocol):
    """Finds keypoints in videos.

    Attributes:
        name: what `model_type` of config.toml calls it.
    """

    @property
    def name(self) -> str: ...

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        """Track one video; the file with the result, in any format that `anipose.io.poses_2d` reads.

        The folder is empty, and deleted once the result has been read. There is one pose for every frame that
        `anipose.io.video` reads; a keypoint that is not seen is NaN.
        What takes long to start, such as a network, is started with the first video and kept for the next.

        Raises:
            AniposeError: it cannot be done, and the message says what to do.
        """
        ...
