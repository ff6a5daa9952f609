"""Optimised trajectories with known truth, and degenerate recordings by name.

The animal moves with less than 3 Hz at 100 frames per second, and its limbs are rigid.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from anipose.geometry import windows
from anipose.geometry.starts import observable, sane_start
from anipose.geometry.trajectory import optimise_classic, optimise_map
from anipose.geometry.triangulation import triangulate, triangulate_robust
from anipose.geometry.uncertainty import CHI_SQUARED, LEVELS
from moving_animal import classic_cost, limbs_of, move_animal
from synthetic import make_rig, observe

NOISE_PX, THRESHOLD_PX = 1.5, 7.5
N_KEYPOINTS = 6
NO_PAIRS = np.zeros((0, 2), dtype=np.int64)
LIMBS = limbs_of(N_KEYPOINTS)


def record(n_frames, n_cameras=4, *, noise_px=NOISE_PX, outliers=0.05, missing=0.1, seed=0):
    cameras = make_rig(n_cameras, seed=seed)
    truth = move_animal(n_frames, N_KEYPOINTS, seed=seed)
    pixels, _ = observe(cameras, truth, noise_px=noise_px, outliers=outliers, missing=missing, seed=seed + 10)
    return cameras, truth, pixels


def start_of(cameras, pixels):
    return triangulate_robust(cameras, pixels, threshold_px=THRESHOLD_PX)[0]


def classic(cameras, pixels, start, **changes):
    settings = {"constraints": LIMBS, "constraints_weak": NO_PAIRS, "reproj_error_threshold": 5.0}
    return optimise_classic(cameras, pixels, start, **(settings | changes))


def most_probable(cameras, pixels, start, **changes):
    return optimise_map(
        cameras, pixels, start, **({"constraints": LIMBS, "constraints_weak": NO_PAIRS} | changes)
    )


def errors(found, truth):
    return np.linalg.norm(found.points - truth, axis=-1)


METHODS = pytest.mark.parametrize("optimise", [classic, most_probable])


# Accuracy


def test_both_methods_are_better_than_points_alone_and_map_is_twice_as_good():
    cameras, truth, pixels = record(400)
    start = start_of(cameras, pixels)
    alone = np.nanmean(np.linalg.norm(start - truth, axis=-1))
    by_classic = errors(classic(cameras, pixels, start), truth).mean()
    by_map = errors(most_probable(cameras, pixels, start), truth).mean()
    assert by_classic < 0.9 * alone
    assert by_map < 0.5 * by_classic


def test_without_noise_the_points_are_the_truth():
    """What remains is the pull of smoothness on motion that is not quite smooth."""
    cameras, truth, pixels = record(200, noise_px=0.0, outliers=0.0, missing=0.0)
    found = most_probable(cameras, pixels, start_of(cameras, pixels))
    assert errors(found, truth).max() < 0.01
    lengths = np.linalg.norm(truth[0, LIMBS[:, 0]] - truth[0, LIMBS[:, 1]], axis=1)
    assert_allclose(found.lengths, lengths, rtol=1e-3)


def test_a_raw_linear_start_is_not_stuck():
    """The original ends at 28 mm from such a start."""
    cameras, truth, pixels = record(400, 6)
    start = triangulate(cameras, pixels)
    assert np.nanmean(np.linalg.norm(start - truth, axis=-1)) > 2
    assert errors(most_probable(cameras, pixels, start), truth).mean() < 0.5


def test_the_noise_is_found_per_camera():
    cameras, _, pixels = record(500, 4, noise_px=1.0)
    rng = np.random.default_rng(3)
    pixels[2] += rng.normal(0, np.sqrt(3.0**2 - 1), pixels[2].shape)
    found = most_probable(cameras, pixels, start_of(cameras, pixels))
    # 500 frames, two coordinates, less the tenth that is missing: 2.4 % each, 5 % with its bias.
    assert_allclose(found.noise_px[[0, 1, 3]].mean(axis=1), 1.0, rtol=0.08)
    assert_allclose(found.noise_px[2].mean(), 3.0, rtol=0.08)


def covered(n_cameras, outliers, *, seed=0):
    """The shares of points within the 68 % and the 95 % ellipsoids of their covariances."""
    cameras, truth, pixels = record(600, n_cameras, outliers=outliers, seed=seed)
    found = most_probable(cameras, pixels, start_of(cameras, pixels))
    known = np.isfinite(found.points[..., 0])
    error = (found.points - truth)[known]
    distance = np.einsum("pi,pij,pj->p", error, np.linalg.inv(found.covariances[known]), error)
    return np.array([(distance < bound).mean() for bound in (CHI_SQUARED[1], 7.8147)])


@pytest.mark.parametrize(
    ("n_cameras", "outliers", "n_independent"), [(2, 0.0, 100), (3, 0.0, 250), (6, 0.05, 600)]
)
def test_covariances_cover_the_truth(n_cameras, outliers, n_independent):
    """Errors of neighbouring frames are alike: 600 frames x 6 keypoints scatter like so few points."""
    level = np.array([LEVELS[1], 0.95])
    allowed = 3 * np.sqrt(level * (1 - level) / n_independent)
    assert (np.abs(covered(n_cameras, outliers) - level) < allowed).all()


def test_of_three_views_with_outliers_covariances_are_little_too_narrow():
    """Where one of three views is missing and one is wrong nothing tells; such frames are 2 to 3 in 100."""
    shares = np.mean([covered(3, 0.05, seed=seed) for seed in range(3)], axis=0)
    assert (np.abs(shares - [LEVELS[1], 0.95]) < 0.04).all()


def test_covariances_widen_where_cameras_disagree_for_good():
    """A camera that is 20 px off all the time: nobody may be sure of a tenth of a millimetre then."""
    cameras, truth, pixels = record(300, 3, outliers=0.0)
    plain = most_probable(cameras, pixels, start_of(cameras, pixels))
    pixels[0] += [12.0, -9.0]
    found = most_probable(cameras, pixels, start_of(cameras, pixels))
    spread, expected = (
        np.sqrt(np.median(np.trace(x.covariances, axis1=-2, axis2=-1))) for x in (found, plain)
    )
    assert spread > 2 * expected
    assert spread > 0.5 * np.median(errors(found, truth))


def test_covariances_are_symmetric_positive_and_larger_where_less_is_seen():
    cameras, _, pixels = record(200)
    pixels[1:, 80:100, 2] = np.nan
    found = most_probable(cameras, pixels, start_of(cameras, pixels))
    assert_allclose(found.covariances, np.swapaxes(found.covariances, -1, -2))
    assert np.linalg.eigvalsh(found.covariances).min() > 0
    size = np.trace(found.covariances, axis1=-2, axis2=-1)
    assert size[90, 2] > 3 * np.median(size[:, 2])


def test_known_lengths_are_kept():
    cameras, truth, pixels = record(200)
    lengths = np.linalg.norm(truth[0, LIMBS[:, 0]] - truth[0, LIMBS[:, 1]], axis=1)
    for optimise in (classic, most_probable):
        found = optimise(cameras, pixels, start_of(cameras, pixels), lengths=lengths)
        assert_allclose(found.lengths, lengths, rtol=1e-9)


def test_a_start_where_a_good_and_a_bad_view_meet_is_left():
    """Two views of three are right about the place; which two, only the frames before and after tell.

    So many frames that noise is not learned from all of them.
    """
    cameras, truth, pixels = record(3000, outliers=0.0, missing=0.0)
    start = start_of(cameras, pixels)
    first, second, *_ = cameras
    rays = truth[::25, -1] - first.center
    false = truth[::25, -1] + 25 * rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    pixels[3, ::25, -1] = np.nan
    pixels[1, ::25, -1] = second.project(false)
    start[::25, -1] = false
    found = errors(most_probable(cameras, pixels, start), truth)
    assert found[25::25].max() < 5 * np.median(found)


def test_an_animal_that_startles_is_followed():
    """A jump of all keypoints by 30 mm within one frame is seen by all cameras: it is no outlier."""
    cameras, truth, _ = record(200)
    truth[100:] += 30.0
    pixels, _ = observe(cameras, truth, noise_px=NOISE_PX)
    found = most_probable(cameras, pixels, start_of(cameras, pixels))
    assert errors(found, truth)[[98, 99, 100, 101]].max() < 6 * NOISE_PX


def test_the_objective_is_the_original_one_and_never_above_its_start():
    cameras, _, pixels = record(300, missing=0.0)
    start = start_of(cameras, pixels)
    settings = {"scale_smooth": 2.0, "scale_length": 2.0, "n_deriv_smooth": 2}
    found = classic(cameras, pixels, start, **settings)
    plain = {**settings, "threshold": 5.0}
    assert_allclose(found.cost, classic_cost(cameras, pixels, start, found.points, LIMBS, **plain), rtol=1e-9)
    assert found.cost < 0.9 * classic_cost(cameras, pixels, start, start, LIMBS, **plain)


# Starts


@METHODS
def test_wild_starts_do_not_matter(optimise):
    """Seven start points of 10 000 that were metres off, and the original ended worse than it began."""
    cameras, truth, pixels = record(1667, 3)
    start = start_of(cameras, pixels)
    wild = start.copy()
    rng = np.random.default_rng(1)
    frames, keypoints = rng.integers(1667, size=7), rng.integers(N_KEYPOINTS, size=7)
    wild[frames, keypoints] = rng.normal(0, 3e4, (7, 3))
    clean, despite = optimise(cameras, pixels, start), optimise(cameras, pixels, wild)
    assert_allclose(errors(despite, truth).mean(), errors(clean, truth).mean(), rtol=0.01)


def test_a_sane_start_is_left_alone():
    cameras, _, pixels = record(500, missing=0.0, outliers=0.0)
    start = start_of(cameras, pixels)
    field, speed = sane_start(start, np.ones((N_KEYPOINTS, 500), dtype=bool))
    assert_allclose(field, start.transpose(2, 1, 0))
    assert 0 < speed < 5


# Windows


@METHODS
def test_windows_agree_with_the_whole(optimise, monkeypatch):
    cameras, truth, pixels = record(900)
    start = start_of(cameras, pixels)
    whole = optimise(cameras, pixels, start, ftol=1e-7)
    monkeypatch.setattr(windows.windows, "__defaults__", (300,))
    parts = optimise(cameras, pixels, start, ftol=1e-7)
    assert_allclose(parts.cost, whole.cost, rtol=3e-4)
    apart = np.linalg.norm(parts.points - whole.points, axis=-1)
    # Lengths of limbs are learned window by window, from 300 frames first; that is what remains, and it
    # is far below the error of the points themselves, at the seams as elsewhere.
    usual = np.median(errors(whole, truth))
    assert np.quantile(apart, 0.99) < 0.3 * usual
    assert apart[[299, 300, 599, 600]].max() < 0.3 * usual


# Degenerate recordings


def test_observable_is_what_two_cameras_see_and_what_lies_between():
    seen = np.zeros((2, 12, 1), dtype=bool)
    seen[:, [2, 3, 8], 0] = True
    seen[0, [0, 9], 0] = True
    expected = {None: "yyyyyyyyyynn", 4: "yyyyyyyyyynn", 3: "yyyynnnnyynn", 1: "nnyynnnnyynn"}
    for gap, known in expected.items():
        found = observable(seen, order=1, max_gap=gap)[0]
        assert "".join("ny"[int(one)] for one in found) == known


def test_what_only_smoothness_determines_needs_enough_frames():
    seen = np.zeros((2, 3, 1), dtype=bool)
    seen[:, [0, 2], 0] = True
    assert observable(seen, order=2, max_gap=None)[0].tolist() == [True, True, True]
    assert observable(seen, order=3, max_gap=None)[0].tolist() == [True, False, True]


@METHODS
def test_a_gap_is_bridged_up_to_max_gap(optimise):
    cameras, truth, pixels = record(200)
    pixels[:, 50:60, 1] = np.nan
    pixels[:, 120:160, 1] = np.nan
    found = optimise(cameras, pixels, start_of(cameras, pixels), max_gap=20)
    assert np.isfinite(found.points[50:60, 1]).all()
    assert np.isnan(found.points[120:160, 1]).all()
    assert errors(found, truth)[50:60, 1].max() < 10


@METHODS
def test_a_keypoint_never_seen_is_nan(optimise):
    cameras, truth, pixels = record(100)
    pixels[:, :, 5] = np.nan
    found = optimise(cameras, pixels, start_of(cameras, pixels))
    assert np.isnan(found.points[:, 5]).all()
    assert np.isfinite(found.points[:, :5]).all()
    assert np.isnan(found.lengths[[5 in pair for pair in LIMBS]]).all()
    assert errors(found, truth)[:, :5].mean() < 2


@METHODS
def test_nothing_is_invented_before_the_animal_comes_or_after_it_left(optimise):
    cameras, _, pixels = record(120, missing=0.0)
    pixels[:, :30] = np.nan
    pixels[:, 90:] = np.nan
    found = optimise(cameras, pixels, start_of(cameras, pixels))
    assert np.isnan(found.points[:30]).all()
    assert np.isnan(found.points[90:]).all()
    assert np.isfinite(found.points[30:90]).all()


@METHODS
def test_nothing_seen_at_all_is_nan(optimise):
    cameras, _, pixels = record(50)
    pixels[:] = np.nan
    found = optimise(cameras, pixels, start_of(cameras, pixels))
    assert np.isnan(found.points).all()
    assert found.cost == 0


@METHODS
def test_one_camera_alone_gives_nothing(optimise):
    cameras, _, pixels = record(50)
    pixels[1:] = np.nan
    assert np.isnan(optimise(cameras, pixels, start_of(cameras, pixels)).points).all()


@METHODS
def test_an_empty_camera_changes_nothing_but_accuracy(optimise):
    cameras, truth, pixels = record(100, missing=0.0)
    pixels[1] = np.nan
    found = optimise(cameras, pixels, start_of(cameras, pixels))
    assert np.isfinite(found.points).all()
    assert errors(found, truth).mean() < 2


@METHODS
@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 8])
def test_few_frames(optimise, n_frames):
    """The original raises IndexError for one."""
    cameras, truth, pixels = record(n_frames, outliers=0.0, missing=0.0)
    found = optimise(cameras, pixels, start_of(cameras, pixels))
    assert np.isfinite(found.points).all()
    assert errors(found, truth).max() < 6


@METHODS
@pytest.mark.parametrize("noise_px", [0.0, NOISE_PX])
def test_a_still_animal(optimise, noise_px):
    """The original divides by its speed."""
    cameras, truth, _ = record(100)
    truth[:] = truth[0]
    pixels, _ = observe(cameras, truth, noise_px=noise_px)
    found = optimise(cameras, pixels, start_of(cameras, pixels))
    assert errors(found, truth).max() < 3 * noise_px + 1e-3


@METHODS
def test_infinite_pixels_are_not_seen(optimise):
    cameras, truth, pixels = record(60, missing=0.0)
    pixels[0, 10, 0] = np.inf
    pixels[1, 20, 3, 1] = -np.inf
    found = optimise(cameras, pixels, start_of(cameras, pixels))
    assert np.isfinite(found.points).all()
    assert errors(found, truth).mean() < 2


@METHODS
def test_no_limbs_and_limbs_of_one_point(optimise):
    cameras, truth, pixels = record(60)
    pixels[:, :, 1] = pixels[:, :, 0]
    start = start_of(cameras, pixels)
    for pairs in (NO_PAIRS, np.array([[0, 1]])):
        found = optimise(cameras, pixels, start, constraints=pairs)
        assert np.isfinite(found.points).all()
        assert errors(found, truth)[:, [0, 2, 3]].mean() < 2


@METHODS
def test_the_answer_is_always_the_same(optimise):
    cameras, _, pixels = record(80)
    start = start_of(cameras, pixels)
    first, second = (optimise(cameras, pixels, start) for _ in range(2))
    for name, value in vars(first).items():
        if isinstance(value, np.ndarray):
            assert value.tobytes() == getattr(second, name).tobytes(), name


@METHODS
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_length_does_not_matter(optimise, scale):
    """An insect in metres, a human in micrometres."""
    cameras, _, pixels = record(100)
    start = start_of(cameras, pixels)
    scaled = replace(
        cameras,
        cameras=tuple(camera.with_pose(camera.rotation, camera.translation * scale) for camera in cameras),
    )
    found, expected = optimise(scaled, pixels, start * scale), optimise(cameras, pixels, start)
    # Each stops on its own at a relative change of the cost of 1e-4.
    assert_allclose(found.points / scale, expected.points, atol=0.05)


def test_an_animal_that_is_there_for_a_tenth_of_the_time_is_learned_from():
    cameras, truth, pixels = record(4600, 3)
    pixels[:, :700] = np.nan
    pixels[:, 1100:] = np.nan
    found = most_probable(cameras, pixels, start_of(cameras, pixels))
    assert np.isfinite(found.points[..., 0]).sum() == pytest.approx(400 * N_KEYPOINTS, abs=10)
    assert_allclose(found.noise_px, NOISE_PX, rtol=0.15)
    assert np.nanmedian(errors(found, truth)) < 0.5
