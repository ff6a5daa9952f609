"""DeepLabCut networks that are trained from scratch, and kept until the recipe changes."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import environments
from anipose.demo.animal import KEYPOINTS, Walk, walk
from anipose.demo.render import film
from anipose.demo.rig import make_rig
from anipose.io.video import read_bgr
from anipose.poses import Poses2D
from anipose.trackers.workers import serve

_TRAIN = Path(__file__).parent / "train_deeplabcut.py"
N_WALKS, MIDDLE = 20, 30
LIZARD_EPOCHS, MOUSE_EPOCHS = 40, 60


def lizard_network(temporary: Path) -> Path:
    """A network for the animal of the demo; the labelled frames are rendered, so the labels are exact."""
    return _trained("lizard", temporary, _render(temporary))


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
    return _trained("mouse", temporary, json.dumps(labels))


def _trained(name: str, temporary: Path, labels: str) -> Path:
    """The folder of a DeepLabCut project.

    Args:
        name: for people.
        temporary: a folder with the labelled images.
        labels: as `train_deeplabcut.py` reads them.
    """
    (temporary / "labels.json").write_text(labels)
    recipe = [_TRAIN.read_bytes(), labels.encode(), repr(environments.DEEPLABCUT).encode()]
    recipe += [path.read_bytes() for path in sorted(temporary.glob("*.png"))]
    key = hashlib.sha256(b"".join(recipe)).hexdigest()[:12]
    folder = environments.cache_folder() / f"{name}-network-{key}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(temporary, folder)
        environments.DEEPLABCUT.run(_TRAIN, folder, Path(serve.__file__).parent)
        (folder / "complete").touch()
    return folder / "project"


def _render(folder: Path) -> str:
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
    return json.dumps({"epochs": LIZARD_EPOCHS, "keypoints": KEYPOINTS, "images": images})
