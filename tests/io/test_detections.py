"""Board corners in files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anipose.errors import FileFormatError
from anipose.io.detections import BoardDetections, read_detections, write_detections


def _detections(n_found: int) -> BoardDetections:
    corners = np.random.default_rng(3).uniform(0, 640, (n_found, 12, 2))
    corners[: n_found // 2, 4] = np.nan
    return BoardDetections((640, 480), 100, np.arange(n_found) * 3, corners)


@pytest.mark.parametrize("n_found", [1, 7])
def test_what_is_read_is_what_was_written(tmp_path: Path, n_found: int) -> None:
    written = _detections(n_found)
    write_detections(tmp_path / "d.csv", written)
    read = read_detections(tmp_path / "d.csv")
    assert (read.size, read.n_frames) == (written.size, written.n_frames)
    np.testing.assert_array_equal(read.frames, written.frames)
    np.testing.assert_array_equal(read.corners, written.corners)


def test_a_video_without_boards(tmp_path: Path) -> None:
    write_detections(
        tmp_path / "d.csv", BoardDetections((640, 480), 100, np.empty(0, int), np.empty((0, 12, 2)))
    )
    read = read_detections(tmp_path / "d.csv")
    assert (read.n_frames, read.corners.shape) == (100, (0, 12, 2))


def test_which_frames_were_searched(tmp_path: Path) -> None:
    searched = np.arange(0, 100, 3)
    write_detections(tmp_path / "d.csv", replace(_detections(7), looked_at=searched, advice="set x = 1"))
    read = read_detections(tmp_path / "d.csv")
    np.testing.assert_array_equal(read.looked_at, searched)
    assert (read.n_looked_at, read.advice, len(read.frames)) == (34, "set x = 1", 7)
    assert _detections(7).n_looked_at == 100


@pytest.mark.parametrize(
    "text", ["frame,corner,x,y\n", "# 4 x 4 pixels, 9 frames, 2 corners\nframe,corner,x,y\n1,7,0,0\n"]
)
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(FileFormatError, match="calibrate again"):
        read_detections(tmp_path / "d.csv")
