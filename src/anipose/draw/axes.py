"""The floor under a 3D pose and axes with numbers, so that sizes and places can be read off."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float

from anipose.draw.overlay import Colour
from anipose.draw.scene import (
    GRID,
    GRID_LINES,
    Picture,
    View,
    bounds,
    draw_segments,
    empty_picture,
    round_step,
)
from anipose.draw.text import put_text

INK: Colour = (110, 102, 98)
EDGE: Colour = (170, 162, 158)
MOST_NUMBERS = 4  # along an axis

_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class Room:
    """The part of the world that is shown, with z upwards.

    Attributes:
        shown_from_data: (3, 3), which axis of the data, with which sign, is which axis here.
        low: (3,) and
        high: (3,): its corners, at whole steps of the grid.
        step: of the grid.
        unit: of lengths.
    """

    shown_from_data: Float[np.ndarray, "3 3"]
    low: Float[np.ndarray, "3"]
    high: Float[np.ndarray, "3"]
    step: float
    unit: str

    @classmethod
    def of(cls, points: Float[np.ndarray, "*batch 3"], *, up: str, unit: str) -> Self:
        """The room for these points, in which the axis `up` of the data ("z", "-y", ...) points upwards."""
        turn = upright(up)
        low, high = bounds(points @ turn.T)
        step = round_step(float((high - low)[:2].max()), GRID_LINES)
        # Within the first half of a step, the grid is not made longer.
        low[:2] = np.floor(low[:2] / step + 0.25) * step
        high[:2] = np.maximum(np.ceil(high[:2] / step - 0.25) * step, low[:2] + step)
        return cls(turn, low, high, step, unit)

    def moved(self, by: Float[np.ndarray, "3"]) -> "Room":
        """The part of the world that is there, in whole steps of the grid."""
        steps = np.rint(by / self.step) * self.step
        return replace(self, low=self.low + steps, high=self.high + steps) if steps.any() else self

    def draw(self, view: View, size: tuple[int, int]) -> Picture:
        """An empty room: grid, edges, and numbers along those that are before or beside the scene."""
        canvas = empty_picture(size)
        self._draw_grid(canvas, view)
        a = np.radians(view.heading_deg)
        corner = np.where(np.array([np.cos(a), np.sin(a)]) > 0, self.high[:2], self.low[:2])
        other = self.low[:2] + self.high[:2] - corner
        sides = np.array([[corner[0], other[1]], [other[0], corner[1]]])
        left = sides[np.argmin(view.project(self._at(sides), size)[0][:, 0])]
        edges = [
            np.array([[self.low[0], corner[1], self.low[2]], [self.high[0], corner[1], self.low[2]]]),
            np.array([[corner[0], self.low[1], self.low[2]], [corner[0], self.high[1], self.low[2]]]),
            np.array([[*left, self.low[2]], [*left, self.high[2]]]),
        ]
        for axis, edge in enumerate(edges):
            # Where the axes of the floor meet, the number of the first would be below that of the second.
            self._draw_axis(canvas, view, axis, edge, left_out=corner[1] if axis == 1 else np.nan)
        return canvas

    def _at(self, floor: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 3"]:
        return np.concatenate([floor, np.full((*floor.shape[:-1], 1), self.low[2])], axis=-1)

    def _draw_grid(self, canvas: Picture, view: View) -> None:
        lines = []
        for axis in (0, 1):
            places = np.arange(self.low[axis], self.high[axis] + self.step / 2, self.step)
            ends = np.empty((len(places), 2, 2))
            ends[:, :, axis] = places[:, None]
            ends[:, :, 1 - axis] = self.low[1 - axis], self.high[1 - axis]
            lines.append(ends)
        pixels, _ = view.project(self._at(np.concatenate(lines)), canvas.shape[1::-1])
        draw_segments(canvas, pixels, GRID)

    def _draw_axis(
        self, canvas: Picture, view: View, axis: int, edge: Float[np.ndarray, "2 3"], left_out: float
    ) -> None:
        """An edge with numbers but for one, on the side that is turned away from the middle of the room."""
        size = canvas.shape[1::-1]
        data_axis = int(np.argmax(np.abs(self.shown_from_data[axis])))
        sign = self.shown_from_data[axis, data_axis]
        (start, end), _ = view.project(edge, size)
        middle, _ = view.project((self.low + self.high) / 2, size)
        if not np.isfinite([start, end, middle]).all():
            return
        height = max(9.0, size[1] / 52)
        length = self.high[axis] - self.low[axis]
        step = self.step if axis < 2 else round_step(length, MOST_NUMBERS)
        fitting = float(np.linalg.norm(end - start)) / (1.3 * height)
        while step < length and length / step > min(MOST_NUMBERS + 1, fitting):
            step *= 2
        values = np.arange(np.ceil(self.low[axis] / step - 1e-6) * step, self.high[axis] + step * 1e-6, step)
        ticks = np.repeat(edge[:1], len(values), axis=0)
        ticks[:, axis] = values
        along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
        away = np.array([-along[1], along[0]])
        if axis == 2:
            away = np.array([-1.0, 0.0])
        elif away @ ((start + end) / 2 - middle) < 0:
            away = -away
        draw_segments(canvas, np.stack([start, end])[None], EDGE, max(1, round(size[1] / 500)))
        pixels, _ = view.project(ticks, size)
        draw_segments(canvas, np.stack([pixels, pixels + 0.4 * height * away], axis=1), EDGE)
        for value, pixel in zip(values, pixels, strict=True):
            if abs(value - left_out) < step / 2:
                continue
            number = f"{sign * value + 0.0:.6g}"
            put_text(canvas, number, pixel + 0.6 * height * away, height=height, colour=INK, anchor=away)
        title = f"{'xyz'[data_axis]} ({self.unit})"
        at = (start + end) / 2 + 3.0 * height * away if axis < 2 else end - np.array([0, 0.7 * height])
        put_text(canvas, title, at, height=1.05 * height, colour=INK, anchor=away if axis < 2 else (0, -1))


def upright(up: str) -> Float[np.ndarray, "3 3"]:
    """Rotation shown_from_data that turns an axis, "x", "-x", ..., to z; rows are axes of the data."""
    axis = _AXES[up[-1]]
    turn = np.zeros((3, 3))
    turn[2, axis] = -1 if up.startswith("-") else 1
    turn[0, (axis + 1) % 3] = 1
    turn[1] = np.cross(turn[2], turn[0])
    return turn
