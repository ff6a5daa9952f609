"""Focal length, principal point and distortion of one camera, from its own views of a board."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.board_views import (
    agreeing_corners,
    diagonal,
    normalise,
    poses_from_homographies,
    spread_views,
)
from anipose.geometry.bundle import (
    CX,
    CY,
    FX,
    FY,
    K1,
    N_CAMERA,
    N_INTRINSICS,
    N_POSE,
    Freedom,
    Loss,
    Rig,
    Views,
    adjust,
    cauchy,
    covariance,
    geman_mcclure,
    residuals,
)

Array = NDArray[np.float64]

# So many views, chosen to differ, are used; more add little to a start, but also to lenses that are held.
N_VIEWS = 50
# Focal lengths tried, over the longer side of the picture: from fisheye to telecentric.
FOCAL_LENGTHS = np.geomspace(0.15, 150, 24)
N_START_VIEWS, N_FINER = 20, 5
# A trial focal length is judged by errors up to this; a view that fits none says nothing.
GROSS_PX = 60.0
# Before the distortion is known, a corner is wrong if it is off the homography of its view by more than
# this, or this fraction of the size of the board in the picture.
WRONG_PX, WRONG_FRACTION = 6.0, 0.04
# What is known of any lens: standard deviations of the principal point, over the longer side of the
# picture, and of what each coefficient does at the corner of the picture, over the radius there.
CENTRE_SD = 0.04
SDS = {"pinhole": (0.5, 0.2, 0.02, 0.02, 0.2), "fisheye": (0.3, 0.3, 0.3, 0.3)}
# How coefficients grow towards the corner: radius there to this power.
POWERS = {"pinhole": (2, 4, 1, 1, 6), "fisheye": (2, 4, 6, 8)}
# What is left open when a lens from elsewhere is refined: standard deviations of the focal length and of the
# principal point over the longer side, and a part of those of the coefficients above.
REFINED_FOCAL_SD, REFINED_CENTRE_SD, REFINED_PART = 0.02, 0.01, 0.2
# Distortion is estimated with ever less regard for outliers. Models are compared by errors up to so many
# standard deviations of the noise; the next larger one is taken if it is better by so many standard errors.
ROBUST_SCALES, MAX_JUDGED, MIN_GAIN_SES = (10.0, 5.0), 5.0, 2.0
# A fit is repeated while it leaves less noise than this part of that before.
STEADY, MOST_ROUNDS = 0.8, 6
# Fewer views than this are not split in two to compare models.
MIN_VIEWS_TO_FIT = 3
STILL = np.zeros(1, bool)
# Noise of corners is never taken for less than this: what is left then is rounding.
LEAST_NOISE_PX = 0.02
# Median length of a vector of two independent standard normal numbers.
RAYLEIGH_MEDIAN = 1.1774


LensFreedom = Literal["all", "focal", "none"]
LensModel = Literal["k1", "k1 k2", "k1 k2 p1 p2 k3", "fisheye"]
# The coefficients that a model has, among those of its kind of lens.
COEFFICIENTS: Mapping[LensModel, tuple[int, ...]] = {
    "k1": (0,),
    "k1 k2": (0, 1),
    "k1 k2 p1 p2 k3": (0, 1, 2, 3, 4),
    "fisheye": (0, 1, 2, 3),
}


@dataclass(frozen=True, eq=False)
class OwnLens:
    """What the views of one camera alone tell of its lens.

    Attributes:
        intrinsics: (9,), fx = fy, cx, cy and radial distortion; the rest is 0.
        covariance: (9, 9), of the same.
        noise_px: standard deviation of each coordinate of a corner.
        model: which coefficients are not 0.
        held_out: mean squared error of corners in views held out, px^2.
    """

    intrinsics: Float[Array, "9"]
    covariance: Float[Array, "9 9"]
    noise_px: float
    model: LensModel
    held_out: float


@dataclass(frozen=True, eq=False)
class KnownLens:
    """A lens that is known before.

    Attributes:
        intrinsics: (9,), fx, fy, cx, cy and coefficients.
        precision: (9, 9), inverse covariance; None if the lens is not to be changed.
    """

    intrinsics: Float[Array, "9"]
    precision: Float[Array, "9 9"] | None


def centred(size: tuple[int, int], focal: float) -> Float[Array, "9"]:
    """An ideal lens over the middle of the picture."""
    middle = (np.array(size) - 1) / 2
    return np.array([focal, focal, *middle, 0, 0, 0, 0, 0])


def lens_freedom(
    intrinsics: Float[Array, "camera 9"],
    sizes: Sequence[tuple[int, int]],
    models: Sequence[LensModel],
    *,
    moving: NDArray[np.bool_],
    kind: LensFreedom = "all",
    known: Sequence[KnownLens | None] = (),
) -> Freedom:
    """One focal length (the ratio fy / fx stays), the principal point and distortion, with the priors above.

    Args:
        moving: (camera,), whether the pose of the camera is free.
        kind: "all"; "focal": focal length and first coefficient; "none": the lenses stay as they are.
        known: per camera, what is known of its lens besides; nothing for all if empty.
    """
    n_cameras = len(sizes)
    n_coefficients = max(len(COEFFICIENTS[model]) for model in models)
    basis = np.zeros((n_cameras, N_CAMERA, N_POSE + 3 + n_coefficients))
    precision = np.zeros((n_cameras, N_INTRINSICS, N_INTRINSICS))
    prior = np.stack([centred(size, focal) for size, focal in zip(sizes, intrinsics[:, FX], strict=True)])
    prior[:, FY] = intrinsics[:, FY]
    for camera, (size, model) in enumerate(zip(sizes, models, strict=True)):
        if moving[camera]:
            basis[camera, range(N_POSE), range(N_POSE)] = 1
        before = known[camera] if known else None
        if kind == "none" or (before is not None and before.precision is None):
            continue
        basis[camera, N_POSE:, N_POSE:] = _lens_basis(intrinsics[camera], model, kind, n_coefficients)
        if before is not None and before.precision is not None:
            prior[camera], precision[camera] = before.intrinsics, before.precision
        else:
            free = basis[camera, N_POSE:].any(axis=1)
            sds = _spread_of_lenses(intrinsics[camera, FX], size, fisheye=model == "fisheye")
            precision[camera] = np.diag(np.where(free, 1 / sds**2, 0.0))
    return Freedom(basis, prior, precision)


def coefficients_of(
    models: Sequence[LensModel], intrinsics: Float[Array, "camera 9"]
) -> Float[Array, "camera 9"]:
    """The intrinsics with 0 for coefficients that a model does not have."""
    kept = np.zeros(intrinsics.shape, bool)
    kept[:, :K1] = True
    for camera, model in enumerate(models):
        kept[camera, K1 + np.array(COEFFICIENTS[model])] = True
    return np.where(kept, intrinsics, 0.0)


def _lens_basis(
    intrinsics: Float[Array, "9"], model: LensModel, kind: LensFreedom, n_coefficients: int
) -> Float[Array, "9 free"]:
    basis = np.zeros((N_INTRINSICS, 3 + n_coefficients))
    basis[FX, 0], basis[FY, 0] = 1, intrinsics[FY] / intrinsics[FX]
    if kind == "all":
        basis[CX, 1] = basis[CY, 2] = 1
    for column, order in enumerate(COEFFICIENTS[model][: 1 if kind == "focal" else None]):
        basis[K1 + order, 3 + column] = 1
    return basis


def _spread_of_lenses(focal: float, size: tuple[int, int], *, fisheye: bool) -> Float[Array, "9"]:
    """Standard deviations of the intrinsics among lenses; infinite for the focal length."""
    sds = np.full(N_INTRINSICS, np.inf)
    sds[[CX, CY]] = CENTRE_SD * max(size)
    corner = np.hypot(*size) / 2 / focal
    kind = "fisheye" if fisheye else "pinhole"
    for order, (sd, power) in enumerate(zip(SDS[kind], POWERS[kind], strict=True)):
        sds[K1 + order] = sd / corner**power
    return sds


def to_refine(intrinsics: Float[Array, "9"], size: tuple[int, int], *, fisheye: bool) -> KnownLens:
    """A lens from elsewhere, true to some per cent, to be refined."""
    sds = REFINED_PART * _spread_of_lenses(intrinsics[FX], size, fisheye=fisheye)
    sds[[FX, FY]] = REFINED_FOCAL_SD * intrinsics[FX]
    sds[[CX, CY]] = REFINED_CENTRE_SD * max(size)
    return KnownLens(intrinsics, np.diag(1 / sds**2))


def as_known(own: OwnLens, model: LensModel) -> KnownLens:
    """A lens estimated from views that are not used again, with its covariance.

    With covariance A C A' of unknowns with basis A, the precision is A+' C^-1 A+.
    """
    basis = _lens_basis(own.intrinsics, model, "all", len(COEFFICIENTS[model]))
    to_unknowns = np.linalg.pinv(basis)
    unknowns = to_unknowns @ own.covariance @ to_unknowns.T
    scale = np.sqrt(np.diag(unknowns))
    inverse = np.linalg.inv(unknowns / np.outer(scale, scale)) / np.outer(scale, scale)
    return KnownLens(own.intrinsics, to_unknowns.T @ inverse @ to_unknowns)


def noise_of(errors_px: Float[Array, "*batch 2"]) -> float:
    """Standard deviation per coordinate of residuals, of which less than half are wrong."""
    lengths = np.linalg.norm(errors_px, axis=-1)
    seen = lengths[np.isfinite(lengths)]
    return max(LEAST_NOISE_PX, float(np.median(seen)) / RAYLEIGH_MEDIAN) if len(seen) else LEAST_NOISE_PX


def views_to_start_from(
    corners: Float[Array, "view corner 2"],
    points: Float[Array, "corner 3"],
    size: tuple[int, int],
    *,
    fisheye: bool,
) -> Float[Array, "chosen corner 2"]:
    """Views that differ, without corners that are far off the homography of their view.

    A fisheye bends lines too much to tell which those are. The views are in the order of their places in the
    picture: which of them are held out, and so the model, does not depend on the order of the frames.
    """
    middle = np.nanmedian(corners, axis=1)
    corners = corners[np.lexsort((middle[:, 1], middle[:, 0]))]
    corners = corners[spread_views(corners, size, N_VIEWS)]
    if fisheye:
        return corners
    agree = agreeing_corners(corners, points, np.maximum(WRONG_PX, WRONG_FRACTION * diagonal(corners)))
    return np.where(agree[..., None], corners, np.nan)[agree.any(1)]


def estimate_intrinsics(
    corners: Float[Array, "view corner 2"],
    points: Float[Array, "corner 3"],
    size: tuple[int, int],
    *,
    models: Sequence[LensModel],
) -> OwnLens:
    """The lens, from a few dozen good views.

    Args:
        models: of one kind of lens, the smallest first; which fits is decided by views held out.
    """
    views = Views(np.zeros(len(corners), int), np.arange(len(corners)), corners)
    fisheye = models[0] == "fisheye"
    rig = _best_start(views, points, size, fisheye=fisheye)
    freedom = lens_freedom(rig.intrinsics, [size], models[:1], moving=STILL, kind="focal")
    rig = adjust(rig, views, points, freedom, loss=Loss(cauchy, 20.0), noise_px=np.ones(1), tolerance=1e-4)

    def adjusted(rig: Rig, model: LensModel, scale: float) -> Rig:
        noise = np.array([noise_of(residuals(rig, views, points))])
        freedom = lens_freedom(rig.intrinsics, [size], [model], moving=STILL)
        loss = Loss(geman_mcclure, scale)
        return adjust(rig, views, points, freedom, loss=loss, noise_px=noise, tolerance=1e-4)

    first, (wide, narrow) = models[0], ROBUST_SCALES
    rig = adjusted(rig, first, wide)
    # Which corners are wrong is told by the noise, and the noise by the corners that are right.
    for _ in range(MOST_ROUNDS):
        before = noise_of(residuals(rig, views, points))
        rig = adjusted(rig, first, narrow)
        if noise_of(residuals(rig, views, points)) > STEADY * before:
            break
    model, held_out = _smallest_that_fits(rig, views, points, size, models)
    if model != first:
        rig = adjusted(rig, model, narrow)
    noise = noise_of(residuals(rig, views, points))
    freedom = lens_freedom(rig.intrinsics, [size], [model], moving=STILL)
    loss = Loss(geman_mcclure, narrow)
    spread = covariance(rig, views, points, freedom, loss=loss, noise_px=np.array([noise]))
    return OwnLens(rig.intrinsics[0], spread[0, N_POSE:, N_POSE:], noise, model, float(np.mean(held_out)))


def _smallest_that_fits(
    rig: Rig, views: Views, points: Array, size: tuple[int, int], models: Sequence[LensModel]
) -> tuple[LensModel, Float[Array, "view"]]:
    """The model that no larger one surpasses in views held out, by more than chance explains."""
    chosen: LensModel = models[0]
    cost = held_out_cost(rig, views, points, size, chosen)
    for model in models[1:]:
        other = held_out_cost(rig, views, points, size, model)
        gain = cost - other
        if gain.mean() > MIN_GAIN_SES * gain.std() / np.sqrt(len(gain)):
            chosen, cost = model, other
    return chosen, cost


def held_out_cost(
    rig: Rig, views: Views, points: Array, size: tuple[int, int], model: LensModel
) -> Float[Array, "view"]:
    """Of views held out of the fit of a lens, the median squared error of the corners, px^2.

    Every other view is held out, and its pose fitted with the lens that the others tell.
    """
    noise = np.array([noise_of(residuals(rig, views, points))])
    loss = Loss(geman_mcclure, ROBUST_SCALES[-1])
    start = replace(rig, intrinsics=coefficients_of([model], rig.intrinsics))
    rows = np.arange(len(views.frame))
    if len(rows) < 2 * MIN_VIEWS_TO_FIT:
        return np.zeros(1)
    fitted, judged = (_some(start, views, rows % 2 == part) for part in (0, 1))
    freedom = lens_freedom(start.intrinsics, [size], [model], moving=STILL)
    found = adjust(*fitted, points, freedom, loss=loss, noise_px=noise, tolerance=1e-5)
    freedom = lens_freedom(found.intrinsics, [size], [model], moving=STILL, kind="none")
    lens_held = replace(judged[0], intrinsics=found.intrinsics)
    left = adjust(lens_held, judged[1], points, freedom, loss=loss, noise_px=noise, tolerance=1e-3)
    squares = (residuals(left, judged[1], points) ** 2).sum(-1)
    most = (MAX_JUDGED * noise[0]) ** 2
    seen = np.isfinite(judged[1].corners[..., 0])
    squares = np.where(seen, np.where(squares < most, squares, most), 0.0)
    costs: Array = squares.sum(1) / np.maximum(seen.sum(1), 1)
    return costs


def _some(rig: Rig, views: Views, chosen: NDArray[np.bool_]) -> tuple[Rig, Views]:
    """Some of the views of one camera, each of its own frame, and the boards in them."""
    rows = np.flatnonzero(chosen)
    boards = rig.world_from_board[rows]
    return replace(rig, world_from_board=boards), Views(
        views.camera[rows], np.arange(len(rows)), views.corners[rows]
    )


def _best_start(views: Views, points: Array, size: tuple[int, int], *, fisheye: bool) -> Rig:
    """The focal length of an ideal lens under which the boards look most like boards.

    Some of the views tell, first roughly, then between the neighbours of the best.
    """
    some = views.corners[np.unique(np.linspace(0, len(views.frame) - 1, N_START_VIEWS).astype(int))]
    errors = [_error_of_focal(some, points, size, focal, fisheye=fisheye) for focal in FOCAL_LENGTHS]
    best = int(np.argmin(errors))
    low, high = FOCAL_LENGTHS[max(best - 1, 0)], FOCAL_LENGTHS[min(best + 1, len(FOCAL_LENGTHS) - 1)]
    finer = np.geomspace(low, high, N_FINER)
    errors = [_error_of_focal(some, points, size, focal, fisheye=fisheye) for focal in finer]
    return _ideal(views.corners, points, size, float(finer[int(np.argmin(errors))]), fisheye=fisheye)


def _ideal(corners: Array, points: Array, size: tuple[int, int], focal: float, *, fisheye: bool) -> Rig:
    """An ideal lens, of a focal length over the longer side, and boards where they look most like boards."""
    intrinsics = centred(size, focal * max(size))
    poses = poses_from_homographies(normalise(corners, intrinsics, fisheye=fisheye), points)
    return Rig(intrinsics[None], (fisheye,), np.eye(3, 4)[None], poses)


def _error_of_focal(
    corners: Array, points: Array, size: tuple[int, int], focal: float, *, fisheye: bool
) -> float:
    rig = _ideal(corners, points, size, focal, fisheye=fisheye)
    views = Views(np.zeros(len(corners), int), np.arange(len(corners)), corners)
    lengths = np.linalg.norm(residuals(rig, views, points), axis=-1)
    lengths[np.isfinite(corners[..., 0]) & ~np.isfinite(lengths)] = GROSS_PX
    return float(np.minimum(np.nanmedian(lengths, axis=1), GROSS_PX).mean())
