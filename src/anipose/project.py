"""An experiment: what is in it, and the part of it that a command works on.

An experiment is the folder with the main config.toml. Its sessions are `nesting` levels below it. The
calibration of a session is in the session or in the nearest folder above it.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from anipose.calibration_folder import CalibrationFolder, camera_names
from anipose.config import Config
from anipose.config_files import load_config
from anipose.config_layers import ConfigLayers
from anipose.discovery import CONFIG_NAME, explain_no_sessions, find_session_folders, read_toml
from anipose.errors import AniposeError, ProjectError
from anipose.naming import natural_key
from anipose.session import Session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Project:
    """An experiment, and the part of it that a command works on.

    Attributes:
        root: the experiment.
        config: the configuration at its top.
        sessions: those to work on.
        all_sessions: all of them.
        problems: sessions to work on that cannot be used, with the reason.
        unusable: names of all sessions that cannot be used.
        is_part: whether only some of the sessions are worked on.
        warnings: what the user should know of the config files.
    """

    root: Path
    config: Config
    sessions: tuple[Session, ...]
    all_sessions: tuple[Session, ...]
    problems: Mapping[str, str]
    unusable: tuple[str, ...]
    is_part: bool
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.config.project or self.root.name

    @property
    def summaries(self) -> Path:
        return self.root / self.config.pipeline.summaries

    @property
    def board_print(self) -> Path:
        """The calibration board in its true size, to be printed."""
        return self.root / "calibration-board" / "board.pdf"

    @property
    def board_picture(self) -> Path:
        """A picture of the calibration board."""
        return self.board_print.with_suffix(".png")

    def exported_network(self, model_folder: Path) -> Path:
        """The network of a model folder, as a file that runs without the program it was trained with."""
        return self.root / "exported-networks" / f"{model_folder.name}.onnx"

    @cached_property
    def calibrations(self) -> tuple[CalibrationFolder, ...]:
        """The calibrations of the sessions to work on, each once."""
        found: dict[Path, CalibrationFolder] = {}
        for session in self.sessions:
            if session.calibration is not None:
                found.setdefault(session.calibration.file, session.calibration)
        return tuple(found.values())


def open_project(
    start: Path,
    *,
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    patterns: Sequence[str] = (),
    needs_sessions: bool = True,
) -> Project:
    """Read the configuration and look what is there.

    Args:
        start: the experiment, or any folder below it: then only that part is worked on.
        config_file: the experiment's config.toml, if it is not in `start` or above.
        overrides: `--set` options, KEY=VALUE.
        patterns: `--session` options: names of sessions, with * and ?.
        needs_sessions: whether an experiment without sessions is an error.

    Raises:
        ConfigError: the experiment's config.toml cannot be used.
        ProjectError: there is no config.toml, no session, or none that fits the patterns.
    """
    start = start.resolve()
    main = config_file.resolve() if config_file is not None else _find_main_config(start)
    loaded = load_config([main], overrides)
    layers = ConfigLayers(main, _root(loaded.config, main), tuple(overrides))
    folders = find_session_folders(layers.root, loaded.config)
    if not folders and needs_sessions:
        raise ProjectError(explain_no_sessions(layers.root, loaded.config) + _other_config(main, start))
    chosen = [folder for folder in folders if _is_chosen(folder, layers.root, start, patterns)]
    if folders and not chosen:
        wanted = "named " + " or ".join(patterns) if patterns else f"in {start}"
        names = ", ".join(str(folder.relative_to(layers.root)) for folder in folders[:8])
        raise ProjectError(f"there is no session {wanted}; the sessions of {layers.root} are: {names}")
    sessions: dict[Path, Session] = {}
    problems: dict[Path, str] = {}
    warnings = dict.fromkeys(loaded.warnings)
    for folder in folders:
        try:
            here = layers.at(folder)
            session = Session(folder, folder.relative_to(layers.root).parts, layers, here.config)
            _ = session.trials  # names that do not fit are a problem of this session alone
        except AniposeError as error:
            problems[folder] = str(error)
        else:
            sessions[folder] = session
            warnings.update(dict.fromkeys(here.warnings))
    _warn_of_unknown_cameras(sessions.values())
    faults = {folder: _faults(problems.get(folder), sessions.get(folder)) for folder in folders}
    shown = {folder: str(folder.relative_to(layers.root)) for folder in folders}
    return Project(
        root=layers.root,
        config=loaded.config,
        sessions=tuple(sessions[folder] for folder in chosen if folder in sessions),
        all_sessions=tuple(sessions.values()),
        problems={shown[f] + trial: fault for f in chosen for trial, fault in faults[f].items()},
        unusable=tuple(shown[f] + trial for f in folders for trial in faults[f]),
        is_part=len(chosen) < len(folders),
        warnings=tuple(warnings),
    )


def _faults(of_session: str | None, session: Session | None) -> dict[str, str]:
    """What is wrong with a session, under "", or with some of its trials."""
    if of_session is not None:
        return {"": of_session}
    return {} if session is None else {f", trial {trial}": why for trial, why in session.problems.items()}


def _other_config(main: Path, start: Path) -> str:
    """A hint, if the config of another folder was taken for that of the experiment."""
    nearer = next((p for folder in (start, *start.parents) if (p := folder / CONFIG_NAME).is_file()), main)
    if nearer == main:
        return ""
    return (
        f"\n{main} was taken for the experiment's, as it is above {nearer}; if the experiment is there, "
        f"move the other away or use: anipose --config {nearer}"
    )


def _warn_of_unknown_cameras(sessions: Iterable[Session]) -> None:
    """Tables [cameras.X] of a camera that no session has have no effect, which nobody wants."""
    known: dict[str, None] = {}
    wanted: dict[str, None] = {}
    for session in sessions:
        known.update(dict.fromkeys(view.camera for view in session.views if view.camera is not None))
        if session.calibration is not None:
            known.update(dict.fromkeys(camera_names(session.calibration.file)))
            known.update(dict.fromkeys(c for views in session.calibration.recordings.values() for c in views))
        wanted.update(dict.fromkeys(session.config.cameras))
    for name in wanted:
        if name not in known and known:
            log.warning(
                "[cameras.%s] has no effect: there is no camera of this name. The cameras are %s",
                name,
                ", ".join(sorted(known, key=natural_key)),
            )


def sessions_without_config(root: Path, overrides: Sequence[str] = ()) -> tuple[Session, ...]:
    """The sessions below a folder that has no config.toml yet, with settings as `--set` options."""
    layers = ConfigLayers(None, root, tuple(overrides))
    config = layers.at(root).config
    folders = find_session_folders(root, config)
    return tuple(Session(folder, folder.relative_to(root).parts, layers, config) for folder in folders)


def _find_main_config(start: Path) -> Path:
    """The outermost config.toml, from here up, that is one of anipose."""
    found = None
    for folder in (start, *start.parents):
        path = folder / CONFIG_NAME
        if path.is_file() and (folder == start or set(read_toml(path)) & set(Config.model_fields)):
            found = path
    if found is None:
        raise ProjectError(
            f"there is no {CONFIG_NAME} in {start} or any folder above it. Go to the folder of your "
            f"experiment, or make a {CONFIG_NAME} for this one with: anipose init"
        )
    return found


def _root(config: Config, main: Path) -> Path:
    """The experiment: the folder of the main config.toml, unless its key `path` names another that exists."""
    if config.path:
        named = Path(config.path).expanduser()
        if named.is_dir():
            return named.resolve()
        if named != main.parent:
            log.warning("%s: path = '%s' is not a folder here; using %s", main, config.path, main.parent)
    return main.parent


def _is_chosen(folder: Path, root: Path, start: Path, patterns: Sequence[str]) -> bool:
    """Whether a session is in the part of the experiment that a command works on."""
    if start.is_relative_to(root) and not (folder.is_relative_to(start) or start.is_relative_to(folder)):
        return False
    name = folder.relative_to(root).as_posix()
    names = (name, folder.name)
    return not patterns or any(p in names or any(fnmatch(n, p) for n in names) for p in patterns)
