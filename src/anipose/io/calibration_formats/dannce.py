"""hires_cam1_params.mat, ... of DANNCE and Label3D, and the *_dannce.mat that Label3D makes of them.

K, RDistort, TDistort, r and t of a camera, for row vectors, with the first pixel (1, 1), as pixel = [X Y Z
1] [r; t] K, and MATLAB's distortion; newer DANNCE wants exactly two radial coefficients
(HarvardRC/newsdannce, `caldannce/calibration_data.py`, `from_struct`; spoonsso/dannce,
`dannce/engine/ops.py`, `project_to2d`). *_dannce.mat has them in the column of cells `params`, beside
`camnames`. Neither holds the size of the pictures; it is written after the others, which are taken by their
order.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.io.calibration_formats.format import Size, camera, first, only_pinhole, rig, told
from anipose.io.calibration_formats.mat_files import (
    column,
    lens_of_matlab,
    matrix_for_matlab,
    matrix_of_matlab,
    read_mat,
    variables_in,
    write_mat,
)
from anipose.naming import natural_key

TARGET = "dannce"
ABOUT = "files for Label3D, and cameras_dannce.mat; row vectors, first pixel (1, 1)"

_LENS = {"K", "RDistort", "TDistort", "r", "t"}
_HIRES = re.compile(r"hires_cam(.+)_params\.mat$")


def recognises(path: Path) -> bool:
    files = _files(path) if path.is_dir() else [path]
    return bool(files) and all(_is_ours(variables_in(file)) for file in files)


def _is_ours(variables: Mapping[str, Any]) -> bool:
    return variables.keys() >= _LENS or bool(
        any(isinstance(one, Mapping) and one.keys() >= _LENS for one in _structs(variables))
    )


def _structs(variables: Mapping[str, Any]) -> list[Any]:
    return list(np.atleast_1d(np.array(variables.get("params", []), object)))


def _files(folder: Path) -> list[Path]:
    """The file with the names of the cameras if there is one, or one for each camera."""
    return sorted(folder.glob("*dannce.mat"))[:1] or sorted(
        (file for file in folder.iterdir() if _HIRES.match(file.name)),
        key=lambda file: natural_key(file.name),
    )


def read(path: Path, size: Size | None = None) -> Cameras:
    cameras = []
    for file in _files(path) if path.is_dir() else [path]:
        variables = read_mat(file)
        if "params" in variables:
            structs = _structs(variables)
            names = [str(name) for name in np.atleast_1d(variables.get("camnames", []))]
            names = names or [f"Camera{number}" for number in range(1, len(structs) + 1)]
        else:
            structs, names = [variables], [_name(file)]
        if len(names) != len(structs):
            raise FileFormatError(f"{file} has {len(structs)} cameras, but {len(names)} names")
        cameras += [_camera(file, name, one, size) for name, one in zip(names, structs, strict=True)]
    return rig(path, cameras)


def _name(path: Path) -> str:
    found = _HIRES.match(path.name)
    return path.stem if found is None else f"Camera{found.group(1)}"


def _camera(path: Path, name: str, values: Mapping[str, Any], size: Size | None) -> Camera:
    if "size" in values:
        width, height = np.ravel(values["size"])
        size = (int(width), int(height))
    return camera(
        name,
        told(path, size),
        matrix_of_matlab(first(path, values, "K")),
        lens_of_matlab(path, values, "RDistort", "TDistort"),
        first(path, values, "r").T,
        first(path, values, "t"),
    )


def write(path: Path, cameras: Cameras) -> None:
    only_pinhole(cameras, "DANNCE")
    structs = [_struct(one) for one in cameras]
    for number, struct in enumerate(structs, start=1):
        write_mat(path / f"hires_cam{number}_params.mat", struct)
    write_mat(
        path / "cameras_dannce.mat", {"params": column(structs), "camnames": column(list(cameras.names))}
    )


def _struct(one: Camera) -> dict[str, NDArray[np.float64]]:
    k1, k2, p1, p2, k3 = one.distortions
    return {
        "K": matrix_for_matlab(one.matrix),
        "RDistort": np.array([[k1, k2, k3] if k3 else [k1, k2]]),
        "TDistort": np.array([[p1, p2]]),
        "r": one.rotation_matrix.T,
        "t": one.translation[None],
        "size": np.array([one.size], float),
    }
