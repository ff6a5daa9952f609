"""Where a calibration is made and kept, and how its cameras are named."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anipose.config import Config
from anipose.config_layers import ConfigLayers
from anipose.discovery import read_toml
from anipose.errors import ProjectError
from anipose.naming import CameraPattern, infer_pattern
from anipose.video_files import board_videos_in, distinct, stem_of

log = logging.getLogger(__name__)


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
    def by_board(self) -> Path:
        """What the videos of the board give: the calibration, or what is refined with the animal."""
        if self.config.calibration.animal_calibration:
            return self.folder / "calibration-board.toml"
        return self.file

    @property
    def start(self) -> Path | None:
        """The calibration that the animal refines; None if there is none but that of the user."""
        if self.recordings:
            return self.by_board
        return None if self.initial == self.file else self.initial

    @property
    def report(self) -> Path:
        """What there is to know of the calibration, as a page for a browser."""
        return self.folder / "report.html"

    @property
    def report_figures(self) -> Path:
        """The figures of the report."""
        return self.folder / "report.json"

    @property
    def uncertainty(self) -> Path:
        """How sure the calibration is of its cameras."""
        return self.folder / "uncertainty.npz"

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

    def recording_errors(self, recording: str) -> Path:
        """The corners in 3D and their errors, frame by frame."""
        return self.folder / f"{recording or self.owner.name}.csv"

    @property
    def videos(self) -> tuple[Path, ...]:
        """All videos of the board."""
        shared = [video for views in self.recordings.values() for video in views.values()]
        return (*shared, *(video for videos in self.lens_videos.values() for video in videos))

    def detections(self, video: Path) -> Path:
        """Where the board corners found in a video are kept."""
        return self.folder / f"detections.{self._name(video)}.csv"

    def first_look(self, video: Path) -> Path:
        """Where the board corners of a first look at some frames of a video are kept."""
        return self.folder / "first-look" / f"{self._name(video)}.csv"

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


def calibration_at(
    folder: Path, layers: ConfigLayers, session_stems: Sequence[str]
) -> CalibrationFolder | None:
    """The calibration in a folder, if it has one: videos of the board, or a calibration.toml."""
    config = layers.at(folder).config
    videos = board_videos_in(folder / config.pipeline.calibration_videos, config)
    found = CalibrationFolder(folder, config, {}, layers.root, {})
    if not videos and not found.file.is_file() and not _starts_elsewhere(found):
        return None
    for fault in distinct(videos)[1].values():
        raise ProjectError(fault)
    stems = [stem_of(video) for video in videos]
    pattern = camera_pattern(config, str(folder), stems, list(session_stems), found) if stems else None
    recordings = (
        {} if pattern is None else _recordings(videos, pattern, found.folder.relative_to(layers.root))
    )
    of_lenses: dict[str, tuple[Path, ...]] = {}
    for video in board_videos_in(folder / config.pipeline.calibration_intrinsics, config):
        camera = None if pattern is None else pattern.camera(stem_of(video))
        if camera is not None:
            of_lenses[camera] = (*of_lenses.get(camera, ()), video)
    return CalibrationFolder(folder, config, recordings, layers.root, of_lenses)


def _recordings(videos: Sequence[Path], pattern: CameraPattern, where: Path) -> dict[str, dict[str, Path]]:
    """Recording -> camera -> video; what is of no camera is left out, and told."""
    recordings: dict[str, dict[str, Path]] = {}
    unnamed = []
    for video in videos:
        camera = pattern.camera(stem_of(video))
        if camera is None:
            unnamed.append(video.name)
            continue
        views = recordings.setdefault(pattern.trial(stem_of(video)), {})
        if camera in views:
            raise ProjectError(
                f"{views[camera]} and {video.name} are both camera {camera} of the same recording; "
                "rename one, or change triangulation.cam_regex"
            )
        views[camera] = video
    if unnamed:
        log.warning(
            "%s: cam_regex '%s' is not in the name of %s; left out", where, pattern.regex, ", ".join(unnamed)
        )
    return recordings


def _starts_elsewhere(calibration: CalibrationFolder) -> bool:
    """Whether a calibration is made here from that of `calibration_init`, with the animal alone."""
    table = calibration.config.calibration
    here = calibration.owner == calibration.root or calibration.folder.is_dir()
    return here and table.animal_calibration and table.calibration_init is not None


def board_stems(calibration: CalibrationFolder) -> list[str]:
    return [stem_of(video) for views in calibration.recordings.values() for video in views.values()]


def camera_pattern(
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
    known = list(camera_names(calibration.file))
    inferred = infer_pattern([stems, others], known)
    why = "is missing" if regex is None else f"'{regex}' is in no file name"
    log.warning(
        "cam_regex %s; found by comparing the names: write cam_regex = '%s' under [triangulation]",
        why,
        inferred.regex,
    )
    return inferred


def camera_names(calibration_file: Path) -> Iterator[str]:
    """Names of the cameras of a calibration.toml, if there is one."""
    if calibration_file.is_file():
        for key, table in read_toml(calibration_file).items():
            if key.startswith("cam_") and isinstance(table, dict) and "name" in table:
                yield str(table["name"])
