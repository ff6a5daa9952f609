"""Time and memory of `anipose run-data` over many sessions, and of a second run that has nothing to do.

    python benchmarks/pipeline.py [--sessions 100] [--frames 600]

Every session is one trial of the demo's lizard in four cameras, tracked with one pixel of noise: filter,
triangulate, angles, summaries. Time is by the clock and in CPU seconds of all processes; memory is the
largest of any one process.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from anipose.demo.animal import KEYPOINTS, walk
from anipose.demo.rig import make_rig
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import write_poses_2d
from anipose.poses import Poses2D

CONFIG = """
project = "benchmark"

[triangulation]
cam_regex = "-cam([A-Z])"
axes = [["x", "hip", "shoulder"], ["y", "right_front_knee", "left_front_knee"]]
reference_point = "hip"

[filter]
enabled = true

[angles]
knee = ["shoulder", "left_front_knee", "left_front_foot"]
hind = ["chain", "hip", "right_hind_knee", "right_hind_foot"]
"""


def make_project(root: Path, n_sessions: int, n_frames: int) -> None:
    """An experiment of tracked points, each session with noise of its own."""
    rig = make_rig(4)
    truth = walk(n_frames, 60.0, np.random.default_rng(0)).keypoints
    root.mkdir()
    (root / "config.toml").write_text(CONFIG)
    write_calibration(root / "calibration" / "calibration.toml", rig)
    for number in range(n_sessions):
        rng = np.random.default_rng(number)
        for camera in rig:
            points = camera.project(truth)
            points += rng.normal(0, 1, points.shape)
            poses = Poses2D(KEYPOINTS, points, np.full(points.shape[:2], 0.95))
            write_poses_2d(root / f"session{number:03}" / "pose-2d" / f"walk-cam{camera.name}.h5", poses)


def measure(root: Path, *words: str) -> tuple[float, float, float]:
    """Seconds by the clock, CPU seconds, and megabytes of the largest process, of one command."""
    script = (
        "import resource, subprocess, sys;"
        "command = [sys.executable, '-m', 'anipose', *sys.argv[1:]];"
        "code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode;"
        "usage = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024); sys.exit(code)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=root, capture_output=True, text=True, check=True
    )
    cpu, memory = map(float, done.stdout.split())
    return time.perf_counter() - started, cpu, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--frames", type=int, default=600)
    options = parser.parse_args()
    print(f"{options.sessions} sessions, 4 cameras, {len(KEYPOINTS)} keypoints, {options.frames} frames each")
    print(f"{'':<34}{'clock s':>9}{'CPU s':>9}{'MB':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for n_jobs in (1, 2):
            root = Path(folder) / f"jobs{n_jobs}"
            make_project(root, options.sessions, options.frames)
            for what, words in (
                (f"run-data --jobs {n_jobs}", ("run-data", "--jobs", str(n_jobs))),
                ("again, nothing to do", ("run-data", "--jobs", str(n_jobs))),
                ("status", ("status",)),
                (
                    f"angles changed --jobs {n_jobs}",
                    ("run-data", "--jobs", str(n_jobs), "--set", 'angles.tail=["shoulder","hip","tail"]'),
                ),
            ):
                clock, cpu, memory = measure(root, *words)
                print(f"{what:<34}{clock:>9.2f}{cpu:>9.2f}{memory:>7.0f}")


if __name__ == "__main__":
    main()
