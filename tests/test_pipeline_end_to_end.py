"""The whole pipeline on small experiments: what is made, what is redone and why, what is left alone."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anipose.io.poses_3d import read_poses_3d
from projects import anipose, content, made, make_walk

SUMMARIES = {"summaries/pose_2d.csv", "summaries/pose_3d.csv", "summaries/angles.csv"}


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    return make_walk(tmp_path / "walk", sessions=("a", "b")).root


def run(root: Path, *words: str, code: int = 0) -> str:
    process = anipose(root, "run-data", "--jobs", "1", *words)
    assert process.returncode == code, process.stdout
    assert "Traceback" not in process.stdout
    return process.stdout


def test_poses_angles_and_summaries(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk", sessions=("a", "b"), trials=("t1", "t2"))
    run(walk.root)
    poses = read_poses_3d(walk.root / "a" / "pose-3d" / "t1.csv")
    # The points are exact and so is the answer, up to rounding.
    np.testing.assert_allclose(poses.frame.to_world(poses.points), walk.truth, atol=1e-6)
    assert np.linalg.det(poses.frame.rotation) == pytest.approx(1)
    np.testing.assert_allclose(np.median(poses.points[:, 0], axis=0), 0, atol=1e-9)
    angles = pd.read_csv(walk.root / "a" / "angles" / "t1.csv")
    np.testing.assert_allclose(angles["knee"], 90, atol=1e-5)
    summary = pd.read_csv(walk.root / "summaries" / "angles.csv")
    assert list(summary.columns) == ["knee", "fnum", "folder_1", "filename", "project"]
    assert summary.groupby(["folder_1", "filename"]).size().to_dict() == {
        (session, trial): len(walk.truth) for session in ("a", "b") for trial in ("t1", "t2")
    }
    assert set(summary["project"]) == {"walk"}


def test_nothing_runs_twice_and_the_same_input_gives_the_same_bytes(walk: Path, tmp_path: Path) -> None:
    run(walk)
    before = content(walk)
    assert made(run(walk)) == set()
    assert content(walk) == before
    again = tmp_path / "again"
    shutil.copytree(
        walk, again, ignore=shutil.ignore_patterns(".anipose", "pose-3d", "angles", "summaries", "config")
    )
    run(again)
    assert content(again) == before


CHANGES = [
    # (key=value at the top, what is made anew)
    (
        "triangulation.score_threshold=0.5",
        {f"{s}/{f}" for s in "ab" for f in ("config/config.toml", "pose-3d/t.csv")},
    ),
    (
        'angles.hip=["knee","hip","foot"]',
        {f"{s}/{f}" for s in "ab" for f in ("config/config.toml", "angles/t.csv")} | {"summaries/angles.csv"},
    ),
    ("labeling.ignore=['hip']", {f"{s}/config/config.toml" for s in "ab"}),
    ("project='other'", {f"{s}/config/config.toml" for s in "ab"} | SUMMARIES),
    (
        "triangulation.axes=[['y','hip','knee'],['z','knee','foot']]",
        {f"{s}/{f}" for s in "ab" for f in ("config/config.toml", "pose-3d/t.csv", "angles/t.csv")}
        | {"summaries/pose_3d.csv"},
    ),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_a_changed_key_redoes_what_depends_on_it_and_no_more(
    walk: Path, change: str, expected: set[str]
) -> None:
    run(walk)
    foreseen = anipose(walk, "run-data", "--dry-run", "--set", change).stdout
    output = run(walk, "--set", change)
    # The same points come out with another threshold, so that what is made of them stays.
    assert made(output) == expected
    key = change.split("=")[0]
    assert f"({key}" in output
    assert all(name in foreseen for name in expected)


def test_the_config_of_one_session_redoes_that_session(walk: Path) -> None:
    run(walk)
    (walk / "b" / "config.toml").write_text("[triangulation]\nscore_threshold = 0.3\n")
    output = run(walk)
    assert made(output) == {"b/config/config.toml", "b/pose-3d/t.csv"}
    assert "triangulation.score_threshold: 0.8 -> 0.3" in output


def test_a_changed_input_redoes_what_depends_on_it(walk: Path) -> None:
    run(walk)
    shutil.copy(walk / "a" / "pose-2d" / "t-cam1.h5", walk / "a" / "pose-2d" / "t-cam0.h5")
    output = run(walk)
    assert made(output) == {"a/pose-3d/t.csv", "a/angles/t.csv", *SUMMARIES}
    assert "pose-2d/t-cam0.h5 changed" in output


def test_a_new_session_is_found_and_joins_the_summaries(walk: Path) -> None:
    run(walk)
    shutil.copytree(walk / "a" / "pose-2d", walk / "c" / "pose-2d")
    assert made(run(walk)) == {"c/config/config.toml", "c/pose-3d/t.csv", "c/angles/t.csv", *SUMMARIES}


def test_what_the_user_made_or_edited_is_kept(walk: Path) -> None:
    run(walk)
    edited = walk / "a" / "angles" / "t.csv"
    edited.write_text(edited.read_text().replace("knee", "Knee"))
    output = run(walk, "--set", "angles.hip=['knee','hip','foot']")
    assert "a/angles/t.csv  (was edited; --force replaces)" in output
    assert "Knee" in edited.read_text()
    run(walk, "--force")
    assert "Knee" not in edited.read_text()


def test_force_never_replaces_a_calibration_or_tracked_points_of_the_user(walk: Path) -> None:
    before = {path: path.read_bytes() for path in walk.rglob("*") if path.suffix in (".h5", ".toml")}
    run(walk, "--force")
    run(walk, "--force")
    assert {path: path.read_bytes() for path in before} == before


def test_a_part_of_the_experiment(walk: Path) -> None:
    output = run(walk / "a")
    assert made(output) == {"a/config/config.toml", "a/pose-3d/t.csv", "a/angles/t.csv"}
    assert "anipose summarize" in output
    assert "b/pose-3d/t.csv" in made(run(walk, "--session", "b"))


def test_status_tells_the_truth_without_running(walk: Path) -> None:
    before = content(walk)
    assert "1 missing" in anipose(walk, "status").stdout
    assert content(walk) == before
    run(walk)
    (walk / "b" / "config.toml").write_text("[triangulation]\nscore_threshold = 0.3\n")
    status = anipose(walk, "status").stdout
    assert "1 stale" in status
    assert "triangulation.score_threshold: 0.8 -> 0.3" in status
    assert "1 done" in status


def test_cameras_missing_from_a_trial_and_more_in_the_calibration(walk: Path) -> None:
    (walk / "a" / "pose-2d" / "t-cam2.h5").unlink()
    run(walk)
    assert set(read_poses_3d(walk / "a" / "pose-3d" / "t.csv").n_cameras.ravel()) == {2}
    assert set(read_poses_3d(walk / "b" / "pose-3d" / "t.csv").n_cameras.ravel()) == {3}


def test_a_crop_is_put_back_in_its_place(tmp_path: Path) -> None:
    from anipose.io.poses_2d import read_poses_2d, write_poses_2d

    walk = make_walk(tmp_path / "walk")
    file = walk.root / "session1" / "pose-2d" / "t-cam1.h5"
    write_poses_2d(file, read_poses_2d(file).shifted((-100, -50)))
    run(walk.root, "--set", "cameras.cam1.offset=[100,50,640,480]")
    poses = read_poses_3d(walk.root / "session1" / "pose-3d" / "t.csv")
    np.testing.assert_allclose(poses.frame.to_world(poses.points), walk.truth, atol=1e-6)
    assert anipose(walk.root, "project-2d", "--set", "cameras.cam1.offset=[100,50]").returncode == 0
    projected = read_poses_2d(walk.root / "session1" / "pose-2d-proj" / "t-cam1.h5")
    np.testing.assert_allclose(projected.points, read_poses_2d(file).points, atol=1e-5)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_sessions_at_any_depth(tmp_path: Path, depth: int) -> None:
    parts = ("x", "y", "z")[:depth]
    walk = make_walk(tmp_path / "walk", sessions=("/".join(parts) or ".",))
    for nesting in (f"nesting={depth}", "nesting=-1"):
        run(walk.root, "--set", nesting)
    summary = pd.read_csv(walk.root / "summaries" / "angles.csv")
    assert [column for column in summary if column.startswith("folder_")] == [
        f"folder_{n + 1}" for n in range(depth)
    ]
