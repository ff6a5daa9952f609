"""Walking along: the animal stays in the middle of the picture and large, and the floor passes below it."""

import numpy as np
import pytest

from anipose.config import Labeling3D
from anipose.draw.axes import Room
from anipose.draw.following import way
from anipose.draw.scene import View

BODY = np.array([[0.0, 0, 10], [30, 0, 10], [-30, 5, 0]])


def walk(n_frames: int = 200, length: float = 3000) -> np.ndarray:
    """Along x at a steady pace."""
    places = np.column_stack([np.linspace(0, length, n_frames), np.zeros((n_frames, 2))])
    return BODY + places[:, None]


def test_a_straight_way_is_found_in_spite_of_gaps_and_noise() -> None:
    points = walk()
    truth = points[:, 0].copy()
    points += np.random.default_rng(0).normal(0, 4, points.shape)
    points[50:60] = np.nan
    points[80:90, 2] = np.nan
    found = way(points)
    # Of the median of three or two points 30 mm apart, smoothed over half a second.
    assert np.abs(found - truth)[20:-20, :2].max() < 20
    # No faster than twice the walk: it does not shake.
    assert np.abs(np.diff(found[:, 0])).max() < 2 * 3000 / 199


def test_nothing_known_stays_where_it_is() -> None:
    assert (way(np.full((5, 3, 3), np.nan)) == 0).all()
    assert way(np.zeros((0, 3, 3))).shape == (0, 3)


def test_the_room_moves_in_whole_steps_and_the_view_smoothly() -> None:
    room = Room.of(BODY, up="z", unit="mm")
    by = np.array([3.4 * room.step, -1.2 * room.step, 0])
    moved = room.moved(by)
    assert (moved.low - room.low) / room.step == pytest.approx([3, -1, 0])
    view = View.of(np.stack([room.low, room.high]))
    at, scale = view.project(BODY, (800, 800))
    at_moved, scale_moved = view.moved(by).project(BODY + by, (800, 800))
    assert at_moved == pytest.approx(at)
    assert scale_moved == pytest.approx(scale)


def test_it_is_off_unless_asked_for() -> None:
    assert Labeling3D().follow is False
