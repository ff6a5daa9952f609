"""Covariances of single points: they contain the truth as often as they say."""

import numpy as np
import pytest

from anipose.geometry.point_uncertainty import point_covariances
from anipose.geometry.triangulation import refine, triangulate, triangulate_robust
from synthetic import make_points, make_rig, observe

# Quantiles of chi-squared with 3 degrees of freedom.
QUANTILES = {0.68: 3.5059, 0.95: 7.8147}


def inside(points, covariances, truth):
    error = points - truth
    distance = np.einsum("...i,...i", error, np.linalg.solve(covariances, error[..., None])[..., 0])
    return {level: (distance < quantile).mean() for level, quantile in QUANTILES.items()}


@pytest.mark.parametrize("n_cameras", [2, 3, 4, 6, 8])
def test_as_many_points_are_inside_as_the_covariance_says(n_cameras):
    """6000 points tell a share of 68 % to 0.6 %. The goal: 66 to 70 and 93.5 to 96.5 %."""
    cameras = make_rig(n_cameras)
    truth = make_points(6000).reshape(-1, 4, 3)
    pixels, _ = observe(cameras, truth, noise_px=1.5)
    points = refine(cameras, triangulate(cameras, pixels), pixels, steps=2)
    covariances = point_covariances(cameras, points, pixels, np.isfinite(pixels[..., 0]))
    shares = inside(points, covariances, truth)
    assert 0.66 < shares[0.68] < 0.70
    assert 0.935 < shares[0.95] < 0.965


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("n_cameras", [2, 3, 4, 6, 8])
def test_wrong_views_do_not_make_the_other_points_less_sure(n_cameras, missing):
    """5 % of the views are gross errors, which few views cannot tell from the right ones."""
    cameras = make_rig(n_cameras)
    truth = make_points(12_000).reshape(-1, 4, 3)
    pixels, wrong = observe(cameras, truth, noise_px=1.5, outliers=0.05, missing=missing)
    points, used = triangulate_robust(cameras, pixels, threshold_px=7.5)
    covariances = point_covariances(cameras, points, pixels, used)
    right = np.isfinite(points[..., 0]) & ~(wrong & used).any(axis=0)
    shares = inside(points[right], covariances[right], truth[right])
    assert 0.66 < shares[0.68] < 0.70
    assert 0.935 < shares[0.95] < 0.965


def test_a_point_whose_views_disagree_is_less_sure():
    cameras = make_rig(4)
    truth = make_points(400).reshape(-1, 4, 3)
    pixels, _ = observe(cameras, truth, noise_px=1.0)
    pixels[0, 10, 2] += 30
    points = refine(cameras, triangulate(cameras, pixels), pixels)
    covariances = point_covariances(cameras, points, pixels, np.isfinite(pixels[..., 0]))
    spread = np.trace(covariances, axis1=2, axis2=3)
    assert spread[10, 2] > 20 * np.median(spread)


def test_there_is_none_where_there_is_no_point():
    cameras = make_rig(3)
    pixels, _ = observe(cameras, make_points(20).reshape(5, 4, 3), noise_px=1.0)
    pixels[:, 2, 1] = np.nan
    pixels[1:, 3, 3] = np.nan
    points, used = triangulate_robust(cameras, pixels, threshold_px=6)
    covariances = point_covariances(cameras, points, pixels, used)
    np.testing.assert_array_equal(np.isnan(covariances).any(axis=(2, 3)), np.isnan(points[..., 0]))
