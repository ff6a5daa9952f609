"""Projects of SLEAP (.slp) with frames to be labelled, and in them what was tracked.

The points are predictions: SLEAP shows them, makes labels of them where they are corrected, and does not
train with the others.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from anipose.arrays import NDArray
from anipose.io.deeplabcut import UNIQUE_BODYPARTS
from anipose.io.files import atomic_path
from anipose.io.video import probe
from anipose.poses import Poses2D

# Since 1.1, (0, 0) is the centre of the first pixel; 1.2 is read by SLEAP 1.3 and later.
_FORMAT = 1.2
_FRAME = np.dtype(
    [
        ("frame_id", "<u8"),
        ("video", "<u4"),
        ("frame_idx", "<u8"),
        ("instance_id_start", "<u8"),
        ("instance_id_end", "<u8"),
    ]
)
_INSTANCE = np.dtype(
    [
        ("instance_id", "<i8"),
        ("instance_type", "u1"),
        ("frame_id", "<u8"),
        ("skeleton", "<u4"),
        ("track", "<i4"),
        ("from_predicted", "<i8"),
        ("score", "<f4"),
        ("point_id_start", "<u8"),
        ("point_id_end", "<u8"),
        ("tracking_score", "<f4"),
    ]
)
_POINT = np.dtype([("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")])
_PREDICTED_POINT = np.dtype([*_POINT.descr, ("score", "<f8")])
_PREDICTED = 1


@dataclass(frozen=True)
class TrackedFrames:
    """Frames of a video, and the poses in them.

    Attributes:
        numbers: of the frames.
        animals: of each animal, one row for each frame.
    """

    video: Path
    numbers: tuple[int, ...]
    animals: Mapping[str, Poses2D]


def write_sleap_project(
    path: Path, tracked: Sequence[TrackedFrames], limbs: Sequence[tuple[str, str]]
) -> None:
    """Write a project that suggests these frames for labelling. Points that are no animal's are left out.

    Args:
        tracked: of each video; their keypoints may differ.
        limbs: pairs of keypoints, the edges of the skeleton as far as their keypoints are tracked.
    """
    animals = [[poses for name, poses in one.animals.items() if name != UNIQUE_BODYPARTS] for one in tracked]
    keypoints = tuple(dict.fromkeys(name for some in animals for poses in some for name in poses.keypoints))
    edges = [(keypoints.index(a), keypoints.index(b)) for a, b in limbs if {a, b} <= set(keypoints)]
    frames, instances, points = _tables([one.numbers for one in tracked], animals, keypoints)
    suggestions = [{"video": str(f["video"]), "frame_idx": int(f["frame_idx"]), "group": 0} for f in frames]
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        metadata = file.create_group("metadata")
        metadata.attrs["format_id"] = _FORMAT
        metadata.attrs["json"] = np.bytes_(json.dumps(_metadata(keypoints, edges)))
        file["frames"], file["instances"] = frames, instances
        file["points"], file["pred_points"] = np.zeros(0, _POINT), points
        _write_json(file, "videos_json", [_video(one.video) for one in tracked])
        _write_json(file, "suggestions_json", suggestions)
        _write_json(file, "tracks_json", [])


def _tables(
    numbers: Sequence[Sequence[int]], animals: Sequence[Sequence[Poses2D]], keypoints: Sequence[str]
) -> tuple[NDArray[np.void], NDArray[np.void], NDArray[np.void]]:
    """The frames of all videos, the animals in each frame, and the points of each animal."""
    places = [(video, row) for video, some in enumerate(numbers) for row in range(len(some))]
    frames = np.zeros(len(places), _FRAME)
    instances = np.zeros(sum(len(animals[video]) for video, _ in places), _INSTANCE)
    points = np.zeros((len(instances), len(keypoints)), _PREDICTED_POINT)
    points["x"] = points["y"] = np.nan
    first = 0
    for frame, (video, row) in enumerate(places):
        frames[frame] = frame, video, numbers[video][row], first, first + len(animals[video])
        for number, poses in enumerate(animals[video], start=first):
            columns = [keypoints.index(name) for name in poses.keypoints]
            points["x"][number, columns], points["y"][number, columns] = poses.points[row].T
            points["score"][number, columns] = np.nan_to_num(poses.scores[row])
            score, of_points = points["score"][number].mean(), len(keypoints) * np.array([number, number + 1])
            instances[number] = (number, _PREDICTED, frame, 0, -1, -1, score, *of_points, np.nan)
        first += len(animals[video])
    points["visible"] = np.isfinite(points["x"])
    return frames, instances, points.ravel()


def _metadata(keypoints: Sequence[str], edges: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The skeleton, in the words of jsonpickle: what is the same for the second time refers to the first."""
    kind = {"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [1]}]}
    links = [
        {"edge_insert_idx": number, "key": 0, "source": source, "target": target}
        | {"type": {"py/id": 1} if number else kind}
        for number, (source, target) in enumerate(edges)
    ]
    skeleton = {
        "directed": True,
        "graph": {"name": "animal", "num_edges_inserted": len(edges)},
        "links": links,
        "multigraph": True,
        "nodes": [{"id": number} for number in range(len(keypoints))],
    }
    return {
        "version": "2.0.0",
        "skeletons": [skeleton],
        "nodes": [{"name": name, "weight": 1.0} for name in keypoints],
        "videos": [],
        "tracks": [],
        "suggestions": [],
        "negative_anchors": {},
        "provenance": {},
    }


def _video(path: Path) -> dict[str, Any]:
    info, name = probe(path), path.resolve().as_posix()
    backend = {
        "type": "MediaVideo",
        "shape": [info.n_frames, info.height, info.width, 3],
        "filename": name,
        "grayscale": False,
        "bgr": True,
        "dataset": "",
        "input_format": "",
    }
    return {"filename": name, "backend": backend}


def _write_json(file: h5py.File, name: str, items: Sequence[dict[str, Any]]) -> None:
    texts: NDArray[np.object_] = np.array([json.dumps(item).encode() for item in items], dtype=object)
    file.create_dataset(name, data=texts, dtype=h5py.string_dtype())
