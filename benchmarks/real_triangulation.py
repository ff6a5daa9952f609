"""Real animals: how well 3D poses predict a camera left out, and how steady limbs are, beside the peer.

    ANIPOSE_PEER_PYTHON=/path/to/python python benchmarks/real_triangulation.py

The recordings are `fly-3cam-anipose` and `mouse-4cam` of ../shared/data. Every camera in turn is left out,
and its 2D points are compared with where the 3D points of the others project. The peer's optimiser starts
from its own linear triangulation, with each order of differences.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.trajectory import optimise_map
from anipose.geometry.triangulation import reprojection_errors, triangulate, triangulate_robust
from anipose.io.calibration import read_calibration
from anipose.io.poses_2d import read_poses_2d
from anipose.poses import MultiviewPoses
from triangulation import NO_WEAK, PEER, peer

Array = NDArray[np.float64]

DATA = Path(__file__).parents[2] / "shared" / "data"
FLY_LEGS = [(f"{side}{leg}A", f"{side}{leg}B") for side in "LR" for leg in "123"]
MOUSE_LIMBS = [("Nose", "Head"), ("Ear_L", "Ear_R"), ("Head", "Neck")]


@dataclass(frozen=True)
class Animal:
    """Points of several views, and the limbs that the config of the recording calls rigid."""

    name: str
    cameras: Cameras
    pixels: Array
    limbs: NDArray[np.int64]
    threshold: float


def animals(folder: Path) -> list[Animal]:
    found = []
    for network in ("network0", "network1", "network2"):
        fly = folder / "fly-3cam-anipose" / "experiment"
        cameras = read_calibration(fly / "calibration" / "calibration.toml")
        files = {name: next((fly / network / "pose-2d").glob(f"*{name}*.h5")) for name in cameras.names}
        found.append(animal(f"fly, {network}", cameras, files, FLY_LEGS, 0.8, 5.0))
    mouse = folder / "mouse-4cam"
    cameras = read_calibration(mouse / "reference" / "calibration-reference.toml")
    poses = mouse / "experiment" / "session1" / "pose-2d"
    files = {name: poses / f"mouse_{name}.h5" for name in cameras.names}
    return [*found, animal("mouse", cameras, files, MOUSE_LIMBS, 0.2, 15.0)]


def animal(
    name: str,
    cameras: Cameras,
    files: dict[str, Path],
    limbs: list[tuple[str, str]],
    score: float,
    threshold: float,
) -> Animal:
    seen = MultiviewPoses.from_views({camera: read_poses_2d(path) for camera, path in files.items()})
    pairs = np.array([[seen.keypoints.index(end) for end in limb] for limb in limbs])
    return Animal(name, cameras, seen.above(score).points, pairs, threshold)


def ours(given: Animal, pixels: Array) -> Array:
    """With default settings."""
    start, _ = triangulate_robust(given.cameras, pixels, threshold_px=given.threshold)
    found = optimise_map(given.cameras, pixels, start, constraints=given.limbs, constraints_weak=NO_WEAK)
    return found.points


def theirs(given: Animal, pixels: Array, order: int) -> Array | None:
    rows = np.flatnonzero(np.isfinite(pixels).any(axis=(1, 2, 3)))  # the peer fails without any view
    found = peer(
        Cameras(tuple(given.cameras.cameras[row] for row in rows)),
        pixels[rows],
        "optim",
        start=triangulate(given.cameras, pixels),
        limbs=given.limbs,
        scale_smooth=2.0,
        scale_length=2.0,
        threshold=given.threshold,
        n_deriv_smooth=order,
    )
    return None if found is None else found[0]


def held_out(given: Animal, method: str) -> tuple[float, float]:
    """Median and mean distance between what a camera saw and what the others predict, pixels."""
    errors = []
    for left_out in range(len(given.cameras)):
        pixels = given.pixels.copy()
        pixels[left_out] = np.nan
        points = points_of(given, pixels, method)
        if points is None:
            return np.nan, np.nan
        errors.append(reprojection_errors(given.cameras, points, given.pixels)[left_out].ravel())
    joined = np.concatenate(errors)
    return float(np.nanmedian(joined)), float(np.nanmean(joined))


def points_of(given: Animal, pixels: Array, method: str) -> Array | None:
    if method == "linear":
        return triangulate(given.cameras, pixels)
    return ours(given, pixels) if method == "ours" else theirs(given, pixels, int(method[-1]))


def variation(given: Animal, method: str) -> tuple[float, float]:
    """Mean over the limbs of the deviation of their lengths, percent; mean second difference in time."""
    points = points_of(given, given.pixels, method)
    if points is None:
        return np.nan, np.nan
    lengths = np.linalg.norm(points[:, given.limbs[:, 0]] - points[:, given.limbs[:, 1]], axis=2)
    jerky = np.linalg.norm(np.diff(points, n=2, axis=0), axis=2)
    return float(np.mean(100 * np.nanstd(lengths, axis=0) / np.nanmean(lengths, axis=0))), float(
        np.nanmedian(jerky)
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    methods = ["linear", "ours", *(["peer, n = 1", "peer, n = 2", "peer, n = 3"] if PEER else [])]
    if not PEER:
        print("the peer is not run: ANIPOSE_PEER_PYTHON does not name a Python that has aniposelib")
    columns = f"{'recording':>14} {'method':>12} {'held-out px, median / mean':>28} {'limbs vary':>11}"
    print(f"{columns}  median second difference")
    for given in animals(DATA):
        for method in methods:
            middle, mean = held_out(given, method)
            limbs, jerky = variation(given, method)
            error = f"{middle:.3f} / {mean:.3f}"
            print(f"{given.name:>14} {method:>12} {error:>28} {limbs:9.3f} %  {jerky:.4f}", flush=True)


if __name__ == "__main__":
    main()
