"""Tracking keypoints in the videos."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.errors import DependencyError
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project


@dataclass(frozen=True, kw_only=True)
class Analyze(Job):
    """Track the keypoints in every video that has no 2D poses yet."""

    command: ClassVar[str] = "analyze"
    works_on: ClassVar[str] = "videos to track"

    video: Input[Path]
    poses_2d: Output[Path]
    model_type: str
    markers: config.Markers

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            used = ("threshold", "area", "gate", "max_gap", "keypoints")
            markers = session.config.markers.only(*used if session.config.model_type == "markers" else ())
            for view in session.views:
                made_here = view.session.path("pose_2d") / f"{view.stem}.h5"
                if view.video is not None and view.poses_2d_raw == made_here:
                    yield cls(
                        video=view.video,
                        poses_2d=view.poses_2d_raw,
                        model_type=session.config.model_type,
                        markers=markers,
                    )

    def run(self) -> None:
        from anipose.io.poses_2d import write_poses_2d
        from anipose.trackers.markers import MarkerTracker

        if self.model_type != "markers":
            raise DependencyError(
                f'this version of anipose cannot run model_type = "{self.model_type}" itself. Track the video '
                f"{self.video.name} with it, and put the result into {self.poses_2d.parent} as "
                f"{self.poses_2d.name} (files of DeepLabCut, Lightning Pose and SLEAP are read); or track "
                'painted markers with model_type = "markers"'
            )
        ((_, poses),) = MarkerTracker(self.markers).track_videos([self.video])
        write_poses_2d(self.poses_2d, poses)
