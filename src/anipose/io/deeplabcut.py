"""DeepLabCut's files: 2D poses and labels, as HDF5 or CSV.

The columns have the levels scorer, (individuals,) bodyparts, coords. Lightning Pose writes the same
CSV. Files of labels have no likelihood. With several candidates per keypoint, coords are x, y,
likelihood, x2, y2, likelihood2, ...
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.number_csv import numbers, read_cells, read_rows
from anipose.io.pandas_table import Table, TableWriter, UnreadableTableError, read_table
from anipose.poses import UNNAMED, Candidates2D, Poses2D

KEY = "df_with_missing"
LEVELS = ("scorer", "individuals", "bodyparts", "coords")

_COORDINATE = re.compile(r"^(x|y|likelihood)(\d*)$")

# DeepLabCut keeps body parts that are there but once, such as corners of a box, under this "individual".
UNIQUE_BODYPARTS = "single"

# Frame numbers of a table with gaps. Beyond this ratio of empty rows they are something else,
# such as time stamps.
_LARGEST_SHARE_OF_GAPS = 100


def write_deeplabcut(path: Path, animals: Mapping[str, Poses2D]) -> None:
    """Write 2D poses as DeepLabCut does, of one animal without a name or of several.

    Where there is no point, all is NaN. A point without a score, as one that was filled in for a missing
    one, gets the likelihood 0.
    """
    levels, columns, values = columns_of(animals)
    with TableWriter(path, key=KEY, levels=levels, columns=columns) as table:
        table.append(values, np.arange(len(values)))


def columns_of(
    animals: Mapping[str, Poses2D],
) -> tuple[tuple[str, ...], list[tuple[str, ...]], NDArray[np.float64]]:
    """The levels, the columns and the values of a table of 2D poses."""
    levels = LEVELS if set(animals) != {UNNAMED} else (LEVELS[0], *LEVELS[2:])
    columns, values = [], []
    for animal, poses in animals.items():
        above = (poses.scorer, animal) if len(levels) == len(LEVELS) else (poses.scorer,)
        columns += [(*above, name, coord) for name in poses.keypoints for coord in ("x", "y", "likelihood")]
        unrated = np.isnan(poses.scores) & np.isfinite(poses.points).all(axis=-1)
        scores = np.where(unrated, 0, poses.scores)
        coordinates = np.concatenate([poses.points, scores[..., None]], axis=-1)
        values.append(coordinates.reshape(poses.n_frames, 3 * len(poses.keypoints)))
    return levels, columns, np.concatenate(values, axis=1)


def read_deeplabcut_hdf5(path: Path, file: h5py.File) -> dict[str, Candidates2D]:
    """Read the one table in a file of pandas, whatever its key: the poses of each animal."""
    return _poses_from_table(path, _the_table(path, file))


def _the_table(path: Path, file: h5py.File) -> Table:
    keys = [name for name, node in file.items() if "pandas_type" in node.attrs]
    if len(keys) > 1 and KEY in keys:
        keys = [KEY]
    if len(keys) != 1:
        raise FileFormatError(
            f"{path} holds several tables ({', '.join(keys)}); expected one, with the 2D poses of a video"
        )
    try:
        return read_table(file[keys[0]])
    except UnreadableTableError as error:
        raise FileFormatError(
            f"{path}: the table {keys[0]} cannot be read, because {error}; "
            "expected a table as DeepLabCut writes it"
        ) from error


def read_deeplabcut_csv(path: Path) -> dict[str, Candidates2D]:
    """Read the poses of each animal from a CSV file with rows scorer, (individuals,) bodyparts, coords."""
    header: dict[str, list[str]] = {}
    for row in read_rows(path, len(LEVELS)):
        if row[0] in header or row[0] not in LEVELS:
            break
        header[row[0]] = row
    n_columns = {len(row) for row in header.values()}
    if not {"bodyparts", "coords"} <= set(header) or len(n_columns) != 1:
        raise FileFormatError(
            f"{path} begins with the rows {', '.join(header)}; expected the rows "
            "scorer, bodyparts, coords, as DeepLabCut and Lightning Pose write them"
        )
    cells = read_cells(path, n_header_rows=len(header), n_columns=n_columns.pop())
    places = [place for place, name in enumerate(header["coords"]) if place and _COORDINATE.match(name)]
    columns = [tuple(row[place] for row in header.values()) for place in places]
    values = numbers(path, cells.iloc[:, places], [" ".join(column) for column in columns])
    return _poses_from_table(path, Table(tuple(columns), tuple(header), values, cells[0].to_numpy()))


def image_names(path: Path, file: h5py.File) -> tuple[str, ...]:
    """What the rows of a file of labels are called."""
    index = _the_table(path, file).index
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in index)


def count_frames(path: Path, file: h5py.File) -> int:
    """Number of frames in the one table in a file of pandas."""
    rows = _frame_rows(path, _the_table(path, file).index)
    return int(rows[-1]) + 1 if len(rows) else 0


def copy_deeplabcut_hdf5(source: Path, target: Path) -> None:
    """Copy 2D poses with all candidates and animals; the same points give the same bytes.

    Raises:
        FileFormatError: this is no table of 2D poses.
    """
    with h5py.File(source, "r") as file:
        table = _the_table(source, file)
    levels = _level_names(source, table)
    rows = _frame_rows(source, table.index)
    with TableWriter(target, key=KEY, levels=levels, columns=table.columns) as writer:
        writer.append(table.values, rows)


def _poses_from_table(path: Path, table: Table) -> dict[str, Candidates2D]:
    levels = _level_names(path, table)
    level = {name: [column[number] for column in table.columns] for number, name in enumerate(levels)}
    scorers = list(dict.fromkeys(level.get("scorer", ["unknown"])))
    if len(scorers) > 1:
        raise FileFormatError(
            f"{path} holds the points of several scorers ({', '.join(scorers)}); expected one. "
            "Save one file per scorer"
        )
    rows = _frame_rows(path, table.index)
    individuals = level.get("individuals", [])
    if len(set(individuals) - {UNIQUE_BODYPARTS}) < 2:
        # Of one animal, the body parts that only one can have are just more of its body parts.
        return {UNNAMED: _poses_of_columns(path, table, level, range(len(table.columns)), rows)}
    return {
        animal: _poses_of_columns(
            path, table, level, [place for place, name in enumerate(individuals) if name == animal], rows
        )
        for animal in dict.fromkeys(individuals)
    }


def _poses_of_columns(
    path: Path,
    table: Table,
    level: Mapping[str, Sequence[str]],
    columns: Sequence[int],
    rows: NDArray[np.int64],
) -> Candidates2D:
    """The poses of one animal; rows are the numbers of its frames."""
    n_frames = int(rows[-1]) + 1 if len(rows) else 0
    keypoints = tuple(dict.fromkeys(level["bodyparts"][place] for place in columns))
    found = []
    for keypoint in keypoints:
        places = [place for place in columns if level["bodyparts"][place] == keypoint]
        coords = [level["coords"][place] for place in places]
        found.append(_candidates(path, keypoint, coords, table.values[:, places]))
    n_candidates = max((confidence.shape[1] for _, confidence in found), default=1)
    points = np.full((n_frames, len(keypoints), n_candidates, 2), np.nan)
    scores = np.full(points.shape[:3], np.nan)
    for number, (seen, confidence) in enumerate(found):
        points[rows, number, : seen.shape[1]] = seen
        scores[rows, number, : seen.shape[1]] = confidence
    return Candidates2D(keypoints, points, scores, level.get("scorer", ["unknown"])[0])


def _level_names(path: Path, table: Table) -> tuple[str, ...]:
    n_levels = len(table.columns[0]) if table.columns else 0
    usual = {2: LEVELS[2:], 3: (LEVELS[0], *LEVELS[2:]), 4: LEVELS}
    names = tuple(name for name in table.levels if name is not None)
    if len(names) == n_levels and {"bodyparts", "coords"} <= set(names):
        return names
    if not names and n_levels in usual:
        return usual[n_levels]
    shown = ", ".join(" ".join(column) for column in table.columns[:6])
    raise FileFormatError(
        f"{path} holds a table with the columns {shown}{', ...' if len(table.columns) > 6 else ''}; "
        "expected columns named by scorer, bodyparts, coords, as DeepLabCut writes them"
    )


def _frame_rows(path: Path, index: NDArray[Any]) -> NDArray[np.int64]:
    """The frame of each row. Names of images, as in files of labels, count as frames 0, 1, ..."""
    if not np.issubdtype(index.dtype, np.number) or not len(index):
        return np.arange(len(index))
    frames = index.astype(np.int64)
    if np.any(frames != index) or frames[0] < 0 or np.any(np.diff(frames) <= 0):
        raise FileFormatError(
            f"{path}: the rows are numbered {index[0]} to {index[-1]}, and not by frame numbers that increase"
        )
    if frames[-1] > _LARGEST_SHARE_OF_GAPS * len(frames):
        raise FileFormatError(
            f"{path}: the {len(frames)} rows are numbered up to {frames[-1]}; these are not frame numbers"
        )
    return frames


def _candidates(
    path: Path, keypoint: str, coords: Sequence[str], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (frame, candidate, 2) and scores (frame, candidate) from the columns of a keypoint."""
    found: dict[str, dict[str, list[int]]] = {}
    for column, coord in enumerate(coords):
        if match := _COORDINATE.match(coord):
            kind, number = match.groups()
            found.setdefault(number, {}).setdefault(kind, []).append(column)
    if not found or any({"x", "y"} - set(kinds) for kinds in found.values()):
        raise FileFormatError(
            f"{path}: the keypoint {keypoint} has the columns {', '.join(coords)}; expected x, y, likelihood"
        )
    # The same names can also come several times, or the candidates can be numbered.
    x = values[:, [column for kinds in found.values() for column in kinds["x"]]]
    y = values[:, [column for kinds in found.values() for column in kinds["y"]]]
    likelihood = [column for kinds in found.values() for column in kinds.get("likelihood", [])]
    if x.shape != y.shape or (likelihood and len(likelihood) != x.shape[1]):
        raise FileFormatError(
            f"{path}: the keypoint {keypoint} has the columns {', '.join(coords)}; "
            "expected as many x as y and likelihood"
        )
    scores = values[:, likelihood] if likelihood else np.ones(x.shape)
    return np.stack([x, y], axis=-1), scores
