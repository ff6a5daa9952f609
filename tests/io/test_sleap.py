"""SLEAP's analysis files and predictions are read, real ones and made ones."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from anipose.errors import FileFormatError, PoseError
from anipose.io.poses_2d import read_animals_2d, read_poses_2d

NAN = np.nan


def test_real_predictions_agree_in_all_formats(shared_data: Path) -> None:
    folder = shared_data / "mouse-4cam"
    for view in ("back", "mid", "side", "top"):
        converted = read_poses_2d(folder / "experiment" / "session1" / "pose-2d" / f"mouse_{view}.h5")
        analysis = read_poses_2d(folder / "reference" / "sleap" / f"mouse_{view}.analysis.h5")
        predictions = read_poses_2d(folder / "reference" / "sleap" / f"mouse_{view}.slp")
        assert converted.points.shape == (120, 15, 2)
        assert predictions.scorer == analysis.scorer == "SLEAP"
        for found in (analysis, predictions):
            assert found.keypoints == converted.keypoints
            np.testing.assert_array_equal(found.points, converted.points)
            np.testing.assert_array_equal(found.scores, converted.scores)


@pytest.mark.parametrize("layout", ["matlab", "python"])
def test_track_that_was_lost_and_found_again(tmp_path: Path, layout: str) -> None:
    points = np.full((4, 2, 3, 2), NAN)  # frame, track, node, coordinate
    points[0, 0], points[2, 1] = [[1, 2], [3, 4], [0, 0]], [[5, 6], [7, 8], [0, 0]]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = points.transpose(1, 3, 2, 0) if layout == "matlab" else points
        scores = np.where(np.isnan(points[..., 0]), NAN, 0.5)
        file["point_scores"] = scores.transpose(1, 2, 0) if layout == "matlab" else scores
        file["node_names"], file["track_names"] = ["nose", "tail", "ear"], ["a", "b"]
    found = read_poses_2d(tmp_path / "a.h5")
    np.testing.assert_array_equal(found.points[:, 0], [[1, 2], [NAN, NAN], [5, 6], [NAN, NAN]])
    np.testing.assert_array_equal(found.scores[:, 1], [0.5, NAN, 0.5, NAN])


def test_tracks_in_the_same_frame_are_several_animals(tmp_path: Path) -> None:
    """Anna is lost, and found again as Cora; Dora was deleted, and is an empty track."""
    points = np.full((4, 4, 1, 2), NAN)
    points[:, 1] = 20
    points[0, 0], points[2:, 2] = 10, 30
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = points.transpose(1, 3, 2, 0)
        file["node_names"], file["track_names"] = ["nose"], ["anna", "berta", "cora", "dora"]
    found = read_animals_2d(tmp_path / "a.h5")
    assert list(found) == ["anna", "berta"]
    np.testing.assert_array_equal(found["anna"].points[:, 0, 0], [10, NAN, 30, 30])
    np.testing.assert_array_equal(found["berta"].scores, np.ones((4, 1)))


def test_what_needs_one_animal_says_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["tracks"] = np.ones((2, 2, 3, 5))
        file["node_names"], file["track_names"] = ["a", "b", "c"], ["anna", "berta"]
    with pytest.raises(
        PoseError, match=r"a\.h5 holds the animals anna, berta, but this works on videos with"
    ):
        read_poses_2d(tmp_path / "a.h5")


def _slp(
    path: Path,
    kinds: list[int],
    *,
    format_id: float = 1.3,
    videos: tuple[int, int] = (0, 0),
    tracks: list[int] | None = None,
) -> Path:
    """Frames 0 and 2 of a node; frame 0 has instances of these kinds (0 of a person, 1 predicted).

    The tracks, where there are any, are those of these instances and of the one in frame 2.
    """
    n = len(kinds)
    tracks = [-1] * (n + 1) if tracks is None else tracks
    frame = [("frame_id", "u8"), ("video", "u4"), ("frame_idx", "u8")]
    frame += [("instance_id_start", "u8"), ("instance_id_end", "u8")]
    instance = [("instance_type", "u1"), ("track", "i4"), ("point_id_start", "u8"), ("point_id_end", "u8")]
    point = [("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")]
    with h5py.File(path, "w") as file:
        file["frames"] = np.array([(0, videos[0], 0, 0, n), (1, videos[1], 2, n, n + 1)], dtype=frame)
        rows = [(kind, track, 0, 1) for kind, track in zip(kinds, tracks, strict=False)]
        file["instances"] = np.array([*rows, (1, tracks[-1], 1, 2)], dtype=instance)
        file["tracks_json"] = [json.dumps([0, name]) for name in ("track_0", "berta")[: max(tracks) + 1]]
        file["points"] = np.array([(10, 20, True, True)], dtype=point)
        file["pred_points"] = np.array(
            [(1, 2, True, False, 0.5), (3, 4, True, False, 0.6)], dtype=[*point, ("score", "f8")]
        )
        group = file.create_group("metadata")
        nodes = {"nodes": [{"name": "ear"}, {"name": "nose"}], "skeletons": [{"nodes": [{"id": 1}]}]}
        group.attrs["json"], group.attrs["format_id"] = json.dumps(nodes).encode(), format_id
    return path


def test_correction_by_a_person_comes_first(tmp_path: Path) -> None:
    found = read_poses_2d(_slp(tmp_path / "a.slp", [1, 0]))
    assert found.keypoints == ("nose",)
    np.testing.assert_array_equal(found.points[:, 0], [[10, 20], [NAN, NAN], [3, 4]])
    np.testing.assert_array_equal(found.scores[:, 0], [1, NAN, 0.6])


def test_old_files_count_pixels_from_the_corner(tmp_path: Path) -> None:
    found = read_poses_2d(_slp(tmp_path / "a.slp", [1], format_id=1.0))
    np.testing.assert_array_equal(found.points[0, 0], [0.5, 1.5])


def test_instances_without_tracks_are_several_animals(tmp_path: Path) -> None:
    found = read_animals_2d(_slp(tmp_path / "a.slp", [1, 1]))
    assert list(found) == ["animal1", "animal2"]
    np.testing.assert_array_equal(found["animal1"].points[:, 0], [[1, 2], [NAN, NAN], [3, 4]])
    np.testing.assert_array_equal(found["animal2"].points[:, 0, 0], [1, NAN, NAN])


def test_tracks_of_predictions_have_names(tmp_path: Path) -> None:
    found = read_animals_2d(_slp(tmp_path / "a.slp", [1, 1], tracks=[1, 0, 0]))
    assert list(found) == ["track_0", "berta"]
    np.testing.assert_array_equal(found["track_0"].points[:, 0, 0], [1, NAN, 3])
    np.testing.assert_array_equal(found["berta"].points[:, 0, 0], [1, NAN, NAN])


def test_a_person_corrects_one_of_several_animals(tmp_path: Path) -> None:
    """Frame 0 has berta, corrected and predicted, and track_0."""
    found = read_animals_2d(_slp(tmp_path / "a.slp", [0, 1, 1], tracks=[1, 1, 0, 0]))
    np.testing.assert_array_equal(found["berta"].points[:, 0], [[10, 20], [NAN, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(found["track_0"].points[:, 0], [[1, 2], [NAN, NAN], [3, 4]])


def test_several_videos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"predictions of 2 videos; expected one\. Export one file per"):
        read_poses_2d(_slp(tmp_path / "a.slp", [1], videos=(0, 1)))
