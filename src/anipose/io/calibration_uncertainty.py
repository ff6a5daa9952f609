"""How sure a calibration is of its cameras, beside it, as arrays with names (.npz)."""

import zipfile
from pathlib import Path

import numpy as np

from anipose.errors import FileFormatError
from anipose.geometry.calibration_uncertainty import CalibrationUncertainty
from anipose.io.files import atomic_path, require_file


def write_calibration_uncertainty(path: Path, uncertainty: CalibrationUncertainty) -> None:
    """Write it; the same gives the same bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            cameras=np.array(uncertainty.names),
            intrinsics=uncertainty.intrinsics,
            cam_from_first=uncertainty.cam_from_first,
            covariance=uncertainty.joint,
        )


def read_calibration_uncertainty(path: Path) -> CalibrationUncertainty:
    """What `write_calibration_uncertainty` wrote.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it is something else.
    """
    require_file(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            names = tuple(str(name) for name in file["cameras"])
            found = CalibrationUncertainty(
                names, file["intrinsics"], file["cam_from_first"], file["covariance"]
            )
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            f"{path} does not hold the uncertainty of a calibration; delete it and run: anipose calibrate"
        ) from error
    if found.joint.shape != (len(names), 15, len(names), 15):
        raise FileFormatError(f"{path} is damaged; delete it and run: anipose calibrate")
    return found
