"""Sessions, trials, cameras, and every path in a project: nobody else builds a path.

An experiment is the folder with the main config.toml. A session is a folder with `videos-raw/` or
`pose-2d/`, `nesting` levels below it. A trial is the videos recorded at the same time, one per
camera. The calibration of a session is in the session or in the nearest folder above it.
"""

import logging
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from anipose.config import VIDEO_EXTENSIONS, Camera, Config
from anipose.config_files import LoadedConfig, load_config
from anipose.discovery import CONFIG_NAME, explain_no_sessions, find_session_folders
from anipose.errors import AniposeError, ProjectError
from anipose.naming import CameraPattern, infer_pattern, natural_key

log = logging.getLogger(__name__)

# Where two trackers' files for one video lie side by side, the first of these is read.
TRACKED_SUFFIXES = (".h5", ".slp", ".csv")
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
# What DeepLabCut and SLEAP add to the name of the video.
_TRACKER_NAME = re.compile(r"(?:DLC_.+|DeepCut_.+|\.analysis|\.predictions)$")
_NOT_TRACKED = re.compile(r"DLC_.+_(?:filtered|skeleton|meta|full)$")


@dataclass(frozen=True)
class ConfigLayers:
    """The config.toml files of an experiment, from its top down to any folder.

    Attributes:
        main: the experiment's own; None before it has been written.
        root: the experiment.
        overrides: the `--set` options, which come last.
    """

    main: Path | None
    root: Path
    overrides: tuple[str, ...] = ()

    def at(self, folder: Path) -> LoadedConfig:
        """The configuration that holds in a folder of the experiment."""
        parts = folder.relative_to(self.root).parts
        way_down = [self.root.joinpath(*parts[:depth]) / CONFIG_NAME for depth in range(1, len(parts) + 1)]
        main = [] if self.main is None else [self.main]
        return load_config([*main, *(path for path in way_down if path.is_file())], self.overrides)


@dataclass(frozen=True)
class View:
    """One video, or the points tracked in it.

    Attributes:
        session: the session it belongs to.
        stem: name of the video without extension; the 2D files have the same name.
        trial: name of the trial.
        camera: name of the camera; None in a project without cameras (2D only).
        video: the raw video, where there is one.
        tracked: the file with its tracked points, where there is one.
    """

    session: "Session"
    stem: str
    trial: str
    camera: str | None
    video: Path | None
    tracked: Path | None

    @property
    def poses_2d_raw(self) -> Path:
        """The tracked points as they come from the tracker."""
        return self.tracked or self.session.path("pose_2d") / f"{self.stem}.h5"

    @property
    def poses_2d_filtered(self) -> Path:
        return self.session.path("pose_2d_filter") / f"{self.stem}.h5"

    @property
    def filter_changes(self) -> Path:
        """What the filters changed."""
        return self.session.path("pose_2d_filter") / f"{self.stem}.changes.json"

    @property
    def poses_2d(self) -> Path:
        """The tracked points that 3D poses are made of: filtered if the config says so."""
        return self.poses_2d_filtered if self.session.config.filter.enabled else self.poses_2d_raw

    @property
    def poses_2d_projected(self) -> Path:
        """The 3D poses, projected back into this view."""
        return self.session.path("pose_2d_projected") / f"{self.stem}.h5"

    @property
    def labeled(self) -> Path:
        """The video with the tracked points drawn on it."""
        return self.session.path("videos_labeled_2d") / f"{self.stem}.mp4"

    @property
    def labeled_filtered(self) -> Path:
        return self.session.path("videos_labeled_2d_filter") / f"{self.stem}.mp4"

    @property
    def labeled_projected(self) -> Path:
        return self.session.path("videos_2d_projected") / f"{self.stem}.mp4"

    @property
    def compared(self) -> Path:
        """The video with the points before and after filtering."""
        return self.session.path("videos_compare") / f"{self.stem}.mp4"

    @property
    def for_browsers(self) -> Path:
        """The video in a form that every browser plays."""
        return self.session.path("videos_raw_mp4") / f"{self.stem}.mp4"

    @property
    def offset_px(self) -> tuple[float, float]:
        """Where the top-left corner of this video is on the sensor that was calibrated."""
        return self.settings.corner

    @property
    def model_folder(self) -> Path | None:
        """The trained model for this video: of the first rule that fits it, of its camera, or of all."""
        config, root = self.session.config, self.session.layers.root
        where = "/".join((*self.session.parts, self.video.name if self.video else self.stem))
        rules = [rule.model_folder for rule in config.tracker.rules if fnmatch(where, rule.videos)]
        chosen = (*rules, self.settings.model_folder, config.model_folder)
        named = next((folder for folder in chosen if folder is not None), None)
        return None if named is None else root / Path(named).expanduser()

    @property
    def settings(self) -> Camera:
        """What the config says about this camera."""
        return self.session.config.cameras.get(self.camera or "", Camera())


@dataclass(frozen=True)
class Trial:
    """The views recorded at the same time, by camera."""

    session: "Session"
    name: str
    views: Mapping[str, View]

    @property
    def poses_3d_raw(self) -> Path:
        return self.session.path("pose_3d") / f"{self.name}.csv"

    @property
    def poses_3d_filtered(self) -> Path:
        return self.session.path("pose_3d_filter") / f"{self.name}.csv"

    @property
    def poses_3d(self) -> Path:
        """The 3D poses that angles are computed from: filtered if the config says so."""
        return self.poses_3d_filtered if self.session.config.filter3d.enabled else self.poses_3d_raw

    @property
    def angles(self) -> Path:
        return self.session.path("angles") / f"{self.name}.csv"

    @property
    def calibration_errors(self) -> Path:
        """How the tracked points of each camera fit those of the others."""
        return self.session.folder / "calibration-errors" / f"{self.name}.csv"

    @property
    def labeled_3d(self) -> Path:
        """The video of the 3D poses."""
        return self.session.path("videos_labeled_3d") / f"{self.name}.mp4"

    @property
    def labeled_3d_filtered(self) -> Path:
        return self.session.path("videos_labeled_3d_filter") / f"{self.name}.mp4"

    @property
    def combined(self) -> Path:
        """The video of all views and the 3D poses."""
        return self.session.path("videos_combined") / f"{self.name}.mp4"


@dataclass(frozen=True)
class CalibrationFolder:
    """Where a calibration is made and kept.

    Attributes:
        owner: the session, or a folder above it.
        config: the configuration of that folder.
        recordings: recording -> camera -> video of the board. Frames of one recording are simultaneous. A
            folder of pictures counts as a video.
        root: the experiment.
        lens_videos: camera -> videos of the board for its lens alone.
    """

    owner: Path
    config: Config
    recordings: Mapping[str, Mapping[str, Path]]
    root: Path
    lens_videos: Mapping[str, tuple[Path, ...]]

    @property
    def folder(self) -> Path:
        return self.owner / self.config.pipeline.calibration_results

    @property
    def file(self) -> Path:
        return self.folder / "calibration.toml"

    @property
    def report(self) -> Path:
        """What there is to know of the calibration, as a page for a browser."""
        return self.folder / "report.html"

    @property
    def report_figures(self) -> Path:
        """The figures of the report."""
        return self.folder / "report.json"

    def export(self, name: str) -> Path:
        """Where the calibration is written for another program."""
        return self.folder / "export" / name

    @property
    def initial(self) -> Path | None:
        """The calibration whose lenses to start from."""
        named = self.config.calibration.calibration_init
        return None if named is None else self.root / named

    @property
    def corner_errors(self) -> Path:
        """The error of every corner."""
        return self.folder / "errors.csv"

    @property
    def frame_errors(self) -> Path:
        """The errors of every frame."""
        return self.folder / "errors_frames.csv"

    @property
    def videos(self) -> tuple[Path, ...]:
        """All videos of the board."""
        shared = [video for views in self.recordings.values() for video in views.values()]
        return (*shared, *(video for videos in self.lens_videos.values() for video in videos))

    def detections(self, video: Path) -> Path:
        """Where the board corners found in a video are kept."""
        return self.folder / f"detections.{self._name(video)}.csv"

    def board_pictures(self, video: Path) -> Path:
        """The folder with a picture of every board found in a video, to be looked at."""
        return self.folder / "boards" / self._name(video)

    def board_picture_list(self, video: Path) -> Path:
        """The list of the pictures that were written there."""
        return self.folder / "boards" / f"{self._name(video)}.txt"

    def _name(self, video: Path) -> str:
        name = stem_of(video)
        return (
            name
            if video.parent.name == Path(self.config.pipeline.calibration_videos).name
            else f"lens.{name}"
        )


@dataclass(frozen=True)
class Session:
    """A folder with videos, or with the points tracked in them.

    Attributes:
        folder: where it is.
        parts: names of the folders from the experiment down to it.
        layers: the config files of the experiment.
        config: the configuration that holds here.
    """

    folder: Path
    parts: tuple[str, ...]
    layers: ConfigLayers
    config: Config

    @property
    def name(self) -> str:
        return "/".join(self.parts) or self.folder.name

    def path(self, key: str) -> Path:
        """A folder of this session, by its key in the table [pipeline]."""
        return self.folder / str(getattr(self.config.pipeline, key))

    def autoencoder(self, kind: str) -> Path:
        """The trained model of the filter `autoencoder` or `autoencoder_points`."""
        named = getattr(self.config.filter, f"{kind}_path")
        return self.layers.root / Path(named or f"autoencoders/{kind}.npz").expanduser()

    @property
    def report_3d(self) -> Path:
        """The verdict on the 3D poses of the session."""
        return self.path("pose_3d") / "report.html"

    @property
    def config_file(self) -> Path:
        """Where the configuration that holds for the session is written out."""
        return self.folder / "config" / CONFIG_NAME

    @cached_property
    def videos(self) -> dict[str, Path]:
        """Raw videos by name without extension, also those that are still to be converted from originals."""
        found = _by_stem(_videos_in(self.path("videos_raw"), self.config))
        converted = {stem: self.path("videos_raw") / f"{stem}.mp4" for stem in self.originals}
        return {**converted, **found}

    @cached_property
    def originals(self) -> dict[str, Path]:
        """Videos as they were recorded, to be converted, by name without extension."""
        return _by_stem(_videos_in(self.path("videos_original"), self.config))

    @cached_property
    def tracked(self) -> dict[str, Path]:
        """Files of tracked points, by the name of the video (without extension)."""
        return _tracked_in(self.path("pose_2d"), set(self.videos))

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Names of the videos, whether or not they are still here or only their tracked points."""
        filtered = _tracked_in(self.path("pose_2d_filter"), set(self.videos))
        return tuple(sorted({*self.videos, *self.tracked, *filtered}, key=natural_key))

    @cached_property
    def calibration(self) -> CalibrationFolder | None:
        """The calibration of the session, in the session or in the nearest folder above."""
        folder = self.folder
        while True:
            found = _calibration_at(folder, self)
            if found is not None or folder == self.layers.root:
                return found
            folder = folder.parent

    @property
    def calibration_file(self) -> Path:
        """The calibration.toml of the session; where there is none, the place where it is missing."""
        if self.calibration is not None:
            return self.calibration.file
        return self.path("calibration_results") / "calibration.toml"

    @cached_property
    def pattern(self) -> CameraPattern | None:
        """How cameras are named; None in a project without cameras."""
        calibration_stems = [] if self.calibration is None else _board_stems(self.calibration)
        return _pattern(self.config, self.name, list(self.stems), calibration_stems, self.calibration)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """All videos of the session."""
        views = []
        unnamed = []
        for stem in self.stems:
            camera = None if self.pattern is None else self.pattern.camera(stem)
            if self.pattern is not None and camera is None:
                unnamed.append(stem)
                continue
            trial = stem if self.pattern is None else self.pattern.trial(stem) or self.folder.name
            views.append(View(self, stem, trial, camera, self.videos.get(stem), self.tracked.get(stem)))
        if unnamed and self.pattern is not None:
            log.warning(
                "%s: cam_regex '%s' is not in the name of %s; left out",
                self.name,
                self.pattern.regex,
                ", ".join(unnamed),
            )
        return tuple(views)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """The views of each trial, by camera; empty in a project without cameras."""
        trials: dict[str, dict[str, View]] = {}
        for view in self.views:
            if view.camera is None:
                continue
            others = trials.setdefault(view.trial, {})
            if view.camera in others:
                raise ProjectError(
                    f"{self.name}: {others[view.camera].stem} and {view.stem} are both camera "
                    f"{view.camera} of trial {view.trial}; rename one, or change triangulation.cam_regex"
                )
            others[view.camera] = view
        return tuple(
            Trial(self, name, {camera: views[camera] for camera in sorted(views, key=natural_key)})
            for name, views in trials.items()
        )

    @property
    def trials_3d(self) -> tuple[Trial, ...]:
        """The trials that 3D poses are made of: those with two cameras or more."""
        if not self.config.triangulation.triangulate:
            return ()
        return tuple(trial for trial in self.trials if len(trial.views) > 1)


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

    @cached_property
    def calibrations(self) -> tuple[CalibrationFolder, ...]:
        """The calibrations of the sessions to work on, each once."""
        found: dict[Path, CalibrationFolder] = {}
        for session in self.sessions:
            if session.calibration is not None:
                found.setdefault(session.calibration.file, session.calibration)
        return tuple(found.values())


def label_folder(session: Sequence[str], stem: str) -> str:
    """Name of the folder with the labelled frames of a video, given the folders of its session."""
    return "-".join((*session, stem))


def open_project(
    start: Path,
    *,
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    patterns: Sequence[str] = (),
) -> Project:
    """Read the configuration and look what is there.

    Args:
        start: the experiment, or any folder below it: then only that part is worked on.
        config_file: the experiment's config.toml, if it is not in `start` or above.
        overrides: `--set` options, KEY=VALUE.
        patterns: `--session` options: names of sessions, with * and ?.

    Raises:
        ConfigError: the experiment's config.toml cannot be used.
        ProjectError: there is no config.toml, no session, or none that fits the patterns.
    """
    start = start.resolve()
    main = config_file.resolve() if config_file is not None else _find_main_config(start)
    loaded = load_config([main], overrides)
    layers = ConfigLayers(main, _root(loaded.config, main), tuple(overrides))
    folders = find_session_folders(layers.root, loaded.config)
    if not folders:
        raise ProjectError(explain_no_sessions(layers.root, loaded.config) + _other_config(main, start))
    chosen = [folder for folder in folders if _is_chosen(folder, layers.root, start, patterns)]
    if not chosen:
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
    return Project(
        root=layers.root,
        config=loaded.config,
        sessions=tuple(sessions[folder] for folder in chosen if folder in sessions),
        all_sessions=tuple(sessions.values()),
        problems={str(f.relative_to(layers.root)): problems[f] for f in chosen if f in problems},
        unusable=tuple(str(folder.relative_to(layers.root)) for folder in problems),
        is_part=len(chosen) < len(folders),
        warnings=tuple(warnings),
    )


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
            known.update(dict.fromkeys(_camera_names(session.calibration.file)))
            known.update(dict.fromkeys(c for views in session.calibration.recordings.values() for c in views))
        wanted.update(dict.fromkeys(session.config.cameras))
    for name in wanted:
        if name not in known and known:
            log.warning(
                "[cameras.%s] has no effect: there is no camera of this name. The cameras are %s",
                name,
                ", ".join(sorted(known, key=natural_key)),
            )


def sessions_without_config(root: Path) -> tuple[Session, ...]:
    """The sessions below a folder that has no config.toml yet."""
    layers = ConfigLayers(None, root)
    config = layers.at(root).config
    folders = find_session_folders(root, config)
    return tuple(Session(folder, folder.relative_to(root).parts, layers, config) for folder in folders)


def _find_main_config(start: Path) -> Path:
    """The outermost config.toml, from here up, that is one of anipose."""
    found = None
    for folder in (start, *start.parents):
        path = folder / CONFIG_NAME
        if path.is_file() and (folder == start or set(_read_toml(path)) & set(Config.model_fields)):
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


def _videos_in(folder: Path, config: Config) -> list[Path]:
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


def _by_stem(videos: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for video in videos:
        if video.stem in found:
            raise ProjectError(
                f"{found[video.stem]} and {video.name} are two videos of the same name; "
                "keep one of them, or choose with video_extension"
            )
        found[video.stem] = video
    return found


def _tracked_in(folder: Path, videos: set[str]) -> dict[str, Path]:
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


def _calibration_at(folder: Path, session: Session) -> CalibrationFolder | None:
    """The calibration in a folder, if it has one: videos of the board, or a calibration.toml."""
    config = session.layers.at(folder).config
    videos = _board_videos_in(folder / config.pipeline.calibration_videos, config)
    found = CalibrationFolder(folder, config, {}, session.layers.root, {})
    if not videos and not found.file.is_file():
        return None
    _by_stem(videos)
    stems = [stem_of(video) for video in videos]
    pattern = _pattern(config, str(folder), stems, list(session.stems), found) if stems else None
    recordings: dict[str, dict[str, Path]] = {}
    for video in videos:
        camera = None if pattern is None else pattern.camera(stem_of(video))
        if pattern is None or camera is None:
            continue
        views = recordings.setdefault(pattern.trial(stem_of(video)), {})
        if camera in views:
            raise ProjectError(
                f"{views[camera]} and {video.name} are both camera {camera} of the same recording; "
                "rename one, or change triangulation.cam_regex"
            )
        views[camera] = video
    of_lenses: dict[str, tuple[Path, ...]] = {}
    for video in _board_videos_in(folder / config.pipeline.calibration_intrinsics, config):
        camera = None if pattern is None else pattern.camera(stem_of(video))
        if camera is not None:
            of_lenses[camera] = (*of_lenses.get(camera, ()), video)
    return CalibrationFolder(folder, config, recordings, session.layers.root, of_lenses)


def stem_of(video: Path) -> str:
    """The name of a video without extension, or of a folder of pictures."""
    return video.name if video.is_dir() else video.stem


def _board_videos_in(folder: Path, config: Config) -> list[Path]:
    """Videos, and folders of pictures."""
    if not folder.is_dir():
        return []
    pictures = [
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and _has_pictures(path)
    ]
    return sorted([*_videos_in(folder, config), *pictures], key=lambda path: natural_key(path.name))


def _has_pictures(folder: Path) -> bool:
    return any(path.suffix.lower() in PICTURE_SUFFIXES for path in folder.iterdir())


def _board_stems(calibration: CalibrationFolder) -> list[str]:
    return [stem_of(video) for views in calibration.recordings.values() for video in views.values()]


def _pattern(
    config: Config, where: str, stems: list[str], others: list[str], calibration: CalibrationFolder | None
) -> CameraPattern | None:
    """The pattern of the config, or the one that comparing the names gives."""
    regex = config.triangulation.cam_regex
    if regex is not None:
        given = CameraPattern(regex)
        if not stems or any(given.camera(stem) for stem in stems):
            return given
    if calibration is None:
        if regex is not None:
            log.warning("%s: cam_regex '%s' is in no file name, so there are no cameras here", where, regex)
        return None
    known = list(_camera_names(calibration.file))
    inferred = infer_pattern([stems, others], known)
    why = "is missing" if regex is None else f"'{regex}' is in no file name"
    log.warning(
        "cam_regex %s; found by comparing the names: write cam_regex = '%s' under [triangulation]",
        why,
        inferred.regex,
    )
    return inferred


def _camera_names(calibration_file: Path) -> Iterator[str]:
    """Names of the cameras of a calibration.toml, if there is one."""
    if calibration_file.is_file():
        for key, table in _read_toml(calibration_file).items():
            if key.startswith("cam_") and isinstance(table, dict) and "name" in table:
                yield str(table["name"])


def _read_toml(path: Path) -> dict[str, Any]:
    """What is in a TOML file; nothing if it is not one, which whoever needs the file will report."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return {}
