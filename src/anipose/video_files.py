"""Files of videos and of tracked points in a folder, by the name of the video."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from anipose.config import VIDEO_EXTENSIONS, Config
from anipose.errors import ProjectError
from anipose.naming import natural_key

log = logging.getLogger(__name__)

# Where two trackers' files for one video lie side by side, the first of these is read.
TRACKED_SUFFIXES = (".h5", ".slp", ".csv")
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
# What DeepLabCut and SLEAP add to the name of the video.
_TRACKER_NAME = re.compile(r"(?:DLC_.+|DeepCut_.+|\.analysis|\.predictions)$")
_NOT_TRACKED = re.compile(r"DLC_.+_(?:filtered|skeleton|meta|full)$")


def videos_in(folder: Path, config: Config) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [p for p in folder.iterdir() if not p.name.startswith(".")]
    found = [p for p in files if p.suffix[1:].lower() in config.video_extension]
    others = sorted({p.suffix for p in files if p.suffix[1:].lower() in VIDEO_EXTENSIONS and p not in found})
    if others and not found:
        log.warning(
            "%s has videos that end in %s, which are left out, as video_extension is %s",
            folder,
            " and ".join(others),
            " or ".join(config.video_extension),
        )
    return sorted(found, key=lambda path: natural_key(path.name))


def distinct(videos: Sequence[Path]) -> tuple[dict[str, Path], dict[str, str]]:
    """Videos by name without extension, without names that two have; and what to say of each of those."""
    found: dict[str, Path] = {}
    twice: dict[str, str] = {}
    for video in videos:
        if video.stem in found:
            twice[video.stem] = (
                f"{found[video.stem]} and {video.name} are two videos of the same name; "
                "keep one of them, or choose with video_extension"
            )
        found.setdefault(video.stem, video)
    return {stem: video for stem, video in found.items() if stem not in twice}, twice


def tracked_in(folder: Path, videos: set[str]) -> dict[str, Path]:
    """Files with tracked points, by the name of their video."""
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    files = [
        p for p in folder.iterdir() if p.suffix.lower() in TRACKED_SUFFIXES and not p.name.startswith(".")
    ]
    for path in sorted(files, key=lambda p: (TRACKED_SUFFIXES.index(p.suffix.lower()), natural_key(p.name))):
        if _NOT_TRACKED.search(path.stem):
            continue
        stem = _video_of(path.stem, videos)
        other = found.setdefault(stem, path)
        if other != path and other.suffix == path.suffix:
            raise ProjectError(
                f"{other} and {path.name} both hold the points of {stem}; move one of them out of the folder"
            )
    return found


def _video_of(name: str, videos: set[str]) -> str:
    """The video that tracked points are of: the longest one in the name of the file, or that name itself."""
    if name in videos:
        return name
    plain = Path(_TRACKER_NAME.sub("", name))
    plain_name = plain.stem if plain.suffix[1:].lower() in VIDEO_EXTENSIONS else plain.name
    within = [v for v in videos if re.search(rf"(?<![A-Za-z0-9]){re.escape(v)}(?![A-Za-z0-9])", plain_name)]
    return max(within, key=len) if within else plain_name


def stem_of(video: Path) -> str:
    """The name of a video without extension, or of a folder of pictures."""
    return video.name if video.is_dir() else video.stem


def board_videos_in(folder: Path, config: Config) -> list[Path]:
    """Videos, and folders of pictures."""
    if not folder.is_dir():
        return []
    pictures = [
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and _has_pictures(path)
    ]
    return sorted([*videos_in(folder, config), *pictures], key=lambda path: natural_key(path.name))


def _has_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in PICTURE_SUFFIXES for path in folder.iterdir())
