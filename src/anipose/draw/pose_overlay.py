"""Drawing tracked keypoints into the colour planes of a video, with their scores.

A point is as bright as its score is high, and hollow where the score is too low for the point to be used;
lines join only points that are used.
"""

from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float

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
        self._chains = [
            (np.array([[a, b] for a, b in pairwise(chain)]), space.tones(colour))
            for chain, colour in zip(skeleton.chains, skeleton.colours, strict=True)
            if len(chain) > 1
        ]
        self._shown = np.zeros(len(skeleton.point_colours), bool)
        self._shown[shown] = True
        self._shades = [_shades(colour, space) for colour in skeleton.point_colours]
        self._outline = space.tones(OUTLINE)[0]
        self._radius = radius_px
        self._width = max(1, round(0.66 * radius_px))
        self._threshold = threshold

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
        at = np.rint(points * 2**SHIFT).astype(np.int32)
        # The middle of the first sample of colour is between the first four pixels.
        at_half = np.rint((points - 0.5) / 2 * 2**SHIFT).astype(np.int32)
        self._draw_lines(picture, used, at, at_half)
        level = np.rint(np.clip(scores, 0, 1) * N_SHADES).astype(int).tolist()
        full, half = at.tolist(), at_half.tolist()
        for number in np.flatnonzero(seen):
            tones = self._shades[number][level[number]]
            self._draw_point(picture, full[number], half[number], tones, hollow=not used[number])

    def _draw_lines(
        self,
        picture: Yuv,
        used: np.ndarray,
        at: np.ndarray,
        at_half: np.ndarray,
    ) -> None:
        chains = [(bones[used[bones].all(axis=1)], tones) for bones, tones in self._chains]
        chains = [(bones, tones) for bones, tones in chains if len(bones)]
        if not chains:
            return
        y, u, v = picture.planes
        _polylines(y, at[np.concatenate([bones for bones, _ in chains])], self._outline, self._width + 2)
        for bones, tones in chains:
            _polylines(y, at[bones], tones[0], self._width)
            for plane, tone in ((u, tones[1]), (v, tones[2])):
                _polylines(plane, at_half[bones], tone, max(1, round(self._width / 2)))

    def _draw_point(
        self, picture: Yuv, at: list[int], at_half: list[int], tones: Colour, *, hollow: bool
    ) -> None:
        one = 2**SHIFT
        radius = round(self._radius * one)
        y, u, v = picture.planes
        if hollow:
            line = max(1, round(self._radius / 3))
            cv2.circle(y, at, radius, self._outline, line + 2, cv2.LINE_AA, SHIFT)
            cv2.circle(y, at, radius, tones[0], line, cv2.LINE_AA, SHIFT)
            for plane, tone in ((u, tones[1]), (v, tones[2])):
                cv2.circle(plane, at_half, radius // 2, tone, max(1, line // 2), cv2.LINE_AA, SHIFT)
            return
        cv2.circle(y, at, radius + one, self._outline, cv2.FILLED, cv2.LINE_AA, SHIFT)
        cv2.circle(y, at, radius, tones[0], cv2.FILLED, cv2.LINE_AA, SHIFT)
        for plane, tone in ((u, tones[1]), (v, tones[2])):
            cv2.circle(plane, at_half, radius // 2 + one // 4, tone, cv2.FILLED, cv2.LINE_AA, SHIFT)


def _shades(colour: Colour, space: ColourSpace) -> list[Colour]:
    parts = np.linspace(DARKEST, 1, N_SHADES + 1).tolist()
    return [space.tones(mixed(colour, OUTLINE, part)) for part in parts]


def _polylines(plane: Plane, ends: np.ndarray, tone: int, width: int) -> None:
    cv2.polylines(plane, list(ends), False, tone, width, cv2.LINE_AA, SHIFT)
