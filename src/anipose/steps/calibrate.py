"""From videos of a board to calibrated cameras."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project

BOARD_KEYS = (
    "board_type",
    "board_size",
    "board_marker_bits",
    "board_marker_dict_number",
    "board_marker_length",
    "board_marker_separation_length",
    "board_square_side_length",
    "board_legacy",
)
WORKS_ON = "videos of a calibration board in the calibration folder of a session or of a folder above"


@dataclass(frozen=True, kw_only=True)
class DetectBoards(Job):
    """Find the calibration board in every frame of a video."""

    command: ClassVar[str] = "calibrate"
    works_on: ClassVar[str] = WORKS_ON
    on_demand: ClassVar[bool] = True

    video: Input[Path]
    detections: Output[Path]
    board: config.Calibration

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            for views in calibration.recordings.values():
                for video in views.values():
                    yield cls(
                        video=video,
                        detections=calibration.detections(video),
                        board=calibration.config.calibration.only(*BOARD_KEYS),
                    )

    def run(self) -> None:
        from anipose.board_recordings import configured_board
        from anipose.detection import detect_in_video
        from anipose.io.detections import BoardDetections, write_detections
        from anipose.io.video import probe, read_gray

        board = configured_board(self.board)
        info = probe(self.video)
        frames, corners = detect_in_video(board, read_gray(self.video))
        corners = corners.reshape(len(frames), len(board.points), 2)
        size = (info.width, info.height)
        write_detections(self.detections, BoardDetections(size, info.n_frames, frames, corners))


@dataclass(frozen=True, kw_only=True)
class Calibrate(Job):
    """Calibrate the cameras from the boards that they saw at the same time.

    Attributes:
        detections: recording -> camera -> file.
    """

    command: ClassVar[str] = "calibrate"
    works_on: ClassVar[str] = WORKS_ON
    precious: ClassVar[bool] = True

    detections: Input[Mapping[str, Mapping[str, Path]]]
    calibration: Output[Path]
    table: config.Calibration

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            if calibration.recordings:
                yield cls(
                    detections={
                        recording: {camera: calibration.detections(video) for camera, video in views.items()}
                        for recording, views in calibration.recordings.items()
                    },
                    calibration=calibration.file,
                    table=calibration.config.calibration.only(*BOARD_KEYS, "fisheye", "units"),
                )

    def run(self) -> None:
        from dataclasses import replace

        from anipose.board_recordings import configured_board, joined
        from anipose.geometry.calibration import calibrate
        from anipose.io.calibration import write_calibration
        from anipose.io.detections import read_detections

        board = configured_board(self.table)
        recordings = [
            {camera: read_detections(path) for camera, path in views.items()}
            for views in self.detections.values()
        ]
        result = calibrate(
            joined(recordings),
            board.points,
            fisheye=self.table.fisheye,
            symmetries=board.symmetries,
            neighbours=board.neighbours,
        )
        metadata = {**result.cameras.metadata, "units": self.table.units}
        write_calibration(self.calibration, replace(result.cameras, metadata=metadata))
