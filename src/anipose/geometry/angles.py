"""Joint angles from points in space.

The functions of arrays give radians; `compute_angles`, which follows the table [angles] of config.toml,
gives the degrees of the files. NaN where a point is unknown or the angle has no meaning, as between
points that coincide. `flexion`, and `chain_angles` but for the first joint, do not change when the whole
animal moves or turns; `axis_angle`, `cross_axis_angle` and the first joint of a chain are measured
against the axes of the world.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.errors import PoseError
from anipose.geometry.keypoints import require_keypoints

Array = NDArray[np.float64]

WORLD_X = np.array([1.0, 0.0, 0.0])
# Directions closer than this, in radians, are the same but for rounding: nothing lies beside them.
SMALLEST_SINE = 1e-9


def flexion(
    a: Float[Array, "*batch 3"], b: Float[Array, "*batch 3"], c: Float[Array, "*batch 3"]
) -> Float[Array, "*batch"]:
    """The angle at b between the directions to a and to c, from 0 (folded) to pi (straight).

    >>> flexion(np.array([1.0, 0, 0]), np.zeros(3), np.array([0, 2.0, 0])) / np.pi
    np.float64(0.5)
    """
    to_a, to_c = _unit(a - b), _unit(c - b)
    # Through the half angle: exact near 0 and pi, where the arc cosine loses half of the digits.
    angle: Array = 2 * np.arctan2(np.linalg.norm(to_a - to_c, axis=-1), np.linalg.norm(to_a + to_c, axis=-1))
    return angle


def axis_angle(
    a: Float[Array, "*batch 3"], b: Float[Array, "*batch 3"], c: Float[Array, "*batch 3"]
) -> Float[Array, "*batch"]:
    """Direction of b - c about the axis from b to a, within (-pi, pi], counted from the world's x axis.

    With z along a - b, x the part of the world's x axis orthogonal to z, y = z x x, it is
    atan2(y . (b - c), x . (b - c)). NaN where z is the world's x axis.
    """
    return _angle_about(a - b, b - c)


def cross_axis_angle(
    a: Float[Array, "*batch 3"], b: Float[Array, "*batch 3"], c: Float[Array, "*batch 3"]
) -> Float[Array, "*batch"]:
    """Direction of c - a in the plane of the three points, within (-pi, pi], from the world's x axis.

    As `axis_angle`, with z along (a - b) x (b - c), the normal of the plane.
    """
    return _angle_about(np.cross(a - b, b - c), c - a)


class ChainAngles(NamedTuple):
    """Angles at the joints of a chain of points; joint 0 is where it begins, and the end has none.

    Attributes:
        flexion: (joint, frame); at joint 0 that of Euler, out of the world's yz plane, within
            [-pi/2, pi/2]; at the others the angle between the two limbs, negative where flipped.
        rotation: (joint, frame), within [-pi, pi): of the limb after the joint about its own axis. The
            last joint has none, as one would need a further point.
        abduction: (frame,), at joint 0, within [-pi, pi].
    """

    flexion: Float[Array, "joint frame"]
    rotation: Float[Array, "joint-1 frame"]
    abduction: Float[Array, "frame"]


def chain_angles(
    points: Float[Array, "point frame 3"], flips: Float[Array, "point"] | Sequence[int]
) -> ChainAngles:
    """Angles of a chain of joints, such as a leg from body to tip.

    Each limb, from point i to i + 1, has its own axes: z along the limb, x the part of the next limb
    orthogonal to z, times the flip of the joint between the two, y = z x x. The angles at joint i turn
    the axes before it, those of limb i - 1 or of the world for i = 0, into those of limb i:
    R = Rx(abduction) Ry(flexion) Rz(rotation). By the choice of x the abduction inside the chain is pi,
    and flexion the angle between the limbs, which leaves the rotation

        atan2(-R_10, cos(flexion) R_00 + sin(flexion) R_20)

    without the singularity of Euler angles at flexions of 90 degrees.

    Args:
        points: at least two, in order.
        flips: 1, or -1 for a joint that bends the other way (its flexion counts negative).
    """
    limbs = points[1:] - points[:-1]
    z = _unit(limbs)
    flips = np.asarray(flips, dtype=float)
    x = _sideways(limbs[1:], z[:-1]) * flips[1:-1, None, None]
    y = np.cross(z[:-1], x)

    inner = flips[1:-1, None] * flexion(points[:-2], points[1:-1], points[2:])
    first = np.arctan2(z[0, :, 0], np.hypot(z[0, :, 1], z[0, :, 2]))
    abduction = np.arctan2(-z[0, :, 1], z[0, :, 2])
    # R_10, R_00 and R_20: x of a limb along y, x and z of the limb before.
    forward = np.cos(inner[:-1]) * _dot(x[:-1], x[1:]) + np.sin(inner[:-1]) * _dot(z[:-2], x[1:])
    rotation = np.arctan2(-_dot(y[:-1], x[1:]), forward)
    first_rotation = np.arctan2(-y[:1, :, 0], x[:1, :, 0])
    rotation = np.concatenate([first_rotation, (rotation + np.pi) % (2 * np.pi) - np.pi])
    return ChainAngles(np.concatenate([first[None], inner]), rotation, abduction)


THREE_POINT_FORMS = {"flex": flexion, "axis": axis_angle, "cross-axis": cross_axis_angle}


def compute_angles(
    points: Mapping[str, Float[Array, "frame 3"]], angles: Mapping[str, Sequence[str]]
) -> dict[str, Float[Array, "frame"]]:
    """All angles of the table [angles] of config.toml, in degrees, by column name.

    `name = ["a", "b", "c"]` and `name = ["flex", "a", "b", "c"]` give `flexion`; "axis" and "cross-axis"
    the other two; each a column `name`. `name = ["chain", "j0", "j1/", ..., "jn"]` gives `chain_angles` as
    columns `<joint>_flex`, `<joint>_rot` and, for the first joint, `<joint>_abduct`; a "/" marks a joint
    that bends the other way. How many names there are is for the config to check.

    Raises:
        PoseError: keypoints that do not exist (all of them), or two angles for one column.
    """
    forms = {name: _form_and_joints(spec) for name, spec in angles.items()}
    require_keypoints({f"angles.{name}": joints for name, (_, joints, _) in forms.items()}, tuple(points))
    result: dict[str, Array] = {}
    for name, (form, joints, flips) in forms.items():
        if form == "chain":
            columns = _chain_columns(points, joints, flips)
        else:
            columns = {name: THREE_POINT_FORMS[form](*(points[joint] for joint in joints))}
        twice = sorted(columns.keys() & result.keys())
        if twice:
            raise PoseError(
                f"angles.{name}: there is already a column {', '.join(twice)}, from another angle; "
                "give the angle another name, or leave out the joint in one of the chains"
            )
        result |= {column: np.rad2deg(angle) for column, angle in columns.items()}
    return result


def known_angles(angles: Mapping[str, Sequence[str]], keypoints: Collection[str]) -> dict[str, Sequence[str]]:
    """The angles of which all keypoints are there."""
    return {name: spec for name, spec in angles.items() if set(_form_and_joints(spec)[1]) <= set(keypoints)}


def _form_and_joints(spec: Sequence[str]) -> tuple[str, list[str], list[int]]:
    """Form of an angle, its keypoints, and the flips of a chain."""
    form, names = (spec[0], spec[1:]) if spec[0] in (*THREE_POINT_FORMS, "chain") else ("flex", spec)
    if form != "chain":
        return form, list(names), []
    return form, [name.removesuffix("/") for name in names], [-1 if n.endswith("/") else 1 for n in names]


def _chain_columns(
    points: Mapping[str, Float[Array, "frame 3"]], joints: Sequence[str], flips: Sequence[int]
) -> dict[str, Array]:
    angles = chain_angles(np.stack([points[joint] for joint in joints]), flips)
    columns = {}
    for number, joint in enumerate(joints[:-1]):
        columns[f"{joint}_flex"] = angles.flexion[number]
        if number < len(angles.rotation):
            columns[f"{joint}_rot"] = angles.rotation[number]
        if number == 0:
            columns[f"{joint}_abduct"] = angles.abduction
    return columns


def _angle_about(axis: Float[Array, "*batch 3"], point: Float[Array, "*batch 3"]) -> Float[Array, "*batch"]:
    """Angle of the point about the axis, from the part of the world's x axis orthogonal to it."""
    z = _unit(axis)
    x = _sideways(np.broadcast_to(WORLD_X, z.shape), z)
    beside = _sideways(point, z)
    return np.arctan2(_dot(beside, np.cross(z, x)), _dot(beside, x))


def _dot(a: Float[Array, "*batch 3"], b: Float[Array, "*batch 3"]) -> Float[Array, "*batch"]:
    product: Array = (a * b).sum(axis=-1)
    return product


def _sideways(vector: Float[Array, "*batch 3"], axis: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3"]:
    """Direction of the part of the vector at right angles to the unit axis; NaN if it lies along it."""
    direction = _unit(vector)
    rest = direction - axis * _dot(direction, axis)[..., None]
    return np.where(_dot(rest, rest)[..., None] > SMALLEST_SINE**2, _unit(rest), np.nan)


def _unit(vector: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3"]:
    """The direction of a vector; NaN if it has none."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    unit: Array = vector / np.where(length > 0, length, np.nan)
    return unit
