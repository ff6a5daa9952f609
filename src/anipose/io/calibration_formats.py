"""Calibrations as other programs write them.

In all of them the pose maps the world into the camera (x right, y down, z forward). What differs is told at
each format: unit of length, transposed matrices, where the first pixel is, and what lens models there are.
"""

import csv
import io
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tomlkit
from scipy.io import loadmat, savemat

from anipose.arrays import NDArray
from anipose.errors import CalibrationError, DependencyError, FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import rotation_matrix, rotation_vector
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.files import atomic_path, require_file, write_text
from anipose.naming import natural_key

Array = NDArray[np.float64]

# Millimetres in a metre, for programs that want metres.
MM = 1000.0


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        target: name of the file or, without suffix, of the folder that is written.
        write: cameras to that path.
        read: cameras from a path.
        about: what it does not hold, or other pitfalls; one line.
    """

    target: str
    write: Callable[[Path, Cameras], None]
    read: Callable[[Path], Cameras]
    about: str


def read_any_calibration(path: Path, format_name: str | None = None) -> Cameras:
    """Read a calibration of another program.

    Args:
        format_name: one of FORMATS; None: whichever can read it.

    Raises:
        FileFormatError: it is none of them, or damaged.
    """
    if format_name is not None:
        return FORMATS[format_name].read(path)
    if not path.is_dir():
        require_file(path)
    failures = []
    for name in _likely(path):
        try:
            return FORMATS[name].read(path)
        except (FileFormatError, CalibrationError, KeyError, ValueError, IndexError, TypeError) as error:
            failures.append(f"{name}: {error}")
    raise FileFormatError(
        f"{path} is no calibration that anipose knows; the formats are {', '.join(FORMATS)}.\n"
        + "\n".join(failures)
    )


def _likely(path: Path) -> tuple[str, ...]:
    if path.is_dir():
        return ("colmap",) if (path / "cameras.txt").is_file() else ("jarvis", "opencv")
    return {
        ".toml": ("anipose", "caliscope", "pose2sim"),
        ".mat": ("dannce", "matlab"),
        ".csv": ("dlt",),
        ".txt": ("dlt",),
    }.get(path.suffix.lower(), ("opencv",))


def _only_pinhole(cameras: Cameras, what: str) -> None:
    fisheye = [camera.name for camera in cameras if camera.fisheye]
    if fisheye:
        raise CalibrationError(f"{what} has no fisheye lenses, but camera {', '.join(fisheye)} has one")


# TOML


def _write_pose2sim(path: Path, cameras: Cameras) -> None:
    """Metres; four distortion coefficients."""
    document: dict[str, Any] = {}
    for camera in cameras:
        document[camera.name] = {
            "name": camera.name,
            "size": [float(side) for side in camera.size],
            "matrix": camera.matrix.tolist(),
            "distortions": camera.distortions[:4].tolist(),
            "rotation": camera.rotation.tolist(),
            "translation": (camera.translation / MM).tolist(),
            "fisheye": camera.fisheye,
        }
    document["metadata"] = {"adjusted": False, "error": 0.0}
    write_text(path, tomlkit.dumps(document))


def _write_caliscope(path: Path, cameras: Cameras) -> None:
    """Metres."""
    tables = {
        str(number): {
            "cam_id": number,
            "name": camera.name,
            "size": list(camera.size),
            "rotation_count": 0,
            "matrix": camera.matrix.tolist(),
            "distortions": camera.distortions.tolist(),
            "rotation": camera.rotation.tolist(),
            "translation": (camera.translation / MM).tolist(),
            "fisheye": camera.fisheye,
        }
        for number, camera in enumerate(cameras)
    }
    write_text(path, tomlkit.dumps({"cameras": tables}))


def _read_metres(path: Path) -> Cameras:
    """Tables of cameras at the top or in [cameras], with translations in metres."""
    require_file(path)
    content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    tables = content.get("cameras", content)
    cameras = []
    for key in sorted(tables, key=natural_key):
        table = tables[key]
        if not isinstance(table, Mapping) or table.get("matrix") is None or table.get("rotation") is None:
            continue
        name = table.get("name", table.get("cam_id", table.get("port", key)))
        cameras.append(
            _camera(
                str(name), table["size"], np.array(table["matrix"], float), table["distortions"],
                np.array(table["rotation"], float), MM * np.array(table["translation"], float),
                fisheye=bool(table.get("fisheye", False)),
            )
        )  # fmt: skip
    return _rig(path, cameras)


def _camera(
    name: str,
    size: Any,
    matrix: Array,
    distortions: Any,
    rotation: Array,
    translation: Array,
    *,
    fisheye: bool = False,
) -> Camera:
    rotation = np.squeeze(rotation)
    vector = rotation_vector(rotation) if rotation.ndim == 2 else rotation
    width, height = (int(side) for side in size)
    return Camera(
        name,
        (width, height),
        matrix,
        np.ravel(distortions)[:5],
        vector,
        np.ravel(translation),
        fisheye=fisheye,
    )


def _rig(path: Path, cameras: list[Camera]) -> Cameras:
    if not cameras:
        raise FileFormatError(f"{path} has no cameras with a pose")
    return Cameras(tuple(cameras), {"imported_from": path.name})


# OpenCV and JARVIS: a folder with a file per camera


def _write_opencv(path: Path, cameras: Cameras) -> None:
    for camera in cameras:
        _write_storage(
            path / f"{camera.name}.yml",
            {
                "image_width": camera.size[0],
                "image_height": camera.size[1],
                "camera_matrix": camera.matrix,
                "distortion_coefficients": camera.distortions[None],
                "R": camera.rotation_matrix,
                "T": camera.translation[:, None],
                "fisheye": int(camera.fisheye),
            },
        )


def _write_opencv_xml(path: Path, cameras: Cameras) -> None:
    _write_opencv(path, cameras)
    for camera in cameras:
        yml = path / f"{camera.name}.yml"
        _write_storage(yml.with_suffix(".xml"), _read_storage(yml))
        yml.unlink()


def _write_jarvis(path: Path, cameras: Cameras) -> None:
    """Matrices are transposed, for row vectors."""
    _only_pinhole(cameras, "JARVIS")
    for camera in cameras:
        _write_storage(
            path / f"{camera.name}.yaml",
            {
                "image_width": camera.size[0],
                "image_height": camera.size[1],
                "intrinsicMatrix": camera.matrix.T,
                "distortionCoefficients": camera.distortions[None],
                "R": camera.rotation_matrix.T,
                "T": camera.translation[:, None],
            },
        )


def _write_storage(path: Path, values: Mapping[str, Any]) -> None:
    kind = cv2.FILE_STORAGE_FORMAT_XML if path.suffix == ".xml" else cv2.FILE_STORAGE_FORMAT_YAML
    storage = cv2.FileStorage(path.suffix, cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY | kind)
    for key, value in values.items():
        storage.write(key, np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value)
    write_text(path, storage.releaseAndGetString())


def _read_storage(path: Path) -> dict[str, Any]:
    require_file(path)
    try:
        storage = cv2.FileStorage(
            path.read_text(encoding="utf-8"), cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY
        )
        root = storage.root()
        keys = root.keys()
    except (cv2.error, SystemError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is no file of OpenCV") from error
    found: dict[str, Any] = {}
    for key in keys:
        node = storage.getNode(key)
        found[key] = (
            node.mat() if node.isMap() else node.real() if node.isReal() or node.isInt() else node.string()
        )
    return found


def _read_folder(path: Path) -> Cameras:
    """Files of OpenCV, one per camera, with the names of the keys that are in use."""
    files = [path]
    if path.is_dir():
        files = sorted(
            (file for file in path.iterdir() if file.suffix.lower() in (".yml", ".yaml", ".xml")),
            key=lambda file: natural_key(file.name),
        )
    cameras = []
    for file in files:
        values = _read_storage(file)
        transposed = "intrinsicMatrix" in values
        matrix = _first(file, values, "camera_matrix", "cameraMatrix", "intrinsicMatrix", "K", "M")
        rotation = _first(file, values, "R", "rotation", "rvec")
        if transposed:
            matrix, rotation = matrix.T, rotation.T
        size = (values.get("image_width"), values.get("image_height"))
        if None in size:
            size = _guessed_size(matrix)
        cameras.append(
            _camera(
                file.stem, size, matrix,
                _first(file, values, "distortion_coefficients", "distCoeffs", "distortionCoefficients", "D"),
                rotation, _first(file, values, "T", "t", "translation", "tvec"),
                fisheye=bool(values.get("fisheye", 0)),
            )
        )  # fmt: skip
    return _rig(path, cameras)


def _first(path: Path, values: Mapping[str, Any], *keys: str) -> Array:
    for key in keys:
        if values.get(key) is not None:
            return np.array(values[key], float)
    raise FileFormatError(f"{path} has none of {', '.join(keys)}; it has {', '.join(values)}")


def _guessed_size(matrix: Array) -> tuple[int, int]:
    """Twice the principal point, where the size of the picture is not told."""
    return round(2 * matrix[0, 2]) + 1, round(2 * matrix[1, 2]) + 1


# MATLAB and DANNCE: for row vectors, the first pixel is (1, 1)


def _matlab_tables(cameras: Cameras) -> list[dict[str, Array]]:
    tables = []
    for camera in cameras:
        intrinsic = camera.matrix.copy()
        intrinsic[:2, 2] += 1
        k1, k2, p1, p2, k3 = camera.distortions
        tables.append(
            {
                "K": intrinsic.T,
                "RDistort": np.array([[k1, k2, k3]]),
                "TDistort": np.array([[p1, p2]]),
                "r": camera.rotation_matrix.T,
                "t": camera.translation[None],
                "size": np.array([camera.size], float),
            }
        )
    return tables


def _write_dannce(path: Path, cameras: Cameras) -> None:
    _only_pinhole(cameras, "DANNCE")
    params = np.empty((len(cameras), 1), object)
    names = np.empty((len(cameras), 1), object)
    for number, table in enumerate(_matlab_tables(cameras)):
        params[number, 0], names[number, 0] = table, cameras.names[number]
    _save_mat(path, {"params": params, "camnames": names})


def _write_matlab(path: Path, cameras: Cameras) -> None:
    """Of MATLAB's own functions: IntrinsicMatrix and so on, as rows of a struct array."""
    _only_pinhole(cameras, "MATLAB's cameraParameters")
    rows = [
        {
            "Name": name,
            "IntrinsicMatrix": table["K"],
            "RadialDistortion": table["RDistort"],
            "TangentialDistortion": table["TDistort"],
            "RotationMatrix": table["r"],
            "TranslationVector": table["t"],
            "ImageSize": table["size"][:, ::-1],
        }
        for name, table in zip(cameras.names, _matlab_tables(cameras), strict=True)
    ]
    cells = np.empty((len(rows), 1), object)
    for number, row in enumerate(rows):
        cells[number, 0] = row
    _save_mat(path, {"cameras": cells})


def _save_mat(path: Path, values: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        savemat(temporary, values)


def _read_mat(path: Path) -> Cameras:
    require_file(path)
    try:
        content = loadmat(path, simplify_cells=True)
    except NotImplementedError as error:
        raise DependencyError(
            f"{path} is a MATLAB 7.3 file; save it in MATLAB with save(..., '-v7')"
        ) from error
    tables = content.get("params", content.get("cameras"))
    if tables is None:
        held = ", ".join(key for key in content if not key.startswith("__"))
        raise FileFormatError(f"{path} has neither params nor cameras; it has {held}")
    tables = list(np.atleast_1d(tables))
    names = [str(name) for name in np.atleast_1d(content.get("camnames", []))]
    cameras = []
    for number, table in enumerate(tables):
        values = {key: np.array(value, float) for key, value in table.items() if key != "Name"}
        matrix = _first(path, values, "K", "IntrinsicMatrix").T.copy()
        matrix[:2, 2] -= 1
        radial = np.append(_first(path, values, "RDistort", "RadialDistortion").ravel(), [0.0, 0.0])[:3]
        p1, p2 = _first(path, values, "TDistort", "TangentialDistortion").ravel()
        size: Any = _guessed_size(matrix)
        if "size" in values:
            size = values["size"].ravel()
        elif "ImageSize" in values:
            size = values["ImageSize"].ravel()[::-1]
        name = str(table.get("Name", names[number] if names else number))
        cameras.append(
            _camera(
                name, size, matrix, [radial[0], radial[1], p1, p2, radial[2]],
                _first(path, values, "r", "RotationMatrix").T, _first(path, values, "t", "TranslationVector"),
            )
        )  # fmt: skip
    return _rig(path, cameras)


# DLT: eleven coefficients per camera, a column each


def _write_dlt(path: Path, cameras: Cameras) -> None:
    columns = []
    for camera in cameras:
        projection = camera.matrix @ camera.cam_from_world
        columns.append((projection / projection[2, 3]).ravel()[:11])
    rows = [",".join(f"{value:.17g}" for value in row) for row in np.transpose(columns)]
    write_text(path, "\n".join(rows) + "\n")


def _read_dlt(path: Path) -> Cameras:
    """Cameras are called 0, 1, ...; the size of the picture is twice the principal point."""
    require_file(path)
    text = path.read_text(encoding="utf-8-sig")
    lines = csv.reader(io.StringIO(text.replace("\t", ",").replace(" ", ",") if "," not in text else text))
    values = np.array([[float(cell) for cell in line if cell.strip()] for line in lines if any(line)])
    if values.shape[0] != 11:
        raise FileFormatError(f"{path} has {values.shape[0]} rows, expected the 11 coefficients of the DLT")
    cameras = []
    for number, column in enumerate(values.T):
        projection = np.append(column, 1.0).reshape(3, 4)
        # P is known up to its sign, which a rotation (det +1) decides.
        projection *= np.sign(np.linalg.det(projection[:, :3]))
        matrix, rotation = _rq(projection[:, :3])
        translation = np.linalg.solve(matrix, projection[:, 3])
        matrix /= matrix[2, 2]
        matrix[0, 1] = 0.0
        cameras.append(_camera(str(number), _guessed_size(matrix), matrix, [], rotation, translation))
    return _rig(path, cameras)


def _rq(matrix: Array) -> tuple[Array, Array]:
    """Upper triangular with a positive diagonal, times a rotation."""
    q, r = np.linalg.qr(np.flipud(matrix).T)
    upper, rotation = np.flipud(np.fliplr(r.T)), np.flipud(q.T)
    signs = np.sign(np.diag(upper))
    return upper * signs, signs[:, None] * rotation


# COLMAP: the centre of the first pixel is (0.5, 0.5)


def _write_colmap(path: Path, cameras: Cameras) -> None:
    models, images = [], []
    for number, camera in enumerate(cameras, start=1):
        fx, fy = np.diag(camera.matrix)[:2]
        cx, cy = camera.matrix[:2, 2] + 0.5
        k = camera.distortions
        kind = "OPENCV_FISHEYE" if camera.fisheye else "FULL_OPENCV"
        lens = [*k] if camera.fisheye else [*k, 0.0, 0.0, 0.0]
        numbers = " ".join(f"{value:.17g}" for value in (fx, fy, cx, cy, *lens))
        models.append(f"{number} {kind} {camera.size[0]} {camera.size[1]} {numbers}")
        pose = " ".join(f"{value:.17g}" for value in (*_quaternion(camera.rotation), *camera.translation))
        images.append(f"{number} {pose} {number} {camera.name}\n")
    write_text(path / "cameras.txt", "\n".join(models) + "\n")
    write_text(path / "images.txt", "\n".join(images) + "\n")
    write_text(path / "points3D.txt", "")


def _quaternion(vector: Array) -> tuple[float, ...]:
    angle = float(np.linalg.norm(vector))
    factor = 0.5 * float(np.sinc(angle / 2 / np.pi))
    return (float(np.cos(angle / 2)), *(factor * vector).tolist())


# Where the coefficients k1, k2, p1, p2, k3 are among the parameters of COLMAP's models, after the focal
# lengths and the principal point.
_COLMAP_LENSES = {"PINHOLE": 0, "OPENCV": 4, "FULL_OPENCV": 5, "OPENCV_FISHEYE": 4}


def _read_colmap(path: Path) -> Cameras:
    models = {}
    for words in _lines(path / "cameras.txt"):
        if words[1] in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
            f, cx, cy, *lens = map(float, words[4:])
            models[words[0]] = (words[1], words[2:4], [f, f, cx, cy, *lens])
        elif words[1] in _COLMAP_LENSES:
            values = [float(word) for word in words[4:]]
            if words[1] == "FULL_OPENCV" and any(values[9:]):
                raise FileFormatError(
                    f"{path}: camera {words[0]} has coefficients k4 to k6, which anipose has not"
                )
            models[words[0]] = (words[1], words[2:4], values[: 4 + _COLMAP_LENSES[words[1]]])
        else:
            raise FileFormatError(f"{path}: the lens model {words[1]} is none that anipose has")
    cameras = []
    for words in _lines(path / "images.txt")[::1]:
        if len(words) != 10 or words[8] not in models:
            continue  # the line of the points of an image
        kind, size, (fx, fy, cx, cy, *lens) = models[words[8]]
        w, x, y, z, *translation = map(float, words[1:8])
        axis = np.array([x, y, z])
        length = float(np.linalg.norm(axis))
        vector = axis * (2 * np.arctan2(length, w) / length) if length else axis
        matrix = np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1]])
        cameras.append(
            _camera(
                words[9], size, matrix, lens, rotation_matrix(vector), np.array(translation),
                fisheye=kind == "OPENCV_FISHEYE",
            )
        )  # fmt: skip
    return _rig(path, sorted(cameras, key=lambda camera: natural_key(camera.name)))


def _lines(path: Path) -> list[list[str]]:
    require_file(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


def _read_own(path: Path) -> Cameras:
    cameras = read_calibration(path)
    return replace(cameras, metadata=json.loads(json.dumps(dict(cameras.metadata), default=str)))


FORMATS: Mapping[str, Format] = {
    "anipose": Format("calibration.toml", write_calibration, _read_own, "all there is"),
    "caliscope": Format("camera_array.toml", _write_caliscope, _read_metres, "metres"),
    "pose2sim": Format("Calib.toml", _write_pose2sim, _read_metres, "metres; k1, k2, p1, p2"),
    "opencv": Format("opencv", _write_opencv, _read_folder, "a YAML file per camera"),
    "opencv-xml": Format("opencv-xml", _write_opencv_xml, _read_folder, "an XML file per camera"),
    "matlab": Format("cameras.mat", _write_matlab, _read_mat, "row vectors, first pixel (1, 1)"),
    "dannce": Format("dannce.mat", _write_dannce, _read_mat, "row vectors, first pixel (1, 1)"),
    "jarvis": Format("jarvis", _write_jarvis, _read_folder, "a YAML file per camera, row vectors"),
    "dlt": Format("dlt.csv", _write_dlt, _read_dlt, "no distortion, names or size of the picture"),
    "colmap": Format("colmap", _write_colmap, _read_colmap, "text; first pixel (0.5, 0.5)"),
}
