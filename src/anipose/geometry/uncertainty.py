"""How sure an optimised trajectory is of each point.

The inverse of the curvature is a covariance if the animal moves as the model has it. Real motion is
smoother than that at most times, and limbs tie keypoints together, which the inverse leaves out. So a
part of the recording is made again from its own solution, with fresh noise; how far its solution is from
where it was made gives one factor per keypoint.

That trusts the cameras to disagree by noise alone. Where they disagree for good, since the calibration is
off or "the haunch" is not the same spot from left and from right, the others fail to predict what a camera
saw by more than they should: then a second factor makes the covariance as wide as it has to be. And what
stays of the errors from frame to frame does not average out over frames as noise does: it is added.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import uniform_filter1d

from anipose.arrays import NDArray
from anipose.geometry.banded import Field
from anipose.geometry.noise import curvature_inverse, efficiency, lasting_share, sample
from anipose.geometry.objective import Objective, minimise
from anipose.geometry.posterior import full_matrices
from anipose.geometry.reprojection import (
    COLUMNS,
    ROWS,
    GemanMcClure,
    Observations,
    projected_variances,
    weighted_errors,
)
from anipose.geometry.starts import observable
from anipose.geometry.windows import OVERLAP_FRAMES, Model, Recording, objective_of, widened, windows

Array = NDArray[np.float64]

REPLICATES = 2
# The second solution begins at the answer: if it stops early, it seems better than it is.
REPLICATE_FTOL = 1e-5
# Quantiles of chi-squared with 3 degrees of freedom, from scipy.stats.chi2.ppf([0.5, 0.68, 0.8, 0.9], 3).
LEVELS = (0.5, 0.68, 0.8, 0.9)
CHI_SQUARED = np.array([2.3659739, 3.5058788, 4.6416277, 6.2513886])
# To predict one camera from the others: so many cameras, in so many frames.
MAX_LEFT_OUT, LEFT_OUT_FRAMES = 4, 500
# Half of all |errors| are below this, in standard deviations; and the standard error of that, relative, is
# 1.17/sqrt(number).
MEDIAN_ERROR, MEDIAN_SPREAD = 0.6745, 1.17
# Errors of so many neighbouring frames count as one.
ALIKE_FRAMES = 20
MOST_DISAGREEMENT = 1e4
# A direction in which the cameras say this much less than in others is known from other frames only.
LEAST_SEEN = 1e-6
# The factor of a keypoint counts as if so many points had the factor of all: errors of neighbouring
# frames are alike, so the points of a keypoint say less than their number.
SHARED_POINTS = 200.0


def covariances(
    recording: Recording, model: Model, field: Field, lasting_px: float
) -> Float[Array, "6 keypoint frame"]:
    """Covariances (xx xy xz yy yz zz) of the points of a solution.

    Args:
        lasting_px: the part of the errors of pixel coordinates that lasts.
    """
    result, lasting = np.empty((6, *field.shape[1:])), np.zeros((6, *field.shape[1:]))
    loss = _loss(model)
    information = efficiency(loss).information
    for part in windows(field.shape[2]):
        frames = widened(part, OVERLAP_FRAMES, field.shape[2])
        objective = objective_of(recording, model, frames)
        at = objective.evaluate(field[:, :, frames])
        found = curvature_inverse(objective, at, information=information).covariances
        within = slice(part.start - frames.start, part.stop - frames.start)
        result[:, :, part] = found[:, :, within]
        if lasting_px > 0:
            # Without the room: what lasts for good also moves its middle.
            of_cameras = at.blocks - model.room.precision[..., None]
            lasting[:, :, part] = _of_frames_alone(of_cameras)[:, :, within]
    result *= _factors(recording, model, loss, field, result)[:, None]
    result *= _disagreement(recording, model, loss, field)[:, None]
    return result + lasting * lasting_share(model, lasting_px)


def _of_frames_alone(curvature: Float[Array, "6 keypoint frame"]) -> Float[Array, "6 keypoint frame"]:
    """Covariances from what the cameras say in one frame, evened out over the frames around it."""
    even = uniform_filter1d(curvature, ALIKE_FRAMES + 1, axis=2, mode="nearest")
    size = even[[0, 3, 5]].sum(axis=0)
    even *= size > LEAST_SEEN * np.median(size)  # below, there are but rounding errors
    inverse = np.linalg.pinv(full_matrices(even), rcond=LEAST_SEEN, hermitian=True)
    return np.asarray(inverse[..., ROWS, COLUMNS].transpose(2, 1, 0), dtype=np.float64)


def _loss(model: Model) -> GemanMcClure:
    if not isinstance(model.loss, GemanMcClure):
        raise TypeError("only Geman-McClure's loss has a noise to speak of")
    return model.loss


def _factors(
    recording: Recording,
    model: Model,
    loss: GemanMcClure,
    field: Field,
    variances: Float[Array, "6 keypoint frame"],
) -> Float[Array, "keypoint"]:
    """What the covariances have to be multiplied by, for each keypoint."""
    rng = np.random.default_rng(0)
    squares: list[list[Array]] = [[] for _ in range(field.shape[1])]
    for frames in sample(recording.exists):
        objective = objective_of(recording, model, frames)
        truth = field[:, :, frames]
        inverse = np.linalg.pinv(full_matrices(variances[:, :, frames]), hermitian=True)
        for _ in range(REPLICATES):
            again = replace(objective, observations=_made_again(objective, loss, truth, rng))
            found = minimise(again, truth, ftol=REPLICATE_FTOL)
            error = (found.points - truth).transpose(2, 1, 0)
            distance = np.einsum("fki,fkij,fkj->kf", error, inverse, error)
            for keypoint, exists in enumerate(objective.exists):
                squares[keypoint].append(distance[keypoint, exists])
    return _excess([np.concatenate(values) for values in squares])


def _made_again(
    objective: Objective, loss: GemanMcClure, truth: Field, rng: np.random.Generator
) -> Observations:
    """Observations of these points: fresh noise, where what was seen agreed with them; else what was seen."""
    observations = objective.observations
    flat = truth.reshape(3, -1)
    u, v = weighted_errors(observations, flat)
    # Weight 1/4 is the width of the loss, where its influence begins to fall.
    agrees = (observations.weight > 0) & (loss.weight(u, v) > 0.25)
    deviation = np.divide(1.0, observations.weight, out=np.zeros(agrees.shape), where=agrees)
    noise = rng.normal(size=observations.pixels.shape) * deviation
    projected = np.stack([camera.project(flat.T).T for camera in observations.cameras], axis=1)
    return replace(observations, pixels=np.where(agrees, projected + noise, observations.pixels))


def _excess(squares: Sequence[Array]) -> Float[Array, "keypoint"]:
    """Squared errors in units of the covariance, against those of a Gaussian, at several quantiles."""
    everything = np.concatenate(list(squares))
    if not len(everything):
        return np.ones(len(squares))
    shared = float(np.mean(np.quantile(everything, LEVELS) / CHI_SQUARED))
    factors = []
    for own in squares:
        alone = float(np.mean(np.quantile(own, LEVELS) / CHI_SQUARED)) if len(own) else shared
        factors.append((len(own) * alone + SHARED_POINTS * shared) / (len(own) + SHARED_POINTS))
    return np.array(factors)


def _disagreement(
    recording: Recording, model: Model, loss: GemanMcClure, field: Field
) -> Float[Array, "keypoint"]:
    """What the covariances have to be multiplied by so that cameras predict each other; at least 1.

    With two cameras, nobody can tell.
    """
    n_cameras, n_frames = len(recording.cameras), field.shape[2]
    n_keypoints = field.shape[1]
    if n_cameras < 3:
        return np.ones(n_keypoints)
    pieces = sample(recording.exists)
    whole = pieces[len(pieces) // 2]
    middle = (whole.start + whole.stop) // 2
    frames = slice(max(middle - LEFT_OUT_FRAMES // 2, 0), min(middle + LEFT_OUT_FRAMES // 2, n_frames))
    errors: list[list[Array]] = [[] for _ in range(n_keypoints)]
    variances: list[list[Array]] = [[] for _ in range(n_keypoints)]
    for left_out in range(0, n_cameras, -(-n_cameras // MAX_LEFT_OUT)):
        error, variance, known = _predicted(recording, model, loss, field, frames, left_out)
        for keypoint in range(n_keypoints):
            errors[keypoint].append(error[:, keypoint, known[keypoint]].ravel())
            variances[keypoint].append(variance[:, keypoint, known[keypoint]].ravel())
    pairs = zip(errors, variances, strict=True)
    return np.array([_widening(np.concatenate(e), np.concatenate(v)) for e, v in pairs])


def _predicted(
    recording: Recording, model: Model, loss: GemanMcClure, field: Field, frames: slice, left_out: int
) -> tuple[
    Float[Array, "2 keypoint frame"],
    Float[Array, "2 keypoint frame"],
    Bool[NDArray[np.bool_], "keypoint frame"],
]:
    """Errors of a camera's predicted pixels and their variances, in units of its noise; which there are."""
    others = recording.points[:, frames].copy()
    others[left_out] = np.nan
    seen = np.asarray(np.isfinite(others).all(axis=-1))
    known = observable(seen, order=model.order, max_gap=None) & recording.exists[:, frames]
    without = objective_of(Recording(recording.cameras, others, known), model, slice(0, known.shape[1]))
    at = minimise(without, field[:, :, frames], ftol=1e-3)
    spread = curvature_inverse(without, at, information=efficiency(loss).information).covariances
    # The camera alone: what it saw, and how its pixels vary with the points.
    alone = replace(recording, cameras=recording.cameras[left_out : left_out + 1])
    alone = replace(alone, points=recording.points[left_out : left_out + 1])
    seen_alone = objective_of(
        alone, replace(model, weights=model.weights[left_out : left_out + 1]), frames
    ).observations
    flat = at.points.reshape(3, -1)
    error = weighted_errors(seen_alone, flat)[:, 0].reshape(2, *known.shape)
    variance = projected_variances(seen_alone, flat, spread.reshape(6, -1))[:, 0].reshape(2, *known.shape)
    known &= np.isfinite(error).all(axis=0) & (variance > 0).all(axis=0)
    return error, variance, known


def _widening(errors: Float[Array, "value"], variances: Float[Array, "value"]) -> float:
    """The least k >= 1 with errors no larger than noise 1 and k times their variances explain."""
    n_independent = len(errors) / ALIKE_FRAMES
    if n_independent < 5:
        return 1.0
    allowed = MEDIAN_ERROR * (1 + 2 * MEDIAN_SPREAD / np.sqrt(n_independent))
    low, high = 1.0, MOST_DISAGREEMENT
    if np.median(np.abs(errors) / np.sqrt(1 + low * variances)) <= allowed:
        return low
    while high > 1.01 * low:
        middle = np.sqrt(low * high)
        too_narrow = np.median(np.abs(errors) / np.sqrt(1 + middle * variances)) > allowed
        low, high = (middle, high) if too_narrow else (low, middle)
    return float(high)
