"""From views to poses: which points count, and how much."""

import csv
from pathlib import Path

import numpy as np
import pytest

from anipose.config import Triangulation
from anipose.io.poses_3d import read_poses_3d
from anipose.poses import MultiviewPoses, Poses2D
from anipose.reconstruction import consistent, reconstruct
from moving_animal import move_animal
from projects import KEYPOINTS, anipose, leg, make_walk
from synthetic import make_rig, observe

NAMES = tuple("abcd")


def views_of(n_cameras: int, scores: np.ndarray, pixels: np.ndarray) -> MultiviewPoses:
    return MultiviewPoses(tuple(f"cam{n}" for n in range(n_cameras)), NAMES, pixels, scores)


@pytest.mark.parametrize("ransac", [False, True])
def test_surer_views_count_more_by_choice(ransac: bool) -> None:
    """A third of the points have 5 px noise, and say so with a score of 0.2."""
    rng = np.random.default_rng(1)
    cameras, truth = make_rig(4), move_animal(400, len(NAMES))
    pixels, _ = observe(cameras, truth, noise_px=1)
    noisy = rng.random(pixels.shape[:3]) < 0.3
    pixels[noisy] += rng.normal(0, 5, (noisy.sum(), 2))
    seen = views_of(4, np.where(noisy, 0.2, 1.0), pixels)
    errors = {}
    for weighted in (False, True):
        table = Triangulation(
            score_threshold=0.1, reproj_error_threshold=30, ransac=ransac, score_weighting=weighted
        )
        found = reconstruct(cameras, seen, table, trial="t").poses
        errors[weighted] = np.median(np.linalg.norm(found.points - truth, axis=-1))
    assert errors[True] < 0.8 * errors[False]


def test_scores_of_zero_are_no_reason_for_nothing() -> None:
    cameras, truth = make_rig(3), move_animal(10, len(NAMES))
    seen = views_of(3, np.zeros((3, 10, len(NAMES))), cameras.project(truth))
    table = Triangulation(score_threshold=0, score_weighting=True)
    np.testing.assert_allclose(reconstruct(cameras, seen, table, trial="t").poses.points, truth, atol=1e-6)


def test_candidates_below_the_score_threshold_do_not_take_part() -> None:
    """The decoy is the only one that is sure enough, and so it stays: robust triangulation leaves it out."""
    cameras, truth = make_rig(4), leg(5)
    right = cameras.project(truth)
    views = {}
    for row, name in enumerate(cameras.names):
        decoy = Poses2D(KEYPOINTS, right[row] + (50 if row == 2 else 0), np.full((5, 3), 0.95))
        views[name] = (decoy, Poses2D(KEYPOINTS, right[row], np.full((5, 3), 0.6)))
    high, low = (
        consistent(cameras, views, Triangulation(score_threshold=threshold)) for threshold in (0.8, 0.5)
    )
    np.testing.assert_allclose(high.points[2], right[2] + 50)
    np.testing.assert_allclose(low.points, right)
    assert (low.scores[2] == 0.6).all()
    assert (low.scores[[0, 1, 3]] == 0.95).all()


def test_candidates_in_files_are_all_looked_at(tmp_path: Path) -> None:
    """DeepLabCut's second candidate is the foot wherever the first is something 80 px beside it."""
    walk = make_walk(tmp_path)
    rng = np.random.default_rng(2)
    for row, camera in enumerate(make_rig(3)):
        path = tmp_path / "session1" / "pose-2d" / f"t-{camera.name}.h5"
        path.unlink()
        right = camera.project(walk.truth)
        first, second = right.copy(), right + 120
        wrong = np.flatnonzero(rng.random(len(right)) < 0.3) if row else np.array([], dtype=int)
        first[wrong, 2], second[wrong, 2] = right[wrong, 2] - 80, right[wrong, 2]
        with path.with_suffix(".csv").open("w", newline="") as file:
            table = csv.writer(file)
            coords = ("x", "y", "likelihood", "x2", "y2", "likelihood2")
            table.writerow(["scorer"] + ["net"] * 18)
            table.writerow(["bodyparts", *(name for name in KEYPOINTS for _ in coords)])
            table.writerow(["coords", *(coords * 3)])
            for frame in range(len(right)):
                cells = [(*first[frame, k], 0.99, *second[frame, k], 0.9) for k in range(3)]
                table.writerow([frame, *(value for cell in cells for value in cell)])
    result = anipose(tmp_path, "run-data", "--jobs", "1")
    assert result.returncode == 0, result.stdout
    poses = read_poses_3d(tmp_path / "session1" / "pose-3d" / "t.csv")
    assert (poses.n_cameras == 3).all()
    np.testing.assert_allclose(
        poses.points, walk.truth @ poses.frame.rotation.T - poses.frame.center, atol=0.01
    )
