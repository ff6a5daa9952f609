"""Drawing 3D poses: a skeleton of shaded tubes over a floor with a grid and a soft shadow.

Everything is painted back to front: no graphics card or display, and two milliseconds per frame.
"""

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Self

import cv2
import numpy as np
from jaxtyping import Float, Int32, UInt8

from anipose.draw.overlay import SHIFT, Colour, Skeleton, mixed
from anipose.geometry.transforms import looking_at

Picture = UInt8[np.ndarray, "height width 3"]

BACKGROUND: Colour = (250, 248, 246)
GRID: Colour = (218, 212, 208)
SHADOW = 0.28  # part of the light that it takes
# A view's own focal length, in widths of the picture: a normal lens.
FOCAL_WIDTHS = 1.8
# Part of the half width of the picture that a scene takes; the rest is for the labels of its axes.
FILLED = 0.8
GRID_LINES = 8
# Points farther than this many interquartile ranges from the quartiles are not waited for.
FAR_IQRS = 2.0
# Shape of a tube: parts of its width from the outside in, and how bright they are.
SHADES = ((1.0, 0.62), (0.78, 0.88), (0.5, 1.04), (0.22, 1.2))


@dataclass(frozen=True)
class View:
    """From where a scene is looked at.

    Attributes:
        target: (3,), what is in the middle.
        span: length that fills the width of the picture, at the target.
        floor: height of the floor.
        heading_deg: direction from the target to the viewer, from x towards y.
        elevation_deg: height of the viewer above the horizon, less than 90.
    """

    target: Float[np.ndarray, "3"]
    span: float
    floor: float
    heading_deg: float = -60.0
    elevation_deg: float = 28.0

    @classmethod
    def of(
        cls,
        points: Float[np.ndarray, "*batch 3"],
        *,
        heading_deg: float = -60.0,
        elevation_deg: float = 28.0,
        turns: bool = False,
    ) -> Self:
        """A view in which these points are to be seen, whatever outliers there are.

        Args:
            turns: whether they are to be seen from all around, not from this heading only.
        """
        low, high = bounds(points)
        target = (low + high) / 2
        view = cls(target, max(float(np.linalg.norm(high - low)), 1e-9), low[2], heading_deg, elevation_deg)
        corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
        headings = np.arange(0.0, 360, 15).tolist() if turns else [heading_deg]
        unit = (2, 2)  # in a picture of this size, the middle is 1 from the edge (and at 0.5)
        reach = [
            np.abs(replace(view, heading_deg=heading).project(corners, unit)[0] - 0.5) for heading in headings
        ]
        return replace(view, span=view.span * float(np.nanmax(reach)) / FILLED)

    def turned(self, angle_deg: float) -> "View":
        """The view of someone who has walked around the target by this angle."""
        return replace(self, heading_deg=self.heading_deg + angle_deg) if angle_deg else self

    def moved(self, by: Float[np.ndarray, "3"]) -> "View":
        """The view of someone who walks along."""
        return replace(self, target=self.target + by) if by.any() else self

    @cached_property
    def _pose(self) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "3"]]:
        """Rotation and translation from the world to the viewer."""
        a, e = np.radians([self.heading_deg, self.elevation_deg])
        towards = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
        return looking_at(self.target + FOCAL_WIDTHS * self.span * towards, self.target)

    def project(
        self, points: Float[np.ndarray, "*batch 3"], size: tuple[int, int]
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch"]]:
        """Pixels in a picture of this size, and pixels per unit of length there; NaN behind the viewer."""
        rotation, translation = self._pose
        in_view = points @ rotation.T + translation
        depth = np.where(in_view[..., 2] > 0.05 * FOCAL_WIDTHS * self.span, in_view[..., 2], np.nan)
        scale = FOCAL_WIDTHS * size[0] / depth
        middle = (np.array(size) - 1) / 2
        return middle + in_view[..., :2] * scale[..., None], scale


def bounds(
    points: Float[np.ndarray, "*batch 3"],
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Lowest and highest coordinates of the points that are no outliers."""
    known = points.reshape(-1, 3)
    known = known[np.isfinite(known).all(axis=-1)]
    if len(known) == 0:
        return np.full(3, -1.0), np.full(3, 1.0)
    first, third = np.percentile(known, [25, 75], axis=0)
    far = FAR_IQRS * np.maximum(third - first, 1e-9)
    near = known[((known >= first - far) & (known <= third + far)).all(axis=-1)]
    if len(near) < len(known) / 2:  # long and thin, as a tail that hardly moves
        near = known
    low, high = np.percentile(near, [0.5, 99.5], axis=0)
    return low, high


def round_step(length: float, n_steps: int) -> float:
    """A round length (1, 2 or 5 times a power of ten) that divides this one into so many steps or less."""
    rough = max(length, 1e-12) / n_steps
    power = 10.0 ** np.floor(np.log10(rough))
    return float(power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9)))


def draw_scene(
    points: Float[np.ndarray, "keypoint 3"],
    skeleton: Skeleton,
    view: View,
    size: tuple[int, int],
    *,
    trails: Float[np.ndarray, "frame keypoint 3"] | None = None,
    background: Picture | None = None,
) -> Picture:
    """The picture of a frame: (height, width, 3) blue, green, red.

    Args:
        points: in a world with z upwards; NaN is left out.
        size: (width, height) of the picture.
        trails: where the keypoints were before, oldest first; drawn as lines that fade with age.
        background: what to draw upon, and changed; when absent, a grid without an end.
    """
    canvas = draw_floor(view, size) if background is None else background
    radius = view.span / 110
    _draw_shadow(canvas, points, skeleton, view, radius)
    if trails is not None:
        _draw_trails(canvas, trails, skeleton, view)
    _draw_solids(canvas, points, skeleton, view, radius)
    return canvas


def draw_floor(view: View, size: tuple[int, int]) -> Picture:
    """Squares of a round length, so that lengths can be read off."""
    canvas = empty_picture(size)
    step = round_step(view.span, GRID_LINES + 4)
    offsets = step * np.arange(-(GRID_LINES // 2) - 3, GRID_LINES // 2 + 4)
    middle = np.round(view.target[:2] / step) * step
    ends = np.full((2, len(offsets), 2, 3), view.floor)  # axis, line, end, coordinate
    for axis in (0, 1):
        ends[axis, :, :, axis] = middle[axis] + offsets[:, None]
        ends[axis, :, :, 1 - axis] = middle[1 - axis] + offsets[[0, -1]]
    draw_segments(canvas, view.project(ends.reshape(-1, 2, 3), size)[0], GRID)
    return canvas


def empty_picture(size: tuple[int, int]) -> Picture:
    """(width, height) pixels of background."""
    canvas: Picture = np.empty((size[1], size[0], 3), np.uint8)
    cv2.rectangle(canvas, (0, 0), size, BACKGROUND, cv2.FILLED)
    return canvas


def draw_segments(
    canvas: Picture, pixels: Float[np.ndarray, "line 2 2"], colour: Colour, width: int = 1
) -> None:
    """Straight lines; those with an end that is not known are left out."""
    whole = pixels[np.isfinite(pixels).all(axis=(1, 2))]
    cv2.polylines(canvas, list(fixed(whole)), False, colour, width, cv2.LINE_AA, SHIFT)


def fixed(pixels: Float[np.ndarray, "*batch 2"]) -> Int32[np.ndarray, "*batch 2"]:
    """Pixels as OpenCV's fixed-point numbers."""
    numbers: Int32[np.ndarray, "*batch 2"] = np.rint(np.clip(pixels, -1e5, 1e5) * 2**SHIFT).astype(np.int32)
    return numbers


def _draw_shadow(
    canvas: Picture, points: Float[np.ndarray, "keypoint 3"], skeleton: Skeleton, view: View, radius: float
) -> None:
    """Straight below the skeleton, blurred; drawn coarsely, and only where it is."""
    reduction = 4
    below = np.column_stack([points[:, :2], np.where(np.isnan(points[:, 2]), np.nan, view.floor)])
    pixels, scale = view.project(below, canvas.shape[1::-1])
    bones = np.array([(a, b) for a, b, _ in skeleton.bones], int).reshape(-1, 2)
    bones = bones[np.isfinite(pixels[bones]).all(axis=(1, 2))]
    if len(bones) == 0:
        return
    ends = pixels[bones].reshape(-1, 2)
    thickness = max(1, round(2 * radius * float(scale[bones].mean()) / reduction))
    margin = (5 + thickness) * reduction
    left, top = np.clip(ends.min(axis=0) - margin, 0, canvas.shape[1::-1]).astype(int)
    right, bottom = np.clip(ends.max(axis=0) + margin, 0, canvas.shape[1::-1]).astype(int)
    floor = canvas[top:bottom, left:right]
    light = np.full((floor.shape[0] // reduction, floor.shape[1] // reduction), 255, np.uint8)
    if light.size == 0:
        return
    lines = fixed((pixels[bones] - (left, top)) / reduction)
    cv2.polylines(light, list(lines), False, round(255 * (1 - SHADOW)), thickness, cv2.LINE_AA, SHIFT)
    light = cv2.GaussianBlur(light, (0, 0), 1.2)
    light = cv2.resize(light, floor.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    floor[...] = cv2.multiply(floor, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), scale=1 / 255)


def _draw_trails(
    canvas: Picture, trails: Float[np.ndarray, "frame keypoint 3"], skeleton: Skeleton, view: View
) -> None:
    pixels, _ = view.project(trails, canvas.shape[1::-1])
    for frame in range(1, len(trails)):
        strength = 0.8 * frame / len(trails)
        for number, colour in enumerate(skeleton.point_colours):
            ends = pixels[frame - 1 : frame + 1, number]
            draw_segments(canvas, ends[None], mixed(colour, BACKGROUND, strength), 2)


def _draw_solids(
    canvas: Picture, points: Float[np.ndarray, "keypoint 3"], skeleton: Skeleton, view: View, radius: float
) -> None:
    """Bones and joints, the farthest first."""
    pixels, scale = view.project(points, canvas.shape[1::-1])
    known = np.isfinite(pixels).all(axis=-1)
    solids = [(k, k, c, 1.5) for k, c in enumerate(skeleton.point_colours) if known[k]]
    solids += [(start, end, c, 0.8) for start, end, c in skeleton.bones if known[start] and known[end]]
    if not solids:
        return
    ends = np.array([solid[:2] for solid in solids])
    nearness = scale[ends].mean(axis=1)
    parts = np.array([part for part, _ in SHADES])
    # Half widths in pixels of every solid's shades, from the outside in. Light comes from above, so that the
    # bright part of a tube or ball lies a little higher.
    widths = np.outer([solid[3] for solid in solids] * nearness, radius * parts)
    rises = 0.45 * (widths / parts) * (1 - parts)
    at = np.repeat(pixels[ends][:, None], len(parts), axis=1)  # solid, shade, end, coordinate
    at[..., 1] -= rises[..., None]
    where = fixed(at).tolist()
    circles = np.rint(widths * 2**SHIFT).astype(int).tolist()
    lines = np.maximum(1, np.rint(2 * widths)).astype(int).tolist()
    for solid in np.lexsort((ends[:, 1], ends[:, 0], nearness)).tolist():
        start, end, colour, _ = solids[solid]
        for shade, tone in enumerate(_tones(colour)):
            here = where[solid][shade]
            if start == end:
                cv2.circle(canvas, here[0], circles[solid][shade], tone, cv2.FILLED, cv2.LINE_AA, SHIFT)
            else:
                cv2.line(canvas, here[0], here[1], tone, lines[solid][shade], cv2.LINE_AA, SHIFT)


@cache
def _tones(colour: Colour) -> tuple[Colour, ...]:
    """A colour in light and shade, from the outside in."""
    return tuple(_brighter(colour, brightness) for _, brightness in SHADES)


def _brighter(colour: Colour, factor: float) -> Colour:
    """Darker towards black, or brighter towards white."""
    return mixed(colour, (0, 0, 0), factor) if factor <= 1 else mixed((255, 255, 255), colour, factor - 1)
