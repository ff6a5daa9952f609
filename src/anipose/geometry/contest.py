"""Which views of a point are wrong: a contest of the points that sets of views propose."""

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.least_squares import (
    Rays,
    gauss_newton,
    gauss_newton_step,
    solve_symmetric,
    squared_distances,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# So many views in agreement cannot all be wrong.
SETTLING_VIEWS = 4
POLISHING_STEPS = 3


class Contest:
    """Hypotheses for points of which some views are wrong; the one with the least MSAC score leads.

    The farthest views are left out, one by one, until the others agree. Where no four do, or no majority,
    each set of all cameras but one, and then, where that leaves more than one view unexplained, each pair
    of cameras, proposes a point; the one with the least sum of min(error^2, threshold^2) wins. The point of
    a pair is polished with Geman-McClure weights, and every winner at last refined with the cameras within
    the threshold alone.

    References:
        Torr & Zisserman, MLESAC, Computer Vision and Image Understanding 78 (2000), for MSAC's score.
    """

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
        self.leading_squares = self.squares.copy()
        self.score, self.n_wrong = self._judge(self.squares, slice(None))
        self.settled, self.is_pair = (np.zeros(first.shape[1], dtype=bool) for _ in range(2))

    def decide(self) -> tuple[Float[Array, "3 point"], Bool[Mask, "camera point"]]:
        """The winners, refined, and the cameras that agree with each; all of these were used for it."""
        self._enter_without_the_worst()
        self._enter_all_but_one()
        self._enter_pairs()
        self._polish_pairs()
        agreeing = self.rays.seen & (self.leading_squares < self.threshold**2)
        point, _ = gauss_newton(
            self.cameras, self.leader, self.pixels, agreeing, steps=1, weights=self.rays.weight
        )
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
            self._enter(self.systems[one] + self.systems[two], among, is_pair=True)

    def _polish_pairs(self) -> None:
        """With all the views, by how near they are: two alone are no more precise than two."""
        among = np.flatnonzero(self.is_pair)
        if not len(among):
            return
        point, pixels = self.leader[:, among], self.pixels[:, among]
        seen, weight = self.rays.seen[:, among], self.rays.weight[:, among]
        for _ in range(POLISHING_STEPS):
            step, _ = gauss_newton_step(
                self.cameras, point, pixels, seen, weights=weight, scale_px=self.threshold / 2
            )
            point = point + step
        self.leader[:, among] = point
        self.leading_squares[:, among] = self._squares(point, among)

    def _enter(
        self,
        system: Float[Array, "9 point"],
        among: Int[NDArray[np.int_], "some"],
        *,
        is_pair: bool = False,
    ) -> tuple[Float[Array, "3 some"], Float[Array, "camera some"]]:
        """The solutions of these normal equations, in the contest for some of the points."""
        point = solve_symmetric(system[:6, among], system[6:, among])
        squares = self._squares(point, among)
        score, n_wrong = self._judge(squares, among)
        wins = score < self.score[among]
        winners = among[wins]
        self.leader[:, winners] = point[:, wins]
        self.leading_squares[:, winners], self.is_pair[winners] = squares[:, wins], is_pair
        self.score[winners], self.n_wrong[winners] = score[wins], n_wrong[wins]
        return point, squares

    def _squares(
        self, point: Float[Array, "3 some"], among: Int[NDArray[np.int_], "some"] | Bool[Mask, "point"]
    ) -> Float[Array, "camera some"]:
        """Squared distance to each view, inf where the camera cannot picture the point; 0 if not seen."""
        squares = squared_distances(self.cameras, point, self.pixels[:, among])
        squares[np.isnan(squares)] = np.inf
        squares[~self.rays.seen[:, among]] = 0.0
        return squares

    def _judge(
        self, squares: Float[Array, "camera some"], among: Int[NDArray[np.int_], "some"] | slice
    ) -> tuple[Float[Array, "some"], Int[NDArray[np.int_], "some"]]:
        """Weighted sum of min(error^2, threshold^2) over the views, and how many views are wrong."""
        limit = self.threshold**2
        costs = np.minimum(squares, limit)
        costs *= self.rays.weight[:, among]
        return costs.sum(axis=0), (squares >= limit).sum(axis=0)
