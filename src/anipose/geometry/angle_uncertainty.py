"""How sure joint angles are, from how sure their points are."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.angles import compute_angles

Array = NDArray[np.float64]

# Points are moved by this share of their standard deviation to see how angles change.
SHARE = 1e-2
# An angle is not known better than this, in degrees, by knowing it anywhere on the circle.
LARGEST = 180 / np.sqrt(3)


def angle_deviations(
    points: Mapping[str, Float[Array, "frame 3"]],
    covariances: Mapping[str, Float[Array, "frame 3 3"]],
    angles: Mapping[str, Sequence[str]],
) -> dict[str, Float[Array, "frame"]]:
    """Standard deviations of the columns of `compute_angles`, degrees; NaN where the angle is.

    Sum over the points of g C g, g the derivative of the angle by a point and C its covariance: errors of
    different points are taken to be independent. For large errors this is only a guess; none is larger than
    that of an angle of which nothing is known.
    """
    middle = compute_angles(points, angles)
    used = {name.removesuffix("/") for spec in angles.values() for name in spec}
    variances = {name: np.where(np.isnan(column), np.nan, 0.0) for name, column in middle.items()}
    for keypoint in points:
        if keypoint not in used:
            continue
        step = SHARE * np.sqrt(np.trace(covariances[keypoint], axis1=1, axis2=2) / 3)
        slopes = {name: np.zeros((len(column), 3)) for name, column in middle.items()}
        for axis in range(3):
            ahead, behind = (_moved(points, keypoint, axis, sign * step, angles) for sign in (1, -1))
            for name in middle:
                turned = (ahead[name] - behind[name] + 180) % 360 - 180
                slopes[name][:, axis] = turned / np.where(step > 0, 2 * step, np.inf)
        for name, slope in slopes.items():
            touched = np.nan_to_num(slope).any(axis=1) | np.isnan(slope).any(axis=1)
            spread = np.einsum("fi,fij,fj->f", slope, covariances[keypoint], slope)
            variances[name] += np.where(touched, spread, 0.0)
    return {name: np.minimum(np.sqrt(variance), LARGEST) for name, variance in variances.items()}


def _moved(
    points: Mapping[str, Array],
    keypoint: str,
    axis: int,
    step: Float[Array, "frame"],
    angles: Mapping[str, Sequence[str]],
) -> dict[str, Array]:
    moved = points[keypoint].copy()
    moved[:, axis] += np.nan_to_num(step)
    return compute_angles({**points, keypoint: moved}, angles)
