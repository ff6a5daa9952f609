"""Tracking keypoints in the videos."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from anipose import config
from anipose.errors import AniposeError, FileFormatError, PoseError
from anipose.pipeline.job import Input, Job, Output
from anipose.pipeline.progress import report
from anipose.project import Project
from anipose.session import View

log = logging.getLogger(__name__)

FindNetwork = Callable[[str, Path | None, config.Tracker], tuple[Path, ...] | None]


@dataclass(frozen=True, kw_only=True)
class Analyze(Job):
    """Track the keypoints in every video that has no 2D poses yet.

    Attributes:
        model: the files of the trained network; none if it is not there, which `run` explains.
        model_folder: where they are. It is no setting: the same network in another place gives the same.
    """

    command: ClassVar[str] = "analyze"
    works_on: ClassVar[str] = "videos to track"
    precious: ClassVar[bool] = True

    video: Input[Path]
    model: Input[tuple[Path, ...]]
    poses_2d: Output[Path]
    model_type: str
    model_folder: Path | None
    tracker: config.Tracker
    markers: config.Markers

    @classmethod
    def plan(cls, project: Project) -> Iterator["Analyze"]:
        find_network = cache(_find_network)
        if not project.is_part:
            _tell_unused_rules(project)
        for session in project.sessions:
            for view in session.views:
                made_here = view.session.path("pose_2d") / f"{view.stem}.h5"
                if view.video is not None and view.poses_2d_raw == made_here:
                    yield _job(view, view.video, find_network)

    def settings(self) -> dict[str, Any]:
        from anipose.trackers.catalogue import WITHOUT_EFFECT

        without = {"model_folder", *(f"tracker.{key}" for key in WITHOUT_EFFECT)}
        return {key: value for key, value in super().settings().items() if key not in without}

    def run(self) -> None:
        from anipose.io.poses_2d import adopt_poses_2d
        from anipose.io.video import probe
        from anipose.trackers.catalogue import open_tracker
        from anipose.trackers.markers import MarkerTracker

        tracker = (
            MarkerTracker(self.markers)
            if self.model_type == MarkerTracker.name
            else open_tracker(self.model_type, self.model_folder, self.tracker)
        )
        info = probe(self.video)  # before a network is loaded for a video that cannot be read
        n_frames = info.n_frames
        if info.n_lost:
            log.warning(
                "%s is damaged or was cut off: it has %d of %d frames; copy it again if you can",
                self.video,
                n_frames,
                n_frames + info.n_lost,
            )
        with TemporaryDirectory(prefix="anipose-") as folder:
            result = tracker.track(
                self.video, Path(folder), lambda done: report(min(done, n_frames), n_frames)
            )
            try:
                _check_length(result, self.video, n_frames)
                adopt_poses_2d(result, self.poses_2d)
            except FileFormatError as error:
                raise PoseError(
                    f"what the tracker wrote for {self.video.name} cannot be read: {error}"
                ) from error
        report(n_frames, n_frames)


@dataclass(frozen=True, kw_only=True)
class AnalyzeOnGPU(Analyze):
    """The same with a network, which wants the graphics card for itself."""

    resources: ClassVar[Mapping[str, float]] = {"GPU": 1}


def _job(view: View, video: Path, find_network: FindNetwork) -> Analyze:
    from anipose.trackers.catalogue import TRACKERS

    settings = view.session.config
    entry = TRACKERS.get(settings.model_type)
    tracker = settings.tracker.only(*(entry.keys if entry else ()))
    if tracker.python and "/" in tracker.python:
        python = view.session.layers.root / Path(tracker.python).expanduser()
        tracker = tracker.model_copy(update={"python": str(python)})
    used = ("threshold", "area", "gate", "max_gap", "keypoints")
    model_folder = view.model_folder if entry else None
    network = find_network(settings.model_type, model_folder, tracker) if entry else ()
    if network is None:
        # Poses made with a network that is gone are kept; otherwise `run` says what is wrong.
        network = (model_folder,) if model_folder is not None and view.poses_2d_raw.exists() else ()
    kind = AnalyzeOnGPU if entry and entry.is_network and tracker.device != "cpu" else Analyze
    return kind(
        video=video,
        model=network,
        poses_2d=view.poses_2d_raw,
        model_type=settings.model_type,
        model_folder=model_folder,
        tracker=tracker,
        markers=settings.markers.only(*(used if settings.model_type == "markers" else ())),
    )


def _tell_unused_rules(project: Project) -> None:
    """A rule for no video is a misspelt one."""
    views = [view for session in project.sessions for view in session.views]
    for rule in dict.fromkeys(rule for session in project.sessions for rule in session.config.tracker.rules):
        if views and not any(view.fits(rule) for view in views):
            log.warning(
                '[[tracker.rules]] videos = "%s" fits none of the videos. It is compared with their paths '
                'from the experiment folder on, without videos-raw, such as "%s"',
                rule.videos,
                views[0].place,
            )


def _find_network(
    model_type: str, model_folder: Path | None, tracker: config.Tracker
) -> tuple[Path, ...] | None:
    """The files of the network; None if they cannot be found."""
    from anipose.trackers.catalogue import open_tracker

    try:
        return open_tracker(model_type, model_folder, tracker).files()
    except AniposeError:
        return None


def _check_length(result: Path, video: Path, expected: int) -> None:
    """A pose for each frame: with one more or less, this camera would be out of step with the others.

    Raises:
        PoseError: there are more or fewer.
    """
    from anipose.io.poses_2d import count_frames_2d

    found = count_frames_2d(result)
    if found != expected:
        raise PoseError(
            f"the tracker found poses for {found} frames, but {video} has {expected}. Without one pose per "
            "frame the cameras would be out of step. If the video is damaged or of variable frame rate, move "
            "it to videos-original, run anipose convert-videos, and track it again"
        )
