"""Smoothing: polynomials pass, noise is lowered by what theory says, gaps stay gaps."""

import numpy as np
import pytest

from anipose.filters.smoothing import smooth_kalman, smooth_savgol

WINDOW = 11
METHODS = pytest.mark.parametrize(
    "smooth",
    [lambda p: smooth_savgol(p, window=WINDOW, order=3), lambda p: smooth_kalman(p, window=WINDOW)],
    ids=["savgol", "kalman"],
)


@METHODS
def test_straight_lines_pass_to_the_very_ends(smooth):
    points = np.arange(50.0)[:, None, None] * np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_allclose(smooth(points), points, atol=1e-9)


@METHODS
def test_noise_is_lowered_as_much_by_either(smooth):
    """White noise keeps 9/(4 window) of its variance, 2000 x 9 values tell it to some 3 %."""
    noise = np.random.default_rng(0).normal(size=(2000, 3, 3))
    assert np.var(smooth(noise)[20:-20]) == pytest.approx(9 / (4 * WINDOW), rel=0.12)


@METHODS
def test_what_is_missing_stays_missing_and_the_rest_is_known(smooth):
    points = np.random.default_rng(1).normal(size=(60, 2, 3)).cumsum(axis=0)
    points[:3, 0] = np.nan
    points[20:35, 1] = np.nan
    points[40, 0] = np.nan
    np.testing.assert_array_equal(np.isnan(smooth(points)), np.isnan(points))


@METHODS
@pytest.mark.parametrize("n_frames", [0, 1, 2, 3, 5])
def test_few_frames(smooth, n_frames):
    points = np.arange(3.0 * n_frames).reshape(n_frames, 1, 3)
    np.testing.assert_allclose(smooth(points), points, atol=1e-9)


def test_kalman_is_the_smoother_of_rauch_tung_and_striebel():
    """Written down as the recursion that it is named after, for 40 frames."""
    seen = np.random.default_rng(2).normal(size=40).cumsum()
    weight = (WINDOW / (6 * np.sqrt(2))) ** 4
    # State: this value and the last; the second difference is the noise, of variance 1/weight.
    F, H, Q = np.array([[2.0, -1.0], [1.0, 0.0]]), np.array([1.0, 0.0]), np.diag([1 / weight, 0.0])
    x, P, forward = np.zeros(2), 1e9 * np.eye(2), []
    for value in seen:
        predicted, spread = F @ x, F @ P @ F.T + Q
        gain = spread @ H / (spread[0, 0] + 1)
        x, P = predicted + gain * (value - predicted[0]), spread - np.outer(gain, H @ spread)
        forward.append((x, P, predicted, spread))
    smooth = [forward[-1][0]]
    for (x, P, _, _), (_, _, predicted, spread) in zip(forward[-2::-1], forward[:0:-1], strict=True):
        smooth.append(x + P @ F.T @ np.linalg.inv(spread) @ (smooth[-1] - predicted))
    expected = np.array([state[0] for state in smooth[::-1]])
    np.testing.assert_allclose(smooth_kalman(seen[:, None], window=WINDOW)[:, 0], expected, atol=1e-4)
