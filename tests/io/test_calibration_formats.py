"""Calibrations of other programs: what is written is read again, and projects to the same pixels.

For each format there is also a file in the layout of the original, written here by hand, and the formula with
which the original projects.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from anipose.arrays import NDArray
from anipose.cli.main import CALIBRATION_FORMATS
from anipose.errors import AniposeError, CalibrationError, FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import rotation_matrix, rotation_vector
from anipose.io.calibration import read_calibration
from anipose.io.calibration_formats.registry import FORMATS, read_any_calibration
from projects import anipose
from synthetic import PINHOLE_DISTORTIONS, make_points, make_rig

Array = NDArray[np.float64]

POINTS = make_points(1000)
SIZE = (1280, 1024)
# A camera one can check by head: 500 mm in front of the origin, turned by 90 degrees about its axis.
K = np.array([[1000.0, 0, 640], [0, 1010, 500], [0, 0, 1]])
QUARTER = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
T = np.array([10.0, 20, 500])
LENS = (-0.1, 0.02, 0.001, -0.002)


def distorted(x: Array, y: Array, k1: float, k2: float, p1: float, p2: float) -> tuple[Array, Array]:
    """The lens model that OpenCV, MATLAB and COLMAP's OPENCV share."""
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2 * r2
    return (
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )


def pictured(rotation: Array = QUARTER, translation: Array = T) -> Array:
    """Pixels of POINTS by the textbook: K times what the lens makes of (R X + t) / z."""
    x, y, z = rotation @ POINTS.T + translation[:, None]
    u, v = distorted(x / z, y / z, *LENS)
    return np.stack([K[0, 0] * u + K[0, 2], K[1, 1] * v + K[1, 2]], axis=1)


def assert_sees(camera: Camera, pixels: Array, atol: float = 1e-6) -> None:
    np.testing.assert_allclose(camera.project(POINTS), pixels, atol=atol)


def only(cameras: Cameras) -> Camera:
    (camera,) = cameras
    return camera


def test_command_line_has_all_formats() -> None:
    assert tuple(FORMATS) == CALIBRATION_FORMATS


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("given", [True, False])
def test_what_is_written_projects_to_the_same_pixels(tmp_path: Path, name: str, given: bool) -> None:
    lens = {"dlt": (), "pose2sim": PINHOLE_DISTORTIONS[:4]}.get(name, PINHOLE_DISTORTIONS)
    rig = make_rig(4, distortions=lens)
    path = tmp_path / FORMATS[name].TARGET
    FORMATS[name].write(path, rig)
    found = read_any_calibration(path, name if given else None, SIZE if name == "dlt" else None)
    assert len(found) == 4
    assert found.names == (("1", "2", "3", "4") if name == "dlt" else rig.names)
    assert [camera.size for camera in found] == [camera.size for camera in rig]
    np.testing.assert_allclose(found.project(POINTS), rig.project(POINTS), atol=1e-6)


@pytest.mark.parametrize("name", ["anipose", "caliscope", "opencv", "opencv-xml", "colmap"])
def test_fisheye_lenses(tmp_path: Path, name: str) -> None:
    rig = make_rig(2, distortions=(-0.02, 0.006, -0.003, 0.0005), fisheye=True, focal=500)
    FORMATS[name].write(tmp_path / FORMATS[name].TARGET, rig)
    found = read_any_calibration(tmp_path / FORMATS[name].TARGET, name)
    np.testing.assert_allclose(found.project(POINTS), rig.project(POINTS), atol=1e-6)


@pytest.mark.parametrize("name", ["matlab", "dannce", "jarvis", "pose2sim"])
def test_lens_that_a_format_has_not_is_refused(tmp_path: Path, name: str) -> None:
    rig: Cameras = make_rig(2, distortions=(0.0, 0, 0, 0), fisheye=True, focal=500)
    with pytest.raises(CalibrationError, match="has no fisheye lenses, but camera cam0, cam1 has one"):
        FORMATS[name].write(tmp_path / FORMATS[name].TARGET, rig)


@pytest.mark.parametrize("name", ["caliscope", "pose2sim"])
def test_metres_follow_from_the_unit_of_the_board(tmp_path: Path, name: str) -> None:
    rig = make_rig(2, distortions=(-0.1,))
    FORMATS[name].write(tmp_path / "cm.toml", Cameras(rig.cameras, {"units": "cm"}))
    found = read_any_calibration(tmp_path / "cm.toml", name)
    assert found.metadata["units"] == "mm"
    np.testing.assert_allclose(found.project(10 * POINTS), rig.project(POINTS), atol=1e-6)


def test_what_is_lost_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = make_rig(1)
    FORMATS["pose2sim"].write(tmp_path / "Calib.toml", rig)
    assert "k3 of camera cam0 is left out" in caplog.text
    FORMATS["dlt"].write(tmp_path / "dlt.csv", rig)
    assert "the distortion of camera cam0 is left out; undistort the points" in caplog.text


# Files as the originals write them


def test_pose2sim(tmp_path: Path) -> None:
    """pose2sim, `toml_write`; projection is K [R | T] with metres."""
    (tmp_path / "Calib_scene.toml").write_text(
        f"""\
[cam_01_int]
name = "cam_01_int"
size = [ 1280.0, 1024.0]
matrix = [ [ 1000.0, 0.0, 640.0], [ 0.0, 1010.0, 500.0], [ 0.0, 0.0, 1.0]]
distortions = [ {LENS[0]}, {LENS[1]}, {LENS[2]}, {LENS[3]}]
rotation = [ 0.0, 0.0, {np.pi / 2}]
translation = [ 0.01, 0.02, 0.5]
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""
    )
    camera = only(read_any_calibration(tmp_path / "Calib_scene.toml"))
    assert (camera.name, camera.size) == ("cam_01_int", SIZE)
    assert_sees(camera, pictured())


@pytest.mark.parametrize(
    "rotation", [f"[0.0, 0.0, {np.pi / 2}]", "[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]"]
)
def test_caliscope(tmp_path: Path, rotation: str) -> None:
    """caliscope, `CameraArray.to_toml`; older versions wrote matrices. Without a pose, it is left out."""
    lens = f"distortions = [{LENS[0]}, {LENS[1]}, {LENS[2]}, {LENS[3]}, 0.0]"
    matrix = "matrix = [[1000.0, 0.0, 640.0], [0.0, 1010.0, 500.0], [0.0, 0.0, 1.0]]"
    (tmp_path / "camera_array.toml").write_text(
        f"""\
[cameras.3]
cam_id = 3
size = [1280, 1024]
rotation_count = 0
error = 0.31
{matrix}
{lens}
translation = [0.01, 0.02, 0.5]
rotation = {rotation}
grid_count = 20
fisheye = false

[cameras.4]
cam_id = 4
size = [1280, 1024]
rotation_count = 0
{matrix}
{lens}
fisheye = false
"""
    )
    camera = only(read_any_calibration(tmp_path / "camera_array.toml"))
    assert (camera.name, camera.size) == ("3", SIZE)
    assert_sees(camera, pictured())


def test_caliscope_for_anipose_is_in_metres_and_has_to_be_told(tmp_path: Path) -> None:
    """`to_aniposelib_toml` looks like a calibration of anipose, but for its unit."""
    path = tmp_path / "camera_array_aniposelib.toml"
    path.write_text(
        f"""\
[cam_0]
name = "cam_0"
size = [1280, 1024]
matrix = [[1000.0, 0.0, 640.0], [0.0, 1010.0, 500.0], [0.0, 0.0, 1.0]]
distortions = [{LENS[0]}, {LENS[1]}, {LENS[2]}, {LENS[3]}, 0.0]
rotation = [0.0, 0.0, {np.pi / 2}]
translation = [0.01, 0.02, 0.5]
fisheye = false

[metadata]
adjusted = false
error = 0.0
"""
    )
    with pytest.raises(
        FileFormatError, match="is no calibration that is known at once; tell what it is with"
    ):
        read_any_calibration(path)
    assert_sees(only(read_any_calibration(path, "caliscope")), pictured())


JARVIS = """\
%YAML:1.0
---
intrinsicMatrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1000., 0., 0., 0., 1010., 0., 640., 500., 1. ]
distortionCoefficients: !!opencv-matrix
   rows: 1
   cols: 5
   dt: d
   data: [ -0.1, 0.02, 0., 0., 0. ]
R: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 0., 1., 0., -1., 0., 0., 0., 0., 1. ]
T: !!opencv-matrix
   rows: 3
   cols: 1
   dt: d
   data: [ 10., 20., 500. ]
"""


def test_jarvis(tmp_path: Path) -> None:
    """JARVIS-HybridNet, `reprojectPoint`: [X 1] ([R; T'] K), and then k1 and k2 in pixels."""
    (tmp_path / "Camera_T.yaml").write_text(JARVIS)
    intrinsic = np.array([[1000.0, 0, 0], [0, 1010, 0], [640, 500, 1]])
    transposed = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    camera_matrix = np.vstack([transposed, T]) @ intrinsic
    homogeneous = np.column_stack([POINTS, np.ones(len(POINTS))]) @ camera_matrix
    centred = homogeneous[:, :2] / homogeneous[:, 2:] - intrinsic[2, :2]
    r2 = ((centred / np.diag(intrinsic)[:2]) ** 2).sum(axis=1, keepdims=True)
    pixels = centred * (1 + (-0.1 + 0.02 * r2) * r2) + intrinsic[2, :2]

    camera = only(read_any_calibration(tmp_path, size=SIZE))
    assert camera.name == "Camera_T"
    assert_sees(camera, pixels)


def test_jarvis_reads_what_we_write(tmp_path: Path) -> None:
    """JARVIS-HybridNet, `TorchCamera` takes the four matrices by name; `reprojectPoint` as above."""
    rig = make_rig(2, distortions=LENS[:2])
    FORMATS["jarvis"].write(tmp_path, rig)
    for one in rig:
        stored = cv2.FileStorage(str(tmp_path / f"{one.name}.yaml"), cv2.FILE_STORAGE_READ)
        intrinsic, rotation, position, lens = (
            stored.getNode(key).mat() for key in ("intrinsicMatrix", "R", "T", "distortionCoefficients")
        )
        camera_matrix = np.vstack([rotation, position.reshape(1, 3)]) @ intrinsic
        homogeneous = np.column_stack([POINTS, np.ones(len(POINTS))]) @ camera_matrix
        centred = homogeneous[:, :2] / homogeneous[:, 2:] - intrinsic[2, :2]
        r2 = ((centred / np.diag(intrinsic)[:2]) ** 2).sum(axis=1, keepdims=True)
        assert_sees(one, centred * (1 + (lens[0, 0] + lens[0, 1] * r2) * r2) + intrinsic[2, :2])


@pytest.mark.parametrize(("name", "suffix"), [("opencv", ".yml"), ("opencv-xml", ".xml")])
def test_opencv_reads_what_we_write(tmp_path: Path, name: str, suffix: str) -> None:
    """As any program does that has OpenCV: fs["camera_matrix"] >> K, and projectPoints."""
    rig = make_rig(2)
    FORMATS[name].write(tmp_path, rig)
    for one in rig:
        stored = cv2.FileStorage(str(tmp_path / f"{one.name}{suffix}"), cv2.FILE_STORAGE_READ)
        assert (stored.getNode("image_width").real(), stored.getNode("image_height").real()) == SIZE
        matrix, lens, rotation, translation = (
            stored.getNode(key).mat() for key in ("camera_matrix", "distortion_coefficients", "R", "T")
        )
        assert_sees(one, cv2.projectPoints(POINTS, rotation, translation, matrix, lens)[0][:, 0])


def test_size_that_a_file_does_not_hold_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "Camera_T.yaml").write_text(JARVIS)
    with pytest.raises(FileFormatError, match="does not hold the size of the pictures; tell it: --size"):
        read_any_calibration(tmp_path)


def stereo_files(folder: Path) -> None:
    """opencv, samples/cpp/stereo_calib.cpp."""

    def matrix(key: str, rows: int, values: str) -> str:
        columns = len(values.split(",")) // rows
        return (
            f"{key}: !!opencv-matrix\n   rows: {rows}\n   cols: {columns}\n   dt: d\n   data: [ {values} ]\n"
        )

    k = "1000., 0., 640., 0., 1010., 500., 0., 0., 1."
    d = ", ".join(map(str, LENS)) + ", 0., 0., 0., 0., 0., 0., 0., 0., 0., 0."
    start = "%YAML:1.0\n---\n"
    (folder / "intrinsics.yml").write_text(
        start + matrix("M1", 3, k) + matrix("D1", 1, d) + matrix("M2", 3, k) + matrix("D2", 1, d)
    )
    (folder / "extrinsics.yml").write_text(
        start
        + matrix("R", 3, "0., -1., 0., 1., 0., 0., 0., 0., 1.")
        + matrix("T", 3, "10., 20., 500.")
        + matrix("R1", 3, "1., 0., 0., 0., 1., 0., 0., 0., 1.")
    )


def test_opencv_stereo_sample(tmp_path: Path) -> None:
    """Points are in the first camera; x2 = R x1 + T."""
    stereo_files(tmp_path)
    one, two = read_any_calibration(tmp_path, size=SIZE)
    assert (one.name, two.name) == ("1", "2")
    assert np.array_equal(one.cam_from_world, np.eye(3, 4))
    assert_sees(two, pictured())


def test_rational_lens_is_refused(tmp_path: Path) -> None:
    """As the sample of OpenCV calibrates: before, its k6 was dropped without a word."""
    stereo_files(tmp_path)
    path = tmp_path / "intrinsics.yml"
    path.write_text(
        path.read_text().replace(", 0., 0., 0., 0., 0., 0., 0., 0., 0., 0. ]", ", 0., 0., 0., 0.3 ]")
    )
    path.write_text(path.read_text().replace("cols: 14", "cols: 8"))
    with pytest.raises(
        CalibrationError, match="camera 1 has 8 distortion coefficients, those of a lens model"
    ):
        read_any_calibration(tmp_path, size=SIZE)


def test_lens_without_a_pose_is_refused(tmp_path: Path) -> None:
    """opencv, samples/cpp/calibration.cpp."""
    (tmp_path / "A.xml").write_text(
        """\
<?xml version="1.0"?>
<opencv_storage>
<calibration_time>"Fri Nov 20 10:00:00 2026"</calibration_time>
<image_width>1280</image_width>
<image_height>1024</image_height>
<camera_matrix type_id="opencv-matrix">
  <rows>3</rows><cols>3</cols><dt>d</dt>
  <data>1000. 0. 640. 0. 1010. 500. 0. 0. 1.</data></camera_matrix>
<distortion_coefficients type_id="opencv-matrix">
  <rows>5</rows><cols>1</cols><dt>d</dt>
  <data>-0.1 0.02 0. 0. 0.</data></distortion_coefficients>
</opencv_storage>
"""
    )
    with pytest.raises(FileFormatError, match=r"has no pose of the camera \(R and T\), only its lens"):
        read_any_calibration(tmp_path / "A.xml", "opencv")


def in_matlab(intrinsic: Array, rotation: Array, translation: Array) -> Array:
    """Pixels, from 1 on, of row vectors: what `worldToImage` and DANNCE's `project_to2d` do, and a lens."""
    x, y, z = (np.column_stack([POINTS, np.ones(len(POINTS))]) @ np.vstack([rotation, translation])).T
    u, v = distorted(x / z, y / z, *LENS)
    pixels: Array = (np.stack([u, v, np.ones(len(u))], axis=1) @ intrinsic)[:, :2]
    return pixels


OLD_K = np.array([[1000.0, 0, 0], [0, 1010, 0], [641, 501, 1]])
OLD = {"IntrinsicMatrix": OLD_K, "RadialDistortion": LENS[:2], "TangentialDistortion": LENS[2:]}
OLD |= {"ImageSize": [1024.0, 1280.0]}


@pytest.mark.parametrize("release", ["R2015a", "R2022b"])
def test_matlab_stereo(tmp_path: Path, release: str) -> None:
    """A struct of stereoParameters, under a name of the user's, before and since matrices were turned."""
    params = {"CameraParameters1": OLD, "CameraParameters2": OLD, "Version": {"Release": release}}
    params |= {"RotationOfCamera2": QUARTER.T, "TranslationOfCamera2": T[None]}
    if release == "R2022b":
        new = {"K" if key == "IntrinsicMatrix" else key: value for key, value in OLD.items()} | {"K": OLD_K.T}
        params = {"CameraParameters1": new, "CameraParameters2": new}
        params["PoseCamera2"] = {"R": QUARTER, "Translation": T, "Dimensionality": 3}
    savemat(tmp_path / "s.mat", {"myRig": params})
    one, two = read_any_calibration(tmp_path / "s.mat")
    assert np.array_equal(one.cam_from_world, np.eye(3, 4))
    assert two.size == SIZE
    assert_sees(two, in_matlab(OLD_K, QUARTER.T, T) - 1)
    assert_sees(two, pictured())


def test_matlab_object_is_explained(tmp_path: Path) -> None:
    savemat(tmp_path / "s.mat", {"other": np.eye(3)})
    with pytest.raises(FileFormatError, match=r"it has other. An object of MATLAB has to be made a struct"):
        read_any_calibration(tmp_path / "s.mat", "matlab")


def test_dannce(tmp_path: Path) -> None:
    """hires_cam1_params.mat as Label3D loads them, and *_dannce.mat as it writes them; `project_to2d`."""
    struct = {"K": OLD_K, "RDistort": np.array([LENS[:2]]), "TDistort": np.array([LENS[2:]])}
    struct |= {"r": QUARTER.T, "t": T[None]}
    for number in range(1, 12):
        savemat(tmp_path / f"hires_cam{number}_params.mat", struct)
    found = read_any_calibration(tmp_path, size=SIZE)
    assert found.names == tuple(f"Camera{number}" for number in range(1, 12))
    assert_sees(found.cameras[0], in_matlab(OLD_K, QUARTER.T, T) - 1)

    params, names = np.empty((2, 1), object), np.empty((1, 2), object)
    params[:, 0], names[0] = [struct, struct], ["CameraL", "CameraR"]
    savemat(tmp_path / "Label3D_dannce.mat", {"params": params, "camnames": names})
    found = read_any_calibration(tmp_path / "Label3D_dannce.mat", size=SIZE)
    assert found.names == ("CameraL", "CameraR")
    assert_sees(found.cameras[1], pictured())


def test_dannce_reads_what_we_write(tmp_path: Path) -> None:
    """`from_struct` wants two radial coefficients, and the fields in this order."""
    from scipy.io import loadmat

    FORMATS["dannce"].write(tmp_path, make_rig(2, distortions=LENS))
    content = loadmat(tmp_path / "cameras_dannce.mat")
    assert content["params"].shape == (2, 1)
    assert content["params"][0, 0].dtype.names[:5] == ("K", "RDistort", "TDistort", "r", "t")
    assert content["params"][0, 0]["RDistort"][0, 0].shape == (1, 2)
    assert [name[0][0] for name in content["camnames"]] == ["cam0", "cam1"]
    assert loadmat(tmp_path / "hires_cam2_params.mat")["t"].shape == (1, 3)


@pytest.mark.parametrize(
    ("model", "lens"),
    [
        ("OPENCV 1280 1024 1000 1010 640.5 500.5 -0.1 0.02 0.001 -0.002", LENS),
        ("FULL_OPENCV 1280 1024 1000 1010 640.5 500.5 -0.1 0.02 0.001 -0.002 0 0 0 0", LENS),
    ],
)
def test_colmap(tmp_path: Path, model: str, lens: tuple[float, ...]) -> None:
    """With comments, a line of points, and an empty one; the pixels of COLMAP are half a pixel further."""
    (tmp_path / "cameras.txt").write_text(f"# Camera list\n7 {model}\n")
    half = np.sqrt(0.5)
    (tmp_path / "images.txt").write_text(
        "# Image list\n"
        f"1 {half} 0 0 {half} 10 20 500 7 rig one/camB.png\n"
        "12.5 7.25 -1 20.5 30.25 4 1 2 3 4 5 6 7 8\n"
        f"2 {half} 0 0 {half} 10 20 500 7 camA.png\n"
        "\n"
    )
    found = read_any_calibration(tmp_path)
    assert found.names == ("camA", "rig one/camB")
    assert_sees(found.cameras[0], pictured())


@pytest.mark.parametrize("kind", ["SIMPLE_RADIAL_FISHEYE 1280 1024 500 640.5 500.5 -0.02"])
def test_colmap_fisheye(tmp_path: Path, kind: str) -> None:
    """theta (1 + k1 theta^2), along the direction of the point."""
    (tmp_path / "cameras.txt").write_text(f"1 {kind}\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 10 20 500 1 A\n\n")
    x, y, z = POINTS.T + T[:, None]
    theta = np.arctan2(np.hypot(x, y), z)
    scale = 500 * (theta - 0.02 * theta**3) / np.hypot(x, y)
    assert_sees(only(read_any_calibration(tmp_path)), np.stack([scale * x + 640, scale * y + 500], axis=1))


def test_colmap_model_that_we_have_not(tmp_path: Path) -> None:
    (tmp_path / "cameras.txt").write_text("1 FOV 1280 1024 500 500 640 512 0.9\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 10 20 500 1 A\n\n")
    with pytest.raises(CalibrationError, match="the lens model FOV is none that anipose has"):
        read_any_calibration(tmp_path)


def dlt_pixels(c: Array) -> Array:
    """dltdv, `dlt_inverse.m`."""
    below = POINTS @ c[8:11] + 1
    return np.stack([(POINTS @ c[:3] + c[3]) / below, (POINTS @ c[4:7] + c[7]) / below], axis=1)


def test_dlt_is_what_it_says(tmp_path: Path) -> None:
    rig = make_rig(1, distortions=())
    FORMATS["dlt"].write(tmp_path / "dlt.csv", rig)
    c = np.loadtxt(tmp_path / "dlt.csv", delimiter=",")
    np.testing.assert_allclose(rig.cameras[0].project(POINTS), dlt_pixels(c) - 1, atol=1e-8)


@pytest.mark.parametrize("v_grows", ["downwards", "upwards"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_dlt_of_either_direction(tmp_path: Path, v_grows: str, delimiter: str) -> None:
    """DLTdv 8 counts rows from the top, DLTdv 5 to 7 from the bottom of a flipped picture; both from 1."""
    intrinsic = np.array([[1000.0, 0, 641], [0, 1010, 501], [0, 0, 1]])
    if v_grows == "upwards":
        intrinsic[1] = [0, -1010, 1024 + 1 - 501]
    projection = intrinsic @ np.column_stack([QUARTER, T])
    column = (projection / projection[2, 3]).ravel()[:11]
    np.savetxt(tmp_path / "dltcoefs.csv", np.stack([column, column], axis=1), delimiter=delimiter)
    found = read_any_calibration(tmp_path / "dltcoefs.csv", size=SIZE)
    assert found.names == ("1", "2")
    x, y, z = QUARTER @ POINTS.T + T[:, None]
    assert_sees(found.cameras[0], np.stack([1000 * x / z + 640, 1010 * y / z + 500], axis=1))


def test_dlt_with_skew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Eleven free coefficients have a skew by noise; the nearest camera has none, and how far off is told."""
    projection = np.array([[1000.0, 3, 641], [0, 1010, 501], [0, 0, 1]]) @ np.column_stack([QUARTER, T])
    column = (projection / projection[2, 3]).ravel()[:11]
    np.savetxt(tmp_path / "dltcoefs.csv", column)
    camera = only(read_any_calibration(tmp_path / "dltcoefs.csv", "dlt", SIZE))
    assert "the coefficients of camera 1 have skewed pixels" in caplog.text
    # Half of the skew goes into a turn of the camera; 3 px per focal length leave under 1 px in the corners.
    assert_sees(camera, dlt_pixels(column) - 1, atol=1.0)


def test_dlt_without_the_origin_in_view_is_refused(tmp_path: Path) -> None:
    """Where the world is the first camera, L would be divided by zero."""
    rig = Cameras((Camera("A", SIZE, K), Camera("B", SIZE, K, translation=T)))
    with pytest.raises(CalibrationError, match=r'which it is not for A. Set world = "board"'):
        FORMATS["dlt"].write(tmp_path / "dlt.csv", rig)


def test_rotation_that_mirrors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "A.yaml").write_text(JARVIS.replace("0., 1., 0., -1., 0.", "0., 1., 0., 1., 0."))
    with pytest.raises(CalibrationError, match="the rotation of camera A is none: it stretches or mirrors"):
        read_any_calibration(tmp_path, size=SIZE)


@pytest.mark.parametrize("name", ["notes.csv", "notes.toml", "notes.mat", "notes.yml", "notes.png"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a = 1\n")
    with pytest.raises(
        FileFormatError, match=r"is no calibration that is known at once; .* --format \{anipose,"
    ):
        read_any_calibration(tmp_path / name)
    for known in FORMATS:
        with pytest.raises(AniposeError):
            read_any_calibration(tmp_path / name, known, SIZE)


def test_command(tmp_path: Path) -> None:
    (tmp_path / "Camera_T.yaml").write_text(JARVIS)
    missing = anipose(tmp_path, "import-calibration", "nowhere.toml")
    assert missing.returncode == 1
    assert "nowhere.toml: there is no such file" in missing.stdout
    wrong = anipose(tmp_path, "import-calibration", "Camera_T.yaml", "--size", "1280")
    assert wrong.returncode == 2
    assert "'1280' is no size; write it as 1280x1024" in wrong.stdout
    result = anipose(tmp_path, "import-calibration", "Camera_T.yaml", "--size", "1280x1024")
    assert result.returncode == 0, result.stdout
    assert read_calibration(tmp_path / "calibration" / "calibration.toml").names == ("Camera_T",)
    again = anipose(tmp_path, "import-calibration", "Camera_T.yaml", "--size", "1280x1024")
    assert again.returncode == 1
    assert "exists already; move it away, or replace it with --force" in again.stdout


def test_quaternions_of_all_rotations(tmp_path: Path) -> None:
    """To images.txt and back, near 0 and pi as well."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 3))
    vectors *= rng.choice([1e-9, 1e-4, 1, 3.14159], (20, 1)) / np.linalg.norm(vectors, axis=1, keepdims=True)
    rig = Cameras(tuple(Camera(f"c{i}", SIZE, K, rotation=vector) for i, vector in enumerate(vectors)))
    FORMATS["colmap"].write(tmp_path, rig)
    found = read_any_calibration(tmp_path, "colmap")
    np.testing.assert_allclose(found.cam_from_world, rig.cam_from_world, atol=1e-14)
    assert np.allclose(rotation_matrix(rotation_vector(QUARTER)), QUARTER)
