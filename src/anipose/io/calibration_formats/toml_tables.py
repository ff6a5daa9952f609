"""Calibrations with a table of TOML per camera."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anipose.errors import FileFormatError
from anipose.geometry.cameras import Camera
from anipose.io.calibration_formats.format import camera
from anipose.io.files import require_file
from anipose.naming import natural_key
from anipose.units import MM

# Names that are not those of cameras.
_OTHERS = ("metadata", "capture_volume", "charuco", "checkerboard")


def read_document(path: Path) -> dict[str, Any]:
    """What is in a TOML file."""
    require_file(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is no TOML file: {error}") from error


def tables_of(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tables of cameras with a pose, in natural order of their keys; at the top, or in `cameras`."""
    tables = document.get("cameras", document)
    return {
        key: tables[key]
        for key in sorted(tables, key=natural_key)
        if key not in _OTHERS
        and isinstance(tables[key], Mapping)
        and all(tables[key].get(name) is not None for name in ("matrix", "rotation", "translation"))
    }


def tables_in(path: Path) -> dict[str, Mapping[str, Any]]:
    """The tables of cameras in a file; none if it is no TOML."""
    try:
        return tables_of(read_document(path)) if path.suffix.lower() == ".toml" else {}
    except FileFormatError:
        return {}


def cameras_in_metres(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[Camera]:
    """Cameras, in millimetres, of tables in metres."""
    for key, table in tables.items():
        name = table.get("name", table.get("cam_id", table.get("port", key)))
        yield camera(
            str(name),
            table["size"],
            table["matrix"],
            table.get("distortions", []),
            table["rotation"],
            [MM["m"] * float(value) for value in table["translation"]],
            fisheye=bool(table.get("fisheye", False)),
        )
