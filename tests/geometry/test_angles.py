"""Angles one can check in one's head, and the definitions of existing projects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from anipose.errors import PoseError
from anipose.geometry.angles import axis_angle, chain_angles, compute_angles, cross_axis_angle, flexion
from anipose.geometry.transforms import rotation_matrix

coordinates = st.floats(-100, 100, allow_nan=False)
motions = st.tuples(arrays(float, 3, elements=st.floats(-3, 3)), arrays(float, 3, elements=coordinates))


def apart(points, smallest_sine=0.05):
    """Whether no limb is short and no two neighbours are nearly along one line."""
    limbs = np.diff(points, axis=0)
    lengths = np.linalg.norm(limbs, axis=-1)
    if lengths.min() < 1:
        return False
    sines = np.linalg.norm(np.cross(limbs[1:], limbs[:-1]), axis=-1) / (lengths[1:] * lengths[:-1])
    return sines.min() > smallest_sine


def degrees_apart(first, second):
    """Difference of two angles in degrees, on the circle."""
    return np.abs((np.asarray(first) - second + 180) % 360 - 180)


class TestFlexion:
    def test_right_angle_of_a_3_4_5_triangle(self):
        assert flexion(np.array([3.0, 0, 0]), np.zeros(3), np.array([0, 4.0, 0])) == pytest.approx(np.pi / 2)
        assert np.tan(flexion(np.zeros(3), np.array([3.0, 0, 0]), np.array([0, 4.0, 0]))) == pytest.approx(
            4 / 3
        )

    def test_straight_is_180_and_folded_is_0_exactly(self):
        left, middle, right = np.array([[-1.0, 0, 0], [0, 0, 0], [2.0, 0, 0]])
        assert flexion(left, middle, right) == np.pi
        assert flexion(left, middle, 3 * left) == 0

    def test_tiny_angles_keep_their_digits(self):
        # The arc cosine of the scalar product would give 0 here.
        near = flexion(np.array([1.0, 0, 0]), np.zeros(3), np.array([1.0, 1e-9, 0]))
        assert near == pytest.approx(1e-9, rel=1e-9)

    def test_nan_and_coinciding_points_give_nan(self):
        points = np.zeros((3, 3, 3))
        points[0], points[2] = [1, 0, 0], [0, 1, 0]
        points[0, 0, 1] = np.nan  # frame 0: a is unknown
        points[2, 1] = 0  # frame 1: c lies on b
        assert_allclose(flexion(*points), [np.nan, np.nan, np.pi / 2])

    @given(arrays(float, (3, 3), elements=coordinates).filter(apart), motions)
    def test_is_the_same_after_a_rigid_motion(self, points, motion):
        moved = points @ rotation_matrix(motion[0]).T + motion[1]
        assert flexion(*moved) == pytest.approx(flexion(*points), abs=1e-9)


class TestAboutAnAxis:
    def test_axis_angle_of_45_degrees_about_z(self):
        a, b = np.array([0, 0, 1.0]), np.zeros(3)
        # b - c has equal parts along the world's x and y.
        assert axis_angle(a, b, np.array([-1.0, -1, 5])) == pytest.approx(np.pi / 4)

    def test_cross_axis_angle_in_the_horizontal_plane(self):
        a, b, c = np.array([0, 0, 0.0]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
        # The normal (a - b) x (b - c) = (-1, 0, 0) x (1, -1, 0) is +z, and c - a is along y.
        assert cross_axis_angle(a, b, c) == pytest.approx(np.pi / 2)

    def test_about_the_worlds_x_axis_there_is_no_angle(self):
        assert np.isnan(axis_angle(np.array([1.0, 0, 0]), np.zeros(3), np.array([0, 1.0, 0])))

    def test_a_point_on_the_axis_has_no_angle(self):
        assert np.isnan(axis_angle(np.array([0, 0, 1.0]), np.zeros(3), np.array([0, 0, -3.0])))


def chain_by_scipy(points, flips):
    """The definition in the files of existing projects: Euler angles of scipy, in degrees.

    (flexion, rotation, abduction) of every joint but the last, for points (point, frame, 3).
    """
    frames = [Rotation.identity(points.shape[1])]
    for i in range(len(points) - 1):
        z = points[i + 1] - points[i]
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        last = i == len(points) - 2
        x = np.broadcast_to([1.0, 0, 0], z.shape) if last else points[i + 2] - points[i + 1]
        x = x - z * (x * z).sum(axis=1, keepdims=True)
        x = x / np.linalg.norm(x, axis=1, keepdims=True) * (1 if last else flips[i + 1])
        frames.append(Rotation.from_matrix(np.stack([x, np.cross(z, x), z], axis=-1)))
    result = []
    for i in range(len(points) - 1):
        euler = (frames[i].inv() * frames[i + 1]).as_euler("zyx", degrees=True)
        if i > 0:
            bent = np.degrees(flexion(points[i - 1], points[i], points[i + 1])) * flips[i]
            other = ~np.isclose(bent, euler[:, 1])
            euler[:, 0] += 180 * other
            euler[:, 1] = np.where(other, np.mod(-(euler[:, 1] + 180), 360), euler[:, 1])
            euler = np.mod(euler + 180, 360) - 180
        result.append(euler[:, [1, 0, 2]])
    return result


class TestChain:
    @pytest.mark.parametrize("flips", [(1, 1, 1, 1, 1), (1, -1, 1, -1, 1)])
    def test_agrees_with_the_euler_angles_of_existing_projects(self, flips):
        points = np.random.default_rng(0).normal(0, 1, (5, 500, 3))
        angles = chain_angles(points, flips)
        for joint, (flex, rotation, abduction) in enumerate(c.T for c in chain_by_scipy(points, flips)):
            assert degrees_apart(np.degrees(angles.flexion[joint]), flex).max() < 1e-6
            if joint < 3:
                assert degrees_apart(np.degrees(angles.rotation[joint]), rotation).max() < 1e-5
            if joint == 0:
                assert degrees_apart(np.degrees(angles.abduction), abduction).max() < 1e-6

    def test_zigzag_of_right_angles(self):
        # Up, along x, down: both inner joints bend by 90 degrees, where Euler angles are singular.
        points = np.array([[0.0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]])[:, None]
        angles = chain_angles(points, [1, 1, 1, 1])
        assert_allclose(np.degrees(angles.flexion[:, 0]), [0, 90, 90])
        assert_allclose(np.degrees(angles.abduction), [0], atol=1e-12)
        # The last limb lies in the plane of the first two, and turns back: half a turn in this definition.
        assert_allclose(degrees_apart(np.degrees(angles.rotation[:, 0]), [0, 180]), 0, atol=1e-12)

    def test_a_flip_changes_the_sign_of_the_flexion_of_that_joint(self):
        points = np.array([[0.0, 0, 0], [0, 0, 1], [1, 0, 1]])[:, None]
        assert_allclose(np.degrees(chain_angles(points, [1, -1, 1]).flexion[1]), -90)

    def test_rotation_of_a_straight_limb_is_nan_its_flexion_180(self):
        points = np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 1, 2], [1, 1, 2]])[:, None]
        angles = chain_angles(points, [1] * 5)
        assert_allclose(np.degrees(angles.flexion[1:, 0]), [180, 90, 90])
        assert_allclose(np.isnan(angles.rotation[:, 0]), [True, True, False])

    @given(arrays(float, (5, 3), elements=coordinates).filter(apart), motions)
    def test_inner_joints_are_the_same_after_a_rigid_motion(self, points, motion):
        moved = points @ rotation_matrix(motion[0]).T + motion[1]
        before, after = (chain_angles(p[:, None], [1, 1, -1, 1, 1]) for p in (points, moved))
        assert_allclose(after.flexion[1:], before.flexion[1:], atol=1e-8)
        assert degrees_apart(np.degrees(after.rotation[1:]), np.degrees(before.rotation[1:])).max() < 1e-5

    def test_moving_the_end_changes_only_the_joint_before_it(self):
        points = np.random.default_rng(1).normal(0, 1, (6, 1, 3))
        moved = points.copy()
        moved[5] += [0.1, 0.2, 0.3]  # only the end moves
        before, after = chain_angles(points, [1] * 6), chain_angles(moved, [1] * 6)
        assert_allclose(after.flexion[:4], before.flexion[:4])
        assert_allclose(after.rotation[:3], before.rotation[:3])


class TestComputeAngles:
    POINTS = {  # noqa: RUF012
        name: np.array([position], dtype=float)
        for name, position in {
            "hip": (0, 0, 0),
            "knee": (0, 0, 1),
            "ankle": (1, 0, 1),
            "toe": (1, 0, 0),
        }.items()
    }

    def test_three_names_and_flex_are_the_same_in_degrees(self):
        angles = compute_angles(
            self.POINTS, {"bend": ["hip", "knee", "ankle"], "same": ["flex", "hip", "knee", "ankle"]}
        )
        assert {name: values.tolist() for name, values in angles.items()} == {
            "bend": [pytest.approx(90)],
            "same": [pytest.approx(90)],
        }

    def test_columns_of_a_chain(self):
        angles = compute_angles(self.POINTS, {"leg": ["chain", "hip", "knee/", "ankle", "toe"]})
        assert list(angles) == ["hip_flex", "hip_rot", "hip_abduct", "knee_flex", "knee_rot", "ankle_flex"]
        assert angles["knee_flex"] == pytest.approx(-90)
        assert angles["ankle_flex"] == pytest.approx(90)

    def test_axis_forms_have_one_column_of_the_angles_name(self):
        angles = compute_angles(
            self.POINTS, {"a": ["axis", "hip", "knee", "ankle"], "c": ["cross-axis", "hip", "knee", "ankle"]}
        )
        assert list(angles) == ["a", "c"]
        # About z (from knee to hip it points down), knee - ankle is -x.
        assert abs(angles["a"][0]) == pytest.approx(180)

    def test_unknown_keypoints_are_all_named_with_what_is_near(self):
        spec = {"bend": ["hip", "kneee", "ankle"], "leg": ["chain", "hips/", "knee", "q"]}
        with pytest.raises(PoseError) as error:
            compute_angles(self.POINTS, spec)
        assert str(error.value) == (
            'angles.bend: there is no keypoint "kneee"; did you mean "knee"?\n'
            'angles.leg: there is no keypoint "hips"; did you mean "hip"?\n'
            'angles.leg: there is no keypoint "q"\n'
            "The tracked keypoints are hip, knee, ankle, toe."
        )

    def test_two_angles_for_one_column_are_an_error(self):
        spec = {"leg": ["chain", "hip", "knee", "ankle"], "hip_flex": ["hip", "knee", "ankle"]}
        with pytest.raises(PoseError, match=r"angles.hip_flex: there is already a column hip_flex"):
            compute_angles(self.POINTS, spec)
