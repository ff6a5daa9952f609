"""Trackers that run in a Python of their own, because what they need does not go together with the rest.

A process of that Python runs `workers/serve.py`. It takes seconds to load a network, so it is started with
the first video and asked again for each further one, until this process ends or asks for another network.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from anipose.config import Tracker as Settings
from anipose.errors import DependencyError, FileAccessError, PoseError
from anipose.trackers.base import Progress
from anipose.trackers.workers.serve import IDLE_EXIT_CODE

_SERVE = Path(__file__).parent / "workers" / "serve.py"
# A process that is not asked for so long ends by itself, so that it does not hold the memory of a GPU.
_IDLE_SECONDS = 60.0
_SHOWN_LINES = 12
# Set for the numeric work of this process; a tracker alone on the machine is to use all of it.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class TrackerProcess:
    """A tracker in another Python.

    Args:
        python: that Python.
        backend: the module in `workers` to run.
        options: what its `load` is given.
        install: for the user, how to get the package that it needs.
        all_threads: use all cores, not one.
    """

    def __init__(
        self, python: str, backend: str, options: Mapping[str, Any], *, install: str, all_threads: bool
    ) -> None:
        self._python = python
        self._backend = backend
        self._options = options
        self._install = install
        self._all_threads = all_threads
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        """Track a video; the file with the result is in the folder.

        Raises:
            DependencyError: this Python does not exist, or lacks the package.
            PoseError: the tracker failed; with what it said.
        """
        request = {"video": str(video.resolve()), "folder": str(folder)}
        answer = self._ask(request, progress)
        if answer is None and self._process is not None and self._process.returncode == IDLE_EXIT_CODE:
            answer = self._ask(request, progress)  # it ended just as it was asked
        if answer is None or "error" in answer:
            raise PoseError(self._failure(video.name, answer))
        return Path(answer["done"])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):  # it may have ended before it read what is still to be written
                        stream.close()
        if self._log is not None:
            self._log.close()
        self._process = self._log = None

    def _ask(self, request: Mapping[str, str], progress: Progress) -> dict[str, Any] | None:
        """The last answer to a request; None if the process ended without one."""
        process = self._running()
        if not _sent(process, request):
            return None
        while (answer := _received(process)) is not None and "progress" in answer:
            progress(answer["progress"])
        return answer

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        if self._all_threads:
            environment = {key: value for key, value in environment.items() if key not in _THREADS}
        # A file, since a pipe that nobody reads stops the process when it is full.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        try:
            self._process = process = subprocess.Popen(
                [self._python, str(_SERVE), self._backend],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=environment | {"PYTHONIOENCODING": "utf-8"},
                encoding="utf-8",
            )
        except OSError as error:
            raise self._no_python(f"cannot be started: {(error.strerror or str(error)).lower()}") from error
        _sent(process, dict(self._options) | {"idle_seconds": _IDLE_SECONDS})
        try:
            while (answer := _received(process)) is not None and "progress" in answer:
                pass
        except json.JSONDecodeError as error:
            self.close()
            raise self._no_python(f"is no Python; it said: {error.doc.strip()}") from error
        if answer is None and process.returncode == 0:
            raise self._no_python("is no Python; it ended at once")
        if answer is not None and "missing" in answer:
            self.close()
            raise DependencyError(
                f"the package {answer['missing']} is not installed in {self._python}. {self._install}"
            )
        if answer is None or "error" in answer:
            message = self._failure("its network", answer)
            self.close()
            raise PoseError(message)
        return process

    def _no_python(self, why: str) -> DependencyError:
        return DependencyError(
            f"tracker.python = {self._python} {why}. It should be the program python of the environment with "
            f"the tracker, as in ~/tracker-env/bin/python. {self._install}"
        )

    def _failure(self, what: str, answer: Mapping[str, Any] | None) -> str:
        """What the tracker said when it failed."""
        name = self._backend.removesuffix("_backend")
        if answer is not None:
            return f"{name} failed on {what}: {answer['error']}{self._said()}"
        if self._process is None:
            return f"{name} ended on {what}"
        code = self._process.wait()
        memory = " Perhaps it was killed for lack of memory." if code in (-9, 137) else ""
        return f"{name} ended with the code {code} on {what}.{memory}{self._said()}"

    def _said(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 4096))
        lines = self._log.read().decode("utf-8", errors="replace").replace("\r", "\n").splitlines()
        shown = [line for line in lines if line.strip()][-_SHOWN_LINES:]
        return "\nIt said:\n" + "\n".join(f"  {line}" for line in shown) if shown else ""


def tracker_process(
    settings: Settings, backend: str, options: Mapping[str, Any], *, install: str
) -> TrackerProcess:
    """The process of a tracker, the running one if it was started with the same.

    Args:
        settings: which Python to run, None being the one that runs now; and whether on the processor, where
            other videos are tracked at the same time.
        backend, options, install: as in `TrackerProcess`.
    """
    python = str(Path(settings.python).expanduser()) if settings.python else sys.executable
    all_threads = settings.device != "cpu"
    key = json.dumps([python, backend, options, all_threads], sort_keys=True)
    if key not in _RUNNING:
        close_all()
        _RUNNING[key] = TrackerProcess(python, backend, options, install=install, all_threads=all_threads)
    return _RUNNING[key]


_RUNNING: dict[str, TrackerProcess] = {}


@atexit.register
def close_all() -> None:
    """End all tracker processes of this process."""
    for process in _RUNNING.values():
        process.close()
    _RUNNING.clear()


def _sent(process: "subprocess.Popen[str]", message: Mapping[str, Any]) -> bool:
    """Write a line; False if the process has ended."""
    if process.stdin is None:
        raise FileAccessError("the tracker has no input")
    try:
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
    except OSError:
        return False
    return True


def _received(process: "subprocess.Popen[str]") -> dict[str, Any] | None:
    """The next answer; None if the process has ended."""
    line = process.stdout.readline() if process.stdout else ""
    answer: dict[str, Any] | None = json.loads(line) if line else None
    if answer is None:
        process.wait()
    return answer
