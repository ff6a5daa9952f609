"""DLT coefficients, as of DLTdv, DLTcal and easyWand: eleven rows, a column per camera.

u = (L1 X + L2 Y + L3 Z + L4) / (L9 X + L10 Y + L11 Z + 1), v the same with L5 to L8 (tlhedrick/dltdv,
`dlt_inverse.m`; tlhedrick/easyWand6, `mdlt_computeCoefficients.m`). They are MATLAB's pixels: the first is
(1, 1). Versions 5 to 7 turned the picture upside down before they showed it, so that v grows upwards
(`redlakeplot.m`: axis xy; `DLTcal5.m`); version 8 does not (`DLTcal8.m`, `mediaRead`).

With the origin of the world in front of the cameras, as it is where a frame is digitised, the divisor is
positive in front of them, and the determinant of the first three columns has the sign of the direction of
v. There are no names, sizes of pictures, or distortions: DLTdv works on undistorted points.
"""

import csv
import io
import logging
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from anipose.arrays import NDArray
from anipose.errors import CalibrationError, FileFormatError
from anipose.geometry.cameras import Cameras
from anipose.geometry.transforms import rotation_matrix, rotation_vector
from anipose.io.calibration_formats.format import Size, camera, rig, told
from anipose.io.files import require_file, write_text

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

TARGET = "dlt.csv"
ABOUT = "no distortion, names or size of the picture; first pixel (1, 1)"

_ROWS = 11
# Skew that moves no point by more than this is a matter of rounding.
_NO_SKEW_PX = 1e-6


def recognises(path: Path) -> bool:
    try:
        return path.suffix.lower() in (".csv", ".txt") and len(_coefficients(path)) == _ROWS
    except FileFormatError:
        return False


def read(path: Path, size: Size | None = None) -> Cameras:
    """Cameras are called 1, 2, ... in the order of the columns."""
    coefficients = _coefficients(path)
    if len(coefficients) != _ROWS:
        raise FileFormatError(
            f"{path} has {len(coefficients)} rows, expected the {_ROWS} coefficients of the DLT"
        )
    width, height = told(path, size)
    projections = [np.append(column, 1.0).reshape(3, 4) for column in coefficients.T]
    signs = {float(np.sign(np.linalg.det(projection[:, :3]))) for projection in projections}
    if len(signs) > 1 or 0.0 in signs:
        raise CalibrationError(
            f"{path}: the pictures of some cameras are mirrored, or the origin of the world is behind "
            "some of them; digitise the cameras alike, with the origin in view of all"
        )
    cameras = []
    for number, projection in enumerate(projections, start=1):
        if signs == {-1.0}:
            projection[1] = (height + 1) * projection[2] - projection[1]
        projection[:2] -= projection[2]
        matrix, pose, worst_px = _without_skew(projection, (width, height))
        if worst_px > _NO_SKEW_PX:
            log.warning(
                "%s: the coefficients of camera %d have skewed pixels, which no camera has; the nearest "
                "camera without is up to %.2g px off (mdlt, the modified DLT, would give none)",
                path,
                number,
                worst_px,
            )
        cameras.append(camera(str(number), (width, height), matrix, [], pose[:, :3], pose[:, 3]))
    return rig(path, cameras)


def _coefficients(path: Path) -> Array:
    """(11, camera); separated by commas, tabs or spaces."""
    require_file(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = csv.reader(io.StringIO(text)) if "," in text else (line.split() for line in text.splitlines())
        return np.array([[float(cell) for cell in line if cell.strip()] for line in lines if any(line)])
    except ValueError as error:
        raise FileFormatError(f"{path} is no table of numbers, a column per camera: {error}") from error


def _without_skew(projection: Array, size: Size) -> tuple[Array, Array, float]:
    """Intrinsic matrix and pose of the camera without skew that is nearest to a projection matrix.

    Nearest in pixels, for points all over the picture, about as far away as the origin of the world.

    Returns:
        matrix (3, 3), pose (3, 4), and the largest distance of those points in pixels.
    """
    upper, rotation = _rq(projection[:, :3])
    translation = np.linalg.solve(upper, projection[:, 3])
    upper /= upper[2, 2]
    width, height = size
    grid = np.stack(np.meshgrid(np.linspace(0, width - 1, 6), np.linspace(0, height - 1, 6)), axis=-1)
    pixels = np.repeat(grid.reshape(-1, 2), 3, axis=0)
    depths = np.tile(abs(translation[2]) * np.array([0.75, 1.0, 1.25]), len(pixels) // 3)
    rays = np.linalg.solve(upper, np.column_stack([pixels, np.ones(len(pixels))]).T).T
    points = (rays * depths[:, None] - translation) @ rotation

    def errors(values: Array) -> Array:
        fx, fy, cx, cy = values[:4]
        x, y, z = rotation_matrix(values[4:7]) @ points.T + values[7:, None] * abs(translation[2])
        found: Array = (np.stack([fx * x / z + cx, fy * y / z + cy], axis=1) - pixels).ravel()
        return found

    start = np.concatenate(
        [
            upper[[0, 1, 0, 1], [0, 1, 2, 2]],
            rotation_vector(rotation),
            translation / abs(translation[2]),
        ]
    )
    if np.abs(errors(start)).max() > _NO_SKEW_PX:
        start = least_squares(errors, start, x_scale="jac").x
    fx, fy, cx, cy = start[:4]
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    pose = np.column_stack([rotation_matrix(start[4:7]), start[7:] * abs(translation[2])])
    return matrix, pose, float(np.abs(errors(start)).max())


def _rq(matrix: Array) -> tuple[Array, Array]:
    """Upper triangular with a positive diagonal, times a rotation."""
    q, r = np.linalg.qr(np.flipud(matrix).T)
    upper, rotation = np.flipud(np.fliplr(r.T)), np.flipud(q.T)
    signs = np.sign(np.diag(upper))
    return upper * signs, signs[:, None] * rotation


def write(path: Path, cameras: Cameras) -> None:
    behind = [one.name for one in cameras if not one.depth(np.zeros(3)) > 0]
    if behind:
        raise CalibrationError(
            "DLT coefficients need the origin of the world in front of every camera, which it is not for "
            f'{", ".join(behind)}. Set world = "board" under [calibration], with world_frame a frame in '
            "which the board lies where the animal is, and calibrate again"
        )
    distorted = [one.name for one in cameras if one.fisheye or one.distortions.any()]
    if distorted:
        log.warning(
            "%s: the distortion of camera %s is left out; undistort the points before they are used with it",
            path,
            ", ".join(distorted),
        )
    columns = []
    for one in cameras:
        projection = one.matrix @ one.cam_from_world
        projection[:2] += projection[2]
        columns.append((projection / projection[2, 3]).ravel()[:_ROWS])
    rows = [",".join(f"{value:.17g}" for value in row) for row in np.transpose(columns)]
    write_text(path, "\n".join(rows) + "\n")
