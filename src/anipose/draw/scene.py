"""Drawing 3D poses: a skeleton of shaded tubes over a floor with a grid and a soft shadow.

Everything is painted back to front on a canvas of twice the size, which is then reduced: smooth edges,
no graphics card or display, and a few milliseconds per frame.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from anipose.draw.overlay import SHIFT, Colour, Skeleton
from anipose.geometry.transforms import looking_at

Picture = UInt8[np.ndarray, "height width 3"]

SAMPLES = 2
BACKGROUND: Colour = (250, 248, 246)
GRID: Colour = (218, 212, 208)
SHADOW = 0.28  # part of the light that it takes
# A view's own focal length, in widths of the picture: a normal lens.
FOCAL_WIDTHS = 1.8
GRID_LINES = 12
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
        cls, points: Float[np.ndarray, "*batch 3"], *, heading_deg: float = -60.0, elevation_deg: float = 28.0
    ) -> Self:
        """A view in which all these points are to be seen; outliers are not waited for."""
        low, high = np.nanpercentile(points.reshape(-1, 3), [0.5, 99.5], axis=0)
        span = 1.15 * float(np.linalg.norm(high - low))
        return cls((low + high) / 2, max(span, 1e-9), float(low[2]), heading_deg, elevation_deg)

    def project(
        self, points: Float[np.ndarray, "*batch 3"], size: tuple[int, int]
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch"]]:
        """Pixels in a picture of this size, and pixels per unit of length there; NaN behind the viewer."""
        a, e = np.radians([self.heading_deg, self.elevation_deg])
        distance = FOCAL_WIDTHS * self.span
        towards = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
        rotation, translation = looking_at(self.target + distance * towards, self.target)
        in_view = points @ rotation.T + translation
        depth = np.where(in_view[..., 2] > 0.05 * distance, in_view[..., 2], np.nan)
        scale = FOCAL_WIDTHS * size[0] / depth
        middle = (np.array(size) - 1) / 2
        return middle + in_view[..., :2] * scale[..., None], scale


def draw_scene(
    points: Float[np.ndarray, "keypoint 3"],
    skeleton: Skeleton,
    view: View,
    size: tuple[int, int],
    *,
    trails: Float[np.ndarray, "frame keypoint 3"] | None = None,
) -> Picture:
    """The picture of a frame: (height, width, 3) blue, green, red.

    Args:
        points: in a world with z upwards; NaN is left out.
        size: (width, height) of the picture.
        trails: where the keypoints were before, oldest first; drawn as lines that fade with age.
    """
    large = SAMPLES * size[0], SAMPLES * size[1]
    canvas = np.empty((large[1], large[0], 3), np.uint8)
    cv2.rectangle(canvas, (0, 0), large, BACKGROUND, cv2.FILLED)
    radius = view.span / 110
    _draw_grid(canvas, view, large)
    _draw_shadow(canvas, points, skeleton, view, radius)
    if trails is not None:
        _draw_trails(canvas, trails, skeleton, view)
    _draw_solids(canvas, points, skeleton, view, radius)
    picture: Picture = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    return picture


def _fixed(pixels: Float[np.ndarray, "2"]) -> tuple[int, int]:
    x, y = np.rint(np.clip(pixels, -1e5, 1e5) * 2**SHIFT).astype(int).tolist()
    return x, y


def _draw_grid(canvas: Picture, view: View, size: tuple[int, int]) -> None:
    """Squares of a round length (1, 2 or 5 times a power of ten), so that lengths can be read off."""
    rough = view.span / GRID_LINES
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    offsets = step * np.arange(-(GRID_LINES // 2) - 1, GRID_LINES // 2 + 2)
    middle = np.round(view.target[:2] / step) * step
    ends = np.full((2, len(offsets), 2, 3), view.floor)  # axis, line, end, coordinate
    for axis in (0, 1):
        ends[axis, :, :, axis] = middle[axis] + offsets[:, None]
        ends[axis, :, :, 1 - axis] = middle[1 - axis] + offsets[[0, -1]]
    pixels, _ = view.project(ends, size)
    for line in pixels.reshape(-1, 2, 2):
        if np.isfinite(line).all():
            cv2.line(canvas, _fixed(line[0]), _fixed(line[1]), GRID, SAMPLES, cv2.LINE_AA, SHIFT)


def _draw_shadow(
    canvas: Picture, points: Float[np.ndarray, "keypoint 3"], skeleton: Skeleton, view: View, radius: float
) -> None:
    """Straight below the skeleton, blurred; drawn coarsely, and only where it is."""
    reduction = 4
    below = np.column_stack([points[:, :2], np.where(np.isnan(points[:, 2]), np.nan, view.floor)])
    pixels, scale = view.project(below, canvas.shape[1::-1])
    bones = [(a, b) for a, b, _ in skeleton.bones if np.isfinite(pixels[[a, b]]).all()]
    if not bones:
        return
    ends = pixels[np.array(bones)].reshape(-1, 2)
    margin = 4 * reduction * SAMPLES
    left, top = np.clip(ends.min(axis=0) - margin, 0, canvas.shape[1::-1]).astype(int)
    right, bottom = np.clip(ends.max(axis=0) + margin, 0, canvas.shape[1::-1]).astype(int)
    floor = canvas[top:bottom, left:right]
    light = np.full((floor.shape[0] // reduction, floor.shape[1] // reduction), 255, np.uint8)
    if light.size == 0:
        return
    for start, end in bones:
        thickness = max(1, round(2 * radius * float(scale[start]) / reduction))
        line = [_fixed((pixels[k] - (left, top)) / reduction) for k in (start, end)]
        cv2.line(light, line[0], line[1], round(255 * (1 - SHADOW)), thickness, cv2.LINE_AA, SHIFT)
    light = cv2.GaussianBlur(light, (0, 0), 1.2 * SAMPLES)
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
            if np.isfinite(ends).all():
                faded = mixed(colour, BACKGROUND, strength)
                cv2.line(canvas, _fixed(ends[0]), _fixed(ends[1]), faded, 2 * SAMPLES, cv2.LINE_AA, SHIFT)


def _draw_solids(
    canvas: Picture, points: Float[np.ndarray, "keypoint 3"], skeleton: Skeleton, view: View, radius: float
) -> None:
    """Bones and joints, the farthest first."""
    pixels, scale = view.project(points, canvas.shape[1::-1])
    known = np.isfinite(pixels).all(axis=-1)
    solids = [(scale[k], k, k, c, 1.5) for k, c in enumerate(skeleton.point_colours) if known[k]]
    solids += [
        (0.5 * (scale[start] + scale[end]), start, end, colour, 0.8)
        for start, end, colour in skeleton.bones
        if known[start] and known[end]
    ]
    for nearness, start, end, colour, thickness in sorted(solids, key=lambda solid: solid[:3]):
        for part, brightness in SHADES:
            tone = _brighter(colour, brightness)
            # Light comes from above, so that the bright part of a tube or ball lies a little higher.
            rise = np.array([0, -(1 - part) * 0.45 * thickness * radius * nearness])
            width = part * thickness * radius * nearness
            if start == end:
                circle = round(width * 2**SHIFT)
                cv2.circle(canvas, _fixed(pixels[start] + rise), circle, tone, cv2.FILLED, cv2.LINE_AA, SHIFT)
            else:
                ends = _fixed(pixels[start] + rise), _fixed(pixels[end] + rise)
                cv2.line(canvas, *ends, tone, max(1, round(2 * width)), cv2.LINE_AA, SHIFT)


def mixed(colour: Colour, other: Colour, part: float) -> Colour:
    """A colour that is `part` the one and otherwise the other."""
    blue, green, red = (round(part * a + (1 - part) * b) for a, b in zip(colour, other, strict=True))
    return blue, green, red


def _brighter(colour: Colour, factor: float) -> Colour:
    """Darker towards black, or brighter towards white."""
    return mixed(colour, (0, 0, 0), factor) if factor <= 1 else mixed((255, 255, 255), colour, factor - 1)
