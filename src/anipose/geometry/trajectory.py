"""Trajectories: 3D points over time that fit the pictures, move smoothly and have limbs of constant length.

`optimise_classic` minimises the objective of the original anipose, with its settings and their meaning.
`optimise_map` estimates from the data what is otherwise a setting, and says how sure it is of each point.
Both start from triangulated points, best robust ones.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.noise import PIECE_FRAMES, PIECES, Guess, first_guess, lasting_share, learn
from anipose.geometry.objective import Limbs, Room
from anipose.geometry.posterior import full_matrices
from anipose.geometry.reprojection import CoordinateLoss, GemanMcClure
from anipose.geometry.starts import behind_a_camera, observable, sane_start
from anipose.geometry.strays import without_strays
from anipose.geometry.uncertainty import covariances
from anipose.geometry.whereabouts import whereabouts
from anipose.geometry.windows import Model, Recording, Solution, fixed_lengths, lengths_of, solve

Array = NDArray[np.float64]
Pairs = Int[NDArray[np.int64], "limb 2"]

# The classic objective measures lengths of limbs in percent.
PERCENT = 100.0
# Slower than this share of the distance to the cameras per frame is as good as still; smoothness is
# relative to the speed, and must not become infinite.
STILL = 1e-6

# From wide to narrow (graduated non-convexity), in standard deviations of an observation. Noise is learned
# with the last, from those that agree best. Points are found with a wider one: with 2.5, they were 6 % worse
# on made recordings with up to 15 % outliers, as every good observation that is a little off counts less.
LOSS_WIDTHS = (8.0, 4.0, 2.5)
FINAL_WIDTH = 4.0
# Where more than a tenth of the errors at the start is this large, in standard deviations, the start is
# linear, not robust, and a bounded loss would leave it in its place; a convex one, of this threshold, not.
POOR_START, CONVEX_THRESHOLD = 5.0, 3.0
# Degrees of freedom of the differences in time: costs nothing if they are Gaussian, and follows an animal
# that startles, which a Gaussian takes for bad observations.
STARTLE = 4.0
# Of the length of a limb. Noise and roughness are learned with limbs that give way more easily, since
# stiff ones hold a wrong start in its place.
STRONG_DEVIATION, WEAK_DEVIATION = 0.005, 0.02
LEARNING_DEVIATION = 4.0


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Optimised points.

    Attributes:
        points: (frame, keypoint, 3), NaN where a point cannot be known.
        covariances: (frame, keypoint, 3, 3) of the points, NaN as they are; None where the method has none.
        lengths: of the limbs, strong ones first; NaN where never measured.
        noise_px: (camera, keypoint), estimated standard deviation of a pixel coordinate; None as above.
        cost: the objective at the points.
    """

    points: Float[Array, "frame keypoint 3"]
    covariances: Float[Array, "frame keypoint 3 3"] | None
    lengths: Float[Array, "limb"]
    noise_px: Float[Array, "camera keypoint"] | None
    cost: float


def optimise_classic(
    cameras: Cameras,
    points: Float[Array, "camera frame keypoint 2"],
    start: Float[Array, "frame keypoint 3"],
    *,
    constraints: Pairs,
    constraints_weak: Pairs,
    scale_smooth: float = 2.0,
    scale_length: float = 2.0,
    scale_length_weak: float = 1.0,
    n_deriv_smooth: int = 3,
    reproj_error_threshold: float = 5.0,
    reproj_loss: Literal["soft_l1", "huber", "linear"] = "soft_l1",
    max_gap: int | None = None,
    lengths: Float[Array, "limb"] | None = None,
    ftol: float = 1e-4,
) -> Trajectory:
    """Minimise the objective of the original anipose.

    It is half the sum of squares of
    - the reprojection errors through a loss, see `CoordinateLoss`;
    - scale_smooth / speed times the n-th differences in time of the points, where speed is the mean
      |first difference| of the coordinates of the median-filtered start;
    - 100 scale (l - L)/L for the length l of every limb in every frame, L its best constant length.

    A point is known if two cameras see it, or one within `max_gap` frames of such a frame, or none in a
    gap of at most `max_gap` frames; nothing is known of a keypoint before it is first or after it is last
    seen, and nothing of a point that ends behind a camera that saw it. What is not known is NaN.

    Args:
        points: pixels; NaN where a camera does not see the point.
        start: triangulated points, NaN where there are none. Single wild ones do not matter.
        constraints: pairs of keypoints at a constant distance.
        constraints_weak: the same, with `scale_length_weak`.
        reproj_error_threshold: pixels.
        max_gap: frames; None for any gap.
        lengths: of the limbs, strong ones first; None, or NaN for single ones, to find them.
        ftol: stop when a step lowers the objective by less than this share.

    References:
        Karashchuk et al., Anipose: a toolkit for robust markerless 3D pose estimation, Cell Reports 36
        (2021), STAR methods.
    """
    recording = _recording(cameras, points, start, n_deriv_smooth, max_gap)
    field, speed = sane_start(start, recording.exists)
    speed = max(speed, STILL * _distance(cameras, field))
    pairs = np.concatenate([constraints.reshape(-1, 2), constraints_weak.reshape(-1, 2)])
    scales = np.repeat([scale_length, scale_length_weak], [len(constraints), len(constraints_weak)])
    limbs = _limbs(pairs, PERCENT * scales, lengths)
    n_keypoints = points.shape[2]
    model = Model(
        CoordinateLoss(reproj_loss, reproj_error_threshold),
        np.ones((len(cameras), n_keypoints)),
        np.full(n_keypoints, scale_smooth / speed),
        n_deriv_smooth,
        np.inf,
        limbs,
        Room.anywhere(n_keypoints),
    )
    solution = solve(recording, model, field, ftol=ftol)
    return _trajectory(cameras, recording, solution)


def optimise_map(
    cameras: Cameras,
    points: Float[Array, "camera frame keypoint 2"],
    start: Float[Array, "frame keypoint 3"],
    *,
    constraints: Pairs,
    constraints_weak: Pairs,
    n_deriv: int = 3,
    max_gap: int | None = None,
    lengths: Float[Array, "limb"] | None = None,
    ftol: float = 1e-4,
) -> Trajectory:
    """The most probable points, and how sure they are; nothing needs to be set.

    The negative logarithm of the probability is the sum of
    - Geman-McClure's loss of the reprojection errors in standard deviations, which are learned for every
      camera and keypoint: an observation far off does not count at all;
    - the n-th differences in time (n = 3: the jerk) in units learned for every keypoint, with Student's t
      distribution: the animal moves smoothly, and startles now and then;
    - the squared relative deviations of the limbs from their lengths, which are learned as well;
    - where errors last for many frames, so that no smoothing averages them out, the squared distance of each
      keypoint from the middle of its whereabouts, see `whereabouts`.

    What is known and what is NaN is as in `optimise_classic`. Covariances are those of the solution times
    a factor per keypoint, found by solving again what was made from the solution with fresh noise.

    Args:
        points: pixels; NaN where a camera does not see the point.
        start: triangulated points, NaN where there are none.
        constraints: pairs of keypoints whose distance varies by 0.5 %.
        constraints_weak: pairs of keypoints whose distance varies by 2 %.
        n_deriv: which difference in time is to be small.
        max_gap: frames; None for any gap.
        lengths: of the limbs, strong ones first; None, or NaN for single ones, to find them.
        ftol: stop when a step lowers the objective by less than this share.

    References:
        MacKay, Bayesian interpolation, Neural Computation 4 (1992), for learning the noise and roughness.
        Yang et al., Graduated non-convexity for robust spatial perception, IEEE RA-L 5 (2020).
    """
    recording = _recording(cameras, points, start, n_deriv, max_gap)
    pairs = np.concatenate([constraints.reshape(-1, 2), constraints_weak.reshape(-1, 2)]).astype(np.int64)
    if not recording.exists.any():
        field, _ = sane_start(start, recording.exists)
        nothing = Solution(field, _limbs(pairs, np.zeros(len(pairs)), lengths), 0.0)
        return _trajectory(cameras, recording, nothing, np.zeros((6, *field.shape[1:])))
    deviations = np.repeat([STRONG_DEVIATION, WEAK_DEVIATION], [len(constraints), len(constraints_weak)])
    limbs = _limbs(pairs, 1 / deviations, lengths)
    model, solution, lasting_px = _most_probable(cameras, recording, start, limbs, n_deriv, ftol)
    spread = covariances(recording, replace(model, limbs=solution.limbs), solution.field, lasting_px)
    found = _trajectory(cameras, recording, solution, spread)
    return replace(found, noise_px=1 / model.weights)


def measure_limbs(
    cameras: Cameras,
    points: Float[Array, "camera frame keypoint 2"],
    start: Float[Array, "frame keypoint 3"],
    *,
    constraints: Pairs,
    constraints_weak: Pairs,
    n_deriv: int = 3,
) -> Float[Array, "3 limb"]:
    """Number, sum and sum of squares of the lengths of limbs, strong ones first, as `optimise_map` has them.

    Sums of several recordings can be added; `best_lengths` makes lengths of them.
    """
    recording = _recording(cameras, points, start, n_deriv, 0)
    pairs = np.concatenate([constraints.reshape(-1, 2), constraints_weak.reshape(-1, 2)]).astype(np.int64)
    deviations = np.repeat([STRONG_DEVIATION, WEAK_DEVIATION], [len(constraints), len(constraints_weak)])
    if not recording.exists.any():
        return np.zeros((3, len(pairs)))
    limbs = _limbs(pairs, 1 / deviations, None)
    _, solution, _ = _most_probable(cameras, recording, start, limbs, n_deriv, 1e-3)
    return solution.limbs.known


def _most_probable(
    cameras: Cameras,
    recording: Recording,
    start: Float[Array, "frame keypoint 3"],
    limbs: Limbs,
    n_deriv: int,
    ftol: float,
) -> tuple[Model, Solution, float]:
    """The model that was learned, its solution, and the part of the errors that lasts, pixels."""
    sane, _ = sane_start(start, recording.exists)
    field = sane
    yielding = replace(limbs, weights=limbs.weights / LEARNING_DEVIATION)
    model, guess = _first_model(cameras, recording, field, yielding, n_deriv)
    if guess.widest > POOR_START:
        convex = replace(model, loss=CoordinateLoss("soft_l1", CONVEX_THRESHOLD), tails=np.inf)
        field = solve(recording, convex, field, ftol=1e-3).field
        model, guess = _first_model(cameras, recording, field, yielding, n_deriv)
    model, field = learn(recording, model, field, LOSS_WIDTHS, guess.lasting_px)
    share = lasting_share(model, guess.lasting_px)
    if share > 0:
        # Errors that last had been taken for motion.
        model = replace(model, room=whereabouts(recording, model, sane, field, share))
        model, field = learn(recording, model, field, LOSS_WIDTHS[-1:], guess.lasting_px)
    # Frames that were not learned from are still at their start.
    for width in LOSS_WIDTHS[:-1] if field.shape[2] > PIECES * PIECE_FRAMES else []:
        wide = replace(model, loss=GemanMcClure(width))
        field = solve(recording, wide, field, ftol=1e-2).field
    limbs = replace(model.limbs, weights=limbs.weights)
    model = replace(model, limbs=limbs, loss=GemanMcClure(FINAL_WIDTH))
    solution = solve(recording, model, field, ftol=ftol)
    mended = without_strays(recording, model, solution.field, FINAL_WIDTH)
    if mended is not None:
        solution = solve(recording, model, mended, ftol=ftol)
    return model, solution, guess.lasting_px


def _recording(
    cameras: Cameras, points: Array, start: Float[Array, "frame keypoint 3"], order: int, max_gap: int | None
) -> Recording:
    """What is to be found; nothing at all where there is no start."""
    seen = np.asarray(np.isfinite(points).all(axis=-1))
    exists = observable(seen, order=order, max_gap=max_gap)
    if not np.isfinite(start).all(axis=-1).any():
        exists[:] = False
    return Recording(tuple(cameras), points, exists)


def _limbs(pairs: Pairs, weights: Float[Array, "limb"], lengths: Float[Array, "limb"] | None) -> Limbs:
    known = np.zeros((3, len(pairs))) if lengths is None else fixed_lengths(lengths)
    return Limbs(pairs.astype(np.int64), weights, known)


def _first_model(
    cameras: Cameras,
    recording: Recording,
    field: Float[Array, "3 keypoint frame"],
    limbs: Limbs,
    order: int,
) -> tuple[Model, Guess]:
    """What the start says of noise, roughness and lengths."""
    guess = first_guess(recording, field, order)
    distance = _distance(cameras, field)
    model = Model(
        GemanMcClure(LOSS_WIDTHS[-1]),
        np.full((len(cameras), field.shape[1]), 1 / guess.noise_px),
        1 / np.maximum(guess.roughness, STILL * distance),
        order,
        STARTLE,
        replace(limbs, scales=_typical_lengths(field, limbs.pairs)),
        Room.around(np.median(field.reshape(3, -1), axis=1), distance, field.shape[1]),
    )
    return model, guess


def _typical_lengths(field: Float[Array, "3 keypoint frame"], pairs: Pairs) -> Float[Array, "limb"]:
    vectors = field[:, pairs[:, 0]] - field[:, pairs[:, 1]]
    lengths: Array = np.median(np.linalg.norm(vectors, axis=0), axis=1)
    return lengths


def _distance(cameras: Cameras, field: Float[Array, "3 keypoint frame"]) -> float:
    """Median distance from the cameras to the middle of the points."""
    middle = np.median(field.reshape(3, -1), axis=1)
    return float(np.median([np.linalg.norm(middle - camera.center) for camera in cameras]))


def _trajectory(
    cameras: Cameras,
    recording: Recording,
    solution: Solution,
    spread: Float[Array, "6 keypoint frame"] | None = None,
) -> Trajectory:
    unknown = ~recording.exists | behind_a_camera(cameras, solution.field, recording.points)
    unknown |= ~np.isfinite(solution.field).all(axis=0)
    field = np.where(unknown, np.nan, solution.field)
    return Trajectory(
        points=np.ascontiguousarray(field.transpose(2, 1, 0)),
        covariances=None if spread is None else full_matrices(np.where(unknown, np.nan, spread)),
        lengths=lengths_of(solution.limbs),
        noise_px=None,
        cost=solution.cost,
    )
