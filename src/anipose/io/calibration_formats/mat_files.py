"""MATLAB's files, and its way to write a camera.

The first pixel of MATLAB is (1, 1): principal points are one pixel further than here. Matrices were made
for row vectors, so transposed, until R2022b: pixel = [X Y Z 1] [R; t] K. The new functions have them as
here. Where the principal point is in a matrix tells which it is (MathWorks, "Migrate Geometric
Transformations to Premultiply Convention"; toolbox/vision, `stereoParametersFromOpenCV.m`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, savemat
from scipy.io.matlab import MatReadError

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.calibration_formats.format import first
from anipose.io.files import atomic_path, require_file

Array = NDArray[np.float64]


def read_mat(path: Path) -> dict[str, Any]:
    """The variables of a file; structs are dictionaries."""
    require_file(path)
    try:
        content = loadmat(path, simplify_cells=True)
    except NotImplementedError as error:
        raise FileFormatError(
            f"{path} is a MATLAB 7.3 file, which cannot be read here; save it in MATLAB with save(..., '-v7')"
        ) from error
    except (MatReadError, ValueError, TypeError, IndexError) as error:
        raise FileFormatError(f"{path} is no file of MATLAB") from error
    return {key: value for key, value in content.items() if not key.startswith("__")}


def variables_in(path: Path) -> dict[str, Any]:
    """The variables of a file; none if it is no file of MATLAB."""
    try:
        return read_mat(path) if path.suffix.lower() == ".mat" else {}
    except FileFormatError:
        return {}


def write_mat(path: Path, values: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary:
        savemat(temporary, dict(values))


def column(values: list[Any]) -> NDArray[np.object_]:
    """A cell array of one column."""
    cells = np.empty((len(values), 1), object)
    cells[:, 0] = values
    return cells


def matrix_for_matlab(matrix: Array) -> Array:
    """An intrinsic matrix as MATLAB had it until R2022b."""
    shifted = matrix.copy()
    shifted[:2, 2] += 1
    return shifted.T


def matrix_of_matlab(matrix: Array) -> Array:
    """An intrinsic matrix as here, of one of MATLAB in either form."""
    upright = np.array(matrix.T if matrix[2, :2].any() else matrix)
    upright[:2, 2] -= 1
    return upright


def lens_of_matlab(path: Path, values: Mapping[str, Any], radial: str, tangential: str) -> list[float]:
    """k1, k2, p1, p2, k3 of two or three radial and two tangential coefficients."""
    k1, k2, k3, *_ = [*first(path, values, radial).ravel().tolist(), 0.0, 0.0]
    p1, p2 = first(path, values, tangential).ravel().tolist()
    return [k1, k2, p1, p2, k3]
