"""What the report says of views that contradict each other: keypoints taken for others, errors that last."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.geometry.cameras import Cameras
from anipose.geometry.exchanges import find_exchanges
from anipose.poses import MultiviewPoses

Array = NDArray[np.float64]

# Seldomer than this, gross errors that fell on another keypoint.
LEAST_FRAMES, LEAST_SHARE = 5, 0.005
# They are exchanged if the camera has both where the other one is in so many of these frames.
MUTUAL = 0.5
# So many are told in words; all are in the figures.
MOST_TOLD = 5
# Errors that last are told from so many pixels on, and if they are larger than noise.
LASTING_PX = 1.0
# Standard deviation of a Gaussian over its median absolute deviation.
MAD = 1.4826


def exchanges_of(
    trial: str, cameras: Cameras, seen: MultiviewPoses, threshold_px: float
) -> list[dict[str, Any]]:
    """Keypoints that are where another one is, in single cameras of a trial; the most frequent first."""
    least = max(LEAST_FRAMES, LEAST_SHARE * seen.n_frames)
    return [
        {
            "trial": trial,
            "camera": seen.cameras[found.camera],
            "keypoint": seen.keypoints[found.keypoint],
            "is_at": seen.keypoints[found.is_at],
            "frames": found.frames,
            "exchanged": found.both,
        }
        for found in find_exchanges(cameras, seen.points, threshold_px=threshold_px)
        if found.frames >= least
    ]


def words_on_exchanges(
    exchanges: Sequence[Mapping[str, Any]], fix_swaps: Sequence[tuple[str, str]]
) -> list[str]:
    """What is exchanged and how to put it right; what only jumps.

    Args:
        fix_swaps: the pairs that the config names.
    """
    pairs: dict[tuple[str, str], dict[str, int]] = {}
    jumps: dict[tuple[str, str, str], int] = {}
    for found in exchanges:
        ends = sorted((found["keypoint"], found["is_at"]))
        pair = (ends[0], ends[1])
        if found["exchanged"] >= MUTUAL * found["frames"]:
            cameras = pairs.setdefault(pair, {})
            if found["keypoint"] == pair[0]:
                cameras[found["camera"]] = cameras.get(found["camera"], 0) + found["exchanged"]
        else:
            jump = (found["camera"], found["keypoint"], found["is_at"])
            jumps[jump] = jumps.get(jump, 0) + found["frames"]
    words = [
        f"{one} and {two} look exchanged in "
        + ", ".join(f"camera {camera} ({frames} frames)" for camera, frames in cameras.items())
        + "."
        for (one, two), cameras in pairs.items()
        if cameras
    ]
    new = [pair for pair in pairs if not {pair, pair[::-1]} & set(fix_swaps)]
    if new:
        named = json.dumps([list(pair) for pair in (*fix_swaps, *new)], ensure_ascii=False)
        words.append(f"To put back what is exchanged, write into [triangulation]: fix_swaps = {named}")
    most = sorted(jumps.items(), key=lambda item: -item[1])[:MOST_TOLD]
    words += [
        f"Camera {camera} has {one} where {two} is in {frames} frames: look at its labels."
        for (camera, one, two), frames in most
    ]
    return words


def lasting_errors(
    cameras: Cameras,
    world: Float[Array, "frame keypoint 3"],
    pixels: Float[Array, "camera frame keypoint 2"],
) -> tuple[Float[Array, "camera keypoint"], Float[Array, "camera keypoint"]]:
    """The part of the reprojection errors that is the same in all frames, and how the rest scatters, pixels.

    Of both, the larger one of the two coordinates; from medians over the frames. NaN where nothing is seen.
    """
    errors = cameras.project(world) - pixels
    seen = np.asarray(np.isfinite(errors).all(axis=-1))
    known = np.asarray(seen.any(axis=1))
    # Where there is nothing at all, a median would complain.
    errors = np.where(known[:, None, :, None], errors, 0.0)
    lasting = np.nanmedian(errors, axis=1)
    noise = MAD * np.nanmedian(np.abs(errors - lasting[:, None]), axis=1)
    larger, scatter = np.abs(lasting).max(axis=-1), noise.max(axis=-1)
    return np.where(known, larger, np.nan), np.where(known, scatter, np.nan)


def words_on_lasting_errors(lasting_px: float | None, noise_px: float | None) -> list[str]:
    """Whether the views disagree by chance, given the usual lasting error and the usual noise."""
    if lasting_px is None or noise_px is None or lasting_px < max(LASTING_PX, noise_px):
        return []
    return [
        f"The views contradict each other by {lasting_px:.1f} px that stay the same over time, more than "
        f"their noise ({noise_px:.1f} px): not by chance, but by labels of different places, or calibration. "
        "The uncertainties of points and angles are a rough guess then, and more frames do not help."
    ]
