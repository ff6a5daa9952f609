"""The objective: derivatives against central differences, steps against a dense solver."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import least_squares

from anipose.geometry import reprojection
from anipose.geometry.objective import Limbs, Objective, Room, best_lengths, minimise
from anipose.geometry.reprojection import CoordinateLoss, GemanMcClure, Observations
from moving_animal import classic_cost, limbs_of, move_animal
from synthetic import FISHEYE_DISTORTIONS, PINHOLE_DISTORTIONS, make_rig, observe

N_FRAMES, N_KEYPOINTS, N_CAMERAS = 12, 4, 3

LOSSES = [
    CoordinateLoss("soft_l1", 5.0),
    CoordinateLoss("huber", 5.0),
    CoordinateLoss("linear", 5.0),
    GemanMcClure(2.5),
]


def as_field(points):
    return np.ascontiguousarray(points.transpose(2, 1, 0))


def build(loss, *, order=2, tails=np.inf, fisheye=False, scales=False, radius=np.inf):
    """An objective of a short recording with noise, outliers and missing views, its start, and the rest."""
    distortions = FISHEYE_DISTORTIONS if fisheye else PINHOLE_DISTORTIONS
    cameras = make_rig(N_CAMERAS, distortions=distortions, fisheye=fisheye)
    truth = move_animal(N_FRAMES, N_KEYPOINTS, seed=3)
    pixels, _ = observe(cameras, truth, noise_px=2.0, outliers=0.1, missing=0.1)
    seen = np.isfinite(pixels[..., 0]).transpose(0, 2, 1).reshape(N_CAMERAS, -1)
    flat = np.nan_to_num(pixels).transpose(3, 0, 2, 1).reshape(2, N_CAMERAS, -1)
    pairs = limbs_of(N_KEYPOINTS)
    limbs = Limbs(pairs, np.full(len(pairs), 50.0), np.zeros((3, len(pairs))))
    if scales:
        limbs = replace(limbs, scales=np.full(len(pairs), 20.0))
    objective = Objective(
        Observations(tuple(cameras), flat, seen * 0.7),
        loss,
        np.linspace(0.5, 2.0, N_KEYPOINTS),
        order,
        tails,
        limbs,
        Room.around(np.zeros(3), radius, N_KEYPOINTS) if np.isfinite(radius) else Room.anywhere(N_KEYPOINTS),
        np.ones((N_KEYPOINTS, N_FRAMES), dtype=bool),
        np.zeros(N_FRAMES, dtype=bool),
    )
    start = as_field(truth + np.random.default_rng(5).normal(0, 1.0, truth.shape))
    return objective, start, cameras, pixels


def central_differences(function, field, step=1e-5):
    gradient = np.empty(field.shape)
    for index in np.ndindex(field.shape):
        moved = field.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        gradient[index] = (above - function(moved)) / (2 * step)
    return gradient


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: getattr(loss, "kind", "geman_mcclure"))
@pytest.mark.parametrize("fisheye", [False, True])
def test_the_gradient_is_that_of_central_differences(loss, fisheye):
    objective, start, _, _ = build(loss, fisheye=fisheye)
    found = objective.evaluate(start).gradient
    expected = central_differences(objective.cost, start)
    assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("changes", [{"tails": 4.0}, {"scales": True}, {"radius": 300.0}, {"order": 3}])
def test_the_gradient_of_every_term(changes):
    objective, start, _, _ = build(GemanMcClure(2.5), **changes)
    found = objective.evaluate(start).gradient
    expected = central_differences(objective.cost, start)
    assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: getattr(loss, "kind", "geman_mcclure"))
def test_cost_is_the_same_with_and_without_derivatives(loss):
    objective, start, _, _ = build(loss, tails=4.0)
    assert_allclose(objective.evaluate(start).cost, objective.cost(start), rtol=1e-12)


def test_the_curvature_of_the_data_is_that_of_the_jacobian():
    """With the linear loss the block of a point is sum(J' J) with the cameras' own Jacobians."""
    objective, start, cameras, _ = build(LOSSES[2])
    flat = start.reshape(3, -1)
    _, _, blocks = reprojection.cost_and_derivatives(objective.observations, objective.loss, flat)
    expected = np.zeros((flat.shape[1], 3, 3))
    for row, camera in enumerate(cameras):
        J = camera.project_with_jacobian(flat.T)[1]
        weight = objective.observations.weight[row][:, None, None] ** 2
        expected += weight * (np.swapaxes(J, -1, -2) @ J)
    six = expected[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]].T
    assert_allclose(blocks, six, rtol=1e-9, atol=1e-9)


def test_the_curvature_is_symmetric_and_positive():
    objective, start, _, _ = build(LOSSES[0], tails=4.0)
    at = objective.evaluate(start)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *start.shape))
    assert_allclose(np.vdot(x, objective.curvature(at, y, 0.1)), np.vdot(objective.curvature(at, x, 0.1), y))
    assert np.vdot(x, objective.curvature(at, x, 0.1)) > 0


def test_the_curvature_is_the_second_derivative_where_all_limbs_have_their_lengths():
    """Of smoothness and limbs, with the lengths of the limbs projected out."""
    objective, _, _, _ = build(LOSSES[2])
    nothing = np.zeros_like(objective.observations.weight)
    objective = replace(objective, observations=replace(objective.observations, weight=nothing))
    truth = as_field(move_animal(N_FRAMES, N_KEYPOINTS, seed=3))
    at = objective.evaluate(truth)
    step = np.random.default_rng(1).normal(size=truth.shape)
    numeric = central_differences_along(objective, truth, step)
    assert_allclose(objective.curvature(at, step, 0.0), numeric, atol=1e-4 * np.abs(numeric).max())


def central_differences_along(objective, field, step, size=1e-5):
    above = objective.evaluate(field + size * step).gradient
    return (above - objective.evaluate(field - size * step).gradient) / (2 * size)


def test_best_lengths_minimise_the_relative_deviations():
    lengths = np.array([[3.0, 4.0, 5.0]])
    best = best_lengths(np.array([[3.0], [12.0], [50.0]]))
    assert_allclose(best, 50 / 12)
    for other in (best * 0.999, best * 1.001):
        assert ((lengths / best - 1) ** 2).sum() < ((lengths / other - 1) ** 2).sum()


def test_the_minimum_is_not_above_that_of_scipy():
    """Same start, same objective, all residuals written down plainly for `least_squares`."""
    objective, start, cameras, pixels = build(LOSSES[0])
    objective = replace(
        objective,
        smoothness=np.full(N_KEYPOINTS, 1.5),
        observations=replace(objective.observations, weight=np.sign(objective.observations.weight)),
    )
    pairs = objective.limbs.pairs

    def residuals(values):
        points = values[: start.size].reshape(N_FRAMES, N_KEYPOINTS, 3)
        lengths = values[start.size :]
        errors = np.abs(cameras.project(points) - pixels)
        t = 5.0
        r = 2 * t * (np.sqrt(1 + errors[np.isfinite(errors)] / t) - 1)
        limbs = np.linalg.norm(points[:, pairs[:, 0]] - points[:, pairs[:, 1]], axis=2)
        smooth = 1.5 * np.diff(points, n=2, axis=0)
        return np.concatenate([r, smooth.ravel(), 50.0 * (limbs / lengths - 1).ravel()])

    points = start.transpose(2, 1, 0)
    lengths = np.linalg.norm(points[:, pairs[:, 0]] - points[:, pairs[:, 1]], axis=2).mean(axis=0)
    other = least_squares(residuals, np.concatenate([points.ravel(), lengths]), ftol=1e-8)
    ours = minimise(objective, start, ftol=1e-8)
    assert ours.cost <= other.cost * (1 + 1e-5)


def test_the_cost_is_the_original_one():
    """Against the objective written down plainly, weights of smoothness included."""
    objective, start, cameras, pixels = build(LOSSES[0])
    points = np.ascontiguousarray(start.transpose(2, 1, 0))
    plain = {"scale_smooth": 0.0, "scale_length": 0.5, "n_deriv_smooth": 2, "threshold": 5.0}
    expected = classic_cost(cameras, pixels, points, points, objective.limbs.pairs, **plain)
    weight = np.sign(objective.observations.weight)
    objective = replace(
        objective,
        smoothness=np.zeros(N_KEYPOINTS),
        observations=replace(objective.observations, weight=weight),
    )
    assert_allclose(objective.cost(start), expected, rtol=1e-12)


def test_leaving_the_picture_gains_nothing():
    """A point behind all cameras must cost more than anywhere in front of them."""
    objective, start, _, _ = build(GemanMcClure(2.5))
    far = start.copy()
    far[2, 0, 0] = 1e5
    data = [reprojection.cost(objective.observations, objective.loss, x.reshape(3, -1)) for x in (start, far)]
    assert data[1] > data[0]


def test_held_frames_and_absent_points_stay():
    objective, start, _, _ = build(LOSSES[0])
    held = np.arange(N_FRAMES) < 3
    exists = objective.exists.copy()
    exists[1, 6:] = False
    objective = replace(objective, held=held, exists=exists)
    found = minimise(objective, start, ftol=1e-6).points
    assert_allclose(found[:, :, held], start[:, :, held], atol=1e-6)
    assert_allclose(found[:, 1, 6:], start[:, 1, 6:], atol=1e-6)
    assert np.abs(found[:, 0, 3:] - start[:, 0, 3:]).min() > 0
