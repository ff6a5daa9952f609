"""Small experiments with several animals, as DeepLabCut and SLEAP track them, with known poses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import write_animals_2d
from anipose.poses import Poses2D
from projects import CONFIG
from synthetic import make_rig

KEYPOINTS = ("hip", "knee", "foot", "toe")
NAMES = ("anna", "berta", "cora")


@dataclass(frozen=True)
class Herd:
    """Legs that walk through each other.

    Attributes:
        root: the experiment.
        truth: (frame, animal, keypoint, 3).
    """

    root: Path
    truth: NDArray[np.float64]


def make_herd(
    root: Path,
    *,
    n_animals: int = 2,
    n_frames: int = 120,
    noise_px: float = 0.5,
    confused: float = 0.05,
    config: str = CONFIG,
    corner: bool = False,
) -> Herd:
    """An experiment with one trial in three cameras; what each camera calls an animal differs.

    Args:
        confused: share of the frames in which a camera has the names exchanged.
        corner: whether there is a corner of the box, under the individual "single".
    """
    rng = np.random.default_rng(0)
    truth = walk_through(n_animals, n_frames)
    cameras = make_rig(3)
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.toml").write_text(config)
    write_calibration(root / "calibration" / "calibration.toml", cameras)
    for number, camera in enumerate(cameras):
        points = camera.project(truth)
        points += rng.normal(0, noise_px, points.shape)
        order = np.roll(np.arange(n_animals), number)
        turned = rng.random(n_frames) < confused
        points = np.where(turned[:, None, None, None], points[:, order[::-1]], points[:, order])
        animals = {
            name: Poses2D(KEYPOINTS, points[:, place], np.full(points[:, place].shape[:2], 0.95))
            for place, name in enumerate(NAMES[:n_animals])
        }
        if corner:
            at = np.repeat(camera.project(np.array([[[100.0, 100, 0]]])), n_frames, axis=0)
            animals["single"] = Poses2D(("corner",), at, np.full((n_frames, 1), 0.95))
        write_animals_2d(root / "session1" / "pose-2d" / f"t-{camera.name}.h5", animals)
    return Herd(root, truth)


def walk_through(n_animals: int, n_frames: int) -> NDArray[np.float64]:
    """Legs of three limbs that go to and fro on lines through the origin, and meet there in the middle."""
    swing = np.sin(np.linspace(0, 2 * np.pi, n_frames))
    legs = []
    for number in range(n_animals):
        direction = np.pi * number / n_animals
        towards = np.array([np.cos(direction), np.sin(direction), 0])
        hip = 120 * np.linspace(-1, 1, n_frames)[:, None] * towards
        across = np.array([-np.sin(direction), np.cos(direction), 0])
        knee = hip + 40 * towards + 5 * swing[:, None] * across
        foot = knee - np.array([0, 0, 30 + 3.0 * number])
        toe = foot + 15 * (np.cos(swing)[:, None] * towards + np.sin(swing)[:, None] * across)
        legs.append(np.stack([hip, knee, foot, toe], axis=1))
    return np.stack(legs, axis=1)
