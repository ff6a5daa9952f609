"""Cameras calibrated anew from tracked points, with a known answer, beside the peer.

    ANIPOSE_PEER_PYTHON=/path/to/python python benchmarks/animal_calibration.py [--draws 3] [--cameras 4]

The calibration before is right, but for one camera that was turned. The animal has 12 keypoints, moves all
over the volume, and is tracked with noise of 2 px and 5 % gross errors. A tracker is also wrong in the same
way in all frames: what it takes for the knee from the left is not what it takes for it from the right; so in
half of the scenes, each keypoint is some 5 px off in each camera, everywhere.

Errors are those of the worst camera, in the world that fits the true cameras best, and of points that are
triangulated from their true pixels, after a similarity. The peer is aniposelib, called as Anipose 1.1.24 does
for `animal_calibration`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.animal_calibration import calibrate_with_animal
from anipose.geometry.cameras import Cameras
from anipose.geometry.point_bundle import fitted_world, in_other_world, steps_between
from anipose.geometry.point_choice import Tracked
from anipose.geometry.transforms import align_rigid, rotation_matrix
from anipose.geometry.triangulation import triangulate

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from synthetic import make_points, make_rig, observe

Array = NDArray[np.float64]

PEER = os.environ.get("ANIPOSE_PEER_PYTHON")
PATIENCE = 300  # CPU seconds
N_FRAMES, N_KEYPOINTS = 400, 12
NOISE_PX, OUTLIERS = 2.0, 0.05


@dataclass(frozen=True, eq=False)
class Scene:
    """Cameras in truth and before, where the animal is, (frame, keypoint, 3), and what is seen of it."""

    truth: Cameras
    before: Cameras
    points: Array
    pixels: Array


def make_scene(n_cameras: int, turned_deg: float, alike_px: float, draw: int) -> Scene:
    truth = make_rig(n_cameras, seed=draw)
    rng = np.random.default_rng([draw, n_cameras])
    place = make_points(N_FRAMES, extent=100.0, seed=draw)
    heading = rotation_matrix(np.outer(rng.uniform(0, 2 * np.pi, N_FRAMES), [0, 0, 1]))
    body = rng.uniform(-30, 30, (N_KEYPOINTS, 3))
    points = place[:, None] + np.einsum("fij,kj->fki", heading, body)
    pixels, _ = observe(truth, points, noise_px=NOISE_PX, outliers=OUTLIERS, seed=draw)
    pixels += rng.normal(0, alike_px, (n_cameras, 1, N_KEYPOINTS, 2)) if alike_px else 0.0
    axis = rng.normal(size=3)
    turn = rotation_matrix(np.deg2rad(turned_deg) * axis / np.linalg.norm(axis))
    cameras = list(truth)
    number = draw % n_cameras
    moved = cameras[number]
    # It stays where it is.
    cameras[number] = moved.with_pose(turn @ moved.rotation_matrix, turn @ moved.translation)
    return Scene(truth, Cameras(tuple(cameras)), points, pixels)


def errors(scene: Scene, found: Cameras) -> tuple[float, float]:
    """Turn of the worst camera, degrees; median distance of triangulated points from the true ones, mm."""
    flat = scene.points.reshape(-1, 3)
    there = in_other_world(found, *fitted_world(found, scene.truth, flat))
    turns = np.linalg.norm(steps_between(scene.truth, there)[:, :3], axis=-1)
    made = triangulate(found, scene.truth.project(flat))
    good = np.isfinite(made).all(axis=-1)
    made, true = made[good], flat[good]
    made *= np.linalg.norm(true - true.mean(axis=0)) / np.linalg.norm(made - made.mean(axis=0))
    rotation, translation = align_rigid(made, true)
    off = made @ rotation.T + translation - true
    return float(np.rad2deg(turns.max())), float(np.median(np.linalg.norm(off, axis=-1)))


def ours(scene: Scene) -> tuple[Cameras | None, float]:
    names = tuple(str(number) for number in range(N_KEYPOINTS))
    before = time.process_time()
    try:
        tracked = Tracked(scene.pixels, np.ones(scene.pixels.shape[:3]), names)
        found = calibrate_with_animal(scene.before, tracked).cameras
    except CalibrationError:
        found = None
    return found, time.process_time() - before


def peers(scene: Scene) -> tuple[Cameras | None, float]:
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(
            given,
            points=scene.pixels.reshape(len(scene.truth), -1, 2),
            sizes=[camera.size for camera in scene.before],
            matrices=[camera.matrix for camera in scene.before],
            distortions=[camera.distortions for camera in scene.before],
            rotations=[camera.rotation for camera in scene.before],
            translations=[camera.translation for camera in scene.before],
        )
        script = Path(__file__).with_name("peer_animal_calibration.py")
        command = [str(PEER), str(script), str(given), str(result), str(PATIENCE)]
        subprocess.run(command, check=False, capture_output=True)
        if not result.exists():
            return None, np.nan
        found = np.load(result)
        cameras = [
            type(camera)(
                camera.name,
                camera.size,
                found["matrices"][i],
                found["distortions"][i],
                found["rotations"][i],
                found["translations"][i],
            )
            for i, camera in enumerate(scene.before)
        ]
        return Cameras(tuple(cameras)), float(found["cpu_seconds"])


def _cells(scene: Scene, found: Cameras | None, seconds: float) -> str:
    if found is None:
        return "left as it was"
    turn, off = errors(scene, found)
    return f"{turn:.2f}, {off:.2f}, {seconds:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--cameras", type=int, default=4)
    options = parser.parse_args()
    print("alike px | turned deg | draw | before: deg, mm | ours: deg, mm, CPU s | peer: deg, mm, CPU s")
    for alike_px in (0.0, 5.0):
        for turned_deg in (0.0, 0.5, 2.0):
            for draw in range(options.draws):
                scene = make_scene(options.cameras, turned_deg, alike_px, draw)
                turn, off = errors(scene, scene.before)
                mine = _cells(scene, *ours(scene))
                theirs = "not measured" if PEER is None else _cells(scene, *peers(scene))
                line = f"{alike_px:g} | {turned_deg:g} | {draw} | {turn:.2f}, {off:.2f}"
                print(f"{line} | {mine} | {theirs}", flush=True)


if __name__ == "__main__":
    main()
