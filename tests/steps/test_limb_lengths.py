"""Limbs are as long in all trials of a session."""

import json
from pathlib import Path

import numpy as np
import pytest

from anipose.arrays import NDArray
from anipose.io.calibration import write_calibration
from anipose.io.poses_2d import write_animals_2d, write_poses_2d
from anipose.io.poses_3d import read_animals_3d, read_poses_3d
from anipose.poses import Poses2D
from moving_animal import limbs_of, move_animal
from projects import anipose
from synthetic import make_rig, observe

KEYPOINTS = tuple("abcdef")
LIMBS = [[KEYPOINTS[one], KEYPOINTS[two]] for one, two in limbs_of(len(KEYPOINTS))]
LARGER = 1.1
CONFIG = f"""
[triangulation]
cam_regex = '-(cam[0-9])$'
optim = true
constraints = {json.dumps(LIMBS)}
"""


def film(root: Path, trial: str, frames: slice, *, noise_px: float = 1.0) -> NDArray[np.float64]:
    """The same animal, in other frames of its way."""
    truth = move_animal(600, len(KEYPOINTS))[frames]
    cameras = make_rig(3)
    pixels, _ = observe(cameras, truth, noise_px=noise_px, outliers=0.02, missing=0.05, seed=frames.start)
    write_calibration(root / "s" / "calibration" / "calibration.toml", cameras)
    (root / "config.toml").write_text(CONFIG)
    for row, camera in enumerate(cameras):
        scores = np.full(pixels.shape[1:3], 0.95)
        write_poses_2d(
            root / "s" / "pose-2d" / f"{trial}-{camera.name}.h5", Poses2D(KEYPOINTS, pixels[row], scores)
        )
    return truth


def film_two(root: Path, trial: str, frames: slice, names: tuple[str, str]) -> None:
    """Two animals beside each other, the second one a tenth larger."""
    cameras = make_rig(3)
    write_calibration(root / "s" / "calibration" / "calibration.toml", cameras)
    (root / "config.toml").write_text(CONFIG)
    moving, aside = move_animal(600, len(KEYPOINTS)), np.array([0, 70, 0])
    truth = np.stack([moving[frames] + aside, LARGER * moving[::-1][frames] - aside], axis=1)
    pixels, _ = observe(cameras, truth, noise_px=1.0, outliers=0.02, missing=0.05, seed=frames.start)
    for row, camera in enumerate(cameras):
        animals = {
            name: Poses2D(KEYPOINTS, pixels[row, :, place], np.full((len(truth), len(KEYPOINTS)), 0.95))
            for place, name in enumerate(names)
        }
        write_animals_2d(root / "s" / "pose-2d" / f"{trial}-{camera.name}.h5", animals)


def lengths_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    one, two = limbs_of(len(KEYPOINTS)).T
    return np.linalg.norm(points[:, one] - points[:, two], axis=-1)


def triangulate(root: Path, *words: str) -> str:
    process = anipose(root, "triangulate", *words)
    assert process.returncode == 0, process.stdout
    return " ".join(process.stdout.split())


def test_a_short_trial_has_the_lengths_of_a_long_one(tmp_path: Path) -> None:
    """1 px are 0.7 mm: 20 frames of a slow animal tell a limb of 18 mm to some 1 %, 300 to 0.2 %."""
    truth = film(tmp_path, "long", slice(0, 300))
    film(tmp_path, "short", slice(500, 520))
    output = triangulate(tmp_path, "--jobs", "1")
    assert "limb-lengths.json" in output
    pose_3d = tmp_path / "s" / "pose-3d"
    found = json.loads((pose_3d / "limb-lengths.json").read_text())
    assert [[limb["from"], limb["to"]] for limb in found["limbs"]] == LIMBS
    expected = lengths_of(truth)[0]
    together = np.array([limb["length"] for limb in found["limbs"]])
    np.testing.assert_allclose(together, expected, rtol=0.015)
    for trial in ("long", "short"):
        lengths = np.nanmedian(lengths_of(read_poses_3d(pose_3d / f"{trial}.csv").points), axis=0)
        np.testing.assert_allclose(lengths, together, rtol=0.002)
    triangulate(tmp_path, "--jobs", "1", "--set", "triangulation.limb_lengths=trial")
    alone = np.nanmedian(lengths_of(read_poses_3d(pose_3d / "short.csv").points), axis=0)
    assert np.abs(alone - expected).mean() > 2 * np.abs(together - expected).mean()


def test_each_of_several_animals_has_lengths_of_its_own(tmp_path: Path) -> None:
    film_two(tmp_path, "long", slice(0, 150), ("anna", "berta"))
    film_two(tmp_path, "short", slice(400, 430), ("anna", "berta"))
    triangulate(tmp_path, "--jobs", "1")
    pose_3d = tmp_path / "s" / "pose-3d"
    found = json.loads((pose_3d / "limb-lengths.json").read_text())["limbs"]
    short = read_animals_3d(pose_3d / "short.csv")
    for name, size in (("anna", 1.0), ("berta", LARGER)):
        together = [limb["length"] for limb in found if limb["individual"] == name]
        expected = size * lengths_of(move_animal(300, len(KEYPOINTS)))[0]
        np.testing.assert_allclose(together, expected, rtol=0.02)
        lengths = np.nanmedian(lengths_of(short[name].points), axis=0)
        np.testing.assert_allclose(lengths, together, rtol=0.002)


def test_names_that_mean_another_animal_in_each_trial_have_no_lengths(tmp_path: Path) -> None:
    """One is a tenth larger: together they would be wrong by some 5 %."""
    film_two(tmp_path, "one", slice(0, 60), ("anna", "berta"))
    film_two(tmp_path, "two", slice(200, 260), ("berta", "anna"))
    triangulate(tmp_path, "--jobs", "1")
    pose_3d = tmp_path / "s" / "pose-3d"
    assert json.loads((pose_3d / "limb-lengths.json").read_text())["limbs"] == []
    expected = lengths_of(move_animal(300, len(KEYPOINTS)))[0]
    for trial, larger in (("one", "berta"), ("two", "anna")):
        lengths = lengths_of(read_animals_3d(pose_3d / f"{trial}.csv")[larger].points)
        assert np.mean(np.nanmedian(lengths, axis=0) / expected) == pytest.approx(LARGER, rel=0.02)


def test_a_new_trial_makes_all_anew_unless_each_is_for_itself(tmp_path: Path) -> None:
    film(tmp_path, "a", slice(0, 60))
    film(tmp_path, "b", slice(100, 160))
    triangulate(tmp_path, "--jobs", "1")
    assert "up to date" in triangulate(tmp_path, "--jobs", "1")
    film(tmp_path, "c", slice(200, 260))
    said = triangulate(tmp_path, "--dry-run")
    assert "limb-lengths.json may change" in said
    assert said.count("would run triangulate") == 4
    each = ("--set", "triangulation.limb_lengths=trial")
    triangulate(tmp_path, "--jobs", "1", *each)
    film(tmp_path, "d", slice(300, 360))
    assert triangulate(tmp_path, "--dry-run", *each).count("would run triangulate") == 1


def test_the_same_with_several_jobs_at_once(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        film(tmp_path / "one", name, slice(100 * number, 100 * number + 50))
        film(tmp_path / "three", name, slice(100 * number, 100 * number + 50))
    triangulate(tmp_path / "one", "--jobs", "1")
    triangulate(tmp_path / "three", "--jobs", "3")
    for path in sorted((tmp_path / "one" / "s" / "pose-3d").glob("*.*")):
        if path.suffix != ".nc":
            assert path.read_bytes() == (tmp_path / "three" / path.relative_to(tmp_path / "one")).read_bytes()


def test_a_broken_trial_does_not_count_and_fails_alone(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        film(tmp_path, name, slice(100 * number, 100 * number + 50))
    (tmp_path / "s" / "pose-2d" / "c-cam1.h5").write_bytes(b"nothing")
    process = anipose(tmp_path, "triangulate", "--jobs", "1")
    assert process.returncode == 1
    assert "4 done, 1 failed" in process.stdout, process.stdout
