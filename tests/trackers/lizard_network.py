"""A DeepLabCut network for the animal of the demo: trained from scratch, kept until the recipe changes."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np

import environments
from anipose.demo.animal import KEYPOINTS, Walk, walk
from anipose.demo.render import film
from anipose.demo.rig import make_rig
from anipose.trackers.workers import serve

_TRAIN = Path(__file__).parent / "train_deeplabcut.py"
N_WALKS, MIDDLE = 20, 30


def lizard_network(temporary: Path) -> Path:
    """The folder of the DeepLabCut project; labelled frames are rendered, so the labels are exact.

    Args:
        temporary: a folder for making it.
    """
    labels = _render(temporary)
    recipe = [_TRAIN.read_bytes(), labels.encode(), repr(environments.DEEPLABCUT).encode()]
    recipe += [path.read_bytes() for path in sorted(temporary.glob("*.png"))]
    key = hashlib.sha256(b"".join(recipe)).hexdigest()[:12]
    folder = environments.cache_folder() / f"lizard-network-{key}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(temporary, folder)
        environments.DEEPLABCUT.run(_TRAIN, folder, Path(serve.__file__).parent)
        (folder / "complete").touch()
    return folder / "project"


def _render(folder: Path) -> str:
    """Frames of many walks in all cameras, and `labels.json`, whose text is returned."""
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
    text = json.dumps({"keypoints": KEYPOINTS, "images": images})
    (folder / "labels.json").write_text(text)
    return text
