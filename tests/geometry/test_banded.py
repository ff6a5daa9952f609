"""Differences in time, banded matrices, their factors and inverses, against dense ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from anipose.geometry.banded import (
    SIX,
    banded_template,
    conjugate_gradients,
    difference,
    difference_adjoint,
    difference_coefficients,
    factorise,
    stiffness_bands,
)
from anipose.geometry.posterior import PIECE_FRAMES, full_matrices, posterior

N_KEYPOINTS, N_FRAMES = 2, 9


def dense(row_weights, blocks, order):
    """The matrix of a field in the order (keypoint, frame, coordinate), written down entry by entry."""
    n_keypoints, n_frames = blocks.shape[1:]
    D = np.diff(np.eye(n_frames), n=order, axis=0)
    matrix = np.zeros((n_keypoints, n_frames, 3, n_keypoints, n_frames, 3))
    for j in range(n_keypoints):
        for axis in range(3):
            matrix[j, :, axis, j, :, axis] = D.T @ np.diag(row_weights[j]) @ D
        for f in range(n_frames):
            matrix[j, f, :, j, f, :] += blocks[SIX, j, f]
    size = 3 * n_keypoints * n_frames
    return matrix.reshape(size, size)


def random_system(order, n_frames=N_FRAMES, seed=0):
    rng = np.random.default_rng(seed)
    row_weights = rng.uniform(0.5, 2.0, (N_KEYPOINTS, n_frames - order))
    roots = rng.normal(size=(N_KEYPOINTS, n_frames, 3, 3))
    squares = roots @ np.swapaxes(roots, -1, -2) + 0.1 * np.eye(3)
    blocks = np.stack([squares[..., i, j] for i in range(3) for j in range(i, 3)])
    return row_weights, blocks


def test_the_third_difference_is_that_of_a_textbook():
    assert_allclose(difference_coefficients(3), [-1, 3, -3, 1])
    assert_allclose(difference(np.arange(6.0) ** 3, 3), 6.0)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_adjoint_of_the_difference_is_its_transpose(order):
    """With coefficients of the wrong sign conjugate gradients never end, and the cost stalls."""
    rng = np.random.default_rng(order)
    x, rows = rng.normal(size=(2, 9)), rng.normal(size=(2, 9 - order))
    assert_allclose(np.vdot(rows, difference(x, order)), np.vdot(difference_adjoint(rows, order, 9), x))


def test_too_few_frames_have_no_differences():
    assert difference(np.ones((2, 3)), 3).shape == (2, 0)
    assert_allclose(difference_adjoint(np.zeros((2, 0)), 3, 3), 0)
    assert_allclose(stiffness_bands(np.zeros((2, 0)), 3, 3), 0)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_banded_solution_is_the_dense_one(order):
    row_weights, blocks = random_system(order)
    right = np.random.default_rng(1).normal(size=(3, N_KEYPOINTS, N_FRAMES))
    factor = factorise(banded_template(stiffness_bands(row_weights, order, N_FRAMES)), blocks)
    in_order = right.transpose(1, 2, 0).ravel()
    expected = np.linalg.solve(dense(row_weights, blocks, order), in_order)
    found = factor.solve(right.copy())
    assert_allclose(found.transpose(1, 2, 0).ravel(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_conjugate_gradients_find_the_dense_solution(order):
    row_weights, blocks = random_system(order)
    matrix = dense(row_weights, blocks, order)
    right = np.random.default_rng(1).normal(size=(3, N_KEYPOINTS, N_FRAMES))

    def apply(field):
        product = matrix @ field.transpose(1, 2, 0).ravel()
        return product.reshape(N_KEYPOINTS, N_FRAMES, 3).transpose(2, 0, 1)

    diagonal = np.diag(matrix).reshape(N_KEYPOINTS, N_FRAMES, 3).transpose(2, 0, 1)
    found, iterations = conjugate_gradients(
        apply, lambda field: field / diagonal, right, tolerance=1e-10, max_iterations=200
    )
    assert iterations < 200
    assert_allclose(apply(found), right, atol=1e-7)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("n_frames", [N_FRAMES, 2 * PIECE_FRAMES + 5])
def test_variances_are_those_of_the_dense_inverse(order, n_frames):
    row_weights, blocks = random_system(order, n_frames)
    factor = factorise(banded_template(stiffness_bands(row_weights, order, n_frames)), blocks)
    found = posterior(factor, order)
    inverse = np.linalg.inv(dense(row_weights, blocks, order))
    inverse = inverse.reshape(N_KEYPOINTS, n_frames, 3, N_KEYPOINTS, n_frames, 3)
    D = np.diff(np.eye(n_frames), n=order, axis=0)
    for j in range(N_KEYPOINTS):
        own = inverse[j, :, :, j]
        expected = np.stack([own[f, :, f] for f in range(n_frames)])
        # The recursion begins some frames behind each piece, and has then forgotten where.
        assert_allclose(full_matrices(found.covariances)[:, j], expected, rtol=1e-6, atol=1e-9)
        rough = sum(np.einsum("rf,fg,rg->r", D, own[:, axis, :, axis], D) for axis in range(3))
        assert_allclose(found.roughness[j], rough, rtol=1e-6, atol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_refused():
    blocks = np.zeros((6, 1, 4))
    with pytest.raises(np.linalg.LinAlgError, match="the banded matrix is not positive definite"):
        factorise(banded_template(stiffness_bands(np.ones((1, 3)), 1, 4)), blocks - 1.0)
