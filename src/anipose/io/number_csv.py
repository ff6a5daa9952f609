"""CSV files of numbers, read and written exactly.

Numbers are written with as many digits as it takes to read the same number again; NaN is an empty cell.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.files import atomic_path, require_file

_ROWS_AT_ONCE = 1000

# From this version pandas reads numbers exactly without being told, and warns when told.
_PANDAS_IS_EXACT = tuple(int(part) for part in pd.__version__.split(".")[:2]) >= (3, 1)
_EXACT: dict[str, Any] = {} if _PANDAS_IS_EXACT else {"float_precision": "round_trip"}


def read_rows(path: Path, n_rows: int) -> list[list[str]]:
    """The first rows of a CSV file.

    Raises:
        FileAccessError: there is no such file, or it cannot be read.
        FileFormatError: it is empty or no text.
    """
    require_file(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(islice(filter(None, csv.reader(file)), n_rows))
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not a text file ({error.reason}); expected CSV") from error
    except csv.Error as error:
        raise FileFormatError(f"{path} is damaged: {error}") from error


def read_cells(path: Path, *, n_header_rows: int, n_columns: int) -> pd.DataFrame:
    """The rows below the header; columns are numbered, empty cells are NaN."""
    body = b"".join(path.read_bytes().split(b"\n", n_header_rows)[n_header_rows:]).strip(b"\r\n")
    if not body:
        return pd.DataFrame(columns=range(n_columns), dtype=float)
    for which, row in (("first", body.partition(b"\n")[0]), ("last", body.rpartition(b"\n")[2])):
        if row.count(b",") != n_columns - 1:
            raise FileFormatError(
                f"{path}: the {which} row has {row.count(b',') + 1} cells instead of {n_columns}; "
                "the file was not written to its end, or is damaged"
            )
    try:
        cells: pd.DataFrame = pd.read_csv(BytesIO(body), header=None, names=range(n_columns), **_EXACT)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is damaged: {str(error).strip()}") from error
    return cells


def numbers(path: Path, cells: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """Cells (row, column) as numbers, NaN where one is empty or infinite; the names are for messages."""
    for name, (_, column) in zip(names, cells.items(), strict=True):
        if column.dtype.kind not in "fiu":
            wrong = np.flatnonzero(column.notna() & pd.to_numeric(column, errors="coerce").isna())
            if len(wrong):
                raise FileFormatError(
                    f"{path}: row {wrong[0] + 1} of the column {name} is {str(column.iloc[wrong[0]])!r}; "
                    "expected a number"
                )
    values = cells.to_numpy(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def read_numbers(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Column names and values (row, column) of a file with one header row."""
    names = read_rows(path, 1)[0]
    if all(_is_number(name) for name in names):
        raise FileFormatError(f"{path} begins with numbers; expected the names of the columns")
    return names, numbers(path, read_cells(path, n_header_rows=1, n_columns=len(names)), names)


def read_tables(path: Path) -> dict[str, tuple[list[str], NDArray[np.float64]]]:
    """Column names and values (row, column) of the tables that are side by side in a file.

    Their names are in a first header row, those of their columns in the second. A file with one header row
    has one table, with an empty name.
    """
    header = read_rows(path, 2)
    if len(header) < 2 or any(not cell or _is_number(cell) for cell in header[1]):
        return {"": read_numbers(path)}
    above, names = header
    if len(above) != len(names):
        raise FileFormatError(
            f"{path} has {len(above)} cells in the first row and {len(names)} in the second; expected the "
            "name of a table, and the name of a column, for each column"
        )
    values = numbers(path, read_cells(path, n_header_rows=2, n_columns=len(names)), names)
    places = {table: [n for n, name in enumerate(above) if name == table] for table in dict.fromkeys(above)}
    return {
        table: ([names[place] for place in columns], values[:, columns]) for table, columns in places.items()
    }


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberTable:
    """A table to be written; each row is its values, the constants, and its number.

    Attributes:
        names: names of the columns, in this order.
        values: (row, column).
        constant: values that are the same in every row.
        row_numbers: (row,).
    """

    names: Sequence[str]
    values: NDArray[np.float64]
    constant: Sequence[float] = ()
    row_numbers: NDArray[np.int64]

    def rows(self) -> Iterator[str]:
        """The rows as text, without the ends of lines."""
        end = "".join(f",{value!r}" for value in np.asarray(self.constant, dtype=float).tolist())
        for start in range(0, len(self.values), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            for row, number in zip(self.values[part].tolist(), self.row_numbers[part].tolist(), strict=True):
                yield f"{formatted(row)}{end},{number}"


def write_tables(path: Path, tables: Mapping[str, NumberTable]) -> None:
    """Write tables side by side, below a row with their names; one with an empty name has no such row."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        header = csv.writer(file, lineterminator="\n")
        if set(tables) != {""}:
            header.writerow([name for name, table in tables.items() for _ in table.names])
        header.writerow(chain.from_iterable(table.names for table in tables.values()))
        rows = zip(*(table.rows() for table in tables.values()), strict=True)
        file.writelines(",".join(row) + "\n" for row in rows)


def formatted(row: Sequence[float]) -> str:
    """The cells of a row: the shortest digits that give the same number again, nothing for NaN."""
    return ",".join(map(repr, row)).replace("nan", "")
