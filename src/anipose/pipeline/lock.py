"""One run at a time in a session folder.

The lock is the operating system's, so it goes away with the process, however that ends.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from anipose.errors import FileAccessError
from anipose.io.files import explained
from anipose.pipeline.records import FOLDER

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Locks:
    """What came of locking.

    Attributes:
        waited: folders that another run had to leave first; what was known of them may be out of date.
        refused: folders that cannot be written, with the reason.
    """

    waited: list[Path] = field(default_factory=list)
    refused: dict[Path, FileAccessError] = field(default_factory=dict)


@contextmanager
def locked(homes: Iterable[Path], *, on_wait: Callable[[Path, str], None] | None) -> Iterator[Locks]:
    """Hold the locks of these folders.

    Args:
        homes: the folders; locked in sorted order, so that two runs never wait for each other.
        on_wait: called with a folder and a message before waiting for another run; None: do not
            wait, a folder that is busy is among `waited` without being locked.
    """
    locks = Locks()
    with ExitStack() as stack:
        for home in sorted(set(homes)):
            try:
                stack.enter_context(_locked(home, locks, on_wait))
            except OSError as error:
                locks.refused[home] = explained(error, home)
        yield locks


@contextmanager
def _locked(home: Path, locks: Locks, on_wait: Callable[[Path, str], None] | None) -> Iterator[None]:
    folder = home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # Whoever may write the folder may lock it: members of a lab share projects.
    lock = FileLock(folder / "lock", mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        locks.waited.append(home)
        if on_wait is None:
            yield
            return
        on_wait(home, f"{home.name} is being processed by another anipose{_holder(folder)}: waiting")
        lock.acquire(poll_interval=_POLL_SECONDS)
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%H:%M")}
        (folder / "holder.json").write_text(json.dumps(holder), encoding="utf-8")
        yield
    finally:
        (folder / "holder.json").unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        return f" (pid {holder['pid']} on {holder['host']}, since {holder['since']})"
    except (OSError, ValueError, TypeError, KeyError):
        return ""  # it is just starting, or ending
