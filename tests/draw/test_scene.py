"""The view is a pinhole camera, so what it shows can be computed with a pencil."""

import numpy as np
import pytest

from anipose.draw.overlay import PALETTE, Skeleton, mixed
from anipose.draw.scene import BACKGROUND, FOCAL_WIDTHS, View, draw_scene

SIZE = (240, 180)
SKELETON = Skeleton.of(("a", "b", "c"), [["a", "b"], ["c"]])


def from_minus_y(**others: float) -> View:
    """Looks along y, horizontally: x to the right, z up."""
    return View(np.zeros(3), span=100.0, floor=-20.0, heading_deg=-90.0, elevation_deg=0.0, **others)


def test_target_is_in_the_middle_and_the_span_fills_the_width() -> None:
    points = np.array([[0.0, 0, 0], [50, 0, 0], [0, 0, 25], [-50, 0, 0]])
    pixels, scale = from_minus_y().project(points, SIZE)
    expected = [[119.5, 89.5], [239.5, 89.5], [119.5, 29.5], [-0.5, 89.5]]
    assert pixels == pytest.approx(np.array(expected))
    assert scale == pytest.approx(np.full(4, 2.4))  # 240 px for 100 units


def test_nearer_things_are_larger_and_those_behind_the_viewer_are_left_out() -> None:
    distance = 100 * FOCAL_WIDTHS
    points = np.array([[10.0, -distance / 2, 0], [10, 0, 0], [10, -2 * distance, 0], [np.nan, 0, 0]])
    pixels, scale = from_minus_y().project(points, SIZE)
    assert scale[0] == pytest.approx(2 * scale[1])
    assert pixels[:2, 0] == pytest.approx([119.5 + 48, 119.5 + 24])
    assert np.isnan(pixels[2:]).any(axis=-1).all()


def test_from_above_more_of_y_is_seen() -> None:
    view = View(np.zeros(3), span=100.0, floor=0.0, heading_deg=-90.0, elevation_deg=60.0)
    (away, up), _ = view.project(np.array([[0.0, 1, 0], [0, 0, 1]]), SIZE)
    # Away from the viewer is up in the picture by sin 60, up by cos 60; 2.4 px per unit, nearly.
    assert 89.5 - away[1] == pytest.approx(2.4 * np.sin(np.pi / 3), rel=0.01)
    assert 89.5 - up[1] == pytest.approx(2.4 * np.cos(np.pi / 3), rel=0.01)


def test_view_of_points_shows_all_of_them() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3, 3)) * [30, 10, 5] + [100, 0, 20]
    points[3, 1] = np.nan
    view = View.of(points, heading_deg=20, elevation_deg=30)
    pixels, _ = view.project(points, SIZE)
    assert np.nanmin(pixels) > 0
    assert np.nanmax(pixels[..., 0]) < SIZE[0]
    assert np.nanmax(pixels[..., 1]) < SIZE[1]
    assert view.floor == pytest.approx(15, abs=0.5)


def test_joints_have_their_colours_and_the_nearer_hides_the_other() -> None:
    points = np.array([[-20.0, 0, 10], [np.nan] * 3, [20, 0, 10]])
    picture = draw_scene(points, SKELETON, from_minus_y(), SIZE)
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    y = round(89.5 - 24)
    for x, colour in ((72, PALETTE[0]), (168, PALETTE[1])):
        # Up to the highlight, which is a fifth of the way to white.
        assert np.abs(picture[y, x].astype(int) - mixed((255, 255, 255), colour, 0.15)).max() < 45
    points[2] = [-19, -60, 10 * 2 / 3]  # before the first: two thirds of the distance
    behind = draw_scene(points, SKELETON, from_minus_y(), SIZE)
    x = round(119.5 - 2.4 * 19 * 1.5)
    assert np.abs(behind[y, x].astype(int) - mixed((255, 255, 255), PALETTE[1], 0.15)).max() < 45


def test_trails_fade_with_age() -> None:
    frames = np.arange(40.0)
    trails = np.full((40, 3, 3), np.nan)
    trails[:, 0] = np.column_stack([frames - 20, 0 * frames, 20 + 0 * frames])
    picture = draw_scene(np.full((3, 3), np.nan), SKELETON, from_minus_y(), SIZE, trails=trails)
    row = np.abs(picture.astype(int) - BACKGROUND).sum(axis=-1)[round(89.5 - 48)]
    old, new = row[round(119.5 - 2.4 * 15)], row[round(119.5 + 2.4 * 15)]
    assert 0 < old < new / 2


def test_nothing_known_is_an_empty_floor() -> None:
    empty = draw_scene(np.full((3, 3), np.nan), SKELETON, View.of(np.eye(3)), SIZE)
    assert tuple(empty[2, 2]) == BACKGROUND
    assert len(np.unique(empty)) > 3  # the grid
