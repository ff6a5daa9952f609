"""Rotations, rigid transforms, and alignment of point sets.

A transform is a (3, 4) matrix ``[R | t]`` named `target_from_source`; products check themselves:
``compose(cam2_from_world, world_from_cam1)`` is cam2_from_cam1. Angles are radians.
"""

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray

Array = NDArray[np.float64]


def rotation_matrix(vector: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3 3"]:
    """The rotation by ``|vector|`` radians about the axis `vector` (Rodrigues).

    R = I + (sin a / a) K + ((1 - cos a) / a^2) K^2 with K the cross-product matrix of the vector.
    Both factors are written with sinc, which is exact down to a = 0.

    >>> rotation_matrix(np.array([0, 0, np.pi / 2])).round(12) @ [1, 0, 0]
    array([0., 1., 0.])
    """
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    cross = cross_matrix(vector)
    sine_factor = np.sinc(angle / np.pi)
    cosine_factor = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    matrix: Array = np.eye(3) + sine_factor * cross + cosine_factor * (cross @ cross)
    return matrix


def cross_matrix(vector: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3 3"]:
    """The matrix K with ``K @ p == cross(vector, p)``."""
    x, y, z = np.moveaxis(np.asarray(vector, dtype=float), -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def rotation_vector(matrix: Float[Array, "*batch 3 3"]) -> Float[Array, "*batch 3"]:
    """Axis times angle of a rotation matrix, the angle within [0, pi].

    Goes through the quaternion, of which the largest component is found first: accurate for every
    angle, near 0 and near pi as well. (At pi exactly, an axis and its opposite are the same rotation.)

    References:
        Shepperd, Quaternion from rotation matrix, Journal of Guidance and Control 1 (1978).
    """
    m = np.moveaxis(np.asarray(matrix, dtype=float), (-2, -1), (0, 1))
    # Row i is 4 q_i (w, x, y, z): all rows are the same quaternion, the longest is the most accurate.
    rows = np.array(
        [
            [1 + m[0, 0] + m[1, 1] + m[2, 2], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], 1 + m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], 1 - m[0, 0] + m[1, 1] - m[2, 2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], 1 - m[0, 0] - m[1, 1] + m[2, 2]],
        ]
    )
    longest = np.argmax(rows[np.arange(4), np.arange(4)], axis=0)
    quaternion = np.take_along_axis(rows, longest[None, None], axis=0)[0]
    quaternion = quaternion * np.where(quaternion[0] < 0, -1.0, 1.0)
    real, imaginary = quaternion[0], quaternion[1:]
    sine = np.linalg.norm(imaginary, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(sine > 0, 2 * np.arctan2(sine, real) / sine, 0.0)
    return np.moveaxis(imaginary * factor, 0, -1)


def rigid(
    rotation: Float[Array, "*batch 3 3"], translation: Float[Array, "*batch 3"]
) -> Float[Array, "*batch 3 4"]:
    """The transform ``[R | t]``."""
    return np.concatenate([rotation, np.asarray(translation)[..., None]], axis=-1)


def transform(
    target_from_source: Float[Array, "3 4"], points: Float[Array, "*batch 3"]
) -> Float[Array, "*batch 3"]:
    """Points of the source, in the target."""
    return points @ target_from_source[:, :3].T + target_from_source[:, 3]


def inverse(target_from_source: Float[Array, "*batch 3 4"]) -> Float[Array, "*batch 3 4"]:
    """source_from_target of a rigid transform: ``[R' | -R' t]``."""
    back = np.swapaxes(target_from_source[..., :3], -1, -2)
    return rigid(back, -(back @ target_from_source[..., 3:])[..., 0])


def compose(
    target_from_middle: Float[Array, "*batch 3 4"], middle_from_source: Float[Array, "*batch 3 4"]
) -> Float[Array, "*batch 3 4"]:
    """target_from_source, the second transform followed by the first."""
    product = target_from_middle[..., :3] @ middle_from_source
    product[..., 3] += target_from_middle[..., 3]
    return product


def looking_at(
    center: Float[Array, "3"], target: Float[Array, "3"]
) -> tuple[Float[Array, "3 3"], Float[Array, "3"]]:
    """Rotation and translation of the cam_from_world of a camera at `center` that looks at `target`.

    The world's z axis is upwards in the picture; so the camera must not look straight along it.
    """
    forward = (target - center) / np.linalg.norm(target - center)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    return rotation, -rotation @ center


def align_rigid(
    source: Float[Array, "point 3"], target: Float[Array, "point 3"]
) -> tuple[Float[Array, "3 3"], Float[Array, "3"]]:
    """The rotation and translation with the least sum of ``|R source + t - target|^2``.

    Never a mirror image: det R = +1. Points that are NaN in either set are left out; at least three
    are needed, not on one line (else the rotation about that line is arbitrary).

    References:
        Kabsch, A solution for the best rotation to relate two sets of vectors, Acta Cryst. A32 (1976).
    """
    known = np.isfinite(source).all(axis=-1) & np.isfinite(target).all(axis=-1)
    if known.sum() < 3:
        raise ValueError(f"alignment needs three points that both sets have, there are {known.sum()}")
    source, target = source[known], target[known]
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    covariance = (target - target_mean).T @ (source - source_mean)
    left, _, right = np.linalg.svd(covariance)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    rotation = (left * signs) @ right
    return rotation, target_mean - rotation @ source_mean
