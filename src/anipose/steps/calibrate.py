"""From videos of a board to calibrated cameras."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.calibration_folder import CalibrationFolder
from anipose.pipeline.job import Input, Job, OptionalInput, Output
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
    "board_inverted",
)
LENS_KEYS = ("fisheye", "intrinsics", "distortion")
CAMERA_KEYS = ("fisheye", "matrix", "distortions")
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
            for video in calibration.videos:
                yield cls(
                    video=video,
                    detections=calibration.detections(video),
                    board=calibration.config.calibration.only(*BOARD_KEYS),
                )

    def run(self) -> None:
        from anipose.board_detection import detect_boards
        from anipose.io.detections import write_detections

        write_detections(self.detections, detect_boards(self.board, self.video))


@dataclass(frozen=True, kw_only=True)
class Calibrate(Job):
    """Calibrate the cameras from the boards that they saw at the same time, and say how good it is.

    Attributes:
        detections: recording -> camera -> file.
        lens_detections: camera -> files of boards filmed for its lens alone.
        initial: the calibration whose lenses to start from.
        rejected: name of a video -> frames whose board the user does not want.
        cameras: what config.toml says of the cameras.
    """

    command: ClassVar[str] = "calibrate"
    works_on: ClassVar[str] = WORKS_ON
    version: ClassVar[int] = 2
    precious: ClassVar[bool] = True

    detections: Input[Mapping[str, Mapping[str, Path]]]
    lens_detections: Input[Mapping[str, Sequence[Path]]]
    initial: OptionalInput[Path | None]
    calibration: Output[Path]
    figures: Output[Path]
    uncertainty: Output[Path]
    report: Output[Path]
    table: config.Calibration
    cameras: Mapping[str, config.Camera]
    rejected: Mapping[str, tuple[int, ...]]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            if calibration.recordings:
                keys = (*BOARD_KEYS, *LENS_KEYS, "units", "world", "world_frame")
                yield cls(
                    detections={
                        recording: {camera: calibration.detections(video) for camera, video in views.items()}
                        for recording, views in calibration.recordings.items()
                    },
                    lens_detections={
                        camera: [calibration.detections(video) for video in videos]
                        for camera, videos in calibration.lens_videos.items()
                    },
                    initial=calibration.initial,
                    calibration=calibration.by_board,
                    figures=calibration.report_figures,
                    uncertainty=calibration.uncertainty,
                    report=calibration.report,
                    table=calibration.config.calibration.only(*keys),
                    cameras={
                        name: camera.only(*CAMERA_KEYS) for name, camera in calibration.config.cameras.items()
                    },
                    rejected=rejected_boards(calibration),
                )

    def run(self) -> None:
        from anipose.calibration_report import calibrate_and_report

        calibrate_and_report(
            detections=self.detections,
            lens_detections=self.lens_detections,
            initial=self.initial,
            table=self.table,
            cameras=self.cameras,
            rejected=self.rejected,
            calibration=self.calibration,
            figures=self.figures,
            uncertainty=self.uncertainty,
            page=self.report,
        )

    def in_short(self) -> str:
        from anipose.calibration_report import summary

        return summary(self.figures)


def rejected_boards(calibration: CalibrationFolder) -> dict[str, tuple[int, ...]]:
    """Frames of each video whose picture the user has deleted; see `manual_verification`."""
    if not calibration.config.manual_verification.manually_verify:
        return {}
    found = {}
    for video in calibration.videos:
        listed = calibration.board_picture_list(video)
        if listed.is_file():
            folder = calibration.board_pictures(video)
            names = listed.read_text(encoding="utf-8").split()
            gone = tuple(int(Path(name).stem) for name in names if not (folder / name).is_file())
            if gone:
                found[calibration.detections(video).name] = gone
    return found
