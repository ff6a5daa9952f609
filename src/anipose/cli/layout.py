"""What folders tell of an experiment that is arranged in a way of its own."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anipose.config import VIDEO_EXTENSIONS, Pipeline
from anipose.errors import AniposeError
from anipose.naming import natural_key
from anipose.video_files import TRACKED_SUFFIXES

_DEEPEST = 8
_USUAL = Pipeline()
# Folders with results, which are no places to look for recordings.
_RESULTS = {Path(name).name for name in _USUAL.model_dump().values()} - {
    _USUAL.videos_raw,
    _USUAL.videos_original,
    _USUAL.pose_2d,
    _USUAL.calibration_videos,
}


@dataclass(frozen=True)
class Folder:
    """A folder and the files in it, by what they are.

    Attributes:
        path: where it is.
        videos: of animals or boards.
        tracked: files that may hold tracked points.
        is_calibration: whether its name says that it is for calibration.
    """

    path: Path
    videos: tuple[Path, ...]
    tracked: tuple[Path, ...]
    is_calibration: bool


def folders_below(root: Path) -> Iterator[Folder]:
    """All folders that recordings may be in, in natural order."""
    for name, inner, files in os.walk(root):
        here = Path(name)
        depth = len(here.relative_to(root).parts)
        kept = [one for one in inner if not one.startswith(".") and one not in _RESULTS]
        inner[:] = sorted(kept, key=natural_key) if depth < _DEEPEST else []
        paths = [here / file for file in sorted(files, key=natural_key) if not file.startswith(".")]
        yield Folder(
            here,
            tuple(path for path in paths if path.suffix[1:].lower() in VIDEO_EXTENSIONS),
            tuple(path for path in paths if path.suffix.lower() in TRACKED_SUFFIXES),
            any("calib" in part.lower() for part in here.relative_to(root).parts),
        )


def unusual_names(root: Path) -> tuple[dict[str, str], list[str]]:
    """Keys of [pipeline] for folders with other names than the usual ones, and what cannot be told.

    The folder of videos is the one whose name returns; where each has a name of its own, videos lie in the
    folders of the sessions themselves.
    """
    found = list(folders_below(root))
    names: dict[str, str] = {}
    doubts: list[str] = []
    usual = {_USUAL.videos_raw, _USUAL.videos_original, _USUAL.pose_2d}
    if not any(folder.path.name in usual for folder in found):
        recorded = [folder.path for folder in found if folder.videos and not folder.is_calibration]
        tracked = [folder.path for folder in found if not folder.is_calibration and _is_tracked(folder)]
        for key, paths in (("videos_raw", recorded), ("pose_2d", tracked)):
            name = _common_name(root, paths)
            if name is not None:
                names[key] = name
            elif paths:
                what = {"videos_raw": "videos", "pose_2d": "tracked points"}[key]
                doubts.append(
                    f"{what} are in {paths[0]}: move those of each session into a folder "
                    f"{getattr(_USUAL, key)} in the folder of the session"
                )
    boards = [folder.path for folder in found if folder.is_calibration and folder.videos]
    if boards and not any(path.name == _USUAL.calibration_videos for path in boards):
        name = _common_name(root, boards)
        if name is not None:
            names |= {"calibration_videos": name, "calibration_results": name}
    return names, doubts


def _common_name(root: Path, paths: list[Path]) -> str | None:
    """The name that most of the folders have, if it is that of a folder in the sessions."""
    inside = [path.name for path in paths if path != root]
    if not inside:
        return None
    name, count = Counter(inside).most_common(1)[0]
    return name if count > len(inside) / 2 else None


def _is_tracked(folder: Folder) -> bool:
    """Whether the first file that could hold tracked points does."""
    from anipose.io.poses_2d import read_poses_2d

    for path in folder.tracked[:1]:
        try:
            read_poses_2d(path)
        except AniposeError:
            return False
        return True
    return False


def deeplabcut_project(root: Path) -> tuple[str | None, tuple[str, ...]]:
    """The folder of a DeepLabCut project in the experiment, from there, and its body parts."""
    for path in sorted(
        [*root.glob("config.yaml"), *root.glob("*/config.yaml"), *root.glob("*/*/config.yaml")]
    ):
        content = _yaml(path)
        if "Task" in content and "bodyparts" in content:
            parts = content.get("bodyparts") or ()
            keypoints = tuple(map(str, parts)) if isinstance(parts, list) else ()
            return path.parent.relative_to(root).as_posix(), keypoints
    return None, ()


def _yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
