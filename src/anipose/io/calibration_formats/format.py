"""What a format is, and what reading them has in common.

In all of them the pose maps the world into the camera (x right, y down, z forward). What differs is told in
each module, with where it was found: the unit of length, transposed matrices, where the first pixel is, and
which lens models there are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import CalibrationError, FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import rotation_vector
from anipose.units import MM, in_mm

Array = NDArray[np.float64]
Size = tuple[int, int]

# Of a rotation matrix with the 4 decimals that some programs print.
_ROUNDED = 1e-3


class Format(Protocol):
    """A module of this package.

    Attributes:
        TARGET: name of the file or, without suffix, of the folder that is written.
        ABOUT: what it does not hold, or other pitfalls; one line.
    """

    TARGET: str
    ABOUT: str

    def recognises(self, path: Path) -> bool:
        """Whether a file or folder can be nothing else than this. It exists; it may be damaged."""

    def read(self, path: Path, size: Size | None) -> Cameras:
        """Read cameras; `size` is that of their pictures, where the file does not tell it."""

    def write(self, path: Path, cameras: Cameras) -> None:
        """Write cameras to a file, or into a folder."""


def camera(
    name: str,
    size: Sequence[float],
    matrix: Array,
    distortions: Any,
    rotation: Any,
    translation: Any,
    *,
    fisheye: bool = False,
) -> Camera:
    """A camera from what files hold: flat or nested lists, rotations as vectors or matrices.

    Raises:
        CalibrationError: a lens model that we have not, or a rotation that is none.
    """
    coefficients = np.ravel(np.array(distortions, float))
    if np.any(coefficients[4 if fisheye else 5 :]):
        raise CalibrationError(
            f"camera {name} has {len(coefficients)} distortion coefficients, those of a lens model that "
            "anipose has not; calibrate it with k1, k2, p1, p2 and k3 only"
        )
    vector = np.squeeze(np.array(rotation, float))
    if vector.ndim == 2:
        if np.abs(vector @ vector.T - np.eye(3)).max() > _ROUNDED or np.linalg.det(vector) < 0:
            raise CalibrationError(f"the rotation of camera {name} is none: it stretches or mirrors")
        vector = rotation_vector(vector)
    width, height = (int(side) for side in size)
    return Camera(
        name,
        (width, height),
        np.array(matrix, float),
        coefficients[: 4 if fisheye else 5],
        vector,
        np.ravel(np.array(translation, float)),
        fisheye=fisheye,
    )


def rig(path: Path, cameras: Sequence[Camera], **metadata: str) -> Cameras:
    """The cameras of a file."""
    if not cameras:
        raise FileFormatError(f"{path} has no cameras with a pose")
    return Cameras(tuple(cameras), {"imported_from": path.name, **metadata})


def first(path: Path, values: Mapping[str, Any], *keys: str) -> Array:
    """The value of the first of the keys that there is."""
    for key in keys:
        if values.get(key) is not None:
            return np.array(values[key], float)
    raise FileFormatError(f"{path} has none of {', '.join(keys)}; it has {', '.join(values)}")


def told(path: Path, size: Size | None) -> Size:
    """The size of the pictures, which the file does not hold."""
    if size is None:
        raise FileFormatError(
            f"{path} does not hold the size of the pictures; tell it: --size WIDTHxHEIGHT, in pixels"
        )
    return size


def only_pinhole(cameras: Cameras, what: str) -> None:
    """Refuse fisheye lenses."""
    fisheye = [camera.name for camera in cameras if camera.fisheye]
    if fisheye:
        raise CalibrationError(f"{what} has no fisheye lenses, but camera {', '.join(fisheye)} has one")


def metres_per_unit(cameras: Cameras) -> float:
    """Metres in the unit of a calibration, which is that of its board, for programs that want metres."""
    return in_mm(str(cameras.metadata.get("units", "mm"))) / MM["m"]
