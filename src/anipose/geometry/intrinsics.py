"""Focal length, principal point and distortion of one camera, from its own views of a board."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from anipose.geometry.board_views import (
    agreeing_corners,
    diagonal,
    normalise,
    poses_from_homographies,
    spread_views,
)
from anipose.geometry.bundle import (
    CX,
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
FOCAL_LENGTHS = np.geomspace(0.15, 150, 48)
# A trial focal length is judged by errors up to this; a view that fits none says nothing.
GROSS_PX = 60.0
# Before the distortion is known, a corner is wrong if it is off the homography of its view by more than
# this, or this fraction of the size of the board in the picture.
WRONG_PX, WRONG_FRACTION = 6.0, 0.04
# What is known of any lens: standard deviations of the principal point, over the longer side of the
# picture, and of what each radial coefficient does at the corner of the picture, over the radius there.
CENTRE_SD = 0.04
PINHOLE_SDS = (0.5, 0.2)
FISHEYE_SDS = (0.3, 0.3, 0.3, 0.3)
# Noise of corners is never taken for less than this: what is left then is rounding.
LEAST_NOISE_PX = 0.02
# Median length of a vector of two independent standard normal numbers.
RAYLEIGH_MEDIAN = 1.1774


@dataclass(frozen=True, eq=False)
class OwnLens:
    """What the views of one camera alone tell of its lens.

    Attributes:
        intrinsics: (9,), fx = fy, cx, cy and radial distortion; the rest is 0.
        covariance: (9, 9), of the same.
        noise_px: standard deviation of each coordinate of a corner.
    """

    intrinsics: Float[Array, "9"]
    covariance: Float[Array, "9 9"]
    noise_px: float


LensFreedom = Literal["all", "focal", "none"]


def centred(size: tuple[int, int], focal: float) -> Float[Array, "9"]:
    """An ideal lens over the middle of the picture."""
    middle = (np.array(size) - 1) / 2
    return np.array([focal, focal, *middle, 0, 0, 0, 0, 0])


def lens_freedom(
    intrinsics: Float[Array, "camera 9"],
    sizes: list[tuple[int, int]],
    fisheye: tuple[bool, ...],
    *,
    moving: NDArray[np.bool_],
    kind: LensFreedom = "all",
) -> Freedom:
    """One focal length, the principal point and radial distortion, with the priors above.

    Args:
        moving: (camera,), whether the pose of the camera is free.
        kind: "all"; "focal": focal length and first coefficient; "none": the lens stays as it is.
    """
    n_cameras = len(sizes)
    n_coefficients = 4 if any(fisheye) else 2
    basis = np.zeros((n_cameras, N_CAMERA, N_POSE + 3 + n_coefficients))
    precision = np.zeros((n_cameras, N_INTRINSICS))
    prior = np.stack([centred(size, focal) for size, focal in zip(sizes, intrinsics[:, FX], strict=True)])
    for camera, size in enumerate(sizes):
        if moving[camera]:
            basis[camera, range(N_POSE), range(N_POSE)] = 1
        if kind == "none":
            continue
        basis[camera, [N_POSE + FX, N_POSE + FY], N_POSE] = 1
        sds = FISHEYE_SDS if fisheye[camera] else PINHOLE_SDS
        corner = np.hypot(*size) / 2 / intrinsics[camera, FX]
        for order, sd in enumerate(sds[: 1 if kind == "focal" else None]):
            basis[camera, N_POSE + K1 + order, N_POSE + 3 + order] = 1
            precision[camera, K1 + order] = (corner ** (2 * order + 2) / sd) ** 2
        if kind == "all":
            for axis in (0, 1):
                basis[camera, N_POSE + CX + axis, N_POSE + 1 + axis] = 1
                precision[camera, CX + axis] = 1 / (CENTRE_SD * max(size)) ** 2
    return Freedom(basis, prior, precision)


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

    A fisheye bends lines too much to tell which those are.
    """
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
    fisheye: bool,
) -> OwnLens:
    """The lens, from a few dozen good views."""
    views = Views(np.zeros(len(corners), int), np.arange(len(corners)), corners)
    rig = _best_start(views, points, size, fisheye=fisheye)
    still = np.zeros(1, bool)
    kinds = rig.fisheye
    freedom = lens_freedom(rig.intrinsics, [size], kinds, moving=still, kind="focal")
    rig = adjust(rig, views, points, freedom, loss=Loss(cauchy, 20.0), noise_px=np.ones(1), tolerance=1e-4)
    for scale in (10.0, 5.0):
        noise = np.array([noise_of(residuals(rig, views, points))])
        freedom = lens_freedom(rig.intrinsics, [size], kinds, moving=still)
        loss = Loss(geman_mcclure, scale)
        rig = adjust(rig, views, points, freedom, loss=loss, noise_px=noise, tolerance=1e-4)
    spread = covariance(rig, views, points, freedom, loss=loss, noise_px=noise)
    left = noise_of(residuals(rig, views, points))
    return OwnLens(rig.intrinsics[0], spread[0, N_POSE:, N_POSE:], left)


def _best_start(views: Views, points: Array, size: tuple[int, int], *, fisheye: bool) -> Rig:
    """The focal length of an ideal lens under which the boards look most like boards."""
    best, least = None, np.inf
    blank = Rig(np.empty((1, 9)), (fisheye,), np.eye(3, 4)[None], np.empty((0, 3, 4)))
    for focal in FOCAL_LENGTHS * max(size):
        intrinsics = centred(size, focal)
        directions = normalise(views.corners, intrinsics, fisheye=fisheye)
        poses = poses_from_homographies(directions, points)
        rig = replace(blank, intrinsics=intrinsics[None], world_from_board=poses)
        lengths = np.linalg.norm(residuals(rig, views, points), axis=-1)
        lengths[np.isfinite(views.corners[..., 0]) & ~np.isfinite(lengths)] = GROSS_PX
        error = float(np.minimum(np.nanmedian(lengths, axis=1), GROSS_PX).mean())
        if best is None or error < least:
            best, least = rig, error
    if best is None:
        raise AssertionError("there is always a first focal length")
    return best
