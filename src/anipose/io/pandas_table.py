"""Tables that pandas stores in HDF5, read and written without pandas.

This is the layout of DeepLabCut's files: `format="table"` for predictions, "fixed" for labels. Pandas
is as fast, but

- its bytes differ from one writing to the next (time stamps), and so would the fingerprints of our files;
- pandas 2 cannot read the tables of pandas 3, which lack the attribute `pandas_version`;
- it executes what a file brings along: column names are stored as pickles. Here they are read by an
  unpickler that makes lists, tuples, strings and numbers only.
"""

import io
import pickle
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from anipose.arrays import NDArray
from anipose.io.files import atomic_path

_ROWS_PER_CHUNK = 256


class UnreadableTableError(Exception):
    """A table in a layout that this module does not know, or damaged; the message says why."""


@dataclass(frozen=True)
class Table:
    """A table with several levels of column names.

    Attributes:
        columns: names of each column, one per level.
        levels: names of the levels, as far as they have any.
        values: (row, column); NaN in columns that hold no numbers.
        index: (row,), names or numbers of the rows.
    """

    columns: tuple[tuple[str, ...], ...]
    levels: tuple[str | None, ...]
    values: NDArray[np.float64]
    index: NDArray[Any]


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise UnreadableTableError(f"the column names hold an object of the type {module}.{name}")


def _unpickled(attribute: Any) -> Any:
    if not isinstance(attribute, bytes):
        raise UnreadableTableError("the column names are not stored as text")
    try:
        return _PlainUnpickler(io.BytesIO(attribute)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError) as error:
        raise UnreadableTableError("the column names are damaged") from error


def _pickled(value: Any) -> np.bytes_:
    # Protocol 0 is what PyTables writes. It stores an object that comes again as a reference, so
    # equal strings have to be one object for equal content to give equal bytes.
    return np.bytes_(pickle.dumps(_interned(value), protocol=0))


def _interned(value: Any) -> Any:
    match value:
        case str():
            return sys.intern(value)
        case list():
            return [_interned(item) for item in value]
        case tuple():
            return tuple(_interned(item) for item in value)
        case dict():
            return {_interned(key): _interned(item) for key, item in value.items()}
    return value


def read_table(group: h5py.Group) -> Table:
    """Read a table from the group in which pandas stored it.

    Raises:
        UnreadableTableError: it is stored in another layout, or damaged.
    """
    kind = _text(group.attrs.get("pandas_type"))
    if kind == "frame":
        return _read_fixed(group)
    if kind == "frame_table" and _text(group.attrs.get("table_type")) == "appendable_frame":
        return _read_appendable(group)
    raise UnreadableTableError(f"it is stored in the layout {kind} of pandas")


def _read_appendable(group: h5py.Group) -> Table:
    axis, names = _unpickled(group.attrs["non_index_axes"])[0]
    columns = tuple(_as_tuple(name) for name in names)
    info = _unpickled(group.attrs["info"]).get(axis, {})
    levels = info.get("names", [None] * len(columns[0]))

    table = group["table"]
    rows = table[:]
    blocks = [
        ([_as_tuple(name) for name in _unpickled(table.attrs[f"{field}_kind"])], rows[field])
        for field in rows.dtype.names
        if field != "index" and f"{field}_kind" in table.attrs
    ]
    return Table(columns, tuple(levels), _joined(columns, blocks, len(rows)), rows["index"])


def _read_fixed(group: h5py.Group) -> Table:
    columns, levels = _read_names(group, "axis0")
    index, _ = _read_names(group, "axis1")
    n_levels = group.attrs.get("axis1_nlevels", 1)
    rows = group["axis1"][:] if "axis1" in group else np.array([str(row[n_levels - 1]) for row in index])
    blocks = []
    for number in range(int(group.attrs["nblocks"])):
        values = group[f"block{number}_values"]
        if np.issubdtype(values.dtype, np.number):
            array = values[:] if values.attrs.get("transposed") else values[:].T
            blocks.append((list(_read_names(group, f"block{number}_items")[0]), array))
    return Table(columns, levels, _joined(columns, blocks, len(rows)), rows)


def _read_names(group: h5py.Group, axis: str) -> tuple[tuple[tuple[str, ...], ...], tuple[str | None, ...]]:
    """Names along an axis of a fixed table, one per level, and the names of the levels."""
    if _text(group.attrs[f"{axis}_variety"]) == "regular":
        return tuple((str(_text(name)),) for name in group[axis][:]), (None,)
    parts, levels = [], []
    for number in range(int(group.attrs[f"{axis}_nlevels"])):
        level = group[f"{axis}_level{number}"]
        values = [str(_text(name)) for name in level[:]]
        parts.append([values[code] for code in group[f"{axis}_label{number}"][:]])
        name = _text(level.attrs.get("name"))
        levels.append(name if isinstance(name, str) and name != "N." else None)
    return tuple(zip(*parts, strict=True)), tuple(levels)


def _joined(
    columns: Sequence[tuple[str, ...]],
    blocks: Sequence[tuple[Sequence[tuple[str, ...]], NDArray[Any]]],
    n_rows: int,
) -> NDArray[np.float64]:
    """Put the columns, which are stored in one block per type, in their order; text becomes NaN."""
    position = {column: number for number, column in enumerate(columns)}
    values = np.full((n_rows, len(columns)), np.nan)
    # A name can come several times; pandas keeps the order within the block.
    if len(position) < len(columns):
        if len(blocks) != 1:
            raise UnreadableTableError("columns of several types have the same name")
        return blocks[0][1].reshape(values.shape).astype(np.float64)
    for names, block in blocks:
        if any(name not in position for name in names):
            raise UnreadableTableError("its parts have columns which it does not name")
        if np.issubdtype(block.dtype, np.number):
            values[:, [position[name] for name in names]] = block.reshape(n_rows, len(names))
    return values


def _text(attribute: Any) -> Any:
    return attribute.decode() if isinstance(attribute, bytes) else attribute


def _as_tuple(name: Any) -> tuple[str, ...]:
    parts = name if isinstance(name, tuple | list) else (name,)
    return tuple(str(part) for part in parts)


class TableWriter:
    """Writes a table of numbers, followed by columns of text, part by part, so that it may exceed the memory.

    Args:
        path: the file.
        key: name of the table in the file.
        levels: names of the levels of the column names.
        columns: columns of numbers, one name per level.
        text_columns: columns of text.
        text_bytes: the length of the longest text, encoded.
        index_bytes: rows have names of at most this length, encoded; 0: rows have numbers.
    """

    def __init__(
        self,
        path: Path,
        *,
        key: str,
        levels: Sequence[str],
        columns: Sequence[tuple[str, ...]],
        text_columns: Sequence[tuple[str, ...]] = (),
        text_bytes: int = 1,
        index_bytes: int = 0,
    ) -> None:
        self._stack = ExitStack()
        temporary = self._stack.enter_context(atomic_path(path))
        self._file = self._stack.enter_context(h5py.File(temporary, "w"))
        blocks: list[tuple[str, Any, Sequence[tuple[str, ...]]]] = [("float64", "<f8", columns)]
        if text_columns:
            blocks.append((f"bytes{8 * text_bytes}", f"S{text_bytes}", text_columns))
        fields = [f"values_block_{number}" for number in range(len(blocks))]
        _set(self._file, CLASS="GROUP", PYTABLES_FORMAT_VERSION="2.1", TITLE="", VERSION="1.0")
        group = self._file.create_group(key)
        _set(group, CLASS="GROUP", TITLE="", VERSION="1.0")
        names_of_columns = {1: {"names": list(levels), "type": "MultiIndex"}, "index": {}}
        _set(
            group,
            data_columns=_pickled([]),
            encoding="UTF-8",
            errors="strict",
            index_cols=_pickled([(0, "index")]),
            info=_pickled(names_of_columns | {field: {} for field in fields}),
            levels=np.int64(1),
            nan_rep="nan",
            non_index_axes=_pickled([(1, [*columns, *text_columns])]),
            pandas_type="frame_table",
            pandas_version="0.15.2",
            table_type="appendable_frame",
            values_cols=_pickled(fields),
        )
        dtype = [("index", f"S{index_bytes}" if index_bytes else "<i8")] + [
            (field, kind, (len(names),)) for field, (_, kind, names) in zip(fields, blocks, strict=True)
        ]
        self._table = group.create_dataset(
            "table", shape=(0,), maxshape=(None,), chunks=(_ROWS_PER_CHUNK,), dtype=dtype, track_times=False
        )
        kind_of_index = "string" if index_bytes else "integer"
        _set(self._table, CLASS="TABLE", TITLE="", VERSION="2.7", index_kind=kind_of_index)
        empty = np.bytes_(b"") if index_bytes else np.int64(0)
        _set(self._table, FIELD_0_NAME="index", FIELD_0_FILL=empty)
        for number, (field, (dtype_name, kind, names)) in enumerate(
            zip(fields, blocks, strict=True), start=1
        ):
            attributes = {
                f"FIELD_{number}_NAME": field,
                f"FIELD_{number}_FILL": np.float64(0) if kind == "<f8" else np.bytes_(b""),
                f"{field}_dtype": dtype_name,
                f"{field}_kind": _pickled(list(names)),
                f"{field}_meta": _pickled(None),
            }
            _set(self._table, **attributes)

    def append(self, values: NDArray[np.float64], index: NDArray[Any], text: Sequence[str] = ()) -> None:
        """Add rows: values (row, column), the numbers or names of the rows, and the texts that all have."""
        start = len(self._table)
        rows = np.zeros(len(values), self._table.dtype)
        rows["index"] = index
        rows["values_block_0"] = values
        if text:
            rows["values_block_1"] = [item.encode() for item in text]
        self._table.resize((start + len(rows),))
        self._table[start:] = rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _set(self._table, NROWS=np.int64(len(self._table)))
        self._stack.__exit__(kind, error, trace)


def _set(node: h5py.HLObject, **attributes: str | np.bytes_ | np.generic) -> None:
    """Set attributes as PyTables stores them: text is UTF-8 of its own length, pickles are bytes."""
    for name, value in attributes.items():
        if not value and isinstance(value, str | bytes):
            node.attrs[name] = h5py.Empty("S1" if isinstance(value, bytes) else h5py.string_dtype("utf-8", 1))
        elif isinstance(value, str):
            node.attrs.create(name, value, dtype=h5py.string_dtype("utf-8", len(value.encode())))
        else:
            node.attrs[name] = value
