"""Rotations, transforms and alignment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from anipose.geometry.transforms import (
    align_rigid,
    compose,
    inverse,
    rigid,
    rotation_matrix,
    rotation_vector,
    transform,
)

directions = (
    arrays(float, 3, elements=st.floats(-1, 1))
    .filter(lambda v: np.linalg.norm(v) > 0.1)
    .map(lambda v: v / np.linalg.norm(v))
)
POINTS = np.random.default_rng(0).normal(0, 10, (20, 3))


def test_quarter_turns_about_each_axis():
    quarter = rotation_matrix(np.eye(3) * np.pi / 2)
    assert_allclose(quarter[0] @ [0, 1, 0], [0, 0, 1], atol=1e-15)
    assert_allclose(quarter[1] @ [0, 0, 1], [1, 0, 0], atol=1e-15)
    assert_allclose(quarter[2] @ [1, 0, 0], [0, 1, 0], atol=1e-15)


@pytest.mark.parametrize(
    "angle", [0, 1e-300, 1e-12, 1e-8, 1e-4, 1, 3, np.pi - 1e-4, np.pi - 1e-8, np.pi - 1e-12]
)
@given(direction=directions)
def test_vector_of_matrix_of_vector(direction, angle):
    vector = direction * angle
    assert_allclose(rotation_vector(rotation_matrix(vector)), vector, atol=1e-15 + 4e-15 * angle)


@given(directions)
def test_half_a_turn_keeps_its_axis_up_to_sign(direction):
    vector = rotation_vector(rotation_matrix(direction * np.pi))
    assert np.linalg.norm(vector) == pytest.approx(np.pi, abs=1e-14)
    assert abs(vector @ direction) == pytest.approx(np.pi, abs=1e-14)


def test_any_number_of_axes_and_more_than_half_a_turn():
    vectors = np.random.default_rng(1).normal(0, 2, (4, 5, 3))
    matrices = rotation_matrix(vectors)
    assert_allclose(
        matrices @ np.swapaxes(matrices, -1, -2), np.broadcast_to(np.eye(3), (4, 5, 3, 3)), atol=1e-14
    )
    assert_allclose(np.linalg.det(matrices), 1)
    assert_allclose(rotation_matrix(rotation_vector(matrices)), matrices, atol=1e-14)


def test_agrees_with_opencv():
    cv2 = pytest.importorskip("cv2")
    for vector in np.random.default_rng(2).normal(0, 1, (20, 3)):
        assert_allclose(rotation_matrix(vector), cv2.Rodrigues(vector)[0], atol=1e-14)


def test_products_check_themselves():
    b_from_a = rigid(rotation_matrix(np.array([0.1, 0.2, 0.3])), np.array([1.0, 2, 3]))
    c_from_b = rigid(rotation_matrix(np.array([-1, 0.5, 0.3])), np.array([-4.0, 0, 1]))
    c_from_a = compose(c_from_b, b_from_a)
    assert_allclose(transform(c_from_a, POINTS), transform(c_from_b, transform(b_from_a, POINTS)))
    assert_allclose(transform(inverse(b_from_a), transform(b_from_a, POINTS)), POINTS, atol=1e-13)
    assert_allclose(compose(inverse(c_from_a), c_from_a), rigid(np.eye(3), np.zeros(3)), atol=1e-14)


@given(directions, st.floats(0, np.pi), arrays(float, 3, elements=st.floats(-100, 100)))
def test_alignment_finds_the_motion(direction, angle, translation):
    rotation = rotation_matrix(direction * angle)
    source = POINTS.copy()
    target = source @ rotation.T + translation
    source[3], target[7] = np.nan, np.nan  # points that one of the sets does not have
    found, shift = align_rigid(source, target)
    assert_allclose(found, rotation, atol=1e-12)
    assert_allclose(shift, translation, atol=1e-11)


def test_alignment_is_never_a_mirror_image():
    rotation, _ = align_rigid(POINTS, POINTS * [1, 1, -1])
    assert np.linalg.det(rotation) == pytest.approx(1)
    flat = POINTS * [1, 1, 0]  # in a plane, where the mirror image fits as well
    rotation, translation = align_rigid(flat, flat)
    assert_allclose(rotation, np.eye(3), atol=1e-12)
    assert_allclose(translation, 0, atol=1e-12)


def test_alignment_needs_three_points():
    with pytest.raises(ValueError, match="needs three points that both sets have, there are 2"):
        align_rigid(POINTS[:2], POINTS[:2])
