"""Points in space, seen again from every camera."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.steps.hints import CALIBRATION_HINT, POSES_3D_HINT


@dataclass(frozen=True, kw_only=True)
class Project2D(Job):
    """Project the 3D poses back into every view."""

    command: ClassVar[str] = "project-2d"
    works_on: ClassVar[str] = "trials with two or more cameras"
    hints: ClassVar[Mapping[str, str]] = {"calibration": CALIBRATION_HINT, "poses_3d": POSES_3D_HINT}

    calibration: Input[Path]
    poses_3d: Input[Path]
    projected: Output[Path]
    camera: str
    cameras: config.Camera

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for trial in session.trials_3d:
                for camera, view in trial.views.items():
                    yield cls(
                        calibration=session.calibration_file,
                        poses_3d=trial.poses_3d,
                        projected=view.poses_2d_projected,
                        camera=camera,
                        cameras=view.recording,
                    )

    def run(self) -> None:
        from anipose.io.calibration import read_calibration
        from anipose.io.poses_2d import write_animals_2d
        from anipose.io.poses_3d import read_animals_3d
        from anipose.poses import Poses2D
        from anipose.recorded import recorded_cameras

        calibrated = read_calibration(self.calibration).subset([self.camera])
        (camera,) = recorded_cameras(calibrated, {self.camera: self.cameras})
        x, y = self.cameras.corner
        projected = {}
        for animal, poses in read_animals_3d(self.poses_3d).items():
            points = camera.project(poses.frame.to_world(poses.points))
            seen = Poses2D(poses.keypoints, points, poses.scores).shifted((-x, -y))
            projected[animal] = seen.advanced(-self.cameras.frame_offset)
        write_animals_2d(self.projected, projected)
