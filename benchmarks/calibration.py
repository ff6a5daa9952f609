"""Calibration from corners: speed, accuracy against the Cramér-Rao bound, and success, beside the peer.

    ANIPOSE_PEER_PYTHON=/path/to/python python benchmarks/calibration.py [--long] [--rigs 500]

CPU seconds with one thread. The bound is the covariance at the truth with all corners right. The peer is
aniposelib, run by the Python that has it installed; without the variable its column says so.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.boards import CharucoBoard
from anipose.errors import CalibrationError
from anipose.geometry.board_errors import intrinsics_of
from anipose.geometry.board_views import Seen, fixes_homography
from anipose.geometry.bundle import Loss, Rig, Views, cauchy, covariance
from anipose.geometry.calibration import calibrate
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.intrinsics import lens_freedom
from anipose.geometry.transforms import compose, inverse, looking_at, rigid, rotation_vector

Array = NDArray[np.float64]

BOARD = CharucoBoard(10, 7, 25.0, 18.75, 4, 50)
NOISE_PX = 0.3
SIZE = (1280, 1024)
PEER = os.environ.get("ANIPOSE_PEER_PYTHON")


@dataclass(frozen=True)
class Scene:
    cameras: Cameras
    boards: Array
    seen: Mapping[str, Seen]


def make_cameras(layout: str, n: int, rng: np.random.Generator) -> Cameras:
    """Cameras 600 mm or so from the middle: in a ring, on a wall, opposed, or on one side."""
    cameras = []
    for number in range(n):
        share = number / max(n - 1, 1) - 0.5
        angle = {
            "ring": 2 * np.pi * number / n,
            "wall": 1.2 * share,
            "opposed": np.pi * (number % 2) + 0.8 * share,
            "one-sided": 2.0 * share,
        }[layout] + rng.normal(0, 0.05)
        distance = rng.uniform(550, 700)
        center = np.array(
            [distance * np.cos(angle), distance * np.sin(angle), distance * rng.uniform(0.2, 0.7)]
        )
        rotation, translation = looking_at(center, np.zeros(3))
        focal = rng.uniform(950, 1250)
        cx, cy = (np.array(SIZE) - 1) / 2 + rng.normal(0, 8, 2)
        lens = np.array([rng.uniform(-0.2, -0.05), rng.uniform(0, 0.08), 0, 0, 0])
        matrix = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]])
        cameras.append(Camera(f"cam{number}", SIZE, matrix, lens).with_pose(rotation, translation))
    return Cameras(tuple(cameras), {})


def film(
    cameras: Cameras, n_frames: int, rng: np.random.Generator, *, outliers: float, planar: bool = False
) -> Scene:
    """A board held up in the middle, turned towards one camera after the other."""
    points = BOARD.points - BOARD.points.mean(0)
    boards = []
    for frame in range(n_frames):
        towards = cameras.cameras[frame % len(cameras)]
        tilt = rng.normal(0, 0.0 if planar else 0.45, 3)
        turn = towards.rotation_matrix.T @ rigid_turn(tilt)
        boards.append(rigid(turn, rng.uniform(-130, 130, 3) * (1, 1, 0.7)))
    poses = np.array(boards)
    world = np.einsum("fij,kj->fki", poses[:, :, :3], points) + poses[:, None, :, 3]
    shift = -(poses[:, :, :3] @ BOARD.points.mean(0))
    poses[:, :, 3] += shift
    seen = {}
    for camera in cameras:
        corners = camera.project(world)
        facing = np.einsum("j,fj->f", camera.rotation_matrix[2], poses[:, :, 2]) > 0.4
        inside = ((corners > 0) & (corners < np.array(SIZE))).all(-1) & facing[:, None]
        corners = np.where(inside[..., None], corners + rng.normal(0, NOISE_PX, corners.shape), np.nan)
        wrong = rng.random(corners.shape[:2]) < outliers
        corners[wrong] += rng.uniform(-100, 100, (int(wrong.sum()), 2))
        corners[rng.random(corners.shape[:2]) < 0.05] = np.nan
        frames = np.flatnonzero([fixes_homography(BOARD.points[np.isfinite(v[:, 0])]) for v in corners])
        seen[camera.name] = Seen(frames, corners[frames], SIZE, n_frames)
    return Scene(cameras, poses, seen)


def rigid_turn(vector: Array) -> Array:
    angle = np.linalg.norm(vector)
    if not angle:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def bound(scene: Scene, names: tuple[str, ...]) -> Array:
    """(camera, 15), standard deviations at the truth, of the cameras named, with the first as the world."""
    cameras = scene.cameras.subset(names)
    frames = np.unique(np.concatenate([scene.seen[name].frames for name in names]))
    world = inverse(cameras.cam_from_world[0])
    rig = Rig(
        np.stack([intrinsics_of(camera) for camera in cameras]),
        (False,) * len(names),
        compose(cameras.cam_from_world, world),
        compose(cameras.cam_from_world[0], scene.boards[frames]),
    )
    views = Views(
        np.concatenate([np.full(len(scene.seen[name].frames), i) for i, name in enumerate(names)]),
        np.concatenate([np.searchsorted(frames, scene.seen[name].frames) for name in names]),
        np.concatenate([scene.seen[name].corners for name in names]),
    )
    moving = np.arange(len(names)) > 0
    freedom = lens_freedom(rig.intrinsics, [SIZE] * len(names), ["k1 k2"] * len(names), moving=moving)
    freedom = replace(freedom, prior=rig.intrinsics)
    spread = covariance(
        rig, views, BOARD.points, freedom, loss=Loss(cauchy, 1e6), noise_px=np.full(len(names), NOISE_PX)
    )
    return np.asarray(np.sqrt(np.diagonal(spread, axis1=1, axis2=2)))


def errors(matrices: Array, poses: Array, truth: Cameras) -> Array:
    """(camera, 15), of the parameters as in `bound`; coefficients are left out."""
    true = compose(truth.cam_from_world, inverse(truth.cam_from_world[0]))
    found = compose(poses, inverse(poses[0]))
    off = np.zeros((len(true), 15))
    for i in range(len(true)):
        off[i, :3] = rotation_vector(found[i, :, :3] @ true[i, :, :3].T)
        off[i, 3:6] = found[i, :, 3] - true[i, :, 3]
        difference = matrices[i] - truth.cameras[i].matrix
        off[i, [6, 8, 9]] = difference[[0, 0, 1], [0, 2, 2]]
    return off


def ratio(off: Array, deviation: Array, columns: list[int]) -> float:
    """Root mean square of errors over their bounds."""
    rows = off[1:, columns] / deviation[1:, columns]
    return float(np.sqrt(np.mean(rows**2)))


def ours(scene: Scene) -> tuple[float, Array, Array, tuple[str, ...]]:
    before = time.process_time()
    result = calibrate(scene.seen, BOARD.points, neighbours=BOARD.neighbours)
    seconds = time.process_time() - before
    matrices = np.array([camera.matrix for camera in result.cameras])
    return seconds, matrices, result.cameras.cam_from_world, result.cameras.names


def peers(scene: Scene) -> tuple[float, Array, Array] | None:
    """None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "in.npz", Path(folder) / "out.npz"
        arrays = {"sizes": np.array([SIZE] * len(scene.cameras)), "squares": [10, 7], "square": 25.0}
        for i, one in enumerate(scene.seen.values()):
            arrays |= {f"frames{i}": one.frames, f"corners{i}": one.corners}
        np.savez(given, **arrays)  # type: ignore[arg-type]
        script = Path(__file__).with_name("peer_calibration.py")
        subprocess.run(
            [str(PEER), str(script), str(given), str(found)], check=False, capture_output=True, timeout=900
        )
        if not found.exists():
            return None
        result = np.load(found)
        if "matrices" not in result:
            return None
        turns = np.array([rigid_turn(vector.ravel()) for vector in result["rotations"]])
        poses = rigid(turns, result["translations"].reshape(-1, 3))
        return float(result["cpu_seconds"]), result["matrices"], poses


def speed_and_accuracy(*, long: bool) -> None:
    print(
        "cameras x frames, outliers | CPU s: ours, peer | error / bound, ours: poses, lenses | peer: poses, "
        "lenses"
    )
    cases = [(3, 300, 0.0), (6, 300, 0.0), (6, 300, 0.02), (12, 100, 0.0), (12, 100, 0.02)]
    for n_cameras, n_frames, outliers in cases + ([(12, 1000, 0.02)] if long else []):
        rng = np.random.default_rng(n_cameras + n_frames)
        scene = film(make_cameras("ring", n_cameras, rng), n_frames, rng, outliers=outliers)
        deviation = bound(scene, scene.cameras.names)
        seconds, matrices, poses, _ = ours(scene)
        off = errors(matrices, poses, scene.cameras)
        line = f"{n_cameras} x {n_frames}, {outliers:.0%} | {seconds:.2f}, "
        of_ours = f"{ratio(off, deviation, list(range(6))):.2f}, {ratio(off, deviation, [6, 8, 9]):.2f}"
        if PEER is None:
            print(f"{line}not measured | {of_ours} | set ANIPOSE_PEER_PYTHON")
            continue
        found = peers(scene)
        if found is None:
            print(f"{line}failed | {of_ours} | -")
            continue
        off = errors(found[1], found[2], scene.cameras)
        of_peer = f"{ratio(off, deviation, list(range(6))):.1f}, {ratio(off, deviation, [6, 8, 9]):.1f}"
        print(f"{line}{found[0]:.1f} ({found[0] / seconds:.0f} x) | {of_ours} | {of_peer}", flush=True)


def random_scene(seed: int) -> tuple[Scene, str]:
    """A rig, and why it cannot be calibrated; empty if it can."""
    rng = np.random.default_rng(seed)
    layout = ("ring", "wall", "opposed", "one-sided")[seed % 4]
    n_cameras = int(rng.integers(2, 17)) if layout != "opposed" else int(rng.integers(3, 9))
    cameras = make_cameras(layout, n_cameras, rng)
    fault = ("", "", "", "", "", "", "", "planar", "no link", "few")[int(rng.integers(10))]
    frames = int(rng.integers(15, 25)) * (2 if layout in ("ring", "opposed") else 1) * max(2, n_cameras // 2)
    scene = film(cameras, frames, rng, outliers=rng.uniform(0.01, 0.1), planar=fault == "planar")
    seen = dict(scene.seen)
    for number, (name, one) in enumerate(scene.seen.items()):
        kept = np.ones(len(one.frames), bool)
        if fault == "no link":
            kept = one.frames % n_cameras == number
        elif fault == "few":
            kept = np.arange(len(kept)) < 2
        seen[name] = replace(one, frames=one.frames[kept], corners=one.corners[kept])
    return replace(scene, seen=seen), fault


def success(n_rigs: int) -> None:
    """A calibration is right if its poses are within 3 bounds, as a median over the parameters."""
    causes = {
        "no link": "never saw the board at the same time",
        "few": "the board was found in",
        "planar": "",
    }
    right = calibratable = refused = impossible = planar = 0
    for seed in range(n_rigs):
        scene, fault = random_scene(seed)
        try:
            _, matrices, poses, names = ours(scene)
            message = ""
        except CalibrationError as error:
            message = str(error)
        if fault in ("no link", "few"):
            impossible += 1
            refused += causes[fault] in message
            if causes[fault] not in message:
                print(f"rig {seed} ({fault}) was not refused rightly: {message or 'calibrated'}", flush=True)
            continue
        if fault == "planar":
            planar += 1
        calibratable += 1
        if message:
            print(
                f"rig {seed} ({fault}, {len(scene.cameras)} cameras) was refused: {message[:200]}", flush=True
            )
            continue
        truth = scene.cameras.subset(names)
        off = errors(matrices, poses, truth)[1:, :6] / bound(scene, names)[1:, :6]
        median = float(np.median(np.abs(off)))
        right += median < 3
        if median >= 3:
            print(f"rig {seed} ({fault}, {len(names)} cameras): {median:.1f} bounds off", flush=True)
    print(
        f"right: {right} of {calibratable} (with {planar} planar sweeps); refused rightly: {refused} of "
        f"{impossible}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--rigs", type=int, default=0)
    options = parser.parse_args()
    speed_and_accuracy(long=options.long)
    if options.rigs:
        success(options.rigs)


if __name__ == "__main__":
    main()
