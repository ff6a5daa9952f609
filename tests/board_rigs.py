"""Rigs of cameras that film a board, with a known answer: how well they can be calibrated, or why not.

Everything is drawn from a generator with a seed. The bound is Cramér and Rao's: the covariance at the
truth, as if all corners were right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from anipose.arrays import NDArray
from anipose.boards import CharucoBoard
from anipose.geometry.board_errors import intrinsics_of
from anipose.geometry.board_views import Seen, fixes_homography
from anipose.geometry.bundle import Loss, Rig, Views, cauchy, covariance
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.intrinsics import lens_freedom
from anipose.geometry.transforms import compose, inverse, looking_at, rigid, rotation_matrix, rotation_vector

Array = NDArray[np.float64]

BOARD = CharucoBoard(10, 7, 25.0, 18.75, 4, 50)
NOISE_PX = 0.3
SIZE = (1280, 1024)
# A corner is found if the board is turned away by less than this (cosine); of those, so many are missing.
FACING, MISSING = 0.35, 0.05
# Two cameras that see a board at once are less than this apart, seen from the middle: radians.
MOST_APART = 2.2


@dataclass(frozen=True, eq=False)
class Scene:
    """Cameras, world_from_board of each frame, and what was seen."""

    cameras: Cameras
    boards: Float[Array, "frame 3 4"]
    seen: Mapping[str, Seen]


def make_cameras(layout: str, n: int, rng: np.random.Generator) -> Cameras:
    """Cameras 600 mm or so from the middle, and looking at it.

    Args:
        layout: "ring"; "wall", beside each other; "one-sided", on a third of a circle; "opposed", two
            groups, with a camera between them if they are on opposite sides; "parallel", a wall of cameras
            that all look the same way.
    """
    cameras = []
    face_to_face = n > 2 and rng.random() < 0.5
    for number in range(n):
        share = number / max(n - 1, 1) - 0.5
        angle = {
            "ring": 2 * np.pi * number / max(n, 3),
            "wall": 0.8 * share,
            "one-sided": 2.0 * share,
            "opposed": (np.pi if face_to_face else 1.9) * (number % 2) + 0.5 * share,
            "parallel": 0.0,
        }[layout]
        if layout == "opposed" and face_to_face and number == n - 1:
            angle = np.pi / 2
        angle += rng.normal(0, 0.03)
        distance = rng.uniform(550, 700)
        center = distance * np.array([np.cos(angle), np.sin(angle), rng.uniform(0.2, 0.7)])
        target = np.zeros(3)
        if layout == "parallel":
            target = np.array([0.0, 60 * (number - n / 2), 0.0])
            center = target + np.array([600.0, 0, 0]) + rng.normal(0, 3, 3)
        focal = rng.uniform(950, 1250)
        cx, cy = (np.array(SIZE) - 1) / 2 + rng.normal(0, 8, 2)
        lens = np.array([rng.uniform(-0.2, -0.05), rng.uniform(0, 0.08), 0, 0, 0])
        matrix = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]])
        camera = Camera(f"cam{number}", SIZE, matrix, lens)
        cameras.append(camera.with_pose(*looking_at(center, target)))
    return Cameras(tuple(cameras), {})


def film(
    cameras: Cameras,
    n_frames: int,
    rng: np.random.Generator,
    *,
    outliers: float,
    sweep: bool = False,
    points: Float[Array, "corner 3"] = BOARD.points,
) -> Scene:
    """A board held up in the middle, towards one pair of cameras after the other.

    Args:
        outliers: share of the corners that are up to 100 px off.
        sweep: the board is never tilted, only shifted in its plane.
        points: where the corners are on the board.
    """
    towards = np.array([-camera.rotation_matrix[2] for camera in cameras])
    pairs = np.argwhere(np.triu(towards @ towards.T > np.cos(MOST_APART)))
    boards = []
    for frame in range(n_frames):
        pair = pairs[frame % len(pairs)] if frame < len(pairs) else pairs[rng.integers(len(pairs))]
        turn = _facing(towards[0] if sweep else towards[pair].sum(0))
        place = rng.uniform(-130, 130, 3) * (1, 1, 0.7)
        if sweep:
            turn = turn @ rotation_matrix(np.array([0, 0, rng.uniform(-0.5, 0.5)]))
            place -= turn[:, 2] * (turn[:, 2] @ place)
        else:
            turn = turn @ rotation_matrix(rng.normal(0, 0.35, 3))
        boards.append(rigid(turn, place - turn @ BOARD.points.mean(0)))
    poses = np.array(boards)
    world = np.einsum("fij,kj->fki", poses[:, :, :3], points) + poses[:, None, :, 3]
    seen = {}
    for camera in cameras:
        corners = camera.project(world)
        facing = np.einsum("fj,j->f", poses[:, :, 2], camera.rotation_matrix[2]) > FACING
        inside = ((corners > 0) & (corners < np.array(SIZE))).all(-1) & facing[:, None]
        corners = np.where(inside[..., None], corners + rng.normal(0, NOISE_PX, corners.shape), np.nan)
        wrong = rng.random(corners.shape[:2]) < outliers
        corners[wrong] += rng.uniform(-100, 100, (int(wrong.sum()), 2))
        corners[rng.random(corners.shape[:2]) < MISSING] = np.nan
        frames = np.flatnonzero([fixes_homography(BOARD.points[np.isfinite(v[:, 0])]) for v in corners])
        seen[camera.name] = Seen(frames, corners[frames], SIZE, n_frames)
    return Scene(cameras, poses, seen)


def _facing(direction: Float[Array, "3"]) -> Float[Array, "3 3"]:
    """How a board is turned whose face looks in a direction; its z axis points away from there."""
    rotation, _ = looking_at(direction, np.zeros(3))
    return np.asarray(rotation.T)


def bound(scene: Scene, names: Sequence[str]) -> Float[Array, "camera 15"]:
    """Standard deviations at the truth, of the cameras named, with the first as the world."""
    cameras = scene.cameras.subset(names)
    frames = np.unique(np.concatenate([scene.seen[name].frames for name in names]))
    rig = Rig(
        np.stack([intrinsics_of(camera) for camera in cameras]),
        (False,) * len(names),
        compose(cameras.cam_from_world, inverse(cameras.cam_from_world[0])),
        compose(cameras.cam_from_world[0], scene.boards[frames]),
    )
    views = Views(
        np.concatenate([np.full(len(scene.seen[name].frames), i) for i, name in enumerate(names)]),
        np.concatenate([np.searchsorted(frames, scene.seen[name].frames) for name in names]),
        np.concatenate([scene.seen[name].corners for name in names]),
    )
    moving = np.arange(len(names)) > 0
    freedom = lens_freedom(rig.intrinsics, [SIZE] * len(names), ["k1 k2"] * len(names), moving=moving)
    freedom = replace(freedom, prior=rig.intrinsics)
    spread = covariance(
        rig, views, BOARD.points, freedom, loss=Loss(cauchy, 1e6), noise_px=np.full(len(names), NOISE_PX)
    )
    return np.asarray(np.sqrt(np.diagonal(spread, axis1=1, axis2=2)))


def errors(
    intrinsics: Float[Array, "camera 9"], poses: Float[Array, "camera 3 4"], truth: Cameras
) -> Float[Array, "camera 15"]:
    """Of the parameters, in their order as in `bound`."""
    true = compose(truth.cam_from_world, inverse(truth.cam_from_world[0]))
    found = compose(poses, inverse(poses[0]))
    turn = rotation_vector(found[:, :, :3] @ np.swapaxes(true[:, :, :3], 1, 2))
    of_lenses = intrinsics - np.stack([intrinsics_of(camera) for camera in truth])
    return np.concatenate([turn, found[:, :, 3] - true[:, :, 3], of_lenses], axis=1)


def only(seen: Seen, kept: NDArray[np.bool_] | Int[NDArray[np.int64], "kept"]) -> Seen:
    """Some of the views."""
    return replace(seen, frames=seen.frames[kept], corners=seen.corners[kept])
