"""The calibration set of JARVIS: a folder with a YAML file per camera.

Matrices are for row vectors, so transposed: pixel = [X Y Z 1] [R; T'] intrinsicMatrix, with OpenCV's pixels
and the board's unit (JARVIS-MoCap/JARVIS-AnnotationTool, `calibrationtool.cpp`, `saveCalibration`; JARVIS-
HybridNet, `jarvis/utils/reprojection.py`). The files hold no size of the pictures; the two keys for it that
are written here, JARVIS passes over. Its network uses k1 and k2 alone.
"""

from pathlib import Path

from anipose.geometry.cameras import Camera, Cameras
from anipose.io.calibration_formats.file_storage import keys_in, read_storage, storage_files, write_storage
from anipose.io.calibration_formats.format import Size, camera, first, only_pinhole, rig, told

TARGET = "jarvis"
ABOUT = "a YAML file per camera, row vectors; JARVIS itself uses k1 and k2 only"


def recognises(path: Path) -> bool:
    found = keys_in(path)
    return bool(found) and all("intrinsicMatrix" in keys for keys in found)


def read(path: Path, size: Size | None = None) -> Cameras:
    return rig(path, [_camera(file, size) for file in storage_files(path)])


def _camera(path: Path, size: Size | None) -> Camera:
    values = read_storage(path)
    if "image_width" in values and "image_height" in values:
        size = (int(values["image_width"]), int(values["image_height"]))
    return camera(
        path.stem,
        told(path, size),
        first(path, values, "intrinsicMatrix").T,
        first(path, values, "distortionCoefficients"),
        first(path, values, "R").T,
        first(path, values, "T"),
    )


def write(path: Path, cameras: Cameras) -> None:
    only_pinhole(cameras, "JARVIS")
    for one in cameras:
        values = {
            "image_width": one.size[0],
            "image_height": one.size[1],
            "intrinsicMatrix": one.matrix.T,
            "distortionCoefficients": one.distortions[None],
            "R": one.rotation_matrix.T,
            "T": one.translation[:, None],
        }
        write_storage(path / f"{one.name}.yaml", values)
