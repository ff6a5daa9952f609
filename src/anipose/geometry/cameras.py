"""Cameras: projection of points into pictures, and back to rays.

Pixels are OpenCV's: the centre of the top-left pixel is (0, 0). Lengths have the unit of the
calibration board. `cam_from_world` maps world points into the camera (x right, y down, z forward).

A point that a camera cannot picture, because it lies behind it or so far outside that the lens model
folds over, projects to NaN: "not seen", the same as everywhere. Results are laid out in memory with the
coordinate first, so that ``uv[..., 0]`` is contiguous.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.errors import CalibrationError, ProjectError
from anipose.geometry.lenses import Lens, lens
from anipose.geometry.transforms import rigid, rotation_matrix, rotation_vector

Array = NDArray[np.float64]

# Points are worked on in pieces of this many: the temporary arrays then stay in the processor's cache
# and memory does not grow with the recording.
CHUNK = 16384

# glibc gives the memory of each temporary array back to the system, and takes it again page by page, until
# a block larger than the temporaries was freed once. This one makes chunked arithmetic 2 to 3 times faster.
np.empty(16_000_000, dtype=np.uint8)


def chunks(n_points: int) -> Iterator[slice]:
    """Slices that together cover `n_points`, each of at most `CHUNK`."""
    for start in range(0, n_points, CHUNK):
        yield slice(start, min(start + CHUNK, n_points))


@dataclass(frozen=True, eq=False)
class Camera:
    """One calibrated camera.

    Arrays are copied, checked, and cannot be written to. Fewer distortions than the model has are filled
    up with zeros; a fifth, zero one of a fisheye lens, as older calibration files have it, is left out.

    Attributes:
        name: as `cam_regex` finds it in the names of the videos.
        size: (width, height), pixels.
        matrix: (3, 3), [[fx, 0, cx], [0, fy, cy], [0, 0, 1]].
        distortions: (k1, k2, p1, p2, k3) of OpenCV's pinhole model, or (k1, k2, k3, k4) if `fisheye`.
        rotation: (3,), rotation vector of cam_from_world.
        translation: (3,), of cam_from_world.
        fisheye: whether the lens follows OpenCV's fisheye model.
    """

    name: str
    size: tuple[int, int]
    matrix: NDArray[np.float64]
    distortions: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    rotation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    translation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    fisheye: bool = False

    def __post_init__(self) -> None:
        faults = []
        for name in ("matrix", "distortions", "rotation", "translation"):
            try:
                array = np.array(getattr(self, name), dtype=np.float64)
            except (TypeError, ValueError):
                raise CalibrationError(f"camera {self.name}: {name} is not an array of numbers") from None
            if name == "distortions" and array.ndim == 1:
                array = _fitting(array, 4 if self.fisheye else 5)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
            faults += _array_faults(name, array, self._shapes()[name])
        object.__setattr__(self, "size", tuple(self.size))
        if len(self.size) != 2 or not all(side > 0 and side == int(side) for side in self.size):
            faults.append(f"size is {list(self.size)}, expected two positive whole numbers")
        else:
            object.__setattr__(self, "size", (int(self.size[0]), int(self.size[1])))
        if not faults:
            faults = _matrix_faults(self.matrix)
        if faults:
            raise CalibrationError(f"camera {self.name}: {'; '.join(faults)}")

    def _shapes(self) -> Mapping[str, tuple[int, ...]]:
        n_distortions = 4 if self.fisheye else 5
        return {"matrix": (3, 3), "distortions": (n_distortions,), "rotation": (3,), "translation": (3,)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Camera):
            return NotImplemented
        plain = (self.name, self.size, self.fisheye) == (other.name, other.size, other.fisheye)
        return plain and all(np.array_equal(getattr(self, n), getattr(other, n)) for n in self._shapes())

    @cached_property
    def rotation_matrix(self) -> Float[Array, "3 3"]:
        """Rotation of cam_from_world."""
        return rotation_matrix(self.rotation)

    @property
    def cam_from_world(self) -> Float[Array, "3 4"]:
        """``[R | t]``."""
        return rigid(self.rotation_matrix, self.translation)

    @property
    def center(self) -> Float[Array, "3"]:
        """Where the camera is, in the world."""
        return -self.rotation_matrix.T @ self.translation

    @cached_property
    def lens(self) -> Lens:
        return lens(self.distortions, fisheye=self.fisheye)

    def with_pose(self, rotation: Float[Array, "*rotation"], translation: Float[Array, "3"]) -> Self:
        """The same camera elsewhere; `rotation` is a vector (3,) or a matrix (3, 3)."""
        vector = rotation_vector(rotation) if np.ndim(rotation) == 2 else rotation
        return replace(self, rotation=vector, translation=translation)

    def project(self, points: Float[Array, "*batch 3"]) -> Float[Array, "*batch 2"]:
        """Pixels of world points; NaN for NaN, behind the camera, and beyond the limit of the lens."""
        flat = points.reshape(-1, 3)
        pixels = np.empty((2, len(flat)))
        for chunk in chunks(len(flat)):
            x, y, z = self._in_camera(flat[chunk])
            visible = self._visible(x, y, z)
            with np.errstate(invalid="ignore", over="ignore"):
                x_d, y_d = self.lens.distort(x, y)
                np.multiply(x_d, self.matrix[0, 0], out=pixels[0, chunk])
                np.multiply(y_d, self.matrix[1, 1], out=pixels[1, chunk])
            pixels[:, chunk] += self.matrix[:2, 2:]
            if not visible.all():
                pixels[:, chunk] = np.where(visible, pixels[:, chunk], np.nan)
        return np.moveaxis(pixels.reshape(2, *points.shape[:-1]), 0, -1)

    def project_with_jacobian(
        self, points: Float[Array, "*batch 3"]
    ) -> tuple[Float[Array, "*batch 2"], Float[Array, "*batch 2 3"]]:
        """Pixels of world points, and their derivatives by the points (pixels per unit of length).

        With [[xx, xy], [xy, yy]] the Jacobian of the lens and R0, R1, R2 the rows of the rotation,
        du/dp = fx/z (xx (R0 - x R2) + xy (R1 - y R2)), dv/dp = fy/z (xy (R0 - x R2) + yy (R1 - y R2)).
        NaN as in `project`. Made for one chunk at a time: see `chunks`.
        """
        x, y, z = self._in_camera(points.reshape(-1, 3))
        visible = self._visible(x, y, z)
        x, y, z = (np.where(visible, value, np.nan) for value in (x, y, z))
        x_d, y_d, xx, xy, yy = self.lens.distort_with_jacobian(x, y)
        pixels = self._pixels(x_d, y_d)
        by_camera = np.empty((2, 3, len(z)))  # derivatives by the point in the camera's axes
        for row, (focal, by_x, by_y) in enumerate([(self.matrix[0, 0], xx, xy), (self.matrix[1, 1], xy, yy)]):
            scale = focal / z
            by_camera[row, 0] = scale * by_x
            by_camera[row, 1] = scale * by_y
            by_camera[row, 2] = -(by_camera[row, 0] * x + by_camera[row, 1] * y)
        jacobian = self.rotation_matrix.T @ by_camera
        batch = points.shape[:-1]
        return (
            np.moveaxis(pixels.reshape(2, *batch), 0, -1),
            np.moveaxis(jacobian.reshape(2, 3, *batch), (0, 1), (-2, -1)),
        )

    def picture(
        self, points: Float[Array, "3 point"]
    ) -> tuple[Array, Array, Array, Array, Array, tuple[Array, Array, Array]]:
        """x = X/Z, y = Y/Z, 1/Z, the pixel (u, v), and the Jacobian (xx, xy, yy) of the lens.

        NaN as in `project`. Made for one chunk at a time: see `chunks`.
        """
        x, y, z = self._in_camera(points.T)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inverse_z = 1 / z
            visible = (z > 0) & (x * x + y * y <= self.lens.limit**2)
            if not visible.all():
                x, y, inverse_z = (np.where(visible, value, np.nan) for value in (x, y, inverse_z))
            x_d, y_d, xx, xy, yy = self.lens.distort_with_jacobian(x, y)
        fx, fy, cx, cy = self.matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
        return x, y, inverse_z, fx * x_d + cx, fy * y_d + cy, (xx, xy, yy)

    def undistort(self, points: Float[Array, "*batch 2"]) -> Float[Array, "*batch 2"]:
        """Normalised coordinates (X/Z, Y/Z in the camera) of pixels; NaN where no ray leads to a pixel."""
        flat = points.reshape(-1, 2)
        normalized = np.empty((2, len(flat)))
        for chunk in chunks(len(flat)):
            x_d = (flat[chunk, 0] - self.matrix[0, 2]) / self.matrix[0, 0]
            y_d = (flat[chunk, 1] - self.matrix[1, 2]) / self.matrix[1, 1]
            normalized[:, chunk] = self.lens.undistort(x_d, y_d)
        return np.moveaxis(normalized.reshape(2, *points.shape[:-1]), 0, -1)

    def depth(self, points: Float[Array, "*batch 3"]) -> Float[Array, "*batch"]:
        """Distance of world points in front of the camera, along its axis; negative behind it."""
        depth: Array = points @ self.rotation_matrix[2] + self.translation[2]
        return depth

    def _in_camera(self, points: Float[Array, "point 3"]) -> tuple[Array, Array, Array]:
        """x = X/Z, y = Y/Z and Z of world points."""
        x, y, z = self.rotation_matrix @ points.T + self.translation[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return x / z, y / z, z

    def _visible(self, x: Array, y: Array, z: Array) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore", over="ignore"):
            visible: NDArray[np.bool_] = (z > 0) & (x * x + y * y <= self.lens.limit**2)
        return visible

    def _pixels(self, x_d: Array, y_d: Array) -> Float[Array, "2 point"]:
        fx, fy, cx, cy = self.matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
        return np.stack([fx * x_d + cx, fy * y_d + cy])


def _fitting(distortions: Float[Array, "given"], n_expected: int) -> Float[Array, "coefficient"]:
    """Filled up with zeros, or without zeros at the end; as it is where neither helps."""
    if len(distortions) < n_expected:
        return np.pad(distortions, (0, n_expected - len(distortions)))
    return distortions if distortions[n_expected:].any() else distortions[:n_expected]


def _array_faults(name: str, array: Array, shape: tuple[int, ...]) -> list[str]:
    if array.shape != shape:
        return [f"{name} has shape {array.shape}, expected {shape}"]
    if not np.isfinite(array).all():
        return [f"{name} is not finite"]
    return []


def _matrix_faults(matrix: Float[Array, "3 3"]) -> list[str]:
    expected = np.zeros((3, 3))
    expected[[0, 1, 0, 1], [0, 1, 2, 2]] = matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
    expected[2, 2] = 1
    faults = []
    if not np.array_equal(matrix, expected):
        faults.append("matrix is not of the form [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
        faults.append(f"focal lengths are {matrix[0, 0]:g} and {matrix[1, 1]:g}, expected positive")
    return faults


@dataclass(frozen=True)
class Cameras:
    """The calibrated cameras of a rig, in one world.

    Attributes:
        cameras: at least one, each with its own name.
        metadata: what the calibration says about itself (its error, when it was made, ...).
    """

    cameras: tuple[Camera, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cameras", tuple(self.cameras))
        if not self.cameras:
            raise CalibrationError("the calibration has no cameras")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise CalibrationError(f"the calibration has more than one camera named {', '.join(twice)}")

    def __len__(self) -> int:
        return len(self.cameras)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self.cameras)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(camera.name for camera in self.cameras)

    def subset(self, names: Sequence[str]) -> Self:
        """These cameras, in this order."""
        by_name = dict(zip(self.names, self.cameras, strict=True))
        missing = [name for name in names if name not in by_name]
        if missing:
            raise ProjectError(
                f"no calibration for camera {', '.join(missing)}; the calibration has {', '.join(self.names)}"
            )
        return replace(self, cameras=tuple(by_name[name] for name in names))

    @property
    def cam_from_world(self) -> Float[Array, "camera 3 4"]:
        """``[R | t]`` of each camera."""
        return np.stack([camera.cam_from_world for camera in self.cameras])

    def project(self, points: Float[Array, "*batch 3"]) -> Float[Array, "camera *batch 2"]:
        """Pixels of world points in each camera; NaN where a camera cannot picture a point."""
        pixels = np.empty((len(self), *points.shape[:-1], 2))
        for row, camera in enumerate(self.cameras):
            pixels[row] = camera.project(points)
        return pixels

    def undistort(self, points: Float[Array, "camera *batch 2"]) -> Float[Array, "camera *batch 2"]:
        """Normalised coordinates of each camera's pixels; NaN where no ray leads to a pixel."""
        normalized = np.empty(points.shape)
        for row, camera in enumerate(self.cameras):
            normalized[row] = camera.undistort(points[row])
        return normalized
