"""Jobs on text files, and an experiment made of them.

    session/raw/t_A.txt, t_B.txt -join-> session/joined/t.txt -count-> session/counts/t.txt
    every session's counts -collect-> summaries/all.txt

`join` does what its parts say: a line "fail", "fault", "warn", "die", "hang" or "slow" makes it so.
As a program, `python text_jobs.py FOLDER N_JOBS` runs the experiment and prints what happens.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from anipose.errors import AniposeError, PoseError
from anipose.io.files import atomic_path, write_text
from anipose.pipeline.job import Input, Job, OptionalInput, Output
from anipose.pipeline.results import Event, Finished, Planned, Started, Waiting
from anipose.pipeline.run import execute

logger = logging.getLogger("anipose.text_jobs")


@dataclass(frozen=True, kw_only=True)
class Join(Job):
    command: ClassVar[str] = "join"

    parts: Input[Mapping[str, Path]]
    joined: Output[Path]
    separator: str = " "

    def run(self) -> None:
        lines = [line for part in self.parts.values() for line in part.read_text().splitlines()]
        with atomic_path(self.joined) as temporary:
            temporary.write_text("half of it")
            for line in lines:
                obey(line)
            temporary.write_text(self.separator.join(lines))


@dataclass(frozen=True, kw_only=True)
class Count(Job):
    command: ClassVar[str] = "count"

    joined: Input[Path]
    counts: Output[Path]
    letters: bool = False

    def run(self) -> None:
        text = self.joined.read_text()
        write_text(self.counts, str(len(text) if self.letters else len(text.split())))


@dataclass(frozen=True, kw_only=True)
class Collect(Job):
    command: ClassVar[str] = "collect"

    counts: OptionalInput[tuple[Path, ...]]
    summary: Output[Path]

    def run(self) -> None:
        write_text(self.summary, "+".join(path.read_text() for path in self.counts if path.exists()))


@dataclass(frozen=True, kw_only=True)
class WithCameras(Job):
    """It has settings for each camera."""

    command: ClassVar[str] = "with cameras"

    given: Input[Path]
    made: Output[Path]
    cameras: Mapping[str, Mapping[str, int]]

    def run(self) -> None:
        write_text(self.made, str(self.cameras))


@dataclass(frozen=True, kw_only=True)
class Letters(Job):
    """Something in between that nobody but `count` needs."""

    command: ClassVar[str] = "letters"
    on_demand: ClassVar[bool] = True

    source: Input[Path]
    letters: Output[Path]

    def run(self) -> None:
        write_text(self.letters, " ".join(self.source.read_text()))


@dataclass(frozen=True, kw_only=True)
class Twins(Job):
    """Two outputs; dies in between if told to."""

    command: ClassVar[str] = "twins"

    source: Input[Path]
    first: Output[Path]
    second: Output[Path]

    def run(self) -> None:
        text = self.source.read_text()
        write_text(self.first, text)
        obey(text)
        write_text(self.second, text)


@dataclass(frozen=True, kw_only=True)
class OnGpu(Job):
    """Writes when it began and ended."""

    command: ClassVar[str] = "on-gpu"
    resources: ClassVar[Mapping[str, float]] = {"GPU": 1}

    source: Input[Path]
    times: Output[Path]

    def run(self) -> None:
        began = time.time()
        time.sleep(0.2)
        write_text(self.times, f"{began} {time.time()}")


@dataclass(frozen=True, kw_only=True)
class Environment(Job):
    """Writes the number of threads that numeric libraries may use."""

    command: ClassVar[str] = "environment"

    source: Input[Path]
    threads: Output[Path]

    def run(self) -> None:
        import cv2

        write_text(self.threads, f"{os.environ['OMP_NUM_THREADS']} {cv2.getNumThreads()}")


def obey(line: str) -> None:
    if line == "fail":
        raise PoseError("part A is no good: mend it")
    if line == "fault":
        raise ValueError("unforeseen\nand long")
    if line == "warn":
        logger.warning("mind %s", "the gap")
    if line == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if line == "die once" and not Path("died").exists():
        Path("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if line == "hang":
        time.sleep(60)
    if line == "slow":
        time.sleep(0.5)


def make_raw(experiment: Path, sessions: Iterable[str], text: str = "one") -> None:
    for name in sessions:
        raw = experiment / name / "raw"
        raw.mkdir(parents=True)
        (raw / "t_A.txt").write_text(text)
        (raw / "t_B.txt").write_text("two")


def plan(experiment: Path, *, separator: str = " ", letters: bool = False) -> list[Job]:
    jobs: list[Job] = []
    counts = []
    for session in sorted(path.parent for path in experiment.glob("*/raw")):
        parts = {path.stem[-1]: path for path in sorted((session / "raw").glob("*.txt"))}
        joined = session / "joined" / "t.txt"
        counts.append(session / "counts" / "t.txt")
        jobs.append(Join(parts=parts, joined=joined, separator=separator))
        jobs.append(Count(joined=joined, counts=counts[-1], letters=letters))
    jobs.append(Collect(counts=tuple(counts), summary=experiment / "summaries" / "all.txt"))
    return jobs


def name(job: Job) -> str:
    return f"{job.home.name}:{job.command}"


def show(event: Event) -> None:
    if isinstance(event, Planned):
        print(f"planned {len(event.jobs)}", flush=True)
    if isinstance(event, Waiting):
        print(event.message, flush=True)
    if isinstance(event, Started):
        print(f"started {name(event.job)}", flush=True)
    if isinstance(event, Finished):
        print(f"{event.result.state} {name(event.result.job)} {event.result.message}".rstrip(), flush=True)


if __name__ == "__main__":
    try:
        execute(plan(Path(sys.argv[1])), n_jobs=int(sys.argv[2]), on_event=show)
    except AniposeError as error:
        print(error, flush=True)
        sys.exit(1)
