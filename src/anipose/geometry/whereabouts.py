"""Where each keypoint is, before any camera looks: learned from where the cameras say it is.

Trackers' errors often last: a network that is wrong about a joint in one posture is so for as long as the
posture holds. Then no smoothing averages them out, and in a direction that the cameras hardly see (of two
views, along their common line of sight) the points wander by more than the animal does. Wiener's answer is
to move them towards the middle of their whereabouts, by noise/(noise + spread) of variances. Where an animal
moves far, or cameras see well from all sides, that is nothing.
"""

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.banded import Field
from anipose.geometry.noise import sample
from anipose.geometry.objective import Room
from anipose.geometry.posterior import full_matrices
from anipose.geometry.reprojection import COLUMNS, ROWS
from anipose.geometry.windows import Model, Recording, objective_of

Array = NDArray[np.float64]

# Expectation maximisation; more rounds change nothing that can be measured.
ROUNDS = 20
# Of fewer frames no spread is learned.
LEAST_FRAMES = 20
# The spread is not less than this share of the size of the room.
LEAST_SPREAD = 1e-6


def whereabouts(recording: Recording, model: Model, start: Field, field: Field, share: float) -> Room:
    """The room of the model, and in it a Gaussian for each keypoint, learned from some of the frames.

    Args:
        start: points of each frame for itself, of which noise is independent of how the animal moves.
        field: points of the model. Their mean is the middle: what cameras contradict each other about for
            good, the model has settled.
        share: of the noise that lasts. The rest is averaged out without the room.
    """
    frames = sample(recording.exists)
    pieces = [objective_of(recording, model, piece) for piece in frames]
    starts = np.concatenate([start[:, :, piece] for piece in frames], axis=2)
    seen = [
        one.evaluate(start[:, :, piece]).blocks.reshape(6, *one.exists.shape)
        for one, piece in zip(pieces, frames, strict=True)
    ]
    blocks = np.concatenate(seen, axis=2) - model.room.precision[..., None]
    information = full_matrices(blocks).transpose(1, 0, 2, 3)
    solved = np.concatenate([field[:, :, piece] for piece in frames], axis=2)
    exists = np.concatenate([one.exists for one in pieces], axis=1)
    least = LEAST_SPREAD**2 / model.room.precision[0]
    middle, precision = model.room.middle.copy(), model.room.precision.copy()
    for keypoint, known in enumerate(exists):
        if known.sum() < LEAST_FRAMES:
            continue
        of_model = solved[:, keypoint, known]
        middle[:, keypoint] = of_model.mean(axis=1)
        first = np.cov(of_model) + least[keypoint] * np.eye(3)
        spread = _spread(information[keypoint, known], starts[:, keypoint, known].T, first)
        inverse = np.linalg.inv(spread + least[keypoint] * np.eye(3))
        precision[:, keypoint] += share * inverse[ROWS, COLUMNS]
    return Room(middle, precision)


def _spread(
    information: Float[Array, "frame 3 3"], points: Float[Array, "frame 3"], first: Float[Array, "3 3"]
) -> Float[Array, "3 3"]:
    """Covariance of what noisy points are measurements of, from their information matrices."""
    covariance, middle = first, points.mean(axis=0)
    weighted = np.einsum("fij,fj->fi", information, points)
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(covariance)
        uncertain = np.linalg.inv(information + inverse)
        probable = np.einsum("fij,fj->fi", uncertain, weighted + inverse @ middle)
        middle = probable.mean(axis=0)
        away = probable - middle
        covariance = away.T @ away / len(away) + uncertain.mean(axis=0)
    return covariance
