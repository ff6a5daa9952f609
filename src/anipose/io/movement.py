"""A companion of the 3D poses in the schema of `movement` (NetCDF), with what CSV has no room for.

`xarray.open_dataset` reads it, and `movement` takes it as its own data set of poses.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import DependencyError
from anipose.io.files import atomic_path
from anipose.poses import Poses3D
from anipose.version import __version__

# movement gives this name to the only animal of a file.
_INDIVIDUAL = "id_0"


def companion_possible() -> bool:
    """Whether the packages that write NetCDF are installed."""
    return find_spec("xarray") is not None and find_spec("netCDF4") is not None


def write_companion(
    path: Path,
    poses: Poses3D,
    *,
    fps: float | None,
    unit: str,
    cameras: Sequence[str],
    cameras_used: NDArray[np.bool_],
    covariances: NDArray[np.float64] | None = None,
) -> None:
    """Write 3D poses with their errors and cameras, and a description of every variable.

    Args:
        path: the file (.nc).
        poses: what to write.
        fps: frames per second; without it, time counts frames.
        unit: unit of length, that of the calibration board.
        cameras: names.
        cameras_used: (camera, frame, keypoint), whether a point was triangulated from the camera.
        covariances: (frame, keypoint, 3, 3) of the points, in their frame of reference, where they are known.

    Raises:
        DependencyError: xarray or netCDF4 are not installed.
    """
    if not companion_possible():
        raise DependencyError(
            f"{path} cannot be written without xarray and netCDF4; install them with "
            "pip install 'anipose[netcdf]'"
        )
    import xarray as xr

    per_point = ("time", "keypoints")
    variables = {
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
            cameras_used.astype(np.int8),
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
    if covariances is not None:
        variables["position_covariance"] = (
            ("time", "space", "space_other", "keypoints"),
            covariances.transpose(0, 2, 3, 1),
            {"units": f"{unit}^2", "long_name": "covariance of the position"},
        )
    coordinates = {
        "time": poses.frame_numbers / fps if fps else poses.frame_numbers,
        "space": ["x", "y", "z"],
        "keypoints": list(poses.keypoints),
        "individuals": [_INDIVIDUAL],
        "camera": list(cameras),
        "world_axis": ["x", "y", "z"],
    }
    if covariances is not None:
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
