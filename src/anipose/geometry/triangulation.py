"""Triangulation: points in space from their pixels in several calibrated cameras.

`triangulate` is the linear solution, `refine` the most likely one under Gaussian pixel noise, and
`triangulate_robust` finds out which cameras are wrong. NaN means not seen, or not known. All work in
chunks: memory does not grow with the number of points, except for what is given and returned.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras, chunks
from anipose.geometry.least_squares import Rays, gauss_newton_step, solve_symmetric

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Rayleigh quotient iteration converges cubically: after a relative step of this size, what is left is at
# rounding. One or two repetitions do, up to five where views disagree by 50 px.
CONVERGED_STEP = 1e-4
MAX_REPETITIONS = 10
ROBUST_STEPS = 3
# So many views in agreement cannot all be wrong.
SETTLING_VIEWS = 4


def triangulate(
    cameras: Cameras, points: Float[Array, "camera *batch 2"], *, min_cameras: int = 2
) -> Float[Array, "*batch 3"]:
    """Linear triangulation (DLT) from all views that have the point.

    Each undistorted, normalised observation (x, y) of a camera with rows P0, P1, P2 of ``[R | t]`` gives
    two equations, (x P2 - P0) X = 0 and (y P2 - P1) X = 0; X is the homogeneous vector of length 1 with
    the least sum of squares. It is found from the inhomogeneous solution by Rayleigh quotient iteration,
    with residuals from the observations themselves, so that it is as accurate as a singular value
    decomposition of all equations, which is used where the iteration fails.

    Args:
        points: pixels; NaN where a camera does not see the point.
        min_cameras: a point seen by fewer is NaN. So is one with parallel rays, or behind a camera that
            is supposed to have seen it.

    References:
        Hartley & Zisserman, Multiple View Geometry, 2nd ed., section 12.2.
    """
    flat = points.reshape(len(cameras), -1, 2)
    result = np.empty((flat.shape[1], 3))
    for chunk in chunks(len(result)):
        rays = Rays.of(cameras, flat[:, chunk])
        found = _linear(rays)
        found[:, rays.seen.sum(axis=0) < max(min_cameras, 2)] = np.nan
        result[chunk] = _in_front(cameras, found, rays.seen).T
    return result.reshape(*points.shape[1:-1], 3)


def refine(
    cameras: Cameras,
    points: Float[Array, "*batch 3"],
    pixels: Float[Array, "camera *batch 2"],
    *,
    steps: int = 1,
) -> Float[Array, "*batch 3"]:
    """The points with the least squared distances to the pixels, from a guess near by (Gauss-Newton).

    This is the most likely point if all pixels have Gaussian errors of the same size. A point that does
    not get better stays as it is; NaN stays NaN.

    Args:
        steps: one step from `triangulate` comes to within a thousandth of the error that the noise makes
            anyway (measured, 1 px); each further one squares that.
    """
    flat, flat_pixels = points.reshape(-1, 3), pixels.reshape(len(cameras), -1, 2)
    result = np.empty(flat.shape)
    for chunk in chunks(len(result)):
        seen = np.isfinite(flat_pixels[:, chunk, 0]) & np.isfinite(flat_pixels[:, chunk, 1])
        result[chunk] = _refined(cameras, flat[chunk].T, flat_pixels[:, chunk], seen, steps)[0].T
    return result.reshape(points.shape)


def reprojection_errors(
    cameras: Cameras, points: Float[Array, "*batch 3"], pixels: Float[Array, "camera *batch 2"]
) -> Float[Array, "camera *batch"]:
    """Distance between each observation and the projection of its point, pixels.

    NaN where the camera has no observation, the point is unknown, or the camera cannot picture it.
    """
    errors = np.empty(pixels.shape[:-1])
    for row, camera in enumerate(cameras):
        difference = camera.project(points)
        difference -= pixels[row]
        errors[row] = np.hypot(difference[..., 0], difference[..., 1])
    return errors


def triangulate_robust(
    cameras: Cameras,
    points: Float[Array, "camera *batch 2"],
    *,
    threshold_px: float,
    min_cameras: int = 2,
) -> tuple[Float[Array, "*batch 3"], Bool[Mask, "camera *batch"]]:
    """Triangulation that leaves out the cameras that disagree, and which cameras it used.

    If all views agree within the threshold, the answer is their refined solution. For the other points, the
    farthest views are left out, one by one, until the others agree. Where no four do, or no majority, each
    set of all cameras but one, and then, where that leaves more than one view unexplained, each pair of
    cameras, proposes a point; the one with the least sum of min(error^2, threshold^2) is refined with
    Geman-McClure weights, and at last with the cameras within the threshold alone.

    Where fewer than `min_cameras` views agree nobody can tell which is right: the point is the refined
    solution of all its views, whose reprojection errors show the disagreement.

    Args:
        points: pixels; NaN where a camera does not see the point.
        threshold_px: a view farther than this from its point is wrong: about five times the usual error.
        min_cameras: a point seen by fewer is NaN, and uses no camera.

    References:
        Torr & Zisserman, MLESAC, Computer Vision and Image Understanding 78 (2000), for MSAC's score.
    """
    min_cameras = max(min_cameras, 2)
    flat = points.reshape(len(cameras), -1, 2)
    result = np.empty((flat.shape[1], 3))
    used = np.empty(flat.shape[:2], dtype=bool)
    for chunk in chunks(len(result)):
        found, used[:, chunk] = _robust_chunk(cameras, flat[:, chunk], threshold_px, min_cameras)
        result[chunk] = found.T
    return result.reshape(*points.shape[1:-1], 3), used.reshape(points.shape[:-1])


def _robust_chunk(
    cameras: Cameras, pixels: Float[Array, "camera point 2"], threshold: float, min_cameras: int
) -> tuple[Float[Array, "3 point"], Bool[Mask, "camera point"]]:
    rays = Rays.of(cameras, pixels)
    used = rays.seen.copy()
    found, errors = _refined(cameras, _linear(rays), pixels, used)
    enough = used.sum(axis=0) >= min_cameras
    doubtful = enough & ~((errors < threshold) | ~used).all(axis=0)
    if doubtful.any():
        contest = _Contest(cameras, rays.pick(doubtful), pixels[:, doubtful], threshold, found[:, doubtful])
        better, agreeing = contest.decide()
        agreed = agreeing.sum(axis=0) >= min_cameras
        found[:, doubtful] = np.where(agreed, better, found[:, doubtful])
        used[:, doubtful] = np.where(agreed, agreeing, used[:, doubtful])
    found[:, ~enough] = np.nan
    found = _in_front(cameras, found, used)
    return found, used & np.isfinite(found).all(axis=0)


class _Contest:
    """Hypotheses for points of which some views are wrong; the one with the least MSAC score leads."""

    def __init__(
        self,
        cameras: Cameras,
        rays: Rays,
        pixels: Float[Array, "camera point 2"],
        threshold: float,
        first: Float[Array, "3 point"],
    ) -> None:
        self.cameras, self.rays, self.pixels, self.threshold = cameras, rays, pixels, threshold
        self.leader, self.systems = first.copy(), rays.normal_equations
        self.squares = self._squares(first, np.ones(first.shape[1], dtype=bool))
        self.score, self.n_wrong = self._judge(self.squares)
        self.settled = np.zeros(first.shape[1], dtype=bool)

    def decide(self) -> tuple[Float[Array, "3 point"], Bool[Mask, "camera point"]]:
        """The winners, refined, and the cameras that agree with each; all of these were used for it."""
        self._enter_without_the_worst()
        self._enter_all_but_one()
        self._enter_pairs()
        point, seen = self.leader, self.rays.seen
        for _ in range(ROBUST_STEPS):
            step, _ = gauss_newton_step(self.cameras, point, self.pixels, seen, scale_px=self.threshold / 2)
            point = point + step
        agreeing = seen & (reprojection_errors(self.cameras, point.T, self.pixels) < self.threshold)
        point, _ = _refined(self.cameras, point, self.pixels, agreeing)
        return point, agreeing

    def _enter_without_the_worst(self) -> None:
        """Leave out the farthest view, then the next; settled where enough others agree, and outnumber it."""
        system, seen = self.rays.total_normal_equations, self.rays.seen
        left_out = np.zeros_like(seen)
        for number in range(1, len(self.cameras) - SETTLING_VIEWS + 1):
            among = np.flatnonzero(
                ~self.settled & (seen.sum(axis=0) - number >= max(SETTLING_VIEWS, number + 1))
            )
            if not len(among):
                break
            squares = np.where(seen & ~left_out, self.squares, -1.0)[:, among]
            worst = squares.argmax(axis=0)
            left_out[worst, among] = True
            system[:, among] -= self._one_each(worst, among)
            point, squares = self._enter(system, among)
            self.squares[:, among] = squares
            wrong = seen[:, among] & ~(squares < self.threshold**2)
            self.settled[among] = (wrong <= left_out[:, among]).all(axis=0) & np.isfinite(point[0])

    def _one_each(
        self, rows: Int[NDArray[np.int_], "some"], among: Int[NDArray[np.int_], "some"]
    ) -> Float[Array, "9 some"]:
        """The normal equations of one camera for each point."""
        systems = np.empty((9, len(among)))
        for row in range(len(self.cameras)):
            chosen = rows == row
            systems[:, chosen] = self.systems[row][:, among[chosen]]
        return systems

    def _enter_all_but_one(self) -> None:
        total = self.rays.total_normal_equations
        doubtful = ~self.settled & (self.rays.seen.sum(axis=0) > 2)
        for row in range(len(self.cameras)):
            self._enter(total - self.systems[row], np.flatnonzero(self.rays.seen[row] & doubtful))

    def _enter_pairs(self) -> None:
        """Only where no set of all cameras but one left the others in agreement; of three, it is a pair."""
        unsolved = ~self.settled & (self.n_wrong > 1) & (self.rays.seen.sum(axis=0) > 3)
        for one, two in combinations(range(len(self.cameras)), 2):
            among = np.flatnonzero(unsolved & self.rays.seen[one] & self.rays.seen[two])
            self._enter(self.systems[one] + self.systems[two], among)

    def _enter(
        self, system: Float[Array, "9 point"], among: Int[NDArray[np.int_], "some"]
    ) -> tuple[Float[Array, "3 some"], Float[Array, "camera some"]]:
        """The solutions of these normal equations, in the contest for some of the points."""
        point = solve_symmetric(system[:6, among], system[6:, among])
        squares = self._squares(point, among)
        score, n_wrong = self._judge(squares)
        wins = score < self.score[among]
        winners = among[wins]
        self.leader[:, winners] = point[:, wins]
        self.score[winners], self.n_wrong[winners] = score[wins], n_wrong[wins]
        return point, squares

    def _squares(
        self, point: Float[Array, "3 some"], among: Int[NDArray[np.int_], "some"] | Bool[Mask, "point"]
    ) -> Float[Array, "camera some"]:
        """Squared distance to each view, inf where the camera cannot picture the point; 0 if not seen."""
        squares = np.empty((len(self.cameras), point.shape[1]))
        for row, camera in enumerate(self.cameras):
            difference = camera.project(point.T) - self.pixels[row, among]
            squares[row] = difference[:, 0] ** 2 + difference[:, 1] ** 2
        squares[np.isnan(squares)] = np.inf
        squares[~self.rays.seen[:, among]] = 0.0
        return squares

    def _judge(
        self, squares: Float[Array, "camera some"]
    ) -> tuple[Float[Array, "some"], Int[NDArray[np.int_], "some"]]:
        """Sum of min(error^2, threshold^2) over the views, and how many views are wrong."""
        return np.minimum(squares, self.threshold**2).sum(axis=0), (squares >= self.threshold**2).sum(axis=0)


def _linear(rays: Rays) -> Float[Array, "3 point"]:
    """The homogeneous least-squares point; NaN where the rays do not determine it."""
    total = rays.total_normal_equations
    A, points = total[:6], solve_symmetric(total[:6], total[6:])
    diagonal = np.array([1.0, 0, 0, 1, 0, 1])[:, None]
    for _ in range(MAX_REPETITIONS):
        squares, gradient = rays.residuals(points)
        # With B, c the equations B p + c = 0, the null vector (p, 1) satisfies (B'B - q) p = -B'c with
        # its Rayleigh quotient q; written as a correction of p, it does not lose digits.
        quotient = squares / (1 + (points * points).sum(axis=0))
        step = solve_symmetric(A - diagonal * quotient, quotient * points - gradient)
        points = points + np.where(np.isfinite(step), step, 0.0)
        moving = np.abs(step).max(axis=0) > CONVERGED_STEP * np.abs(points).max(axis=0)
        if not moving.any():
            break
    # Where B'B - q is not positive definite, q is not the least of the singular values: the views differ
    # by about as much as the point is far from the origin, and the iteration went elsewhere.
    astray = (np.isnan(step[0]) | moving) & np.isfinite(points[0])
    if astray.any():
        points[:, astray] = rays.pick(astray).null_vectors()
    return points


def _refined(
    cameras: Cameras,
    points: Float[Array, "3 point"],
    pixels: Float[Array, "camera point 2"],
    used: Bool[Mask, "camera point"],
    steps: int = 1,
) -> tuple[Float[Array, "3 point"], Float[Array, "camera point"]]:
    """Gauss-Newton with the used cameras, kept only where it is better; and the distances in all views."""
    better, first_squares = points, np.empty(0)
    for number in range(steps):
        step, squares = gauss_newton_step(cameras, better, pixels, used)
        first_squares = squares if number == 0 else first_squares
        better = better + step
    errors = reprojection_errors(cameras, better.T, pixels)
    improved = _total(errors**2, used) < _total(first_squares, used)
    return np.where(improved, better, points), np.where(improved, errors, np.sqrt(first_squares))


def _total(squares: Float[Array, "camera point"], used: Bool[Mask, "camera point"]) -> Float[Array, "point"]:
    """Sum over the used cameras; inf where one of them cannot picture the point."""
    total: Array = np.where(used, np.where(np.isfinite(squares), squares, np.inf), 0.0).sum(axis=0)
    return total


def _in_front(
    cameras: Cameras, points: Float[Array, "3 point"], used: Bool[Mask, "camera point"]
) -> Float[Array, "3 point"]:
    """NaN instead of points behind a camera that was used for them: such a camera cannot have seen them."""
    towards = np.stack([camera.cam_from_world[2] for camera in cameras])
    with np.errstate(invalid="ignore", over="ignore"):
        behind = ~(towards[:, :3] @ points + towards[:, 3:] > 0)
    return np.where((behind & used).any(axis=0), np.nan, points)
