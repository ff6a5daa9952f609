"""How noisy the pixels and how rough the motion are, learned from the data themselves.

Both are variances of which only an estimate with fitted points is at hand. What the fit has taken up is
counted by effective degrees of freedom (MacKay): a variance is a sum of squares divided by the number of
its terms less the part that the points were fitted to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.geometry.banded import Field
from anipose.geometry.objective import DAMPING, Limbs, Objective, Point, Room, minimise
from anipose.geometry.posterior import Posterior, posterior, roughness_of
from anipose.geometry.reprojection import GemanMcClure, projected_variances, weighted_errors
from anipose.geometry.windows import Model, Recording, objective_of, windows

Array = NDArray[np.float64]

# Frames that noise and roughness are learned from: this many pieces of at most so many frames.
PIECES, PIECE_FRAMES = 4, 500
MAX_ROUNDS = 8
CONVERGED = 0.02
# Cameras and keypoints get their own noise from a solution that trusts them all alike, and once more. Done
# again and again, the camera that is trusted most draws the points to itself until it seems to have none.
APART_ROUNDS = (2, 4)
LARGEST_CHANGE = 5.0
LEAST_FREEDOM = 0.005
# So many observations of a keypoint count as if they had the noise of all keypoints of the camera, and so
# many of the camera's as if they had the noise of all cameras.
SHARED_OBSERVATIONS = 100.0
LEAST_NOISE_PX = 1e-3
# Three quarters of all errors are below this, in standard deviations of a coordinate (Rayleigh).
LARGE_SHARE, LARGE_ERROR = 0.75, 1.6651
# Errors of neighbouring frames that are more alike than this say nothing of how long they stay alike.
MOST_ALIKE = 0.99
# Errors last if they are like those so many frames later: by then, smoothing has averaged noise out.
LASTING_FRAMES = 5
# Correlation of errors that far apart, up to which they are noise: wrong starts last a while.
NOISE_ALIKE = 0.1
# Smoothness at most this times the curvature of the data: a still animal is infinitely smooth.
STIFFEST = 1e10


@dataclass(frozen=True)
class Efficiency:
    """What Geman-McClure weights do to Gaussian errors in the plane.

    Attributes:
        shrinkage: E[w r^2]/(2 E[w]), r the length of an error in standard deviations.
        information: information of an observation about its point, in units of E[w].
    """

    shrinkage: float
    information: float


def efficiency(loss: GemanMcClure) -> Efficiency:
    """By integration over r^2/2, which is exponentially distributed (Gauss-Laguerre).

    The information is E[w r^2]^2 / (2 E[w^2 r^2]), the inverse of the asymptotic variance of an M-estimate.
    """
    half_squares, shares = np.polynomial.laguerre.laggauss(64)
    squares = 2 * half_squares
    weights = 1 / (1 + squares / loss.width**2) ** 2
    mean = float(shares @ weights)
    weighted = float(shares @ (weights * squares))
    information = weighted**2 / (2 * float(shares @ (weights**2 * squares)))
    return Efficiency(weighted / (2 * mean), information / mean)


@dataclass(frozen=True)
class Fit:
    """A piece of the recording with its solution.

    The variances of the points are too large without limbs, and too small with limbs whose other ends are
    taken as known; measured on made data, the first give the right roughness and the second the right noise.
    """

    objective: Objective
    at: Point
    without_limbs: Posterior
    with_limbs: Posterior


def fit(objective: Objective, start: Field, *, ftol: float) -> Fit:
    """The solution of a piece, and how sure it is."""
    at = minimise(objective, start, ftol=ftol)
    return Fit(objective, at, curvature_inverse(objective, at), curvature_inverse(objective, at, limbs=True))


def curvature_inverse(
    objective: Objective, at: Point, *, information: float = 1.0, limbs: bool = False
) -> Posterior:
    """Variances if the objective is a log likelihood.

    Args:
        information: what to scale that of the observations by.
        limbs: whether to count a limb as if its other end were known. That is too much: it is not.
    """
    directions = at.directions if limbs else np.zeros_like(at.directions)
    damping = max(DAMPING * float(np.median(at.blocks[0])), np.finfo(float).tiny)
    scaled = replace(at, blocks=at.blocks * information, directions=directions)
    return posterior(objective.factorise(scaled, damping), objective.order)


def sample(exists: Bool[NDArray[np.bool_], "keypoint frame"]) -> list[slice]:
    """The frames to learn from: evenly spread over those parts where the animal is."""
    n_frames = exists.shape[1]
    if n_frames <= PIECES * PIECE_FRAMES:
        return [slice(0, n_frames)]
    parts = windows(n_frames, PIECE_FRAMES)
    known = np.array([exists[:, part].mean() for part in parts])
    good = np.flatnonzero(known >= 0.5 * known.max())
    chosen = np.unique(good[np.linspace(0, len(good) - 1, PIECES).round().astype(int)])
    return [parts[number] for number in chosen]


@dataclass(frozen=True)
class Guess:
    """What the start says, before anything is learned.

    Attributes:
        noise_px: of a pixel coordinate, from the median error.
        lasting_px: the part of the errors that stays over `LASTING_FRAMES`, from their upper quartile. Noise
            is not less: where cameras contradict each other for good, any two of them still agree, and a
            bounded loss would learn to trust those two alone.
        widest: the error that nine in ten observations are below, in units of the noise.
        roughness: of each keypoint, a length.
    """

    noise_px: float
    lasting_px: float
    widest: float
    roughness: Float[Array, "keypoint"]


def first_guess(recording: Recording, field: Field, order: int) -> Guess:
    """From medians at the start."""
    sizes, lengths, views, series = [], [], [], []
    for frames in sample(recording.exists):
        objective = objective_of(recording, _plain(recording, order), frames)
        signed = weighted_errors(objective.observations, field[:, :, frames].reshape(3, -1))
        errors = np.abs(signed)
        seen = objective.observations.weight > 0
        series.append(np.where(seen, signed, 0.0).reshape(2, len(seen), *objective.exists.shape))
        sizes.append(errors[:, seen].ravel())
        n_views = np.broadcast_to(seen.sum(axis=0), seen.shape)[seen]
        lengths.append(np.hypot(*errors[:, seen])[n_views > 1])
        views.append(n_views[n_views > 1])
    joined = np.concatenate(sizes)
    joined = joined[np.isfinite(joined)]
    noise = max(1.4826 * float(np.median(joined)), LEAST_NOISE_PX) if len(joined) else 1.0
    widest = float(np.quantile(joined, 0.9)) / noise if len(joined) else 1.0
    lengths_px, n_views = np.concatenate(lengths), np.concatenate(views)
    # What a point was fitted to is missing from its errors: 3 of the 2 n coordinates of n views.
    lengths_px = lengths_px * np.sqrt(2 * n_views / (2 * n_views - 3))
    lengths_px = lengths_px[np.isfinite(lengths_px)]
    upper = float(np.quantile(lengths_px, LARGE_SHARE)) / LARGE_ERROR if len(lengths_px) else 0.0
    clipped = [np.nan_to_num(np.clip(piece, -2 * upper, 2 * upper)) for piece in series]
    products = [_products(piece, LASTING_FRAMES).sum(axis=1) for piece in clipped]
    alike = float(_likeness(np.sum(products, axis=0)))
    lasting = upper * np.sqrt(max(alike - NOISE_ALIKE, 0.0) / (1 - NOISE_ALIKE))
    rows = np.sqrt(roughness_of(field, order) / 3)
    roughness = np.median(rows, axis=1) if rows.shape[1] else np.ones(len(rows))
    return Guess(noise, float(lasting), widest, roughness)


def _plain(recording: Recording, order: int) -> Model:
    n_cameras, _, n_keypoints, _ = recording.points.shape
    limbs = Limbs(np.zeros((0, 2), dtype=np.int64), np.zeros(0), np.zeros((3, 0)))
    weights, smoothness = np.ones((n_cameras, n_keypoints)), np.zeros(n_keypoints)
    return Model(GemanMcClure(1.0), weights, smoothness, order, np.inf, limbs, Room.anywhere(n_keypoints))


def learn(
    recording: Recording, model: Model, field: Field, widths: Sequence[float], least_px: float
) -> tuple[Model, Field]:
    """The model with noise and roughness learned, and the field with the sampled frames solved.

    Args:
        widths: of the loss, from wide to narrow, to get from the start to the solution; the last stays.
        least_px: the noise of a pixel coordinate, of all cameras together, is not less.
    """
    pieces = sample(recording.exists)
    field = field.copy()
    for width in widths[:-1]:
        wide = replace(model, loss=GemanMcClure(width))
        for frames in pieces:
            at = minimise(objective_of(recording, wide, frames), field[:, :, frames], ftol=1e-2)
            field[:, :, frames] = at.points
    loss = GemanMcClure(widths[-1])
    model = replace(model, loss=loss)
    for number in range(MAX_ROUNDS):
        fits = []
        for frames in pieces:
            fits.append(fit(objective_of(recording, model, frames), field[:, :, frames], ftol=1e-3))
            field[:, :, frames] = fits[-1].at.points
        weights = _weights(model, fits, loss, least_px, apart=number in APART_ROUNDS)
        smoothness = _smoothness(model, fits)
        change = float(np.max(np.abs(np.log(smoothness / model.smoothness)), initial=0.0))
        model = replace(model, weights=weights, smoothness=smoothness)
        if change < CONVERGED and number > APART_ROUNDS[-1]:
            break
    return model, field


def _weights(
    model: Model, fits: Sequence[Fit], loss: GemanMcClure, least_px: float, *, apart: bool
) -> Float[Array, "camera keypoint"]:
    """1/sigma of each camera and keypoint: sigma^2 = sum(w e^2)/shrinkage / (2 sum(w) - fitted).

    Only where `apart` do cameras and keypoints get a sigma each, else they change together.
    """
    shrinkage = efficiency(loss).shrinkage
    squares, freedom, total = (np.zeros(model.weights.shape) for _ in range(3))
    alike = np.zeros((2, len(model.weights)))
    for piece in fits:
        observations = piece.objective.observations
        points = piece.at.points.reshape(3, -1)
        u, v = weighted_errors(observations, points)
        good = (observations.weight > 0) & np.isfinite(u) & np.isfinite(v)
        weight = np.where(good, loss.weight(u, v), 0.0)
        taken = projected_variances(observations, points, piece.with_limbs.covariances.reshape(6, -1))
        by_keypoint = (*model.weights.shape, -1)
        squares += np.nan_to_num(weight * (u * u + v * v)).reshape(by_keypoint).sum(axis=2)
        total += 2 * weight.reshape(by_keypoint).sum(axis=2)
        freedom += (weight * (2 - taken.sum(axis=0))).reshape(by_keypoint).sum(axis=2)
        alike += _products(np.where(good, np.sqrt(weight) * [u, v], 0).reshape(2, *by_keypoint), 1)
    variance = squares / shrinkage / model.weights**2
    freedom = np.maximum(freedom, LEAST_FREEDOM * total)
    if not freedom.sum() > 0:
        return model.weights
    if not apart:
        together = np.sum(variance * model.weights**2) / freedom.sum()
        return model.weights / max(
            float(np.sqrt(together)), max(least_px, LEAST_NOISE_PX) * float(model.weights.max())
        )
    everywhere = max(variance.sum() / freedom.sum(), least_px**2)
    # Where the error of a frame is that of the last one, cameras disagree for good, and many frames say no
    # more of them than a few do.
    with_last = float(np.max(_likeness(alike)))
    independent = (1 - with_last) / (1 + with_last)
    variance, freedom = variance * independent, freedom * independent
    of_camera = _shrunk(variance.sum(axis=1, keepdims=True), freedom.sum(axis=1, keepdims=True), everywhere)
    sigma = np.sqrt(_shrunk(variance, freedom, of_camera))
    weights: Array = 1 / np.maximum(sigma, LEAST_NOISE_PX)
    return weights


def lasting_share(model: Model, lasting_px: float) -> float:
    """The share of the variance of pixels that lasts."""
    return min(lasting_px**2 * float(np.median(model.weights**2)), 1.0)


def _products(errors: Float[Array, "2 camera keypoint frame"], later: int) -> Float[Array, "2 camera"]:
    """Sums over each camera of the products of errors with those some frames later, and of their squares."""
    one, other = errors[..., :-later], errors[..., later:]
    both = (one != 0) & (other != 0)
    products = (one * other).sum(axis=(0, 2, 3))
    return np.stack([products, (0.5 * both * (one**2 + other**2)).sum(axis=(0, 2, 3))])


def _likeness(products: Float[Array, "2 *batch"]) -> Float[Array, "*batch"]:
    """Correlation of errors with later ones, from 0 to `MOST_ALIKE`."""
    likeness: Array = np.clip(products[0] / np.maximum(products[1], np.finfo(float).tiny), 0, MOST_ALIKE)
    return likeness


def _shrunk(squares: Array, count: Array, shared: Array | float) -> Array:
    """Variances from sums of squares, pulled towards a shared one where there is little to go by."""
    return (squares + SHARED_OBSERVATIONS * shared) / (count + SHARED_OBSERVATIONS)


def _smoothness(model: Model, fits: Sequence[Fit]) -> Float[Array, "keypoint"]:
    """1/q of each keypoint: q^2 = sum |D^n p|^2 / (number - sum of posterior variances / q^2)."""
    squares, fitted, count = (np.zeros(len(model.smoothness)) for _ in range(3))
    stiffest = 0.0
    for piece in fits:
        weights = piece.at.row_weights / model.smoothness[:, None] ** 2
        squares += (weights * roughness_of(piece.at.points, model.order)).sum(axis=1)
        fitted += (weights * piece.without_limbs.roughness).sum(axis=1)
        count += 3 * (weights > 0).sum(axis=1)
        curvature = piece.at.blocks[0] - model.room.precision[0, :, None]
        if piece.objective.exists.any():
            stiffest = max(stiffest, STIFFEST * float(np.median(curvature[piece.objective.exists])))
    used = count > 0
    per_row = np.where(used, squares / np.maximum(count, 1), 1.0)
    share = 1 - fitted / np.maximum(count, 1) * model.smoothness**2
    variance = np.maximum(per_row / np.maximum(share, LEAST_FREEDOM), 1 / max(stiffest, 1e-300))
    change = np.clip(1 / np.sqrt(variance) / model.smoothness, 1 / LARGEST_CHANGE, LARGEST_CHANGE)
    return np.where(used, model.smoothness * change, model.smoothness)
