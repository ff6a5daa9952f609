"""What a run tells: what would happen, what happens, and how each job ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from anipose.errors import AniposeError
from anipose.pipeline.job import Job
from anipose.pipeline.records import Failure


@dataclass(frozen=True)
class Result:
    """How a job ended.

    Attributes:
        job: the job.
        state: "done", it ran; "current", nothing to do; "kept", the outputs are the user's; "failed";
            "blocked", something that it needs is missing or failed.
        reasons: why it ran, was kept or is blocked.
        message: why it failed or is blocked.
        warnings: what it logged as a warning.
        seconds: how long it took.
        traceback: of a fault of anipose.
    """

    job: Job
    state: Literal["done", "current", "kept", "failed", "blocked"]
    reasons: tuple[str, ...] = ()
    message: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    traceback: str = ""


@dataclass(frozen=True)
class Foreseen:
    """What would become of a job.

    Attributes:
        job: the job.
        state: "run" (perhaps, if a reason says that an input may change), "current", "kept", "blocked".
        reasons: why.
        failure: why it failed last time, if it is to run again.
        touched: it is current, but some files had to be read to know.
        warnings: what it warned of when it ran, if it is current.
    """

    job: Job
    state: Literal["run", "current", "kept", "blocked"]
    reasons: tuple[str, ...] = ()
    failure: Failure | None = None
    touched: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planned:
    """These jobs go to the workers; some may turn out to be current."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Waiting:
    """Another run is busy in this folder."""

    home: Path
    message: str


@dataclass(frozen=True)
class Started:
    """A job went to a worker; not told by a cluster."""

    job: Job


@dataclass(frozen=True)
class Finished:
    """A job ended, or needed nothing."""

    result: Result


@dataclass(frozen=True)
class Progressed:
    """How far a job is; not told by a cluster.

    Attributes:
        job: the job.
        done: frames that are done.
        total: frames in all; 0 if that is not known.
    """

    job: Job
    done: int
    total: int


Event = Planned | Waiting | Started | Progressed | Finished


class Interrupted(AniposeError):  # noqa: N818 - it is none, but the user's wish
    """The run was stopped by Ctrl-C or by the system; `results` tells what was finished."""

    def __init__(self, results: Sequence[Result], n_jobs: int) -> None:
        self.results = tuple(results)
        super().__init__(
            f"stopped: {len(self.results)} of {n_jobs} jobs are finished, and nothing is half written. "
            "Run the same command again to go on"
        )
