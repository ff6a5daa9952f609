"""A companion of the 3D poses in the schema of `movement` (NetCDF), with what CSV has no room for.

`xarray.open_dataset` reads it, and `movement` takes it as its own data set of poses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import DependencyError
from anipose.io.files import atomic_path
from anipose.poses import UNNAMED, Poses3D
from anipose.version import __version__

# movement gives this name to the only animal of a file.
_INDIVIDUAL = "id_0"


# Dimensions, values and attributes, as xarray takes them.
Variable = tuple[tuple[str, ...], NDArray[Any], dict[str, str]]


@dataclass(frozen=True, eq=False)
class Described3D:
    """3D poses of an animal with what their table has no room for.

    Attributes:
        poses: what the table has.
        cameras_used: (camera, frame, keypoint), whether a point was triangulated from the camera.
        covariances: (frame, keypoint, 3, 3) of the points, in their frame of reference, where they are known.
    """

    poses: Poses3D
    cameras_used: NDArray[np.bool_]
    covariances: NDArray[np.float64] | None = None


def companion_possible() -> bool:
    """Whether the packages that write NetCDF are installed."""
    return find_spec("xarray") is not None and find_spec("netCDF4") is not None


def write_animals_companion(
    path: Path,
    animals: Mapping[str, Described3D],
    *,
    fps: float | None,
    unit: str,
    cameras: Sequence[str],
) -> None:
    """Write 3D poses with their errors and cameras, and a description of every variable.

    Args:
        path: the file (.nc).
        animals: what to write, by the name of the animal; all in the same frame of reference.
        fps: frames per second; without it, time counts frames.
        unit: unit of length, that of the calibration board.
        cameras: names.

    Raises:
        DependencyError: xarray or netCDF4 are not installed.
    """
    if not companion_possible():
        raise DependencyError(
            f"{path} cannot be written without xarray and netCDF4; install them with "
            "pip install 'anipose[netcdf]'"
        )
    import xarray as xr

    frame_numbers = next(iter(animals.values())).poses.frame_numbers
    keypoints = tuple(dict.fromkeys(name for one in animals.values() for name in one.poses.keypoints))
    variables = _joined([_variables(_with_keypoints(one, keypoints), unit) for one in animals.values()])
    coordinates = {
        "time": frame_numbers / fps if fps else frame_numbers,
        "space": ["x", "y", "z"],
        "keypoints": list(keypoints),
        "individuals": [_INDIVIDUAL if name == UNNAMED else name for name in animals],
        "camera": list(cameras),
        "world_axis": ["x", "y", "z"],
    }
    if "position_covariance" in variables:
        coordinates["space_other"] = ["x", "y", "z"]
    attributes: dict[str, str | float] = {
        "ds_type": "poses",
        "source_software": "Anipose",
        "source_file": path.with_suffix(".csv").name,
        "time_unit": "seconds" if fps else "frames",
        "anipose_version": __version__,
    }
    if fps:
        attributes["fps"] = float(fps)
    with atomic_path(path) as temporary:
        xr.Dataset(variables, coordinates, attributes).to_netcdf(temporary, engine="netcdf4")


def _variables(animal: Described3D, unit: str) -> dict[str, Variable]:
    """What is known of one animal."""
    poses, per_point = animal.poses, ("time", "keypoints")
    variables: dict[str, Variable] = {
        "position": (
            ("time", "space", "keypoints", "individuals"),
            poses.points.swapaxes(1, 2)[..., None],
            {"units": unit, "long_name": "position in the frame of reference"},
        ),
        "confidence": (
            (*per_point, "individuals"),
            poses.scores[..., None],
            {"units": "1", "long_name": "lowest score among the cameras used"},
        ),
        "reprojection_error": (
            per_point,
            poses.errors,
            {"units": "pixel", "long_name": "mean distance between tracked and reprojected point"},
        ),
        "n_cameras": (per_point, poses.n_cameras, {"units": "1", "long_name": "number of cameras used"}),
        "cameras_used": (
            ("camera", *per_point),
            animal.cameras_used.astype(np.int8),
            {"units": "1", "long_name": "1 if the point was triangulated from the camera"},
        ),
        "frame_rotation": (
            ("space", "world_axis"),
            poses.frame.rotation,
            {"units": "1", "long_name": "position = rotation @ position in the calibration - center"},
        ),
        "frame_center": (("space",), poses.frame.center, {"units": unit, "long_name": "origin, rotated"}),
        "frame_number": (("time",), poses.frame_numbers, {"units": "1", "long_name": "frame of the videos"}),
    }
    if animal.covariances is not None:
        variables["position_covariance"] = (
            ("time", "space", "space_other", "keypoints"),
            animal.covariances.transpose(0, 2, 3, 1),
            {"units": f"{unit}^2", "long_name": "covariance of the position"},
        )
    return variables


def _with_keypoints(animal: Described3D, keypoints: tuple[str, ...]) -> Described3D:
    """With these keypoints, those of all animals; what this one does not have is NaN."""
    poses = animal.poses
    if poses.keypoints == keypoints:
        return animal
    places = [keypoints.index(name) for name in poses.keypoints]

    def spread(values: NDArray[Any], axis: int, missing: float) -> NDArray[Any]:
        shape = (*values.shape[:axis], len(keypoints), *values.shape[axis + 1 :])
        result = np.full(shape, missing, dtype=values.dtype)
        result[(slice(None),) * axis + (places,)] = values
        return result

    points, errors, n_cameras, scores = (
        spread(part, 1, np.nan) for part in (poses.points, poses.errors, poses.n_cameras, poses.scores)
    )
    return Described3D(
        Poses3D(keypoints, points, errors, n_cameras, scores, poses.frame, poses.frame_numbers),
        spread(animal.cameras_used, 2, False),
        None if animal.covariances is None else spread(animal.covariances, 1, np.nan),
    )


def _joined(animals: Sequence[dict[str, Variable]]) -> dict[str, Variable]:
    """The variables of several animals; what belongs to keypoints gets the dimension of individuals."""
    if len(animals) == 1:
        return animals[0]
    result: dict[str, Variable] = {}
    for name, (dimensions, values, attributes) in animals[0].items():
        if "individuals" in dimensions:
            values = np.concatenate([animal[name][1] for animal in animals], axis=-1)
        elif "keypoints" in dimensions:
            dimensions = (*dimensions, "individuals")
            values = np.stack([animal[name][1] for animal in animals], axis=-1)
        result[name] = (dimensions, values, attributes)
    return result
