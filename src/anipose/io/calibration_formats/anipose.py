"""calibration.toml of this program and of the older Anipose."""

import json
import re
from dataclasses import replace
from pathlib import Path

from anipose.geometry.cameras import Cameras
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.calibration_formats.format import Size
from anipose.io.calibration_formats.toml_tables import tables_in

_KEY = re.compile(r"cam_?\d+")

TARGET = "calibration.toml"
ABOUT = "all there is"


def recognises(path: Path) -> bool:
    """Tables cam_0, cam_1, ... in which cameras have names of their own.

    caliscope writes the same keys, with those as names, in metres (`to_aniposelib_toml`).
    """
    tables = tables_in(path)
    return bool(tables) and all(
        _KEY.fullmatch(key) and table.get("name", key) != key and not {"cam_id", "port"} & {*table}
        for key, table in tables.items()
    )


def read(path: Path, size: Size | None = None) -> Cameras:
    """Read cameras; dates in the metadata become text."""
    cameras = read_calibration(path)
    return replace(cameras, metadata=json.loads(json.dumps(dict(cameras.metadata), default=str)))


def write(path: Path, cameras: Cameras) -> None:
    write_calibration(path, cameras)
