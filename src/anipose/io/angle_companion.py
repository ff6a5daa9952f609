"""A companion of the angles (NetCDF) with how sure they are, which their CSV has no room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.files import atomic_path
from anipose.poses import UNNAMED
from anipose.version import __version__

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Companion:
    """What angles need of the companion of 3D poses.

    Attributes:
        covariances: (frame, 3, 3) of the points, by keypoint; NaN where unknown.
        fps: frames per second; None where unknown.
    """

    covariances: Mapping[str, Array]
    fps: float | None


def read_companion(path: Path, keypoints: Sequence[str], n_frames: int, animal: str = UNNAMED) -> Companion:
    """The companion of 3D poses, as far as it is about one animal; where there is none, nothing is known.

    Raises:
        FileFormatError: the companion is of other poses.
    """
    unknown = np.full((n_frames, 3, 3), np.nan)
    if not path.is_file():
        return Companion(dict.fromkeys(keypoints, unknown), None)
    import xarray as xr

    with xr.open_dataset(path, engine="netcdf4") as data:
        fps = float(data.attrs["fps"]) if "fps" in data.attrs else None
        if "position_covariance" not in data:
            return Companion(dict.fromkeys(keypoints, unknown), fps)
        variable = data["position_covariance"]
        if "individuals" in variable.dims:
            variable = variable.sel(individuals=animal)
        variable = variable.transpose("keypoints", "time", "space", "space_other")
        found = dict(zip(data["keypoints"].values.tolist(), variable.values, strict=True))
        if variable.sizes["time"] != n_frames:
            raise FileFormatError(
                f"{path} has {variable.sizes['time']} frames, its table {n_frames}: it is of other poses. "
                "Delete it, or make both anew with: anipose triangulate --force"
            )
    return Companion({name: found.get(name, unknown) for name in keypoints}, fps)


def write_angle_companion(
    path: Path,
    animals: Mapping[str, tuple[Mapping[str, Array], Mapping[str, Array]]],
    frame_numbers: NDArray[np.int64],
    *,
    fps: float | None,
) -> None:
    """Write angles and their standard deviations, degrees.

    Args:
        path: the file (.nc).
        animals: angles (frame,) by column, and their standard deviations, NaN where unknown; by animal.
        frame_numbers: of the rows.
        fps: frames per second; without it, time counts frames.
    """
    import xarray as xr

    names = list(dict.fromkeys(name for angles, _ in animals.values() for name in angles))
    several = set(animals) != {UNNAMED}
    dimensions = ("time", "angles", "individuals") if several else ("time", "angles")
    unknown = np.full(len(frame_numbers), np.nan)

    def stacked(which: int) -> Array:
        parts = [np.stack([a[which].get(name, unknown) for name in names], axis=1) for a in animals.values()]
        return np.stack(parts, axis=2) if several else parts[0]

    variables = {
        "angle": (dimensions, stacked(0), {"units": "degree"}),
        "angle_sd": (
            dimensions,
            stacked(1),
            {"units": "degree", "long_name": "standard deviation, from the covariances of the points"},
        ),
    }
    coordinates = {"time": frame_numbers / fps if fps else frame_numbers, "angles": names}
    if several:
        coordinates["individuals"] = list(animals)
    attributes: dict[str, str | float] = {
        "source_software": "Anipose",
        "anipose_version": __version__,
        "time_unit": "seconds" if fps else "frames",
    }
    if fps:
        attributes["fps"] = fps
    with atomic_path(path) as temporary:
        xr.Dataset(variables, coordinates, attributes).to_netcdf(temporary, engine="netcdf4")
