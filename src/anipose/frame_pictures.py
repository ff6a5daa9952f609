"""Reading how bad every frame of an experiment is, and writing frames to be labelled."""

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.frame_choice import (
    badness_at_random,
    badness_of_change,
    badness_of_reprojection,
    badness_of_scores,
)
from anipose.io.files import write_bytes
from anipose.io.labels import write_labels
from anipose.io.poses_2d import read_animals_2d
from anipose.io.poses_3d import read_animals_3d
from anipose.io.sleap_project import TrackedFrames, write_sleap_project
from anipose.io.video import read_bgr
from anipose.poses import MultiviewPoses, Poses2D, side_by_side, side_by_side_3d

log = logging.getLogger(__name__)

Badness = dict[str, dict[tuple[str, ...], NDArray[np.float64]]]
Files = Mapping[str, Path]


def read_badness(
    reasons: Sequence[str],
    poses_2d: Files,
    filtered: Files,
    poses_3d: Files,
    frame_offsets: Mapping[str, int],
) -> Badness:
    """Reason -> trial -> badness of each frame of the trial.

    Args:
        reasons: as in `extraction.by`.
        poses_2d, filtered: files by the folders of the session, the trial and the camera, joined by "/".
        poses_3d: files by the folders of the session and the trial. What does not exist is left out.
        frame_offsets: of each view, as in `[cameras.X] frame_offset`.
    """
    rng = np.random.default_rng(0)
    badness: Badness = {reason: {} for reason in reasons}
    for trial in dict.fromkeys(tuple(key.split("/"))[:-1] for key in poses_2d):
        seen = _views(trial, poses_2d, frame_offsets)
        repaired = _views(trial, filtered, frame_offsets)
        in_space = poses_3d.get("/".join(trial))
        if seen is None:
            continue
        found = {"score": badness_of_scores(seen), "random": badness_at_random(seen.n_frames, rng)}
        if repaired is not None and repaired.cameras == seen.cameras:
            found["filter-change"] = badness_of_change(seen, repaired)
        if in_space is not None and in_space.is_file():
            found["reprojection-error"] = badness_of_reprojection(side_by_side_3d(read_animals_3d(in_space)))
        for reason in reasons:
            if reason in found:
                badness[reason][trial] = found[reason]
    return badness


def write_pictures(video: Path, poses_2d: Path, frames: Sequence[int], folder: Path) -> TrackedFrames:
    """Write frames of a video as DeepLabCut has them, with the tracked points as labels to be corrected.

    Pictures that are there are not written again: somebody may have labelled them.

    Returns:
        The frames that are in the video, and what was tracked in them.
    """
    tracked = read_animals_2d(poses_2d)
    n_frames = next(iter(tracked.values())).n_frames
    frames = [frame for frame in frames if 0 <= frame < n_frames]
    width = len(str(max(n_frames - 1, 0)))
    names = {frame: f"img{frame:0{width}d}.png" for frame in frames}
    for number, image in enumerate(read_bgr(video)):
        if number in names and not (folder / names[number]).exists():
            write_bytes(folder / names[number], cv2.imencode(".png", image)[1].tobytes())
        if number >= max(frames, default=-1):
            break
    rows = {
        animal: Poses2D(poses.keypoints, poses.points[frames], poses.scores[frames], poses.scorer)
        for animal, poses in tracked.items()
    }
    write_labels(folder / "machinelabels-iter0.h5", folder.name, [names[frame] for frame in frames], rows)
    return TrackedFrames(video, tuple(frames), rows)


def write_for_sleap(path: Path, tracked: Sequence[TrackedFrames], chains: Sequence[Sequence[str]]) -> None:
    """Write frames as a project of SLEAP, unless there is one: somebody may have labelled in it.

    Args:
        path: the project.
        tracked: the frames of each video.
        chains: keypoints that are connected, as in `labeling.scheme`.
    """
    if path.exists():
        log.warning("%s is there, perhaps with labels of yours, and stays; move it away for a new one", path)
        return
    limbs = dict.fromkeys(limb for chain in chains for limb in pairwise(chain))
    write_sleap_project(path, tracked, tuple(limbs))


def _views(trial: tuple[str, ...], files: Files, frame_offsets: Mapping[str, int]) -> MultiviewPoses | None:
    """The views of a trial whose files are there; None if there are none."""
    views = {
        key.split("/")[-1] or "view": side_by_side(read_animals_2d(path)).advanced(frame_offsets[key])
        for key, path in files.items()
        if tuple(key.split("/"))[:-1] == trial and path.is_file()
    }
    return MultiviewPoses.from_views(views) if views else None
