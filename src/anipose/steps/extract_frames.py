"""Choosing frames worth labelling, and writing them for those who label."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.session import label_folder
from anipose.steps.hints import POSES_2D_HINT

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ExtractFrames(Job):
    """Choose frames to label, where tracking is worst, and write a picture of each view with its points.

    Attributes:
        videos, poses_2d, filtered: by folders of the session, trial and camera, joined by "/".
        poses_3d: by folders of the session and trial.
        frame_offsets: of each view.
        chosen: the list of the frames, in the numbers of the trial; beside it are the pictures, in
            `labeled-data`, and the same frames as a project of SLEAP.
        labeling: which keypoints are connected.
        root: the experiment.
    """

    command: ClassVar[str] = "extract-frames"
    works_on: ClassVar[str] = "videos with tracked points"
    hints: ClassVar[Mapping[str, str]] = {"poses_2d": POSES_2D_HINT}

    videos: Input[Mapping[str, Path]]
    poses_2d: Input[Mapping[str, Path]]
    filtered: OptionalInput[Mapping[str, Path]]
    poses_3d: OptionalInput[Mapping[str, Path]]
    chosen: Output[Path]
    extraction: config.Extraction
    labeling: config.Labeling
    frame_offsets: Mapping[str, int]
    root: Path

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        videos: dict[str, Path] = {}
        poses_2d: dict[str, Path] = {}
        filtered: dict[str, Path] = {}
        poses_3d: dict[str, Path] = {}
        frame_offsets: dict[str, int] = {}
        for session in project.sessions:
            for view in session.views:
                if view.video is not None:
                    key = "/".join((*session.parts, view.trial, view.camera or ""))
                    videos[key], poses_2d[key] = view.video, view.poses_2d_raw
                    frame_offsets[key] = view.settings.frame_offset
                    if session.config.filter.enabled:
                        filtered[key] = view.poses_2d_filtered
            for trial in session.trials_3d:
                poses_3d["/".join((*session.parts, trial.name))] = trial.poses_3d_raw
        if videos:
            yield cls(
                videos=videos,
                poses_2d=poses_2d,
                filtered=filtered,
                poses_3d=poses_3d,
                chosen=project.root / project.config.extraction.folder / "chosen-frames.csv",
                extraction=project.config.extraction,
                labeling=project.config.labeling.only("scheme"),
                frame_offsets=frame_offsets,
                root=project.root,
            )

    @property
    def home(self) -> Path:
        return self.root

    def settings(self) -> dict[str, Any]:
        return {key: value for key, value in super().settings().items() if key != "root"}

    def run(self) -> None:
        from anipose.frame_choice import choose_frames
        from anipose.frame_pictures import read_badness, write_for_sleap, write_pictures
        from anipose.io.row_csv import write_rows

        choices = choose_frames(
            read_badness(self.extraction.by, self.poses_2d, self.filtered, self.poses_3d, self.frame_offsets),
            self.extraction.frames,
        )
        if len(choices) < self.extraction.frames:
            log.warning(
                "%d frames were chosen, not %d: there are no more that are bad by %s and apart in time",
                len(choices),
                self.extraction.frames,
                ", ".join(self.extraction.by),
            )
        tracked = []
        for key in self.videos:
            trial = tuple(key.split("/"))[:-1]
            offset = self.frame_offsets[key]
            frames = sorted(choice.frame + offset for choice in choices if choice.trial == trial)
            if frames:
                folder = self.chosen.parent / "labeled-data" / label_folder(trial[:-1], self.videos[key].stem)
                tracked.append(write_pictures(self.videos[key], self.poses_2d[key], frames, folder))
        write_for_sleap(self.chosen.parent / "frames.slp", tracked, self.labeling.scheme)
        rows: list[dict[str, str | int | float | None]] = [
            {
                "session": "/".join(choice.trial[:-1]),
                "trial": choice.trial[-1],
                "frame": choice.frame,
                "reason": choice.reason,
                "badness": choice.badness,
            }
            for choice in choices
        ]
        write_rows(self.chosen, ("session", "trial", "frame", "reason", "badness"), rows)
