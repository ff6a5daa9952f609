"""A folder with cameras.txt and images.txt, as COLMAP writes them as text.

A line of cameras.txt is CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]; of images.txt IMAGE_ID QW QX QY QZ TX TY TZ
CAMERA_ID NAME, followed by a line of points, which may be empty. The pose maps the world into the camera.
The centre of the first pixel is (0.5, 0.5) (colmap/colmap, `doc/format.rst`, `src/colmap/sensor/models.h`).
Points3D and, since version 3.12, rigs and frames are files of their own, which are not needed.
"""

from pathlib import Path, PurePosixPath

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import CalibrationError, FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import rotation_matrix
from anipose.io.calibration_formats.format import Size, camera, rig
from anipose.io.files import require_file, write_text
from anipose.naming import natural_key

Array = NDArray[np.float64]

TARGET = "colmap"
ABOUT = "text; the centre of the first pixel is (0.5, 0.5)"

# Names of the parameters of each model that we have; k3 of a pinhole lens comes after p1 and p2, as ours.
_MODELS = {
    "SIMPLE_PINHOLE": ("f", "cx", "cy"),
    "PINHOLE": ("fx", "fy", "cx", "cy"),
    "SIMPLE_RADIAL": ("f", "cx", "cy", "k1"),
    "RADIAL": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
    "SIMPLE_RADIAL_FISHEYE": ("f", "cx", "cy", "k1"),
    "RADIAL_FISHEYE": ("f", "cx", "cy", "k1", "k2"),
    "OPENCV_FISHEYE": ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4"),
}
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def recognises(path: Path) -> bool:
    return (path / "cameras.txt").is_file() and (path / "images.txt").is_file()


def read(path: Path, size: Size | None = None) -> Cameras:
    """Cameras have the names of the pictures; several pictures of one camera are several cameras."""
    if not path.is_dir():
        raise FileFormatError(f"{path} is a file; give the folder with cameras.txt and images.txt")
    models = {words[0]: words[1:] for words in map(str.split, _lines(path / "cameras.txt")) if words}
    cameras = []
    for line in _lines(path / "images.txt")[::2]:  # the other lines are points
        words = line.split(maxsplit=9)
        if len(words) < 10 or words[8] not in models:
            raise FileFormatError(
                f"{path / 'images.txt'}: {line[:60]!r} is no picture of a camera in cameras.txt; expected "
                "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, and a line of points after each"
            )
        cameras.append(_camera(path, models[words[8]], words))
    return rig(path, sorted(cameras, key=lambda one: natural_key(one.name)))


def _camera(path: Path, model: list[str], image: list[str]) -> Camera:
    kind, width, height, *parameters = model
    if kind not in _MODELS:
        raise CalibrationError(
            f"{path}: the lens model {kind} is none that anipose has; it has {', '.join(_MODELS)}"
        )
    values = dict(zip(_MODELS[kind], map(float, parameters), strict=True))
    fisheye = kind.endswith("FISHEYE")
    fx, fy = values.get("fx", values.get("f")), values.get("fy", values.get("f"))
    matrix = np.array([[fx, 0, values["cx"] - 0.5], [0, fy, values["cy"] - 0.5], [0, 0, 1]], float)
    w, *axis = map(float, image[1:5])
    lens = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
    return camera(
        _name(image[9]),
        (float(width), float(height)),
        matrix,
        [values.get(key, 0.0) for key in lens],
        rotation_matrix(_vector(w, np.array(axis))),
        [float(word) for word in image[5:8]],
        fisheye=fisheye,
    )


def _name(image: str) -> str:
    """Of a picture, without its suffix."""
    name = PurePosixPath(image)
    return str(name.with_suffix("")) if name.suffix.lower() in _PICTURES else image


def _vector(w: float, axis: Array) -> Array:
    """The rotation vector of a quaternion."""
    length = float(np.linalg.norm(axis))
    return axis * (2 * np.arctan2(length, w) / length) if length else axis


def _lines(path: Path) -> list[str]:
    """Without comments, but with empty lines: a picture without points has one."""
    require_file(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is no text; export the model as text in COLMAP") from error
    return [line for line in lines if not line.startswith("#")]


def write(path: Path, cameras: Cameras) -> None:
    models, images = [], []
    for number, one in enumerate(cameras, start=1):
        kind = "OPENCV_FISHEYE" if one.fisheye else "FULL_OPENCV"
        lens = [*one.distortions] if one.fisheye else [*one.distortions, 0.0, 0.0, 0.0]
        focal, centre = np.diag(one.matrix)[:2], one.matrix[:2, 2] + 0.5
        models.append(f"{number} {kind} {one.size[0]} {one.size[1]} {_numbers(*focal, *centre, *lens)}")
        pose = _numbers(*_quaternion(one.rotation), *one.translation)
        images.append(f"{number} {pose} {number} {one.name}\n")
    write_text(path / "cameras.txt", "\n".join(models) + "\n")
    write_text(path / "images.txt", "\n".join(images) + "\n")
    write_text(path / "points3D.txt", "")


def _numbers(*values: float) -> str:
    return " ".join(f"{value:.17g}" for value in values)


def _quaternion(vector: Array) -> tuple[float, ...]:
    """w, x, y, z of a rotation vector."""
    angle = float(np.linalg.norm(vector))
    factor = 0.5 * float(np.sinc(angle / 2 / np.pi))
    return (float(np.cos(angle / 2)), *(factor * vector).tolist())
