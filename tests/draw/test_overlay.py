"""What is drawn is looked for at the pixels where it has to be."""

import numpy as np
import pytest

from anipose.draw.overlay import OUTLINE, PALETTE, UNCONNECTED, Skeleton, draw_pose

KEYPOINTS = ("nose", "neck", "hip", "paw", "eye")
SCHEME = (("nose", "neck", "hip"), ("neck", "paw"))


@pytest.fixture
def skeleton() -> Skeleton:
    return Skeleton.of(KEYPOINTS, SCHEME)


def test_skeleton_from_the_scheme(skeleton: Skeleton) -> None:
    assert skeleton.chains == ((0, 1, 2), (1, 3))
    assert skeleton.bones == [(0, 1, PALETTE[0]), (1, 2, PALETTE[0]), (1, 3, PALETTE[1])]
    assert skeleton.point_colours == (PALETTE[0], PALETTE[0], PALETTE[0], PALETTE[1], UNCONNECTED)


def test_names_of_the_scheme_that_are_not_tracked_are_passed_over() -> None:
    skeleton = Skeleton.of(("nose", "hip"), [["nose", "neck", "hip"]])
    assert skeleton.bones == [(0, 1, PALETTE[0])]


def test_points_and_lines_are_where_they_should_be(skeleton: Skeleton) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    points = np.array([[20.0, 20], [60, 20], [60, 60], [80, 20], [20, 80]])
    draw_pose(image, points, skeleton, size_px=4)
    for number, (x, y) in enumerate(points.astype(int)):
        assert tuple(image[y, x]) == skeleton.point_colours[number]
    assert tuple(image[20, 40]) == PALETTE[0]
    assert tuple(image[40, 60]) == PALETTE[0]
    assert tuple(image[20, 70]) == PALETTE[1]
    assert image[50:70, 10:50].max() == 0


def test_centre_of_a_point_has_a_fraction(skeleton: Skeleton) -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    points = np.full((5, 2), np.nan)
    points[4] = 30.4, 25.7
    draw_pose(image, points, skeleton, size_px=6)
    weights = image.sum(axis=-1, dtype=float)
    y, x = np.mgrid[:60, :60]
    centre = (weights * x).sum() / weights.sum(), (weights * y).sum() / weights.sum()
    assert centre == pytest.approx((30.4, 25.7), abs=0.15)


def test_points_stand_out_on_their_own_colour() -> None:
    image = np.full((40, 40, 3), PALETTE[0], np.uint8)
    draw_pose(image, np.array([[20.0, 20.0]]), Skeleton.of(["a"], [["a"]]), size_px=4)
    assert tuple(image[20, 20]) == PALETTE[0]
    darkest = image[20, 20:30].max(axis=-1).min()
    assert darkest < PALETTE[0][2] / 2 + max(OUTLINE)


@pytest.mark.parametrize("missing", [np.nan, np.inf, 1e12, -1e12])
def test_points_that_are_missing_or_far_away_are_left_out(skeleton: Skeleton, missing: float) -> None:
    image = np.zeros((50, 50, 3), np.uint8)
    points = np.full((5, 2), missing)
    points[0] = 10, 10
    draw_pose(image, points, skeleton)
    assert image[20:, 20:].max() == 0
    assert tuple(image[10, 10]) == PALETTE[0]
