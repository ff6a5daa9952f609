"""Drawing tracked keypoints on a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Colour = tuple[int, int, int]
Picture = UInt8[np.ndarray, "height width 3"]

# Told apart by everyone, also with the common kinds of colour blindness, on dark and on light ground: the
# bright colours of Paul Tol (https://sronpersonalpages.nl/~pault/) and, from the seventh on, those of his
# muted ones that are farthest from them; as blue, green, red.
PALETTE: tuple[Colour, ...] = (
    (119, 102, 238),
    (68, 187, 204),
    (51, 136, 34),
    (238, 204, 102),
    (119, 51, 170),
    (170, 119, 68),
    (119, 204, 221),
    (153, 170, 68),
    (136, 34, 51),
    (221, 221, 221),
)
UNCONNECTED: Colour = (187, 187, 187)
OUTLINE: Colour = (25, 25, 25)

# OpenCV takes positions in fractions of a pixel as whole numbers of this many bits more.
SHIFT = 4


@dataclass(frozen=True)
class Skeleton:
    """Which keypoints are joined by lines, and in which colours.

    Attributes:
        chains: numbers of the keypoints along each line.
        colours: of each chain.
        point_colours: of each keypoint: that of the first chain that it is part of.
    """

    chains: tuple[tuple[int, ...], ...]
    colours: tuple[Colour, ...]
    point_colours: tuple[Colour, ...]

    @classmethod
    def of(
        cls,
        keypoints: Sequence[str],
        scheme: Sequence[Sequence[str]],
        palette: Sequence[Colour] = PALETTE,
    ) -> Self:
        """From `labeling.scheme`; names that are not keypoints are passed over."""
        numbers = {name: number for number, name in enumerate(keypoints)}
        chains = tuple(tuple(numbers[name] for name in chain if name in numbers) for chain in scheme)
        colours = tuple(palette[number % len(palette)] for number in range(len(chains)))
        of_point = [UNCONNECTED] * len(keypoints)
        for chain, colour in reversed(list(zip(chains, colours, strict=True))):
            for number in chain:
                of_point[number] = colour
        return cls(chains, colours, tuple(of_point))

    @property
    def bones(self) -> list[tuple[int, int, Colour]]:
        """Pairs of keypoints that a line joins, and its colour."""
        return [
            (start, end, colour)
            for chain, colour in zip(self.chains, self.colours, strict=True)
            for start, end in pairwise(chain)
        ]


def draw_pose(
    image: Picture, points: Float[np.ndarray, "keypoint 2"], skeleton: Skeleton, *, size_px: float = 3.0
) -> None:
    """Draw the keypoints of a frame and the lines between them into it.

    Args:
        image: blue, green, red; changed.
        points: pixels; what is NaN, or far outside, is left out.
        size_px: radius of a point; lines are half as wide.
    """
    limit = 4 * max(image.shape)  # OpenCV's fixed-point numbers overflow far outside of the picture
    seen = (np.abs(points) < limit).all(axis=-1)
    at = np.rint(np.where(seen[:, None], points, 0) * 2**SHIFT).astype(int).tolist()
    width = max(1, round(size_px / 2))
    bones = [bone for bone in skeleton.bones if seen[bone[0]] and seen[bone[1]]]
    for start, end, _ in bones:
        cv2.line(image, at[start], at[end], OUTLINE, width + 2, cv2.LINE_AA, SHIFT)
    for start, end, colour in bones:
        cv2.line(image, at[start], at[end], colour, width, cv2.LINE_AA, SHIFT)
    for number in np.flatnonzero(seen):
        for radius, colour in ((size_px + 1, OUTLINE), (size_px, skeleton.point_colours[number])):
            cv2.circle(image, at[number], round(radius * 2**SHIFT), colour, cv2.FILLED, cv2.LINE_AA, SHIFT)


def mixed(colour: Colour, other: Colour, part: float) -> Colour:
    """A colour that is `part` the one and otherwise the other."""
    blue, green, red = (round(part * a + (1 - part) * b) for a, b in zip(colour, other, strict=True))
    return blue, green, red
