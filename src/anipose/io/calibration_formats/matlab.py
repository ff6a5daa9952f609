"""cameraParameters and stereoParameters of MATLAB, saved as structs: `s = toStruct(params); save(file, "s")`.

A struct of stereoParameters has CameraParameters1 and CameraParameters2, and where the second camera is:
since R2022b PoseCamera2 (x2 = R x1 + t), before that RotationOfCamera2 and TranslationOfCamera2 (for row
vectors, x2 = x1 R + t). Several cameras have no struct of their own in MATLAB: they are a cell array
`cameras` of structs with the fields of cameraParameters, and RotationMatrix and TranslationVector from
`extrinsics` (or R and Translation of a rigidtform3d).
"""

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

Array = NDArray[np.float64]

TARGET = "cameras.mat"
ABOUT = "a cell array of structs; row vectors, first pixel (1, 1)"

_PAIR = ("CameraParameters1", "CameraParameters2")


def recognises(path: Path) -> bool:
    variables = variables_in(path)
    return _pair(variables) is not None or any("RadialDistortion" in one for one in _several(variables))


def read(path: Path, size: Size | None = None) -> Cameras:
    variables = read_mat(path)
    pair = _pair(variables)
    if pair is not None:
        poses = [(np.eye(3), np.zeros(3)), _pose_of_second(path, pair)]
        found = [
            _camera(path, str(number), pair[key], pose, size)
            for number, (key, pose) in enumerate(zip(_PAIR, poses, strict=True), start=1)
        ]
        return rig(path, found)
    several = _several(variables)
    if not several:
        raise FileFormatError(
            f"{path} has neither a struct of stereoParameters nor cameras; it has {', '.join(variables)}. "
            "An object of MATLAB has to be made a struct before it is saved: s = toStruct(stereoParams); "
            "save('s.mat', 's')"
        )
    return rig(
        path,
        [
            _camera(path, str(one.get("Name", number)), one, _pose(path, one), size)
            for number, one in enumerate(several, start=1)
        ],
    )


def _pair(variables: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The struct of a stereo pair, which may have any name, or whose fields may be variables."""
    for one in (variables, *variables.values()):
        if isinstance(one, Mapping) and all(isinstance(one.get(key), Mapping) for key in _PAIR):
            return one
    return None


def _several(variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = np.atleast_1d(np.array(variables.get("cameras", []), object))
    return [one for one in found if isinstance(one, Mapping)]


def _pose_of_second(path: Path, pair: Mapping[str, Any]) -> tuple[Array, Array]:
    if "PoseCamera2" in pair:
        return _pose(path, pair["PoseCamera2"])
    return first(path, pair, "RotationOfCamera2").T, first(path, pair, "TranslationOfCamera2")


def _pose(path: Path, values: Mapping[str, Any]) -> tuple[Array, Array]:
    if "RotationMatrix" in values:
        return first(path, values, "RotationMatrix").T, first(path, values, "TranslationVector")
    if "A" in values:
        whole = first(path, values, "A")
        return whole[:3, :3], whole[:3, 3]
    return first(path, values, "R"), first(path, values, "Translation")


def _camera(
    path: Path, name: str, values: Mapping[str, Any], pose: tuple[Array, Array], size: Size | None
) -> Camera:
    shape = np.ravel(values.get("ImageSize", []))  # (height, width); empty where MATLAB was not told
    if len(shape) == 2:
        size = (int(shape[1]), int(shape[0]))
    return camera(
        name,
        told(path, size),
        matrix_of_matlab(first(path, values, "IntrinsicMatrix", "K")),
        lens_of_matlab(path, values, "RadialDistortion", "TangentialDistortion"),
        *pose,
    )


def write(path: Path, cameras: Cameras) -> None:
    only_pinhole(cameras, "MATLAB's cameraParameters")
    structs = []
    for one in cameras:
        k1, k2, p1, p2, k3 = one.distortions
        structs.append(
            {
                "Name": one.name,
                "IntrinsicMatrix": matrix_for_matlab(one.matrix),
                "RadialDistortion": np.array([[k1, k2, k3]]),
                "TangentialDistortion": np.array([[p1, p2]]),
                "RotationMatrix": one.rotation_matrix.T,
                "TranslationVector": one.translation[None],
                "ImageSize": np.array([one.size[::-1]], float),
            }
        )
    write_mat(path, {"cameras": column(structs)})
