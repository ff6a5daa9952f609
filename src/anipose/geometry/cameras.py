"""Cameras: projection of points into pictures, and back to rays.

Pixels are OpenCV's: the centre of the top-left pixel is (0, 0). Lengths have the unit of the
calibration board. `cam_from_world` maps world points into the camera (x right, y down, z forward).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Camera:
    """One calibrated camera.

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
    distortions: NDArray[np.float64] = field(default_factory=lambda: np.zeros(5))
    rotation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    translation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    fisheye: bool = False
