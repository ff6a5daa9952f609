"""What the pipeline remembers of a job, in `.anipose/` of its home folder.

    .anipose/records/<command>/<output>.json    how the outputs were made
    .anipose/failures/<command>/<output>.json   why the job failed last time
    .anipose/placing/<command>/<output>.jsonl   outputs of a run that is not finished
    .anipose/anipose.log                        tracebacks of our own faults

All paths in there are relative to the home folder, so an experiment can be moved. Whatever cannot be
read counts as not there.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anipose.errors import FileAccessError
from anipose.io.files import before_placing, write_text
from anipose.pipeline.fingerprints import Fingerprint, backdate
from anipose.pipeline.job import Job
from anipose.version import __version__

FOLDER = ".anipose"


@dataclass(frozen=True)
class FileRecord:
    """A file as a job found or left it; `path` is relative to the home of the job."""

    path: str
    fingerprint: Fingerprint


@dataclass(frozen=True)
class Record:
    """How the outputs of a job were made; inputs and outputs by the names of their fields.

    `warnings` are what the job had to say: it holds as long as its outputs do, and is told again.
    """

    version: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, FileRecord]
    outputs: Mapping[str, FileRecord]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Why a job failed last time, and when (ISO 8601)."""

    message: str
    time: str


def relative(job: Job, path: Path) -> str:
    """A path as the user is told it: relative to the home of the job, with forward slashes."""
    try:
        return os.path.relpath(path, job.home).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        return path.as_posix()


def json_settings(job: Job) -> dict[str, Any]:
    """The settings of a job as they are after a round trip through JSON."""
    settings: dict[str, Any] = json.loads(json.dumps(job.settings()))
    return settings


def read_record(job: Job) -> Record | None:
    """The record of the last successful run, or None."""
    try:
        content = json.loads(_place(job, "records").read_bytes())
        return Record(
            version=int(content["version"]),
            settings=dict(content["settings"]),
            inputs={name: _file_record(item) for name, item in content["inputs"].items()},
            outputs={name: _file_record(item) for name, item in content["outputs"].items()},
            warnings=tuple(map(str, content.get("warnings", ()))),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_record(job: Job, record: Record) -> None:
    """Remember how the outputs were made.

    Raises:
        FileAccessError: the home of the job cannot be written.
    """
    content = {
        "step": type(job).__name__,
        "version": record.version,
        "anipose": __version__,
        "time": _now(),
        "settings": record.settings,
        "inputs": {name: _as_json(item) for name, item in record.inputs.items()},
        "outputs": {name: _as_json(item) for name, item in record.outputs.items()},
        "warnings": list(record.warnings),
    }
    write_text(_place(job, "records"), json.dumps(content, indent=1) + "\n")


def read_failure(job: Job) -> Failure | None:
    """Why the job failed last time, or None if it did not."""
    try:
        content = json.loads(_place(job, "failures").read_bytes())
        return Failure(str(content["message"]), str(content["time"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_failure(job: Job, message: str) -> None:
    """Remember why the job failed.

    Raises:
        FileAccessError: the home of the job cannot be written.
    """
    write_text(_place(job, "failures"), json.dumps({"message": message, "time": _now()}, indent=1) + "\n")


def clear_failure(job: Job) -> None:
    """Forget that the job failed."""
    _place(job, "failures").unlink(missing_ok=True)


def log_of(job: Job) -> Path:
    """Where tracebacks of faults in this job are kept."""
    return job.home / FOLDER / "anipose.log"


def write_log(job: Job, trace: str) -> None:
    """Append the traceback of a fault to the log of the job's home."""
    log = log_of(job)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{_now()} {__version__} {job.command} {relative(job, job.target)}\n{trace}\n")


@contextmanager
def placing(job: Job) -> Iterator[None]:
    """Note each output of the job just before it takes its place.

    Between that moment and the writing of the record, a kill leaves a file that would look like the
    user's. Size and time, which renaming keeps, then tell that it is ours.
    """
    declared = {os.path.abspath(path) for path in job.outputs().values()}  # noqa: PTH100 - links stay
    journal = _place(job, "placing", ".jsonl")

    def note(temporary: Path, path: Path) -> None:
        if os.path.abspath(path) not in declared:  # noqa: PTH100
            return
        backdate(temporary)
        status = temporary.stat()
        line = {"path": relative(job, path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
        try:
            journal.parent.mkdir(parents=True, exist_ok=True)
            with journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise FileAccessError(f"{journal} cannot be written: {reason}") from error

    token = before_placing.set(note)
    try:
        yield
    finally:
        before_placing.reset(token)


def clear_placing(job: Job) -> None:
    """Forget the unfinished run: the record now knows its outputs."""
    _place(job, "placing", ".jsonl").unlink(missing_ok=True)


def was_placed(job: Job, path: Path) -> bool:
    """Whether this file, as it is, was left by a run of the job that did not finish."""
    try:
        lines = _place(job, "placing", ".jsonl").read_text(encoding="utf-8").splitlines()
        status = path.stat()
    except OSError:
        return False
    found = {"path": relative(job, path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    return any(_parsed(line) == found for line in lines)


def _place(job: Job, kind: str, suffix: str = ".json") -> Path:
    output = relative(job, job.target).replace("../", "up/").replace(":", "").lstrip("/")
    return job.home / FOLDER / kind / job.command / f"{output}{suffix}"


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:  # the last line may be cut off
        return None


def _file_record(item: Mapping[str, Any]) -> FileRecord:
    return FileRecord(item["path"], Fingerprint(item["size"], item["mtime_ns"], item["digest"]))


def _as_json(item: FileRecord) -> dict[str, Any]:
    return {"path": item.path, **asdict(item.fingerprint)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
