"""Files are written whole or not at all, and failures say what to do.

The failures are real: a small disk is mounted, an unprivileged user is used.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from anipose.errors import FileAccessError, FileFormatError
from anipose.io.files import (
    atomic_path,
    is_temporary,
    remove_temporary_files,
    require_file,
    write_bytes,
    write_text,
)

ROOT_ONLY = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to mount a disk or change the user"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if mount.returncode != 0:
        pytest.skip(f"cannot mount a small disk: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "folder" / "a.txt", "grüße\n")

    assert (tmp_path / "new" / "folder" / "a.txt").read_bytes() == b"gr\xc3\xbc\xc3\x9fe\n"


def test_temporary_path_is_beside_the_target_with_its_suffix(tmp_path: Path) -> None:
    target = tmp_path / "trial_1.analysis.h5"

    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name == f".trial_1.analysis.tmp-{os.getpid()}.h5"
        assert not target.exists()
        temporary.write_bytes(b"whole")

    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyError("fault")

    with pytest.raises(KeyError), atomic_path(target) as temporary:
        fail(temporary)

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_interrupting_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a.csv"):
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


def test_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "disk2" / "a.csv"
    write_text(real, "old")
    link = tmp_path / "a.csv"
    link.symlink_to(real)

    write_text(link, "new")

    assert link.is_symlink()
    assert real.read_text() == "new"


def test_errors_of_other_files_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="input"), atomic_path(tmp_path / "a.csv"):
        (tmp_path / "input.csv").read_text()


def test_killed_run_leaves_a_file_that_is_recognised(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from anipose.io.files import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "a.csv"], check=False)
    (tmp_path / ".hidden.csv").touch()
    (tmp_path / "x.tmp-1.csv").touch()
    (left,) = [path for path in tmp_path.iterdir() if is_temporary(path)]

    assert left.read_text() == "half"
    assert remove_temporary_files(tmp_path) == [left]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden.csv", "x.tmp-1.csv"]
    assert remove_temporary_files(tmp_path / "missing") == []


def test_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    longest = tmp_path / ("n" * 251 + ".csv")

    write_text(longest, "fits")

    assert longest.read_text() == "fits"


def test_too_long_a_name_is_explained(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300 + ".csv")
    with pytest.raises(FileAccessError, match=r"csv cannot be written: the name is too long for this disk"):
        write_text(path, "")


def test_folder_in_the_way_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(FileAccessError) as caught:
        write_text(tmp_path / "a.csv", "")
    why = "there is a folder where a file should be written; move it away"
    assert str(caught.value) == f"{tmp_path / 'a.csv'} cannot be written: {why}"


@pytest.mark.parametrize("path", ["file/a.csv", "file/folder/a.csv"])
def test_file_in_the_place_of_a_folder_is_explained(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileAccessError, match="a part of this path is a file where a folder is needed"):
        write_text(tmp_path / path, "")


def _full(path: Path) -> str:
    return (
        f"{path} cannot be written: no space left on the disk of {path.parent}; nothing was written. "
        "Free some space and run again"
    )


@ROOT_ONLY
def test_full_disk_is_explained_and_old_results_stay(small_disk: Path) -> None:
    target = small_disk / "a.bin"
    write_bytes(target, b"old")

    with pytest.raises(FileAccessError) as caught:
        write_bytes(target, bytes(2**20))

    assert str(caught.value) == _full(target)
    assert target.read_bytes() == b"old"
    assert list(small_disk.iterdir()) == [target]


def _write_with_h5py(path: Path, values: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = values


HDF5_WRITERS = {
    "pandas": lambda path, values: pd.DataFrame(values).to_hdf(path, key="df", format="table"),
    "h5py": _write_with_h5py,
}


@ROOT_ONLY
@pytest.mark.parametrize("library", HDF5_WRITERS)
def test_full_disk_is_found_behind_the_errors_of_hdf5(small_disk: Path, library: str) -> None:
    target = small_disk / "a.h5"

    with pytest.raises(FileAccessError) as caught, atomic_path(target) as temporary:
        HDF5_WRITERS[library](temporary, np.random.default_rng(0).normal(size=(1000, 200)))

    assert str(caught.value) == _full(target)
    assert list(small_disk.iterdir()) == []


@ROOT_ONLY
def test_read_only_disk_is_explained(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(
        FileAccessError, match="the disk is mounted read-only; copy the project to a disk that can"
    ):
        write_text(small_disk / "a.csv", "")


def _as_nobody(code: str, *arguments: Path) -> str:
    """Run code as a user without rights; the output is what it prints."""
    script = (
        f"import os, pathlib, sys\nfrom anipose.io.files import *\nos.setgid(65534); os.setuid(65534)\n{code}"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return result.stdout.strip()


PRINT_WRITE_ERROR = """
from anipose.errors import FileAccessError
try:
    write_text(pathlib.Path(sys.argv[1]), "new")
except FileAccessError as error:
    print(error)
"""


@ROOT_ONLY
def test_missing_permission_is_explained() -> None:
    # pytest's own folders are closed to other users, so this one lies beside them.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "a.csv"
        why = "no permission to write here; change the permissions of the folder, or work on a copy"
        assert _as_nobody(PRINT_WRITE_ERROR, path) == f"{path} cannot be written: {why}"

        folder.chmod(0o777)
        path.write_text("protected")
        path.chmod(0o444)
        assert _as_nobody(PRINT_WRITE_ERROR, path) == f"{path} cannot be written: {why}"
        assert path.read_text() == "protected"

        path.chmod(0o600)
        read = (
            "from anipose.errors import FileAccessError\ntry:\n    require_file(pathlib.Path(sys.argv[1]))\n"
        )
        read += "except FileAccessError as error:\n    print(error)"
        assert _as_nobody(read, path) == f"{path} cannot be read: permission denied"


def test_required_file_is_there_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"a\.csv: there is no such file$"):
        require_file(tmp_path / "a.csv")
    with pytest.raises(FileAccessError, match=r"is a folder; a file is needed$"):
        require_file(tmp_path)
    (tmp_path / "a.csv").touch()
    with pytest.raises(
        FileFormatError, match=r"a\.csv is empty \(0 bytes\), probably left by a program that was"
    ):
        require_file(tmp_path / "a.csv")
