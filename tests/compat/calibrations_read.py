"""Runs in an environment with the reader of caliscope, COLMAP or Pose2Sim: it projects with what we wrote.

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


def with_pose2sim(folder: Path, points: np.ndarray) -> dict[str, list[list[float]]]:
    """As it projects where it undistorts points, and, with `computeP`, where it does not."""
    import cv2
    from Pose2Sim.common import computeP, reprojection, retrieve_calib_params

    calibration = folder / "Calib.toml"
    lenses = retrieve_calib_params(calibration)
    found = {}
    for number, matrix in enumerate(computeP(calibration)):
        pose = lenses["R"][number], lenses["T"][number], lenses["K"][number]
        straight = cv2.projectPoints(points / 1000, *pose, None)[0][:, 0]
        x, y = np.transpose([reprojection([matrix], [*point, 1.0]) for point in points / 1000])[0]
        np.testing.assert_allclose(np.stack([x, y], axis=1), straight, atol=1e-9)
        pixels = cv2.projectPoints(points / 1000, *pose, lenses["dist"][number])[0]
        found[f"cam{number}"] = pixels[:, 0].tolist()
    return found


project = {"colmap": with_colmap, "caliscope": with_caliscope, "pose2sim": with_pose2sim}[sys.argv[2]]
where = Path(sys.argv[1])
print("\n" + json.dumps(project(where, np.load(where / "points.npy"))))
