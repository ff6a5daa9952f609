"""A companion of the angles (NetCDF) with how sure they are, which their CSV has no room for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.files import atomic_path
from anipose.version import __version__

Array = NDArray[np.float64]


def read_covariances(path: Path, keypoints: Sequence[str], n_frames: int) -> dict[str, Array]:
    """Covariances (frame, 3, 3) of 3D points by keypoint, from the companion of the poses; NaN if unknown.

    Raises:
        FileFormatError: the companion is of other poses.
    """
    unknown = np.full((n_frames, 3, 3), np.nan)
    if not path.is_file():
        return dict.fromkeys(keypoints, unknown)
    import xarray as xr

    with xr.open_dataset(path, engine="netcdf4") as data:
        if "position_covariance" not in data:
            return dict.fromkeys(keypoints, unknown)
        variable = data["position_covariance"].transpose("keypoints", "time", "space", "space_other")
        found = dict(zip(data["keypoints"].values.tolist(), variable.values, strict=True))
        if variable.sizes["time"] != n_frames:
            raise FileFormatError(
                f"{path} has {variable.sizes['time']} frames, its table {n_frames}: it is of other poses. "
                "Delete it, or make both anew with: anipose triangulate --force"
            )
    return {name: found.get(name, unknown) for name in keypoints}


def write_angle_companion(
    path: Path,
    angles: Mapping[str, Array],
    deviations: Mapping[str, Array],
    frame_numbers: NDArray[np.int64],
) -> None:
    """Write angles and their standard deviations, degrees.

    Args:
        path: the file (.nc).
        angles: (frame,), by column.
        deviations: the same; NaN where unknown.
        frame_numbers: of the rows.
    """
    import xarray as xr

    def stacked(columns: Mapping[str, Array]) -> Array:
        return np.stack([columns[name] for name in angles], axis=1)

    variables = {
        "angle": (("time", "angles"), stacked(angles), {"units": "degree"}),
        "angle_sd": (
            ("time", "angles"),
            stacked(deviations),
            {"units": "degree", "long_name": "standard deviation, from the covariances of the points"},
        ),
    }
    coordinates = {"time": frame_numbers, "angles": list(angles)}
    attributes = {"source_software": "Anipose", "anipose_version": __version__}
    with atomic_path(path) as temporary:
        xr.Dataset(variables, coordinates, attributes).to_netcdf(temporary, engine="netcdf4")
