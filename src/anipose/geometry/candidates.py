"""Several candidates per view: which of them are the same point in space.

The candidate with the highest score is right in most views and frames. Where those of all views agree
within a threshold, they are. For the other points, every two candidates of every two views whose rays meet
propose a point; the one that most views have a candidate for, and a sure one, is right.
"""

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras, chunks
from anipose.geometry.least_squares import Rays, gauss_newton, solve_symmetric, squared_distances

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Choice = Int[NDArray[np.int64], "camera point"]

# A view without a candidate near a point costs 1; a candidate that is there costs this much for a score of
# 0, and nothing for a score of 1. So no score outweighs a view, and scores decide between two of the same.
UNSURE = 0.5
# All the candidates of so many points are held at a time.
POINTS_AT_A_TIME = 2048


def choose_candidates(
    cameras: Cameras,
    points: Float[Array, "camera *batch candidate 2"],
    scores: Float[Array, "camera *batch candidate"],
    *,
    threshold_px: float,
) -> Int[NDArray[np.int64], "camera *batch"]:
    """The number of the candidate of each view that agrees with the others.

    Where no candidate of a view agrees, that with the highest score; 0 where there is none at all.

    Args:
        points: pixels; NaN where there is no candidate.
        scores: usually 0 to 1; NaN counts as 0.
        threshold_px: a candidate farther than this from a point is not of it.
    """
    n_cameras, n_candidates = points.shape[0], points.shape[-2]
    pixels = points.reshape(n_cameras, -1, n_candidates, 2)
    sure = np.clip(np.nan_to_num(scores.reshape(pixels.shape[:3])), 0.0, 1.0)
    present = np.asarray(np.isfinite(pixels).all(axis=-1))
    choice: NDArray[np.int64] = np.asarray(np.where(present, sure, -1.0).argmax(axis=-1))
    doubtful = np.flatnonzero(_disagree(cameras, pixels, present, choice, threshold_px))
    for start in range(0, len(doubtful), POINTS_AT_A_TIME):
        some = doubtful[start : start + POINTS_AT_A_TIME]
        costs = np.where(present[:, some], UNSURE * (1 - sure[:, some]), np.inf)
        choice[:, some] = _Candidates(cameras, pixels[:, some], costs, threshold_px).chosen(choice[:, some])
    return choice.reshape(points.shape[:-2])


def _disagree(
    cameras: Cameras,
    pixels: Float[Array, "camera point candidate 2"],
    present: Bool[Mask, "camera point candidate"],
    choice: Choice,
    threshold: float,
) -> Bool[Mask, "point"]:
    """Points whose views do not agree on what is chosen, though there is another choice."""
    result = np.zeros(pixels.shape[1], dtype=np.bool_)
    for chunk in chunks(len(result)):
        chosen = np.take_along_axis(pixels[:, chunk], choice[:, chunk, None, None], axis=2)[:, :, 0]
        rays = Rays.of(cameras, chosen)
        total = rays.total_normal_equations
        start = solve_symmetric(total[:6], total[6:])
        _, squares = gauss_newton(cameras, start, chosen, rays.seen, steps=1)
        result[chunk] = (rays.seen & ~(squares < threshold**2)).any(axis=0)
        result[chunk] &= (rays.seen.sum(axis=0) > 1) & (present[:, chunk].sum(axis=2) > 1).any(axis=0)
    return result


class _Candidates:
    """Points in space, each near some candidates; of each, the one with the least cost so far leads."""

    def __init__(
        self,
        cameras: Cameras,
        pixels: Float[Array, "camera point candidate 2"],
        costs: Float[Array, "camera point candidate"],
        threshold: float,
    ) -> None:
        self.cameras, self.pixels, self.costs, self.threshold = cameras, pixels, costs, threshold
        n_cameras, n_points, n_candidates, _ = pixels.shape
        rays = Rays.of(cameras, pixels.reshape(n_cameras, -1, 2))
        self.systems = rays.normal_equations.reshape(n_cameras, 9, n_points, n_candidates)
        self.present = rays.seen.reshape(n_cameras, n_points, n_candidates)
        self.leader = np.full((3, n_points), np.nan)
        self.least = np.full(n_points, np.inf)

    def chosen(self, otherwise: Choice) -> Choice:
        """The candidates of the leaders, in the views where there are any."""
        for among, point in self._proposals():
            cost, _, _ = self._judge(point, among)
            wins = cost < self.least[among]
            self.least[among[wins]], self.leader[:, among[wins]] = cost[wins], point[:, wins]
        found = np.flatnonzero(np.isfinite(self.least))
        point = self._refined(self.leader[:, found], found)
        _, choice, agrees = self._judge(point, found)
        result = otherwise.copy()
        result[:, found] = np.where(agrees, choice, otherwise[:, found])
        return result

    def _proposals(self) -> Iterator[tuple[Int[NDArray[np.int64], "some"], Float[Array, "3 some"]]]:
        """Where the rays of two candidates meet, and of which points."""
        n_cameras, _, n_candidates, _ = self.pixels.shape
        for one, two in combinations(range(n_cameras), 2):
            pair = Cameras((self.cameras.cameras[one], self.cameras.cameras[two]))
            for first, second in product(range(n_candidates), repeat=2):
                among = np.flatnonzero(self.present[one, :, first] & self.present[two, :, second])
                if not len(among):
                    continue
                system = self.systems[one][:, among, first] + self.systems[two][:, among, second]
                point = solve_symmetric(system[:6], system[6:])
                seen = np.stack([self.pixels[one, among, first], self.pixels[two, among, second]])
                meet = (squared_distances(pair, point, seen) < self.threshold**2).all(axis=0)
                yield among[meet], point[:, meet]

    def _judge(
        self, point: Float[Array, "3 some"], among: Int[NDArray[np.int64], "some"]
    ) -> tuple[Float[Array, "some"], Choice, Bool[Mask, "camera some"]]:
        """What each point costs, its candidates, and whether these are near enough."""
        n_cameras = len(self.cameras)
        total = np.zeros(point.shape[1])
        choice = np.empty((n_cameras, point.shape[1]), dtype=np.int64)
        agrees = np.empty(choice.shape, dtype=np.bool_)
        for row, camera in enumerate(self.cameras):
            difference = self.pixels[row, among] - camera.project(point.T)[:, None]
            cost = (difference**2).sum(axis=-1) / self.threshold**2
            cost = np.where(cost < 1, cost + self.costs[row, among], np.inf)
            choice[row] = cost.argmin(axis=1)
            least = cost[np.arange(len(cost)), choice[row]]
            agrees[row] = np.isfinite(least)
            absent = np.where(self.present[row, among].any(axis=1), 1 + UNSURE, 0.0)
            total += np.where(agrees[row], least, absent)
        return total, choice, agrees

    def _refined(
        self, point: Float[Array, "3 some"], among: Int[NDArray[np.int64], "some"]
    ) -> Float[Array, "3 some"]:
        """With all the candidates near by, as two rays alone are not precise."""
        _, choice, agrees = self._judge(point, among)
        pixels = np.take_along_axis(self.pixels[:, among], choice[..., None, None], axis=2)[:, :, 0]
        better, _ = gauss_newton(self.cameras, point, pixels, agrees, steps=1)
        return better
