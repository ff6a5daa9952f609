"""Writing files so that a file that exists is whole.

Everything is written to a temporary, hidden file beside its target and renamed at the end. When the
program is killed, at most such a temporary file stays behind; its name says whose it is.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from anipose.errors import FileAccessError, FileFormatError

# Called with (temporary, path) just before a finished file takes its place. The pipeline notes there that
# the file is its own, so that it knows it again after a kill.
before_placing: ContextVar[Callable[[Path, Path], None] | None] = ContextVar("before_placing", default=None)

_TEMPORARY = re.compile(r"^\..+\.tmp-\d+(\.[^.]*)?$")

# File systems allow names of 255 bytes. The temporary name is a little longer than the target's.
_LONGEST_NAME = 200

# A disk that refused a write has less than this left: writes fill it up to the last block.
_FULL_BELOW_BYTES = 16 * 1024

_WHY = {
    errno.EACCES: "no permission to write here; change the permissions of the folder, or work on a copy",
    errno.EPERM: "no permission to write here; change the permissions of the folder, or work on a copy",
    errno.EROFS: "the disk is mounted read-only; copy the project to a disk that can be written",
    errno.EDQUOT: "your disk quota is used up; nothing was written. Delete something and run again",
    errno.ENAMETOOLONG: "the name is too long for this disk; shorten the names of the folders or videos",
    errno.ENOTDIR: "a part of this path is a file where a folder is needed",
    errno.EEXIST: "a part of this path is a file where a folder is needed",
    errno.EISDIR: "there is a folder where a file should be written; move it away",
}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with the same suffix, that becomes `path` if the block succeeds.

    Missing folders are made. If the block fails, nothing of it stays and an older file is untouched.

    Raises:
        FileAccessError: no permission, disk full, read-only, name too long.
    """
    target = Path(os.path.realpath(path))  # a link stays a link, and the file behind it is replaced
    temporary = _temporary_beside(target)
    try:
        _check_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
    except OSError as error:
        raise explained(error, path) from error
    try:
        yield temporary
        # HDF5 tells nobody of a write that fails when the file is closed.
        if _is_full(target.parent):
            raise _disk_full(path)
        _flush(temporary)
        if tell := before_placing.get():
            tell(temporary, path)
        temporary.replace(target)
        _flush_folder(target.parent)
    except FileAccessError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC or error.filename in (None, str(temporary)):
            raise explained(error, path) from error
        raise
    except Exception as error:
        # HDF5 and video libraries report a full disk with errors of their own.
        if _is_full(target.parent):
            raise _disk_full(path) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file: UTF-8, lines end with a line feed on every system."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file with this content."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def require_file(path: Path) -> None:
    """Check that there is a file which can be read and has something in it."""
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise FileAccessError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise FileAccessError(f"{path} is a folder; a file is needed") from error
    except OSError as error:
        raise FileAccessError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if empty:
        raise FileFormatError(
            f"{path} is empty (0 bytes), probably left by a program that was interrupted; "
            "delete it and make it again"
        )


def is_temporary(path: Path) -> bool:
    """Whether this is the name of an unfinished file of ours, as an interrupted run leaves it."""
    return bool(_TEMPORARY.match(path.name))


def remove_temporary_files(folder: Path) -> list[Path]:
    """Delete the unfinished files in a folder; only while nobody else can be writing there."""
    found = sorted(path for path in folder.iterdir() if is_temporary(path)) if folder.is_dir() else []
    for path in found:
        path.unlink(missing_ok=True)
    return found


def _temporary_beside(target: Path) -> Path:
    stem = target.stem
    if len(target.name.encode()) > _LONGEST_NAME:
        stem = hashlib.sha256(target.name.encode()).hexdigest()[:32]
    return target.with_name(f".{stem}.tmp-{os.getpid()}{target.suffix}")


def _check_replaceable(target: Path) -> None:
    # os.replace asks for permission on the folder only; a file that its owner has write-protected
    # is not to be replaced.
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows has no handle of a folder to flush
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < _FULL_BELOW_BYTES


def explained(error: OSError, path: Path) -> FileAccessError:
    """Why a file or folder could not be written, and what to do."""
    if error.errno == errno.ENOSPC:
        return _disk_full(path)
    why = _WHY.get(error.errno or 0, (error.strerror or str(error)).lower())
    return FileAccessError(f"{path} cannot be written: {why}")


def _disk_full(path: Path) -> FileAccessError:
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    return FileAccessError(
        f"{path} cannot be written: no space left on the disk of {folder}; nothing was written. "
        "Free some space and run again"
    )
