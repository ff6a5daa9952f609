"""What is drawn is looked for in the planes where it has to be."""

import numpy as np
import pytest

from anipose.draw.overlay import OUTLINE, PALETTE, UNCONNECTED, Skeleton, mixed
from anipose.draw.pose_overlay import DARKEST, PoseOverlay, natural_radius
from anipose.io.yuv import BT709, ColourSpace, Yuv

KEYPOINTS = ("nose", "neck", "hip", "eye")
SKELETON = Skeleton.of(KEYPOINTS, [["nose", "neck", "hip"]])
POINTS = np.array([[30.0, 30], [90, 30], [90, 90], [30, 90]])
GROUND = (120, 120, 120)


def drawn(
    points: np.ndarray = POINTS,
    scores: tuple[float, ...] = (1, 1, 1, 1),
    shown: tuple[int, ...] = (0, 1, 2, 3),
    space: ColourSpace = ColourSpace(),  # noqa: B008  # it is frozen
) -> Yuv:
    picture = Yuv.blank((128, 128), space, GROUND)
    overlay = PoseOverlay(SKELETON, list(shown), radius_px=6, threshold=0.5, space=space)
    overlay.draw(picture, points, np.array(scores, float))
    return picture


def tones_at(picture: Yuv, x: float, y: float) -> tuple[int, int, int]:
    column, row = round(x), round(y)
    half = round((y - 0.5) / 2), round((x - 0.5) / 2)
    return int(picture.y[row, column]), int(picture.u[half]), int(picture.v[half])


@pytest.mark.parametrize("space", [ColourSpace(), ColourSpace(BT709), ColourSpace(full_range=True)])
def test_points_and_lines_have_their_colours(space: ColourSpace) -> None:
    picture = drawn(space=space)
    chain, alone = space.tones(PALETTE[0]), space.tones(UNCONNECTED)
    for number, (x, y) in enumerate(POINTS):
        assert tones_at(picture, x, y) == (alone if number == 3 else chain)
    assert tones_at(picture, 60, 30) == chain
    assert tones_at(picture, 90, 60) == chain
    assert tones_at(picture, 60, 60) == space.tones(GROUND)


def test_lower_scores_are_darker() -> None:
    picture = drawn(scores=(1.0, 0.75, 0.5, 1.0))
    brightness = [tones_at(picture, x, y)[0] for x, y in POINTS[:3]]
    assert brightness[0] > brightness[1] > brightness[2]
    least = ColourSpace().tones(mixed(PALETTE[0], OUTLINE, DARKEST))[0]
    assert brightness[2] > least


def test_points_below_the_threshold_are_hollow_and_have_no_lines() -> None:
    picture = drawn(scores=(0.3, 1, 1, 1))
    assert tones_at(picture, 30, 30) == ColourSpace().tones(GROUND)
    assert tones_at(picture, 60, 30) == ColourSpace().tones(GROUND)
    ring = picture.y[30, 22:31].astype(int)
    assert np.ptp(ring) > 40  # outline, ring, and the ground within
    assert tones_at(picture, 90, 60) == ColourSpace().tones(PALETTE[0])


def test_a_score_that_is_missing_is_no_low_score() -> None:
    picture = drawn(scores=(np.nan, 1, 1, 1))
    assert tones_at(picture, 30, 30) == ColourSpace().tones(PALETTE[0])


def test_ignored_keypoints_are_not_drawn() -> None:
    picture = drawn(shown=(0, 1, 2))
    assert tones_at(picture, 30, 90) == ColourSpace().tones(GROUND)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf, 1e12])
def test_points_that_are_missing_or_far_away_are_left_out(missing: float) -> None:
    points = np.full((4, 2), missing)
    points[0] = 100, 100
    picture = drawn(points)
    assert (picture.y[:80] == ColourSpace().tones(GROUND)[0]).all()
    assert tones_at(picture, 100, 100) == ColourSpace().tones(PALETTE[0])


def test_brightness_and_colour_have_the_same_centre() -> None:
    points = np.full((4, 2), np.nan)
    points[0] = 60.5, 40.5
    picture = drawn(points)
    for plane, scale in ((picture.v.astype(float) - 128, 2),):
        y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
        centre = [(plane * axis).sum() / plane.sum() * scale + 0.5 for axis in (x, y)]
        assert centre == pytest.approx([60.5, 40.5], abs=0.3)


def test_points_grow_with_the_picture() -> None:
    assert natural_radius((1280, 720)) == pytest.approx(5.3, abs=0.1)
    assert natural_radius((3840, 2160)) == pytest.approx(3 * natural_radius((1280, 720)))
    assert natural_radius((200, 200)) == 2.5
