"""Sessions, trials and views, and every path in them: nobody else builds a path.

A session is a folder with `videos-raw/` or `pose-2d/`. A trial is the videos recorded at the same time,
one per camera; each is a view.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from anipose.calibration_folder import CalibrationFolder, board_stems, calibration_at, camera_pattern
from anipose.config import Camera, Config, TrackerRule
from anipose.config_layers import ConfigLayers
from anipose.discovery import CONFIG_NAME
from anipose.errors import ProjectError
from anipose.naming import CameraPattern, natural_key
from anipose.video_files import distinct, tracked_in, videos_in

log = logging.getLogger(__name__)


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
    def place(self) -> str:
        """What [[tracker.rules]] know the video by: its path, without the folder that all videos are in."""
        return "/".join((*self.session.parts, self.video.name if self.video else self.stem))

    def fits(self, rule: TrackerRule) -> bool:
        """Whether a rule is for this video."""
        return fnmatch(self.place, rule.videos)

    @property
    def model_folder(self) -> Path | None:
        """The trained model for this video: of the first rule that fits it, of its camera, or of all."""
        config, root = self.session.config, self.session.layers.root
        rules = [rule.model_folder for rule in config.tracker.rules if self.fits(rule)]
        chosen = (*rules, self.settings.model_folder, config.model_folder)
        named = next((folder for folder in chosen if folder is not None), None)
        return None if named is None else root / Path(named).expanduser()

    @property
    def settings(self) -> Camera:
        """What the config says about this camera."""
        return self.session.config.cameras.get(self.camera or "", Camera())

    @property
    def recording(self) -> Camera:
        """Of these, where its points are on the sensor that was calibrated, and when."""
        return self.settings.only("offset", "size", "frame_offset")


@dataclass(frozen=True)
class Trial:
    """The views recorded at the same time, by camera."""

    session: "Session"
    name: str
    views: Mapping[str, View]

    @property
    def recordings(self) -> dict[str, Camera]:
        """By camera, where its points are on the sensor that was calibrated, and when."""
        return {camera: view.recording for camera, view in self.views.items()}

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
    def limb_lengths(self) -> Path | None:
        """The lengths of limbs, if they are learned from all trials together."""
        table = self.config.triangulation
        together = table.optim and table.method == "map" and table.limb_lengths == "session"
        if not together or not (table.constraints or table.constraints_weak) or len(self.trials_3d) < 2:
            return None
        return self.path("pose_3d") / "limb-lengths.json"

    @property
    def config_file(self) -> Path:
        """Where the configuration that holds for the session is written out."""
        return self.folder / "config" / CONFIG_NAME

    @cached_property
    def videos(self) -> dict[str, Path]:
        """Raw videos by name without extension, also those that are still to be converted from originals."""
        found, twice = distinct(videos_in(self.path("videos_raw"), self.config))
        converted = {stem: self.path("videos_raw") / f"{stem}.mp4" for stem in self.originals}
        return {stem: video for stem, video in {**converted, **found}.items() if stem not in twice}

    @cached_property
    def originals(self) -> dict[str, Path]:
        """Videos as they were recorded, to be converted, by name without extension."""
        return distinct(videos_in(self.path("videos_original"), self.config))[0]

    @cached_property
    def _twice(self) -> dict[str, str]:
        """Names that two videos have, and what to say of them."""
        folders = (self.path("videos_original"), self.path("videos_raw"))
        faults = [distinct(videos_in(folder, self.config))[1] for folder in folders]
        return {**faults[0], **faults[1]}

    @cached_property
    def problems(self) -> dict[str, str]:
        """Trials that are left out, and why; the others of the session go on."""
        return {self._trial_of(stem): fault for stem, fault in self._twice.items()}

    @cached_property
    def tracked(self) -> dict[str, Path]:
        """Files of tracked points, by the name of the video (without extension)."""
        return tracked_in(self.path("pose_2d"), {*self.videos, *self._twice})

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Names of the videos, whether or not they are still here or only their tracked points."""
        videos = {*self.videos, *self._twice}
        filtered = tracked_in(self.path("pose_2d_filter"), videos)
        return tuple(sorted({*videos, *self.tracked, *filtered}, key=natural_key))

    @cached_property
    def calibration(self) -> CalibrationFolder | None:
        """The calibration of the session, in the session or in the nearest folder above."""
        folder = self.folder
        while True:
            found = calibration_at(folder, self.layers, self.stems)
            if found is not None or folder == self.layers.root:
                return found
            folder = folder.parent

    @property
    def calibration_file(self) -> Path:
        """The calibration.toml of the session; where there is none, the place where it is missing."""
        if self.calibration is not None:
            return self.calibration.file
        return self.path("calibration_results") / "calibration.toml"

    @property
    def calibration_uncertainty(self) -> Path | None:
        """How sure the calibration is of its cameras, if that is to be known of the points."""
        wanted = self.config.triangulation.calibration_uncertainty
        return self.calibration.uncertainty if wanted and self.calibration is not None else None

    @cached_property
    def pattern(self) -> CameraPattern | None:
        """How cameras are named; None in a project without cameras."""
        calibration_stems = [] if self.calibration is None else board_stems(self.calibration)
        return camera_pattern(self.config, self.name, list(self.stems), calibration_stems, self.calibration)

    def _trial_of(self, stem: str) -> str:
        return stem if self.pattern is None else self.pattern.trial(stem) or self.folder.name

    @cached_property
    def views(self) -> tuple[View, ...]:
        """All videos of the session, but those of trials that are left out."""
        views = []
        unnamed = []
        for stem in self.stems:
            camera = None if self.pattern is None else self.pattern.camera(stem)
            if self.pattern is not None and camera is None:
                unnamed.append(stem)
                continue
            trial = self._trial_of(stem)
            if trial in self.problems:
                continue
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

    @cached_property
    def trials_3d(self) -> tuple[Trial, ...]:
        """The trials that 3D poses are made of: those with two cameras or more."""
        if not self.config.triangulation.triangulate:
            return ()
        alone = [
            f"{trial.name} (camera {camera})"
            for trial in self.trials
            if len(trial.views) == 1
            for camera in trial.views
        ]
        if alone and self.calibration is not None and self.pattern is not None:
            log.warning(
                "%s: no 3D points are made of trials with one camera only: %s. Files of one trial have the "
                "same name, but for what cam_regex '%s' finds",
                self.name,
                ", ".join(alone),
                self.pattern.regex,
            )
        return tuple(trial for trial in self.trials if len(trial.views) > 1)


def label_folder(session: Sequence[str], stem: str) -> str:
    """Name of the folder with the labelled frames of a video, given the folders of its session."""
    return "-".join((*session, stem))
