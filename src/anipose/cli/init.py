"""Writing the first config.toml of an experiment."""

from collections.abc import Sequence
from pathlib import Path

import click

from anipose.cli.layout import deeplabcut_project, unusual_names
from anipose.discovery import CONFIG_NAME
from anipose.errors import AniposeError, ProjectError
from anipose.io.files import write_text
from anipose.project import sessions_without_config
from anipose.reference import Found, template
from anipose.session import Session


def init_project(folder: Path, *, only_print: bool) -> None:
    """Write a commented config.toml, filled in from the videos and poses below a folder.

    Raises:
        ProjectError: there is a config.toml already, or no such folder.
    """
    target = folder / CONFIG_NAME
    if not folder.is_dir():
        raise ProjectError(f"there is no folder {folder}; make it, and put your videos into it first")
    if target.exists() and not only_print:
        raise ProjectError(
            f"{target} exists already and is not touched; to see what would be written: anipose init --print"
        )
    found, doubts = look_around(folder.resolve())
    for doubt in doubts:
        click.echo(f"{click.style('note:', fg='yellow')} {doubt}", err=True)
    if only_print:
        click.echo(template(found), nl=False)
        return
    write_text(target, template(found))
    click.echo(f"wrote {target}; look it through, then run: anipose status")


def look_around(root: Path) -> tuple[Found, list[str]]:
    """What the folders and files below an experiment tell about it, and what they leave open."""
    folders, doubts = unusual_names(root)
    sessions = sessions_without_config(root, [f"pipeline.{key}={name}" for key, name in folders.items()])
    if not any(session.stems for session in sessions):
        doubts.append(
            "there is no session here yet (a folder with videos-raw or pose-2d): fill in what is missing"
        )
        return Found(project=root.name, nesting=_nesting(sessions) or None), doubts
    regex, cameras = _cameras(sessions, doubts)
    extensions = {video.suffix[1:].lower() for session in sessions for video in session.videos.values()}
    model_folder, body_parts = deeplabcut_project(root)
    found = Found(
        project=root.name,
        nesting=_nesting(sessions),
        video_extension=tuple(sorted(extensions)),
        cam_regex=regex,
        cameras=cameras,
        keypoints=_keypoints(sessions, doubts) or body_parts,
        model_folder=model_folder,
        folders=tuple(folders.items()),
    )
    _doubt_boards(sessions, doubts)
    return found, doubts


def _nesting(sessions: Sequence[Session]) -> int:
    """How deep the sessions are; -1 for several depths, 0 also where there are none."""
    depths = {len(session.parts) for session in sessions}
    return max(depths, default=0) if len(depths) < 2 else -1


def _cameras(sessions: Sequence[Session], doubts: list[str]) -> tuple[str | None, tuple[str, ...]]:
    for session in sessions:
        try:
            pattern = session.pattern
            cameras = dict.fromkeys(camera for trial in session.trials for camera in trial.views)
        except AniposeError as error:
            doubts.append(str(error))
            return None, ()
        if pattern is not None:
            return pattern.regex, tuple(cameras)
    doubts.append(
        "there is no calibration folder here, so this is set up for 2D; for 3D, set triangulation.cam_regex"
    )
    return None, ()


def _doubt_boards(sessions: Sequence[Session], doubts: list[str]) -> None:
    calibrations = [session.calibration for session in sessions if session.calibration is not None]
    if any(one.recordings and not one.file.is_file() for one in calibrations):
        doubts.append(
            "describe your calibration board under [calibration], with lengths that you measured on it; then "
            "anipose check calibration tells at once whether it is the one in the videos"
        )


def _keypoints(sessions: Sequence[Session], doubts: list[str]) -> tuple[str, ...]:
    from anipose.io.poses_2d import read_animals_2d

    for session in sessions:
        for path in session.tracked.values():
            try:
                return next(iter(read_animals_2d(path).values())).keypoints
            except AniposeError as error:
                doubts.append(str(error))
    return ()
