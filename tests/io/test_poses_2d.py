"""2D poses are read from the files of the usual trackers, and written as DeepLabCut does.

The files are made with pandas and h5py in the layouts of the trackers, or come from real recordings.
"""

import contextlib
import pickle
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anipose.errors import AniposeError, FileAccessError, FileFormatError, PoseError
from anipose.io.poses_2d import read_animals_2d, read_poses_2d, write_animals_2d, write_poses_2d
from anipose.poses import Poses2D

NAN = np.nan

# Two frames of two keypoints: x, y, likelihood. The tail is not seen in the second frame.
TABLE = np.array([[1.0, 2.0, 0.9, 3.0, 4.0, 0.8], [5.0, 6.0, 0.7, NAN, NAN, NAN]])
POSES = Poses2D(
    ("nose", "tail"),
    np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [NAN, NAN]]]),
    np.array([[0.9, 0.8], [0.7, NAN]]),
    "net",
)


def _frame(
    *levels: list[str], names: list[str] | None = None, values: np.ndarray = TABLE, **keywords: object
) -> pd.DataFrame:
    names = names or ["scorer", "bodyparts", "coords"]
    return pd.DataFrame(values, columns=pd.MultiIndex.from_product(levels, names=names), **keywords)


def _deeplabcut(values: np.ndarray = TABLE, **keywords: object) -> pd.DataFrame:
    return _frame(["net"], ["nose", "tail"], ["x", "y", "likelihood"], values=values, **keywords)


def _write_hdf(frame: pd.DataFrame, path: Path, key: str = "df_with_missing", layout: str = "table") -> Path:
    frame.to_hdf(path, key=key, format=layout, mode="w")
    return path


def _assert_same(found: Poses2D, expected: Poses2D) -> None:
    assert found.keypoints == expected.keypoints
    np.testing.assert_array_equal(found.points, expected.points)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert found.scorer == expected.scorer


class TestDeepLabCut:
    @pytest.mark.parametrize("layout", ["table", "fixed"])
    @pytest.mark.parametrize("key", ["df_with_missing", "tracks", "anything"])
    def test_hdf5_with_any_key_and_layout(self, tmp_path: Path, layout: str, key: str) -> None:
        _assert_same(read_poses_2d(_write_hdf(_deeplabcut(), tmp_path / "a.h5", key, layout)), POSES)

    def test_csv(self, tmp_path: Path) -> None:
        _deeplabcut().to_csv(tmp_path / "a.csv")
        _assert_same(read_poses_2d(tmp_path / "a.csv"), POSES)

    def test_content_decides_and_not_the_name(self, tmp_path: Path) -> None:
        _deeplabcut().to_csv(tmp_path / "a.h5")
        _assert_same(read_poses_2d(tmp_path / "a.h5"), POSES)
        _assert_same(read_poses_2d(_write_hdf(_deeplabcut(), tmp_path / "b.csv")), POSES)

    def test_csv_saved_by_a_spreadsheet_program(self, tmp_path: Path) -> None:
        text = _deeplabcut().to_csv().replace("\r\n", "\n").replace("\n", "\r\n")
        (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
        _assert_same(read_poses_2d(tmp_path / "a.csv"), POSES)

    @pytest.mark.parametrize("suffix", [".h5", ".csv"])
    def test_columns_without_scorer(self, tmp_path: Path, suffix: str) -> None:
        frame = _frame(["nose", "tail"], ["x", "y", "likelihood"], names=["bodyparts", "coords"])
        path = tmp_path / f"a{suffix}"
        _write_hdf(frame, path) if suffix == ".h5" else frame.to_csv(path)
        found = read_poses_2d(path)
        np.testing.assert_array_equal(found.points, POSES.points)
        assert found.scorer == "unknown"

    def test_levels_without_names(self, tmp_path: Path) -> None:
        frame = _deeplabcut()
        frame.columns.names = [None, None, None]
        _assert_same(read_poses_2d(_write_hdf(frame, tmp_path / "a.h5")), POSES)

    def test_other_coordinates_are_ignored(self, tmp_path: Path) -> None:
        coords = ["x", "y", "likelihood", "interpolated", "x_ens_median", "x_posterior_var"]
        values = np.insert(TABLE, [3, 3, 3, 6, 6, 6], 99.0, axis=1)
        frame = _frame(["net"], ["nose", "tail"], coords, values=values)
        frame.to_csv(tmp_path / "a.csv")
        _assert_same(read_poses_2d(_write_hdf(frame, tmp_path / "a.h5")), POSES)
        _assert_same(read_poses_2d(tmp_path / "a.csv"), POSES)

    def test_column_that_is_no_number_is_ignored(self, tmp_path: Path) -> None:
        frame = _deeplabcut()
        frame[("net", "nose", "interpolated")] = [True, False]
        frame[("net", "nose", "comment")] = ["good", "bad"]
        _assert_same(read_poses_2d(_write_hdf(frame, tmp_path / "a.h5")), POSES)

    def test_single_precision(self, tmp_path: Path) -> None:
        found = read_poses_2d(_write_hdf(_deeplabcut().astype("float32"), tmp_path / "a.h5"))
        assert found.points.dtype == np.float64
        np.testing.assert_array_equal(found.points, POSES.points)

    def test_order_of_the_columns_does_not_matter(self, tmp_path: Path) -> None:
        frame = _deeplabcut().iloc[:, [5, 2, 1, 0, 4, 3]]
        found = read_poses_2d(_write_hdf(frame, tmp_path / "a.h5"))
        assert found.keypoints == ("tail", "nose")
        np.testing.assert_array_equal(found.points, POSES.points[:, ::-1])

    @pytest.mark.parametrize("suffix", [".h5", ".csv"])
    @pytest.mark.parametrize("second", [["x2", "y2", "likelihood2"], ["x", "y", "likelihood"]])
    def test_best_of_several_candidates(self, tmp_path: Path, suffix: str, second: list[str]) -> None:
        columns = [("net", "nose", coord) for coord in ["x", "y", "likelihood", *second]]
        values = np.array(
            [
                [1, 2, 0.9, 3, 4, 0.3],
                [5, 6, 0.2, 7, 8, 0.6],
                [NAN, NAN, 0.9, 9, 10, 0.1],
                [1, 1, NAN, NAN, NAN, NAN],
            ]
        )
        levels = pd.MultiIndex.from_tuples(columns, names=["scorer", "bodyparts", "coords"])
        frame = pd.DataFrame(values, columns=levels)
        path = tmp_path / f"a{suffix}"
        _write_hdf(frame, path) if suffix == ".h5" else frame.to_csv(path)
        found = read_poses_2d(path)
        np.testing.assert_array_equal(found.points[:, 0], [[1, 2], [7, 8], [9, 10], [NAN, NAN]])
        np.testing.assert_array_equal(found.scores[:, 0], [0.9, 0.6, 0.1, NAN])

    def test_what_is_not_finite_is_missing_and_zero_likelihood_is_not(self, tmp_path: Path) -> None:
        values = np.array([[np.inf, 2, 0.9, 3, 4, 0], [5, 6, NAN, 7, NAN, 0.9]])
        found = read_poses_2d(_write_hdf(_deeplabcut(values), tmp_path / "a.h5"))
        np.testing.assert_array_equal(found.points, [[[NAN, NAN], [3, 4]], [[NAN, NAN], [NAN, NAN]]])
        np.testing.assert_array_equal(found.scores, [[NAN, 0], [NAN, NAN]])

    def test_rows_go_to_their_frames(self, tmp_path: Path) -> None:
        found = read_poses_2d(_write_hdf(_deeplabcut(index=[1, 3]), tmp_path / "a.h5"))
        assert found.n_frames == 4
        np.testing.assert_array_equal(found.points[:, 0, 0], [NAN, 1, NAN, 5])

    def test_video_without_frames(self, tmp_path: Path) -> None:
        path = _write_hdf(_deeplabcut(), tmp_path / "a.h5")
        write_poses_2d(path, Poses2D(("nose",), np.empty((0, 1, 2)), np.empty((0, 1))))
        assert read_poses_2d(path).points.shape == (0, 1, 2)

    def test_labels_have_score_one(self, tmp_path: Path) -> None:
        images = [("labeled-data", "video", f"img{number}.png") for number in range(2)]
        frame = _frame(["me"], ["nose", "tail"], ["x", "y"], values=TABLE[:, [0, 1, 3, 4]])
        expected = Poses2D(POSES.keypoints, POSES.points, np.array([[1, 1], [1, NAN]]), "me")
        for index in (["/".join(image) for image in images], pd.MultiIndex.from_tuples(images)):
            frame.index = index  # type: ignore[assignment]
            frame.to_csv(tmp_path / "a.csv")
            _assert_same(read_poses_2d(tmp_path / "a.csv"), expected)
            _assert_same(read_poses_2d(_write_hdf(frame, tmp_path / "a.h5", layout="fixed")), expected)

    def test_one_individual_is_read(self, tmp_path: Path) -> None:
        names = ["scorer", "individuals", "bodyparts", "coords"]
        frame = _frame(["net"], ["mouse1"], ["nose", "tail"], ["x", "y", "likelihood"], names=names)
        frame.to_csv(tmp_path / "a.csv")
        _assert_same(read_poses_2d(_write_hdf(frame, tmp_path / "a.h5", "tracks")), POSES)
        _assert_same(read_poses_2d(tmp_path / "a.csv"), POSES)

    @pytest.mark.parametrize("suffix", [".h5", ".csv"])
    def test_several_individuals(self, tmp_path: Path, suffix: str) -> None:
        names = ["scorer", "individuals", "bodyparts", "coords"]
        frame = _frame(["net"], ["anna", "berta"], ["nose"], ["x", "y", "likelihood"], names=names)
        corner = [("net", "single", "corner", coord) for coord in ("x", "y", "likelihood")]
        frame[pd.MultiIndex.from_tuples(corner)] = 0.5
        path = tmp_path / f"a{suffix}"
        _write_hdf(frame, path, "tracks") if suffix == ".h5" else frame.to_csv(path)
        found = read_animals_2d(path)
        assert {name: poses.keypoints for name, poses in found.items()} == {
            "anna": ("nose",),
            "berta": ("nose",),
            "single": ("corner",),
        }
        np.testing.assert_array_equal(found["berta"].points[:, 0, 0], frame["net", "berta", "nose", "x"])
        write_animals_2d(tmp_path / "copy.h5", found)
        again = read_animals_2d(tmp_path / "copy.h5")
        assert list(again) == list(found)
        for name, poses in found.items():
            _assert_same(again[name], poses)
        copy = pd.read_hdf(tmp_path / "copy.h5")
        assert isinstance(copy, pd.DataFrame)
        assert list(copy.columns) == list(frame.columns)
        assert list(copy.columns.names) == names
        with pytest.raises(PoseError) as caught:
            read_poses_2d(path)
        assert str(caught.value) == (
            f"{path} holds the animals anna, berta, single, but this works on videos with one animal only. "
            "Save the tracks of each animal in a file of its own"
        )

    def test_real_labels_agree_in_both_formats(self, shared_data: Path) -> None:
        folder = shared_data / "openfield-2d" / "reference"
        labels = read_poses_2d(folder / "CollectedData_Pranav.h5")
        assert labels.keypoints == ("snout", "leftear", "rightear", "tailbase")
        assert labels.points.shape == (116, 4, 2)
        assert labels.points[0, 0].tolist() == [21.521, 265.428]
        assert (labels.scores == 1).all()
        _assert_same(labels, read_poses_2d(folder / "CollectedData_Pranav.csv"))
        folder = folder / "reaching"
        reaching = read_poses_2d(folder / "CollectedData_Mackenzie.h5")
        _assert_same(reaching, read_poses_2d(folder / "CollectedData_Mackenzie.csv"))

    def test_real_recordings_read_as_pandas_reads_them(self, shared_data: Path) -> None:
        paths = sorted(shared_data.glob("fly-3cam-anipose/**/*.h5"))
        assert len(paths) == 9
        for path in paths[::4]:
            frame = pd.read_hdf(path)
            found = read_poses_2d(path)
            for number, coord in enumerate("xy"):
                expected = frame.xs(coord, axis=1, level="coords")
                np.testing.assert_array_equal(found.points[..., number], expected)
            np.testing.assert_array_equal(found.scores, frame.xs("likelihood", axis=1, level="coords"))


class TestWriting:
    def test_is_read_back_exactly(self, tmp_path: Path) -> None:
        write_poses_2d(tmp_path / "a.h5", POSES)
        _assert_same(read_poses_2d(tmp_path / "a.h5"), POSES)

    def test_pandas_reads_what_deeplabcut_would_have_written(self, tmp_path: Path) -> None:
        write_poses_2d(tmp_path / "a.h5", POSES)
        found = pd.read_hdf(tmp_path / "a.h5", key="df_with_missing")
        pd.testing.assert_frame_equal(found, _deeplabcut(), check_column_type=False)
        assert found.columns.names == ["scorer", "bodyparts", "coords"]
        part = pd.read_hdf(tmp_path / "a.h5", where="index == 1")
        pd.testing.assert_frame_equal(part, _deeplabcut().iloc[1:], check_column_type=False)

    def test_same_poses_give_the_same_bytes(self, tmp_path: Path) -> None:
        write_poses_2d(tmp_path / "a.h5", POSES)
        time.sleep(1.1)  # HDF5 counts time in seconds
        equal = Poses2D(
            tuple("".join(list(name)) for name in POSES.keypoints), POSES.points, POSES.scores, "net"
        )
        write_poses_2d(tmp_path / "b.h5", equal)
        assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()

    def test_point_without_score_gets_zero(self, tmp_path: Path) -> None:
        points = np.array([[[1.0, 2.0]], [[NAN, NAN]]])
        write_poses_2d(tmp_path / "a.h5", Poses2D(("nose",), points, np.full((2, 1), NAN)))
        found = read_poses_2d(tmp_path / "a.h5")
        np.testing.assert_array_equal(found.points, points)
        np.testing.assert_array_equal(found.scores, [[0], [NAN]])

    def test_names_in_any_script(self, tmp_path: Path) -> None:
        names = ("Pfötchen", "鼻", "tail (base)_x")
        poses = Poses2D(names, np.ones((4, 3, 2)), np.ones((4, 3)), "größe")
        write_poses_2d(tmp_path / "a.h5", poses)
        _assert_same(read_poses_2d(tmp_path / "a.h5"), poses)
        assert tuple(pd.read_hdf(tmp_path / "a.h5").columns.levels[1]) == tuple(sorted(names))


class TestUnusableFiles:
    def test_missing_empty_or_text(self, tmp_path: Path) -> None:
        with pytest.raises(FileAccessError, match=r"a\.h5: there is no such file"):
            read_poses_2d(tmp_path / "a.h5")
        path = tmp_path / "notes.h5"
        path.write_text("hello, world\n")
        with pytest.raises(FileFormatError) as caught:
            read_poses_2d(path)
        assert str(caught.value) == (
            f"{path} is not a file of 2D poses. It begins with 'hello, world'; expected 2D poses: "
            "DeepLabCut .h5 or .csv, Lightning Pose .csv, SLEAP .analysis.h5 or .slp"
        )

    def test_another_hdf5_file(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["weights"], file["bias"] = [1.0], [2.0]
        with pytest.raises(
            FileFormatError, match=r"a\.h5 is an HDF5 file that holds bias, weights; expected 2D"
        ):
            read_poses_2d(tmp_path / "a.h5")

    def test_another_table(self, tmp_path: Path) -> None:
        path = _write_hdf(pd.DataFrame({"time": [1.0], "speed": [2.0]}), tmp_path / "a.h5")
        with pytest.raises(
            FileFormatError, match=r"a table with the columns time, speed; expected columns named"
        ):
            read_poses_2d(path)

    def test_keypoint_without_y(self, tmp_path: Path) -> None:
        _frame(["net"], ["nose", "tail"], ["x", "z", "likelihood"]).to_csv(tmp_path / "a.csv")
        with pytest.raises(
            FileFormatError, match="the keypoint nose has the columns x, likelihood; expected x"
        ):
            read_poses_2d(tmp_path / "a.csv")

    def test_several_scorers(self, tmp_path: Path) -> None:
        _frame(["one", "two"], ["nose"], ["x", "y", "likelihood"]).to_csv(tmp_path / "a.csv")
        with pytest.raises(FileFormatError, match=r"several scorers \(one, two\); expected one"):
            read_poses_2d(tmp_path / "a.csv")

    @pytest.mark.parametrize(
        ("index", "message"),
        [
            ([3, 1], "the rows are numbered 3 to 1, and not by frame numbers that increase"),
            ([0, 0], "the rows are numbered 0 to 0, and not by frame numbers that increase"),
            ([0, 10**9], "the 2 rows are numbered up to 1000000000; these are not frame numbers"),
        ],
    )
    def test_rows_that_are_not_frames(self, tmp_path: Path, index: list[int], message: str) -> None:
        with pytest.raises(FileFormatError, match=message):
            read_poses_2d(_write_hdf(_deeplabcut(index=index), tmp_path / "a.h5"))

    def test_nothing_in_a_file_is_executed(self, tmp_path: Path) -> None:
        class Malicious:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return Path.touch, (tmp_path / "executed",)  # type: ignore[return-value]

        path = tmp_path / "a.h5"
        write_poses_2d(path, POSES)
        with h5py.File(path, "r+") as file:
            file["df_with_missing"].attrs["info"] = np.bytes_(pickle.dumps(Malicious(), protocol=0))
        with pytest.raises(FileFormatError) as caught:
            read_poses_2d(path)
        assert str(caught.value) == (
            f"{path}: the table df_with_missing cannot be read, because the column names hold an object "
            "of the type __builtin__.getattr; expected a table as DeepLabCut writes it"
        )
        assert not (tmp_path / "executed").exists()

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_damaged_files_give_no_traceback(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        folder = tmp_path_factory.mktemp("damaged")
        path = folder / "a.h5"
        if data.draw(st.booleans()):
            write_poses_2d(path, POSES)
        else:
            _deeplabcut().to_csv(path)
        content = bytearray(path.read_bytes())
        if data.draw(st.booleans()):
            content = content[: data.draw(st.integers(0, len(content) - 1))]
        else:
            for _ in range(data.draw(st.integers(1, 8))):
                content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        with contextlib.suppress(AniposeError):  # a damaged number cannot be noticed
            read_poses_2d(path)
