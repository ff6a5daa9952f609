"""What a file or folder contains, in few characters.

Content decides whether something changed; size and time of modification only spare reading a file
again that is plainly the same.
"""

import contextlib
import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from anipose.errors import FileAccessError

# Larger files, in practice videos and network weights, are read at evenly spaced places only.
_WHOLE_UP_TO_BYTES = 64 * 1024**2
_SAMPLES = 64
_SAMPLE_BYTES = 256 * 1024

# Two writes within one tick of the file system's clock leave the same time behind. A tick is at most
# 10 ms on the usual systems; where times are whole seconds, it can be 2 s (FAT).
_FINE_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000
_MILLISECOND_NS = 1_000_000


@dataclass(frozen=True)
class Fingerprint:
    """The content of a file or folder.

    Attributes:
        size: bytes; of a folder, of all its files.
        mtime_ns: when it was last modified; of a folder, the newest time in it. None if that was so
            recent that a later change could bear the same time: such a time proves nothing.
        digest: of the content; of a folder, of the names and contents of its files.
    """

    size: int
    mtime_ns: int | None
    digest: str


def fingerprint(path: Path, known: Fingerprint | None = None) -> Fingerprint | None:
    """The fingerprint of a file or folder, or None if it does not exist.

    Args:
        path: the file or folder.
        known: an earlier fingerprint of it, returned without reading if size and time are still the same.

    Raises:
        FileAccessError: it exists but cannot be read.
    """
    now = time.time_ns()
    try:
        before = _size_and_time(path)
        if known is not None and before == (known.size, known.mtime_ns):
            return known
        digest = _digest(path)
        size, mtime_ns = _size_and_time(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileAccessError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    trusted = before == (size, mtime_ns) and abs(now - mtime_ns) > _tick(mtime_ns)
    return Fingerprint(size, mtime_ns if trusted else None, digest)


def backdate(path: Path) -> None:
    """Set the time of a file just written back by a little more than a tick.

    So every later change shows in its time, and the file need not be read again to know that it is
    the same. Waiting for the next tick would do too, but adds up over thousands of files.
    """
    status = path.stat()
    mtime_ns = status.st_mtime_ns - _tick(status.st_mtime_ns) - _MILLISECOND_NS
    with contextlib.suppress(OSError):  # some network disks refuse: then it is read again
        os.utime(path, ns=(status.st_atime_ns, mtime_ns))


def _tick(mtime_ns: int) -> int:
    return _COARSE_TICK_NS if mtime_ns % _SECOND_NS == 0 else _FINE_TICK_NS


def _size_and_time(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - Path.stat takes twice as long, and this is called for every file
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size, status.st_mtime_ns
    files = [file.stat() for file in _files(path)]
    folders = [Path(folder).stat().st_mtime_ns for folder, _, _ in os.walk(path)]
    return sum(file.st_size for file in files), max([*(file.st_mtime_ns for file in files), *folders])


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _digest(path: Path) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    if path.is_dir():
        for file in _files(path):
            hasher.update(f"{file.relative_to(path).as_posix()}\0{_digest(file)}\0".encode())
        return hasher.hexdigest()
    with path.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        if size <= _WHOLE_UP_TO_BYTES:
            return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        hasher.update(str(size).encode())
        for number in range(_SAMPLES):
            content.seek((size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
            hasher.update(content.read(_SAMPLE_BYTES))
    return hasher.hexdigest()
