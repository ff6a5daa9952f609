"""Points checked against those of the other keypoints: labelled frames tell how they lie together.

Labelled frames are laid on each other: moved, turned and scaled to fit best (Procrustes; Gower 1975). How
they still differ is described by a normal distribution. That is a linear autoencoder: its best weights need
no search (Baldi & Hornik 1989; Tipping & Bishop 1999), and it knows how sure it is. With some hundred
labelled frames it is two to three times as exact as a network that has to learn what turning is.

What it expects is never exact, so the repair is governed by how wrong it is known to be: a point is wrong if
it is farther from where it is expected than right ones ever are, and it is placed there only if that is good
enough. Else it is left out.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Bool, Complex, Float

from anipose.arrays import NDArray

Array = NDArray[np.float64]
Plane = NDArray[np.complex128]  # points as complex numbers: a factor turns and scales
Mask = NDArray[np.bool_]

# Where this many others are known, a keypoint is expected somewhere.
FEWEST = 2
ROUNDS = 20  # of laying frames on their mean; it stays the same after a few
# Part of the mean variance that is added to each: what so few frames cannot tell is not taken for certain.
RIDGE = 0.02
# How many times larger than usual the variance of what is not known is; and that of place, angle and size.
FREE = 1e4
# How wrong it is, is found out without one part of the frames after the other; these are tried so often, and
# without up to this share of the keypoints.
PARTS, TRIALS, LOST = 5, 10, 0.5
# A point is wrong beyond this many times what 90 % of the expected places are off: 1 in 10,000 right ones is,
# where errors are normally distributed.
SURELY = 2.0
# Of a keypoint that is seen in fewer frames than this, a recording does not tell whether it is where the
# labelled frames let expect it.
FEWEST_SEEN = 10
# Half of the right points of a recording are up to twice as far from where they are expected as half of the
# labelled ones; where it is more than this, the animal does what it does in no labelled frame.
UNLIKE = 3.0
ENOUGH_FRAMES = 2000  # so many frames tell that
# A frame of which more than this share of the keypoints is wrong is like none of the labelled ones.
MOST_WRONG = 1 / 2
FRAMES_AT_ONCE = 1024  # bounds the memory


@dataclass(frozen=True)
class PointAutoencoder:
    """Points of a frame in, where each is expected from the others out.

    Attributes:
        keypoints: names, in the order of the arrays.
        mean: (keypoint, 2), the mean of the labelled frames, of size 1; NaN for what is never labelled.
        covariance: (2 keypoint, 2 keypoint), how they differ from it; first all x, then all y.
        typical, uncertainty: (keypoint,), how far half, and 90 %, of the labelled points are at most from
            where they are expected without their part of the frames, in standard deviations that the
            covariance gives. Infinite for what is never labelled.
    """

    keypoints: tuple[str, ...]
    mean: Float[Array, "keypoint 2"]
    covariance: Float[Array, "coordinate coordinate"]
    typical: Float[Array, "keypoint"]
    uncertainty: Float[Array, "keypoint"]

    @classmethod
    def train(
        cls,
        keypoints: tuple[str, ...],
        points: Float[Array, "frame keypoint 2"],
        rng: np.random.Generator,
    ) -> Self:
        """Learn from labelled frames, those of `usable`.

        Parts that are held back are frames that follow one another. In the order of the videos, a frame has
        neighbours that look like it; with these, the rest would seem to know more than it does.
        """
        points = points[usable(points)]
        errors = []
        for held_back in np.array_split(np.arange(len(points)), PARTS):
            others = cls._fitted(keypoints, np.delete(points, held_back, axis=0))
            errors.append(others._errors(np.repeat(points[held_back], TRIALS, axis=0), rng))
        error = np.concatenate(errors)
        error[:, np.isnan(error).all(axis=0)] = np.inf  # never seen: nothing is known of it
        typical, uncertainty = np.nanpercentile(error, (50, 90), axis=0, method="higher")
        return replace(cls._fitted(keypoints, points), typical=typical, uncertainty=uncertainty)

    @classmethod
    def _fitted(cls, keypoints: tuple[str, ...], points: Array) -> Self:
        seen: Mask = np.all(np.isfinite(points), axis=-1)
        frames = _plane(np.where(seen[..., None], points, 0.0))
        first = seen.sum(axis=1).argmax()
        mean, in_mean = _of_size_1(frames[first], seen[first]), seen[first]
        for _ in range(ROUNDS):
            factor, shift = _laid_on(mean, frames, seen & in_mean)
            fits = seen & (factor != 0)
            laid = np.where(fits, (frames - shift) / np.where(factor == 0, 1, factor), 0.0)
            in_mean = fits.any(axis=0)
            mean = _of_size_1(laid.sum(axis=0) / np.maximum(fits.sum(axis=0), 1), in_mean)
        differences = _coordinates(np.where(fits, laid - mean, 0.0))
        pairs = np.tile(fits, 2).astype(np.float64)
        values, directions = np.linalg.eigh(differences.T @ differences / np.maximum(pairs.T @ pairs, 1))
        values = np.maximum(values, 0) + RIDGE * max(values.mean(), np.finfo(float).eps)
        unknown = np.full(len(keypoints), np.inf)
        mean = np.where(in_mean, mean, np.nan)
        covariance = (directions * values) @ directions.T
        return cls(keypoints, np.stack([mean.real, mean.imag], axis=-1), covariance, unknown, unknown)

    def _errors(self, points: Array, rng: np.random.Generator) -> Float[Array, "frame keypoint"]:
        """How far points are from where they are expected while others are hidden, in standard deviations."""
        seen: Mask = np.all(np.isfinite(points), axis=-1)
        known = seen & (rng.random(seen.shape) >= LOST * rng.random((len(points), 1)))
        expected, spread = self.expect(points, known)
        errors: Array = np.linalg.norm(expected - points, axis=-1) / spread
        return errors

    def expect(
        self, points: Float[Array, "frame keypoint 2"], known: Bool[NDArray[np.bool_], "frame keypoint"]
    ) -> tuple[Float[Array, "frame keypoint 2"], Float[Array, "frame keypoint"]]:
        """Where each keypoint is expected from the other known ones, and the standard deviation; pixels.

        NaN where fewer than two others are known. With r the difference of a frame from the mean and Q the
        inverse of its covariance, what the others say of the part k of r is r_k - Q_kk^-1 (Q r)_k, with the
        covariance Q_kk^-1: an error does not speak for itself.
        """
        known = known & np.isfinite(self.mean).all(axis=-1)
        mean = _plane(np.nan_to_num(self.mean))
        frames = _plane(np.where(known[..., None], points, 0.0))
        expected, spread = np.zeros(frames.shape, np.complex128), np.zeros(known.shape)
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            rows = slice(start, start + FRAMES_AT_ONCE)
            factor, shift = _laid_on(mean, frames[rows], known[rows])
            laid = (frames[rows] - shift) / np.where(factor == 0, 1, factor)
            difference = np.where(known[rows], laid - mean, 0.0)
            found, variance = self._from_others(difference, known[rows])
            expected[rows] = (mean + found) * factor + shift
            spread[rows] = np.sqrt(variance) * np.abs(factor)
        n_others = known.sum(axis=1, keepdims=True) - known
        said = (n_others >= FEWEST) & (spread > 0) & np.isfinite(self.mean).all(axis=-1)
        places = np.stack([expected.real, expected.imag], axis=-1)
        return np.where(said[..., None], places, np.nan), np.where(said, spread, np.nan)

    def _from_others(
        self, difference: Complex[Plane, "frame keypoint"], known: Mask
    ) -> tuple[Complex[Plane, "frame keypoint"], Float[Array, "frame keypoint"]]:
        """What the others say of each difference, and its variance; see `expect`."""
        mean = _plane(np.nan_to_num(self.mean))
        usual = np.trace(self.covariance) / len(self.covariance)
        # How well a frame was laid on the mean is not known either.
        free = _coordinates(np.stack([mean, 1j * mean, np.ones_like(mean), np.full_like(mean, 1j)]))
        covariance = np.tile(self.covariance + FREE * usual * free.T @ free, (len(known), 1, 1))
        x = np.arange(len(mean))
        both = np.arange(2 * len(mean))
        covariance[:, both, both] += FREE * usual * np.tile(~known, 2)
        inverse = np.linalg.inv(covariance)
        along = (inverse @ _coordinates(difference)[..., None])[..., 0]
        own = np.stack([x, x + len(mean)], axis=-1)  # x and y of each keypoint
        own_covariance = np.linalg.inv(inverse[:, own[:, :, None], own[:, None, :]])
        off = (own_covariance @ along[:, own][..., None])[..., 0]
        variance = own_covariance.trace(axis1=-2, axis2=-1) / 2 - FREE * usual * ~known
        return difference - _plane(off), np.maximum(variance, 0)

    def correct(
        self,
        points: Float[Array, "frame keypoint 2"],
        scores: Float[Array, "frame keypoint"],
        *,
        offset_threshold: float,
        score_threshold: float,
    ) -> tuple[Float[Array, "frame keypoint 2"], Float[Array, "frame keypoint"]]:
        """Put wrong and missing points where the others let expect them, or leave out the wrong ones.

        A point is wrong if it is farther than `offset_threshold`, and farther than right ones are, from where
        it is expected. It is placed there if 90 % of such places are within half of `offset_threshold`, and
        left out otherwise. Missing points and those with a low score are placed, or stay as they are. Nothing
        is done where too few points are known, or too many of them wrong.

        Args:
            points: pixels; NaN where there is none.
            scores: NaN where there is no point.
            offset_threshold: farther than this, in pixels, is wrong.
            score_threshold: a point with a lower score says nothing about the others.

        Returns:
            Points and scores. A point that was placed gets `score_threshold` for its score: it may be used,
            and is no better than the worst of the others.
        """
        if len(points) < FEWEST_SEEN:
            return points, scores
        known: Mask = np.isfinite(points).all(axis=-1) & (scores >= score_threshold)
        uncertainty = self._uncertainty_among(points, known, offset_threshold)
        known &= np.isfinite(uncertainty)
        trusted = self._consistent(points, known, uncertainty, offset_threshold)
        off, uncertainty_px = self._off(points, trusted, uncertainty)
        far = off > np.maximum(offset_threshold, SURELY * uncertainty_px)
        placeable = 2 * uncertainty_px <= offset_threshold
        wrong = known & ~trusted & far
        placed = placeable & (wrong | (~known & (far | np.isnan(off))))
        left_out = wrong & ~placeable
        corrected = np.where(placed[..., None], self.expect(points, trusted)[0], points)
        rated = np.where(placed, score_threshold, scores)
        return np.where(left_out[..., None], np.nan, corrected), np.where(left_out, np.nan, rated)

    def unsure(self, points: Float[Array, "frame keypoint 2"], offset_threshold: float) -> tuple[str, ...]:
        """Keypoints that are not placed in half of the frames like these; see `correct`."""
        seen: Mask = np.all(np.isfinite(points), axis=-1)
        _, spread = self.expect(points, seen)
        placeable = np.mean(2 * self.uncertainty * spread <= offset_threshold, axis=0) > 0.5
        return tuple(name for name, sure in zip(self.keypoints, placeable, strict=True) if not sure)

    def _off(self, points: Array, trusted: Mask, uncertainty: Array) -> tuple[Array, Array]:
        """How far each point is from where it is expected, and the uncertainty of that place; pixels."""
        expected, spread = self.expect(points, trusted)
        return np.linalg.norm(points - expected, axis=-1), uncertainty * spread

    def _uncertainty_among(
        self, points: Array, known: Mask, offset_threshold: float
    ) -> Float[Array, "keypoint"]:
        """The uncertainty in a recording: that of labelled frames, or more; infinite for what is not judged.

        An animal may do what it does in no labelled frame, and what was held back does not tell that. But
        most points of a recording are right: where half of them are much farther from where they are expected
        than in labelled frames, it is the labelled frames that tell too little. The keypoint for which this
        is worst is left out, and the others are judged again, as long as these are most.
        """
        every = -(-len(points) // ENOUGH_FRAMES)
        points, known = points[::every], known[::every]
        used = np.isfinite(self.uncertainty)
        while 2 * used.sum() > len(used):
            seen = known & used
            uncertainty = np.where(used, self.uncertainty, np.inf)
            trusted = self._consistent(points, seen, uncertainty, offset_threshold)
            strange = ~trusted.any(axis=1, keepdims=True)
            expected, spread = self.expect(points, trusted | (seen & strange))
            off = np.where(seen, np.linalg.norm(points - expected, axis=-1) / spread, np.nan)
            off[:, np.isfinite(off).sum(axis=0) < FEWEST_SEEN] = np.inf
            more = np.where(used, np.nanmedian(off, axis=0) / np.where(used, self.typical, 1.0), 0.0)
            if more.max() <= UNLIKE:
                return uncertainty * np.maximum(more, 1)
            used[more.argmax()] = False
        return np.full(len(used), np.inf)

    def _consistent(self, points: Array, known: Mask, uncertainty: Array, offset_threshold: float) -> Mask:
        """The known points of each frame without wrong ones; none where those that are left disagree, too."""
        trusted: Mask = known.copy()

        def too_far(frames: NDArray[np.intp]) -> Array:
            off, uncertainty_px = self._off(points[frames], trusted[frames], uncertainty)
            share = off / np.maximum(offset_threshold, SURELY * uncertainty_px)
            return np.where(trusted[frames] & (share > 1), share, 0.0)

        frames = np.arange(len(points))
        for _ in range(int(MOST_WRONG * known.shape[1])):
            # A wrong point misleads what is expected of the others: the worst goes, all are judged again.
            # Of five points one may go: those that are left can be judged by each other.
            frames = frames[trusted[frames].sum(axis=1) > FEWEST + 1]
            share = too_far(frames)
            frames, share = frames[share.any(axis=1)], share[share.any(axis=1)]
            trusted[frames, share.argmax(axis=1)] = False
        strange = too_far(np.arange(len(points))).any(axis=1, keepdims=True)
        return trusted & ~strange


def usable(points: Float[Array, "frame keypoint 2"]) -> Bool[NDArray[np.bool_], "frame"]:
    """Frames with enough keypoints to learn from, which are not all in one place."""
    seen: Mask = np.all(np.isfinite(points), axis=-1)
    place = np.where(seen[..., None], points, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    apart = (seen & (points > place).any(axis=-1)).any(axis=1)
    return np.asarray((seen.sum(axis=1) >= FEWEST) & apart)


def _laid_on(
    mean: Complex[Plane, "keypoint"], frames: Complex[Plane, "frame keypoint"], known: Mask
) -> tuple[Complex[Plane, "frame 1"], Complex[Plane, "frame 1"]]:
    """The factor and the shift with which the mean fits each frame best, in its known points.

    The factor is 0 where these are fewer than two, or all in one place.
    """
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    centre = (known * frames).sum(axis=1, keepdims=True) / count
    middle = (known * mean).sum(axis=1, keepdims=True) / count
    size = (known * np.abs(mean - middle) ** 2).sum(axis=1, keepdims=True)
    factor = (known * (frames - centre) * np.conj(mean - middle)).sum(axis=1, keepdims=True)
    factor = factor / np.where(size > 0, size, 1.0)
    return factor, centre - factor * middle


def _of_size_1(points: Complex[Plane, "keypoint"], seen: Mask) -> Complex[Plane, "keypoint"]:
    centred = np.where(seen, points - points[seen].mean(), 0.0)
    scaled: Plane = centred / np.sqrt((np.abs(centred[seen]) ** 2).mean())
    return scaled


def _plane(points: Float[Array, "*batch 2"]) -> Complex[Plane, "*batch"]:
    plane: Plane = points[..., 0] + 1j * points[..., 1]
    return plane


def _coordinates(points: Complex[Plane, "*batch keypoint"]) -> Float[Array, "*batch coordinate"]:
    return np.concatenate([points.real, points.imag], axis=-1)
