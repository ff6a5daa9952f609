"""From board corners that cameras saw to calibrated cameras.

1. Intrinsics of each camera from its own views. 2. The pose of the board in every view. 3. The cameras to
each other, from boards that pairs saw at the same time. 4. Everything together, robustly. A calibration
that is not plausible is not returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.board_graph import board_symmetries, place_boards, place_cameras, shared_frames
from anipose.geometry.board_views import Seen
from anipose.geometry.bundle import (
    FX,
    K2,
    N_POSE,
    Freedom,
    Loss,
    Rig,
    Views,
    adjust,
    geman_mcclure,
    joint_covariance,
    own_blocks,
    residuals,
)
from anipose.geometry.calibration_gates import focal_is_told, require_distances, require_plausible
from anipose.geometry.calibration_start import LensSettings, Start, prepare
from anipose.geometry.calibration_uncertainty import CalibrationUncertainty, uncertainty_of
from anipose.geometry.cameras import Cameras
from anipose.geometry.held_out import HeldOut, cameras_of, edge_lengths, figure, hold_out
from anipose.geometry.intrinsics import (
    LensFreedom,
    LensModel,
    coefficients_of,
    lens_freedom,
    noise_of,
)
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
        corners: (camera, frame, corner, 2), as they were seen, pixels; NaN where not.
        residuals: (camera, frame, corner, 2), projection minus corner, pixels; NaN where not seen.
        covariance: (camera, 15, 15), of rotation, translation, fx, fy, cx, cy and five coefficients.
        uncertainty: of all cameras together.
        shared: (camera, camera), in how many frames both see the board; on the diagonal, each one.
        models: the coefficients of each lens.
        held_out: how well boards are predicted that were not used; None if there are too few.
        left_out: cameras that could not be calibrated, and why.
        doubts: what may be wrong, in words.
    """

    cameras: Cameras
    frames: Int[NDArray[np.int64], "frame"]
    world_from_board: Float[Array, "frame 3 4"]
    corners: Float[Array, "camera frame corner 2"]
    residuals: Float[Array, "camera frame corner 2"]
    covariance: Float[Array, "camera 15 15"]
    uncertainty: CalibrationUncertainty
    shared: Int[NDArray[np.int64], "camera camera"]
    models: tuple[LensModel, ...]
    held_out: HeldOut | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def calibrate(
    seen: Mapping[str, Seen],
    points: Float[Array, "corner 3"],
    *,
    lenses: Mapping[str, LensSettings] | None = None,
    fisheye: bool = False,
    symmetries: Int[NDArray[np.int64], "symmetry corner"] | None = None,
    neighbours: Int[NDArray[np.int64], "edge 2"] | None = None,
) -> CalibrationResult:
    """Calibrate cameras from the boards that they saw.

    The result does not depend on the order of cameras or frames. A single camera gets intrinsics alone. Of
    cameras that are not all connected, the largest connected part is calibrated.

    Args:
        seen: by name of camera.
        points: the corners, in board coordinates.
        lenses: how the lenses are found; of cameras not in it, from the views, with `fisheye` for the kind.
        symmetries: renumberings under which the board looks the same; the first is no change.
        neighbours: corners whose triangulated distance is compared with the truth.

    Raises:
        CalibrationError: too few boards or shared frames, or an implausible result; says of which cameras,
            and what to film.
    """
    names = sorted(seen, key=natural_key)
    if symmetries is None:
        symmetries = np.arange(len(points))[None]
    of_all = {name: (lenses or {}).get(name, LensSettings(fisheye)) for name in names}
    start = prepare({name: seen[name] for name in names}, points, of_all)
    try:
        return _calibrated(start, points, symmetries, neighbours)
    except CalibrationError as error:
        if not start.doubts:
            raise
        raise CalibrationError("\n".join([str(error), *start.doubts])) from None


def _calibrated(
    start: Start,
    points: Array,
    symmetries: Int[NDArray[np.int64], "symmetry corner"],
    neighbours: Int[NDArray[np.int64], "edge 2"] | None,
) -> CalibrationResult:
    rig, views = _placed(start, points, symmetries)
    adjusted, spread = _adjust_all(start, rig, views, points, "all")
    own_models = start.models
    start = replace(start, models=_smaller_models(start, adjusted, own_blocks(spread)))
    if start.models != own_models:
        adjusted = replace(adjusted, intrinsics=coefficients_of(start.models, adjusted.intrinsics))
        adjusted = _adjust_last(start, adjusted, views, points, "all")
        spread = _spread(start, adjusted, views, points, "all")
    errors = residuals(adjusted, views, points)
    kind: LensFreedom = "all"
    alone = [lens.noise_px for lens in start.own if lens is not None]
    if alone and noise_of(errors) > MAX_NOISE_RATIO * float(np.median(alone)):
        kind, start = "none", replace(start, models=own_models)
        adjusted, spread = _adjust_all(start, rig, views, points, kind)
        for camera, lens in enumerate(start.own):
            if lens is not None:
                spread[camera, N_POSE:, camera, N_POSE:] = lens.covariance
        errors = residuals(adjusted, views, points)
    require_plausible(start.names, start.sizes, adjusted, views, errors, own_blocks(spread))
    held_out = hold_out(
        adjusted, views, points, neighbours, lambda rig, some: _fit_to_some(start, rig, some, points, kind)
    )
    if held_out is not None:
        require_distances(start.names, held_out)
    return _result(start, adjusted, views, errors, spread, neighbours, points, kind, held_out)


def _smaller_models(start: Start, rig: Rig, spread: Float[Array, "camera 15 15"]) -> list[LensModel]:
    """The models without the k2 that are less than their standard deviations: such ones do more harm, by
    their error, than good.

    All views judge: those held out of the views of one camera see only coefficients several times as large.
    """
    deviation = np.sqrt(spread[:, N_POSE + K2, N_POSE + K2])
    is_small = np.abs(rig.intrinsics[:, K2]) < deviation
    pairs = zip(start.models, start.open, is_small, strict=True)
    return ["k1" if is_open and small else model for model, is_open, small in pairs]


def _placed(
    start: Start, points: Array, symmetries: Int[NDArray[np.int64], "symmetry corner"]
) -> tuple[Rig, Views]:
    """Cameras and boards where they are, roughly, and the views with corners numbered alike."""
    views, candidates = start.views, start.candidates
    rig = Rig(start.intrinsics, start.fisheye, np.empty((0, 3, 4)), np.empty((0, 3, 4)))
    motions = board_symmetries(points, symmetries)
    rig = replace(rig, cam_from_world=place_cameras(views, candidates, motions, len(start.names)))
    boards, numbering = place_boards(rig, views, points, candidates, symmetries)
    views = replace(views, corners=_renumbered(views.corners, symmetries[numbering]))
    return replace(rig, world_from_board=boards), views


def _renumbered(
    corners: Float[Array, "view corner 2"], numbers: NDArray[np.int64]
) -> Float[Array, "view corner 2"]:
    """What was seen as corner i is corner numbers[view, i]."""
    renumbered = np.empty_like(corners)
    np.put_along_axis(renumbered, numbers[..., None], corners, axis=1)
    return renumbered


def _adjust_all(
    start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom
) -> tuple[Rig, Float[Array, "camera 15 camera 15"]]:
    """Bundle adjustment with ever less regard for outliers, and the covariance of all cameras."""
    for scale in ROBUST_SCALES[:-1]:
        rig = _adjust_at(scale, 1e-4, start, rig, views, points, kind)
    rig = _adjust_last(start, rig, views, points, kind)
    return rig, _spread(start, rig, views, points, kind)


def _adjust_last(start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom) -> Rig:
    return _adjust_at(ROBUST_SCALES[-1], 1e-9, start, rig, views, points, kind)


def _fit_to_some(start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom) -> Rig | None:
    """Fitted to a part of the frames; None if that does not tell the focal lengths, as all frames do."""
    rig = _adjust_last(start, rig, views, points, kind)
    deviation = np.sqrt(own_blocks(_spread(start, rig, views, points, kind))[:, N_POSE, N_POSE])
    told = zip(rig.intrinsics[:, FX], deviation, map(max, start.sizes), strict=True)
    return rig if all(focal_is_told(*one) for one in told) else None


def _adjust_at(
    scale: float, tolerance: float, start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom
) -> Rig:
    noise, freedom = _noise(rig, views, points), _freedom(start, rig, kind)
    loss = Loss(geman_mcclure, scale)
    return adjust(rig, views, points, freedom, loss=loss, noise_px=noise, tolerance=tolerance)


def _spread(
    start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom
) -> Float[Array, "camera 15 camera 15"]:
    noise, freedom = _noise(rig, views, points), _freedom(start, rig, kind)
    loss = Loss(geman_mcclure, ROBUST_SCALES[-1])
    return joint_covariance(rig, views, points, freedom, loss=loss, noise_px=noise)


def _noise(rig: Rig, views: Views, points: Array) -> Float[Array, "camera"]:
    """One noise for all: each its own would let one camera fit ever better, and count ever more."""
    return np.full(len(rig.fisheye), noise_of(residuals(rig, views, points)))


def _freedom(start: Start, rig: Rig, kind: LensFreedom) -> Freedom:
    moving = np.arange(len(start.sizes)) > 0
    return lens_freedom(
        rig.intrinsics, start.sizes, start.models, moving=moving, kind=kind, known=start.known
    )


def _result(
    start: Start,
    rig: Rig,
    views: Views,
    errors: Float[Array, "view corner 2"],
    joint: Float[Array, "camera 15 camera 15"],
    neighbours: NDArray[np.int64] | None,
    points: Array,
    kind: LensFreedom,
    held_out: HeldOut | None,
) -> CalibrationResult:
    names, frames, spread = start.names, start.frames, own_blocks(joint)
    cameras = cameras_of(rig, names, start.sizes)
    shape = (len(names), len(frames), len(points), 2)
    corners, off = np.full(shape, np.nan), np.full(shape, np.nan)
    corners[views.camera, views.frame], off[views.camera, views.frame] = views.corners, errors
    lengths = np.linalg.norm(off, axis=-1)
    metadata: dict[str, object] = {
        "error": figure(np.nanmedian(lengths)),
        "lenses_from": "all views together" if kind == "all" else "each camera's own views",
        "frames": len(frames),
        "camera_errors": {name: figure(np.nanmedian(lengths[i])) for i, name in enumerate(names)},
        "camera_errors_95": {name: figure(np.nanquantile(lengths[i], 0.95)) for i, name in enumerate(names)},
        "camera_views": {name: int((views.camera == i).sum()) for i, name in enumerate(names)},
        "focal_length_sd": {name: figure(np.sqrt(spread[i, N_POSE, N_POSE])) for i, name in enumerate(names)},
        "distortion": dict(zip(names, start.models, strict=True)),
    }
    if neighbours is not None and len(names) > 1:
        metadata |= _edge_figures(cameras, corners, points, neighbours)
    if held_out is not None:
        metadata |= held_out.figures()
    if start.left_out:
        metadata["left_out"] = dict(start.left_out)
    return CalibrationResult(
        cameras=replace(cameras, metadata=metadata),
        frames=frames,
        world_from_board=rig.world_from_board,
        corners=corners,
        residuals=off,
        covariance=spread,
        uncertainty=uncertainty_of(cameras, joint),
        shared=shared_frames(views, len(names)),
        models=tuple(start.models),
        held_out=held_out,
        left_out=start.left_out,
        doubts=start.doubts,
    )


def _edge_figures(
    cameras: Cameras,
    corners: Float[Array, "camera frame corner 2"],
    points: Array,
    neighbours: NDArray[np.int64],
) -> dict[str, float]:
    """How long triangulated edges of the board are, against the truth."""
    lengths, true = edge_lengths(cameras, corners, points, neighbours)
    off, true = lengths - true, true + 0 * lengths
    good = np.isfinite(off)
    if not good.any():
        return {}
    return {
        "edge_error": figure(np.median(np.abs(off[good]))),
        "edge_error_percent": figure(100 * np.median(np.abs(off / true)[good])),
        "edge_bias_percent": figure(100 * np.median((off / true)[good])),
    }
