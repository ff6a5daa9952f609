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
class LookForBoards(Job):
    """Find the calibration board in some frames of a video, as many as it takes.

    Attributes:
        also: frames that are looked at in any case.
    """

    command: ClassVar[str] = "calibrate"
    works_on: ClassVar[str] = WORKS_ON
    version: ClassVar[int] = 2
    on_demand: ClassVar[bool] = True

    video: Input[Path]
    seen: Output[Path]
    board: config.Calibration
    also: tuple[int, ...]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            if calibration.config.calibration.board_frames == "chosen":
                for video in calibration.videos:
                    yield cls(
                        video=video,
                        seen=calibration.first_look(video),
                        board=calibration.config.calibration.only(*BOARD_KEYS),
                        also=_world_frames(calibration),
                    )

    @property
    def home(self) -> Path:
        return self.seen.parent.parent.parent

    def run(self) -> None:
        from anipose.board_detection import first_look
        from anipose.io.detections import write_detections

        write_detections(self.seen, first_look(self.board, self.video, self.also))


@dataclass(frozen=True, kw_only=True)
class DetectBoards(Job):
    """Choose the boards of a video to calibrate with, and look for more where cameras share few.

    Attributes:
        camera: the one that filmed the video.
        seen: what every camera of the recording saw at the first look; None: every frame is looked at.
    """

    command: ClassVar[str] = "calibrate"
    works_on: ClassVar[str] = WORKS_ON
    version: ClassVar[int] = 3
    on_demand: ClassVar[bool] = True

    video: Input[Path]
    seen: Input[Mapping[str, Path] | None]
    detections: Output[Path]
    camera: str
    board: config.Calibration
    also: tuple[int, ...]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            alone = [
                {camera: video} for camera, videos in calibration.lens_videos.items() for video in videos
            ]
            for views in (*calibration.recordings.values(), *alone):
                seen = {camera: calibration.first_look(video) for camera, video in views.items()}
                for camera, video in views.items():
                    yield cls(
                        video=video,
                        seen=seen if calibration.config.calibration.board_frames == "chosen" else None,
                        detections=calibration.detections(video),
                        camera=camera,
                        board=calibration.config.calibration.only(*BOARD_KEYS),
                        also=_world_frames(calibration),
                    )

    def run(self) -> None:
        from anipose.board_detection import every_board, second_look
        from anipose.io.detections import read_detections, write_detections

        if self.seen is None:
            found = every_board(self.board, self.video)
        else:
            seen = {camera: read_detections(path) for camera, path in self.seen.items()}
            found = second_look(self.board, self.video, self.camera, seen, self.also)
        write_detections(self.detections, found)


def _world_frames(calibration: CalibrationFolder) -> tuple[int, ...]:
    """The frame of the board that is the coordinate system."""
    table = calibration.config.calibration
    return (table.world_frame,) if table.world == "board" else ()


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
    version: ClassVar[int] = 4
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
    """Frames of each video whose picture the user has deleted; see `manual_verification`.

    The choice holds as long as the list of the pictures is there, also when no more are written.
    """
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
