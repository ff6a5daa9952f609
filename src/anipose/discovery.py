"""Looking for sessions below an experiment, and saying what is there when there are none."""

import difflib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anipose.config import Config
from anipose.naming import natural_key

CONFIG_NAME = "config.toml"
_DEEPEST = 12  # levels; deeper than any layout in use, and an end for links that go in circles


def find_session_folders(root: Path, config: Config) -> list[Path]:
    """Folders with raw or original videos or tracked points, at the depth that `nesting` says.

    In an experiment that has none yet, folders with calibration videos.
    """
    marks = (config.pipeline.videos_raw, config.pipeline.pose_2d, config.pipeline.videos_original)
    return _folders_with(marks, root, config) or _folders_with(
        (config.pipeline.calibration_videos,), root, config
    )


def _folders_with(marks: tuple[str, ...], root: Path, config: Config) -> list[Path]:
    nesting = config.nesting
    if nesting is not None and nesting >= 0:
        candidates: Iterator[Path] = (
            folder for folder, depth in _walk(root, config, nesting) if depth == nesting
        )
    else:
        candidates = (folder for folder, _ in _walk(root, config, _DEEPEST))
    found = [folder for folder in candidates if any((folder / mark).is_dir() for mark in marks)]
    return sorted(found, key=lambda folder: natural_key(folder.as_posix()))


def _walk(root: Path, config: Config, deepest: int, depth: int = 0) -> Iterator[tuple[Path, int]]:
    """A folder and all below it, without those that hold the files of a session."""
    yield root, depth
    if depth >= deepest:
        return
    ours = {Path(name).name for name in config.pipeline.model_dump().values()} | {"config"}
    with os.scandir(root) as entries:
        names = sorted((e.name for e in entries if e.is_dir()), key=natural_key)
    for name in names:
        if name not in ours and not name.startswith("."):
            yield from _walk(root / name, config, deepest, depth + 1)


def explain_no_sessions(root: Path, config: Config) -> str:
    """What was looked for, what is there instead, and what to change."""
    videos, poses = config.pipeline.videos_raw, config.pipeline.pose_2d
    where = (
        "at any depth"
        if config.nesting in (None, -1)
        else f"{config.nesting} level{'s' * (config.nesting != 1)} below (nesting = {config.nesting})"
    )
    lines = [f"no session found in {root}: looked for folders named {videos} or {poses}, {where}."]
    everywhere = Config(pipeline=config.pipeline)
    elsewhere = _folders_with((videos, poses), root, everywhere)
    depth = len(elsewhere[0].relative_to(root).parts) if elsewhere else 0
    if elsewhere and (config.nesting in (None, -1) or depth == config.nesting):
        lines.append(
            f"There is one in {elsewhere[0]}, but nothing in it that counts as a video or as tracked points."
        )
    elif elsewhere:
        lines.append(
            f"There is one in {elsewhere[0]}: set nesting = {depth} in {root / CONFIG_NAME}, or leave it out."
        )
    else:
        near = _near_misses(root, everywhere, {videos, poses})
        lines.extend(
            f"{path} looks like {name}: rename it, or set pipeline.{key} = '{path.name}'"
            for path, name, key in near
        )
        if not near:
            lines.append(
                f"Put videos into {root / 'session1' / videos}, "
                f"or tracked points into {root / 'session1' / poses}."
            )
    return "\n".join(lines)


def _near_misses(root: Path, config: Config, wanted: set[str]) -> list[tuple[Path, str, str]]:
    keys = {config.pipeline.videos_raw: "videos_raw", config.pipeline.pose_2d: "pose_2d"}
    found = []
    for folder, _ in _walk(root, config, _DEEPEST):
        close = difflib.get_close_matches(folder.name.lower(), wanted, n=1, cutoff=0.75)
        if close:
            found.append((folder, close[0], keys[close[0]]))
    return found[:3]


def read_toml(path: Path) -> dict[str, Any]:
    """What is in a TOML file; nothing if it is not one, which whoever needs the file will report."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return {}
