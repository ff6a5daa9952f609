"""Drawing tracked keypoints into the colour planes of a video, with their scores.

A point is as bright as its score is high. Where the score is too low for the point to be used, it is hollow,
and bright again, as a thin dark ring is lost on dark footage; lines join only points that are used.
"""

from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int32

from anipose.draw.dots import Dots
from anipose.draw.overlay import OUTLINE, SHIFT, Colour, Skeleton, mixed
from anipose.io.yuv import ColourSpace, Plane, Yuv

# Brightness of a point with a score of 0, as a part of its colour, and number of steps from there to 1.
DARKEST = 0.45
N_SHADES = 12

# Radius of a point, as a part of the picture's diagonal, and the least, pixels.
RADIUS_PART = 0.0036
SMALLEST_RADIUS = 2.5


def natural_radius(size: tuple[int, int]) -> float:
    """Radius of a point that suits a picture of (width, height), pixels."""
    return max(SMALLEST_RADIUS, RADIUS_PART * float(np.hypot(*size)))


class PoseOverlay:
    """Draws the keypoints of a frame and the lines between them.

    Args:
        skeleton: lines and colours.
        shown: numbers of the keypoints that are drawn.
        radius_px: of a point; lines are two thirds as wide.
        threshold: points with a lower score are hollow and have no lines.
        space: that of the pictures.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        shown: list[int],
        *,
        radius_px: float,
        threshold: float,
        space: ColourSpace,
    ) -> None:
        chains = [np.array(list(pairwise(chain)), int).reshape(-1, 2) for chain in skeleton.chains]
        self._bones = np.concatenate([np.empty((0, 2), int), *chains])
        ends = np.cumsum([0, *map(len, chains)]).tolist()
        self._chains = [
            (slice(start, end), space.tones(colour))
            for (start, end), colour in zip(pairwise(ends), skeleton.colours, strict=True)
        ]
        self._shown = np.zeros(len(skeleton.point_colours), bool)
        self._shown[shown] = True
        # (keypoint, shade, plane)
        self._shades = np.array([_shades(colour, space) for colour in skeleton.point_colours], np.uint16)
        self._outline = space.tones(OUTLINE)[0]
        self._width = max(1, round(0.66 * radius_px))
        self._threshold = threshold
        ring = max(1.0, radius_px / 3)
        self._dots = Dots.of(radius_px, ring=ring, outline=1.0, outline_tone=self._outline)
        self._half_dots = Dots.of(radius_px / 2 + 0.25, ring=max(1.0, ring / 2))

    def draw(
        self, picture: Yuv, points: Float[np.ndarray, "keypoint 2"], scores: Float[np.ndarray, " keypoint"]
    ) -> None:
        """Draw into a picture.

        Args:
            points: pixels; what is NaN, or far outside, is left out.
            scores: NaN counts as 1.
        """
        limit = 4 * max(picture.size)  # OpenCV's fixed-point numbers overflow far outside of the picture
        seen = self._shown & (np.abs(points) < limit).all(axis=-1)
        if not seen.any():
            return
        scores = np.where(np.isnan(scores), 1.0, scores)
        used = seen & (scores >= self._threshold)
        points = np.where(seen[:, None], points, 0)
        # The middle of the first sample of colour is between the first four pixels.
        points_half = (points - 0.5) / 2
        self._draw_lines(picture, used, points, points_half)
        level = np.rint(np.where(used, np.clip(scores, 0, 1), 1) * N_SHADES).astype(int)
        tones = self._shades[np.flatnonzero(seen), level[seen]].T
        hollow = ~used[seen]
        self._dots.draw((picture.y,), points[seen], tones[:1], hollow)
        self._half_dots.draw((picture.u, picture.v), points_half[seen], tones[1:], hollow)

    def _draw_lines(
        self,
        picture: Yuv,
        used: Bool[np.ndarray, " keypoint"],
        points: Float[np.ndarray, "keypoint 2"],
        points_half: Float[np.ndarray, "keypoint 2"],
    ) -> None:
        known = used[self._bones].all(axis=1)
        if not known.any():
            return
        full, half = (np.rint(at * 2**SHIFT).astype(np.int32)[self._bones] for at in (points, points_half))
        y, u, v = picture.planes
        _polylines(y, full[known], self._outline, self._width + 2)
        for chain, tones in self._chains:
            here = known[chain]
            if here.any():
                _polylines(y, full[chain][here], tones[0], self._width)
                ends = half[chain][here]
                for plane, tone in ((u, tones[1]), (v, tones[2])):
                    _polylines(plane, ends, tone, max(1, round(self._width / 2)))


def _shades(colour: Colour, space: ColourSpace) -> list[Colour]:
    parts = np.linspace(DARKEST, 1, N_SHADES + 1).tolist()
    return [space.tones(mixed(colour, OUTLINE, part)) for part in parts]


def _polylines(plane: Plane, ends: Int32[np.ndarray, "line 2 2"], tone: int, width: int) -> None:
    cv2.polylines(plane, list(ends), False, tone, width, cv2.LINE_AA, SHIFT)
