"""Networks that are trained from scratch, and kept until the recipe changes; and what to track with them."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import environments
from anipose.demo.animal import KEYPOINTS, Walk, walk
from anipose.demo.render import film
from anipose.demo.rig import make_rig
from anipose.geometry.cameras import Cameras
from anipose.io.video import read_bgr
from anipose.io.video_writer import VideoWriter
from anipose.poses import Poses2D
from anipose.trackers.workers import serve

_HERE = Path(__file__).parent
N_WALKS, MIDDLE = 20, 30
LIZARD_EPOCHS, MOUSE_EPOCHS, SLEAP_EPOCHS = 40, 60, 80


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    Attributes:
        script: in this folder.
        environment: that it runs in.
    """

    script: str
    environment: environments.Environment


DEEPLABCUT = Recipe("train_deeplabcut.py", environments.DEEPLABCUT)
SLEAP = Recipe("train_sleap.py", environments.SLEAP)


def lizard_network(temporary: Path) -> Path:
    """A network for the animal of the demo; the labelled frames are rendered, so the labels are exact."""
    return _trained("lizard", DEEPLABCUT, temporary, _render(temporary, LIZARD_EPOCHS))


def sleap_network(temporary: Path) -> Path:
    """The same, of SLEAP."""
    return _trained("sleap", SLEAP, temporary, _render(temporary, SLEAP_EPOCHS))


def mouse_network(temporary: Path, video: Path, known: Poses2D, held_out: Sequence[int]) -> Path:
    """A network for a real mouse, from the labelled frames of a video but for those held out."""
    images: dict[str, Any] = {}
    for number, image in enumerate(read_bgr(video)):
        if number not in held_out:
            name = f"img{len(images):04d}.png"
            cv2.imwrite(str(temporary / name), image)
            images[name] = [point if np.isfinite(point).all() else None for point in known.points[number]]
            images[name] = [None if point is None else point.tolist() for point in images[name]]
    labels = {"epochs": MOUSE_EPOCHS, "keypoints": known.keypoints, "images": images}
    return _trained("mouse", DEEPLABCUT, temporary, json.dumps(labels))


def film_walk(session: Path, n_frames: int) -> tuple[Cameras, Walk]:
    """Videos of a walk that no network has seen, in all cameras, and what is to be found in them."""
    rig, animal = make_rig(), walk(n_frames, 60.0, np.random.default_rng(7))
    for camera in rig:
        video = session / "videos-raw" / f"walk-cam{camera.name}.mp4"
        with VideoWriter(video, 60, camera.size, crf=15) as writer:
            for image in film(camera, animal, np.random.default_rng(8)):
                writer.write(image)
    return rig, animal


def _trained(name: str, recipe: Recipe, temporary: Path, labels: str) -> Path:
    """The folder of the project, or of the network, that a recipe makes.

    Args:
        name: for people.
        recipe: the script and its environment.
        temporary: a folder with the labelled images.
        labels: as the script reads them.
    """
    (temporary / "labels.json").write_text(labels)
    script = _HERE / recipe.script
    parts = [script.read_bytes(), labels.encode(), repr(recipe.environment).encode()]
    parts += [path.read_bytes() for path in sorted(temporary.glob("*.png"))]
    key = hashlib.sha256(b"".join(parts)).hexdigest()[:12]
    folder = environments.cache_folder() / f"{name}-network-{key}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(temporary, folder)
        recipe.environment.run(script, folder, Path(serve.__file__).parent)
        (folder / "complete").touch()
    return folder / "project"


def _render(folder: Path, epochs: int) -> str:
    """Frames of many walks in all cameras, and their labels."""
    images: dict[str, list[list[float]]] = {}
    for number in range(N_WALKS):
        rng = np.random.default_rng([2026, number])
        animal = walk(2 * MIDDLE, 60.0, rng)
        frame = slice(MIDDLE, MIDDLE + 1)
        still = Walk(animal.keypoints[frame], {name: points[frame] for name, points in animal.joints.items()})
        for camera in make_rig():
            name = f"img{len(images):04d}.png"
            cv2.imwrite(str(folder / name), next(film(camera, still, rng)))
            images[name] = np.round(camera.project(still.keypoints[0]), 3).tolist()
    return json.dumps({"epochs": epochs, "keypoints": KEYPOINTS, "images": images})
