"""The calibration board, to be printed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Job, Output
from anipose.project import Project
from anipose.steps.calibrate import BOARD_KEYS


@dataclass(frozen=True, kw_only=True)
class DrawCalibration(Job):
    """Draw the calibration board, as a picture and in its true size for the printer."""

    command: ClassVar[str] = "draw-calibration"
    works_on: ClassVar[str] = "sessions"

    page: Output[Path]
    picture: Output[Path]
    table: config.Calibration

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        yield cls(
            page=project.board_print,
            picture=project.board_picture,
            table=project.config.calibration.only(*BOARD_KEYS, "units"),
        )

    def run(self) -> None:
        import cv2

        from anipose.board_recordings import configured_board
        from anipose.draw.board_print import board_pdf, board_picture
        from anipose.io.files import write_bytes
        from anipose.units import in_mm

        board = configured_board(self.table)
        given = {key: value for key, value in self.table.settings().items() if value is not None}
        write_bytes(self.page, board_pdf(board, in_mm(self.table.units), given))
        _, png = cv2.imencode(".png", board_picture(board))
        write_bytes(self.picture, png.tobytes())
