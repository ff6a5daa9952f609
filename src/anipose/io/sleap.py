"""SLEAP's files: analysis HDF5 and predictions (.slp).

SLEAP gives an animal that was lost and found again another track. Tracks that are never in the same frame
are taken for one animal here; of several animals, which is which is for the other views to say.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.poses import UNNAMED, Poses2D, best_candidate

_SCORER = "SLEAP"

# Before this version of the .slp format, (0, 0) was the corner of the top-left pixel.
_FIRST_FORMAT_WITH_PIXEL_CENTRES = 1.1


def is_analysis(file: h5py.File) -> bool:
    """Whether this is the HDF5 file that SLEAP exports for analysis."""
    return isinstance(file.get("tracks"), h5py.Dataset) and "node_names" in file


def is_slp(file: h5py.File) -> bool:
    """Whether this is a project or prediction file of SLEAP."""
    return {"frames", "instances", "points", "pred_points", "metadata"} <= set(file)


def read_analysis(path: Path, file: h5py.File) -> dict[str, Poses2D]:
    """Read the poses of every animal.

    `tracks` is (track, 2, node, frame), or (frame, track, node, 2) as newer versions can write it.
    """
    keypoints, names = _texts(file["node_names"]), _texts(file["track_names"])
    n_tracks = len(names) or 1  # one animal need not have a name
    tracks = file["tracks"][:]
    if tracks.shape[:3] == (n_tracks, 2, len(keypoints)):
        order: tuple[int, ...] = (3, 0, 2, 1)
    elif tracks.shape[1:] == (n_tracks, len(keypoints), 2):
        order = (0, 1, 2, 3)
    else:
        raise FileFormatError(
            f"{path}: tracks has the shape {tracks.shape}; expected "
            f"({n_tracks}, 2, {len(keypoints)}, frames), for the names of tracks and nodes in the file"
        )
    points = tracks.transpose(order)
    scores = np.ones(points.shape[:3])
    if "point_scores" in file:
        scores = file["point_scores"][:].transpose((2, 0, 1) if order[0] else (0, 1, 2))
    return _animals(keypoints, names, points, scores)


def read_slp(path: Path, file: h5py.File) -> dict[str, Poses2D]:
    """Read the poses of every animal; what a person has corrected comes before predictions."""
    metadata = json.loads(file["metadata"].attrs["json"])
    nodes = [metadata["nodes"][node["id"]]["name"] for node in metadata["skeletons"][0]["nodes"]]
    frames, instances = file["frames"][:], file["instances"][:]
    if len(np.unique(frames["video"])) > 1:
        raise FileFormatError(
            f"{path} holds the predictions of {len(np.unique(frames['video']))} videos; "
            "expected one. Export one file per video"
        )
    n_frames = int(frames["frame_idx"].max()) + 1 if len(frames) else 0
    names = _track_names(file)
    found = [instances[int(frame["instance_id_start"]) : int(frame["instance_id_end"])] for frame in frames]
    several = any(np.bincount(some["instance_type"]).max(initial=0) > 1 for some in found)
    chosen = [_chosen(some, len(names), several=several) for some in found]
    n_tracks = max([1, *(number + 1 for some in chosen for number in some)])
    points = np.full((n_frames, n_tracks, len(nodes), 2), np.nan)
    scores = np.full(points.shape[:3], np.nan)
    tables = {0: _slp_points(file["points"]), 1: _slp_points(file["pred_points"])}
    for frame, some in zip(frames["frame_idx"], chosen, strict=True):
        for number, instance in some.items():
            rows = slice(int(instance["point_id_start"]), int(instance["point_id_end"]))
            seen = tables[int(instance["instance_type"])][rows]
            points[frame, number], scores[frame, number] = seen[:, :2], seen[:, 2]
    if file["metadata"].attrs.get("format_id", 1.0) < _FIRST_FORMAT_WITH_PIXEL_CENTRES:
        points -= 0.5
    untracked = [f"animal{number + 1}" for number in range(n_tracks - len(names))]
    return _animals(tuple(nodes), [*names, *untracked], points, scores)


def _chosen(instances: NDArray[np.void], n_tracks: int, *, several: bool) -> dict[int, np.void]:
    """The instances of a frame by track; those without one get the numbers after the tracks.

    Args:
        several: whether the file has several animals. Of one, a person's instance is it, whatever is
            predicted; of several, predictions of the other tracks count, too.
    """
    by_person = instances[instances["instance_type"] == 0]
    predicted = instances[instances["instance_type"] != 0]
    if len(by_person):
        known = [_track(instance) for instance in by_person]
        others = [p for p in predicted if _track(p) >= 0 and _track(p) not in known]
        predicted = others if several and min(known) >= 0 else []
    chosen: dict[int, np.void] = {}
    for instance in (*by_person, *predicted):
        number = _track(instance) if several else 0
        if number < 0 or number in chosen:
            number = next(n for n in range(n_tracks, n_tracks + len(instances)) if n not in chosen)
        chosen[number] = instance
    return chosen


def _track(instance: np.void) -> int:
    return int(instance["track"]) if "track" in (instance.dtype.names or ()) else -1


def _track_names(file: h5py.File) -> tuple[str, ...]:
    """Names of the tracks, which are stored as JSON: the frame where each begins, and its name."""
    if "tracks_json" not in file:
        return ()
    return tuple(str(json.loads(text)[-1]) for text in _texts(file["tracks_json"]))


def _animals(
    keypoints: tuple[str, ...],
    names: Sequence[str],
    points: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> dict[str, Poses2D]:
    """Poses by animal from points (frame, track, keypoint, 2); tracks that never meet are one animal."""
    present = np.asarray(np.isfinite(points).any(axis=(2, 3)))
    animals = _packed(present)
    named: dict[str, Poses2D] = {}
    for tracks in animals or [[0]]:
        best = best_candidate(points[:, tracks].swapaxes(1, 2), scores[:, tracks].swapaxes(1, 2))
        name = UNNAMED if len(animals) < 2 else names[tracks[0]]
        named[name if name not in named else f"{name} ({tracks[0]})"] = Poses2D(keypoints, *best, _SCORER)
    return named


def _packed(present: NDArray[np.bool_]) -> list[list[int]]:
    """As few sets of tracks as can be, none of which has two in a frame; (frame, track)."""
    seen = np.flatnonzero(present.any(axis=0))
    sets: list[list[int]] = []
    taken: list[NDArray[np.bool_]] = []
    for track in seen[np.argsort(present[:, seen].argmax(axis=0), kind="stable")].tolist():
        free = next((n for n, frames in enumerate(taken) if not (frames & present[:, track]).any()), None)
        if free is None:
            sets.append([track])
            taken.append(present[:, track].copy())
        else:
            sets[free].append(track)
            taken[free] |= present[:, track]
    return sets


def _slp_points(table: h5py.Dataset) -> NDArray[np.float64]:
    """x, y, score of each point; a point that a person has placed has the score 1."""
    rows = table[:]
    scores = rows["score"] if "score" in rows.dtype.names else np.ones(len(rows))
    points = np.stack([rows["x"], rows["y"], scores], axis=-1).astype(np.float64)
    points[~rows["visible"]] = np.nan
    return points


def _texts(names: h5py.Dataset) -> tuple[str, ...]:
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names[:])
