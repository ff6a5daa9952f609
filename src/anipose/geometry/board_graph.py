"""Where the cameras are, from the boards that pairs of them saw at the same time.

Every pose of a board in a camera is a list of candidates, because a small or distant board looks nearly
the same mirrored, and a symmetric one the same turned round: what agrees over frames and cameras is true.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.geometry.bundle import Rig, Views, residuals
from anipose.geometry.transforms import align_rigid, compose, inverse, rigid

Array = NDArray[np.float64]

# Poses agree if they differ by about this: radians, and translation over the distance of the board. The
# second is for the mean of those that do.
AGREEMENT, FINE_AGREEMENT = 0.1, 0.03
# More frames of a pair add nothing to a start for the bundle adjustment.
MAX_FRAMES_PER_PAIR = 60
# A candidate is judged by so many corners, evenly chosen, and by errors up to this.
JUDGED_CORNERS = 16
GROSS_PX = 50.0


@dataclass(frozen=True, eq=False)
class Candidates:
    """Possible poses of the board in the camera of a view.

    Attributes:
        view: (candidate,), rising.
        cam_from_board: (candidate, 3, 4).
    """

    view: Int[NDArray[np.int64], "candidate"]
    cam_from_board: Float[Array, "candidate 3 4"]


def board_symmetries(
    points: Float[Array, "corner 3"], symmetries: Int[NDArray[np.int64], "symmetry corner"]
) -> Float[Array, "symmetry 3 4"]:
    """The rigid motion of each renumbering: it takes corner i to where corner symmetries[., i] is."""
    return np.stack([rigid(*align_rigid(points, points[numbers])) for numbers in symmetries])


def shared_frames(views: Views, n_cameras: int) -> Int[NDArray[np.int64], "camera camera"]:
    """In how many frames each pair of cameras sees the board together; on the diagonal, each one alone."""
    seen = np.zeros((n_cameras, int(views.frame.max(initial=-1)) + 1), int)
    seen[views.camera, views.frame] = 1
    return seen @ seen.T


def connected_groups(links: Int[NDArray[np.int64], "camera camera"]) -> list[list[int]]:
    """Cameras that are linked, directly or through others; the group of the first camera first."""
    groups: list[list[int]] = []
    for camera in range(len(links)):
        if any(camera in group for group in groups):
            continue
        group, new = {camera}, [camera]
        while new:
            new = [int(c) for c in np.flatnonzero((links[new] > 0).any(0)) if c not in group]
            group.update(new)
        groups.append(sorted(group))
    return groups


def place_cameras(
    views: Views, candidates: Candidates, symmetries: Float[Array, "symmetry 3 4"], n_cameras: int
) -> Float[Array, "camera 3 4"]:
    """cam_from_world of all cameras; the first is the world. All must be connected.

    Pairs are joined along the maximum spanning tree of the support that their relative poses have.
    """
    starts = np.searchsorted(candidates.view, np.arange(len(views.camera) + 1))
    seen: list[dict[int, Array]] = [{} for _ in range(n_cameras)]
    for view, (camera, frame) in enumerate(zip(views.camera, views.frame, strict=True)):
        seen[camera][int(frame)] = candidates.cam_from_board[starts[view] : starts[view + 1]]
    relative: dict[tuple[int, int], Array] = {}
    support = np.zeros((n_cameras, n_cameras))
    for a in range(n_cameras):
        for b in range(a + 1, n_cameras):
            found = _relative_pose(seen[a], seen[b], symmetries)
            if found is not None:
                relative[a, b], relative[b, a] = found[0], inverse(found[0])
                support[a, b] = support[b, a] = found[1]
    poses = np.tile(np.eye(3, 4), (n_cameras, 1, 1))
    placed = np.zeros(n_cameras, bool)
    placed[0] = True
    while not placed.all():
        best = np.where(placed[:, None] & ~placed, support, -1.0)
        a, b = divmod(int(np.argmax(best)), n_cameras)
        poses[b] = compose(relative[a, b], poses[a])
        placed[b] = True
    return poses


def _relative_pose(
    a: Mapping[int, Array], b: Mapping[int, Array], symmetries: Array
) -> tuple[Float[Array, "3 4"], float] | None:
    """b_from_a that most frames agree with, and how many do.

    Args:
        a, b: possible poses of the board, (candidate, 3, 4), by frame.
    """
    frames = np.array(sorted(a.keys() & b.keys()), int)
    if len(frames) > MAX_FRAMES_PER_PAIR:
        frames = frames[np.linspace(0, len(frames) - 1, MAX_FRAMES_PER_PAIR).astype(int)]
    possible: list[Array] = []
    group: list[NDArray[np.int64]] = []
    distances: list[np.floating] = []
    for frame in frames:
        in_a, in_b = a[int(frame)], b[int(frame)]
        if not (len(in_a) and len(in_b)):
            continue
        turned = compose(in_b[:, None], symmetries[None]).reshape(-1, 3, 4)
        both = compose(turned[:, None], inverse(in_a)[None]).reshape(-1, 3, 4)
        possible.append(both)
        group.append(np.full(len(both), len(group)))
        distances += [np.linalg.norm(in_a[0, :, 3]), np.linalg.norm(in_b[0, :, 3])]
    if not possible:
        return None
    poses, of_frame = np.concatenate(possible), np.concatenate(group)
    scale = float(np.median(distances))
    starts = np.flatnonzero(np.diff(of_frame, prepend=-1))
    agreement = _agreement(poses, poses, scale, AGREEMENT)
    votes = np.maximum.reduceat(agreement, starts, axis=1).sum(1)
    pose = poses[np.argmax(votes)]
    for width in (AGREEMENT, FINE_AGREEMENT, FINE_AGREEMENT):
        weight = _agreement(pose[None], poses, scale, width)[0]
        if weight.sum() < 1e-6:
            break
        pose = _mean_pose(poses, weight)
    return pose, float(votes.max())


def _agreement(a: Array, b: Array, scale: float, width: float) -> Float[Array, "a b"]:
    """1 for equal poses, falling to 0 where they differ by more than `width` (Geman-McClure's weight)."""
    angle2 = ((a[:, None, :, :3] - b[None, :, :, :3]) ** 2).sum((2, 3)) / 2
    shift2 = ((a[:, None, :, 3] - b[None, :, :, 3]) ** 2).sum(2) / scale**2
    weight: Array = 1 / (1 + (angle2 + shift2) / width**2) ** 2
    return weight


def _mean_pose(poses: Array, weight: Array) -> Float[Array, "3 4"]:
    """Weighted mean translation, and the rotation nearest to the weighted mean matrix."""
    mean = np.tensordot(weight / weight.sum(), poses, 1)
    left, _, right = np.linalg.svd(mean[:, :3])
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return rigid((left * signs) @ right, mean[:, 3])


def place_boards(
    rig: Rig,
    views: Views,
    points: Float[Array, "corner 3"],
    candidates: Candidates,
    symmetries: Int[NDArray[np.int64], "symmetry corner"],
) -> tuple[Float[Array, "frame 3 4"], Int[NDArray[np.int64], "view"]]:
    """world_from_board of each frame: the candidate that fits all its views best; and how each view of
    it is numbered.

    Every frame must have a candidate.
    """
    motions = board_symmetries(points, symmetries)
    cameras = views.camera[candidates.view]
    world_from_board = compose(inverse(rig.cam_from_world[cameras]), candidates.cam_from_board)
    world_from_board = compose(world_from_board[:, None], motions[None]).reshape(-1, 3, 4)
    frame = np.repeat(views.frame[candidates.view], len(motions))
    candidate, view = _pairs_in_frame(frame, views.frame)
    trial = world_from_board[candidate]
    errors = np.stack([_median_errors(rig, views, points, trial, view, numbers) for numbers in symmetries])
    total = np.bincount(candidate, errors.min(0), len(frame))
    order = np.lexsort((np.arange(len(frame)), total, frame))
    best = order[np.flatnonzero(np.diff(frame[order], prepend=-1))]
    chosen = np.isin(candidate, best)
    numbering = np.zeros(len(views.frame), int)
    numbering[view[chosen]] = errors[:, chosen].argmin(0)
    return world_from_board[best], numbering


def _pairs_in_frame(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs (i, j) with first[i] == second[j]."""
    order = np.argsort(second, kind="stable")
    start = np.searchsorted(second[order], first, "left")
    count = np.searchsorted(second[order], first, "right") - start
    i = np.repeat(np.arange(len(first)), count)
    within = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
    return i, order[np.repeat(start, count) + within]


def _median_errors(
    rig: Rig,
    views: Views,
    points: Array,
    world_from_board: Float[Array, "pair 3 4"],
    view: Int[NDArray[np.int64], "pair"],
    numbers: Int[NDArray[np.int64], "corner"],
) -> Float[Array, "pair"]:
    """Median reprojection error of a view under a pose, its corners being renumbered, at most GROSS_PX."""
    judged = np.linspace(0, len(points) - 1, min(JUDGED_CORNERS, len(points))).astype(int)
    corners = views.corners[view][:, judged]
    trial = Views(views.camera[view], np.arange(len(view)), corners)
    moved = Rig(rig.intrinsics, rig.fisheye, rig.cam_from_world, world_from_board)
    errors = np.linalg.norm(residuals(moved, trial, points[numbers[judged]]), axis=-1)
    seen = np.isfinite(corners[..., 0])
    errors = np.where(seen, np.minimum(np.where(np.isfinite(errors), errors, GROSS_PX), GROSS_PX), np.nan)
    errors[~seen.any(1)] = GROSS_PX
    result: Array = np.nanmedian(errors, axis=1)
    return result
