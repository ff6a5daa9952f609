"""Networks that are trained from scratch, and kept until the recipe changes; and what to track with them."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import environments
from anipose.arrays import NDArray
from anipose.demo.animal import KEYPOINTS, Walk, walk
from anipose.demo.render import Sensor, arena, body, film, shaded_floor
from anipose.demo.rig import make_rig
from anipose.demo.solids import paint
from anipose.geometry.cameras import Camera, Cameras
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import read_poses_2d
from anipose.io.poses_3d import read_poses_3d
from anipose.io.video import Image, read_bgr
from anipose.io.video_writer import VideoWriter
from anipose.poses import Poses2D
from anipose.trackers.workers import serve

_HERE = Path(__file__).parent
N_WALKS, MIDDLE = 20, 30
# From the middle of the arena, mm, along its floor: half of how far two animals are apart.
APART = np.array([0.0, 30.0, 0.0])
LIZARD_EPOCHS, MOUSE_EPOCHS, SLEAP_EPOCHS, LIGHTNING_POSE_EPOCHS = 40, 60, 80, 100
# Of networks that see each of two animals in a picture.
SLEAP_EPOCHS_OF_TWO = 30
SCORE_THRESHOLD = 0.3


@dataclass(frozen=True)
class Recipe:
    """How networks are trained and run.

    Attributes:
        model_type: of config.toml.
        script: in this folder.
        environment: that it runs in.
    """

    model_type: str
    script: str
    environment: environments.Environment


DEEPLABCUT = Recipe("deeplabcut", "train_deeplabcut.py", environments.DEEPLABCUT)
SLEAP = Recipe("sleap", "train_sleap.py", environments.SLEAP)
LIGHTNING_POSE = Recipe("lightning-pose", "train_lightning_pose.py", environments.LIGHTNING_POSE)


def lizard_network(temporary: Path) -> Path:
    """A network for the animal of the demo; the labelled frames are rendered, so the labels are exact."""
    return trained("lizard", DEEPLABCUT, temporary, _render(temporary, LIZARD_EPOCHS))


def sleap_network(temporary: Path) -> Path:
    """The same, of SLEAP."""
    return trained("sleap", SLEAP, temporary, _render(temporary, SLEAP_EPOCHS))


def lightning_pose_network(temporary: Path) -> Path:
    """The same, of Lightning Pose."""
    return trained("lightning-pose", LIGHTNING_POSE, temporary, _render(temporary, LIGHTNING_POSE_EPOCHS))


def sleap_networks_for_two(temporary: Path, for_one: Path) -> Path:
    """Networks of SLEAP for two animals in a picture: one finds them, one their points.

    Args:
        temporary: a folder.
        for_one: the network for one animal.
    """
    images: dict[str, list[list[list[float]]]] = {}
    for number in range(N_WALKS):
        rng = np.random.default_rng([2027, number])
        pair = walk_of_two(2 * MIDDLE, rng)
        for camera in make_rig():
            name = f"img{len(images):04d}.png"
            cv2.imwrite(str(temporary / name), next(film_two(camera, pair, rng, range(MIDDLE, MIDDLE + 1))))
            images[name] = [camera.project(one.keypoints[MIDDLE]).round(3).tolist() for one in pair]
    labels = {"epochs": SLEAP_EPOCHS_OF_TWO, "keypoints": KEYPOINTS, "images": images, "several": True}
    labels["start"] = str(for_one / "best.ckpt")
    return trained("sleap-two", SLEAP, temporary, json.dumps(labels))


def film_walk_of_two(session: Path, n_frames: int) -> tuple[Cameras, tuple[Walk, Walk]]:
    """As `film_walk`, with two animals."""
    rig, pair = make_rig(), walk_of_two(n_frames, np.random.default_rng(7))
    for camera in rig:
        _write_video(session, camera, film_two(camera, pair, np.random.default_rng(8), range(n_frames)))
    write_calibration(session / "calibration" / "calibration.toml", rig)
    return rig, pair


def walk_of_two(n_frames: int, rng: np.random.Generator) -> tuple[Walk, Walk]:
    """Two animals, each about the middle of its half of the arena."""
    return _moved(walk(n_frames, 60.0, rng), APART), _moved(walk(n_frames, 60.0, rng), -APART)


def _moved(one: Walk, by: NDArray[np.float64]) -> Walk:
    return Walk(one.keypoints + by, {name: points + by for name, points in one.joints.items()})


def film_two(
    camera: Camera, pair: Sequence[Walk], rng: np.random.Generator, frames: Iterable[int]
) -> Iterator[Image]:
    """As `film`, with several animals."""
    floor, sensor = arena(camera), Sensor.random(camera.size, rng)
    for frame in frames:
        solids = [solid for one in pair for solid in body(one, frame)]
        image = shaded_floor(floor, camera, solids)
        paint(image, camera, solids)
        yield sensor.expose(image, rng)


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
    return trained("mouse", DEEPLABCUT, temporary, json.dumps(labels))


def film_walk(session: Path, n_frames: int) -> tuple[Cameras, Walk]:
    """Videos of a walk that no network has seen, calibrated cameras, and what is to be found in them."""
    rig, animal = make_rig(), walk(n_frames, 60.0, np.random.default_rng(7))
    for camera in rig:
        _write_video(session, camera, film(camera, animal, np.random.default_rng(8)))
    write_calibration(session / "calibration" / "calibration.toml", rig)
    return rig, animal


def _write_video(session: Path, camera: Camera, images: Iterable[Image]) -> None:
    with VideoWriter(
        session / "videos-raw" / f"walk-cam{camera.name}.mp4", 60, camera.size, crf=15
    ) as writer:
        for image in images:
            writer.write(image)


def config_of(recipe: Recipe, network: Path) -> str:
    """What config.toml says to run a network."""
    return f"""
model_type = "{recipe.model_type}"
model_folder = "{network}"

[tracker]
python = "{recipe.environment.python()}"
device = "cpu"

[triangulation]
cam_regex = "-cam([A-Z])"
score_threshold = {SCORE_THRESHOLD}
"""


def errors_px(session: Path, rig: Cameras, animal: Walk) -> NDArray[np.float64]:
    """How far tracked points are from the truth: (camera, frame, keypoint); NaN where the score is low."""
    errors = []
    for camera in rig:
        poses = read_poses_2d(session / "pose-2d" / f"walk-cam{camera.name}.h5")
        assert (poses.keypoints, poses.n_frames) == (KEYPOINTS, len(animal.keypoints))
        error = np.linalg.norm(poses.points - camera.project(animal.keypoints), axis=-1)
        errors.append(np.where(poses.scores >= SCORE_THRESHOLD, error, np.nan))
    return np.stack(errors)


def errors_mm(session: Path, animal: Walk) -> NDArray[np.float64]:
    """How far the 3D points are from the truth: (frame, keypoint)."""
    found = read_poses_3d(session / "pose-3d" / "walk.csv")
    return np.linalg.norm(found.points - animal.keypoints, axis=-1)


def trained(name: str, recipe: Recipe, temporary: Path, labels: str) -> Path:
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
