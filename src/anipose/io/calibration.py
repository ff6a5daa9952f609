"""calibration.toml: the cameras of a rig.

One table per camera, `[cam_0]`, `[cam_1]`, ..., with name, size, matrix, distortions, rotation,
translation, and fisheye where it is true; and `[metadata]`.
"""

import json
import logging
import re
import tomllib
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit

from anipose.arrays import NDArray
from anipose.errors import CalibrationError, FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.io.files import require_file, write_text

_log = logging.getLogger(__name__)

_METADATA = "metadata"
_CAMERA = re.compile(r"cam_?\d+$")
_ARRAYS = ("matrix", "distortions", "rotation", "translation")
_REQUIRED = ("name", "size", *_ARRAYS)


def read_calibration(path: Path) -> Cameras:
    """Read the cameras, in the order of the numbers of their tables.

    Raises:
        FileAccessError: there is no such file, or it cannot be read.
        FileFormatError: it is damaged, or a camera is incomplete; all faults are listed.
    """
    require_file(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is not a calibration: {error}") from error
    tables = {
        name: table
        for name, table in content.items()
        if isinstance(table, dict) and (_CAMERA.match(name) or "matrix" in table)
    }
    if not tables:
        found = ", ".join(content) or "nothing"
        raise FileFormatError(f"{path} has no cameras. It holds {found}; expected tables cam_0, cam_1, ...")

    cameras, faults = [], []
    for name in sorted(tables, key=_natural):
        try:
            cameras.append(_camera(path, tables[name]))
        except (CalibrationError, FileFormatError) as error:
            faults.append(f"[{name}] {error}")
    if faults:
        raise FileFormatError(f"{path} cannot be used:\n" + "\n".join(f"  {fault}" for fault in faults))
    try:
        rig = Cameras(tuple(cameras), content.get(_METADATA, {}))
    except CalibrationError as error:
        raise FileFormatError(f"{path}: {error}") from error
    _warn_of_copies(path, cameras)
    return rig


def write_calibration(path: Path, cameras: Cameras) -> None:
    """Write the cameras; reading them again gives the same numbers."""
    tables = [_camera_table(number, camera) for number, camera in enumerate(cameras)]
    metadata = tomlkit.dumps({_METADATA: _plain(cameras.metadata)})
    write_text(path, "\n".join([*tables, metadata]))


def _natural(name: str) -> list[tuple[int, str]]:
    """So that cam_10 comes after cam_9."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _camera(path: Path, table: Mapping[str, Any]) -> Camera:
    missing = [key for key in _REQUIRED if key not in table]
    if missing:
        raise FileFormatError(f"has no {', '.join(missing)}")
    arrays = {key: _array(key, table[key]) for key in _ARRAYS}
    name = str(table["name"])
    if _is_transposed(arrays["matrix"]):
        _log.warning(
            "%s: the matrix of camera %s is transposed (its principal point is in the third row); "
            "it was turned round",
            path,
            name,
        )
        arrays["matrix"] = arrays["matrix"].T
    size = _array("size", table["size"])
    return Camera(name=name, size=tuple(size.tolist()), fisheye=bool(table.get("fisheye", False)), **arrays)


def _array(key: str, value: Any) -> NDArray[np.float64]:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise FileFormatError(f"{key} is not an array of numbers") from None


def _is_transposed(matrix: NDArray[np.float64]) -> bool:
    return matrix.shape == (3, 3) and bool(matrix[2, :2].all()) and not matrix[:2, 2].any()


def _warn_of_copies(path: Path, cameras: Sequence[Camera]) -> None:
    for one, other in combinations(cameras, 2):
        if all(np.array_equal(getattr(one, key), getattr(other, key)) for key in _ARRAYS):
            _log.warning(
                "%s: the cameras %s and %s are identical, as if they were at the same place; "
                "one of them is wrong, and 3D points made with it as well. Calibrate again",
                path,
                one.name,
                other.name,
            )


def _camera_table(number: int, camera: Camera) -> str:
    lines = [
        f"[cam_{number}]",
        f"name = {json.dumps(camera.name, ensure_ascii=False)}",
        f"size = [ {camera.size[0]}, {camera.size[1]},]",
        *(f"{key} = {_written(getattr(camera, key).tolist())}" for key in _ARRAYS),
    ]
    if camera.fisheye:
        lines.append("fisheye = true")
    return "\n".join(lines) + "\n"


def _written(value: float | Sequence[Any]) -> str:
    """An array on one line, as other programs write it and simple readers expect it."""
    if isinstance(value, float):
        return repr(value)
    return "[ " + ", ".join(_written(item) for item in value) + ",]"


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays as numbers and lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
