"""Joint angles from points in space."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self

from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.steps.hints import POSES_3D_HINT


@dataclass(frozen=True, kw_only=True)
class Angles(Job):
    """Compute the joint angles of the table [angles], in degrees.

    Attributes:
        covariances: the companion of the 3D poses; None for filtered poses, which have none.
        companion: the angles with their standard deviations; None where the others cannot be read.
    """

    command: ClassVar[str] = "angles"
    works_on: ClassVar[str] = "trials with two or more cameras (with an [angles] table)"
    hints: ClassVar[Mapping[str, str]] = {"poses_3d": POSES_3D_HINT}

    poses_3d: Input[Path]
    covariances: OptionalInput[Path | None]
    table: Output[Path]
    companion: Output[Path | None]
    angles: Mapping[str, tuple[str, ...]]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for trial in session.trials_3d:
                if session.config.angles:
                    sure = companion_possible() and trial.poses_3d == trial.poses_3d_raw
                    yield cls(
                        poses_3d=trial.poses_3d,
                        covariances=trial.poses_3d.with_suffix(".nc") if sure else None,
                        table=trial.angles,
                        companion=trial.angles.with_suffix(".nc") if sure else None,
                        angles=session.config.angles,
                    )

    def run(self) -> None:
        from anipose.geometry.angle_uncertainty import angle_deviations
        from anipose.geometry.angles import compute_angles, known_angles
        from anipose.io.angle_companion import read_companion, write_angle_companion
        from anipose.io.poses_3d import read_animals_3d
        from anipose.io.tables import write_animal_angles

        animals = read_animals_3d(self.poses_3d)
        points = {
            animal: {name: poses.points[:, column] for column, name in enumerate(poses.keypoints)}
            for animal, poses in animals.items()
        }
        # A keypoint that no animal has is an error; one that some do not have is none.
        compute_angles({name: found for some in points.values() for name, found in some.items()}, self.angles)
        wanted = {animal: known_angles(self.angles, some) for animal, some in points.items()}
        found = {animal: compute_angles(points[animal], some) for animal, some in wanted.items() if some}
        frame_numbers = next(iter(animals.values())).frame_numbers
        write_animal_angles(self.table, found, frame_numbers)
        if self.covariances is not None and self.companion is not None:
            with_deviations, fps = {}, None
            for animal, angles in found.items():
                keypoints = animals[animal].keypoints
                known = read_companion(self.covariances, keypoints, len(frame_numbers), animal)
                deviations = angle_deviations(points[animal], known.covariances, wanted[animal])
                with_deviations[animal], fps = (angles, deviations), known.fps
            write_angle_companion(self.companion, with_deviations, frame_numbers, fps=fps)


def companion_possible() -> bool:
    """Whether the packages that read and write NetCDF are installed."""
    return find_spec("xarray") is not None and find_spec("netCDF4") is not None
