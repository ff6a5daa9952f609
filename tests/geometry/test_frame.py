"""The standardised frame, on points whose frame one can see."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from anipose.errors import PoseError
from anipose.geometry.frame import standard_frame
from anipose.geometry.transforms import rotation_matrix

KEYPOINTS = ("origin", "ahead", "left", "lost")


def recording():
    """Three frames: `ahead` is along y, `left` along -x and a little y; `lost` is never seen."""
    points = np.zeros((3, 4, 3))
    points[:, 0] = [1, 1, 5]
    points[:, 1] = [1, 3, 5]
    points[:, 2] = [-3, 2, 5]
    points[:, 3] = np.nan
    return points


def in_frame(points, axes, reference="origin"):
    rotation, center = standard_frame(points, KEYPOINTS, axes, reference)
    return points @ rotation.T - center


def test_first_axis_as_given_second_made_orthogonal_third_right_handed():
    points = recording()
    moved = in_frame(points, [("x", "origin", "ahead"), ("y", "origin", "left")])
    assert_allclose(moved[0, 0], [0, 0, 0], atol=1e-12)
    assert_allclose(moved[0, 1], [2, 0, 0], atol=1e-12)
    assert_allclose(moved[0, 2], [1, 4, 0], atol=1e-12)


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations("xyz", 2)))
def test_every_choice_of_letters_is_right_handed(first, second):
    axes = [(first, "origin", "ahead"), (second, "origin", "left")]
    rotation, _ = standard_frame(recording(), KEYPOINTS, axes, None)
    assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert_allclose(rotation["xyz".index(first)], [0, 1, 0], atol=1e-12)
    assert_allclose(rotation["xyz".index(second)], [-1, 0, 0], atol=1e-12)


def test_one_wrong_frame_and_gaps_do_not_move_the_frame():
    points, axes = recording(), [("x", "origin", "ahead"), ("y", "origin", "left")]
    rotation, center = standard_frame(points, KEYPOINTS, axes, "origin")
    more = np.concatenate([points, points, points])
    more[4] += 1000.0
    more[5] = np.nan
    again, center_again = standard_frame(more, KEYPOINTS, axes, "origin")
    assert_allclose(again, rotation, atol=1e-12)
    assert_allclose(center_again, center, atol=1e-12)


def test_without_reference_point_the_origin_stays():
    _, center = standard_frame(
        recording(), KEYPOINTS, [("x", "origin", "ahead"), ("y", "origin", "left")], None
    )
    assert_allclose(center, 0)


@given(
    arrays(float, 3, elements=st.floats(-3, 3)),
    arrays(float, 3, elements=st.floats(-50, 50)),
)
def test_a_moved_recording_is_the_same_in_its_frame(vector, shift):
    # One frame: a median over frames would depend on the axes in which it is taken.
    points, axes = recording()[:1], [("z", "origin", "ahead"), ("x", "left", "origin")]
    moved = points @ rotation_matrix(vector).T + shift
    assert_allclose(in_frame(moved, axes), in_frame(points, axes), atol=1e-10)


@pytest.mark.parametrize(
    ("axes", "reference", "message"),
    [
        (
            [("x", "origin", "ahead"), ("z", "ahead", "origin")],
            "origin",
            "triangulation.axes: the x axis from origin to ahead and the z axis from ahead to origin are "
            "parallel; choose two that are not",
        ),
        (
            [("x", "origin", "ahead"), ("x", "origin", "left")],
            "origin",
            'triangulation.axes: both axes are called "x"; name two of x, y, z',
        ),
        (
            [("x", "origin", "ahed"), ("y", "origin", "left")],
            "orgin",
            'triangulation.axes: there is no keypoint "ahed"; did you mean "ahead"?\n'
            'triangulation.reference_point: there is no keypoint "orgin"; did you mean "origin"?\n'
            "The tracked keypoints are origin, ahead, left, lost.",
        ),
        (
            [("x", "origin", "lost"), ("y", "origin", "left")],
            "lost",
            "triangulation.axes: lost was not triangulated in any frame, so it cannot define the frame of "
            "reference\n"
            "triangulation.reference_point: lost was not triangulated in any frame, so it cannot define the "
            "frame of reference\n"
            "Choose a keypoint that is seen, or lower score_threshold.",
        ),
        (
            [("x", "origin", "origin"), ("y", "origin", "left")],
            "origin",
            "triangulation.axes: the x axis from origin to origin has no length, the two are at the same "
            "place; choose two keypoints that are apart",
        ),
    ],
    ids=["parallel", "letter twice", "unknown", "never seen", "no length"],
)
def test_what_cannot_be_a_frame_is_said(axes, reference, message):
    with pytest.raises(PoseError) as error:
        standard_frame(recording(), KEYPOINTS, axes, reference)
    assert str(error.value) == message
