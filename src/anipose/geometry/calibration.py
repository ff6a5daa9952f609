"""From board corners that cameras saw to calibrated cameras.

1. Intrinsics of each camera from its own views. 2. The pose of the board in every view. 3. The cameras to
each other, from boards that pairs saw at the same time. 4. Everything together, robustly. A calibration
that is not plausible is not returned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.board_edges import Edges, edge_lengths, edges_of
from anipose.geometry.board_graph import board_symmetries, place_boards, place_cameras, shared_frames
from anipose.geometry.board_shape import adjust_with_shape, covariance_with_shape, is_misshapen
from anipose.geometry.board_views import Seen
from anipose.geometry.bundle import (
    FX,
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
from anipose.geometry.calibration_gates import MIN_VIEWS, focal_is_told, require_distances, require_plausible
from anipose.geometry.calibration_start import LensSettings, Start, prepare
from anipose.geometry.calibration_uncertainty import CalibrationUncertainty, uncertainty_of
from anipose.geometry.cameras import Cameras
from anipose.geometry.held_out import MIN_FRAMES, HeldOut, cameras_of, figure, hold_out, some_frames
from anipose.geometry.intrinsics import (
    LensFreedom,
    LensModel,
    coefficients_of,
    lens_freedom,
    noise_of,
)
from anipose.geometry.lens_choice import models_that_fit
from anipose.naming import natural_key

Array = NDArray[np.float64]

# A corner counts for ever less from so many standard deviations on; in the last round it costs 3 % of the
# accuracy on clean corners.
ROBUST_SCALES = (30.0, 10.0, 5.0)
# The last adjustment ends when a step lowers the cost by less than this fraction.
LAST_TOLERANCE = 1e-9
# If cameras agree so much worse with each other than each with itself, they were not quite synchronous, or
# were moved: errors that the lenses must not bend to fit, so each keeps what its own views say.
MAX_NOISE_RATIO = 1.5
# Without one of fewer frames, there are too few to tell anything.
FEWEST_TO_LEAVE_ONE = MIN_VIEWS + 1


@dataclass(frozen=True, eq=False)
class CalibrationResult:
    """Calibrated cameras and what they were calibrated from.

    Attributes:
        cameras: in natural order of their names; the first one is the world. Its metadata has `error`, the
            median reprojection error of all corners in pixels, `lenses_from`, and figures per camera.
        frames: (frame,), numbers of the frames used.
        world_from_board: (frame, 3, 4), where the board was.
        board: (corner, 3), the corners in board coordinates: where they should be, or where they are if the
            views tell that they are elsewhere.
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
    board: Float[Array, "corner 3"]
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
    ordered = {name: seen[name] for name in names}
    start = prepare(ordered, points, of_all)
    try:
        fit = _fitted(start, points, symmetries)
        terms = _terms(fit.rig, fit.views, points)
        if fit.kind == "all" and is_misshapen(fit.rig, fit.views, points, **terms):
            fit = _with_shape(fit, points)
            # Lenses seem to bend less once the board may; but single views may be read the wrong way round.
            start = prepare(ordered, fit.points, of_all) if len(symmetries) == 1 else start
            fit = _fitted(start, fit.points, symmetries)
            fit = _with_shape(fit, points) if fit.kind == "all" else fit
        return _judged(fit, points, neighbours)
    except CalibrationError as error:
        if not start.doubts:
            raise
        raise CalibrationError("\n".join([str(error), *start.doubts])) from None


@dataclass(frozen=True, eq=False)
class _Fit:
    """What explains the views best.

    Attributes:
        points: the corners, in board coordinates, as they are.
        kind: which parameters of the lenses were free.
        spread: covariance of all cameras together.
    """

    start: Start
    rig: Rig
    views: Views
    points: Float[Array, "corner 3"]
    kind: LensFreedom
    spread: Float[Array, "camera 15 camera 15"]


def _fitted(start: Start, points: Array, symmetries: Int[NDArray[np.int64], "symmetry corner"]) -> _Fit:
    """Everything together, of a board of which all is known."""
    rig, views = _placed(start, points, symmetries)
    adjusted, own_models = _adjust_all(start, rig, views, points, "all"), start.models
    terms = _terms(adjusted, views, points)
    start = replace(start, models=models_that_fit(start, adjusted, views, points, **terms))
    if start.models != own_models:
        adjusted = replace(adjusted, intrinsics=coefficients_of(start.models, adjusted.intrinsics))
        adjusted = _adjust_last(start, adjusted, views, points, "all")
    alone = [lens.noise_px for lens in start.own if lens is not None]
    noise = noise_of(residuals(adjusted, views, points))
    if not alone or noise <= MAX_NOISE_RATIO * float(np.median(alone)):
        return _Fit(start, adjusted, views, points, "all", _spread(start, adjusted, views, points, "all"))
    start = replace(start, models=own_models)
    adjusted = _adjust_all(start, rig, views, points, "none")
    spread = _spread(start, adjusted, views, points, "none")
    for camera, lens in enumerate(start.own):
        if lens is not None:
            spread[camera, N_POSE:, camera, N_POSE:] = lens.covariance
    return _Fit(start, adjusted, views, points, "none", spread)


def _with_shape(fit: _Fit, points: Array) -> _Fit:
    """The same, with the corners of the board where they are instead of where they should be."""
    freedom, terms = _freedom(fit.start, fit.rig, fit.kind), _terms(fit.rig, fit.views, fit.points)
    rig, corners = adjust_with_shape(
        fit.rig, fit.points, fit.views, points, freedom, **terms, tolerance=LAST_TOLERANCE
    )
    spread = covariance_with_shape(rig, corners, fit.views, points, freedom, **terms)
    return replace(fit, rig=rig, points=corners, spread=spread)


def _judged(
    fit: _Fit, points: Array, neighbours: Int[NDArray[np.int64], "edge 2"] | None
) -> CalibrationResult:
    """The result, if it is plausible."""
    start = fit.start
    errors = residuals(fit.rig, fit.views, fit.points)
    require_plausible(start.names, start.sizes, fit.rig, fit.views, errors, _focal_deviations(fit))
    edges = None if neighbours is None else edges_of(neighbours, points, fit.points)
    held_out = hold_out(
        fit.rig,
        fit.views,
        fit.points,
        edges,
        lambda rig, some: _fit_to_some(start, rig, some, fit.points, fit.kind),
    )
    if held_out is not None:
        require_distances(start.names, held_out)
    return _result(fit, errors, edges, held_out)


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


def _adjust_all(start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom) -> Rig:
    """Bundle adjustment with ever less regard for outliers."""
    for scale in ROBUST_SCALES[:-1]:
        rig = _adjust_at(scale, 1e-4, start, rig, views, points, kind)
    return _adjust_last(start, rig, views, points, kind)


def _adjust_last(start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom) -> Rig:
    return _adjust_at(ROBUST_SCALES[-1], LAST_TOLERANCE, start, rig, views, points, kind)


def _fit_to_some(start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom) -> Rig | None:
    """Fitted to a part of the frames; None if that does not tell the focal lengths, as all frames do."""
    rig = _adjust_last(start, rig, views, points, kind)
    deviation = np.sqrt(own_blocks(_spread(start, rig, views, points, kind))[:, N_POSE, N_POSE])
    told = zip(rig.intrinsics[:, FX], deviation, map(max, start.sizes), strict=True)
    return rig if all(focal_is_told(*one) for one in told) else None


def _adjust_at(
    scale: float, tolerance: float, start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom
) -> Rig:
    terms = _terms(rig, views, points, scale)
    return adjust(rig, views, points, _freedom(start, rig, kind), **terms, tolerance=tolerance)


def _spread(
    start: Start, rig: Rig, views: Views, points: Array, kind: LensFreedom
) -> Float[Array, "camera 15 camera 15"]:
    return joint_covariance(rig, views, points, _freedom(start, rig, kind), **_terms(rig, views, points))


class _Terms(TypedDict):
    """How errors count."""

    loss: Loss
    noise_px: Float[Array, "camera"]


def _terms(rig: Rig, views: Views, points: Array, scale: float = ROBUST_SCALES[-1]) -> _Terms:
    """One noise for all: each its own would let one camera fit ever better, and count ever more."""
    noise = np.full(len(rig.fisheye), noise_of(residuals(rig, views, points)))
    return {"loss": Loss(geman_mcclure, scale), "noise_px": noise}


def _freedom(start: Start, rig: Rig, kind: LensFreedom) -> Freedom:
    moving = np.arange(len(start.sizes)) > 0
    return lens_freedom(
        rig.intrinsics, start.sizes, start.models, moving=moving, kind=kind, known=start.known
    )


def _focal_deviations(fit: _Fit) -> Float[Array, "camera"]:
    """Standard deviations of the focal lengths; with few frames, also from how they change without one.

    What is wrong with all corners of a view alike, such as a board that is bent or blurred, is no noise; and
    few frames are not enough to hold some out, which would show it.
    """
    stated: Array = np.sqrt(own_blocks(fit.spread)[:, N_POSE, N_POSE])
    n_frames = len(fit.rig.world_from_board)
    if not FEWEST_TO_LEAVE_ONE <= n_frames < MIN_FRAMES:
        return stated
    focal = []
    for frame in range(n_frames):
        rig, views = some_frames(fit.rig, fit.views, np.arange(n_frames) != frame)
        if len(np.unique(views.camera)) == len(stated):
            focal.append(_adjust_last(fit.start, rig, views, fit.points, fit.kind).intrinsics[:, FX])
    if len(focal) < FEWEST_TO_LEAVE_ONE:
        return stated
    jackknife: Array = np.std(focal, axis=0) * np.sqrt(len(focal) - 1)
    return np.maximum(stated, jackknife)


def _result(
    fit: _Fit, errors: Float[Array, "view corner 2"], edges: Edges | None, held_out: HeldOut | None
) -> CalibrationResult:
    start, rig, views = fit.start, fit.rig, fit.views
    names, frames, spread = start.names, start.frames, own_blocks(fit.spread)
    cameras = cameras_of(rig, names, start.sizes)
    shape = (len(names), len(frames), *views.corners.shape[1:])
    corners, off = np.full(shape, np.nan), np.full(shape, np.nan)
    corners[views.camera, views.frame], off[views.camera, views.frame] = views.corners, errors
    lengths = np.linalg.norm(off, axis=-1)
    metadata: dict[str, object] = {
        "error": figure(np.nanmedian(lengths)),
        "lenses_from": "all views together" if fit.kind == "all" else "each camera's own views",
        "frames": len(frames),
        "camera_errors": {name: figure(np.nanmedian(lengths[i])) for i, name in enumerate(names)},
        "camera_errors_95": {name: figure(np.nanquantile(lengths[i], 0.95)) for i, name in enumerate(names)},
        "camera_views": {name: int((views.camera == i).sum()) for i, name in enumerate(names)},
        "focal_length_sd": {name: figure(np.sqrt(spread[i, N_POSE, N_POSE])) for i, name in enumerate(names)},
        "distortion": dict(zip(names, start.models, strict=True)),
    }
    if edges is not None and len(names) > 1:
        metadata |= _edge_figures(cameras, corners, edges)
    if held_out is not None:
        metadata |= held_out.figures()
    if start.left_out:
        metadata["left_out"] = dict(start.left_out)
    return CalibrationResult(
        cameras=replace(cameras, metadata=metadata),
        frames=frames,
        world_from_board=rig.world_from_board,
        board=fit.points,
        corners=corners,
        residuals=off,
        covariance=spread,
        uncertainty=uncertainty_of(cameras, fit.spread),
        shared=shared_frames(views, len(names)),
        models=tuple(start.models),
        held_out=held_out,
        left_out=start.left_out,
        doubts=start.doubts,
    )


def _edge_figures(
    cameras: Cameras, corners: Float[Array, "camera frame corner 2"], edges: Edges
) -> dict[str, float]:
    """How long triangulated edges of the board are, against the truth."""
    off = edge_lengths(cameras, corners, edges) - edges.lengths
    relative, good = off / edges.lengths, np.isfinite(off)
    if not good.any():
        return {}
    return {
        "edge_error": figure(np.median(np.abs(off[good]))),
        "edge_error_percent": figure(100 * np.median(np.abs(relative[good]))),
        "edge_bias_percent": figure(100 * np.median(relative[good])),
    }
