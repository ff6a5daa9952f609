"""Small experiments with a known answer: calibrations and tracked points, no videos."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import write_poses_2d
from anipose.poses import Poses2D
from synthetic import make_rig

KEYPOINTS = ("hip", "knee", "foot")
CONFIG = """
project = "walk"

[triangulation]
cam_regex = '-(cam[0-9])$'
axes = [["x", "hip", "knee"], ["z", "knee", "foot"]]
reference_point = "hip"

[angles]
knee = ["hip", "knee", "foot"]
"""


@dataclass(frozen=True)
class Walk:
    """A leg in three cameras: hip, knee and foot on a right angle that turns about the hip.

    Attributes:
        root: the experiment.
        truth: (frame, keypoint, 3).
    """

    root: Path
    truth: NDArray[np.float64]


def make_walk(
    root: Path,
    *,
    sessions: tuple[str, ...] = ("session1",),
    trials: tuple[str, ...] = ("t",),
    n_frames: int = 30,
) -> Walk:
    """An experiment with the calibration at its top and tracked points in every session."""
    truth = leg(n_frames)
    cameras = make_rig(3)
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.toml").write_text(CONFIG)
    write_calibration(root / "calibration" / "calibration.toml", cameras)
    for session in sessions:
        for trial in trials:
            for camera in cameras:
                points = camera.project(truth)
                poses = Poses2D(KEYPOINTS, points, np.full(points.shape[:2], 0.95))
                write_poses_2d(root / session / "pose-2d" / f"{trial}-{camera.name}.h5", poses)
    return Walk(root, truth)


def leg(n_frames: int) -> NDArray[np.float64]:
    """Hip at the origin, knee 40 mm away, foot 30 mm from the knee at a right angle."""
    turn = np.linspace(0, 1, n_frames)
    knee = 40 * np.stack([np.cos(turn), np.sin(turn), np.zeros(n_frames)], axis=1)
    foot = knee - np.array([0, 0, 30])
    return np.stack([np.zeros((n_frames, 3)), knee, foot], axis=1)


def anipose(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would; both outputs together."""
    return subprocess.run(
        [sys.executable, "-m", "anipose", *words],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def made(output: str) -> set[str]:
    """The files that a run says it made."""
    commands = (
        "config",
        "calibrate",
        "analyze",
        "export-model",
        "filter",
        "triangulate",
        "angles",
        "project-2d",
        "summarize",
    )
    lines = [line.split() for line in output.splitlines() if line.startswith(commands)]
    return {words[1] for words in lines}


def content(root: Path) -> str:
    """Every file below a folder with its bytes, in a form that can be compared."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and ".anipose" not in path.parts)
    return json.dumps({path.relative_to(root).as_posix(): path.read_bytes().hex() for path in files})
