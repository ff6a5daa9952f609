"""Where cameras with known lenses are, from nothing but points that they see: structure from motion.

1. The pair of cameras that sees most points together, and from directions that differ, is placed by its
essential matrix. 2. Camera by camera, the one that sees most of the points found so far is placed by them.
3. All are adjusted together, after each step. Wrong points are left out by consensus of random samples.
The distance between the first two cameras is 1.

References:
    Hartley & Zisserman, Multiple View Geometry, 2nd ed., algorithms 7.1 (resection) and 11.4 (consensus).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.animal_calibration import (
    LEAST_IN_FRONT,
    MOST_HELD_OUT,
    MOST_POINTS,
    AnimalCalibration,
    fit_freely,
    held_out_error,
    scale_of,
)
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.point_bundle import in_other_world
from anipose.geometry.point_choice import LEAST_POINTS, Chosen, Tracked, choose, split_in_time
from anipose.geometry.triangulation import triangulate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAMPLES, SEED = 500, 0
# A point agrees with a camera up to so many pixels: what trackers are off by, now and then.
AGREES_PX = 8.0
# Points that are seen from directions that differ by less than this tell little of their distance, radians.
WIDE_ENOUGH = np.deg2rad(40)
# Points that fit no better than this, as a part of the longer side of the picture, are not of these cameras.
MOST_ERROR = 0.01


def calibrate_with_animal_alone(
    cameras: Cameras, tracked: Tracked, *, lengths: Sequence[tuple[int, int, float]]
) -> AnimalCalibration:
    """Find where cameras are of which the lenses alone are known; the first is the world.

    Args:
        cameras: those with the lenses, wherever they are.
        tracked: of the same cameras, in their order.
        lengths: known distances, (keypoint, keypoint, length), at least one.

    Raises:
        CalibrationError: there are too few points, or they do not fit together.
    """
    if not lengths:
        raise CalibrationError(
            "the calibration to start from has all cameras at one place, so it tells no scale. Say how long "
            "a limb is: calibration.animal_lengths = [[keypoint, keypoint, length]]"
        )
    fitted_from, held_out = split_in_time(tracked)
    found = place_cameras(cameras, choose(cameras, fitted_from, MOST_POINTS))
    after, in_front = held_out_error(found, choose(found, held_out, MOST_HELD_OUT))
    most = MOST_ERROR * max(max(camera.size) for camera in cameras)
    if in_front < LEAST_IN_FRONT or after > most:
        raise CalibrationError(
            "the tracked points do not tell where the cameras are: in frames that were held out, they are "
            f"{after:.1f} px off as a median (at most {most:.1f} px could be right), and "
            f"{100 * (1 - in_front):.0f} % of them lie behind the cameras. Are the lenses those of these "
            "cameras, and the videos in step? Film a board instead"
        )
    chosen = choose(found, tracked, MOST_POINTS)
    found = fit_freely(found, chosen)
    first = found.cameras[0]
    found = in_other_world(found, 1.0, first.rotation_matrix, first.translation)
    scale = scale_of(found, tracked, lengths)
    found = in_other_world(found, scale, np.eye(3), np.zeros(3))
    return AnimalCalibration(found, None, after, {}, {}, chosen.weight.shape[1], scale)


def place_cameras(cameras: Cameras, seen: Chosen) -> Cameras:
    """The cameras where the points say, in a world of which nothing is known.

    Raises:
        CalibrationError: no two cameras can be placed, or one sees too few of the points of the others.
    """
    rays = cameras.undistort(seen.pixels)
    placed = _first_pair(cameras, rays)
    while len(placed) < len(cameras):
        rig = Cameras(tuple(placed.values()))
        points = triangulate(rig, seen.pixels[list(placed)])
        there = np.isfinite(points).all(axis=-1)
        shared = {
            number: int((there & np.isfinite(rays[number, :, 0])).sum())
            for number in range(len(cameras))
            if number not in placed
        }
        number = max(shared, key=lambda key: shared[key])
        camera = cameras.cameras[number]
        if shared[number] < LEAST_POINTS:
            raise CalibrationError(
                f"camera {camera.name} sees only {shared[number]} of the points that "
                f"{', '.join(rig.names)} see, too; {LEAST_POINTS} are needed to tell where it is"
            )
        placed[number] = _resected(camera, points, rays[number])
        numbers = sorted(placed)
        together = Chosen(seen.pixels[numbers], seen.weight[numbers], seen.keypoint)
        rig = fit_freely(Cameras(tuple(placed[one] for one in numbers)), together)
        placed = dict(zip(numbers, rig, strict=True))
    return replace(cameras, cameras=tuple(placed[number] for number in range(len(cameras))))


def _first_pair(cameras: Cameras, rays: Float[Array, "camera point 2"]) -> dict[int, Camera]:
    best: tuple[float, dict[int, Camera]] = (0.0, {})
    for one, other in combinations(range(len(cameras)), 2):
        both = np.isfinite(rays[[one, other]]).all(axis=(0, 2))
        if both.sum() < LEAST_POINTS:
            continue
        a, b = rays[one, both], rays[other, both]
        limit = AGREES_PX / float(np.mean([cameras.cameras[n].matrix[0, 0] for n in (one, other)]))
        essential, agree = _essential(a, b, limit)
        for rotation, translation in _motions(essential):
            pair = {
                one: cameras.cameras[one].with_pose(np.eye(3), np.zeros(3)),
                other: cameras.cameras[other].with_pose(rotation, translation),
            }
            plain = Cameras(tuple(_pinhole(camera) for camera in pair.values()))
            points = triangulate(plain, np.stack([a[agree], b[agree]]))
            front = np.isfinite(points).all(axis=-1)
            worth = float(front.sum()) * min(_angle(plain, points[front]), WIDE_ENOUGH)
            if worth > best[0]:
                best = (worth, pair)
    if not best[1]:
        raise CalibrationError(
            f"no two cameras see {LEAST_POINTS} tracked points together that tell where they are"
        )
    return best[1]


def _essential(
    a: Float[Array, "point 2"], b: Float[Array, "point 2"], limit: float
) -> tuple[Float[Array, "3 3"], Bool[Mask, "point"]]:
    return _consensus(
        len(a), 8, lambda rows: _essentials(a[rows], b[rows]), lambda found: _sampson(found, a, b), limit
    )


def _pinhole(camera: Camera) -> Camera:
    """For which pixels are normalised coordinates."""
    return replace(camera, matrix=np.eye(3), distortions=np.zeros(0), fisheye=False)


def _angle(pair: Cameras, points: Float[Array, "point 3"]) -> float:
    """Median angle between the directions in which two cameras see points."""
    if not len(points):
        return 0.0
    towards = [points - camera.center for camera in pair]
    a, b = (direction / np.linalg.norm(direction, axis=-1, keepdims=True) for direction in towards)
    return float(np.median(np.arccos(np.clip((a * b).sum(axis=-1), -1, 1))))


def _consensus(
    count: int,
    size: int,
    solve: Callable[[NDArray[np.int64]], Array],
    distances: Callable[[Array], Array],
    limit: float,
) -> tuple[Array, Bool[Mask, "point"]]:
    """The model of a random sample that explains most points within the limit, and which these are."""
    rng = np.random.default_rng(SEED)
    rows = np.argsort(rng.random((SAMPLES, count)), axis=1)[:, :size]
    models = solve(rows)
    costs = [float(np.minimum(distances(model), limit).sum()) for model in models]
    model = models[int(np.argmin(costs))]
    agree = distances(model) < limit
    if agree.sum() >= size:
        better = solve(np.flatnonzero(agree)[None])[0]
        if np.minimum(distances(better), limit).sum() < min(costs):
            model, agree = better, distances(better) < limit
    return model, agree


def _essentials(
    a: Float[Array, "sample point 2"], b: Float[Array, "sample point 2"]
) -> Float[Array, "sample 3 3"]:
    """b' E a = 0 in the least-squares sense, with two equal singular values and one 0."""
    ones = np.ones((*a.shape[:2], 1))
    a, b = np.concatenate([a, ones], axis=-1), np.concatenate([b, ones], axis=-1)
    rows = (b[..., :, None] * a[..., None, :]).reshape(*a.shape[:2], 9)
    _, _, vectors = np.linalg.svd(rows.swapaxes(1, 2) @ rows)
    left, _, right = np.linalg.svd(vectors[:, -1].reshape(-1, 3, 3))
    found: Array = left @ np.diag([1.0, 1, 0]) @ right
    return found


def _sampson(essential: Float[Array, "3 3"], a: Float[Array, "point 2"], b: Float[Array, "point 2"]) -> Array:
    """Distance of both points from the curve on which they fit, to first order."""
    a, b = (np.concatenate([x, np.ones((len(x), 1))], axis=-1) for x in (a, b))
    along_b, along_a = a @ essential.T, b @ essential
    size = np.sqrt((along_a[:, :2] ** 2).sum(axis=-1) + (along_b[:, :2] ** 2).sum(axis=-1))
    distance: Array = np.abs((b * along_b).sum(axis=-1)) / np.maximum(size, 1e-12)
    return distance


def _motions(essential: Float[Array, "3 3"]) -> list[tuple[Array, Array]]:
    """The four rotations and translations (of length 1) of an essential matrix."""
    left, _, right = np.linalg.svd(essential)
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turns = [left @ turn @ right for turn in (quarter, quarter.T)]
    turns = [turn * np.sign(np.linalg.det(turn)) for turn in turns]
    return [(turn, sign * left[:, 2]) for turn in turns for sign in (1, -1)]


def _resected(camera: Camera, points: Float[Array, "point 3"], rays: Float[Array, "point 2"]) -> Camera:
    """The camera where it sees the points in the directions of its rays."""
    good = np.isfinite(points).all(axis=-1) & np.isfinite(rays).all(axis=-1)
    points, rays = points[good], rays[good]
    limit = AGREES_PX / float(camera.matrix[0, 0])

    def distances(pose: Float[Array, "3 4"]) -> Array:
        there = points @ pose[:, :3].T + pose[:, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.linalg.norm(there[:, :2] / there[:, 2:] - rays, axis=-1)
        return np.where((there[:, 2] > 0) & np.isfinite(off), off, np.inf)

    pose, _ = _consensus(len(points), 6, lambda rows: _poses(points[rows], rays[rows]), distances, limit)
    return camera.with_pose(pose[:, :3], pose[:, 3])


def _poses(
    points: Float[Array, "sample point 3"], rays: Float[Array, "sample point 2"]
) -> Float[Array, "sample 3 4"]:
    """Poses from the linear equations (x P2 - P0) X = 0 and (y P2 - P1) X = 0, made rigid."""
    centre, size = points.mean(axis=1, keepdims=True), points.std()
    homogeneous = np.concatenate([(points - centre) / size, np.ones((*points.shape[:2], 1))], axis=-1)
    zero = np.zeros_like(homogeneous)
    x, y = rays[..., :1] * homogeneous, rays[..., 1:] * homogeneous
    across, down = (-homogeneous, zero, x), (zero, -homogeneous, y)
    rows = np.concatenate([np.concatenate(equations, axis=-1) for equations in (across, down)], axis=1)
    _, _, vectors = np.linalg.svd(rows.swapaxes(1, 2) @ rows)
    found = vectors[:, -1].reshape(-1, 3, 4)
    found = found * np.sign(np.linalg.det(found[:, :, :3]))[:, None, None]
    left, lengths, right = np.linalg.svd(found[:, :, :3])
    rotation = left @ right
    translation = found[:, :, 3] / lengths.mean(axis=-1, keepdims=True) * size
    translation -= (rotation @ centre[:, 0, :, None])[..., 0]
    return np.concatenate([rotation, translation[..., None]], axis=-1)
