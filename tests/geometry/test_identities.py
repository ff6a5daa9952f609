"""Identities across views and time, on animals with known ones."""

from pathlib import Path

import numpy as np
import pytest

from anipose.geometry.identities import match_identities
from anipose.geometry.triangulation import triangulate, triangulate_robust
from anipose.geometry.view_matching import gathered, in_space
from anipose.io.calibration import read_calibration
from anipose.io.poses_2d import read_poses_2d
from several_animals import Scene, make_scene, share_right

THRESHOLD_PX = 5.0


def _matched(scene: Scene, n_animals: int | None = None) -> np.ndarray:
    n_animals = scene.truth.shape[1] if n_animals is None else n_animals
    return match_identities(scene.cameras, scene.pixels, scene.scores, n_animals, threshold_px=THRESHOLD_PX)


def _share_assigned(scene: Scene, slots: np.ndarray) -> float:
    return float((slots >= 0).sum() / np.isfinite(scene.pixels).all(axis=-1).any(axis=-1).sum())


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize(("n_animals", "n_cameras"), [(2, 2), (2, 3), (3, 2), (3, 6), (6, 4)])
def test_crossing_animals_that_trackers_confuse(n_animals: int, n_cameras: int, lasting: bool) -> None:
    scene = make_scene(n_animals, n_cameras, lasting=lasting, seed=3)
    slots = _matched(scene)
    assert share_right(scene, slots) > 0.995
    assert _share_assigned(scene, slots) > 0.995


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize(("n_animals", "n_cameras"), [(2, 2), (3, 2), (2, 4), (3, 3), (3, 6), (4, 8)])
def test_long_recordings(n_animals: int, n_cameras: int, lasting: bool, seed: int) -> None:
    scene = make_scene(n_animals, n_cameras, n_frames=5000, lasting=lasting, seed=seed)
    assert share_right(scene, _matched(scene)) > 0.995


def test_points_are_as_good_as_those_of_single_animals() -> None:
    scene = make_scene(3, 6)
    slots = _matched(scene)
    errors = []
    right = np.argsort(scene.animals, axis=2).swapaxes(0, 1)
    for which in (slots, right):
        points, _ = triangulate_robust(
            scene.cameras, gathered(scene.pixels, which), threshold_px=THRESHOLD_PX
        )
        distances = np.stack([np.linalg.norm(points - scene.truth[:, [a]], axis=-1) for a in range(3)])
        errors.append(float(np.nanmean(np.fmin.reduce(distances))))
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


def test_points_in_space_are_those_of_triangulation() -> None:
    scene = make_scene(2, 3, n_frames=20, confused=0.0)
    right = np.argsort(scene.animals, axis=2).swapaxes(0, 1)
    expected = triangulate(scene.cameras, gathered(scene.pixels, right))
    np.testing.assert_array_equal(in_space(scene.cameras, scene.pixels, right), expected)


def test_the_same_every_time() -> None:
    scene = make_scene(3, 3, n_frames=200)
    np.testing.assert_array_equal(_matched(scene), _matched(scene))


def test_without_confusion_instances_stay() -> None:
    """Clean animals: every view's instance is the same animal in all frames."""
    scene = make_scene(2, 3, noise_px=0.5, outliers=0.0, out_of_view=0.0, confused=0.0)
    slots = _matched(scene)
    assert (slots == slots[0]).all()
    assert share_right(scene, slots) == 1.0


def test_an_animal_that_nobody_sees_for_a_while_gets_its_number_back() -> None:
    scene = make_scene(2, 3, outliers=0.0, out_of_view=0.0, confused=0.0)
    gone = np.take_along_axis(np.ones((3, 600, 2), dtype=bool), scene.animals, axis=2) & (scene.animals == 1)
    gone[:, :200] = gone[:, 400:] = False
    scene.pixels[gone] = np.nan
    slots = _matched(scene)
    assert share_right(scene, slots) > 0.995
    assert ((slots >= 0).any(axis=1).sum(axis=1)[200:400] == 1).all()


def test_names_exchanged_while_each_view_has_another_animal() -> None:
    """For a second no animal is in space, and both trackers exchange the names in the middle of it.

    In its picture an animal is followed all the same. When only names and places in space counted, the
    animals had each other's number from then on.
    """
    scene = make_scene(2, 2, outliers=0.0, out_of_view=0.0, confused=0.0)
    second = slice(200, 300)
    for camera, missing in enumerate((0, 1)):
        scene.pixels[camera, second][scene.animals[camera, second] == missing] = np.nan
    pixels, animals = scene.pixels.copy(), scene.animals.copy()
    pixels[:, 250:], animals[:, 250:] = scene.pixels[:, 250:, ::-1], scene.animals[:, 250:, ::-1]
    exchanged = Scene(scene.cameras, scene.truth, pixels, animals)
    assert share_right(exchanged, _matched(exchanged)) == 1.0


@pytest.mark.parametrize("first", [120, 390, 450, 510])
def test_animals_that_trackers_put_together_of_two(first: int) -> None:
    """As DeepLabCut did it with two that passed each other: one view has halves of both for three frames.

    Another has exchanged the names before, and has a keypoint of the other for longer; the third has that
    in the last of the three frames, too. Such frames must not say which is which afterwards.
    """
    scene = make_scene(2, 3, n_keypoints=4, noise_px=1.0, outliers=0.0, out_of_view=0.0, confused=0.0)
    pixels, animals = scene.pixels.copy(), scene.animals.copy()
    exchanged, halved = slice(first - 3, first + 26), slice(first, first + 3)
    pixels[0, exchanged], animals[0, exchanged] = pixels[0, exchanged, ::-1], animals[0, exchanged, ::-1]
    pixels[0, exchanged, :, 3] = pixels[0, exchanged, ::-1, 3]
    pixels[1, first + 2, :, 3] = pixels[1, first + 2, ::-1, 3]
    pixels[2, halved, :, :2] = pixels[2, halved, ::-1, :2]
    mixed = Scene(scene.cameras, scene.truth, pixels, animals)
    assert share_right(mixed, _matched(mixed)) > 0.98


@pytest.mark.parametrize(("n_cameras", "every"), [(2, 4), (4, 10)])
def test_fast_animals(n_cameras: int, every: int) -> None:
    """At ten frames per second they move by half of their size from frame to frame."""
    scene = make_scene(2, n_cameras, n_frames=300 * every)
    fast = Scene(scene.cameras, scene.truth[::every], scene.pixels[:, ::every], scene.animals[:, ::every])
    slots = _matched(fast)
    assert share_right(fast, slots) > 0.995
    assert _share_assigned(fast, slots) > 0.99


def test_more_instances_than_animals() -> None:
    """A false detection in one view is nobody."""
    scene = make_scene(2, 4, outliers=0.0, out_of_view=0.0, confused=0.0)
    rng = np.random.default_rng(0)
    ghost = np.full((4, 600, 1, 12, 2), np.nan)
    ghost[2] = rng.uniform(0, 1000, (600, 1, 1, 2)) + rng.normal(0, 20, (600, 1, 12, 2))
    with_ghost = Scene(
        scene.cameras,
        scene.truth,
        np.concatenate([ghost, scene.pixels], axis=2),
        np.concatenate([np.full((4, 600, 1), 2), scene.animals], axis=2),
    )
    slots = _matched(with_ghost, n_animals=2)
    assert share_right(with_ghost, slots) > 0.995


def test_points_of_one_keypoint() -> None:
    scene = make_scene(2, 4, n_keypoints=1, outliers=0.0, noise_px=0.5)
    assert share_right(scene, _matched(scene)) > 0.98


def test_nothing_to_match() -> None:
    scene = make_scene(2, 3, n_frames=10)
    scene.pixels[:] = np.nan
    assert (_matched(scene) == -1).all()
    empty = Scene(scene.cameras, scene.truth[:0], scene.pixels[:, :0], scene.animals[:, :0])
    assert _matched(empty).shape == (0, 3, 2)


def test_one_view_only() -> None:
    """Nothing is known of space: animals are what the one tracker says."""
    scene = make_scene(2, 3, n_frames=100, confused=0.0, out_of_view=0.0)
    scene.pixels[1:] = np.nan
    slots = _matched(scene)
    assert (slots[:, 1:] == -1).all()
    assert (slots[:, 0] == slots[0, 0]).all()
    assert sorted(slots[0, 0].tolist()) == [0, 1]


def test_infinite_and_unscored_points_count_for_nothing() -> None:
    scene = make_scene(2, 3, n_frames=100)
    scene.pixels[0, ::7] = np.inf
    scores = scene.scores
    scores[1, ::5] = np.nan
    slots = match_identities(scene.cameras, scene.pixels, scores, 2, threshold_px=THRESHOLD_PX)
    assert (slots[::7, 0] == -1).all()
    assert (slots[::5, 1] == -1).all()
    assert share_right(scene, slots) > 0.98


def test_noise_of_a_real_tracker(shared_data: Path) -> None:
    """A mouse as SLEAP tracked it in four views, and its twin: the same film backwards, half a body away.

    Points are 5 px from where they should be, more than the threshold of synthetic ones.
    """
    folder = shared_data / "mouse-4cam"
    cameras = read_calibration(folder / "reference" / "calibration-reference.toml")
    tracked = [
        read_poses_2d(folder / "experiment" / "session1" / "pose-2d" / f"mouse_{name}.h5")
        for name in cameras.names
    ]
    one = np.stack([poses.points for poses in tracked])
    points = triangulate(cameras, one)
    other = (
        one[:, ::-1] - cameras.project(points[::-1]) + cameras.project(points[::-1] + np.array([0, 30, 0]))
    )
    rng = np.random.default_rng(0)
    animals = np.stack([[rng.permutation(2) if rng.random() < 0.1 else [0, 1] for _ in points] for _ in one])
    pixels = np.take_along_axis(np.stack([one, other], axis=2), animals[..., None, None], axis=2)
    scene = Scene(cameras, np.stack([points, points[::-1]], axis=1), pixels, animals)
    slots = _matched(scene)
    assert share_right(scene, slots) > 0.98
    assert _share_assigned(scene, slots) > 0.99
