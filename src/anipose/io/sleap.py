"""SLEAP's files: analysis HDF5 and predictions (.slp)."""

import json
from pathlib import Path

import h5py
import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.deeplabcut import several_animals
from anipose.poses import Poses2D, best_candidate

_SCORER = "SLEAP"

# Before this version of the .slp format, (0, 0) was the corner of the top-left pixel.
_FIRST_FORMAT_WITH_PIXEL_CENTRES = 1.1


def is_analysis(file: h5py.File) -> bool:
    """Whether this is the HDF5 file that SLEAP exports for analysis."""
    return isinstance(file.get("tracks"), h5py.Dataset) and "node_names" in file


def is_slp(file: h5py.File) -> bool:
    """Whether this is a project or prediction file of SLEAP."""
    return {"frames", "instances", "points", "pred_points", "metadata"} <= set(file)


def read_analysis(path: Path, file: h5py.File) -> Poses2D:
    """Read `tracks` (track, 2, node, frame), or (frame, track, node, 2) as newer versions can write it."""
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
    if np.isfinite(points).any(axis=(2, 3)).sum(axis=1).max(initial=0) > 1:
        raise several_animals(path, names)
    # One animal whose track was lost and found again has several tracks, one in each frame.
    points, scores = best_candidate(points.swapaxes(1, 2), scores.swapaxes(1, 2))
    return Poses2D(keypoints, points, scores, _SCORER)


def read_slp(path: Path, file: h5py.File) -> Poses2D:
    """Read one instance per frame; what a person has corrected comes before predictions."""
    metadata = json.loads(file["metadata"].attrs["json"])
    nodes = [metadata["nodes"][node["id"]]["name"] for node in metadata["skeletons"][0]["nodes"]]
    frames, instances = file["frames"][:], file["instances"][:]
    if len(np.unique(frames["video"])) > 1:
        raise FileFormatError(
            f"{path} holds the predictions of {len(np.unique(frames['video']))} videos; "
            "expected one. Export one file per video"
        )
    n_frames = int(frames["frame_idx"].max()) + 1 if len(frames) else 0
    points = np.full((n_frames, len(nodes), 2), np.nan)
    scores = np.full((n_frames, len(nodes)), np.nan)
    tables = {0: _slp_points(file["points"]), 1: _slp_points(file["pred_points"])}
    for frame in frames:
        found = instances[int(frame["instance_id_start"]) : int(frame["instance_id_end"])]
        found = found[found["instance_type"] == found["instance_type"].min(initial=1)]
        if len(found) > 1:
            raise several_animals(path, [f"{number + 1}" for number in range(len(found))])
        for instance in found:
            rows = slice(int(instance["point_id_start"]), int(instance["point_id_end"]))
            seen = tables[int(instance["instance_type"])][rows]
            points[frame["frame_idx"]], scores[frame["frame_idx"]] = seen[:, :2], seen[:, 2]
    if file["metadata"].attrs.get("format_id", 1.0) < _FIRST_FORMAT_WITH_PIXEL_CENTRES:
        points -= 0.5
    points, scores = best_candidate(points[:, :, None], scores[:, :, None])
    return Poses2D(tuple(nodes), points, scores, _SCORER)


def _slp_points(table: h5py.Dataset) -> NDArray[np.float64]:
    """x, y, score of each point; a point that a person has placed has the score 1."""
    rows = table[:]
    scores = rows["score"] if "score" in rows.dtype.names else np.ones(len(rows))
    points = np.stack([rows["x"], rows["y"], scores], axis=-1).astype(np.float64)
    points[~rows["visible"]] = np.nan
    return points


def _texts(names: h5py.Dataset) -> tuple[str, ...]:
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names[:])
