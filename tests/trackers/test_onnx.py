"""ONNX files run without DeepLabCut. `brightest.onnx` finds the pixel with the most red; it was made by

    class Brightest(torch.nn.Module):
        def forward(self, images):
            red = images.float()[..., 0]
            n, width = red.shape[0], red.shape[2]
            score, place = (red.reshape(n, -1) / 255).max(dim=1)
            nose = torch.stack([place % width, place // width, score], dim=1)
            return nose, nose + torch.tensor([1.0, 2.0, 0.0])

with outputs called keypoint:nose and keypoint:tail, as `deeplabcut_onnx_backend.py` exports networks.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from anipose.config import Tracker
from anipose.errors import ConfigError, DependencyError
from anipose.io.poses_2d import read_poses_2d
from anipose.io.video_writer import VideoWriter
from anipose.trackers.onnx import Onnx
from projects import anipose, made

pytest.importorskip("onnxruntime")

NETWORK = Path(__file__).parent / "brightest.onnx"
SIZE = (64, 48)
PLACES = [(8 + 2 * n, 40 - 2 * n) for n in range(19)]  # even: a video has one colour for 2 by 2 pixels


def film(path: Path) -> None:
    """A red square of 2 by 2 pixels, from (x, y) on, that moves."""
    with VideoWriter(path, 30, SIZE, crf=1) as writer:
        for x, y in PLACES:
            image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
            image[y : y + 2, x : x + 2] = (0, 0, 255)  # blue, green, red
            writer.write(image)


@pytest.mark.parametrize("batch_size", [None, 1, 5, 100])
def test_every_frame_is_tracked_in_pixels_of_the_video(tmp_path: Path, batch_size: int | None) -> None:
    film(tmp_path / "v.mp4")
    told: list[int] = []
    tracker = Onnx(NETWORK, Tracker(device="cpu", batch_size=batch_size))
    result = tracker.track(tmp_path / "v.mp4", tmp_path, told.append)
    poses = read_poses_2d(result)
    assert (poses.keypoints, poses.scorer, poses.n_frames) == (("nose", "tail"), "brightest", len(PLACES))
    offset = poses.points[:, 0] - PLACES
    assert offset.min() >= 0  # one of the four pixels
    assert offset.max() <= 1
    np.testing.assert_array_equal(poses.points[:, 1], poses.points[:, 0] + (1, 2))
    assert poses.scores.min() > 0.9
    assert told[-1] == len(PLACES)


def test_as_a_user(tmp_path: Path) -> None:
    """The network is an input: another one, and the video is tracked again."""
    film(tmp_path / "session" / "videos-raw" / "v.mp4")
    (tmp_path / "config.toml").write_text('model_type = "onnx"\nmodel_folder = "networks"\n')
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert result.returncode == 1
    assert "networks does not exist. Correct it in config.toml: the .onnx file that" in result.stdout
    assert "anipose export-model" in result.stdout
    (tmp_path / "networks").mkdir()
    shutil.copy(NETWORK, tmp_path / "networks" / "a.onnx")
    result = anipose(tmp_path, "analyze", "--jobs", "1")
    assert made(result.stdout) == {"session/pose-2d/v.h5"}
    assert made(anipose(tmp_path, "analyze", "--jobs", "1").stdout) == set()


def test_no_network_or_too_many(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"model_folder is not set in config.toml.*anipose export-model wrote"
    ):
        Onnx(None, Tracker()).files()
    for name in ("a.onnx", "b.onnx"):
        shutil.copy(NETWORK, tmp_path / name)
    with pytest.raises(ConfigError, match=r"a folder with one, but has 2 of them: a\.onnx, b\.onnx"):
        Onnx(tmp_path, Tracker()).files()


def test_files_that_are_something_else(tmp_path: Path) -> None:
    film(tmp_path / "v.mp4")
    path = tmp_path / "a.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ConfigError, match=r"a\.onnx is not an ONNX file that can be run"):
        Onnx(path, Tracker(device="cpu")).track(tmp_path / "v.mp4", tmp_path, lambda *_: None)
    path.write_bytes(NETWORK.read_bytes().replace(b"images", b"pixels"))
    with pytest.raises(
        ConfigError, match=r"is not a network that anipose export-model wrote: it takes pixels"
    ):
        Onnx(path, Tracker(device="cpu")).track(tmp_path / "v.mp4", tmp_path, lambda *_: None)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    film(tmp_path / "v.mp4")
    with pytest.raises(
        DependencyError, match=r'tracker\.device = "mps", but this onnxruntime only has .*CPU'
    ):
        Onnx(NETWORK, Tracker(device="mps")).track(tmp_path / "v.mp4", tmp_path, lambda *_: None)


def test_without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film(tmp_path / "v.mp4")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DependencyError, match=r'needs onnxruntime: pip install "anipose\[onnx\]"'):
        Onnx(NETWORK, Tracker(device="cpu")).track(tmp_path / "v.mp4", tmp_path, lambda *_: None)
