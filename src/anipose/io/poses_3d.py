"""3D poses as CSV, with the columns that other programs expect of Anipose.

For each keypoint NAME_x, NAME_y, NAME_z, NAME_error, NAME_ncams, NAME_score; then the frame of
reference M_00 .. M_22, center_0 .. center_2, and fnum. Other columns are not written: programs that
read these files refuse them.

The tables of several animals are side by side, below a first header row with their names. So
``pandas.read_csv(path, header=[0, 1])["anna"]`` is the table of one animal, as it is in a file of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError, PoseError
from anipose.io.number_csv import NumberTable, read_tables, write_tables
from anipose.poses import UNNAMED, Frame3D, Poses3D

_ROTATION = [f"M_{row}{column}" for row in range(3) for column in range(3)]
_CENTER = [f"center_{axis}" for axis in range(3)]
_FRAME_NUMBER = "fnum"
_PER_KEYPOINT = ("x", "y", "z", "error", "ncams", "score")


def write_poses_3d(path: Path, poses: Poses3D) -> None:
    """Write 3D poses; reading them again gives the same numbers."""
    write_animals_3d(path, {UNNAMED: poses})


def write_animals_3d(path: Path, animals: Mapping[str, Poses3D]) -> None:
    """Write the 3D poses of every animal, of one without a name as `write_poses_3d`."""
    write_tables(path, {name: _table(poses) for name, poses in animals.items()})


def _table(poses: Poses3D) -> NumberTable:
    parts = [poses.points, poses.errors[..., None], poses.n_cameras[..., None], poses.scores[..., None]]
    n_columns = len(poses.keypoints) * len(_PER_KEYPOINT)
    names = [f"{keypoint}_{part}" for keypoint in poses.keypoints for part in _PER_KEYPOINT]
    return NumberTable(
        names=[*names, *_ROTATION, *_CENTER, _FRAME_NUMBER],
        values=np.concatenate(parts, axis=-1).reshape(len(poses.points), n_columns),
        constant=[*poses.frame.rotation.ravel(), *poses.frame.center],
        row_numbers=poses.frame_numbers,
    )


def read_poses_3d(path: Path) -> Poses3D:
    """Read 3D poses, of anipose or of another program.

    Where there is no point, everything else about it is NaN as well. What a file does not have is NaN;
    without a frame of reference it is that of the calibration, without fnum frames count from 0.

    Raises:
        FileAccessError: there is no such file, or it cannot be read.
        FileFormatError: it is empty, damaged or of another kind.
        PoseError: it holds several animals.
    """
    animals = read_animals_3d(path)
    if len(animals) > 1:
        raise PoseError(
            f"{path} holds the animals {', '.join(animals)}, but this works on trials with one animal only"
        )
    (poses,) = animals.values()
    return poses


def read_animals_3d(path: Path) -> dict[str, Poses3D]:
    """Read the 3D poses of every animal, by name; one animal has the name `UNNAMED`.

    Otherwise as `read_poses_3d`.
    """
    return {animal: _poses(path, *table) for animal, table in read_tables(path).items()}


def _poses(path: Path, names: Sequence[str], values: NDArray[np.float64]) -> Poses3D:
    place = {name: number for number, name in enumerate(names)}
    if len(place) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise FileFormatError(f"{path} has several columns with the name {', '.join(twice)}")
    # A name may itself end in _x: it is a keypoint if all three coordinates of it are there.
    keypoints = tuple(
        name.removesuffix("_x")
        for name in names
        if name.endswith("_x") and {f"{name.removesuffix('_x')}_{axis}" for axis in "yz"} <= set(place)
    )
    if not keypoints:
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        raise FileFormatError(
            f"{path} is not a file of 3D poses. It has the columns {shown}; expected NAME_x, NAME_y, NAME_z, "
            "NAME_error, NAME_ncams, NAME_score for each keypoint"
        )
    parts = np.full((len(values), len(keypoints), len(_PER_KEYPOINT)), np.nan)
    for number, keypoint in enumerate(keypoints):
        for part, suffix in enumerate(_PER_KEYPOINT):
            if (name := f"{keypoint}_{suffix}") in place:
                parts[:, number, part] = values[:, place[name]]
    parts[np.isnan(parts[..., :3]).any(axis=-1)] = np.nan
    return Poses3D(
        keypoints,
        parts[..., :3],
        errors=parts[..., 3],
        n_cameras=parts[..., 4],
        scores=parts[..., 5],
        frame=_frame(path, names, values),
        frame_numbers=_frame_numbers(path, names, values),
    )


def _frame(path: Path, names: Sequence[str], values: NDArray[np.float64]) -> Frame3D:
    if not len(values) or not set(_ROTATION + _CENTER) <= set(names):
        return Frame3D()
    columns = values[:, [names.index(name) for name in _ROTATION + _CENTER]]
    if np.any(columns != columns[0]):  # also where there is NaN
        raise FileFormatError(
            f"{path}: the frame of reference (M_00 to center_2) is not the same in all rows; "
            "the file was put together from several, or is damaged"
        )
    return Frame3D(columns[0, :9].reshape(3, 3), columns[0, 9:])


def _frame_numbers(path: Path, names: Sequence[str], values: NDArray[np.float64]) -> NDArray[np.int64]:
    if _FRAME_NUMBER not in names:
        return np.arange(len(values))
    numbers = values[:, names.index(_FRAME_NUMBER)]
    if np.any(numbers != np.round(numbers)):
        raise FileFormatError(f"{path}: the column {_FRAME_NUMBER} has to hold the number of each frame")
    return numbers.astype(np.int64)
