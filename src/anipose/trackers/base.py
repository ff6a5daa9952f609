"""What a 2D tracker is. A new one is a module beside this one, and a name for `model_type`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from anipose.poses import Poses2D


class Tracker(Protocol):
    """Finds keypoints in videos.

    Attributes:
        name: what `model_type` of config.toml calls it, and the scorer in its files.
    """

    @property
    def name(self) -> str: ...

    def track_videos(self, videos: Sequence[Path]) -> Iterator[tuple[Path, Poses2D]]:
        """Each video and the poses found in it, as they are done.

        Poses have one entry for every frame that `anipose.io.video` reads. A keypoint that is not seen is
        NaN in both position and score. Several videos are given at a time because some trackers take
        longer to start than to track one.
        """
        ...
