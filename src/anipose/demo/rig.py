"""The cameras of the demo: four in a ring, looking down on an animal of 7 cm in an arena of 15 cm.

The world has its origin on the floor in the middle of the arena, z up, in millimetres.
"""

import numpy as np

from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import looking_at, rotation_vector

IMAGE_SIZE = (640, 480)
# What they look at: the middle of the animal's body.
TARGET = np.array([0.0, 0.0, 8.0])

# Each its own: heading and elevation (degrees) and distance (mm) seen from the target, focal length (px),
# radial distortion of a cheap wide lens.
PLACES = (
    (-35.0, 38.0, 268.0, 905.0, -0.21),
    (58.0, 50.0, 251.0, 880.0, -0.17),
    (141.0, 34.0, 275.0, 930.0, -0.24),
    (236.0, 46.0, 259.0, 890.0, -0.19),
)


def make_rig(n_cameras: int = 4) -> Cameras:
    """The first cameras of the ring, at most four, named A, B, C, D."""
    if not 1 <= n_cameras <= len(PLACES):
        raise ValueError(f"the demo has places for {len(PLACES)} cameras, not for {n_cameras}")
    cameras = []
    for name, (heading, elevation, distance, focal, k1) in zip("ABCD"[:n_cameras], PLACES, strict=False):
        width, height = IMAGE_SIZE
        matrix = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        a, e = np.radians([heading, elevation])
        direction = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
        rotation, translation = looking_at(TARGET + distance * direction, TARGET)
        cameras.append(
            Camera(name, IMAGE_SIZE, matrix, np.array([k1]), rotation_vector(rotation), translation)
        )
    return Cameras(tuple(cameras))
