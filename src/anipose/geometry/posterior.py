"""Variances from a banded factorisation: the blocks of the inverse, without the inverse."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.banded import BandedCholesky, Field, difference_coefficients

Array = NDArray[np.float64]

# The recursion runs backwards in time. It forgets where it began within some ten frames, so that pieces
# of a recording can be done side by side.
PIECE_FRAMES = 256
RUN_IN_FRAMES = 24


@dataclass(frozen=True)
class Posterior:
    """Variances of a field.

    Attributes:
        covariances: xx xy xz yy yz zz of each point.
        roughness: (keypoint, row), variance of the n-th differences in time, summed over x, y and z.
    """

    covariances: Float[Array, "6 keypoint frame"]
    roughness: Float[Array, "keypoint row"]


def posterior(factor: BandedCholesky, order: int) -> Posterior:
    """Blocks of the inverse of a factorised banded matrix (Takahashi's equations).

    With l column i of the factor below its diagonal element d, and S the block of the inverse behind i,
    the inverse has z = -S l/d beside and (1/d - l.z)/d on its diagonal.

    References:
        Erisman & Tinney, On computing certain elements of the inverse of a sparse matrix,
        Communications of the ACM 18 (1975).
    """
    n_keypoints, n_frames = factor.shape
    columns, n_pieces = _pieces(factor)
    n_steps, n_batch, width = len(columns) // 3, columns.shape[1], columns.shape[2]
    covariances = np.empty((6, n_batch, n_steps))
    roughness = np.zeros((n_batch, n_steps))
    weights = np.zeros(width)
    weights[::3][: order + 1] = difference_coefficients(order)
    behind = np.zeros((n_batch, width - 1, width - 1))
    for step in range(len(columns) - 1, -1, -1):
        diagonal, below = columns[step, :, 0], columns[step, :, 1:]
        block = np.empty((n_batch, width, width))
        beside = (behind @ below[..., None])[..., 0] / -diagonal[:, None]
        block[:, 0, 0] = (1 / diagonal - np.einsum("bi,bi->b", below, beside)) / diagonal
        block[:, 0, 1:] = beside
        block[:, 1:, 0] = beside
        block[:, 1:, 1:] = behind
        roughness[:, step // 3] += np.einsum("bij,i,j->b", block[:, ::3, ::3], weights[::3], weights[::3])
        if step % 3 == 0:
            corner = block[:, :3, :3]
            covariances[:, :, step // 3] = corner[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]].T
        behind = block[:, :-1, :-1]
    covariances = covariances[..., :PIECE_FRAMES].reshape(6, n_keypoints, n_pieces * PIECE_FRAMES)
    roughness = roughness[..., :PIECE_FRAMES].reshape(n_keypoints, n_pieces * PIECE_FRAMES)
    return Posterior(covariances[..., :n_frames], roughness[:, : max(n_frames - order, 0)])


def _pieces(factor: BandedCholesky) -> tuple[Float[Array, "step batch width"], int]:
    """Columns of the factor in pieces of time, keypoints x pieces side by side; unit columns at the end."""
    n_keypoints, n_frames = factor.shape
    n_pieces = -(-n_frames // PIECE_FRAMES)
    width = factor.factor.shape[1]
    padded = np.zeros((n_keypoints, n_pieces * PIECE_FRAMES + RUN_IN_FRAMES, 3, width))
    padded[..., 0] = 1.0
    padded[:, :n_frames] = factor.factor.reshape(n_keypoints, n_frames, 3, width)
    length = PIECE_FRAMES + RUN_IN_FRAMES
    pieces = [padded[:, i * PIECE_FRAMES : i * PIECE_FRAMES + length] for i in range(n_pieces)]
    stacked = np.stack(pieces, axis=1).reshape(n_keypoints * n_pieces, 3 * length, width)
    return np.ascontiguousarray(stacked.transpose(1, 0, 2)), n_pieces


def full_matrices(six: Float[Array, "6 keypoint frame"]) -> Float[Array, "frame keypoint 3 3"]:
    """3x3 matrices of their six numbers."""
    return np.ascontiguousarray(six[[0, 1, 2, 1, 3, 4, 2, 4, 5]].transpose(2, 1, 0)).reshape(
        six.shape[2], six.shape[1], 3, 3
    )


def roughness_of(field: Field, order: int) -> Float[Array, "keypoint row"]:
    """Squared n-th differences in time, summed over x, y and z."""
    squares: Array = np.sum(np.diff(field, n=order, axis=2) ** 2, axis=0)
    return squares
