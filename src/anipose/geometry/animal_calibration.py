"""Cameras calibrated anew from keypoints that were tracked in several of them.

The lenses stay as they are. A board is seen to a fraction of a pixel, a keypoint to several, and trackers err
alike in all frames: what they take for the knee from the left is not what they take for it from the right.
Cameras that are free to fit this go astray by many degrees, with ever smaller errors. So each camera is
expected where the calibration before has it, give or take little, or else anywhere (Cauchy's distribution);
and points of a keypoint count as no more than their errors differ. How far each keypoint is off in each
camera is no unknown, since it changes with the attitude of the animal: with such unknowns, cameras of a real
mouse that were right turned by 8 degrees.

1. Some of the points are chosen, evenly over the volume, the time and the sets of cameras that see them;
   every fourth stretch of time is held out. 2. All cameras and points together, robustly. 3. The result has
   to explain what was held out better than the calibration before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.errors import CalibrationError
from anipose.geometry.bundle import Loss, geman_mcclure
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.held_out import figure
from anipose.geometry.intrinsics import noise_of
from anipose.geometry.point_bundle import (
    N_POSE,
    Prior,
    Seen,
    adjust,
    fitted_world,
    in_other_world,
    steps_between,
)
from anipose.geometry.point_choice import Chosen, Tracked, choose, split_in_time
from anipose.geometry.resection import placed_by_points
from anipose.geometry.transforms import cross_matrix, rotation_vector
from anipose.geometry.triangulation import reprojection_errors, triangulate, triangulate_robust

Array = NDArray[np.float64]

# More points than this make the result better by less than a tenth of the noise of one of them.
MOST_POINTS, MOST_HELD_OUT = 4000, 3000
# Of these, about so many tell where the world is.
WORLD_POINTS = 400
# An observation counts for ever less from so many standard deviations on.
ROBUST_SCALES, NEAR_SCALES = (30.0, 10.0), (10.0, 5.0, 5.0)
# A view farther than this many standard deviations is no part of the point that the others make.
GROSS = 6.0
# So many cameras are tried elsewhere, each if the noise becomes less than this part of what it was.
MOST_MOVED, BETTER = 2, 0.8
# Views farther than this from each other make no point, where one camera is to be placed by the others.
APART_PX = 50.0
# Points that come out in front of the cameras, at least; the others are gross errors of the tracker.
LEAST_IN_FRONT = 0.9
# If fewer of the points come out at any place, the cameras are not there.
LEAST_PLACED = 0.3
# How far a camera is off that nobody has moved: by its direction, and by its place, over the distance to the
# animal. What is off by much more has been moved, and how far then hardly matters.
TURN_SD, PLACE_SD = np.deg2rad(0.25), 0.002
# ... up to ten times as far: points that tell little must not send a camera anywhere.
LEAST_WEIGHT = 0.01


@dataclass(frozen=True, eq=False)
class AnimalCalibration:
    """What came of it.

    Attributes:
        cameras: calibrated anew.
        error_before: median reprojection error in stretches of time that were held out, pixels; None if
            nothing was known of where the cameras are.
        error_after: the same with the new calibration.
        turned_deg: how far each camera was turned, by its name.
        moved: how far each camera was moved, in the unit of the calibration.
        n_points: how many points it was calibrated from.
        scale: by what all lengths were changed because of known lengths; 1 if there are none.
    """

    cameras: Cameras
    error_before: float | None
    error_after: float
    turned_deg: Mapping[str, float]
    moved: Mapping[str, float]
    n_points: int
    scale: float


def calibrate_with_animal(
    cameras: Cameras, tracked: Tracked, *, lengths: Sequence[tuple[int, int, float]] = ()
) -> AnimalCalibration:
    """Calibrate cameras anew from tracked points.

    Args:
        cameras: the calibration before.
        tracked: of the same cameras, in their order.
        lengths: known distances, (keypoint, keypoint, length). Without, the scale stays.

    Raises:
        CalibrationError: there are too few points, or the result is no better than what was there.
    """
    fitted_from, held_out = split_in_time(tracked)
    first = fit(cameras, choose(cameras, fitted_from, MOST_POINTS))
    judged = choose(cameras, held_out, MOST_HELD_OUT)
    before, _ = held_out_error(cameras, judged)
    after, in_front = held_out_error(first, judged)
    require_better(before, after, in_front)
    chosen = choose(cameras, tracked, MOST_POINTS)
    found = fit(cameras, chosen)
    scale = scale_of(found, tracked, lengths)
    found = in_other_world(found, scale, np.eye(3), np.zeros(3))
    return AnimalCalibration(
        cameras=found,
        error_before=before,
        error_after=after,
        turned_deg={old.name: turn_deg(old, new) for old, new in zip(cameras, found, strict=True)},
        moved={old.name: _move(old, new, scale) for old, new in zip(cameras, found, strict=True)},
        n_points=chosen.weight.shape[1],
        scale=scale,
    )


def turn_deg(before: Camera, after: Camera) -> float:
    turn = rotation_vector(after.rotation_matrix @ before.rotation_matrix.T)
    return float(np.rad2deg(np.linalg.norm(turn)))


def _move(before: Camera, after: Camera, scale: float) -> float:
    return float(np.linalg.norm(after.center / scale - before.center))


def fit(cameras: Cameras, seen: Chosen) -> Cameras:
    """The cameras that explain the points best, and are where they were as far as that leaves open.

    From several starts: the cameras as they are, with one or two put where the points of the others say, and
    as they explain the points best whatever was before. The most probable result is taken.
    """
    centre = np.nanmedian(triangulate(cameras, seen.pixels), axis=0)
    # About the points, turns and shifts of a camera are told apart well.
    before = in_other_world(cameras, 1.0, np.eye(3), -centre)
    starts = (before, *_with_some_moved(before, seen), fit_freely(before, seen))
    found = [_fit_near(before, start, seen) for start in starts]
    best = found[int(np.argmin(_improbability(before, found, seen)))]
    return in_other_world(best, 1.0, np.eye(3), centre)


def _with_some_moved(cameras: Cameras, seen: Chosen) -> list[Cameras]:
    """With one camera, and then two, where the points of the others say, if that makes them fit better."""
    found = []
    noise = _points_used(cameras, seen)[2]
    for _ in range(min(MOST_MOVED, len(cameras) - 2)):
        candidates = [_with_one_moved(cameras, number, seen) for number in range(len(cameras))]
        noises = [_points_used(candidate, seen)[2] for candidate in candidates]
        best = int(np.argmin(noises))
        if not noises[best] < BETTER * noise:
            break
        cameras, noise = candidates[best], noises[best]
        found.append(cameras)
    return found


def _with_one_moved(cameras: Cameras, number: int, seen: Chosen) -> Cameras:
    others = np.arange(len(cameras)) != number
    rest = cameras.subset([name for place, name in enumerate(cameras.names) if place != number])
    points, _ = triangulate_robust(rest, seen.pixels[others], threshold_px=APART_PX)
    good = np.isfinite(points).all(axis=-1)
    moved = list(cameras)
    moved[number] = placed_by_points(moved[number], points[good], seen.pixels[number, good])
    return replace(cameras, cameras=tuple(moved))


def fit_freely(cameras: Cameras, seen: Chosen) -> Cameras:
    """The cameras that explain the points best."""
    for scale in ROBUST_SCALES:
        points, used, noise = _points_used(cameras, seen)
        if np.isinf(noise):
            break
        weighted, loss = Seen(used.pixels, used.weight / noise), Loss(geman_mcclure, scale)
        cameras, _ = adjust(cameras, points, weighted, loss=loss, tolerance=1e-4)
    return cameras


def _fit_near(before: Cameras, cameras: Cameras, seen: Chosen) -> Cameras:
    for number, scale in enumerate(NEAR_SCALES):
        points, used, noise = _points_used(cameras, seen)
        if np.isinf(noise):
            break
        world = fitted_world(cameras, before, points[:: max(1, len(points) // WORLD_POINTS)])
        cameras, points = in_other_world(cameras, *world), world[0] * points @ world[1].T + world[2]
        off = _off(before, steps_between(before, cameras))
        expected = (1 + N_POSE) / (1 + (off**2).sum(axis=-1)) + LEAST_WEIGHT
        weight = alike_in(cameras, points, used) * expected
        whitening = _whitening(before)
        prior = Prior(before, weight[:, None, None] * np.swapaxes(whitening, 1, 2) @ whitening)
        weighted, loss = Seen(used.pixels, used.weight / noise), Loss(geman_mcclure, scale)
        # At the end, what a step of 1e-7 would bring is a small part of what one observation costs.
        tolerance = 1e-4 if number < len(NEAR_SCALES) - 1 else 1e-7
        cameras, _ = adjust(cameras, points, weighted, loss=loss, prior=prior, tolerance=tolerance)
    return cameras


def _improbability(before: Cameras, found: Sequence[Cameras], seen: Chosen) -> Array:
    """Minus the logarithm of how probable each is, by what is left of errors and by how far cameras moved."""
    left = []
    for cameras in found:
        points, used, noise = _points_used(cameras, seen)
        left.append((noise, alike_in(cameras, points, used)))
    noises, alike = np.array(left).T
    n_free = 2 * np.count_nonzero(seen.weight) - 3 * seen.weight.shape[1]
    # Errors that are alike are one error; as there is but one truth, for all results equally many.
    of_points = n_free / np.exp(np.log(alike).mean()) * np.log(noises)
    moves = [(_off(before, steps_between(before, cameras)) ** 2).sum(axis=-1) for cameras in found]
    of_moves = (1 + N_POSE) / 2 * np.log1p(moves) + LEAST_WEIGHT / 2 * np.array(moves)
    improbability: Array = of_points + of_moves.sum(axis=-1)
    return improbability


def _points_used(cameras: Cameras, seen: Chosen) -> tuple[Float[Array, "point 3"], Chosen, float]:
    """The points that can be triangulated, what was seen of them, and the noise of that."""
    points = place(cameras, seen)
    good = np.isfinite(points).all(axis=-1)
    used = Chosen(seen.pixels[:, good], seen.weight[:, good], seen.keypoint[good])
    # Cameras that see nothing alike would have no errors.
    noise = noise_in(cameras, points[good], used) if good.mean() > LEAST_PLACED else np.inf
    return points[good], used, noise


def _whitening(cameras: Cameras) -> Float[Array, "camera 6 6"]:
    """Takes a turn and translation of a camera to how unusual they are, without a unit.

    With t = -R c, a turn d and a step s of t, the camera moves by d x t - s in its own axes.
    """
    found = np.zeros((len(cameras), N_POSE, N_POSE))
    for number, camera in enumerate(cameras):
        place = PLACE_SD * float(np.linalg.norm(camera.translation))
        found[number, :3, :3] = np.eye(3) / TURN_SD
        found[number, 3:, :3] = cross_matrix(camera.translation) / place
        found[number, 3:, 3:] = np.eye(3) / place
    return found


def _off(before: Cameras, steps: Float[Array, "camera 6"]) -> Float[Array, "camera 6"]:
    off: Array = (_whitening(before) @ steps[..., None])[..., 0]
    return off


def alike_in(cameras: Cameras, points: Float[Array, "point 3"], seen: Chosen) -> float:
    """How many points of a keypoint count as one, as their errors in a camera are alike.

    The variance of the sum of the errors of a keypoint, over what it would be if they were independent.
    """
    errors = cameras.project(points) - seen.pixels
    length = np.linalg.norm(errors, axis=-1)
    gross = ~(length < GROSS * noise_in(cameras, points, seen))
    errors[gross] = 0.0
    n_keypoints = int(seen.keypoint.max(initial=0)) + 1
    sums = np.zeros((n_keypoints, len(cameras), 2))
    np.add.at(sums, seen.keypoint, np.moveaxis(errors, 0, 1))
    return max(1.0, float((sums**2).sum() / max((errors**2).sum(), 1e-12)))


def place(cameras: Cameras, seen: Seen) -> Float[Array, "point 3"]:
    """Where the points are, without views that are grossly wrong."""
    noise = noise_in(cameras, triangulate(cameras, seen.pixels), seen)
    return triangulate_robust(cameras, seen.pixels, threshold_px=GROSS * noise)[0]


def noise_in(cameras: Cameras, points: Float[Array, "point 3"], seen: Seen) -> float:
    """Standard deviation of each coordinate of an observation with a score of 1.

    What is left of an error after a point was fitted to it is less by the three unknowns of the point.
    """
    errors = (cameras.project(points) - seen.pixels) * seen.weight[..., None]
    good = np.isfinite(errors).all(axis=-1)
    n_known, n_unknown = 2 * good.sum(), 3 * good.any(axis=0).sum()
    return noise_of(errors) / float(np.sqrt(max(1 - n_unknown / max(n_known, 1), 0.1)))


def held_out_error(cameras: Cameras, seen: Seen) -> tuple[float, float]:
    """Median reprojection error of points triangulated from all their views, and the share in front."""
    points = triangulate(cameras, seen.pixels)
    errors = reprojection_errors(cameras, points, seen.pixels)
    good = np.isfinite(errors)
    in_front = float(np.isfinite(points).all(axis=-1).mean())
    return (float(np.median(errors[good])) if good.any() else np.inf), in_front


def require_better(before: float, after: float, in_front: float) -> None:
    """Raises:
    CalibrationError: points lie behind cameras, or the new calibration explains them no better.
    """
    if in_front < LEAST_IN_FRONT:
        raise CalibrationError(
            f"calibrated anew from the tracked points, {100 * (1 - in_front):.0f} % of the points that were "
            "held out lie behind the cameras. The videos may be out of step, or cameras exchanged"
        )
    if not figure(after) < figure(before):
        raise CalibrationError(
            "calibrating anew from the tracked points gains nothing: their reprojection error in frames that "
            f"were held out is {before:.2f} px as a median before, {after:.2f} px after. Leave "
            "calibration.animal_calibration = false"
        )


def scale_of(cameras: Cameras, tracked: Tracked, lengths: Sequence[tuple[int, int, float]]) -> float:
    """By what known lengths are longer than those in the world of the cameras.

    Raises:
        CalibrationError: none of them is seen.
    """
    if not lengths:
        return 1.0
    n_frames = tracked.pixels.shape[1]
    some = tracked.frames(np.arange(0, n_frames, max(1, n_frames // MOST_HELD_OUT)))
    noise = noise_in(cameras, *_flat(triangulate(cameras, some.pixels), some))
    points, _ = triangulate_robust(cameras, some.pixels, threshold_px=GROSS * noise)
    ratios = []
    for start, end, length in lengths:
        measured = np.linalg.norm(points[:, start] - points[:, end], axis=-1)
        if np.isfinite(measured).any():
            ratios.append(length / float(np.nanmedian(measured)))
    if not ratios:
        raise CalibrationError(
            "no two keypoints of calibration.animal_lengths are ever seen together by two cameras, so they "
            "tell no scale"
        )
    return float(np.median(ratios))


def _flat(points: Float[Array, "frame keypoint 3"], tracked: Tracked) -> tuple[Float[Array, "point 3"], Seen]:
    pixels = tracked.pixels.reshape(len(tracked.pixels), -1, 2)
    return points.reshape(-1, 3), Seen(pixels, np.ones(pixels.shape[:2]))
