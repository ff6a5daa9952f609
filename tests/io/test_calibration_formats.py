"""Calibrations of other programs: what is written is read again, and projects to the same pixels."""

from pathlib import Path

import numpy as np
import pytest

from anipose.cli.main import CALIBRATION_FORMATS
from anipose.errors import CalibrationError, FileFormatError
from anipose.geometry.cameras import Cameras
from anipose.io.calibration_formats import FORMATS, read_any_calibration
from synthetic import PINHOLE_DISTORTIONS, make_points, make_rig

POINTS = make_points(1000)


def test_command_line_has_all_formats() -> None:
    assert tuple(FORMATS) == CALIBRATION_FORMATS


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("given", [True, False])
def test_what_is_written_projects_to_the_same_pixels(tmp_path: Path, name: str, given: bool) -> None:
    lens = {"dlt": (), "pose2sim": PINHOLE_DISTORTIONS[:4]}.get(name, PINHOLE_DISTORTIONS)
    rig = make_rig(4, distortions=lens)
    path = tmp_path / FORMATS[name].target
    FORMATS[name].write(path, rig)
    if name == "opencv-xml" and not given:
        name = "opencv"
    if name in ("pose2sim", "caliscope") and not given:
        pytest.skip("a TOML in metres looks like one of ours: the format has to be told")
    found = read_any_calibration(path, name if given else None)
    assert len(found) == 4
    if name != "dlt":
        assert found.names == rig.names
        assert [camera.size for camera in found] == [camera.size for camera in rig]
    np.testing.assert_allclose(found.project(POINTS), rig.project(POINTS), atol=1e-6)


@pytest.mark.parametrize("name", ["anipose", "caliscope", "pose2sim", "opencv", "colmap"])
def test_fisheye_lenses(tmp_path: Path, name: str) -> None:
    rig = make_rig(2, distortions=(-0.02, 0.006, -0.003, 0.0005), fisheye=True, focal=500)
    FORMATS[name].write(tmp_path / FORMATS[name].target, rig)
    found = read_any_calibration(tmp_path / FORMATS[name].target, name)
    np.testing.assert_allclose(found.project(POINTS), rig.project(POINTS), atol=1e-6)


@pytest.mark.parametrize("name", ["matlab", "dannce", "jarvis"])
def test_lens_that_a_format_has_not_is_refused(tmp_path: Path, name: str) -> None:
    rig: Cameras = make_rig(2, distortions=(0.0, 0, 0, 0), fisheye=True, focal=500)
    with pytest.raises(CalibrationError, match="has no fisheye lenses, but camera cam0, cam1 has one"):
        FORMATS[name].write(tmp_path / FORMATS[name].target, rig)


def test_dlt_is_what_it_says(tmp_path: Path) -> None:
    """u = (L1 X + L2 Y + L3 Z + L4) / (L9 X + L10 Y + L11 Z + 1), v with L5 to L8."""
    rig = make_rig(1, distortions=())
    FORMATS["dlt"].write(tmp_path / "dlt.csv", rig)
    c = np.loadtxt(tmp_path / "dlt.csv", delimiter=",")
    below = POINTS @ c[8:11] + 1
    pixels = np.stack([(POINTS @ c[:3] + c[3]) / below, (POINTS @ c[4:7] + c[7]) / below], axis=1)
    np.testing.assert_allclose(rig.cameras[0].project(POINTS), pixels, atol=1e-8)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("1,2,3\n")
    with pytest.raises(FileFormatError, match="is no calibration that anipose knows"):
        read_any_calibration(tmp_path / "notes.csv")
