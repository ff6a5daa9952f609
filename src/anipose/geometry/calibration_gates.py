"""What a calibration must have to begin with, and what it must be to be returned.

Each check looks at all cameras before it raises, names those that fail, and says what to film.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.board_views import Seen
from anipose.geometry.bundle import FX, Rig, Views
from anipose.geometry.held_out import HeldOut

Array = NDArray[np.float64]

# Three unknown intrinsics of substance (focal length, principal point) need views in three tilts.
MIN_VIEWS = 3
# No lens is shorter or longer than this, over the longer side of the picture.
FOCAL_LENGTHS = (0.1, 300.0)
# A focal length less certain than this, relative, comes of boards that were all parallel to the picture. A
# long lens shows hardly any perspective, and its focal length matters as little; but if there is none at
# all, to 3 standard deviations, then the mirrored world fits as well.
MAX_FOCAL_SD, MAX_TELEPHOTO_SD, TELEPHOTO = 0.05, 0.3, 20.0
# A flat board is not seen from behind; a few such views are misdetections.
MAX_FROM_BEHIND = 0.5
# The model explains the corners to within this, as a median: pixels, or a fraction of the longer side.
MAX_MEDIAN_ERROR_PX, MAX_MEDIAN_ERROR = 2.0, 0.003
# Of the frames that a camera shares with others, no more may be off by as much; of several such cameras,
# those are named that have nearly the most, as the others suffer from them.
MAX_DISAGREEING, NEARLY_MOST = 0.5, 0.9
# Of the corners, so many must be in front of their camera and inside the range of its lens.
MIN_IN_FRONT = 0.8
# Distances on boards that were held out, in per cent, as medians: all off to one side, and altogether.
MAX_EDGE_BIAS_PERCENT, MAX_EDGE_ERROR_PERCENT = 2.0, 5.0
# Of the cameras nearest to a link, so many are named.
MOST_CANDIDATES = 3


def few_boards(one: Seen) -> str:
    """Why a camera with fewer than MIN_VIEWS views is left out."""
    return f"the board was found in {_of_frames(one)}"


def no_flat_boards() -> str:
    """Why a camera is left out whose corners are not those of a board."""
    return "its corners do not lie on a flat board like the one in [calibration]"


def require_boards(seen: Mapping[str, Seen], bad: list[str]) -> None:
    """Say of cameras that they saw too few boards, when too few cameras are left.

    Raises:
        CalibrationError: always.
    """
    none = [name for name in bad if not len(seen[name].frames)]
    few = [name for name in bad if len(seen[name].frames)]
    faults = [f"camera {name}: {few_boards(seen[name])}" for name in none + few]
    if none:
        faults.append(
            "Check that board_type, board_size and the dictionary in [calibration] are those of the printed "
            "board, that it is not mirrored or white on black, and that it is sharp and large in the picture."
        )
    if few:
        faults.append(
            f"At least {MIN_VIEWS} views are needed, with the board tilted in different ways; 20 or more are "
            "better. Film the board for longer in front of these cameras."
        )
    raise CalibrationError("The cameras cannot be calibrated.\n" + "\n".join(faults))


def require_flat_boards(bad: list[str]) -> None:
    """Say of cameras that their views are no pictures of a flat board.

    Raises:
        CalibrationError: always.
    """
    raise CalibrationError(
        f"The corners that camera {', '.join(bad)} saw do not lie on a flat board like the one in "
        "[calibration]. Check board_type, board_size and the lengths there, and that the board is flat."
    )


def require_unmirrored(names: list[str], views: Views, from_behind: NDArray[np.bool_]) -> None:
    """Boards are seen from their front."""
    bad = [name for i, name in enumerate(names) if from_behind[views.camera == i].mean() > MAX_FROM_BEHIND]
    if bad:
        raise CalibrationError(
            f"Camera {', '.join(bad)} sees the board mirrored: the video is flipped, or filmed in a mirror. "
            "Flip it back, the videos of the animal as well."
        )


def _of_frames(one: Seen) -> str:
    if one.n_frames is not None:
        return f"{len(one.frames)} of {one.n_frames} frames"
    return f"{len(one.frames)} frame" + ("s" if len(one.frames) != 1 else "")


def require_links(names: list[str], views: Views, frames: Int[NDArray[np.int64], "frame"]) -> None:
    """Say that no two cameras are linked, and which pairs are nearest to it.

    Raises:
        CalibrationError: always.
    """
    seen = [frames[views.frame[views.camera == camera]] for camera in range(len(names))]
    pairs = sorted(
        (_smallest_gap(seen[a], seen[b]), names[a], names[b]) for a, b in combinations(range(len(names)), 2)
    )
    near = [f"  {a} and {b}: {_apart(gap)}" for gap, a, b in pairs[:MOST_CANDIDATES]]
    raise CalibrationError(
        f"These cameras never saw the board at the same time, no two of them: {', '.join(names)}.\n"
        "Nearest to it are:\n" + "\n".join(near) + "\n"
        "Hold the board where two cameras see it together, for some seconds, and so on from camera to "
        "camera. If they did, check that the videos were started at the same time."
    )


def unlinked(
    names: list[str],
    views: Views,
    frames: Int[NDArray[np.int64], "frame"],
    shared: Int[NDArray[np.int64], "camera camera"],
    linked: list[int],
) -> dict[str, str]:
    """Why cameras outside a connected part are left out, with the cameras that are nearest to a link.

    Nearest is a camera that saw the board the fewest frames before or after.
    """
    seen = [frames[views.frame[views.camera == camera]] for camera in range(len(names))]
    reasons = {}
    for camera, name in enumerate(names):
        if camera in linked:
            continue
        gaps = sorted((_smallest_gap(seen[camera], seen[other]), names[other]) for other in linked)
        near = ", ".join(f"{other} ({_apart(gap)})" for gap, other in gaps[:MOST_CANDIDATES])
        reasons[name] = (
            f"it saw the board in {shared[camera, camera]} frames, but never together with "
            f"{', '.join(names[other] for other in linked)}; nearest to it: {near}"
        )
    return reasons


def _apart(gap: int) -> str:
    return f"{gap} frame{'s' if gap != 1 else ''} apart"


def _smallest_gap(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """The least distance between numbers of two rising lists."""
    after = np.searchsorted(b, a)
    before = np.abs(a - b[np.maximum(after - 1, 0)])
    return int(np.minimum(before, np.abs(b[np.minimum(after, len(b) - 1)] - a)).min())


def require_distances(names: list[str], held_out: HeldOut) -> None:
    """Board edges in frames that were not used come out as long as they are.

    Raises:
        CalibrationError: they do not.
    """
    if not len(held_out.lengths):
        return
    bias = 100 * abs(float(np.median(held_out.lengths)) - 1)
    spread = 100 * float(np.median(np.abs(held_out.lengths - 1)))
    if bias > MAX_EDGE_BIAS_PERCENT or spread > MAX_EDGE_ERROR_PERCENT:
        errors = {name: held_out.of_camera(i) for i, name in enumerate(names)}
        listed = ", ".join(f"{name} {error[0]:.2f} px" for name, error in errors.items() if error)
        raise CalibrationError(
            "No plausible calibration was found.\n"
            f"Distances on boards that were held out come out wrong by {spread:.1f} %, as a median "
            f"({bias:.1f} % of it always to the same side); errors there: {listed}. More than "
            f"{MAX_EDGE_ERROR_PERCENT:g} % means that the videos are not of the same time, that a camera was "
            "moved, or that there are too few views; film the board slowly, in the whole volume"
        )


def focal_is_told(focal: float, deviation: float, longer: int) -> bool:
    """Whether a focal length is certain enough, for the longer side of the picture."""
    return deviation <= (MAX_TELEPHOTO_SD if focal > TELEPHOTO * longer else MAX_FOCAL_SD) * focal


def require_plausible(
    names: list[str],
    sizes: list[tuple[int, int]],
    rig: Rig,
    views: Views,
    errors: Float[Array, "view corner 2"],
    focal_sd: Float[Array, "camera"],
) -> None:
    """What was found can be: finite, in front of the cameras, certain enough, and it fits the corners."""
    faults = []
    for camera, (name, size) in enumerate(zip(names, sizes, strict=True)):
        focal, longer = rig.intrinsics[camera, FX], max(size)
        own = views.camera == camera
        if not (np.isfinite(rig.intrinsics[camera]).all() and np.isfinite(rig.cam_from_world[camera]).all()):
            faults.append(f"camera {name}: the solution is not finite")
            continue
        deviation = float(focal_sd[camera])
        possible = FOCAL_LENGTHS[0] * longer < focal < FOCAL_LENGTHS[1] * longer
        if not (possible and focal_is_told(focal, deviation, longer)):
            faults.append(
                f"camera {name}: the views do not tell its focal length ({focal:.4g} px, give or take "
                f"{float(f'{deviation:.2g}'):g}); film the board tilted by 30 to 45 degrees, in all "
                "directions"
            )
        seen = np.isfinite(views.corners[own, :, 0])
        lengths = np.linalg.norm(errors[own], axis=-1)[seen]
        if np.isfinite(lengths).mean() < MIN_IN_FRONT:
            faults.append(f"camera {name}: boards come out behind the camera or outside its lens")
            continue
        median, most = np.nanmedian(lengths), _most_px(size)
        if median > most:
            faults.append(
                f"camera {name}: corners are {median:.1f} px off, as a median; more than {most:.1f} px means "
                "that the videos are not of the same time, the camera was moved, or the lens is a fisheye"
            )
    faults = faults or _disagreeing(names, sizes, views, errors)
    if faults:
        raise CalibrationError("No plausible calibration was found.\n" + "\n".join(faults))


def _most_px(size: tuple[int, int]) -> float:
    return max(MAX_MEDIAN_ERROR_PX, MAX_MEDIAN_ERROR * max(size))


def _disagreeing(
    names: list[str], sizes: list[tuple[int, int]], views: Views, errors: Float[Array, "view corner 2"]
) -> list[str]:
    """Faults of cameras that do not fit to the others in most of the frames that they share.

    A camera that sees most of its boards alone has good errors as a median, whatever the others see.
    """
    lengths = np.linalg.norm(errors, axis=-1)
    limit = np.array([_most_px(size) for size in sizes])[views.camera]
    is_off = np.nanmedian(np.where(np.isnan(lengths).all(1, keepdims=True), np.inf, lengths), axis=1) > limit
    in_frame = np.bincount(views.frame)
    frame_is_off = np.bincount(views.frame, is_off) > 0
    shared = in_frame[views.frame] > 1
    n_shared = np.bincount(views.camera[shared], minlength=len(names))
    n_off = np.bincount(views.camera[shared & frame_is_off[views.frame]], minlength=len(names))
    share = n_off / np.maximum(n_shared, 1)
    bad = np.flatnonzero((share > MAX_DISAGREEING) & (share >= NEARLY_MOST * share.max()))
    return [
        f"camera {names[i]}: in {n_off[i]} of {n_shared[i]} frames that it shares with other cameras, it and "
        f"they do not fit together (corners are off by more than {_most_px(sizes[i]):.1f} px): the videos "
        "are not of the same time, or the camera was moved"
        for i in bad
    ]
