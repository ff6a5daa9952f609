"""Calib.toml of Pose2Sim.

Metres, a rotation vector, four distortion coefficients, `fisheye = false` always; the key of a table is the
name of its camera, and cameras are taken in the order of the file (perfanalytics/pose2sim,
`Pose2Sim/calibration.py`, `toml_write`; `Pose2Sim/common.py`, `computeP`: P = K [R | T]). Pixels are
OpenCV's.
"""

import logging
from pathlib import Path
from typing import Any

import tomlkit

from anipose.geometry.cameras import Cameras
from anipose.io.calibration_formats.format import Size, metres_per_unit, only_pinhole, rig
from anipose.io.calibration_formats.toml_tables import cameras_in_metres, read_document, tables_in, tables_of
from anipose.io.files import write_text

log = logging.getLogger(__name__)

TARGET = "Calib.toml"
ABOUT = "metres; k1, k2, p1, p2"


def recognises(path: Path) -> bool:
    """Names as keys, and four coefficients: the older Anipose has five, and its keys are cam_0, cam_1, ..."""
    tables = tables_in(path)
    return bool(tables) and all(
        table.get("name") == key and len(table.get("distortions", ())) == 4 for key, table in tables.items()
    )


def read(path: Path, size: Size | None = None) -> Cameras:
    return rig(path, [*cameras_in_metres(tables_of(read_document(path)))], units="mm")


def write(path: Path, cameras: Cameras) -> None:
    only_pinhole(cameras, "Pose2Sim")
    lost = [camera.name for camera in cameras if camera.distortions[4]]
    if lost:
        log.warning(
            "%s: k3 of camera %s is left out, for which Pose2Sim has no place; for an exact file, calibrate "
            'with distortion = "k1 k2"',
            path,
            ", ".join(lost),
        )
    metres = metres_per_unit(cameras)
    document: dict[str, Any] = {
        camera.name: {
            "name": camera.name,
            "size": [float(side) for side in camera.size],
            "matrix": camera.matrix.tolist(),
            "distortions": camera.distortions[:4].tolist(),
            "rotation": camera.rotation.tolist(),
            "translation": (camera.translation * metres).tolist(),
            "fisheye": False,
        }
        for camera in cameras
    }
    document["metadata"] = {"adjusted": False, "error": 0.0}
    write_text(path, tomlkit.dumps(document))
