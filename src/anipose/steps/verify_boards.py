"""Pictures of the boards that were found, for a look by eye."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.steps.calibrate import WORKS_ON


@dataclass(frozen=True, kw_only=True)
class DrawFoundBoards(Job):
    """Write a picture of every board that was found; the user deletes those that are wrong.

    Attributes:
        listed: the names of the pictures, in the folder of its name.
    """

    command: ClassVar[str] = "calibrate"
    works_on: ClassVar[str] = WORKS_ON

    video: Input[Path]
    detections: Input[Path]
    listed: Output[Path]

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for calibration in project.calibrations:
            if calibration.config.manual_verification.manually_verify:
                for video in calibration.videos:
                    yield cls(
                        video=video,
                        detections=calibration.detections(video),
                        listed=calibration.board_picture_list(video),
                    )

    @property
    def home(self) -> Path:
        return self.listed.parent.parent.parent

    def run(self) -> None:
        from anipose.board_pictures import write_board_pictures

        write_board_pictures(self.video, self.detections, self.listed)

    def in_short(self) -> str:
        n_pictures = len(self.listed.read_text(encoding="utf-8").split())
        return (
            f"look at the {n_pictures} pictures in {self.listed.with_suffix('')}, delete those in which the "
            "corners are wrong, and calibrate again; when you are done, set manually_verify = false, which "
            "keeps your choice"
        )
