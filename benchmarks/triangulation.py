"""Triangulation, robust triangulation and trajectories: speed, memory and accuracy, beside the peer.

    ANIPOSE_PEER_PYTHON=/path/to/python python benchmarks/triangulation.py [--long]

CPU seconds with one thread. The peer is aniposelib, run by the Python that has it installed; without
the variable its column says so. `--long` adds 100 000 frames (ours), the peer's 10 000 (minutes), the wild
start that misleads the peer, and 10 million points.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.trajectory import Trajectory, optimise_classic, optimise_map
from anipose.geometry.triangulation import triangulate_best, triangulate_robust

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from moving_animal import classic_cost, limbs_of, move_animal
from synthetic import PINHOLE_DISTORTIONS, make_points, make_rig, observe

Array = NDArray[np.float64]

N_KEYPOINTS = 20
LIMBS = limbs_of(N_KEYPOINTS)
NO_WEAK = np.zeros((0, 2), dtype=np.int64)
SETTINGS = {"scale_smooth": 2.0, "scale_length": 2.0, "n_deriv_smooth": 3, "threshold": 5.0}
PEER = os.environ.get("ANIPOSE_PEER_PYTHON")


@dataclass(frozen=True)
class Scene:
    cameras: Cameras
    truth: Array
    pixels: Array
    start: Array


def scene(n_frames: int, n_cameras: int = 6) -> Scene:
    """1.5 px noise, 5 % gross outliers, 10 % missing."""
    cameras = make_rig(n_cameras)
    truth = move_animal(n_frames, N_KEYPOINTS)
    pixels, _ = observe(cameras, truth, noise_px=1.5, outliers=0.05, missing=0.1)
    start, _ = triangulate_robust(cameras, pixels, threshold_px=7.5)
    return Scene(cameras, truth, pixels, start)


def timed(function: Callable[[], Any], repeats: int = 3) -> tuple[Any, float]:
    """The result, and the median of CPU seconds."""
    seconds = []
    for _ in range(repeats):
        before = time.process_time()
        result = function()
        seconds.append(time.process_time() - before)
    return result, float(np.median(seconds))


def peer(cameras: Cameras, points: Array, task: str, **more: Any) -> tuple[Array, float] | None:
    """The peer's result and CPU seconds; None where it cannot be run."""
    if not PEER:
        return None
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.npz", Path(folder) / "found.npz"
        np.savez(
            given,
            matrices=[camera.matrix for camera in cameras],
            distortions=[camera.distortions for camera in cameras],
            sizes=[camera.size for camera in cameras],
            rotations=[camera.rotation for camera in cameras],
            translations=[camera.translation for camera in cameras],
            points=points,
            task=task,
            **more,
        )
        script = Path(__file__).with_name("peer_triangulation.py")
        done = subprocess.run([PEER, str(script), str(given), str(found)], capture_output=True, text=True)
        if done.returncode:
            print(f"    the peer failed: {done.stderr.strip().splitlines()[-1]}")
            return None
        result = np.load(found)
        return result["result"], float(result["cpu_seconds"])


def error_mm(points: Array, truth: Array) -> str:
    errors = np.linalg.norm(points - truth, axis=-1)
    return f"{np.nanmean(errors):7.3f} / {np.nanmedian(errors):6.3f} / {np.nanmax(errors):8.1f}"


def memory_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


# Of the rig that the goals were set with; the other, of the tests, has all five coefficients.
RADIAL = (-0.12, 0.05)


def speeds(
    name: str,
    n_ours: dict[int, int],
    n_peer: dict[int, int],
    distortions: tuple[float, ...] = PINHOLE_DISTORTIONS,
) -> None:
    print(f"\n{name}, lenses with {len(distortions)} coefficients: points per CPU second")
    print(f"{'cameras':>8} {'ours':>12} {'peer':>12} {'ratio':>8}   median error mm, ours / peer")
    for n_cameras, n_points in n_ours.items():
        cameras = make_rig(n_cameras, distortions=distortions)
        truth = make_points(n_points)
        outliers = 0.05 if name == "robust" else 0.0
        pixels, _ = observe(cameras, truth, noise_px=1.5, outliers=outliers)
        if name == "robust":
            found, seconds = timed(lambda c=cameras, p=pixels: triangulate_robust(c, p, threshold_px=7.5)[0])
        else:
            found, seconds = timed(lambda c=cameras, p=pixels: triangulate_best(c, p))
        ours = f"{np.nanmedian(np.linalg.norm(found - truth, axis=1)):.4f}"
        few = n_peer.get(n_cameras, 0)
        theirs = peer(cameras, pixels[:, :few], name) if few else None
        speed = n_points / seconds
        if theirs is None:
            print(f"{n_cameras:8d} {speed:12.0f} {'not run':>12} {'':8}   {ours}")
            continue
        error = np.nanmedian(np.linalg.norm(theirs[0] - truth[:few], axis=1))
        speed_peer = few / theirs[1]
        ratio = f"{speed / speed_peer:7.1f}x"
        print(f"{n_cameras:8d} {speed:12.0f} {speed_peer:12.0f} {ratio}   {ours} / {error:.4f}")


def many_points(n_points: int) -> None:
    """Time and memory for a file that fills half a gigabyte."""
    cameras = make_rig(3, distortions=RADIAL)
    few, _ = observe(cameras, make_points(n_points // 50), noise_px=1.5, outliers=0.05)
    pixels = np.tile(few, (1, 50, 1))
    print(f"\n{n_points} points, 3 cameras: given {pixels.nbytes / 1e9:.2f} GB; before {memory_gb():.2f} GB")
    for name, method in (
        ("plain", lambda: triangulate_best(cameras, pixels)),
        ("robust", lambda: triangulate_robust(cameras, pixels, threshold_px=7.5)[0]),
    ):
        found, seconds = timed(method, 1)
        print(
            f"{name:>8} {n_points / seconds:12.0f} points/s, returned {found.nbytes / 1e9:.2f} GB, "
            f"at most {memory_gb():.2f} GB",
            flush=True,
        )


def wild_start() -> None:
    """Seven start points of 10 000 metres away, as in the peer's trap, and the same without."""
    made = scene(500)
    wild = made.start.copy()
    rng = np.random.default_rng(1)
    places = rng.integers(500, size=7), rng.integers(N_KEYPOINTS, size=7)
    wild[places] = rng.normal(0, 3e3, (7, 3))
    print("\nseven wild start points of 10 000: error mm, mean / median / max")
    for name, start in (("clean start", made.start), ("wild start", wild)):
        rows = {
            "classic": classic(made, start).points,
            "map": better(made, start).points,
        }
        theirs = peer(made.cameras, made.pixels, "optim", start=start, limbs=LIMBS, **SETTINGS)
        if theirs is not None:
            rows["peer"] = theirs[0]
        for method, points in rows.items():
            print(f"{name:>14} {method:>8}  {error_mm(points, made.truth)}", flush=True)


def classic(made: Scene, start: Array) -> Trajectory:
    """The peer's own objective."""
    return optimise_classic(
        made.cameras,
        made.pixels,
        start,
        constraints=LIMBS,
        constraints_weak=NO_WEAK,
        scale_smooth=SETTINGS["scale_smooth"],
        scale_length=SETTINGS["scale_length"],
        n_deriv_smooth=int(SETTINGS["n_deriv_smooth"]),
        reproj_error_threshold=SETTINGS["threshold"],
    )


def better(made: Scene, start: Array) -> Trajectory:
    """Default settings."""
    return optimise_map(made.cameras, made.pixels, start, constraints=LIMBS, constraints_weak=NO_WEAK)


def trajectories(lengths: list[int], peer_lengths: list[int]) -> None:
    print("\ntrajectories: 6 cameras, 20 keypoints, from the same robust start")
    columns = f"{'frames':>8} {'method':>12} {'CPU s':>8} {'peak GB':>8} {'objective':>14}"
    print(f"{columns}  error mm, mean / median / max")
    for n_frames in lengths:
        made = scene(n_frames)

        def cost(points: Array, made: Scene = made) -> float:
            return classic_cost(made.cameras, made.pixels, made.start, points, LIMBS, **SETTINGS)

        def row(method: str, seconds: float, points: Array, made: Scene = made, peak: str = "") -> None:
            objective = cost(points) if np.isfinite(points).all() else np.nan
            accuracy = error_mm(points, made.truth)
            print(
                f"{len(points):8d} {method:>12} {seconds:8.3f} {peak:>8} {objective:14.8g}  {accuracy}",
                flush=True,
            )

        repeats = 3 if n_frames <= 10_000 else 1
        row("robust start", 0.0, made.start)
        found, seconds = timed(lambda made=made: classic(made, made.start), repeats)
        row("classic", seconds, found.points, peak=f"{memory_gb():.2f}")
        best, seconds_map = timed(lambda made=made: better(made, made.start), 1)
        row("map", seconds_map, best.points, peak=f"{memory_gb():.2f}")
        inside = coverage(best, made.truth)
        print(f"{'':21} covered by nominal 68 % and 95 %: {inside[0]:.1%} and {inside[1]:.1%}")
        if n_frames in peer_lengths:
            theirs = peer(made.cameras, made.pixels, "optim", start=made.start, limbs=LIMBS, **SETTINGS)
            if theirs is not None:
                row("peer", theirs[1], theirs[0])
                excess = cost(found.points) / cost(theirs[0]) - 1
                ratio = theirs[1] / seconds
                print(f"{'':21} {ratio:.0f}x the peer's speed, objective {excess:+.1e} of the peer's")


def coverage(found: Trajectory, truth: Array) -> tuple[float, float]:
    """Share of true points inside the ellipsoids of 68 % and 95 %."""
    assert found.covariances is not None
    known = np.isfinite(found.points).all(axis=-1)
    error = (found.points - truth)[known]
    distance = np.einsum(
        "pi,pi->p", error, np.linalg.solve(found.covariances[known], error[..., None])[..., 0]
    )
    # Quantiles of chi-squared with 3 degrees of freedom.
    return float((distance < 3.5059).mean()), float((distance < 7.8147).mean())


THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> None:
    if any(os.environ.get(variable) != "1" for variable in THREADS):
        # They are read when numpy is imported, so begin again.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **THREADS})
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="also what takes minutes")
    parser.add_argument("--many-points", action="store_true", help="10 million points alone")
    given = parser.parse_args()
    if given.many_points:
        many_points(10_000_000)
        return
    long = given.long
    if not PEER:
        print("the peer is not run: ANIPOSE_PEER_PYTHON does not name a Python that has aniposelib")
    plain = {3: 200_000, 6: 200_000, 12: 100_000}, {3: 100_000, 6: 100_000, 12: 50_000}
    speeds("plain", *plain, RADIAL)
    speeds("plain", *plain)
    speeds("robust", {3: 200_000, 6: 100_000, 12: 100_000}, {3: 400, 6: 100})
    if long:
        wild_start()
        # In a process of its own, as the most memory ever used is counted.
        subprocess.run([sys.executable, __file__, "--many-points"], check=True)
    trajectories([1000, 10_000, 100_000] if long else [1000, 10_000], [1000, 10_000] if long else [1000])


if __name__ == "__main__":
    main()
