"""MediaPipe: body and hands of people, with models that come with its package."""

from pathlib import Path
from typing import ClassVar

from anipose.config import Tracker as Settings
from anipose.trackers.base import Progress
from anipose.trackers.process import tracker_process

INSTALL = (
    "MediaPipe needs an environment of its own, and a version that has its models in it: python3 -m venv "
    "~/mediapipe-env; ~/mediapipe-env/bin/pip install mediapipe==0.10.21 (for Python 3.9 to 3.12); then "
    "write "
    'under [tracker] in config.toml: python = "~/mediapipe-env/bin/python"'
)


class MediaPipe:
    """Tracks one person: 33 keypoints of the body, or 21 of each hand."""

    name: ClassVar[str] = "mediapipe"

    def __init__(self, model_folder: Path | None, settings: Settings) -> None:
        self._settings = settings

    def files(self) -> tuple[Path, ...]:
        return ()

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        options = {"part": self._settings.part}
        process = tracker_process(self._settings, "mediapipe_backend", options, install=INSTALL)
        return process.track(video, folder, progress)
