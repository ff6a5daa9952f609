"""The demo: a small experiment, filmed by computer, and how near the results come to the truth."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from anipose.demo.animal import KEYPOINTS, Walk, walk
from anipose.demo.calibration_film import film_board
from anipose.demo.render import film
from anipose.demo.rig import make_rig
from anipose.demo.settings import config_text
from anipose.errors import PoseError, ProjectError
from anipose.geometry.angles import compute_angles
from anipose.geometry.cameras import Camera
from anipose.geometry.transforms import align_rigid
from anipose.io.calibration import write_calibration
from anipose.io.files import write_text
from anipose.io.number_csv import read_numbers
from anipose.io.poses_3d import read_poses_3d, write_poses_3d
from anipose.io.video_writer import VideoWriter
from anipose.poses import Frame3D, Poses3D

Degrees = Float[np.ndarray, "frame"]
Frames = Iterator[UInt8[np.ndarray, "height width 3"]]

FPS = 60.0
BOARD_FPS = 10.0
SESSIONS, CAMERAS = 2, 4
TRIAL_FRAMES, BOARD_FRAMES = 120, 44
# Good enough that compression moves a marker by less than a tenth of a pixel.
CRF = 15
TRUTH = "truth"


def make_demo(
    folder: Path,
    *,
    seed: int = 0,
    frames: int = TRIAL_FRAMES,
    board_frames: int = BOARD_FRAMES,
) -> None:
    """Write an experiment: config.toml, videos of a board, videos of an animal, and the truth behind them.

    The calibration is beside the sessions and serves all of them. The same arguments give the same bytes.

    Raises:
        ProjectError: the folder has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ProjectError(
            f"{folder} is not empty; choose a new folder for the demo, as in: anipose demo my-demo"
        )
    rig = make_rig(CAMERAS)
    of_board, *of_sessions = np.random.default_rng(seed).spawn(SESSIONS + 1)
    films: dict[Path, tuple[Camera, float, Callable[[], Frames]]] = {}
    motion_seed = int(of_board.integers(2**32))
    for camera, noise in zip(rig, of_board.spawn(CAMERAS), strict=True):
        motion = np.random.default_rng(motion_seed)
        take = partial(film_board, camera, board_frames, motion, noise)
        films[folder / "calibration" / f"board-cam{camera.name}.mp4"] = camera, BOARD_FPS, take
    walks = {}
    for number, rng in enumerate(of_sessions, start=1):
        walks[f"session{number}", f"walk{number}"] = animal = walk(frames, FPS, rng)
        for camera, noise in zip(rig, rng.spawn(CAMERAS), strict=True):
            name = f"session{number}/videos-raw/walk{number}-cam{camera.name}.mp4"
            films[folder / name] = camera, FPS, partial(film, camera, animal, noise)
    write_text(folder / "config.toml", config_text())
    write_calibration(folder / TRUTH / "calibration.toml", rig)
    for (session, trial), animal in walks.items():
        write_poses_3d(folder / TRUTH / session / f"{trial}.csv", _truth(animal))
    # Painting and encoding run outside of Python's lock for the most part, so threads do.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_write, films, films.values()))


def _write(path: Path, take: tuple[Camera, float, Callable[[], Frames]]) -> None:
    camera, fps, frames = take
    with VideoWriter(path, fps, camera.size, crf=CRF) as writer:
        for frame in frames():
            writer.write(frame)


def _truth(animal: Walk) -> Poses3D:
    known = np.zeros(animal.keypoints.shape[:2])
    return Poses3D(
        keypoints=KEYPOINTS,
        points=animal.keypoints,
        errors=known,
        n_cameras=known + np.nan,
        scores=known + 1,
        frame=Frame3D(),
        frame_numbers=np.arange(len(known)),
    )


@dataclass(frozen=True)
class Report:
    """How near the results are to the truth.

    Attributes:
        found: part of all points that were found, 0 to 1.
        errors_mm: (point,), distance of each found point from the true one.
        distances_mm: (pair,), error of the distance between keypoints that the config calls constant.
        angles_deg: angle -> (frame,), difference from the angle of the true points, without sign.
    """

    found: float
    errors_mm: Float[np.ndarray, "point"]
    distances_mm: Float[np.ndarray, "pair"]
    angles_deg: Mapping[str, Degrees]


def measure(folder: Path) -> Report:
    """Compare `pose-3d` and `angles` of a demo, once the pipeline has run, with the truth.

    The calibration has its own world, so the truth is first moved into it as a whole: one rotation and
    one translation for the experiment, no change of scale.

    Raises:
        PoseError: there are no results yet.
    """
    paths = sorted((folder / TRUTH).glob("*/*.csv"))
    results = [folder / path.parent.name / "pose-3d" / path.name for path in paths]
    missing = [str(path) for path in results if not path.is_file()]
    if missing or not paths:
        raise PoseError(
            f"the demo in {folder} has no results yet ({', '.join(missing)}); run: anipose run-data"
        )
    truths, poses = [read_poses_3d(path) for path in paths], [read_poses_3d(path) for path in results]
    in_world = [result.frame.to_world(_in_order(result)) for result in poses]
    rotation, shift = align_rigid(
        np.concatenate([truth.points.reshape(-1, 3) for truth in truths]),
        np.concatenate([points.reshape(-1, 3) for points in in_world]),
    )
    moved = [truth.points @ rotation.T + shift for truth in truths]
    errors = np.concatenate(
        [np.linalg.norm(a - b, axis=-1).ravel() for a, b in zip(in_world, moved, strict=True)]
    )
    settings = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    pairs = [
        [KEYPOINTS.index(name) for name in pair] for pair in settings["triangulation"].get("constraints", [])
    ]
    lengths = [_lengths(a, pairs) - _lengths(b, pairs) for a, b in zip(in_world, moved, strict=True)]
    angles: dict[str, list[Degrees]] = {}
    for path, result, truth in zip(results, poses, moved, strict=True):
        table = path.parent.parent / "angles" / path.name
        for name, difference in _angle_errors(table, settings["angles"], result.frame.from_world(truth)):
            angles.setdefault(name, []).append(difference)
    distances = np.concatenate([difference.ravel() for difference in lengths])
    return Report(
        found=float(np.isfinite(errors).mean()),
        errors_mm=errors[np.isfinite(errors)],
        distances_mm=distances[np.isfinite(distances)],
        angles_deg={name: np.concatenate(differences) for name, differences in angles.items()},
    )


def _in_order(poses: Poses3D) -> Float[np.ndarray, "frame keypoint 3"]:
    ordered: Float[np.ndarray, "frame keypoint 3"] = poses.points[
        :, [poses.keypoints.index(k) for k in KEYPOINTS]
    ]
    return ordered


def _lengths(
    points: Float[np.ndarray, "frame keypoint 3"], pairs: list[list[int]]
) -> Float[np.ndarray, "frame pair"]:
    ends = points[:, np.array(pairs, dtype=int).reshape(-1, 2)]
    lengths: Float[np.ndarray, "frame pair"] = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)
    return lengths


def _angle_errors(
    table: Path, definitions: Mapping[str, list[str]], truth: Float[np.ndarray, "frame keypoint 3"]
) -> Iterator[tuple[str, Degrees]]:
    """Angle -> differences between a table of angles and those of the true points, degrees from 0 to 180."""
    names, values = read_numbers(table)
    points = {name: truth[:, column] for column, name in enumerate(KEYPOINTS)}
    expected = compute_angles(points, {name: tuple(form) for name, form in definitions.items()})
    for name, angle in expected.items():
        difference = (values[:, names.index(name)] - angle + 180) % 360 - 180
        yield name, np.abs(difference[np.isfinite(difference)])
