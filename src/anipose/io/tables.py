"""Tables of results: the angles of a trial, and summaries of a whole project.

A summary joins the tables of all trials. Its columns are theirs, then folder_1, folder_2, ... (the
folders of the session), filename and project. It is written part by part, so that only one part is in
memory at a time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from csv import writer as csv_writer
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Self

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import DependencyError, FileFormatError
from anipose.io.deeplabcut import KEY, LEVELS
from anipose.io.files import atomic_path
from anipose.io.number_csv import NumberTable, formatted, read_tables, write_tables
from anipose.io.pandas_table import TableWriter
from anipose.io.poses_2d import read_animals_2d
from anipose.poses import with_animal

Angles = Mapping[str, NDArray[np.float64]]

_FRAME_NUMBER = "fnum"


def write_animal_angles(path: Path, animals: Mapping[str, Angles], frame_numbers: NDArray[np.int64]) -> None:
    """Write the angles (frame,) of every animal in degrees, a column each, and fnum.

    Several animals are side by side, below a row with their names.
    """
    tables = {
        animal: NumberTable(
            names=[*angles, _FRAME_NUMBER],
            values=np.stack([*angles.values()], axis=-1),
            row_numbers=frame_numbers,
        )
        for animal, angles in animals.items()
    }
    write_tables(path, tables)


def read_angles(path: Path) -> tuple[Angles, NDArray[np.int64]]:
    """Angles (frame,) in degrees by name, and the numbers of the frames; several animals are side by side."""
    angles: dict[str, NDArray[np.float64]] = {}
    frame_numbers = np.zeros(0, dtype=np.int64)
    for animal, (names, values) in read_tables(path).items():
        if _FRAME_NUMBER not in names:
            raise FileFormatError(f"{path} is not a file of angles: it has no column {_FRAME_NUMBER}")
        columns = dict(zip(names, values.T, strict=True))
        frame_numbers = columns.pop(_FRAME_NUMBER).astype(np.int64)
        angles |= {with_animal(animal, name): column for name, column in columns.items()}
    return angles, frame_numbers


@dataclass(frozen=True)
class SummaryPart:
    """A table to join.

    Attributes:
        path: the file.
        folders: of its session, from the experiment down; none if that is the experiment.
        filename: name of the trial or view.
    """

    path: Path
    folders: tuple[str, ...]
    filename: str


@dataclass(frozen=True)
class _Block:
    """The rows of a part; columns have one name per level, the first that of the animal."""

    columns: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]

    @classmethod
    def of_poses_2d(cls, path: Path) -> Self:
        animals = read_animals_2d(path)
        columns = tuple(
            (animal, name, coord)
            for animal, poses in animals.items()
            for name in poses.keypoints
            for coord in ("x", "y", "likelihood")
        )
        values = [np.concatenate([p.points, p.scores[..., None]], axis=-1) for p in animals.values()]
        flat = [part.reshape(len(part), 3 * part.shape[1]) for part in values]
        return cls(columns, np.concatenate(flat, axis=1))

    @classmethod
    def of_csv(cls, path: Path) -> Self:
        tables = read_tables(path)
        columns = tuple((animal, name) for animal, (names, _) in tables.items() for name in names)
        return cls(columns, np.concatenate([values for _, values in tables.values()], axis=1))

    def arranged(self, columns: Sequence[tuple[str, ...]]) -> Self:
        """With these columns; NaN where there is no such column."""
        values = np.full((len(self.values), len(columns)), np.nan)
        position = {column: number for number, column in enumerate(columns)}
        values[:, [position[column] for column in self.columns]] = self.values
        return type(self)(tuple(columns), values)


def write_summary(
    parts: Sequence[SummaryPart], project: str, *, csv: Path, parquet: Path | None, hdf5: Path | None
) -> None:
    """Join tables.

    Args:
        parts: what to join, in this order. Columns are in the order in which they first appear.
        project: name of the project, the same in every row.
        csv: the summary.
        parquet: the same, for programs that read it faster; needs pyarrow.
        hdf5: the same, for 2D poses only: the parts are then files of 2D poses, and columns have the
            levels (individuals,) bodyparts and coords.

    Raises:
        FileAccessError, FileFormatError: a part cannot be read, or a summary cannot be written.
        DependencyError: pyarrow is not installed.
    """
    read = _Block.of_csv if hdf5 is None else _Block.of_poses_2d
    columns = tuple(dict.fromkeys(column for part in parts for column in read(part.path).columns))
    # Tables of unnamed animals alone have no level for the names of animals.
    shown = columns if any(column[0] for column in columns) else tuple(column[1:] for column in columns)
    n_folders = max((len(part.folders) for part in parts), default=0)
    text_names = [*(f"folder_{number}" for number in range(1, n_folders + 1)), "filename", "project"]
    clash = sorted({column[0] for column in shown} & set(text_names))
    if clash:
        raise FileFormatError(f"{csv} cannot be made: the tables have columns named {', '.join(clash)}")
    texts = [
        [*part.folders, *[""] * (n_folders - len(part.folders)), part.filename, project] for part in parts
    ]

    with ExitStack() as stack:
        append = [stack.enter_context(_csv_writer(csv, shown, text_names))]
        if parquet is not None:
            append.append(stack.enter_context(_parquet_writer(parquet, shown, text_names)))
        if hdf5 is not None:
            longest = max([1, *(len(text.encode()) for row in texts for text in row)])
            append.append(stack.enter_context(_hdf5_writer(hdf5, shown, text_names, longest)))
        for part, text in zip(parts, texts, strict=True):
            block = read(part.path).arranged(columns)
            for write in append:
                write(block, text)


# Each of the following opens a file, and gives a function that adds a block with its texts.


@contextmanager
def _csv_writer(
    path: Path, columns: Sequence[tuple[str, ...]], text_names: Sequence[str]
) -> Iterator[Callable[[_Block, Sequence[str]], None]]:
    """The header has one row per level, as pandas writes it without an index."""
    n_levels = max((len(column) for column in columns), default=1)
    whole = [number for number, column in enumerate(columns) if column[-1] == _FRAME_NUMBER]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        header = [*columns, *((name, *[""] * (n_levels - 1)) for name in text_names)]
        csv_writer(file, lineterminator="\n").writerows(zip(*header, strict=True))

        def append(block: _Block, text: Sequence[str]) -> None:
            end = StringIO()
            csv_writer(end, lineterminator="\n").writerow(text)
            for row in block.values.tolist():
                for column in whole:
                    row[column] = int(row[column]) if np.isfinite(row[column]) else np.nan
                file.write(f"{formatted(row)},{end.getvalue()}")

        yield append


@contextmanager
def _parquet_writer(
    path: Path, columns: Sequence[tuple[str, ...]], text_names: Sequence[str]
) -> Iterator[Callable[[_Block, Sequence[str]], None]]:
    """Parquet has one level of names: those of a column are joined with "_"."""
    if not find_spec("pyarrow"):
        raise DependencyError(
            f"{path} cannot be written without pyarrow; install it with pip install 'anipose[parquet]'"
        )
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    fields = [
        ("_".join(filter(None, column)), pa.int64() if column[-1] == _FRAME_NUMBER else pa.float64())
        for column in columns
    ]
    schema = pa.schema([*fields, *((name, pa.string()) for name in text_names)])
    with atomic_path(path) as temporary, ParquetWriter(temporary, schema) as file:

        def append(block: _Block, text: Sequence[str]) -> None:
            arrays = [
                pa.array(values, from_pandas=True).cast(kind)
                for values, (_, kind) in zip(block.values.T, fields, strict=True)
            ]
            arrays += [pa.repeat(item, len(block.values)) for item in text]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))

        yield append


@contextmanager
def _hdf5_writer(
    path: Path, columns: Sequence[tuple[str, ...]], text_names: Sequence[str], longest_text: int
) -> Iterator[Callable[[_Block, Sequence[str]], None]]:
    """As pandas stores it, with the levels bodyparts and coords; rows are numbered within each part."""
    levels = LEVELS[-len(columns[0]) :] if columns else LEVELS[-2:]
    with TableWriter(
        path,
        key=KEY,
        levels=levels,
        columns=columns,
        text_columns=[(name, *[""] * (len(levels) - 1)) for name in text_names],
        text_bytes=longest_text,
    ) as table:
        yield lambda block, text: table.append(block.values, np.arange(len(block.values)), text)
