"""Small networks that know which keypoints go together, and correct scores or points by that.

Both are denoising autoencoders (Vincent et al. 2008): one hidden layer, trained to give back labelled frames
that were spoilt on purpose. The one for scores learns which keypoints are visible together; the one for
points learns how they lie together, in whatever place, size and direction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Bool, Float

from anipose.arrays import NDArray

Array = NDArray[np.float64]

HIDDEN_PER_KEYPOINT = 4
STEPS, BATCH, RATE = 3000, 64, 3e-3
# A visible keypoint gets a score from a beta distribution with mean 0.86, another one with mean 0.14; in this
# share of the samples of each keypoint it is the wrong one of the two, as when the tracker was misled.
SURE = (6.0, 1.0)
MISLED = 0.15
# In training, keypoints are hidden or misplaced in this share of the cases, so that the others have to do.
HIDDEN, MISPLACED = 0.25, 0.1
FEWEST_FOR_POINTS = 3
HELD_BACK = 0.15
# Each frame that is held back is tried so often, with another tenth of the keypoints hidden: so many are lost
# where there is something to repair.
TRIALS, LOST = 10, 0.1
# Frames that are worked on at once; bounds the memory.
FRAMES_AT_ONCE = 4096


@dataclass(frozen=True)
class Network:
    """Two layers: output = (tanh(input @ first + first_bias)) @ second + second_bias.

    Attributes:
        first, first_bias, second, second_bias: the weights.
    """

    first: Array
    first_bias: Array
    second: Array
    second_bias: Array

    @classmethod
    def random(cls, n_inputs: int, n_hidden: int, n_outputs: int, rng: np.random.Generator) -> Self:
        """Weights to start from, such that every layer keeps the variance (Glorot & Bengio 2010)."""
        return cls(
            rng.normal(0, np.sqrt(2 / (n_inputs + n_hidden)), (n_inputs, n_hidden)),
            np.zeros(n_hidden),
            rng.normal(0, np.sqrt(2 / (n_hidden + n_outputs)), (n_hidden, n_outputs)),
            np.zeros(n_outputs),
        )

    def weights(self) -> tuple[Array, Array, Array, Array]:
        return self.first, self.first_bias, self.second, self.second_bias

    def __call__(self, values: Float[Array, "*batch input"]) -> Float[Array, "*batch output"]:
        hidden = np.tanh(values @ self.first + self.first_bias)
        output: Array = hidden @ self.second + self.second_bias
        return output

    def gradients(
        self, values: Float[Array, "batch input"], error: Float[Array, "batch output"]
    ) -> tuple[Array, ...]:
        """Derivatives of a loss by the weights, from its derivatives `error` by the outputs."""
        hidden = np.tanh(values @ self.first + self.first_bias)
        back = (error @ self.second.T) * (1 - hidden**2)
        return values.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)


@dataclass(frozen=True)
class ScoreAutoencoder:
    """Scores of all keypoints in, the chance that each is right out.

    Attributes:
        keypoints: names, in the order of the inputs.
        network: scores to log odds.
    """

    keypoints: tuple[str, ...]
    network: Network

    @classmethod
    def train(
        cls,
        keypoints: tuple[str, ...],
        points: Float[Array, "frame keypoint 2"],
        rng: np.random.Generator,
    ) -> Self:
        """Learn from which keypoints are labelled in each frame (the others are NaN); by cross entropy."""
        visible: NDArray[np.bool_] = np.all(np.isfinite(points), axis=-1)
        n_keypoints = len(keypoints)
        network = Network.random(n_keypoints, HIDDEN_PER_KEYPOINT * n_keypoints, n_keypoints, rng)

        def batches() -> Iterator[tuple[Array, Array, Array]]:
            while True:
                truth = visible[rng.integers(0, len(visible), BATCH)]
                taken = truth ^ (rng.random(truth.shape) < MISLED)
                scores = np.where(taken, rng.beta(*SURE, truth.shape), rng.beta(*SURE[::-1], truth.shape))
                yield scores, truth.astype(np.float64), np.ones(truth.shape)

        return cls(keypoints, _trained(network, batches(), probabilities=True))

    def correct(
        self, scores: Float[Array, "frame keypoint candidate"]
    ) -> Float[Array, "frame keypoint candidate"]:
        """The geometric mean of each score and of the chance that the best scores of all keypoints give it.

        A score that is NaN, of a keypoint without a point, counts as 0 and stays NaN.
        """
        scores = np.clip(scores, 0, 1)
        chance = 1 / (1 + np.exp(-self.network(np.nan_to_num(scores).max(axis=-1))))
        corrected: Array = np.sqrt(scores * chance[..., None])
        return corrected


@dataclass(frozen=True)
class PointAutoencoder:
    """Points of a frame in, where each is expected out; in the frame's own place and size.

    Attributes:
        keypoints: names, in the order of the inputs.
        network: points and which of them are known, to points.
        uncertainty: (keypoint,), how far 90 % of the frames that were held back from training are from where
            the network expects them, as a part of the size of the frame (see `_place`); a foot that can be
            anywhere about the body has a large one.
    """

    keypoints: tuple[str, ...]
    network: Network
    uncertainty: Array

    @classmethod
    def train(
        cls,
        keypoints: tuple[str, ...],
        points: Float[Array, "frame keypoint 2"],
        rng: np.random.Generator,
    ) -> Self:
        """Learn from labelled frames, turned by any angle; by squared errors.

        The last of the frames are held back. They are in the order of the videos: a frame has neighbours that
        look like it, and if these were trained on, the network would seem to know more than it does.
        """
        points = points[np.isfinite(points).all(axis=-1).sum(axis=1) >= FEWEST_FOR_POINTS]
        n_held_back = int(np.ceil(HELD_BACK * len(points)))
        held_back, points = points[-n_held_back:], points[:-n_held_back]
        n_keypoints = len(keypoints)
        network = Network.random(3 * n_keypoints, 2 * HIDDEN_PER_KEYPOINT * n_keypoints, 2 * n_keypoints, rng)

        def batches() -> Iterator[tuple[Array, Array, Array]]:
            while True:
                truth = _turned(points[rng.integers(0, len(points), BATCH)], rng)
                seen = np.isfinite(truth).all(axis=-1)
                known = seen & (rng.random(seen.shape) >= HIDDEN)
                spread = np.nanstd(truth, axis=1, keepdims=True)
                elsewhere = truth + rng.normal(0, 1, truth.shape) * spread
                spoilt = np.where((rng.random(seen.shape) < MISPLACED)[..., None], elsewhere, truth)
                centre, scale = _place(spoilt, known)
                wanted = (truth - centre) / scale
                weight = np.repeat(seen, 2, axis=1).astype(np.float64)
                yield _inputs(spoilt, known, centre, scale), np.nan_to_num(_flat(wanted)), weight

        trained = cls(keypoints, _trained(network, batches(), probabilities=False), np.zeros(n_keypoints))
        held_back = np.repeat(held_back, TRIALS, axis=0)
        seen: NDArray[np.bool_] = np.all(np.isfinite(held_back), axis=-1)
        known = seen & (rng.random(seen.shape) >= LOST)
        _, size = _place(held_back, seen)
        error = np.linalg.norm(trained.expect(held_back, known) - held_back, axis=-1) / size[:, 0]
        error[:, np.isnan(error).all(axis=0)] = np.inf  # never seen: nothing is known of it
        return replace(trained, uncertainty=np.nanpercentile(error, 90, axis=0))

    def expect(
        self, points: Float[Array, "frame keypoint 2"], known: Bool[NDArray[np.bool_], "frame keypoint"]
    ) -> Float[Array, "frame keypoint 2"]:
        """Where each keypoint is expected from the other known ones; NaN where fewer than three are known.

        Its own place is hidden from the network, so that an error does not speak for itself.
        """
        n_frames, n_keypoints = known.shape
        expected = np.full(points.shape, np.nan)
        for keypoint in range(n_keypoints):
            others = known.copy()
            others[:, keypoint] = False
            for start in range(0, n_frames, FRAMES_AT_ONCE):
                rows = slice(start, start + FRAMES_AT_ONCE)
                centre, scale = _place(points[rows], others[rows])
                found = self.network(_inputs(points[rows], others[rows], centre, scale))
                place = found[:, 2 * keypoint : 2 * keypoint + 2] * scale[:, 0] + centre[:, 0]
                enough = others[rows].sum(axis=1) >= FEWEST_FOR_POINTS
                expected[rows, keypoint] = np.where(enough[:, None], place, np.nan)
        return expected

    def correct(
        self,
        points: Float[Array, "frame keypoint 2"],
        scores: Float[Array, "frame keypoint"],
        *,
        offset_threshold: float,
        score_threshold: float,
    ) -> tuple[Float[Array, "frame keypoint 2"], Float[Array, "frame keypoint"]]:
        """Replace the points that are far from where the others let expect them, and fill in missing ones.

        A keypoint is left as it is if twice the `uncertainty` of the network is more than `offset_threshold`:
        what would be put in its place were hardly better than a wrong point. So is a point with a low score
        that is where it is expected.

        Args:
            points: pixels; NaN where there is none.
            scores: NaN where there is no point.
            offset_threshold: farther than this, in pixels, is far.
            score_threshold: a point with a lower score says nothing about the others.

        Returns:
            Points and scores. A replaced point gets `score_threshold` for its score: it may be used, and is
            no better than the worst of the others. Nothing is made up where fewer than three are known.
        """
        found = np.isfinite(points).all(axis=-1)
        known = found & (scores >= score_threshold)
        if not known.any():
            return points, scores
        _, size = _place(points, known)
        placeable = 2 * self.uncertainty * np.median(size) <= offset_threshold
        trusted = known.copy()
        for _ in range(known.shape[1] // 2):
            # A wrong point misleads what is expected of the others: the worst goes, all are judged again.
            off = self._off(points, trusted) * (trusted & placeable)
            worst = off.argmax(axis=1)
            frames = np.flatnonzero(off.max(axis=1) > offset_threshold)
            if not len(frames):
                break
            trusted[frames, worst[frames]] = False
        expected = self.expect(points, trusted)
        far = ~found | (self._off(points, trusted) > offset_threshold)
        replaced = ~trusted & placeable & far & np.isfinite(expected).all(axis=-1)
        return (
            np.where(replaced[..., None], expected, points),
            np.where(replaced, score_threshold, scores),
        )

    def _off(self, points: Array, trusted: NDArray[np.bool_]) -> Array:
        """How far each point is from where it is expected, in pixels; 0 where that is not known."""
        off: Array = np.nan_to_num(np.linalg.norm(points - self.expect(points, trusted), axis=-1))
        return off


def weights_of(network: Network) -> Mapping[str, Array]:
    """The weights by name, to be stored."""
    return dict(zip(("first", "first_bias", "second", "second_bias"), network.weights(), strict=True))


def _trained(
    network: Network, batches: Iterator[tuple[Array, Array, Array]], *, probabilities: bool
) -> Network:
    """Minimise the loss over batches of (input, wanted output, weight) by Adam (Kingma & Ba 2015)."""
    mean = [np.zeros_like(weight) for weight in network.weights()]
    square = [np.zeros_like(weight) for weight in network.weights()]
    for step, (values, wanted, weight) in zip(range(1, STEPS + 1), batches, strict=False):
        output = network(values)
        if probabilities:
            output = 1 / (1 + np.exp(-output))
        # The derivative of the cross entropy by the log odds looks like that of the squared error.
        gradients = network.gradients(values, weight * (output - wanted) / len(values))
        rate = RATE * (1 - step / STEPS) + RATE / 50
        updated = []
        for number, (value, gradient) in enumerate(zip(network.weights(), gradients, strict=True)):
            mean[number] = 0.9 * mean[number] + 0.1 * gradient
            square[number] = 0.999 * square[number] + 0.001 * gradient**2
            velocity = mean[number] / (1 - 0.9**step)
            updated.append(value - rate * velocity / (np.sqrt(square[number] / (1 - 0.999**step)) + 1e-8))
        network = replace(
            network, first=updated[0], first_bias=updated[1], second=updated[2], second_bias=updated[3]
        )
    return network


def _turned(points: Float[Array, "frame keypoint 2"], rng: np.random.Generator) -> Array:
    angle = rng.uniform(-np.pi, np.pi, len(points))
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=-1).reshape(
        -1, 1, 2, 2
    )
    turned: Array = (turn @ points[..., None])[..., 0]
    return turned


def _place(
    points: Float[Array, "frame keypoint 2"], known: Bool[NDArray[np.bool_], "frame keypoint"]
) -> tuple[Float[Array, "frame 1 2"], Float[Array, "frame 1 1"]]:
    """Centre and size of the known points: medians, which one misplaced point does not move far."""
    hidden = np.where(known[..., None], points, np.nan)
    empty = ~known.any(axis=1)
    hidden[empty] = 0.0
    centre = np.nanmedian(hidden, axis=1, keepdims=True)
    size = np.nanmedian(np.linalg.norm(hidden - centre, axis=-1), axis=1)[:, None, None]
    return centre, np.where(size > 0, size, 1.0)


def _inputs(points: Array, known: NDArray[np.bool_], centre: Array, scale: Array) -> Array:
    placed = np.where(known[..., None], np.clip((points - centre) / scale, -10, 10), 0.0)
    return np.concatenate([_flat(placed), known.astype(np.float64)], axis=1)


def _flat(points: Float[Array, "frame keypoint 2"]) -> Float[Array, "frame coordinate"]:
    return points.reshape(len(points), -1)
