"""CSV files of numbers, read and written exactly.

Numbers are written with as many digits as it takes to read the same number again; NaN is an empty cell.
"""

import csv
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anipose.errors import FileFormatError
from anipose.io.files import atomic_path, require_file

# What programs write where there is no number; True and False come in columns nobody needs as numbers.
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "true", "false"})

_ROWS_AT_ONCE = 1000


def read_rows(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file; empty lines are left out.

    Raises:
        FileAccessError: there is no such file, or it cannot be read.
        FileFormatError: it is empty or no text.
    """
    require_file(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from filter(None, csv.reader(file))
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is not a text file ({error.reason}); expected CSV") from error
    except csv.Error as error:
        raise FileFormatError(f"{path} is damaged: {error}") from error


def parse_numbers(path: Path, rows: Iterable[Sequence[str]], names: Sequence[str]) -> NDArray[np.float64]:
    """Numbers (row, column) from the cells of a file; NaN where a cell is empty or infinite.

    Args:
        path: the file, for messages.
        rows: cells, of the same number in each row.
        names: names of the columns, for messages.
    """
    numbers = array("d")
    n_rows = 0
    for cells in rows:
        if len(cells) != len(names):
            raise FileFormatError(
                f"{path}: row {n_rows + 1} has {len(cells)} cells instead of {len(names)}; "
                "the file was not written to its end, or is damaged"
            )
        try:
            numbers.extend(map(float, cells))
        except ValueError:
            del numbers[n_rows * len(names) :]
            numbers.extend(_number(path, n_rows, name, cell) for name, cell in zip(names, cells, strict=True))
        n_rows += 1
    values = np.array(numbers, dtype=np.float64).reshape(n_rows, len(names))
    values[~np.isfinite(values)] = np.nan
    return values


def _number(path: Path, row: int, name: str, cell: str) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        if cell.strip().lower() in _MISSING:
            return np.nan
        raise FileFormatError(
            f"{path}: row {row + 1} of the column {name} is {cell!r}; expected a number"
        ) from None


def read_numbers(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Column names and values (row, column) of a file with one header row."""
    rows = read_rows(path)
    names = next(rows, [])
    if any(_is_number(name) for name in names):
        raise FileFormatError(f"{path} begins with numbers; expected the names of the columns")
    return names, parse_numbers(path, rows, names)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def write_numbers(
    path: Path,
    names: Sequence[str],
    values: NDArray[np.float64],
    *,
    whole: Sequence[int] = (),
    constant: Sequence[float] = (),
    row_numbers: NDArray[np.int64],
) -> None:
    """Write a header and rows; each row is its values, the constants, and its number.

    Args:
        path: the file.
        names: names of the columns, in this order.
        values: (row, column).
        whole: which columns of `values` count something and are written without a decimal point.
        constant: values that are the same in every row.
        row_numbers: (row,).
    """
    counts = set(whole)
    formats: list[Callable[[float], str]] = [
        (lambda value: str(int(value))) if column in counts else repr for column in range(values.shape[1])
    ]
    end = "".join(f",{_written(value)}" for value in np.asarray(constant, dtype=float).tolist())
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(names)
        for start in range(0, len(values), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            file.writelines(
                _row(formats, row, end, number)
                for row, number in zip(values[part].tolist(), row_numbers[part].tolist(), strict=True)
            )


def _row(formats: Sequence[Callable[[float], str]], row: Sequence[float], end: str, number: int) -> str:
    cells = [write(value) if value == value else "" for write, value in zip(formats, row, strict=True)]
    return f"{','.join(cells)}{end},{number}\n"


def _written(value: float) -> str:
    return repr(value) if value == value else ""
