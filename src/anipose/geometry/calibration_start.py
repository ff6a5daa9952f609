"""What a calibration begins with: cameras that can be calibrated, their lenses, where boards may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.board_graph import Candidates, connected_groups, shared_frames
from anipose.geometry.board_views import Seen, agreeing_corners, fixes_homography, normalise, planar_poses
from anipose.geometry.bundle import FX, Views
from anipose.geometry.calibration_gates import (
    MIN_VIEWS,
    few_boards,
    no_flat_boards,
    require_boards,
    require_flat_boards,
    require_links,
    require_unmirrored,
    unlinked,
)
from anipose.geometry.intrinsics import (
    WRONG_PX,
    KnownLens,
    LensModel,
    OwnLens,
    as_known,
    estimate_intrinsics,
    to_refine,
    views_to_start_from,
)

Array = NDArray[np.float64]

# Which of them it is, or the first without k2, is decided later by all cameras together.
PINHOLE_MODELS: tuple[LensModel, ...] = ("k1 k2", "k1 k2 p1 p2 k3")
# The other kind of lens is better only if it leaves this much less of the squared error in views held out.
OTHER_KIND_IS_BETTER = 0.7
# A pinhole lens that sees less than this, half of the longer side over the focal length, is no fisheye.
MIN_WIDTH_OF_FISHEYE = 0.8


@dataclass(frozen=True, eq=False)
class LensSettings:
    """How the lens of a camera is found.

    Attributes:
        fisheye: the kind of lens.
        models: of which the smallest that fits is taken; empty: any of its kind.
        given: (9,), fx, fy, cx, cy and coefficients from elsewhere.
        use: "estimate": from the views, whatever is given; "refine": begin with what is given, or with what
            `seen` tells, and stay near it; "fixed": do not change that.
        seen: boards filmed for the lens alone.
    """

    fisheye: bool = False
    models: tuple[LensModel, ...] = ()
    given: Float[Array, "9"] | None = None
    use: str = "estimate"
    seen: Seen | None = None

    @property
    def candidates(self) -> tuple[LensModel, ...]:
        if self.fisheye:
            return ("fisheye",)
        return self.models or PINHOLE_MODELS


@dataclass(frozen=True, eq=False)
class Start:
    """What the adjustment begins with, of the cameras that can be calibrated.

    Attributes:
        names, sizes: of the cameras.
        own: what their own views tell of their lenses; None where they were not asked.
        intrinsics: (camera, 9).
        models: of the lenses.
        open: whether the model may be another one, per camera.
        known: what is known of them before.
        views, frames: the views used, and the numbers of their frames.
        candidates: where the board may be in each view.
        left_out: cameras that cannot be calibrated, and why.
        doubts: what may be wrong with the settings.
    """

    names: list[str]
    sizes: list[tuple[int, int]]
    own: list[OwnLens | None]
    intrinsics: Float[Array, "camera 9"]
    models: list[LensModel]
    open: list[bool]
    known: list[KnownLens | None]
    views: Views
    frames: NDArray[np.int64]
    candidates: Candidates
    left_out: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    @property
    def fisheye(self) -> tuple[bool, ...]:
        return tuple(model == "fisheye" for model in self.models)


@dataclass(frozen=True, eq=False)
class _Lens:
    own: OwnLens | None
    intrinsics: Float[Array, "9"]
    model: LensModel
    known: KnownLens | None
    doubt: str | None
    open: bool = False


def prepare(
    seen: Mapping[str, Seen], points: Float[Array, "corner 3"], lenses: Mapping[str, LensSettings]
) -> Start:
    """The largest connected part of the rig, ready to be adjusted; who is not in it, and why.

    Args:
        seen: by name of camera, in order.

    Raises:
        CalibrationError: a camera films mirrored boards, or of several cameras no two are left.
    """
    boards = {name: usable_views(one, points) for name, one in seen.items()}
    at_least = min(2, len(seen))
    left_out = {
        name: few_boards(one)
        for name, one in boards.items()
        if len(one.frames) < (1 if _is_given(lenses[name]) else MIN_VIEWS)
    }
    if len(boards) - len(left_out) < at_least:
        require_boards(boards, list(left_out))
    names = [name for name in boards if name not in left_out]
    found: dict[str, _Lens] = {}
    for name in names:
        lens = _lens(name, boards[name], points, lenses[name])
        if lens is None:
            left_out[name] = no_flat_boards()
        else:
            found[name] = lens
    if len(found) < at_least:
        require_flat_boards([name for name in names if name not in found])
    names = list(found)
    start = _start(names, boards, points, found)
    counts = np.bincount(start.views.camera, minlength=len(names))
    none = [name for name, count in zip(names, counts, strict=True) if not count]
    if none:
        if len(names) - len(none) < at_least:
            require_flat_boards(none)
        left_out |= dict.fromkeys(none, no_flat_boards())
        names = [name for name in names if name not in none]
        start = _start(names, boards, points, found)
    require_unmirrored(names, start.views, _seen_from_behind(start.candidates, points))
    shared = shared_frames(start.views, len(names))
    groups = connected_groups(shared)
    largest = max(groups, key=lambda group: (len(group), int(shared[group, group].sum())))
    if len(largest) < at_least:
        require_links(names, start.views, start.frames)
    if len(groups) > 1:
        left_out |= unlinked(names, start.views, start.frames, shared, largest)
        names = [names[camera] for camera in largest]
        start = _start(names, boards, points, found)
    doubts = tuple(found[name].doubt or "" for name in names if found[name].doubt)
    return replace(start, left_out={name: left_out[name] for name in seen if name in left_out}, doubts=doubts)


def _is_given(settings: LensSettings) -> bool:
    return settings.use != "estimate" and (settings.given is not None or settings.seen is not None)


def usable_views(seen: Seen, points: Float[Array, "corner 3"]) -> Seen:
    """Only views that fix a homography, in order."""
    order = np.argsort(seen.frames, kind="stable")
    corners = seen.corners[order]
    corners = np.where(np.isfinite(corners).all(axis=-1, keepdims=True), corners, np.nan)
    good = np.array(
        [fixes_homography(points[np.isfinite(view[:, 0])], n_corners=len(points)) for view in corners], bool
    )
    return replace(seen, frames=seen.frames[order][good], corners=corners[good])


def _lens(name: str, seen: Seen, points: Array, settings: LensSettings) -> _Lens | None:
    """The lens of a camera, as far as it is known before the cameras are adjusted together."""
    size, fisheye = seen.size, settings.fisheye
    if settings.given is not None and settings.use != "estimate":
        model = _model_of(settings.given, settings)
        if settings.use == "fixed":
            return _Lens(None, settings.given, model, KnownLens(settings.given, None), None)
        return _Lens(None, settings.given, model, to_refine(settings.given, size, fisheye=fisheye), None)
    apart = None if settings.seen is None else usable_views(settings.seen, points)
    of_lens = seen if apart is None or len(apart.frames) < MIN_VIEWS else apart
    chosen = views_to_start_from(of_lens.corners, points, size, fisheye=fisheye)
    if len(chosen) < MIN_VIEWS:
        return None
    own = estimate_intrinsics(chosen, points, size, models=settings.candidates)
    doubt = _doubt_of_kind(name, own, chosen, points, size)
    known = None if of_lens is seen and settings.use != "refine" else as_known(own, own.model)
    if settings.use == "fixed":
        known = KnownLens(own.intrinsics, None)
    is_open = known is None and not settings.models and not fisheye
    return _Lens(own, own.intrinsics, own.model, known, doubt, is_open)


def _model_of(intrinsics: Float[Array, "9"], settings: LensSettings) -> LensModel:
    """The model that is asked for, or else the smallest that has the coefficients."""
    if len(settings.candidates) == 1:
        return settings.candidates[0]
    return PINHOLE_MODELS[1 if intrinsics[6:].any() else 0]


def _doubt_of_kind(
    name: str, own: OwnLens, corners: Array, points: Array, size: tuple[int, int]
) -> str | None:
    """Whether the other kind of lens fits views held out much better."""
    fisheye = own.model == "fisheye"
    is_wide = max(size) >= MIN_WIDTH_OF_FISHEYE * 2 * own.intrinsics[FX]
    if not fisheye and not is_wide:
        return None
    other = estimate_intrinsics(corners, points, size, models=PINHOLE_MODELS if fisheye else ("fisheye",))
    if not other.held_out < OTHER_KIND_IS_BETTER * own.held_out:
        return None
    word, other_word = ("true", "false") if fisheye else ("false", "true")
    was, would = np.sqrt(own.held_out), np.sqrt(other.held_out)
    return (
        f"camera {name}: fisheye = {word} leaves {was:.2f} px in views held out, fisheye = {other_word} only "
        f"{would:.2f} px; set fisheye = {other_word} in [cameras.{name}] of config.toml"
    )


def _start(
    names: Sequence[str], boards: Mapping[str, Seen], points: Array, found: Mapping[str, _Lens]
) -> Start:
    lenses = [found[name] for name in names]
    intrinsics = np.stack([lens.intrinsics for lens in lenses])
    models = [lens.model for lens in lenses]
    views, frames = views_of([boards[name] for name in names])
    views, frames, candidates = board_candidates(
        views, frames, points, intrinsics, tuple(model == "fisheye" for model in models)
    )
    return Start(
        names=list(names),
        sizes=[boards[name].size for name in names],
        own=[lens.own for lens in lenses],
        intrinsics=intrinsics,
        models=models,
        open=[lens.open for lens in lenses],
        known=[lens.known for lens in lenses],
        views=views,
        frames=frames,
        candidates=candidates,
    )


def views_of(seen: Sequence[Seen]) -> tuple[Views, NDArray[np.int64]]:
    """All views in order of camera and frame, and the numbers of the frames."""
    frames = np.unique(np.concatenate([one.frames for one in seen]))
    camera, frame, corners = [], [], []
    for number, one in enumerate(seen):
        camera.append(np.full(len(one.frames), number))
        frame.append(np.searchsorted(frames, one.frames))
        corners.append(one.corners)
    return Views(np.concatenate(camera), np.concatenate(frame), np.concatenate(corners)), frames


def board_candidates(
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
