"""2D poses of one video, in the formats of the usual trackers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py

from anipose.errors import FileFormatError, PoseError
from anipose.io import deeplabcut, sleap
from anipose.io.files import require_file
from anipose.poses import UNNAMED, Candidates2D, Poses2D

_EXPECTED = "expected 2D poses: DeepLabCut .h5 or .csv, Lightning Pose .csv, SLEAP .analysis.h5 or .slp"


# What h5py raises, or what fails here, when a byte of a file is wrong.
_DAMAGED = (
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    MemoryError,
)


def read_poses_2d(path: Path) -> Poses2D:
    """Read the 2D poses of a video; the content decides which format it is, not the name.

    Of several candidates for a keypoint, the one with the highest score is taken. A point without a
    finite position or score is missing: NaN in both.

    Raises:
        FileAccessError: there is no such file, or it cannot be read.
        FileFormatError: it is empty, damaged or of another kind.
        PoseError: it holds several animals.
    """
    return read_candidates_2d(path).best()


def read_candidates_2d(path: Path) -> Candidates2D:
    """Read the 2D poses of a video with all candidates for each keypoint; otherwise as `read_poses_2d`."""
    animals = read_animal_candidates_2d(path)
    if len(animals) > 1:
        raise PoseError(
            f"{path} holds the animals {', '.join(animals)}, but this works on videos with one animal only. "
            "Save the tracks of each animal in a file of its own"
        )
    (candidates,) = animals.values()
    return candidates


def read_animals_2d(path: Path) -> dict[str, Poses2D]:
    """Read the 2D poses of every animal in a video, by name; one animal has the name `UNNAMED`.

    Otherwise as `read_poses_2d`.
    """
    return {name: candidates.best() for name, candidates in read_animal_candidates_2d(path).items()}


def read_animal_candidates_2d(path: Path) -> dict[str, Candidates2D]:
    """As `read_animals_2d`, with all candidates for each keypoint."""
    require_file(path)
    if h5py.is_hdf5(path):
        return _read_hdf5(path)
    first = _first_line(path)
    if first.partition(",")[0] in deeplabcut.LEVELS:
        return deeplabcut.read_deeplabcut_csv(path)
    raise FileFormatError(f"{path} is not a file of 2D poses. It begins with {first[:60]!r}; {_EXPECTED}")


def write_poses_2d(path: Path, poses: Poses2D) -> None:
    """Write the 2D poses of a video, in DeepLabCut's layout (.h5)."""
    write_animals_2d(path, {UNNAMED: poses})


def write_animals_2d(path: Path, animals: Mapping[str, Poses2D]) -> None:
    """Write the 2D poses of every animal in a video, as DeepLabCut does of one or of several."""
    deeplabcut.write_deeplabcut(path, animals)


def count_frames_2d(path: Path) -> int:
    """How many frames a file of 2D poses has, with one animal or several."""
    if h5py.is_hdf5(path):
        with _explained(path), h5py.File(path, "r") as file:
            if not sleap.is_analysis(file) and not sleap.is_slp(file):
                return deeplabcut.count_frames(path, file)
    return next(iter(read_animals_2d(path).values())).n_frames


def adopt_poses_2d(source: Path, target: Path) -> None:
    """Write what a tracker wrote to where it belongs, in DeepLabCut's layout and whole.

    All animals are kept, and of DeepLabCut's files all candidates.

    Raises:
        FileFormatError: it cannot be read.
    """
    require_file(source)
    if h5py.is_hdf5(source):
        with _explained(source), h5py.File(source, "r") as file:
            is_table = any("pandas_type" in node.attrs for node in file.values())
        if is_table:
            with _explained(source):
                deeplabcut.copy_deeplabcut_hdf5(source, target)
            return
    write_animals_2d(target, read_animals_2d(source))


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
    return start.decode("utf-8-sig", errors="replace").partition("\n")[0].strip()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise FileFormatError(
            f"{path} is damaged or was not written to its end ({error}); make or copy it again"
        ) from error


def _read_hdf5(path: Path) -> dict[str, Candidates2D]:
    with _explained(path), h5py.File(path, "r") as file:
        if sleap.is_analysis(file):
            return _without_alternatives(sleap.read_analysis(path, file))
        if sleap.is_slp(file):
            return _without_alternatives(sleap.read_slp(path, file))
        if any("pandas_type" in node.attrs for node in file.values()):
            return deeplabcut.read_deeplabcut_hdf5(path, file)
        found = ", ".join(file) or "nothing"
    raise FileFormatError(f"{path} is an HDF5 file that holds {found}; {_EXPECTED}")


def _without_alternatives(animals: Mapping[str, Poses2D]) -> dict[str, Candidates2D]:
    return {name: Candidates2D.of(poses) for name, poses in animals.items()}
