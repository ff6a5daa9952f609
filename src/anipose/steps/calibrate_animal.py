"""From a calibration and tracked points to a calibration that fits them."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.project import Project

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CalibrateWithAnimal(Job):
    """Refine where the cameras are with the tracked points of all sessions that share the calibration.

    Attributes:
        start: the calibration before: from the videos of a board, or that of `calibration_init`.
        poses_2d: trial -> camera -> file, of the whole experiment, whatever part of it is worked on.
        cameras: trial -> camera -> what the config says about it.
    """

    command: ClassVar[str] = "calibrate"
    works_on: ClassVar[str] = "calibrations to refine (with calibration.animal_calibration = true)"
    version: ClassVar[int] = 2
    precious: ClassVar[bool] = True
    hints: ClassVar[Mapping[str, str]] = {
        "start": "calibration.calibration_init names it, relative to the experiment folder"
    }

    start: Input[Path]
    poses_2d: OptionalInput[Mapping[str, Mapping[str, Path]]]
    calibration: Output[Path]
    table: config.Calibration
    triangulation: config.Triangulation
    cameras: Mapping[str, Mapping[str, config.Camera]]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            if not calibration.config.calibration.animal_calibration:
                continue
            if calibration.start is None:
                log.warning(
                    "%s is used as it is, although calibration.animal_calibration = true: files of yours are "
                    "never replaced. To refine it, give it another name, such as start.toml, and name that: "
                    'calibration_init = "%s"',
                    calibration.file,
                    (calibration.folder / "start.toml").relative_to(calibration.root).as_posix(),
                )
                continue
            trials = {
                "/".join((*session.parts, trial.name)): trial
                for session in project.all_sessions
                if session.calibration is not None and session.calibration.file == calibration.file
                for trial in session.trials_3d
            }
            yield cls(
                start=calibration.start,
                poses_2d={
                    key: {camera: view.poses_2d for camera, view in trial.views.items()}
                    for key, trial in trials.items()
                },
                calibration=calibration.file,
                table=calibration.config.calibration.only("animal_calibration", "animal_lengths"),
                triangulation=calibration.config.triangulation.only("score_threshold"),
                cameras={key: trial.recordings for key, trial in trials.items()},
            )

    def run(self) -> None:
        from anipose.animal_calibration import refine_with_animal

        refine_with_animal(
            self.start,
            self.poses_2d,
            self.cameras,
            score_threshold=self.triangulation.score_threshold,
            lengths=self.table.animal_lengths,
            calibration=self.calibration,
        )

    def in_short(self) -> str:
        from anipose.animal_calibration import summary

        return summary(self.calibration)
