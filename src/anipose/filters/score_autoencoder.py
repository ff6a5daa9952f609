"""Scores corrected by those of the other keypoints: labelled frames tell which are visible together.

The small network that does it learns to give back what was spoilt on purpose (a denoising autoencoder,
Vincent et al. 2008); it is trained in seconds, by numpy alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray

Array = NDArray[np.float64]

HIDDEN_PER_KEYPOINT = 4
STEPS, BATCH, RATE = 3000, 64, 3e-3
# A visible keypoint gets a score from a beta distribution with mean 0.86, another one with mean 0.14; in this
# share of the samples of each keypoint it is the wrong one of the two, as when the tracker was misled.
SURE = (6.0, 1.0)
MISLED = 0.15


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

        def batches() -> Iterator[tuple[Array, Array]]:
            while True:
                truth = visible[rng.integers(0, len(visible), BATCH)]
                taken = truth ^ (rng.random(truth.shape) < MISLED)
                scores = np.where(taken, rng.beta(*SURE, truth.shape), rng.beta(*SURE[::-1], truth.shape))
                yield scores, truth.astype(np.float64)

        return cls(keypoints, _trained(network, batches()))

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


def _trained(network: Network, batches: Iterator[tuple[Array, Array]]) -> Network:
    """Minimise the cross entropy over batches of (input, wanted chance) by Adam (Kingma & Ba 2015)."""
    mean = [np.zeros_like(weight) for weight in network.weights()]
    square = [np.zeros_like(weight) for weight in network.weights()]
    for step, (values, wanted) in zip(range(1, STEPS + 1), batches, strict=False):
        chance = 1 / (1 + np.exp(-network(values)))
        gradients = network.gradients(values, (chance - wanted) / len(values))
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
