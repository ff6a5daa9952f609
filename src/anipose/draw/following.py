"""Walking along with an animal, so that it is large in the picture however far it goes."""

import numpy as np
from jaxtyping import Float

# Over so many frames the way of the animal is smoothed, so that the picture does not shake with its steps.
SMOOTHED_OVER = 31


def way(points: Float[np.ndarray, "frame keypoint 3"]) -> Float[np.ndarray, "frame 3"]:
    """Where the animal is: the median of its keypoints, smooth; where it is not seen, between."""
    known = np.isfinite(points).all(axis=-1)
    seen = np.flatnonzero(known.any(axis=1))
    if len(seen) == 0:
        return np.zeros((len(points), 3))
    middle = np.stack([np.median(points[frame, known[frame]], axis=0) for frame in seen])
    frames = np.arange(len(points))
    path = np.stack([np.interp(frames, seen, column) for column in middle.T], axis=1)
    weights = np.hanning(SMOOTHED_OVER + 2)[1:-1]
    weights /= weights.sum()
    half = SMOOTHED_OVER // 2
    longer = np.pad(path, ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, weights, mode="valid") for column in longer.T], axis=1)
