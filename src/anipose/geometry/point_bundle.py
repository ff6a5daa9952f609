"""Bundle adjustment of cameras and points: Levenberg-Marquardt, the points eliminated.

Unknown are the pose of each camera and the place of each point; the lenses are known. A turn of a camera
comes before its present rotation, R <- exp(d) R, as in `bundle`. Pixels do not change when the world is
moved, turned or scaled; of all solutions, that is taken which is nearest to the start.

References:
    Triggs et al., Bundle adjustment: a modern synthesis, sections 6 (Schur complement) and 9 (gauges).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.bundle import BEHIND_PX, Loss
from anipose.geometry.cameras import Cameras
from anipose.geometry.schur import DAMPING_AT_MOST, DAMPING_AT_START, FLOOR
from anipose.geometry.transforms import cross_matrix, rotation_matrix, rotation_vector

Array = NDArray[np.float64]

N_POSE = 6
# Rounds in which cameras that disagree about the world come to count for less.
WORLD_ROUNDS = 20
# Cameras that disagree by less than this part of what is usual agree.
AGREES = 0.3


@dataclass(frozen=True, eq=False)
class Seen:
    """What the cameras saw of some points.

    Attributes:
        pixels: (camera, point, 2); NaN where not seen.
        weight: (camera, point), one over the standard deviation of each coordinate, 1/px.
    """

    pixels: Float[Array, "camera point 2"]
    weight: Float[Array, "camera point"]


@dataclass(frozen=True, eq=False)
class Prior:
    """Where cameras are expected, as is known from elsewhere.

    Attributes:
        cameras: where they are expected.
        precision: (camera, 6, 6), inverse covariance of their turn and translation from there.
    """

    cameras: Cameras
    precision: Float[Array, "camera 6 6"]

    def add_to(self, equations: "NormalEquations", cameras: Cameras) -> "NormalEquations":
        off = steps_between(self.cameras, cameras)
        pull = (self.precision @ off[..., None])[..., 0]
        return replace(
            equations,
            cost=equations.cost + 0.5 * float((off * pull).sum()),
            cameras=equations.cameras + self.precision,
            cameras_gradient=equations.cameras_gradient + pull,
        )


def steps_between(cameras: Cameras, others: Cameras) -> Float[Array, "camera 6"]:
    """The turn and translation that take each camera to where it is among the others."""
    return np.stack(
        [
            np.concatenate(
                [
                    rotation_vector(there.rotation_matrix @ here.rotation_matrix.T),
                    there.translation - here.translation,
                ]
            )
            for here, there in zip(cameras, others, strict=True)
        ]
    )


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Cost, and J'WJ and J'Wr in blocks, of cameras and of points."""

    cost: float
    cameras: Float[Array, "camera 6 6"]
    cameras_gradient: Float[Array, "camera 6"]
    points: Float[Array, "point 3 3"]
    points_gradient: Float[Array, "point 3"]
    mixed: Float[Array, "camera 6 point 3"]


def normal_equations(
    cameras: Cameras, points: Float[Array, "point 3"], seen: Seen, loss: Loss
) -> NormalEquations:
    """The quadratic model of the cost 1/2 sum(s^2 rho(|r|^2 / s^2)), by iterated reweighting.

    With Y = R X + t and g the derivative of a pixel coordinate by Y, the derivatives are (R X) x g by a turn
    of the camera, g by its translation, and R' g by the point.
    """
    n_cameras, n_points = len(cameras), len(points)
    of_cameras, cameras_gradient = np.zeros((n_cameras, N_POSE, N_POSE)), np.zeros((n_cameras, N_POSE))
    of_points, points_gradient = np.zeros((n_points, 3, 3)), np.zeros((n_points, 3))
    mixed = np.zeros((n_cameras, N_POSE, n_points, 3))
    cost = 0.0
    for number, camera in enumerate(cameras):
        there = np.flatnonzero(np.isfinite(seen.pixels[number]).all(axis=-1))
        weight = seen.weight[number, there]
        projected, by_point = camera.project_with_jacobian(points[there])
        error = (projected - seen.pixels[number, there]) * weight[:, None]
        front = np.isfinite(error).all(axis=-1)
        square = np.where(front, (error**2).sum(axis=-1), (BEHIND_PX * weight) ** 2) / loss.scale**2
        rho, influence = loss.rho(square)
        cost += 0.5 * loss.scale**2 * float(rho.sum())
        root = np.where(front, np.sqrt(influence) * weight, 0.0)[:, None, None]
        by_point = np.where(front[:, None, None], by_point, 0.0) * root
        right = np.where(front[:, None], error, 0.0) * np.sqrt(influence)[:, None]
        rotation = camera.rotation_matrix
        by_camera = by_point @ rotation.T
        turned = points[there] @ rotation.T
        by_pose = np.concatenate([np.cross(turned[:, None], by_camera), by_camera], axis=-1)
        rows = by_pose.reshape(-1, N_POSE)
        of_cameras[number] = rows.T @ rows
        cameras_gradient[number] = rows.T @ right.ravel()
        of_points[there] += np.einsum("nki,nkj->nij", by_point, by_point)
        points_gradient[there] += np.einsum("nki,nk->ni", by_point, right)
        mixed[number][:, there] = np.einsum("nki,nkj->inj", by_pose, by_point)
    return NormalEquations(cost, of_cameras, cameras_gradient, of_points, points_gradient, mixed)


def without_points(
    equations: NormalEquations, damping: float = 0.0
) -> tuple[Float[Array, "unknown unknown"], Float[Array, "unknown"], Float[Array, "point 3 3"]]:
    """The equations of the cameras alone, (matrix, right side), and the inverse blocks of the points."""
    n_cameras, _, n_points, _ = equations.mixed.shape
    diagonal = np.einsum("pii->pi", equations.points)
    blocks = equations.points.copy()
    index = np.arange(3)
    blocks[:, index, index] += damping * diagonal + FLOOR * diagonal.mean(axis=0)
    inverse = np.linalg.inv(blocks).astype(np.float64)
    mixed = equations.mixed.reshape(n_cameras * N_POSE, n_points, 3)
    eliminated = np.einsum("upi,pij->upj", mixed, inverse).reshape(len(mixed), -1)
    matrix = -eliminated @ mixed.reshape(len(mixed), -1).T
    for number, block in enumerate(equations.cameras):
        own = slice(number * N_POSE, (number + 1) * N_POSE)
        matrix[own, own] += block + damping * np.diag(np.diag(block))
    right = eliminated @ equations.points_gradient.ravel() - equations.cameras_gradient.ravel()
    return matrix, right, inverse


def gauge(cameras: Cameras) -> Float[Array, "unknown 7"]:
    """Steps of the poses that change no pixel: the world turned, moved and scaled; orthonormal.

    With X -> X + w x X + m + s X, the turn of a camera is -R w, and its translation changes by s t - R m.
    """
    steps = np.zeros((len(cameras), N_POSE, 7))
    for number, camera in enumerate(cameras):
        steps[number, :3, :3] = -camera.rotation_matrix
        steps[number, 3:, 3:6] = -camera.rotation_matrix
        steps[number, 3:, 6] = camera.translation
    orthonormal: Array = np.linalg.qr(steps.reshape(-1, 7))[0]
    return orthonormal


def adjust(
    cameras: Cameras,
    points: Float[Array, "point 3"],
    seen: Seen,
    *,
    loss: Loss,
    prior: Prior | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 50,
) -> tuple[Cameras, Float[Array, "point 3"]]:
    """The cameras and points that explain best what was seen.

    Args:
        cameras: where to start; their lenses stay as they are.
        points: where to start.
        prior: without, the world stays near that of the start.
        tolerance: stop when a step lowers the cost by less than this fraction.
    """

    def equations(cameras: Cameras, points: Array) -> NormalEquations:
        found = normal_equations(cameras, points, seen, loss)
        return found if prior is None else prior.add_to(found, cameras)

    now = equations(cameras, points)
    damping = DAMPING_AT_START
    for _ in range(max_iterations):
        matrix, right, inverse = without_points(now, damping)
        if prior is None:
            free = gauge(cameras)
            matrix += np.trace(matrix) / len(matrix) * (free @ free.T)
            right -= free @ (free.T @ right)
        step: Array = np.linalg.solve(matrix, right).astype(np.float64)
        coupled = np.tensordot(step, now.mixed.reshape(len(step), -1), 1).reshape(-1, 3)
        moves = (inverse @ (-now.points_gradient - coupled)[..., None])[..., 0]
        there, points_there = _moved(cameras, step.reshape(-1, N_POSE)), points + moves
        then = equations(there, points_there)
        if not then.cost < now.cost:
            damping *= 10
            if damping > DAMPING_AT_MOST:
                break
            continue
        gain = now.cost - then.cost
        cameras, points, now, damping = there, points_there, then, damping / 10
        if gain <= tolerance * now.cost:
            break
    return cameras, points


def _moved(cameras: Cameras, steps: Float[Array, "camera 6"]) -> Cameras:
    return Cameras(
        tuple(
            camera.with_pose(
                rotation_matrix(step[:3]) @ camera.rotation_matrix, camera.translation + step[3:]
            )
            for camera, step in zip(cameras, steps, strict=True)
        ),
        cameras.metadata,
    )


def in_other_world(
    cameras: Cameras, scale: float, rotation: Float[Array, "3 3"], translation: Float[Array, "3"]
) -> Cameras:
    """The same cameras where a point X of the world is called scale * rotation X + translation."""
    moved = []
    for camera in cameras:
        turned = camera.rotation_matrix @ rotation.T
        moved.append(camera.with_pose(turned, scale * camera.translation - turned @ translation))
    return Cameras(tuple(moved), cameras.metadata)


def fitted_world(
    cameras: Cameras, others: Cameras, points: Float[Array, "point 3"]
) -> tuple[float, Float[Array, "3 3"], Float[Array, "3"]]:
    """Scale, rotation and translation of the world of `cameras` in which most of them are where `others` are.

    Compared are the pixels of the points. The sum over the cameras of the root mean square of their
    disagreement is made least (by iterated reweighting), so that one that was moved stands out; then the sum
    of the logarithms, to which it adds the same wherever the others are.
    """
    target = cameras.project(points)
    scale, rotation, translation = 1.0, np.eye(3), np.zeros(3)
    for number in range(WORLD_ROUNDS):
        there = scale * points @ rotation.T + translation
        rows, right, off = [], [], []
        for row, camera in enumerate(others):
            pixels, by_point = camera.project_with_jacobian(there)
            by_world = np.concatenate(
                [by_point @ -cross_matrix(there), by_point, by_point @ there[..., None]], axis=-1
            )
            error = target[row] - pixels
            good = np.isfinite(error).all(axis=-1)
            rows.append(by_world[good].reshape(-1, 7))
            right.append(error[good].ravel())
            off.append(float(np.sqrt(np.mean(error[good] ** 2))) if good.any() else np.inf)
        weight = 1 / np.maximum(off, AGREES * float(np.median(off)) + 1e-9)
        weight = np.sqrt(weight) if number < WORLD_ROUNDS // 2 else weight
        step, *_ = np.linalg.lstsq(
            np.concatenate([w * r for w, r in zip(weight, rows, strict=True)]),
            np.concatenate([w * r for w, r in zip(weight, right, strict=True)]),
            rcond=None,
        )
        turn, stretch = rotation_matrix(step[:3]), 1 + step[6]
        scale, rotation = scale * stretch, turn @ rotation
        translation = stretch * (turn @ translation) + step[3:6]
    return scale, rotation, translation
