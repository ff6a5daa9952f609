"""Several animals on crossing paths, as trackers see them that confuse them, with known identities."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from moving_animal import move_animal
from synthetic import make_rig, observe

Array = NDArray[np.float64]
# An animal is missing in a view for so many frames.
OUT_OF_VIEW = 50


@dataclass(frozen=True)
class Scene:
    """Animals of some 100 mm whose paths cross within 60 mm of the origin.

    Attributes:
        truth: (frame, animal, keypoint, 3), mm.
        pixels: (camera, frame, instance, keypoint, 2).
        animals: (camera, frame, instance), which animal each instance is.
    """

    cameras: Cameras
    truth: Float[Array, "frame animal keypoint 3"]
    pixels: Float[Array, "camera frame instance keypoint 2"]
    animals: Int[NDArray[np.int64], "camera frame instance"]

    @property
    def scores(self) -> Float[Array, "camera frame instance keypoint"]:
        return np.where(np.isfinite(self.pixels).all(axis=-1), 0.9, np.nan)


def make_scene(
    n_animals: int,
    n_cameras: int,
    *,
    n_frames: int = 600,
    n_keypoints: int = 12,
    noise_px: float = 1.5,
    outliers: float = 0.05,
    out_of_view: float = 0.1,
    confused: float = 0.05,
    lasting: bool = False,
    seed: int = 0,
) -> Scene:
    """Animals that wander at 100 frames per second.

    Args:
        noise_px, outliers: of the tracked points.
        out_of_view: share of the stretches of `OUT_OF_VIEW` frames in which a view does not have an animal.
        confused: share of the frames in which a tracker gives the animals each other's names.
        lasting: instead, trackers exchange two animals for good, twenty times more rarely.
        seed: of everything. Every camera but the first begins with names of its own.
    """
    rng = np.random.default_rng(seed)
    cameras = make_rig(n_cameras, seed=seed)
    time = np.arange(n_frames)[:, None] / 100
    truth = np.stack(
        [move_animal(n_frames, n_keypoints, seed=10 * seed + animal) for animal in range(n_animals)], axis=1
    )
    frequency, phase = rng.uniform(0.15, 0.45, (n_animals, 2)), rng.uniform(0, 2 * np.pi, (n_animals, 2))
    truth[..., :2] += 60 * np.sin(2 * np.pi * frequency * time[..., None] + phase)[:, :, None]
    pixels, _ = observe(cameras, truth, noise_px=noise_px, outliers=outliers, missing=0.05, seed=seed + 5)
    for start in range(0, n_frames, OUT_OF_VIEW):
        gone = rng.random((n_cameras, n_animals)) < out_of_view
        stretch = pixels[:, start : start + OUT_OF_VIEW]
        stretch[np.broadcast_to(gone[:, None], stretch.shape[:3])] = np.nan
    animals = np.stack([_named(rng, n_frames, n_animals, confused, lasting) for _ in range(n_cameras)])
    return Scene(cameras, truth, np.take_along_axis(pixels, animals[..., None, None], axis=2), animals)


def _named(
    rng: np.random.Generator, n_frames: int, n_animals: int, confused: float, lasting: bool
) -> Int[NDArray[np.int64], "frame instance"]:
    """Which animal each instance of a view is."""
    usual = rng.permutation(n_animals)
    animals = np.empty((n_frames, n_animals), dtype=np.int64)
    for frame in range(n_frames):
        if lasting and rng.random() < confused / 20:
            one, two = rng.choice(n_animals, 2, replace=False)
            usual[[one, two]] = usual[[two, one]]
        wrong = not lasting and rng.random() < confused
        animals[frame] = rng.permutation(n_animals) if wrong else usual
    return animals


def share_right(scene: Scene, slots: Int[NDArray[np.int64], "frame camera animal"]) -> float:
    """Share of the frames in which every instance of an animal in space is of the right animal.

    An animal is in space where two views have it. What has but one view is not part of any 3D pose.
    """
    found = np.take_along_axis(scene.animals.swapaxes(0, 1), np.maximum(slots, 0), axis=2)
    counts = (slots >= 0) & ((slots >= 0).sum(axis=1) > 1)[:, None]
    shares = [
        ((found == order) | ~counts).all(axis=(1, 2)).mean() for order in permutations(range(slots.shape[2]))
    ]
    return float(max(shares))
