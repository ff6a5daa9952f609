"""Pictures that show a part of the calibrated one, or all of it with fewer pixels."""

import numpy as np
import pytest

from anipose.config import Camera as Settings
from anipose.errors import ConfigError
from anipose.geometry.picture_window import PictureWindow
from anipose.recorded import recorded_cameras
from synthetic import make_points, make_rig


def test_centre_of_a_binned_pixel_is_between_those_it_is_made_of() -> None:
    """Of two pixels, 0 and 1, the centre is at 1/2; the next binned pixel is made of 2 and 3."""
    window = PictureWindow((0.0, 0.0), (8.0, 4.0), (4, 2))
    np.testing.assert_array_equal(
        window.to_calibrated(np.array([[0.0, 0.0], [1, 1], [3, 1]])), [[0.5, 0.5], [2.5, 2.5], [6.5, 2.5]]
    )


def test_crop_has_the_pixels_of_the_whole() -> None:
    window = PictureWindow((320.0, 200.0), (640.0, 480.0), (640, 480))
    np.testing.assert_array_equal(window.to_calibrated(np.array([150.0, 90.0])), [470, 290])


@pytest.mark.parametrize("fisheye", [False, True])
def test_camera_of_a_window_sees_points_where_the_window_has_them(fisheye: bool) -> None:
    rig = make_rig(1, fisheye=fisheye, distortions=(-0.02, 0.006) if fisheye else (-0.1, 0.03))
    camera, points = rig.cameras[0], make_points(50)
    window = PictureWindow((100.0, 50.0), (900.0, 600.0), (300, 300))
    recorded = window.camera(camera)
    np.testing.assert_allclose(
        window.to_calibrated(recorded.project(points)), camera.project(points), atol=1e-9
    )
    assert recorded.size == (300, 300)


def test_picture_of_half_the_size_shows_the_whole_sensor() -> None:
    rig = make_rig(2)  # 1280 x 1024
    recorded = recorded_cameras(rig, {"cam1": Settings(size=(640, 512))})
    assert recorded.cameras[0] == rig.cameras[0]
    points = make_points(20)
    np.testing.assert_allclose(
        2 * recorded.cameras[1].project(points) + 0.5, rig.cameras[1].project(points), atol=1e-9
    )


def test_sizes_that_do_not_fit_are_told() -> None:
    rig = make_rig(1)
    with pytest.raises(ConfigError) as raised:
        recorded_cameras(rig, {"cam0": Settings(size=(640, 480))})
    assert str(raised.value) == (
        "[cameras.cam0] size = [640, 480] is not the calibrated picture of 1280x1024 with fewer pixels: it "
        "would be 2 times in width, but 2.13 times in height. If it shows a part of it, say which, in "
        "calibrated pixels: offset = [x, y, width, height]"
    )
    with pytest.raises(
        ConfigError, match=r"offset = \[2000, 0, 640, 512\] lies outside the calibrated picture"
    ):
        recorded_cameras(rig, {"cam0": Settings(size=(640, 512), offset=(2000, 0, 640, 512))})


def test_offset_and_size_of_a_crop_are_no_scale() -> None:
    rig = make_rig(1)
    given = recorded_cameras(rig, {"cam0": Settings(size=(640, 480), offset=(320, 200))})
    np.testing.assert_allclose(given.cameras[0].matrix[:2, 2], rig.cameras[0].matrix[:2, 2] - [320, 200])
    assert given.cameras[0].matrix[0, 0] == rig.cameras[0].matrix[0, 0]
