"""From board corners that cameras saw to calibrated cameras.

1. Intrinsics of each camera from its own views. 2. The pose of the board in every view. 3. The cameras to
each other, from boards that pairs saw at the same time. 4. Everything together, robustly. A calibration
that is not plausible is not returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from anipose.geometry.board_graph import (
    Candidates,
    board_symmetries,
    place_boards,
    place_cameras,
    shared_frames,
)
from anipose.geometry.board_views import Seen, agreeing_corners, fixes_homography, normalise, planar_poses
from anipose.geometry.bundle import FX, N_POSE, Loss, Rig, Views, adjust, covariance, geman_mcclure, residuals
from anipose.geometry.calibration_gates import (
    require_boards,
    require_flat_boards,
    require_links,
    require_plausible,
    require_unmirrored,
)
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.intrinsics import (
    WRONG_PX,
    LensFreedom,
    estimate_intrinsics,
    lens_freedom,
    noise_of,
    views_to_start_from,
)
from anipose.geometry.transforms import rotation_vector
from anipose.geometry.triangulation import triangulate
from anipose.naming import natural_key

Array = NDArray[np.float64]

# A corner counts for ever less from so many standard deviations on; in the last round it costs 3 % of the
# accuracy on clean corners.
ROBUST_SCALES = (30.0, 10.0, 5.0)
# If cameras agree so much worse with each other than each with itself, they were not quite synchronous, or
# were moved: errors that the lenses must not bend to fit, so each keeps what its own views say.
MAX_NOISE_RATIO = 1.5


@dataclass(frozen=True, eq=False)
class CalibrationResult:
    """Calibrated cameras and what they were calibrated from.

    Attributes:
        cameras: in natural order of their names; the first one is the world. Its metadata has `error`, the
            median reprojection error of all corners in pixels, `lenses_from`, and figures per camera.
        frames: (frame,), numbers of the frames used.
        world_from_board: (frame, 3, 4), where the board was.
        residuals: (camera, frame, corner, 2), projection minus corner, pixels; NaN where not seen.
        covariance: (camera, 15, 15), of rotation, translation, fx, fy, cx, cy and five coefficients.
    """

    cameras: Cameras
    frames: Int[NDArray[np.int64], "frame"]
    world_from_board: Float[Array, "frame 3 4"]
    residuals: Float[Array, "camera frame corner 2"]
    covariance: Float[Array, "camera 15 15"]


def calibrate(
    seen: Mapping[str, Seen],
    points: Float[Array, "corner 3"],
    *,
    fisheye: bool | Mapping[str, bool] = False,
    symmetries: Int[NDArray[np.int64], "symmetry corner"] | None = None,
    neighbours: Int[NDArray[np.int64], "edge 2"] | None = None,
) -> CalibrationResult:
    """Calibrate cameras from the boards that they saw.

    The result does not depend on the order of cameras or frames. A single camera gets intrinsics alone.

    Args:
        seen: by name of camera.
        points: the corners, in board coordinates.
        fisheye: which cameras follow the fisheye model.
        symmetries: renumberings under which the board looks the same; the first is no change.
        neighbours: corners whose triangulated distance is compared with the truth, in the metadata.

    Raises:
        CalibrationError: too few boards or shared frames, or an implausible result; says of which cameras,
            and what to film.
    """
    names = sorted(seen, key=natural_key)
    kinds = tuple(fisheye if isinstance(fisheye, bool) else fisheye.get(name, False) for name in names)
    sizes = [seen[name].size for name in names]
    if symmetries is None:
        symmetries = np.arange(len(points))[None]
    boards_seen = {name: _usable(seen[name], points) for name in names}
    require_boards(boards_seen)
    views, frames = _views(list(boards_seen.values()))
    starts = [
        views_to_start_from(views.corners[views.camera == i], points, sizes[i], fisheye=kinds[i])
        for i in range(len(names))
    ]
    require_flat_boards(names, [len(start) for start in starts])
    own = [
        estimate_intrinsics(start, points, size, fisheye=kind)
        for start, size, kind in zip(starts, sizes, kinds, strict=True)
    ]
    intrinsics = np.stack([lens.intrinsics for lens in own])
    views, frames, candidates = _board_candidates(views, frames, points, intrinsics, kinds)
    require_flat_boards(names, np.bincount(views.camera, minlength=len(names)).tolist())
    require_unmirrored(names, views, _seen_from_behind(candidates, points))
    require_links(names, shared_frames(views, len(names)))
    rig = Rig(intrinsics, kinds, np.empty((0, 3, 4)), np.empty((0, 3, 4)))
    motions = board_symmetries(points, symmetries)
    rig = replace(rig, cam_from_world=place_cameras(views, candidates, motions, len(names)))
    boards, numbering = place_boards(rig, views, points, candidates, symmetries)
    views = replace(views, corners=_renumbered(views.corners, symmetries[numbering]))
    start = replace(rig, world_from_board=boards)
    rig, spread = _adjust_all(start, views, points, sizes, "all")
    errors = residuals(rig, views, points)
    lenses_from = "all views together"
    if noise_of(errors) > MAX_NOISE_RATIO * float(np.median([lens.noise_px for lens in own])):
        lenses_from = "each camera's own views"
        rig, spread = _adjust_all(start, views, points, sizes, "none")
        spread[:, N_POSE:, N_POSE:] = [lens.covariance for lens in own]
        errors = residuals(rig, views, points)
    require_plausible(names, sizes, rig, views, errors, spread)
    return _result(names, sizes, rig, views, frames, points, errors, spread, neighbours, lenses_from)


def _renumbered(
    corners: Float[Array, "view corner 2"], numbers: NDArray[np.int64]
) -> Float[Array, "view corner 2"]:
    """What was seen as corner i is corner numbers[view, i]."""
    renumbered = np.empty_like(corners)
    np.put_along_axis(renumbered, numbers[..., None], corners, axis=1)
    return renumbered


def _usable(seen: Seen, points: Float[Array, "corner 3"]) -> Seen:
    """Only views that fix a homography."""
    corners = np.where(np.isfinite(seen.corners).all(axis=-1, keepdims=True), seen.corners, np.nan)
    good = np.array([fixes_homography(points[np.isfinite(view[:, 0])]) for view in corners], bool)
    return replace(seen, frames=seen.frames[good], corners=corners[good])


def _views(seen: list[Seen]) -> tuple[Views, NDArray[np.int64]]:
    """All views in order of camera and frame, and the numbers of the frames."""
    frames = np.unique(np.concatenate([one.frames for one in seen]))
    camera, frame, corners = [], [], []
    for number, one in enumerate(seen):
        order = np.argsort(one.frames, kind="stable")
        camera.append(np.full(len(order), number))
        frame.append(np.searchsorted(frames, one.frames[order]))
        corners.append(one.corners[order])
    return Views(np.concatenate(camera), np.concatenate(frame), np.concatenate(corners)), frames


def _board_candidates(
    views: Views,
    frames: NDArray[np.int64],
    points: Array,
    intrinsics: Float[Array, "camera 9"],
    fisheye: tuple[bool, ...],
) -> tuple[Views, NDArray[np.int64], Candidates]:
    """Poses of the board in each view. Views without any are left out, and frames without views."""
    possible: list[Array] = [np.empty((0, 3, 4))] * len(views.camera)
    for camera, own in enumerate(intrinsics):
        index = np.flatnonzero(views.camera == camera)
        directions = normalise(views.corners[index], own, fisheye=fisheye[camera])
        limit = np.full(len(index), WRONG_PX / own[FX])
        agree = agreeing_corners(directions, points, limit)
        for view, one in zip(index, np.where(agree[..., None], directions, np.nan), strict=True):
            possible[view], _ = planar_poses(one, points)
    good = np.array([len(poses) > 0 for poses in possible], bool)
    used = np.unique(views.frame[good])
    kept = Views(views.camera[good], np.searchsorted(used, views.frame[good]), views.corners[good])
    poses = [one for one in possible if len(one)]
    number = np.repeat(np.arange(len(poses)), [len(one) for one in poses])
    return kept, frames[used], Candidates(number, np.concatenate([np.empty((0, 3, 4)), *poses]))


def _seen_from_behind(candidates: Candidates, points: Array) -> NDArray[np.bool_]:
    """(view,), whether the board's face, towards -z of the board, is turned away from the camera."""
    first = np.flatnonzero(np.diff(candidates.view, prepend=-1))
    poses = candidates.cam_from_board[first]
    middle = poses[:, :, :3] @ points.mean(0) + poses[:, :, 3]
    behind: NDArray[np.bool_] = (middle * poses[:, :, 2]).sum(1) < 0
    return behind


def _adjust_all(
    rig: Rig, views: Views, points: Array, sizes: list[tuple[int, int]], kind: LensFreedom
) -> tuple[Rig, Float[Array, "camera 15 15"]]:
    """Bundle adjustment with ever less regard for outliers."""
    moving = np.arange(len(sizes)) > 0
    for scale in ROBUST_SCALES:
        errors = residuals(rig, views, points)
        # One noise for all: each its own would let one camera fit ever better, and count ever more.
        noise = np.full(len(sizes), noise_of(errors))
        freedom = lens_freedom(rig.intrinsics, sizes, rig.fisheye, moving=moving, kind=kind)
        loss = Loss(geman_mcclure, scale)
        last = scale == ROBUST_SCALES[-1]
        rig = adjust(rig, views, points, freedom, loss=loss, noise_px=noise, tolerance=1e-9 if last else 1e-4)
    return rig, covariance(rig, views, points, freedom, loss=loss, noise_px=noise)


def _result(
    names: list[str],
    sizes: list[tuple[int, int]],
    rig: Rig,
    views: Views,
    frames: NDArray[np.int64],
    points: Array,
    errors: Float[Array, "view corner 2"],
    spread: Float[Array, "camera 15 15"],
    neighbours: NDArray[np.int64] | None,
    lenses_from: str,
) -> CalibrationResult:
    cameras = Cameras(tuple(_camera(names[i], sizes[i], rig, i) for i in range(len(names))))
    shape = (len(names), len(frames), len(points), 2)
    corners, off = np.full(shape, np.nan), np.full(shape, np.nan)
    corners[views.camera, views.frame], off[views.camera, views.frame] = views.corners, errors
    lengths = np.linalg.norm(off, axis=-1)
    metadata: dict[str, object] = {
        "error": _figure(np.nanmedian(lengths)),
        "lenses_from": lenses_from,
        "frames": len(frames),
        "camera_errors": {name: _figure(np.nanmedian(lengths[i])) for i, name in enumerate(names)},
        "camera_errors_95": {name: _figure(np.nanquantile(lengths[i], 0.95)) for i, name in enumerate(names)},
        "camera_views": {name: int((views.camera == i).sum()) for i, name in enumerate(names)},
        "focal_length_sd": {
            name: _figure(np.sqrt(spread[i, N_POSE, N_POSE])) for i, name in enumerate(names)
        },
    }
    if neighbours is not None and len(names) > 1:
        metadata |= _edge_figures(cameras, corners, points, neighbours)
    return CalibrationResult(replace(cameras, metadata=metadata), frames, rig.world_from_board, off, spread)


def _camera(name: str, size: tuple[int, int], rig: Rig, number: int) -> Camera:
    fx, fy, cx, cy = rig.intrinsics[number, :4]
    pose = rig.cam_from_world[number]
    return Camera(
        name,
        size,
        np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        rig.lens(number).coefficients,
        rotation_vector(pose[:, :3]),
        pose[:, 3],
        fisheye=rig.fisheye[number],
    )


def _edge_figures(
    cameras: Cameras,
    corners: Float[Array, "camera frame corner 2"],
    points: Array,
    neighbours: NDArray[np.int64],
) -> dict[str, float]:
    """How long triangulated edges of the board are, against the truth."""
    found = triangulate(cameras, corners)
    a, b = neighbours.T
    lengths = np.linalg.norm(found[:, a] - found[:, b], axis=-1)
    true = np.linalg.norm(points[a] - points[b], axis=-1)
    off = (lengths - true)[np.isfinite(lengths)]
    if not len(off):
        return {}
    return {
        "edge_error": _figure(np.median(np.abs(off))),
        "edge_error_percent": _figure(100 * np.median(np.abs(off)) / np.median(true)),
        "edge_bias_percent": _figure(100 * np.median(off) / np.median(true)),
    }


def _figure(value: float | np.floating) -> float:
    """Four digits are all that such a figure means."""
    return float(f"{value:.4g}")
