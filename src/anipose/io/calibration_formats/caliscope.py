"""camera_array.toml of caliscope.

Metres: its boards are given in cm and divided by 100. Tables `[cameras.0]`, with a rotation vector, or a
matrix in files of older versions (mprib/caliscope, `cameras/camera_array.py`, `from_toml`, `to_toml`). It
also writes camera_array_aniposelib.toml, with tables `[cam_0]`, which are in metres, too. Older versions
had such tables with `port` in config.toml. Pixels are OpenCV's.
"""

from pathlib import Path

import tomlkit

from anipose.geometry.cameras import Cameras
from anipose.io.calibration_formats.format import Size, metres_per_unit, rig
from anipose.io.calibration_formats.toml_tables import cameras_in_metres, read_document, tables_in, tables_of
from anipose.io.files import write_text

TARGET = "camera_array.toml"
ABOUT = "metres"


def recognises(path: Path) -> bool:
    """Its tables say the number of the camera, by a key that others do not have."""
    tables = tables_in(path)
    return bool(tables) and all("cam_id" in table or "port" in table for table in tables.values())


def read(path: Path, size: Size | None = None) -> Cameras:
    return rig(path, [*cameras_in_metres(tables_of(read_document(path)))], units="mm")


def write(path: Path, cameras: Cameras) -> None:
    """`name` is ours; caliscope goes by the number."""
    metres = metres_per_unit(cameras)
    tables = {
        str(number): {
            "cam_id": number,
            "name": camera.name,
            "size": list(camera.size),
            "rotation_count": 0,
            "matrix": camera.matrix.tolist(),
            "distortions": camera.distortions.tolist(),
            "rotation": camera.rotation.tolist(),
            "translation": (camera.translation * metres).tolist(),
            "fisheye": camera.fisheye,
        }
        for number, camera in enumerate(cameras)
    }
    write_text(path, tomlkit.dumps({"cameras": tables}))
