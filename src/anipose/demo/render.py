"""Filming the animal of the demo: arena, shadow, body, markers, a slightly soft lens and a noisy sensor."""

import colorsys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from anipose.demo.animal import KEYPOINTS, LEGS, MARKER_RADIUS, Walk
from anipose.demo.solids import LIGHT, Solid, paint
from anipose.geometry.cameras import Camera

Picture = UInt8[np.ndarray, "height width 3"]
Point = Float[np.ndarray, "3"]

# Standard deviations: blur of the lens in pixels, noise of the sensor in grey values of 0 to 255.
BLUR, NOISE = 0.6, 2.0
ARENA_RADIUS = 78.0
SHADOW, SHADOW_STEP = 0.5, 4
BONE_RADIUS = 0.75  # where it ends in a bead
SKIN, BELLY = (78.0, 74.0, 70.0), (98.0, 96.0, 92.0)

# Hue of the paint of each keypoint, degrees: evenly around the colour wheel, neighbours far apart.
HUES = {name: 30.0 * (5 * number % 12) for number, name in enumerate(KEYPOINTS)}


def paint_colour(hue_deg: float) -> tuple[float, float, float]:
    """Blue, green, red of a paint, as bright as its hue allows."""
    red, green, blue = colorsys.hsv_to_rgb(hue_deg / 360, 0.88, 0.96)
    return 255 * blue, 255 * green, 255 * red


@dataclass(frozen=True)
class Sensor:
    """Noise of a camera, cut from a large sheet: fresh noise for each frame takes longer than the rest.

    Attributes:
        sheet: (height, width, 3), larger than a frame.
    """

    sheet: np.ndarray[tuple[int, ...], np.dtype[np.int16]]

    MARGIN = 97

    @classmethod
    def random(cls, size: tuple[int, int], rng: np.random.Generator) -> Self:
        shape = size[1] + cls.MARGIN, size[0] + cls.MARGIN, 3
        return cls(np.rint(rng.normal(0, NOISE, shape)).astype(np.int16))

    def expose(self, image: Picture, rng: np.random.Generator) -> Picture:
        """The picture through a soft lens, with noise."""
        soft = cv2.GaussianBlur(image, (5, 5), BLUR)
        top, left = rng.integers(0, self.MARGIN, 2)
        noise = self.sheet[top : top + image.shape[0], left : left + image.shape[1]]
        noisy: Picture = cv2.add(soft, noise, dtype=cv2.CV_8U)
        return noisy


def film(camera: Camera, walk: Walk, rng: np.random.Generator) -> Iterator[Picture]:
    """The frames of one camera."""
    floor = arena(camera)
    sensor = Sensor.random(camera.size, rng)
    for number in range(len(walk.keypoints)):
        solids = body(walk, number)
        image = shaded_floor(floor, camera, solids)
        paint(image, camera, solids)
        yield sensor.expose(image, rng)


def body(walk: Walk, frame: int) -> list[Solid]:
    """The animal in a frame: skin, and markers like beads in which the bones end."""
    at = {name: points[frame] for name, points in walk.joints.items()}
    hip, shoulder, nose = at["hip"], at["shoulder"], at["nose"]
    spine = [hip, hip + 0.3 * (shoulder - hip), hip + 0.7 * (shoulder - hip), shoulder]
    head = [shoulder + part * (nose - shoulder) for part in (0.3, 0.55, 0.8)]
    tail = [_curve(hip, at["tail_middle"], at["tail"], part) for part in (0.12, 0.25, 0.4, 0.55, 0.7, 0.85)]
    bones = [
        *_chain(
            [*tail[::-1], *spine, *head],
            (1.1, 1.7, 2.4, 3.2, 4.1, 4.8, 5.4, 6.2, 6.2, 5.2, 4.4, 4.9, 2.0),
            SKIN,
        ),
        *_chain([tail[-1], _short_of(at["tail"], tail[-1])], (1.1, BONE_RADIUS), SKIN),
    ]
    for leg in LEGS:
        root, knee, foot = (at[f"{leg}_{joint}"] for joint in ("root", "knee", "foot"))
        bones += _chain([root, _short_of(knee, root)], (2.0, BONE_RADIUS), SKIN)
        bones += _chain([_short_of(knee, foot), _short_of(foot, knee)], (BONE_RADIUS, BONE_RADIUS), BELLY)
    beads = [
        Solid(np.stack([point, point]), (MARKER_RADIUS, MARKER_RADIUS), paint_colour(HUES[name]), matt=True)
        for name, point in zip(KEYPOINTS, walk.keypoints[frame], strict=True)
    ]
    return bones + beads


def _chain(
    points: Sequence[Point], radii: Sequence[float], colour: tuple[float, float, float]
) -> list[Solid]:
    pairs = zip(pairwise(points), pairwise(radii), strict=True)
    return [Solid(np.stack(ends), of_ends, colour) for ends, of_ends in pairs]


def _short_of(bead: Point, other: Point) -> Point:
    """Where a bone that comes from `other` ends, so that its round end touches the bead."""
    direction = (other - bead) / np.linalg.norm(other - bead)
    end: Point = bead + (MARKER_RADIUS + BONE_RADIUS) * direction
    return end


def _curve(start: Point, middle: Point, end: Point, part: float) -> Point:
    """A point of the parabola from start to end that leaves towards the middle (Bezier)."""
    return (1 - part) ** 2 * start + 2 * part * (1 - part) * middle + part**2 * end


def arena(camera: Camera) -> Picture:
    """The empty arena: a round floor of paper with a faint grid of centimetres, in a dim room."""
    width, height = camera.size
    rays = camera.undistort(np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(float))
    ray_in_world = np.dstack([rays, np.ones((height, width))]) @ camera.rotation_matrix
    with np.errstate(divide="ignore"):
        distance = np.where(ray_in_world[..., 2] < 0, -camera.center[2] / ray_in_world[..., 2], np.nan)
    x, y = (camera.center[axis] + distance * ray_in_world[..., axis] for axis in (0, 1))
    radius = np.nan_to_num(np.hypot(x, y), nan=1e3)
    paper = 206 - 26 * (radius / ARENA_RADIUS) ** 2
    to_line = np.minimum(*(np.abs((along + 5) % 10 - 5) for along in (x, y)))
    paper -= 16 * np.clip(1.3 - np.nan_to_num(to_line, nan=9) / 0.28, 0, 1)
    rim = np.clip((radius - ARENA_RADIUS) / 0.35 + 0.5, 0, 1)
    wall = np.clip((radius - ARENA_RADIUS) / 2.5, 0, 1)
    room = 92 - 46 * wall - 8 * np.clip((radius - ARENA_RADIUS) / 120, 0, 1)
    tone = paper + rim * (room - paper)
    picture: Picture = np.rint(tone[..., None] * [0.97, 0.99, 1.0]).astype(np.uint8)
    return picture


def shaded_floor(floor: Picture, camera: Camera, solids: list[Solid]) -> Picture:
    """The floor with the shadow of the solids, drawn coarsely since it is soft."""
    ends = np.stack([solid.ends for solid in solids])
    on_floor = ends - ends[..., 2:] / LIGHT[2] * LIGHT
    pixels = (camera.project(on_floor) + 0.5) / SHADOW_STEP - 0.5
    widths = camera.matrix[0, 0] / camera.depth(on_floor[:, 0]) / SHADOW_STEP
    height, width = floor.shape[0] // SHADOW_STEP, floor.shape[1] // SHADOW_STEP
    light = np.full((height, width), 255, np.uint8)
    for solid, (start, end), per_mm in zip(solids, np.rint(16 * pixels).astype(int), widths, strict=True):
        thickness = max(1, round(per_mm * sum(solid.radii)))
        cv2.line(
            light, start.tolist(), end.tolist(), round(255 * (1 - SHADOW)), thickness, cv2.LINE_AA, shift=4
        )
    light = cv2.resize(
        cv2.GaussianBlur(light, (0, 0), 1.6), floor.shape[1::-1], interpolation=cv2.INTER_LINEAR
    )
    shaded: Picture = cv2.multiply(floor, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    return shaded
