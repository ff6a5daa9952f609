"""Least squares with a few unknowns that all frames share, and six of each frame: Levenberg-Marquardt.

The unknowns of a frame meet those of no other frame, so they are eliminated first (Schur complement).

References:
    Triggs et al., Bundle adjustment: a modern synthesis, section 6.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray

Array = NDArray[np.float64]
State = TypeVar("State")

DAMPING_AT_START, DAMPING_AT_MOST = 1e-4, 1e8
MAX_ITERATIONS = 30
# Keeps the equations of a frame solvable in which every corner is an outlier.
FLOOR = 1e-9


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Cost, and J'WJ and J'Wr, of the shared unknowns and of those of the frames."""

    cost: float
    shared: Float[Array, "unknown unknown"]
    shared_gradient: Float[Array, "unknown"]
    frames: Float[Array, "frame 6 6"]
    frames_gradient: Float[Array, "frame 6"]
    mixed: Float[Array, "unknown frame 6"]


def without_frames(
    equations: NormalEquations, damping: float = 0.0
) -> tuple[Float[Array, "unknown unknown"], Float[Array, "unknown"], Float[Array, "frame 6 6"]]:
    """The equations of the shared unknowns alone, (matrix, right side), and the inverse blocks of the frames.

    Unknowns that nothing depends on stay where they are.
    """
    n_shared = len(equations.shared)
    diagonal = np.einsum("fii->fi", equations.frames)
    frames = equations.frames.copy()
    index = np.arange(6)
    frames[:, index, index] += damping * diagonal + FLOOR * diagonal.mean(0)
    inverse = np.linalg.inv(frames).astype(np.float64)
    eliminated = (equations.mixed.transpose(1, 0, 2) @ inverse).transpose(1, 0, 2).reshape(n_shared, -1)
    matrix = equations.shared - eliminated @ equations.mixed.reshape(n_shared, -1).T
    own = np.diag(equations.shared)
    fixed, index = own == 0, np.arange(n_shared)
    matrix[index, index] += np.where(fixed, 1.0, damping * own)
    right = eliminated @ equations.frames_gradient.ravel() - equations.shared_gradient
    return matrix, right, inverse


def descend(
    state: State,
    equations_at: Callable[[State], NormalEquations],
    moved: Callable[[State, Float[Array, "unknown"], Float[Array, "frame 6"]], State],
    *,
    tolerance: float,
) -> State:
    """The state of the lowest cost, from one nearby.

    Args:
        moved: a state after a step in its shared unknowns and in those of the frames.
        tolerance: stop when a step lowers the cost by less than this fraction.
    """
    now = equations_at(state)
    damping = DAMPING_AT_START
    for _ in range(MAX_ITERATIONS):
        matrix, right, inverse = without_frames(now, damping)
        step = np.linalg.solve(matrix, right).astype(np.float64)
        coupled = np.tensordot(step, now.mixed, 1)
        frames: Array = (inverse @ (-now.frames_gradient - coupled)[..., None])[..., 0]
        there = moved(state, step, frames)
        then = equations_at(there)
        if not then.cost < now.cost:
            damping *= 10
            if damping > DAMPING_AT_MOST:
                break
            continue
        gain = now.cost - then.cost
        state, now, damping = there, then, damping / 10
        if gain <= tolerance * now.cost:
            break
    return state
