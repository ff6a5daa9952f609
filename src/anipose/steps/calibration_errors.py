"""How well a calibration explains the boards, and the animal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.steps.calibrate import BOARD_KEYS, WORKS_ON, rejected_boards


@dataclass(frozen=True, kw_only=True)
class CalibrationErrors(Job):
    """Write the errors of a calibration, of every corner and of every frame."""

    command: ClassVar[str] = "calibration-errors"
    works_on: ClassVar[str] = WORKS_ON
    version: ClassVar[int] = 3

    calibration: Input[Path]
    detections: Input[Mapping[str, Mapping[str, Path]]]
    frames: Output[Path]
    corners: Output[Path]
    boards: Output[Mapping[str, Path]]
    board: config.Calibration
    rejected: Mapping[str, tuple[int, ...]]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            if calibration.recordings:
                yield cls(
                    calibration=calibration.by_board,
                    detections={
                        recording: {camera: calibration.detections(video) for camera, video in views.items()}
                        for recording, views in calibration.recordings.items()
                    },
                    frames=calibration.frame_errors,
                    corners=calibration.corner_errors,
                    boards={
                        recording: calibration.recording_errors(recording)
                        for recording in calibration.recordings
                    },
                    board=calibration.config.calibration.only(*BOARD_KEYS),
                    rejected=rejected_boards(calibration),
                )

    def run(self) -> None:
        from anipose.calibration_errors import write_board_errors

        write_board_errors(
            self.calibration,
            self.detections,
            self.board,
            self.rejected,
            corners=self.corners,
            frames=self.frames,
            boards=self.boards,
        )


@dataclass(frozen=True, kw_only=True)
class CalibrationErrorsOfPoses(Job):
    """Check the calibration against the tracked points, and name a camera that no longer fits."""

    command: ClassVar[str] = "calibration-errors"
    works_on: ClassVar[str] = "trials with two or more cameras"

    calibration: Input[Path]
    poses_2d: Input[Mapping[str, Path]]
    table: Output[Path]
    cameras: Mapping[str, config.Camera]
    triangulation: config.Triangulation

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for trial in session.trials_3d:
                yield cls(
                    calibration=session.calibration_file,
                    poses_2d={camera: view.poses_2d for camera, view in trial.views.items()},
                    table=trial.calibration_errors,
                    cameras=trial.recordings,
                    triangulation=session.config.triangulation.only("score_threshold"),
                )

    def run(self) -> None:
        from anipose.calibration_errors import write_pose_errors

        write_pose_errors(
            self.calibration,
            self.poses_2d,
            self.cameras,
            self.triangulation.score_threshold,
            trial=self.table.stem,
            table=self.table,
        )
