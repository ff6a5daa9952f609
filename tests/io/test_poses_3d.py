"""3D poses are read back exactly, and files of other programs are understood."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anipose.errors import FileAccessError, FileFormatError
from anipose.io.poses_3d import read_poses_3d, write_poses_3d
from anipose.poses import Frame3D, Poses3D

NAN = np.nan

# A quarter turn about z, so that the axes are told apart.
FRAME = Frame3D(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([0.1, 0.2, 0.3]))


def _poses(keypoints: tuple[str, ...] = ("nose", "tail"), frame: Frame3D = FRAME) -> Poses3D:
    """Two frames; the last keypoint is unknown in the second."""
    n = len(keypoints)
    numbers = np.arange(2 * n * 6, dtype=float).reshape(2, n, 6) / 7
    numbers[..., 4] = 3
    numbers[1, -1] = NAN
    return Poses3D(
        keypoints,
        numbers[..., :3],
        errors=numbers[..., 3],
        n_cameras=numbers[..., 4],
        scores=numbers[..., 5],
        frame=frame,
        frame_numbers=np.array([7, 8]),
    )


def _assert_same(found: Poses3D, expected: Poses3D) -> None:
    assert found.keypoints == expected.keypoints
    for name in ("points", "errors", "n_cameras", "scores", "frame_numbers"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.frame.rotation, expected.frame.rotation)
    np.testing.assert_array_equal(found.frame.center, expected.frame.center)


def test_columns_are_those_other_programs_expect(tmp_path: Path) -> None:
    write_poses_3d(tmp_path / "a.csv", _poses())

    header, first, second = (tmp_path / "a.csv").read_text().splitlines()

    assert header == (
        "nose_x,nose_y,nose_z,nose_error,nose_ncams,nose_score,"
        "tail_x,tail_y,tail_z,tail_error,tail_ncams,tail_score,"
        "M_00,M_01,M_02,M_10,M_11,M_12,M_20,M_21,M_22,center_0,center_1,center_2,fnum"
    )
    assert first.startswith("0.0,0.14285714285714285,0.2857142857142857,0.42857142857142855,3.0,")
    assert second.endswith(",,,,,,,0.0,-1.0,0.0,1.0,0.0,0.0,0.0,0.0,1.0,0.1,0.2,0.3,8")


def test_is_read_back_exactly(tmp_path: Path) -> None:
    write_poses_3d(tmp_path / "a.csv", _poses())
    _assert_same(read_poses_3d(tmp_path / "a.csv"), _poses())


@pytest.mark.parametrize(
    "keypoints",
    [
        ("Tail(base)", "Tail(mid)"),
        ("a_x", "a"),
        ("a", "a_x", "a_x_x", "a_error"),
        ("M", "center", "fnum"),
        ("_", "x_y_z"),
        ("left, front", 'the "tip"'),
        ("Pfötchen", "鼻"),
        ("nan", "1"),
    ],
)
def test_names_of_all_kinds(tmp_path: Path, keypoints: tuple[str, ...]) -> None:
    write_poses_3d(tmp_path / "a.csv", _poses(keypoints))
    _assert_same(read_poses_3d(tmp_path / "a.csv"), _poses(keypoints))


@settings(max_examples=30, deadline=None)
@given(
    numbers=hnp.arrays(
        float,
        st.tuples(st.integers(0, 4), st.integers(1, 3), st.just(6)),
        elements=st.floats(allow_nan=True, allow_infinity=False),
    )
)
def test_every_number_is_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, numbers: np.ndarray
) -> None:
    numbers[np.isnan(numbers[..., :3]).any(axis=-1)] = NAN
    poses = Poses3D(
        tuple("abc"[: numbers.shape[1]]),
        numbers[..., :3],
        errors=numbers[..., 3],
        n_cameras=numbers[..., 4],
        scores=numbers[..., 5],
        frame=Frame3D(),
        frame_numbers=np.arange(len(numbers)),
    )
    path = tmp_path_factory.mktemp("exact") / "a.csv"
    write_poses_3d(path, poses)
    _assert_same(read_poses_3d(path), poses)


def test_pandas_reads_the_same(tmp_path: Path) -> None:
    write_poses_3d(tmp_path / "a.csv", _poses())
    frame = pd.read_csv(tmp_path / "a.csv")
    assert frame["tail_y"].tolist()[0] == 1.0
    assert frame["fnum"].tolist() == [7, 8]
    assert frame["tail_ncams"].isna().tolist() == [False, True]


def test_file_with_the_coordinates_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("nose_x,nose_y,nose_z,tail_x,tail_y,tail_z\n1,2,3,4,,6\n7,8,9,inf,8,9\n")
    found = read_poses_3d(tmp_path / "a.csv")
    np.testing.assert_array_equal(found.points[:, 0], [[1, 2, 3], [7, 8, 9]])
    assert np.isnan(found.points[:, 1]).all()
    assert np.isnan([found.errors, found.n_cameras, found.scores]).all()
    np.testing.assert_array_equal(found.frame.rotation, np.eye(3))
    assert found.frame_numbers.tolist() == [0, 1]


def test_what_the_old_program_wrote_for_missing_points_is_missing(tmp_path: Path) -> None:
    """It wrote error 10 in filtered files, and score 2 where no camera was used."""
    (tmp_path / "a.csv").write_text(
        "a_x,a_y,a_z,a_error,a_ncams,a_score,fnum\n,,,10,0.0,2.0,0\n1,2,3,10,2,0.5,1\n"
    )
    found = read_poses_3d(tmp_path / "a.csv")
    np.testing.assert_array_equal(found.errors[:, 0], [NAN, 10])
    np.testing.assert_array_equal(found.n_cameras[:, 0], [NAN, 2])
    np.testing.assert_array_equal(found.scores[:, 0], [NAN, 0.5])


def test_real_files(shared_data: Path) -> None:
    paths = sorted(shared_data.glob("*/reference/points3d-*.csv"))
    assert len(paths) == 15
    for path in paths:
        found = read_poses_3d(path)
        frame = pd.read_csv(path)
        assert [f"{name}_x" for name in found.keypoints] == [name for name in frame if name.endswith("_x")]
        for axis, coordinate in enumerate("xyz"):
            expected = frame[[f"{name}_{coordinate}" for name in found.keypoints]]
            np.testing.assert_allclose(found.points[..., axis], expected, rtol=1e-15)
        assert np.isfinite(found.errors).any() == any(name.endswith("_error") for name in frame)
    labels = read_poses_3d(shared_data / "mouse-6cam-labels" / "reference" / "points3d-labels.csv")
    assert labels.points[0, labels.keypoints.index("EarL")].tolist() == [-6.968767, 67.183573, 35.306161]


class TestUnusableFiles:
    def _error(self, path: Path, text: str) -> str:
        path.write_text(text)
        with pytest.raises(FileFormatError) as caught:
            read_poses_3d(path)
        return str(caught.value).removeprefix(str(path))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileAccessError, match=r"a\.csv: there is no such file"):
            read_poses_3d(tmp_path / "a.csv")

    def test_another_table(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.csv", "time,knee,fnum\n0,1,2\n") == (
            " is not a file of 3D poses. It has the columns time, knee, fnum; expected NAME_x, NAME_y, "
            "NAME_z, NAME_error, NAME_ncams, NAME_score for each keypoint"
        )

    def test_numbers_only(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.csv", "0,1,2\n") == (
            " begins with numbers; expected the names of the columns"
        )

    def test_not_written_to_its_end(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.csv", "a_x,a_y,a_z\n1,2,3\n4,5") == (
            ": the last row has 2 cells instead of 3; the file was not written to its end, or is damaged"
        )

    def test_word_where_a_number_should_be(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.csv", "a_x,a_y,a_z\n1,2,3\n4,5o,6\n") == (
            ": row 2 of the column a_y is '5o'; expected a number"
        )

    def test_row_that_is_too_long(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.csv", "a_x,a_y,a_z\n1,2,3,4\n4,5,6\n") == (
            ": the first row has 4 cells instead of 3; the file was not written to its end, or is damaged"
        )
        message = self._error(tmp_path / "a.csv", "a_x,a_y,a_z\n1,2,3\n1,2,3,4\n4,5,6\n")
        assert message == (" is damaged: Error tokenizing data. C error: Expected 3 fields in line 2, saw 4")

    def test_same_column_twice(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.csv", "a_x,a_y,a_z,a_x\n1,2,3,4\n") == (
            " has several columns with the name a_x"
        )

    def test_frame_of_reference_that_changes(self, tmp_path: Path) -> None:
        write_poses_3d(tmp_path / "a.csv", _poses())
        text = (tmp_path / "a.csv").read_text().replace("0.3,8", "0.4,8")
        assert self._error(tmp_path / "a.csv", text) == (
            ": the frame of reference (M_00 to center_2) is not the same in all rows; "
            "the file was put together from several, or is damaged"
        )

    def test_frame_numbers_that_are_none(self, tmp_path: Path) -> None:
        assert self._error(tmp_path / "a.csv", "a_x,a_y,a_z,fnum\n1,2,3,0.5\n") == (
            ": the column fnum has to hold the number of each frame"
        )

    def test_binary(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x01,\n")
        with pytest.raises(
            FileFormatError, match=r"a\.csv is not a text file \(invalid start byte\); expected CSV"
        ):
            read_poses_3d(tmp_path / "a.csv")
