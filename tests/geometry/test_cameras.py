"""Cameras against OpenCV, derivatives against differences, and the ends of what lenses can picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from anipose.errors import CalibrationError, ProjectError
from anipose.geometry.cameras import CHUNK, Camera, Cameras
from anipose.geometry.lenses import Fisheye, Pinhole
from synthetic import FISHEYE_DISTORTIONS, PINHOLE_DISTORTIONS, make_points, make_rig

cv2 = pytest.importorskip("cv2")

MATRIX = np.array([[1000.0, 0, 320], [0, 1100, 240], [0, 0, 1]])

# As in fly-3cam-anipose: 136 330 px of focal length on an 832 x 632 sensor.
LONG_LENS = Camera(
    "Cam-C",
    (832, 632),
    np.array([[136330.25013473458, 0, 416], [0, 136330.25013473458, 316], [0, 0, 1]]),
    np.array([-6468.60716369641, 0, 0, 0, 0]),
    np.array([-0.049241887620683863, -0.5345749549515416, -0.4359283486661547]),
    np.array([3.1508636966009713, -1.1159878204030051, 272.2815032187629]),
)

LENSES = [
    pytest.param(PINHOLE_DISTORTIONS, False, id="pinhole"),
    pytest.param((-0.12,), False, id="k1 only"),
    # hand-2cam has about such a lens; this is as much of it as a picture of 1280 x 1024 shows.
    pytest.param((-0.0263, 1.0, -0.0014, -0.0043, -1.5), False, id="wavy"),
    pytest.param((0.0,), False, id="none"),
    pytest.param(FISHEYE_DISTORTIONS, True, id="fisheye"),
]


def corners_and_more(camera, n=17):
    """Pixels all over the picture, its edges included."""
    u, v = np.meshgrid(np.linspace(0, camera.size[0], n), np.linspace(0, camera.size[1], n))
    return np.stack([u, v], axis=-1)


class TestProject:
    @pytest.mark.parametrize(("distortions", "fisheye"), LENSES)
    def test_agrees_with_opencv(self, distortions, fisheye):
        points = make_points(200)
        for camera in make_rig(3, distortions=distortions, fisheye=fisheye):
            project = cv2.fisheye.projectPoints if fisheye else cv2.projectPoints
            expected = project(
                points[:, None], camera.rotation, camera.translation, camera.matrix, camera.distortions
            )[0]
            assert_allclose(camera.project(points), expected[:, 0], atol=1e-9)

    def test_on_the_axis_is_the_principal_point(self):
        for fisheye in (False, True):
            camera = Camera("c", (640, 480), MATRIX, np.full(4 + (not fisheye), 0.1), fisheye=fisheye)
            assert_allclose(camera.project(np.array([0, 0, 5.0])), [320, 240])
            assert_allclose(camera.undistort(np.array([320.0, 240])), [0, 0])

    def test_one_unit_to_the_right_at_distance_ten(self):
        camera = Camera("c", (640, 480), MATRIX)
        assert_allclose(camera.project(np.array([[1.0, 0, 10], [0, 1, 10]])), [[420, 240], [320, 350]])

    def test_behind_beside_and_unknown_are_nan(self):
        camera = Camera("c", (640, 480), MATRIX)
        points = np.array([[0, 0, -5.0], [1, 1, 0], [0, 0, 0], [np.nan, 0, 5], [0, 0, 5]])
        assert np.isnan(camera.project(points)).all(axis=-1).tolist() == [True] * 4 + [False]
        uv, jacobian = camera.project_with_jacobian(points)
        assert np.isnan(uv).all(axis=-1).tolist() == [True] * 4 + [False]
        assert np.isnan(jacobian).all(axis=(1, 2)).tolist() == [True] * 4 + [False]

    def test_beyond_the_fold_of_the_lens_is_nan(self):
        # x_d = x - x^3 grows up to x = 1/sqrt(3) = 0.577, and is 0 again at x = 1: without the limit, a
        # point 45 degrees off the axis would be drawn in the centre of the picture.
        camera = Camera("c", (640, 480), MATRIX, np.array([-1.0]))
        assert camera.lens.limit == pytest.approx(1 / np.sqrt(3))
        pixels = camera.project(np.array([[1, 0, 1], [0.58, 0, 1], [0.57, 0, 1]]))
        assert_allclose(pixels[:, 0], [np.nan, np.nan, 320 + 1000 * (0.57 - 0.57**3)])

    def test_more_points_than_a_chunk_in_any_shape(self):
        camera = make_rig(1).cameras[0]
        points = make_points(2 * CHUNK + 6).reshape(2, -1, 3)
        pixels = camera.project(points)
        assert pixels.shape == (2, CHUNK + 3, 2)
        assert_allclose(pixels[1, -1], camera.project(points[1, -1]), rtol=1e-14)


class TestJacobian:
    @pytest.mark.parametrize(("distortions", "fisheye"), LENSES)
    def test_agrees_with_central_differences(self, distortions, fisheye):
        points, step = make_points(50), 1e-3
        for camera in make_rig(3, distortions=distortions, fisheye=fisheye):
            uv, jacobian = camera.project_with_jacobian(points)
            assert_allclose(uv, camera.project(points), rtol=1e-14)
            differences = np.stack(
                [
                    (camera.project(points + axis) - camera.project(points - axis)) / (2 * step)
                    for axis in step * np.eye(3)
                ],
                axis=-1,
            )
            # Of about 2 px/mm; the differences are good to 1e-13 * 1000 px / 1e-3 mm.
            assert_allclose(jacobian, differences, atol=1e-8)

    def test_of_a_very_long_lens(self):
        point, step = np.array([-1.8, -0.4, 3.4]), 1e-4
        _, jacobian = LONG_LENS.project_with_jacobian(point)
        for axis in range(3):
            shift = step * np.eye(3)[axis]
            difference = (LONG_LENS.project(point + shift) - LONG_LENS.project(point - shift)) / (2 * step)
            # The third derivative, about 500 px * k1 * (f/z)^2 ... / f^2, leaves 1e-6 of 500 px/mm.
            assert_allclose(jacobian[:, axis], difference, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        "lens", [Pinhole(np.array(PINHOLE_DISTORTIONS)), Fisheye(np.array(FISHEYE_DISTORTIONS))]
    )
    def test_lens_is_linear_in_its_coefficients(self, lens):
        x, y = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 30))
        undistorted = type(lens)(np.zeros(len(lens.coefficients))).distort(x, y)
        expected = np.stack(undistorted, axis=-1) + lens.basis(x, y) @ lens.coefficients
        assert_allclose(np.stack(lens.distort(x, y), axis=-1), expected, atol=1e-15)

    def test_fisheye_on_the_axis(self):
        x_d, y_d, xx, xy, yy = Fisheye(np.array(FISHEYE_DISTORTIONS)).distort_with_jacobian(
            np.array([0.0, 1e-200, 1e-9]), np.zeros(3)
        )
        assert_allclose([x_d, y_d], [[0, 1e-200, 1e-9], [0, 0, 0]])
        assert_allclose([xx, xy, yy], [[1] * 3, [0] * 3, [1] * 3])


class TestUndistort:
    @pytest.mark.parametrize(("distortions", "fisheye"), LENSES)
    def test_is_the_inverse_of_project_over_the_whole_picture(self, distortions, fisheye):
        for camera in make_rig(3, distortions=distortions, fisheye=fisheye):
            pixels = corners_and_more(camera)
            rays = camera.undistort(pixels)
            again = camera.with_pose(np.zeros(3), np.zeros(3)).project(
                np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1)
            )
            assert_allclose(again, pixels, atol=1e-9)

    def test_of_a_very_long_lens_over_the_whole_picture(self):
        # Peer's fixed-point iterations stop short here; the fold is 652 px from the centre, the corner 522.
        camera = LONG_LENS.with_pose(np.zeros(3), np.zeros(3))
        pixels = corners_and_more(camera)
        rays = camera.undistort(pixels)
        again = camera.project(np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], axis=-1))
        assert_allclose(again, pixels, atol=1e-8)
        assert np.isnan(camera.undistort(np.array([416.0 + 660, 316]))).all()

    @pytest.mark.parametrize(("distortions", "fisheye"), LENSES)
    def test_agrees_with_opencv(self, distortions, fisheye):
        camera = make_rig(1, distortions=distortions, fisheye=fisheye).cameras[0]
        pixels = corners_and_more(camera, 9).reshape(-1, 1, 2)
        stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-14)
        if fisheye:
            expected = cv2.fisheye.undistortPoints(pixels, camera.matrix, camera.distortions, criteria=stop)
        else:
            # OpenCV 4 has the criteria in another function.
            until = getattr(cv2, "undistortPointsIter", None)
            if until is not None:
                expected = until(pixels, camera.matrix, camera.distortions, np.eye(3), np.eye(3), stop)
            else:
                expected = cv2.undistortPoints(
                    pixels, camera.matrix, camera.distortions, None, None, None, stop
                )
        assert_allclose(camera.undistort(pixels[:, 0]), expected[:, 0], atol=1e-7)

    @given(
        st.floats(-0.5, 0.3),
        st.floats(-0.2, 0.4),
        st.floats(-0.01, 0.01),
        st.floats(0, 0.55),
        st.floats(0, 7),
    )
    def test_round_trip_of_any_ray_inside_the_limit(self, k1, k2, p1, radius, angle):
        lens = Pinhole(np.array([k1, k2, p1, -p1 / 2, 0.01]))
        # Tangential parts move the fold a little; 2 % inside it they cannot matter.
        radius = min(radius, 0.98 * lens.limit)
        x, y = np.array([radius * np.cos(angle)]), np.array([radius * np.sin(angle)])
        again = lens.undistort(*lens.distort(x, y))
        if p1 and radius > 0.9 * lens.limit and np.isnan(again).all():
            return  # beyond the limit of the radial part, in the direction in which p1 moves it
        assert_allclose(again, (x, y), atol=1e-9)

    def test_nothing_leads_to_a_pixel_outside_the_reach_of_the_lens(self):
        # x - x^3 is at most 0.385; 0.39 has no ray, 0.38 has.
        camera = Camera("c", (640, 480), MATRIX, np.array([-1.0]))
        rays = camera.undistort(np.array([[320 + 390.0, 240], [320 + 380, 240], [np.nan, 240]]))
        assert np.isnan(rays[0]).all()
        assert 0.5 < rays[1, 0] < 1 / np.sqrt(3)
        assert np.isnan(rays[2]).all()

    def test_a_fisheye_sees_no_normalised_ray_at_90_degrees(self):
        camera = Camera("c", (640, 480), MATRIX, fisheye=True)
        off = 1000 * np.radians([89, 91])
        rays = camera.undistort(np.stack([320 + off, [240, 240]], axis=-1))
        assert rays[0, 0] == pytest.approx(np.tan(np.radians(89)))
        assert np.isnan(rays[1]).all()


class TestCamera:
    def test_pose(self):
        camera = Camera("c", (640, 480), MATRIX).with_pose(
            np.array([0, 0, np.pi / 2]), np.array([0, 0, 10.0])
        )
        assert_allclose(camera.cam_from_world, [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 10]], atol=1e-15)
        assert_allclose(camera.center, [0, 0, -10])
        assert_allclose(camera.depth(np.array([[0, 0, 0.0], [0, 0, -30]])), [10, -20])
        same = camera.with_pose(camera.rotation_matrix, camera.translation)
        assert_allclose(same.rotation, camera.rotation)

    def test_lists_are_taken_as_calibration_files_have_them(self):
        camera = Camera("c", [640, 480], MATRIX.tolist(), [0.1, 0.2], [0, 0, 0], [0, 0, 1])  # type: ignore[arg-type]
        assert camera.size == (640, 480)
        assert_allclose(camera.distortions, [0.1, 0.2, 0, 0, 0])

    def test_the_fifth_zero_of_a_fisheye_calibration_is_left_out(self):
        camera = Camera("c", (640, 480), MATRIX, np.array([0.1, 0.2, 0.3, 0.4, 0]), fisheye=True)
        assert_allclose(camera.distortions, [0.1, 0.2, 0.3, 0.4])

    def test_cannot_be_changed_through_its_arrays(self):
        matrix = MATRIX.copy()
        camera = Camera("c", (640, 480), matrix)
        matrix[0, 0] = 1
        assert camera.matrix[0, 0] == 1000
        with pytest.raises(ValueError, match="read-only"):
            camera.matrix[0, 0] = 1

    def test_equality_is_of_all_values(self):
        camera = Camera("c", (640, 480), MATRIX)
        assert camera == Camera("c", (640, 480), MATRIX.copy())
        assert camera != camera.with_pose(np.zeros(3), np.ones(3))
        assert Cameras((camera,)) == Cameras((camera,))

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"matrix": np.eye(2)}, "matrix has shape (2, 2), expected (3, 3)"),
            (
                {"matrix": MATRIX * [[-1, 1, 1]] * 3},
                "matrix is not of the form [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]",
            ),
            (
                {"matrix": np.diag([-5.0, 0, 1])},
                "focal lengths are -5 and 0, expected positive",
            ),
            ({"rotation": [0, np.nan, 0]}, "rotation is not finite"),
            ({"distortions": np.zeros((1, 5))}, "distortions has shape (1, 5), expected (5,)"),
            ({"distortions": np.arange(8)}, "distortions has shape (8,), expected (5,)"),
            ({"distortions": np.ones(5), "fisheye": True}, "distortions has shape (5,), expected (4,)"),
            ({"size": (0, 480)}, "size is [0, 480], expected two positive whole numbers"),
            ({"translation": "here"}, "translation is not an array of numbers"),
            (
                {"size": (640,), "rotation": [1.0]},
                "rotation has shape (1,), expected (3,); size is [640], expected two positive whole numbers",
            ),
        ],
    )
    def test_what_is_no_camera_is_said(self, changes, fault):
        with pytest.raises(CalibrationError) as error:
            Camera(**({"name": "side", "size": (640, 480), "matrix": MATRIX} | changes))
        assert str(error.value).startswith(f"camera side: {fault}")


class TestCameras:
    def test_subset_is_by_name_and_in_that_order(self):
        rig = make_rig(4)
        assert rig.subset(["cam2", "cam0"]).names == ("cam2", "cam0")
        assert rig.subset(["cam2", "cam0"]).cameras[0] == rig.cameras[2]

    def test_missing_cameras_are_named(self):
        with pytest.raises(ProjectError) as error:
            make_rig(2).subset(["cam1", "side", "top"])
        assert str(error.value) == "no calibration for camera side, top; the calibration has cam0, cam1"

    def test_needs_cameras_with_different_names(self):
        with pytest.raises(CalibrationError, match="the calibration has no cameras"):
            Cameras(())
        camera = make_rig(1).cameras[0]
        with pytest.raises(CalibrationError, match="more than one camera named cam0"):
            Cameras((camera, camera))

    def test_all_cameras_at_once(self):
        rig, points = make_rig(3), make_points(10).reshape(2, 5, 3)
        pixels = rig.project(points)
        assert_allclose(pixels[1], rig.cameras[1].project(points))
        assert_allclose(rig.undistort(pixels)[2], rig.cameras[2].undistort(pixels[2]))
        assert_allclose(rig.cam_from_world[1], rig.cameras[1].cam_from_world)
