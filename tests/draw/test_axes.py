"""The room around a pose: right way up, of round lengths, and not for outliers."""

from dataclasses import replace

import numpy as np
import pytest

from anipose.draw.axes import Room, upright
from anipose.draw.scene import BACKGROUND, View, bounds, round_step

POINTS = np.random.default_rng(0).uniform(-1, 1, (300, 5, 3)) * [40, 30, 10] + [100, 0, 10]


@pytest.mark.parametrize("up", ["x", "y", "z", "-x", "-y", "-z"])
def test_upright_turns_the_named_axis_upwards(up: str) -> None:
    turn = upright(up)
    axis = np.zeros(3)
    axis["xyz".index(up[-1])] = -1 if up.startswith("-") else 1
    assert (turn @ axis).tolist() == [0, 0, 1]
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.abs(turn).sum() == 3  # axes stay axes, so that they can have numbers


def test_the_room_holds_the_points_in_whole_steps() -> None:
    room = Room.of(POINTS, up="z", unit="mm")
    assert room.step == 10
    assert room.low[:2] == pytest.approx([60, -30])
    assert room.high[:2] == pytest.approx([140, 30])
    assert room.low[2] == pytest.approx(0, abs=0.5)


def test_outliers_do_not_shrink_the_animal() -> None:
    wild = POINTS.copy()
    wild[::10] += [5000, -3000, 1e6]  # one in ten
    wild[5, 2] = np.nan
    assert Room.of(wild, up="z", unit="mm").low == pytest.approx(
        Room.of(POINTS, up="z", unit="mm").low, abs=1
    )
    assert bounds(wild)[1] == pytest.approx(bounds(POINTS)[1], abs=1)


def test_nothing_known_is_still_a_room() -> None:
    room = Room.of(np.full((3, 2, 3), np.nan), up="z", unit="mm")
    view = View.of(np.stack([room.low, room.high]))
    assert room.draw(view, (200, 200)).shape == (200, 200, 3)


def test_scale_is_equal_and_all_of_it_is_seen_from_all_around() -> None:
    room = Room.of(POINTS, up="z", unit="mm")
    view = View.of(np.stack([room.low, room.high]), turns=True)
    for heading in range(0, 360, 20):
        turned = replace(view, heading_deg=float(heading))
        pixels, _ = turned.project(POINTS.reshape(-1, 3), (800, 800))
        assert 0 < pixels.min() < pixels.max() < 799
        picture = room.draw(turned, (800, 800))
        # Numbers and titles are not cut off by the edge.
        edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (edge == BACKGROUND).all()


@pytest.mark.parametrize(
    ("length", "steps", "expected"), [(80, 8, 10), (81, 8, 20), (0.3, 8, 0.05), (7, 4, 2)]
)
def test_round_steps(length: float, steps: int, expected: float) -> None:
    assert round_step(length, steps) == pytest.approx(expected)
