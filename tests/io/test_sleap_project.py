"""Projects of SLEAP as its own reader has them: tests/compat. Here: what ours makes of them."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from anipose.errors import FileFormatError
from anipose.io.poses_2d import read_animals_2d, read_poses_2d
from anipose.io.sleap_project import TrackedFrames, write_sleap_project
from anipose.io.video_writer import VideoWriter
from anipose.poses import Poses2D
from projects import anipose, make_walk

POSES = Poses2D(
    ("hip", "knee"),
    np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [np.nan, np.nan]]]),
    np.array([[0.9, 0.8], [0.7, np.nan]]),
)


def tracked_frames(folder: Path, name: str) -> TrackedFrames:
    with VideoWriter(folder / name, 30, (64, 48)) as writer:
        for _ in range(6):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    return TrackedFrames(folder / name, (1, 4), {"": POSES})


def test_the_frames_of_a_video(tmp_path: Path) -> None:
    write_sleap_project(tmp_path / "a.slp", [tracked_frames(tmp_path, "a.mp4")], [("hip", "knee")])
    found = read_poses_2d(tmp_path / "a.slp")
    assert (found.keypoints, found.n_frames) == (("hip", "knee"), 5)
    np.testing.assert_array_equal(found.points[[1, 4]], POSES.points)
    np.testing.assert_array_equal(found.scores[[1, 4]], POSES.scores)
    assert np.isnan(found.points[[0, 2, 3]]).all()


def test_several_animals_are_instances_of_a_frame(tmp_path: Path) -> None:
    """What is there but once, DeepLabCut's "single", is no animal."""
    one = tracked_frames(tmp_path, "a.mp4")
    other = Poses2D(POSES.keypoints, POSES.points + 10, POSES.scores)
    corner = Poses2D(("corner",), np.zeros((2, 1, 2)), np.ones((2, 1)))
    animals = {"anna": POSES, "berta": other, "single": corner}
    write_sleap_project(tmp_path / "a.slp", [TrackedFrames(one.video, one.numbers, animals)], [])
    first, second = read_animals_2d(tmp_path / "a.slp").values()
    assert first.keypoints == POSES.keypoints
    np.testing.assert_array_equal(first.points[[1, 4]], POSES.points)
    np.testing.assert_array_equal(second.points[[1, 4]], other.points)


def test_the_same_frames_are_the_same_bytes(tmp_path: Path) -> None:
    tracked = [tracked_frames(tmp_path, "a.mp4"), tracked_frames(tmp_path, "b.mp4")]
    for name in ("1.slp", "2.slp"):
        write_sleap_project(tmp_path / name, tracked, [])
    assert (tmp_path / "1.slp").read_bytes() == (tmp_path / "2.slp").read_bytes()
    with pytest.raises(FileFormatError, match="holds the predictions of 2 videos"):
        read_poses_2d(tmp_path / "1.slp")


def test_extract_frames_writes_one_and_leaves_it_alone(tmp_path: Path) -> None:
    make_walk(tmp_path, n_frames=30)
    for path in (tmp_path / "session1" / "pose-2d").glob("*.h5"):
        with VideoWriter(tmp_path / "session1" / "videos-raw" / f"{path.stem}.mp4", 30, (64, 48)) as writer:
            for _ in range(30):
                writer.write(np.zeros((48, 64, 3), np.uint8))
    few = ("--set", "extraction.frames=2", "--set", "labeling.scheme=[['hip', 'knee', 'foot']]")
    assert anipose(tmp_path, "extract-frames", "--jobs", "1", *few).returncode == 0
    path = tmp_path / "frames-to-label" / "frames.slp"
    with h5py.File(path) as file:
        assert len(file["videos_json"]) == 3
        assert len(file["suggestions_json"]) == len(file["frames"]) == 6
        (skeleton,) = json.loads(file["metadata"].attrs["json"])["skeletons"]
        assert [(link["source"], link["target"]) for link in skeleton["links"]] == [(0, 1), (1, 2)]
    path.write_bytes(b"labelled by somebody")
    result = anipose(tmp_path, "extract-frames", "--jobs", "1", "--force", *few)
    assert f"{path} is there, perhaps with labels of yours, and stays" in result.stdout
    assert path.read_bytes() == b"labelled by somebody"
