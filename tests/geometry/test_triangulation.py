"""Triangulation of points with a known answer, degenerate cases by name, and existing 3D files."""

import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from anipose.geometry.cameras import CHUNK, Camera, Cameras
from anipose.geometry.least_squares import gauss_newton_step, solve_symmetric
from anipose.geometry.triangulation import (
    refine,
    reprojection_errors,
    triangulate,
    triangulate_best,
    triangulate_robust,
)
from synthetic import FISHEYE_DISTORTIONS, PINHOLE_DISTORTIONS, make_points, make_rig, observe

# Tests of robustness: noise 1 px, so that five standard deviations are about 6 px with two coordinates.
NOISE_PX, THRESHOLD_PX = 1.0, 6.0


def distances(found, truth):
    return np.linalg.norm(found - truth, axis=-1)


def covariances(rig, points, used, noise_px):
    """Of the most likely points: (J'J)^-1 sigma^2 over the used cameras, (point, 3, 3)."""
    information = np.zeros((len(points), 3, 3))
    for row, camera in enumerate(rig):
        jacobian = camera.project_with_jacobian(points)[1]
        information += used[row, :, None, None] * (np.swapaxes(jacobian, -1, -2) @ jacobian)
    return np.linalg.inv(information) * noise_px**2


def by_svd(rig, pixels):
    """The textbook solution, one point at a time."""
    rays, result = rig.undistort(pixels), np.full((pixels.shape[1], 3), np.nan)
    for number in range(len(result)):
        rows = [
            row
            for P, (x, y) in zip(rig.cam_from_world, rays[:, number], strict=True)
            if np.isfinite(x)
            for row in (x * P[2] - P[0], y * P[2] - P[1])
        ]
        if len(rows) >= 4:
            null = np.linalg.svd(np.array(rows))[2][-1]
            result[number] = null[:3] / null[3]
    return result


class TestTriangulate:
    @pytest.mark.parametrize("n_cameras", [2, 3, 6, 12])
    @pytest.mark.parametrize(
        ("distortions", "fisheye"), [(PINHOLE_DISTORTIONS, False), (FISHEYE_DISTORTIONS, True)]
    )
    def test_of_projections_gives_the_points(self, n_cameras, distortions, fisheye):
        rig, points = make_rig(n_cameras, distortions=distortions, fisheye=fisheye), make_points(200)
        assert_allclose(triangulate(rig, rig.project(points)), points, atol=1e-8)

    def test_any_shape_and_more_points_than_a_chunk(self):
        rig, points = make_rig(3), make_points(2 * CHUNK + 10).reshape(-1, 2, 3)
        assert_allclose(triangulate(rig, rig.project(points)), points, atol=1e-8)
        assert triangulate(rig, np.empty((3, 0, 4, 2))).shape == (0, 4, 3)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 3), st.integers(0, 1000))
    def test_losing_one_of_four_cameras_changes_nothing(self, lost, seed):
        rig, points = make_rig(4), make_points(5, seed=seed)
        pixels = rig.project(points)
        pixels[lost] = np.nan
        assert_allclose(triangulate(rig, pixels), points, atol=1e-8)

    def test_is_the_homogeneous_solution_of_all_views(self):
        # 20 px: the views disagree by so much that the inhomogeneous solution is some millimetres away.
        rig = make_rig(5)
        pixels, _ = observe(rig, make_points(300), noise_px=20, missing=0.3)
        found, expected = triangulate(rig, pixels), by_svd(rig, pixels)
        assert (np.isnan(found) == np.isnan(expected)).all()
        assert_allclose(found, expected, atol=1e-7)

    def test_error_is_that_of_the_noise(self):
        rig, points = make_rig(4), make_points(4000)
        pixels, _ = observe(rig, points, noise_px=1)
        expected = covariances(rig, points, np.ones((4, len(points))), 1.0)
        squares = np.linalg.norm(triangulate(rig, pixels) - points, axis=-1) ** 2
        # Linear weights are not the best ones: up to a tenth more variance in this rig. The mean of 4000
        # squares of three normal numbers is good to 2 %.
        ratio = squares.mean() / np.trace(expected, axis1=1, axis2=2).mean()
        assert 0.94 < ratio < 1.15

    def test_fewer_cameras_than_asked_for_are_nan(self):
        rig, points = make_rig(4), make_points(4)
        pixels = rig.project(points)
        for point, n_lost in enumerate([0, 1, 2, 3]):
            pixels[:n_lost, point] = np.nan
        unknown = {
            n: np.isnan(triangulate(rig, pixels, min_cameras=n)).any(axis=-1).tolist() for n in (1, 2, 3, 4)
        }
        assert unknown == {
            1: [False, False, False, True],  # one view is a ray, not a point
            2: [False, False, False, True],
            3: [False, False, True, True],
            4: [False, True, True, True],
        }

    def test_half_an_observation_is_none(self):
        rig, points = make_rig(2), make_points(1)
        pixels = rig.project(points)
        pixels[0, 0, 0] = np.nan
        assert np.isnan(triangulate(rig, pixels)).all()

    def test_parallel_rays_are_nan(self):
        matrix = np.array([[1000.0, 0, 500], [0, 1000, 500], [0, 0, 1]])
        left, right = (
            Camera(name, (1000, 1000), matrix, translation=np.array([x, 0, 0.0]))
            for name, x in (("left", 50), ("right", -50))
        )
        same_pixel = np.full((2, 1, 2), [510.0, 480.0])
        assert np.isnan(triangulate(Cameras((left, right)), same_pixel)).all()
        # Twice the same camera sees parallel rays, whatever it sees.
        twin = Camera("twin", left.size, matrix, translation=left.translation)
        assert np.isnan(triangulate(Cameras((left, twin)), same_pixel)).all()

    def test_behind_cameras_is_nan(self):
        # Rays that diverge in front of the two cameras meet 10 behind them.
        matrix = np.array([[1000.0, 0, 500], [0, 1000, 500], [0, 0, 1]])
        rig = Cameras(
            tuple(
                Camera(name, (1000, 1000), matrix, translation=np.array([x, 0, 0.0]))
                for name, x in (("left", 1), ("right", -1))
            )
        )
        diverging = np.array([[[400.0, 500]], [[600.0, 500]]])
        assert np.isnan(triangulate(rig, diverging)).all()
        assert_allclose(triangulate(rig, diverging[::-1]), [[0, 0, 10]], atol=1e-12)


class TestRefine:
    def test_reaches_the_least_squares_of_the_pixels(self):
        rig = make_rig(4)
        pixels, _ = observe(rig, make_points(500), noise_px=2, missing=0.1)
        linear = triangulate(rig, pixels)
        best = refine(rig, linear, pixels, steps=5)
        seen = np.isfinite(pixels).all(axis=-1)
        step, _ = gauss_newton_step(rig, best.T, pixels, seen)
        assert np.nanmax(np.abs(step)) < 1e-4  # of 1 mm of noise
        assert np.nanmax(distances(refine(rig, linear, pixels), best)) < 0.05

    def test_error_is_what_the_noise_allows(self):
        rig, points = make_rig(3), make_points(4000)
        pixels, _ = observe(rig, points, noise_px=1)
        error = refine(rig, triangulate(rig, pixels), pixels) - points
        information = np.linalg.inv(covariances(rig, points, np.ones((3, len(points))), 1.0))
        mahalanobis = np.einsum("pi,pij,pj->p", error, information, error)
        # Chi square with 3 degrees of freedom: mean 3, and of 4000 of them good to 4 sigma = 0.16.
        assert mahalanobis.mean() == pytest.approx(3, abs=0.2)

    @pytest.mark.parametrize("n_cameras", [2, 3, 6, 12])
    def test_the_best_points_are_at_the_optimum(self, n_cameras):
        """Within a thousandth of the error that the noise makes: 1.5 px are about 1 mm."""
        rig, points = make_rig(n_cameras), make_points(2000)
        pixels, _ = observe(rig, points, noise_px=1.5, missing=0.1)
        found = triangulate_best(rig, pixels)
        known = np.isfinite(found).all(axis=-1)
        optimum = refine(rig, triangulate(rig, pixels), pixels, steps=5)
        assert (known == np.isfinite(optimum).all(axis=-1)).all()
        error = np.median(distances(found, points)[known])
        assert np.median(distances(found, optimum)[known]) < 1e-3 * error
        assert np.quantile(distances(found, optimum)[known], 0.99) < 0.02 * error

    def test_never_makes_a_point_worse(self):
        rig, points = make_rig(3), make_points(300)
        pixels, _ = observe(rig, points, noise_px=1)
        guess = points + np.random.default_rng(5).normal(0, 200, points.shape)
        before, after = (
            (reprojection_errors(rig, p, pixels) ** 2).sum(axis=0)
            for p in (guess, refine(rig, guess, pixels))
        )
        known = np.isfinite(before)
        assert (after[known] <= before[known]).all()

    def test_unknown_points_stay_unknown(self):
        rig = make_rig(2)
        assert np.isnan(refine(rig, np.full((1, 3), np.nan), np.full((2, 1, 2), 100.0))).all()


class TestReprojectionErrors:
    def test_of_3_4_5_triangles(self):
        rig, points = make_rig(2), make_points(3)
        pixels = rig.project(points)
        pixels[0, 1] += [3, 4]
        pixels[1, 2] = np.nan
        assert_allclose(reprojection_errors(rig, points, pixels), [[0, 5, 0], [0, 0, np.nan]], atol=1e-9)


class TestRobust:
    def test_without_wrong_views_it_is_the_refined_solution(self):
        rig, points = make_rig(4), make_points(500)
        pixels, _ = observe(rig, points, noise_px=NOISE_PX, missing=0.1)
        found, used = triangulate_robust(rig, pixels, threshold_px=8)
        known = np.isfinite(found).all(axis=-1)
        assert (used == np.isfinite(pixels).all(axis=-1))[:, known].all()
        assert_allclose(found, triangulate_best(rig, pixels), atol=1e-12)

    @pytest.mark.parametrize("n_cameras", [3, 4, 6])
    @pytest.mark.parametrize("wrong_px", [15, 60, 400])
    def test_one_wrong_view_is_found_and_left_out(self, n_cameras, wrong_px):
        rig, points = make_rig(n_cameras), make_points(300)
        pixels, _ = observe(rig, points, noise_px=0.2)
        wrong = np.arange(300) % n_cameras
        # Out of the plane of the rays, so that no other point explains it: up and down in the picture.
        pixels[wrong, np.arange(300), 1] += wrong_px
        found, used = triangulate_robust(rig, pixels, threshold_px=2)
        assert (~used[wrong, np.arange(300)]).mean() > 0.99
        clean = pixels.copy()
        clean[wrong, np.arange(300)] = np.nan
        expected = refine(rig, triangulate(rig, clean), clean, steps=3)
        right = used.sum(axis=0) == n_cameras - 1
        assert right.mean() > 0.95
        assert_allclose(found[right], expected[right], atol=0.01)

    def test_three_wrong_of_eight_views(self):
        rig, points = make_rig(8), make_points(300)
        pixels, _ = observe(rig, points, noise_px=NOISE_PX)
        rng = np.random.default_rng(6)
        wrong = np.argsort(rng.random((8, 300)), axis=0) < 3
        pixels[wrong] += rng.choice([-1, 1], (wrong.sum(), 2)) * rng.uniform(40, 200, (wrong.sum(), 2))
        found, used = triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX)
        # As good as with the right five views alone: the two draws share their noise.
        clean = np.where(wrong[..., None], np.nan, pixels)
        assert np.median(distances(found, refine(rig, triangulate(rig, clean), clean))) < 0.01
        assert used[wrong].mean() < 0.01
        assert used[~wrong].mean() > 0.99

    def test_error_with_5_percent_outliers_is_that_of_the_right_views(self):
        rig, points = make_rig(6), make_points(3000)
        pixels, wrong = observe(rig, points, noise_px=NOISE_PX, missing=0.1, outliers=0.05)
        found, used = triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX)
        clean = np.where(wrong[..., None], np.nan, pixels)
        oracle = refine(rig, triangulate(rig, clean), clean)
        assert np.nanmedian(distances(found, points)) < 1.02 * np.nanmedian(distances(oracle, points))
        assert used[wrong].mean() < 0.01
        enough = np.isfinite(clean[..., 0]).sum(axis=0) >= 3
        assert np.nanpercentile(distances(found, points)[enough], 99) < 3 * np.nanmedian(
            distances(oracle, points)
        )

    def test_two_views_that_disagree_are_kept_with_their_error(self):
        rig, points = make_rig(2), make_points(1)
        pixels = rig.project(points)
        pixels[0, 0, 1] += 50
        found, used = triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX)
        assert used.all()
        assert reprojection_errors(rig, found, pixels).max() > THRESHOLD_PX

    def test_min_cameras_counts_the_cameras_that_agree(self):
        rig, points = make_rig(4), make_points(1)
        pixels = rig.project(points)
        pixels[3, 0, 1] += 50
        found, used = triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX, min_cameras=3)
        assert used[:, 0].tolist() == [True, True, True, False]
        assert_allclose(found, points, atol=1e-6)
        _, used = triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX, min_cameras=4)
        assert used.all()  # three agree, four are asked for: nobody is believed more than the others
        pixels[0] = np.nan
        found, used = triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX, min_cameras=4)
        assert np.isnan(found).all()
        assert not used.any()

    def test_points_that_no_camera_sees(self):
        found, used = triangulate_robust(make_rig(3), np.full((3, 2, 4, 2), np.nan), threshold_px=5)
        assert np.isnan(found).all()
        assert found.shape == (2, 4, 3)
        assert used.shape == (3, 2, 4)
        assert not used.any()

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 10_000))
    def test_used_cameras_have_seen_the_point_and_have_it_in_front(self, seed):
        rig = make_rig(4)
        pixels = np.random.default_rng(seed).uniform(0, 1000, (4, 20, 2))  # nothing fits together
        pixels[np.random.default_rng(seed + 1).random((4, 20)) < 0.4] = np.nan
        found, used = triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX)
        known = np.isfinite(found).all(axis=-1)
        assert (used.sum(axis=0)[known] >= 2).all()
        assert not used[:, ~known].any()
        assert not (used & np.isnan(pixels[..., 0])).any()
        depths = np.stack([camera.depth(found) for camera in rig])
        assert (depths[used] > 0).all()

    def test_same_input_same_answer(self):
        rig = make_rig(5)
        pixels, _ = observe(rig, make_points(200), noise_px=1, outliers=0.2)
        once, again = (triangulate_robust(rig, pixels, threshold_px=THRESHOLD_PX) for _ in range(2))
        assert np.array_equal(once[0], again[0], equal_nan=True)
        assert np.array_equal(once[1], again[1])


METHODS = {
    "linear": triangulate,
    "best": triangulate_best,
    "robust": lambda *args, **more: triangulate_robust(*args, threshold_px=6.0, **more)[0],
}


class TestWeights:
    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    def test_a_camera_of_weight_2_counts_like_two(self, method):
        rig = make_rig(4)
        pixels, _ = observe(rig, make_points(300), noise_px=1)
        twice = Cameras((*rig.cameras, replace(rig.cameras[1], name="again")))
        weights = np.ones((4, 300))
        weights[1] = 2
        expected = method(twice, np.concatenate([pixels, pixels[1:2]]))
        found = method(rig, pixels, weights=weights)
        assert np.mean(distances(found, expected) < 1e-9) > 0.97  # the others have a view left out

    @pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
    def test_only_their_ratios_count(self, method):
        rig = make_rig(3)
        pixels, _ = observe(rig, make_points(100).reshape(20, 5, 3), noise_px=1, outliers=0.1)
        weights = np.full((3, 20, 5), 0.3)
        assert_allclose(method(rig, pixels, weights=weights), method(rig, pixels), atol=1e-7)

    def test_noisy_views_of_low_weight_hurt_less(self):
        rig, points = make_rig(4), make_points(3000)
        pixels, _ = observe(rig, points, noise_px=1)
        rng = np.random.default_rng(3)
        noisy = rng.random((4, 3000)) < 0.3
        pixels[noisy] += rng.normal(0, 4, (noisy.sum(), 2))
        weights = np.where(noisy, 1 / 17, 1.0)
        for method in METHODS.values():
            with_weights = np.median(distances(method(rig, pixels, weights=weights), points))
            assert with_weights < 0.9 * np.median(distances(method(rig, pixels), points))


def test_solving_symmetric_systems():
    rng = np.random.default_rng(7)
    roots, truth = rng.normal(0, 1, (50, 3, 3)), rng.normal(0, 1, (50, 3))
    matrices = roots @ np.swapaxes(roots, 1, 2)
    right = (matrices @ truth[..., None])[..., 0]
    six = matrices[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    # The worst of 50 random matrices has a condition number of about 1e5.
    assert_allclose(solve_symmetric(six.T, right.T), truth.T, rtol=1e-6, atol=1e-8)
    singular = np.array([[1.0, 1, 1, 1, 1, 1]]).T
    assert np.isnan(solve_symmetric(singular, np.ones((3, 1)))).all()


def read_calibration(path):
    tables = tomllib.loads(path.read_text())
    return Cameras(tuple(Camera(**table) for name, table in tables.items() if name != "metadata"))


@pytest.mark.parametrize(
    ("recording", "calibration", "view", "reference", "decimals"),
    [
        *(
            (
                "fly-3cam-anipose",
                "experiment/calibration/calibration.toml",
                f"experiment/network{n}/pose-2d/05272019_fly4_0_R1C24_{{}}_rot-ccw-0.06_sec.h5",
                f"points3d-dlt-network{n}.csv",
                6,
            )
            for n in range(3)
        ),
        (
            "fly-3cam-anipose",
            "experiment/calibration/calibration.toml",
            "experiment/network0/pose-2d/05272019_fly4_0_R1C24_{}_rot-ccw-0.06_sec.h5",
            "points3d-aniposelib-plain.csv",
            5,
        ),
        (
            "mouse-4cam",
            "reference/calibration-reference.toml",
            "experiment/session1/pose-2d/mouse_{}.h5",
            "points3d-dlt-reference-calibration.csv",
            6,
        ),
        # aniposelib undistorts with the five steps of OpenCV, which leaves 3e-4 mm here.
        (
            "mouse-4cam",
            "reference/calibration-reference.toml",
            "experiment/session1/pose-2d/mouse_{}.h5",
            "points3d-aniposelib-plain.csv",
            3,
        ),
        (
            "hand-2cam",
            "reference/calibration-reference.toml",
            "experiment/session1/pose-2d/hand_cam{}.h5",
            "points3d-aniposelib-plain.csv",
            5,
        ),
        (
            "charuco-4cam-room",
            "reference/calibration-reference.toml",
            "experiment/session1/pose-2d/board_cam{}.h5",
            "points3d-aniposelib-plain.csv",
            4,
        ),
    ],
    ids=["fly 0", "fly 1", "fly 2", "fly peer", "mouse", "mouse peer", "hand peer", "board peer"],
)
def test_gives_the_points_of_existing_files(shared_data, recording, calibration, view, reference, decimals):
    folder = shared_data / recording
    rig = read_calibration(folder / calibration)
    views = [pd.read_hdf(folder / view.format(name)) for name in rig.names]
    keypoints = list(dict.fromkeys(views[0].columns.get_level_values("bodyparts")))
    values = np.stack([table.to_numpy().reshape(len(table), len(keypoints), 3) for table in views])
    expected_table = pd.read_csv(folder / "reference" / reference)
    expected = np.stack([expected_table[[f"{k}_{axis}" for axis in "xyz"]] for k in keypoints], axis=1)

    points = triangulate(rig, values[..., :2])
    assert_allclose(points, expected, rtol=0, atol=0.51 * 10.0**-decimals)
    if f"{keypoints[0]}_error" in expected_table:
        errors = np.nanmean(reprojection_errors(rig, points, values[..., :2]), axis=0)
        expected_errors = expected_table[[f"{k}_error" for k in keypoints]]
        assert_allclose(errors, expected_errors, rtol=0, atol=0.51 * 10.0**-decimals)
