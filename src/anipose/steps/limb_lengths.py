"""How long limbs are, from all trials of a session."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.errors import AniposeError
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project
from anipose.steps.hints import CALIBRATION_HINT

log = logging.getLogger(__name__)

KEYS = (
    "score_threshold",
    "min_cameras",
    "ransac",
    "score_weighting",
    "fix_swaps",
    "reproj_error_threshold",
    "n_deriv_smooth",
    "constraints",
    "constraints_weak",
)


@dataclass(frozen=True, kw_only=True)
class MeasureLimbs(Job):
    """Learn the lengths of limbs from all trials of a session, for its smooth trajectories.

    Attributes:
        poses_2d: trial -> camera -> file.
        lengths: of the limbs.
        cameras: what the config says about each camera.
    """

    command: ClassVar[str] = "triangulate"
    works_on: ClassVar[str] = "trials with two or more cameras"
    on_demand: ClassVar[bool] = True
    version: ClassVar[int] = 2
    made_from: ClassVar[str] = "poses_2d"
    hints: ClassVar[Mapping[str, str]] = {"calibration": CALIBRATION_HINT}

    calibration: Input[Path]
    poses_2d: OptionalInput[Mapping[str, Mapping[str, Path]]]
    lengths: Output[Path]
    triangulation: config.Triangulation
    cameras: Mapping[str, config.Camera]
    units: str

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            if session.limb_lengths is not None:
                trials = session.trials_3d
                yield cls(
                    calibration=session.calibration_file,
                    poses_2d={
                        trial.name: {camera: view.poses_2d for camera, view in trial.views.items()}
                        for trial in trials
                    },
                    lengths=session.limb_lengths,
                    triangulation=session.config.triangulation.only(*KEYS),
                    cameras={
                        camera: view.recording for trial in trials for camera, view in trial.views.items()
                    },
                    units=session.config.calibration.units,
                )

    def run(self) -> None:
        from anipose.individuals import animals_in_views
        from anipose.io.calibration import read_calibration
        from anipose.io.limb_lengths import write_limb_lengths
        from anipose.io.views import read_animal_views
        from anipose.limb_lengths import LimbSums
        from anipose.recorded import recorded_cameras

        calibrated = recorded_cameras(read_calibration(self.calibration), self.cameras)
        sums = LimbSums(self.triangulation, n_trials=len(self.poses_2d))
        for trial, files in self.poses_2d.items():
            found = {name: path for name, path in files.items() if name in calibrated.names}
            found = {name: path for name, path in found.items() if path.is_file()}
            if len(found) < 2:
                continue
            try:
                cameras = calibrated.subset(list(found))
                views = read_animal_views(found, self.cameras)
                sums.add(cameras, animals_in_views(cameras, views, self.triangulation))
            except AniposeError as error:
                # It fails to be triangulated as well, which says so.
                log.info("trial %s does not count for the lengths of limbs: %s", trial, error)
        write_limb_lengths(self.lengths, sums.lengths, self.units)
