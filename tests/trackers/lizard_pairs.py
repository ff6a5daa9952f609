"""Two animals of the demo that walk past each other, in small pictures; and a network for them."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from networks import DEEPLABCUT, film_two, trained

from anipose.arrays import NDArray
from anipose.demo.animal import KEYPOINTS as ALL_KEYPOINTS
from anipose.demo.animal import Walk, walk
from anipose.demo.rig import make_rig
from anipose.geometry.cameras import Cameras
from anipose.io.video_writer import VideoWriter

KEYPOINTS = ("nose", "shoulder", "hip", "tail")
SIZE = (320, 240)
N_IMAGES, EPOCHS, MIDDLE = 45, 100, 30
# Half of how far the animals are apart, in labelled pictures, and where they pass each other, mm.
APART, PASSING = (15.0, 28.0), 22.0


def pair_network(temporary: Path) -> Path:
    """A DeepLabCut project for several animals, trained on rendered pictures with exact labels."""
    images = {}
    for number in range(N_IMAGES):
        rng = np.random.default_rng([2028, number])
        camera = small_rig().cameras[number % len(small_rig().cameras)]
        angle, apart = rng.uniform(0, 2 * np.pi), rng.uniform(*APART)
        by = apart * np.array([np.cos(angle), np.sin(angle)])
        pair = [_placed(walk(2 * MIDDLE, 60.0, rng), side * by) for side in (-1, 1)]
        name = f"img{number:04d}.png"
        cv2.imwrite(str(temporary / name), next(film_two(camera, pair, rng, range(MIDDLE, MIDDLE + 1))))
        images[name] = np.round(camera.project(truth(pair)[MIDDLE]), 3).reshape(-1, 2).tolist()
    labels = {"epochs": EPOCHS, "keypoints": KEYPOINTS, "individuals": ["one", "two"], "images": images}
    return trained("pair", DEEPLABCUT, temporary, json.dumps(labels))


def film_pair(session: Path, n_frames: int) -> tuple[Cameras, NDArray[np.float64]]:
    """Videos of two that the network has not seen, and where they are: (frame, animal, keypoint, 3)."""
    rng = np.random.default_rng(5)
    pair = [_along_x(walk(n_frames, 60.0, rng), side) for side in (-1, 1)]
    for camera in small_rig():
        video = session / "videos-raw" / f"walk-cam{camera.name}.mp4"
        with VideoWriter(video, 60, SIZE, crf=15) as writer:
            for image in film_two(camera, pair, np.random.default_rng(8), range(n_frames)):
                writer.write(image)
    return small_rig(), truth(pair)


def truth(pair: list[Walk]) -> NDArray[np.float64]:
    """The keypoints of both, (frame, animal, keypoint, 3)."""
    columns = [ALL_KEYPOINTS.index(name) for name in KEYPOINTS]
    return np.stack([one.keypoints[:, columns] for one in pair], axis=1)


def small_rig() -> Cameras:
    """Three cameras of the demo with half of the pixels."""
    cameras = []
    for camera in make_rig(3):
        matrix = camera.matrix / 2
        matrix[:, 2] = (SIZE[0] - 1) / 2, (SIZE[1] - 1) / 2, 1
        cameras.append(replace(camera, size=SIZE, matrix=matrix))
    return Cameras(tuple(cameras))


def _along_x(one: Walk, side: int) -> Walk:
    """The walk, turned to lead along the x axis: on its one side (-1) forwards, on the other (1) back."""
    way = one.joints["hip"][-1] - one.joints["hip"][0]
    return _placed(one, np.array([0, side * PASSING]), turn=np.arctan2(-side * way[1], -side * way[0]))


def _placed(one: Walk, by: NDArray[np.float64], *, turn: float = 0.0) -> Walk:
    """The walk turned about the middle of the arena, clockwise, and moved on its floor."""
    c, s = np.cos(turn), np.sin(turn)
    rotation, by = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]), np.append(by, 0.0)
    joints = {name: points @ rotation.T + by for name, points in one.joints.items()}
    return Walk(one.keypoints @ rotation.T + by, joints)
