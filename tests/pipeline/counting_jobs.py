"""Jobs that tell how far they are."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from anipose.io.files import write_text
from anipose.pipeline.job import Job, Output
from anipose.pipeline.progress import report


@dataclass(frozen=True, kw_only=True)
class Count(Job):
    command: ClassVar[str] = "count"

    counted: Output[Path]

    def run(self) -> None:
        for number in (5, 10):
            report(number, 10)
        write_text(self.counted, "10")
