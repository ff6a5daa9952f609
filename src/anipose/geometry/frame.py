"""The standardised frame of reference: axes and origin taken from the animal or its surroundings."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.errors import PoseError
from anipose.geometry.keypoints import require_keypoints

Array = NDArray[np.float64]

# An axis whose part at right angles to the first is shorter than this share of it has no direction of its
# own: sin of the angle between the two.
SMALLEST_SINE = 1e-6


def standard_frame(
    points: Float[Array, "frame keypoint 3"],
    keypoints: Sequence[str],
    axes: Sequence[tuple[str, str, str]],
    reference_point: str | None,
) -> tuple[Float[Array, "3 3"], Float[Array, "3"]]:
    """Rotation and centre with ``x_in_frame = rotation @ x_in_world - center``.

    Each of the two axes goes from the median over frames of one keypoint to that of another: the first
    is as given, the second is made orthogonal to it, the third is their cross product, with the sign that
    makes (x, y, z) right-handed. The centre is the median of the rotated reference point.

    Args:
        points: in the world; NaN where unknown.
        keypoints: names of the columns of `points`.
        axes: two of (letter, from, to): "x", "y" or "z" and two keypoints.
        reference_point: keypoint at the new origin; None leaves the origin where it is.

    Raises:
        PoseError: a keypoint that does not exist or was never seen, or axes that are no two directions.
    """
    first_axis, second_axis = axes
    if first_axis[0] == second_axis[0]:
        raise PoseError(f'triangulation.axes: both axes are called "{first_axis[0]}"; name two of x, y, z')
    wanted = {"triangulation.axes": [*first_axis[1:], *second_axis[1:]]}
    if reference_point is not None:
        wanted["triangulation.reference_point"] = [reference_point]
    require_keypoints(wanted, keypoints)
    columns = {name: points[:, keypoints.index(name)] for names in wanted.values() for name in names}
    _require_seen(wanted, columns)

    first, second = _direction(first_axis, columns), _direction(second_axis, columns)
    second = second - first * (first @ second)
    if np.linalg.norm(second) < SMALLEST_SINE:
        raise PoseError(
            f"triangulation.axes: {_in_words(first_axis)} and {_in_words(second_axis)} are parallel; "
            "choose two that are not"
        )
    rotation = _right_handed(
        "xyz".index(first_axis[0]), first, "xyz".index(second_axis[0]), second / np.linalg.norm(second)
    )
    if reference_point is None:
        return rotation, np.zeros(3)
    return rotation, np.nanmedian(columns[reference_point] @ rotation.T, axis=0)


def _right_handed(
    first_row: int, first: Float[Array, "3"], second_row: int, second: Float[Array, "3"]
) -> Float[Array, "3 3"]:
    third_row = 3 - first_row - second_row
    in_order = (second_row - first_row) % 3 == 1  # (x, y), (y, z) or (z, x)
    rotation = np.empty((3, 3))
    rotation[first_row], rotation[second_row] = first, second
    rotation[third_row] = np.cross(first, second) if in_order else np.cross(second, first)
    return rotation


def _direction(axis: tuple[str, str, str], columns: dict[str, Array]) -> Float[Array, "3"]:
    _, start, end = axis
    direction = np.nanmedian(columns[end], axis=0) - np.nanmedian(columns[start], axis=0)
    length = np.linalg.norm(direction)
    if length == 0:
        raise PoseError(
            f"triangulation.axes: {_in_words(axis)} has no length, the two are at the same place; "
            "choose two keypoints that are apart"
        )
    unit: Array = direction / length
    return unit


def _in_words(axis: tuple[str, str, str]) -> str:
    letter, start, end = axis
    return f"the {letter} axis from {start} to {end}"


def _require_seen(wanted: dict[str, list[str]], columns: dict[str, Array]) -> None:
    faults = [
        f"{place}: {name} was not triangulated in any frame, so it cannot define the frame of reference"
        for place, names in wanted.items()
        for name in dict.fromkeys(names)
        if not np.isfinite(columns[name]).all(axis=-1).any()
    ]
    if faults:
        raise PoseError("\n".join([*faults, "Choose a keypoint that is seen, or lower score_threshold."]))
