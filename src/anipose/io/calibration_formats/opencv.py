"""YAML or XML of OpenCV's FileStorage: a file per camera, or a stereo pair.

OpenCV has no format of its own for rigs. A file per camera with the keys of its sample `calibration.cpp`
(image_width, image_height, camera_matrix, distortion_coefficients), and R and T, is what is written. Its
sample `stereo_calib.cpp` writes intrinsics.yml (M1, D1, M2, D2) and extrinsics.yml (R, T: the second camera
from the first), without the size of the pictures; others put all of it into one file, with K1 and K2
(opencv/opencv, `samples/cpp`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anipose.errors import FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.io.calibration_formats.file_storage import keys_in, read_storage, storage_files, write_storage
from anipose.io.calibration_formats.format import Size, camera, first, rig, told

TARGET = "opencv"
ABOUT = "a YAML file per camera"

_MATRIX = ("camera_matrix", "cameraMatrix", "Camera_Matrix", "K", "M")
_LENS = ("distortion_coefficients", "distCoeffs", "Distortion_Coefficients", "D")
_ROTATION = ("R", "rotation", "rvec")
_TRANSLATION = ("T", "t", "translation", "tvec")


def recognises(path: Path) -> bool:
    """Each file has a matrix and a pose, or together they are a stereo pair."""
    found = keys_in(path)
    single = all(keys & {*_MATRIX} and keys & {*_ROTATION} and keys & {*_TRANSLATION} for keys in found)
    return bool(found) and (single or _is_pair(set().union(*found)))


def read(path: Path, size: Size | None = None) -> Cameras:
    files = {file: read_storage(file) for file in storage_files(path)}
    everything = {key: value for values in files.values() for key, value in values.items()}
    if _is_pair(everything.keys()):
        return rig(path, _pair(path, everything, size))
    return rig(path, [_camera(file, values, size) for file, values in files.items()])


def _is_pair(keys: Any) -> bool:
    return {"D1", "D2", "R", "T"} <= {*keys} and ({"M1", "M2"} <= {*keys} or {"K1", "K2"} <= {*keys})


def _pair(path: Path, values: Mapping[str, Any], size: Size | None) -> list[Camera]:
    poses = [(np.eye(3), np.zeros(3)), (first(path, values, "R"), first(path, values, "T"))]
    return [
        camera(
            str(number),
            _size(path, values, size),
            first(path, values, f"M{number}", f"K{number}"),
            first(path, values, f"D{number}"),
            *pose,
        )
        for number, pose in enumerate(poses, start=1)
    ]


def _camera(path: Path, values: Mapping[str, Any], size: Size | None) -> Camera:
    if not any(key in values for key in _ROTATION):
        raise FileFormatError(
            f"{path} has no pose of the camera (R and T), only its lens. The lens alone can be used: set "
            f"matrix and distortions under [cameras.{path.stem}] in config.toml, and calibrate"
        )
    return camera(
        path.stem,
        _size(path, values, size),
        first(path, values, *_MATRIX),
        first(path, values, *_LENS),
        first(path, values, *_ROTATION),
        first(path, values, *_TRANSLATION),
        fisheye=bool(values.get("fisheye", 0)),
    )


def _size(path: Path, values: Mapping[str, Any], size: Size | None) -> Size:
    width, height = values.get("image_width"), values.get("image_height")
    return told(path, size) if width is None or height is None else (int(width), int(height))


def write(path: Path, cameras: Cameras) -> None:
    write_files(path, cameras, ".yml")


def write_files(folder: Path, cameras: Cameras, suffix: str) -> None:
    """A file per camera."""
    for one in cameras:
        values = {
            "image_width": one.size[0],
            "image_height": one.size[1],
            "camera_matrix": one.matrix,
            "distortion_coefficients": one.distortions[None],
            "R": one.rotation_matrix,
            "T": one.translation[:, None],
            "fisheye": int(one.fisheye),
        }
        write_storage(folder / f"{one.name}{suffix}", values)
