"""2D poses of one video, in the formats of the usual trackers."""

from pathlib import Path

import h5py

from anipose.errors import FileFormatError
from anipose.io import deeplabcut, sleap
from anipose.io.files import require_file
from anipose.poses import Poses2D

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
    require_file(path)
    if h5py.is_hdf5(path):
        return _read_hdf5(path)
    first = _first_line(path)
    if first.partition(",")[0] in deeplabcut.LEVELS:
        return deeplabcut.read_deeplabcut_csv(path)
    raise FileFormatError(f"{path} is not a file of 2D poses. It begins with {first[:60]!r}; {_EXPECTED}")


def write_poses_2d(path: Path, poses: Poses2D) -> None:
    """Write the 2D poses of a video, in DeepLabCut's layout (.h5)."""
    deeplabcut.write_deeplabcut(path, poses)


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
    return start.decode("utf-8-sig", errors="replace").partition("\n")[0].strip()


def _read_hdf5(path: Path) -> Poses2D:
    try:
        with h5py.File(path, "r") as file:
            if sleap.is_analysis(file):
                return sleap.read_analysis(path, file)
            if sleap.is_slp(file):
                return sleap.read_slp(path, file)
            if any("pandas_type" in node.attrs for node in file.values()):
                return deeplabcut.read_deeplabcut_hdf5(path, file)
            found = ", ".join(file) or "nothing"
    except _DAMAGED as error:
        raise FileFormatError(
            f"{path} is damaged or was not written to its end ({error}); make or copy it again"
        ) from error
    raise FileFormatError(f"{path} is an HDF5 file that holds {found}; {_EXPECTED}")
