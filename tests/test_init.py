"""`anipose init` finds out how an experiment is arranged, and what it writes works."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from anipose.cli.init import look_around
from projects import anipose, make_walk


def written(root: Path) -> dict[str, Any]:
    process = anipose(root, "init")
    assert process.returncode == 0, process.stdout
    return tomllib.loads((root / "config.toml").read_text())


def nested_walk(tmp_path: Path) -> Path:
    """Sessions three levels down, in folders with names of their own; the calibration is at the top."""
    root = make_walk(tmp_path / "walk", trials=("run1", "run2")).root
    (root / "config.toml").unlink()
    (session,) = (path.parent for path in root.rglob("pose-2d"))
    for place in ("mouse1/day1/beh", "mouse2/day1/beh"):
        folder = root / place
        (folder / "videos").mkdir(parents=True)
        (folder / "tracking").mkdir()
        for path in (session / "pose-2d").iterdir():
            (folder / "tracking" / path.name).write_bytes(path.read_bytes())
            (folder / "videos" / f"{path.stem}.MP4").touch()
    calibration = next(root.rglob("calibration.toml"))
    (root / "calib").mkdir()
    for camera in ("cam0", "cam1", "cam2"):
        (root / "calib" / f"board-{camera}.mp4").touch()
    calibration.rename(root / "calib" / "calibration.toml")
    for path in sorted(session.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    session.rmdir()
    return root


def test_folders_with_other_names(tmp_path: Path) -> None:
    """A wrong nesting, that of the calibration folder, was written for them before."""
    root = nested_walk(tmp_path)
    config = written(root)
    assert config["nesting"] == 3
    assert config["video_extension"] == ["mp4"]
    assert config["pipeline"] == {
        "videos_raw": "videos",
        "pose_2d": "tracking",
        "calibration_videos": "calib",
        "calibration_results": "calib",
    }
    assert config["labeling"]["scheme"] == [["hip"], ["knee"], ["foot"]]
    done = anipose(root, "triangulate", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    assert len(list(root.glob("mouse*/day1/beh/pose-3d/*.csv"))) == 4


def test_optim_learns_its_weights_in_a_new_project(tmp_path: Path) -> None:
    """Also if the user sets one of the weights of the older program."""
    root = make_walk(tmp_path / "walk").root
    (root / "config.toml").unlink()
    assert written(root)["triangulation"]["optim_method"] == "map"


def test_videos_without_a_folder_of_their_own(tmp_path: Path) -> None:
    for session in ("monday", "tuesday"):
        (tmp_path / session).mkdir()
        (tmp_path / session / "run-cam1.avi").touch()
    found, doubts = look_around(tmp_path)
    assert found.folders == ()
    where = tmp_path / "monday"
    assert doubts[0] == (
        f"videos are in {where}: move those of each session into a folder videos-raw in the folder of "
        "the session"
    )


def test_deeplabcut_project(tmp_path: Path) -> None:
    (tmp_path / "day1" / "videos-raw").mkdir(parents=True)
    (tmp_path / "day1" / "videos-raw" / "run.avi").touch()
    (tmp_path / "reach-me-2026-01-01").mkdir()
    (tmp_path / "reach-me-2026-01-01" / "config.yaml").write_text(
        "Task: reach\nbodyparts:\n- paw\n- nose\n- tail\n"
    )
    config = written(tmp_path)
    assert config["model_folder"] == "reach-me-2026-01-01"
    assert config["labeling"]["scheme"] == [["paw"], ["nose"], ["tail"]]


@pytest.mark.parametrize(("line", "is_refused"), [("nesting = 1", False), ("nesting = 2", True)])
def test_nesting_below_the_top(tmp_path: Path, line: str, is_refused: bool) -> None:
    """A copy of the whole config does no harm; another value would have no effect."""
    root = make_walk(tmp_path / "walk").root
    config = root / "config.toml"
    config.write_text("nesting = 1\n" + config.read_text())
    (session,) = (path.parent for path in root.rglob("pose-2d"))
    (session / "config.toml").write_text(line + "\n")
    status = anipose(root, "status").stdout
    assert (
        "nesting has no effect here: it says where the sessions are, and is read from" in status
    ) is is_refused
    assert ("Take it out, or move it there" in status) is is_refused
