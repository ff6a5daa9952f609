"""Runs in an environment with the reader of caliscope or COLMAP: it projects with what we wrote.

Arguments: a folder with points.npy and the export; and the format; prints the pixels of each camera, by name.
"""

import json
import sys
from pathlib import Path

import numpy as np


def with_colmap(folder: Path, points: np.ndarray) -> dict[str, list[list[float]]]:
    import pycolmap

    rig = pycolmap.Reconstruction()
    rig.read_text(str(folder / "colmap"))
    return {
        image.name: [(image.project_point(point) - 0.5).tolist() for point in points]
        for image in rig.images.values()
    }


def with_caliscope(folder: Path, points: np.ndarray) -> dict[str, list[list[float]]]:
    import cv2
    from caliscope.cameras.camera_array import CameraArray

    cameras = CameraArray.from_toml(folder / "camera_array.toml").posed_cameras
    return {
        f"cam{number}": cv2.projectPoints(
            points / 1000, camera.rotation, camera.translation, camera.matrix, camera.distortions
        )[0][:, 0].tolist()
        for number, camera in cameras.items()
    }


project = {"colmap": with_colmap, "caliscope": with_caliscope}[sys.argv[2]]
where = Path(sys.argv[1])
print("\n" + json.dumps(project(where, np.load(where / "points.npy"))))
