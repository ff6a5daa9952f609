"""calibration.toml is read back exactly, and faults in it are named."""

import logging
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anipose.errors import FileAccessError, FileFormatError
from anipose.geometry.cameras import Camera, Cameras
from anipose.io.calibration import read_calibration, write_calibration

TABLE = """
[cam_{number}]
name = "{name}"
size = [ 640, 480,]
matrix = [ [ 500.0, 0.0, 319.5,], [ 0.0, 510.0, 239.5,], [ 0.0, 0.0, 1.0,],]
distortions = [ -0.1, 0.01, 0.0, 0.0, 0.0,]
rotation = [ 0.0, 0.1, {number}.0,]
translation = [ 1.0, 2.0, 3.0,]
"""


def _camera(name: str = "A", **changes: object) -> Camera:
    values = {
        "size": (640, 480),
        "matrix": np.array([[500 / 3, 0, 319.5], [0, 510.0, 239.5], [0, 0, 1]]),
        "distortions": np.array([-0.1, 1e-17, 0.0, 0.0, 1 / 3]),
        "rotation": np.array([0.1, -0.2, 1e-300]),
        "translation": np.array([1e22, 2, -3e-5]),
    }
    return Camera(name=name, **(values | changes))  # type: ignore[arg-type]


def _write(path: Path, *names: str) -> Path:
    path.write_text("".join(TABLE.format(number=number, name=name) for number, name in enumerate(names)))
    return path


def test_is_read_back_exactly(tmp_path: Path) -> None:
    fisheye = _camera("B", fisheye=True, distortions=np.array([0.1, 0.2, 0.3, 0.4]))
    metadata = {
        "adjusted": False,
        "error": 0.1 + 0.2,
        "cameras": ["A", "B"],
        "pairs": {"A-B": 12, "note": 'a "quoted" text\nin two lines'},
    }
    write_calibration(tmp_path / "calibration.toml", Cameras((_camera(), fisheye), metadata))

    found = read_calibration(tmp_path / "calibration.toml")

    assert found.cameras == (_camera(), fisheye)
    assert found.metadata == metadata


def test_numbers_of_numpy_can_be_metadata(tmp_path: Path) -> None:
    metadata = {"error": np.float64(0.5), "counts": np.array([1, 2]), "sizes": (np.int64(3),)}
    write_calibration(tmp_path / "a.toml", Cameras((_camera(),), metadata))
    assert read_calibration(tmp_path / "a.toml").metadata == {"error": 0.5, "counts": [1, 2], "sizes": [3]}


@settings(max_examples=50, deadline=None)
@given(
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    numbers=hnp.arrays(float, 11, elements=st.floats(allow_nan=False, allow_infinity=False)),
)
def test_every_number_and_name_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, numbers: np.ndarray
) -> None:
    camera = _camera(name, distortions=numbers[:5], rotation=numbers[5:8], translation=numbers[8:])
    path = tmp_path_factory.mktemp("exact") / "a.toml"
    write_calibration(path, Cameras((camera,)))
    assert read_calibration(path).cameras == (camera,)


def test_layout_is_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    camera = _camera(matrix=np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]]), rotation=np.zeros(3))
    write_calibration(path, Cameras((camera,), {"error": 0.25}))
    assert path.read_text() == (
        '[cam_0]\nname = "A"\nsize = [ 640, 480,]\n'
        "matrix = [ [ 500.0, 0.0, 320.0,], [ 0.0, 510.0, 240.0,], [ 0.0, 0.0, 1.0,],]\n"
        "distortions = [ -0.1, 1e-17, 0.0, 0.0, 0.3333333333333333,]\n"
        "rotation = [ 0.0, 0.0, 0.0,]\ntranslation = [ 1e+22, 2.0, -3e-05,]\n"
        "\n[metadata]\nerror = 0.25\n"
    )
    assert tomlkit.parse(path.read_text()) == tomllib.loads(path.read_text())


def test_tables_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = tuple("KBCDEFGHIJA")
    _write(tmp_path / "a.toml", *names)
    assert read_calibration(tmp_path / "a.toml").names == names
    text = "".join(
        TABLE.format(number=number, name=name) for number, name in reversed(list(enumerate(names)))
    )
    (tmp_path / "a.toml").write_text(text)
    assert read_calibration(tmp_path / "a.toml").names == names


def test_name_may_be_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TABLE.format(number=0, name=1).replace('"1"', "1"))
    assert read_calibration(tmp_path / "a.toml").names == ("1",)


def test_transposed_matrix_is_turned_round(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = _write(tmp_path / "a.toml", "A")
    rows = "[ 500.0, 0.0, 0.0,], [ 0.0, 510.0, 0.0,], [ 319.5, 239.5, 1.0,]"
    upright = "[ 500.0, 0.0, 319.5,], [ 0.0, 510.0, 239.5,], [ 0.0, 0.0, 1.0,]"
    path.write_text(path.read_text().replace(upright, rows))

    found = read_calibration(path).cameras[0].matrix

    assert found.tolist() == [[500, 0, 319.5], [0, 510, 239.5], [0, 0, 1]]
    assert caplog.messages == [
        f"{path}: the matrix of camera A is transposed (its principal point is in the third row); "
        "it was turned round"
    ]


class TestRealFiles:
    def test_all_are_read(self, shared_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        paths = [path for path in sorted(shared_data.rglob("*.toml")) if path.name.startswith("calibration")]
        assert len(paths) >= 14
        for path in paths:
            content = tomllib.loads(path.read_text())
            found = read_calibration(path)
            assert found.metadata == content["metadata"]
            for camera, table in zip(
                found, (table for key, table in content.items() if "cam" in key), strict=True
            ):
                assert camera.name == table["name"]
                assert camera.size == tuple(table["size"])
                for key in ("matrix", "distortions", "rotation", "translation"):
                    assert getattr(camera, key).tolist() == table[key]
            write_calibration(tmp_path / "copy.toml", found)
            copy = read_calibration(tmp_path / "copy.toml")
            assert copy.cameras == found.cameras
            assert copy.metadata == found.metadata

    def test_identical_cameras_are_pointed_out(
        self, shared_data: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        folder = shared_data / "mouse-4cam" / "reference"
        read_calibration(folder / "calibration-reference.toml")
        assert caplog.messages == []
        wrong = folder / "calibration-upstream-side-entry-wrong.toml"
        read_calibration(wrong)
        assert caplog.messages == [
            f"{wrong}: the cameras side and top are identical, as if they were at the same place; "
            "one of them is wrong, and 3D points made with it as well. Calibrate again"
        ]


class TestUnusableFiles:
    def _error(self, path: Path, text: str) -> str:
        path.write_text(text)
        with pytest.raises(FileFormatError) as caught:
            read_calibration(path)
        return str(caught.value).removeprefix(str(path))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileAccessError, match=r"a\.toml: there is no such file"):
            read_calibration(tmp_path / "a.toml")

    def test_no_toml(self, tmp_path: Path) -> None:
        message = self._error(tmp_path / "a.toml", "[cam_0\n")
        assert message.startswith(" is not a calibration: Expected ']'")

    def test_config_instead_of_calibration(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.toml", "project = 'x'\n[calibration]\n") == (
            " has no cameras. It holds project, calibration; expected tables cam_0, cam_1, ..."
        )

    def test_all_faults_are_listed(self, tmp_path: Path) -> None:
        good = TABLE.format(number=0, name="A")
        text = good.replace("rotation", "Rotation").replace("size", "extent")
        text += TABLE.format(number=1, name="B").replace("[ -0.1, 0.01, 0.0, 0.0, 0.0,]", "[ nan, 1.0, 'x' ]")
        text += TABLE.format(number=2, name="C").replace("[ 1.0, 2.0, 3.0,]", "[ 1.0, 2.0,]")
        text += TABLE.format(number=3, name="D").replace("1.0, 2.0", "nan, inf")
        assert self._error(tmp_path / "a.toml", text) == (
            " cannot be used:\n"
            "  [cam_0] has no size, rotation\n"
            "  [cam_1] distortions is not an array of numbers\n"
            "  [cam_2] camera C: translation has shape (2,), expected (3,)\n"
            "  [cam_3] camera D: translation is not finite"
        )

    def test_same_name_twice(self, tmp_path: Path) -> None:
        text = TABLE.format(number=0, name="A") + TABLE.format(number=1, name="A")
        assert self._error(tmp_path / "a.toml", text) == ": the calibration has more than one camera named A"
