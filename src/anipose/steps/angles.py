"""Joint angles from points in space."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.steps.hints import POSES_3D_HINT


@dataclass(frozen=True, kw_only=True)
class Angles(Job):
    """Compute the joint angles of the table [angles], in degrees."""

    command: ClassVar[str] = "angles"
    works_on: ClassVar[str] = "trials with two or more cameras (with an [angles] table)"
    hints: ClassVar[Mapping[str, str]] = {"poses_3d": POSES_3D_HINT}

    poses_3d: Input[Path]
    table: Output[Path]
    angles: Mapping[str, tuple[str, ...]]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for trial in session.trials_3d:
                if session.config.angles:
                    yield cls(poses_3d=trial.poses_3d, table=trial.angles, angles=session.config.angles)

    def run(self) -> None:
        from anipose.geometry.angles import compute_angles
        from anipose.io.poses_3d import read_poses_3d
        from anipose.io.tables import write_angles

        poses = read_poses_3d(self.poses_3d)
        points = {name: poses.points[:, column] for column, name in enumerate(poses.keypoints)}
        write_angles(self.table, compute_angles(points, self.angles), poses.frame_numbers)
