"""Painting round solids into a picture: limbs, bodies and balls, shaded, with smooth edges.

A solid is a ball that moves from one point to another while its radius changes. Each pixel near its
outline is covered in part, in proportion to its distance from the outline: the centroid of a painted
ball is that of the true one to a hundredth of a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from anipose.geometry.cameras import Camera

# Direction to the light, in the world; and how bright a surface is that faces away from it, and towards it.
LIGHT = np.array([-0.35, 0.3, 0.89])
LIGHT /= np.linalg.norm(LIGHT)
AMBIENT, DIFFUSE, GLOSS = 0.45, 0.6, 0.35


@dataclass(frozen=True)
class Solid:
    """A ball swept along a line.

    Attributes:
        ends: (2, 3), where the centre of the ball starts and ends; the same twice is a ball.
        radii: at the two ends.
        colour: blue, green, red, 0 to 255.
        matt: painted in one even tone, as markers are, instead of shaded and glossy.
    """

    ends: Float[np.ndarray, "2 3"]
    radii: tuple[float, float]
    colour: tuple[float, float, float]
    matt: bool = False


def paint(image: UInt8[np.ndarray, "height width 3"], camera: Camera, solids: Sequence[Solid]) -> None:
    """Paint solids into the picture of a camera; what is nearer hides what is behind it."""
    ends = np.stack([solid.ends for solid in solids])
    pixels, depths = camera.project(ends), camera.depth(ends)
    radii = camera.matrix[0, 0] * np.array([solid.radii for solid in solids]) / depths
    light = camera.rotation_matrix @ LIGHT
    nearest = np.full(image.shape[:2], np.inf, np.float32)
    # Back to front, so that the smooth edge of a solid lies over what is behind it.
    for number in np.argsort(-depths.mean(axis=1), kind="stable"):
        _paint_one(
            image,
            nearest,
            solids[number],
            pixels[number],
            depths[number],
            radii[number],
            camera.matrix[0, 0],
            light,
        )


def _paint_one(
    image: UInt8[np.ndarray, "height width 3"],
    nearest: Float[np.ndarray, "height width"],
    solid: Solid,
    pixels: Float[np.ndarray, "2 2"],
    depths: Float[np.ndarray, "2"],
    radii: Float[np.ndarray, "2"],
    focal: float,
    light: Float[np.ndarray, "3"],
) -> None:
    if not np.isfinite(pixels).all():
        return
    low = np.maximum(np.floor((pixels - radii[:, None]).min(axis=0) - 1), 0).astype(int)
    high = np.minimum(np.ceil((pixels + radii[:, None]).max(axis=0) + 2), image.shape[1::-1]).astype(int)
    if (high <= low).any():
        return
    window = slice(low[1], high[1]), slice(low[0], high[0])
    x = np.arange(low[0], high[0], dtype=np.float32)[None] - np.float32(pixels[0, 0])
    y = np.arange(low[1], high[1], dtype=np.float32)[:, None] - np.float32(pixels[0, 1])
    line = (pixels[1] - pixels[0]).astype(np.float32)
    length = float(line @ line)
    along = np.clip((x * line[0] + y * line[1]) / length, 0, 1) if length > 1e-6 else np.zeros_like(x * y)
    dx, dy = x - along * line[0], y - along * line[1]
    radius = np.float32(radii[0]) + along * np.float32(radii[1] - radii[0])
    squared = dx * dx + dy * dy
    cover = np.clip(radius - np.sqrt(squared) + 0.5, 0, 1)
    rise = np.sqrt(np.maximum(radius * radius - squared, 0))
    depth = np.float32(depths[0]) + along * np.float32(depths[1] - depths[0])
    depth = depth - rise * (depth / np.float32(focal))
    behind = nearest[window]
    cover = np.where(depth < behind, cover, 0)
    if solid.matt:
        tone, shine = 0.9 + 0.1 * rise / radius, 0.0
    else:
        facing = np.maximum((dx * light[0] + dy * light[1] - rise * light[2]) / radius, 0)
        tone, shine = AMBIENT + DIFFUSE * facing, 255 * GLOSS * facing**12
    target = image[window]
    colour = np.minimum(
        np.multiply.outer(tone, np.array(solid.colour, np.float32)) + np.expand_dims(shine, -1), 255
    )
    target[...] = np.rint(target + cover[..., None] * (colour - target))
    np.copyto(behind, depth, where=cover > 0.5)
