"""A small experiment with a known answer, for the docs: 2D points and a calibration, and no videos.

The animal and the cameras are those of the demo.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from anipose.demo.animal import KEYPOINTS, walk
from anipose.demo.rig import make_rig
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import write_poses_2d
from anipose.poses import Poses2D

ANIPOSE = [sys.executable, "-c", "from anipose.cli.main import main; main(prog_name='anipose')"]

LIZARDS = """\
project = "lizards"

[triangulation]
cam_regex = '-cam([A-Z])'
axes = [
  ["x", "hip", "shoulder"],
  ["y", "right_front_knee", "left_front_knee"],
]
reference_point = "hip"

[angles]
left_front_knee = ["shoulder", "left_front_knee", "left_front_foot"]
right_hind = ["chain", "hip", "right_hind_knee/", "right_hind_foot"]
"""
TRIALS = {"day1": ("walk1", "walk2"), "day2": ("walk3",)}
NOISE_PX = 0.5


class Projects:
    """Copies of small experiments: 2D points and a calibration, made from the animal of the demo."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies: dict[tuple[Path, str], Path] = {}

    def of(self, page: Path, name: str) -> Path:
        """The copy of a project that the blocks of a page work on."""
        if (page, name) not in self._copies:
            copy = self._folder / "copies" / page.stem / name / "lizards"
            shutil.copytree(self._original(name), copy)
            self._copies[page, name] = copy
        return self._copies[page, name]

    def _original(self, name: str) -> Path:
        original = self._folder / "originals" / name
        if not original.exists():
            MAKERS[name](original)
        return original


def make_lizards(folder: Path) -> None:
    rig = make_rig()
    write_calibration(folder / "calibration" / "calibration.toml", rig)
    (folder / "config.toml").write_text(LIZARDS, encoding="utf-8")
    rng = np.random.default_rng(7)
    for session, trials in TRIALS.items():
        for trial in trials:
            pixels = rig.project(walk(60, 60.0, rng).keypoints)
            pixels = pixels + rng.normal(0, NOISE_PX, pixels.shape)
            for camera, points in zip(rig.names, pixels, strict=True):
                path = folder / session / "pose-2d" / f"{trial}-cam{camera}.h5"
                write_poses_2d(path, Poses2D(KEYPOINTS, points, np.full(points.shape[:2], 0.95)))


def make_done(folder: Path) -> None:
    make_lizards(folder)
    run = subprocess.run([*ANIPOSE, "run-data", "--jobs", "1"], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def make_without_regex(folder: Path) -> None:
    make_lizards(folder)
    lines = [line for line in LIZARDS.splitlines() if not line.startswith("cam_regex")]
    (folder / "config.toml").write_text("\n".join(lines), encoding="utf-8")


MAKERS = {"lizards": make_lizards, "lizards-done": make_done, "no-regex": make_without_regex}
