"""Angles are read back exactly; summaries are what pandas makes of the parts."""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anipose.errors import DependencyError, FileFormatError
from anipose.io import tables
from anipose.io.poses_2d import write_poses_2d
from anipose.io.tables import SummaryPart, read_angles, write_animal_angles, write_summary
from anipose.poses import UNNAMED, Poses2D

NAN = np.nan


class TestAngles:
    def test_are_read_back_exactly(self, tmp_path: Path) -> None:
        angles = {"knee": np.array([90.0, 1 / 3, NAN]), "M_00": np.array([0.0, -180, 1e-20])}
        write_animal_angles(tmp_path / "a.csv", {UNNAMED: angles}, np.array([5, 6, 7]))
        found, frames = read_angles(tmp_path / "a.csv")
        assert list(found) == ["knee", "M_00"]
        for name, values in angles.items():
            np.testing.assert_array_equal(found[name], values)
        assert frames.tolist() == [5, 6, 7]

    def test_layout(self, tmp_path: Path) -> None:
        angles = {UNNAMED: {"knee": np.array([90.0, NAN])}}
        write_animal_angles(tmp_path / "a.csv", angles, np.array([0, 1]))
        assert (tmp_path / "a.csv").read_bytes() == b"knee,fnum\n90.0,0\n,1\n"

    def test_another_table(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("time,knee\n0,90\n")
        with pytest.raises(FileFormatError, match=r"a\.csv is not a file of angles: it has no column fnum"):
            read_angles(tmp_path / "a.csv")


class TestSummaryOfCsv:
    @staticmethod
    def _parts(folder: Path) -> list[SummaryPart]:
        (folder / "one.csv").write_text("knee,fnum\n90.0,0\n,1\n")
        (folder / "two.csv").write_text("elbow,knee,fnum\n0.1,80.5,3\n")
        return [
            SummaryPart(folder / "one.csv", ("mouse 1", "day, 2"), "trial"),
            SummaryPart(folder / "two.csv", ("mäuse",), "trial_2"),
        ]

    def test_columns_and_rows(self, tmp_path: Path) -> None:
        write_summary(
            self._parts(tmp_path), "feet", csv=tmp_path / "s" / "angles.csv", parquet=None, hdf5=None
        )
        assert (tmp_path / "s" / "angles.csv").read_text() == (
            "knee,fnum,elbow,folder_1,folder_2,filename,project\n"
            '90.0,0,,mouse 1,"day, 2",trial,feet\n'
            ',1,,mouse 1,"day, 2",trial,feet\n'
            "80.5,3,0.1,mäuse,,trial_2,feet\n"
        )

    def test_experiment_without_folders(self, tmp_path: Path) -> None:
        self._parts(tmp_path)
        part = SummaryPart(tmp_path / "one.csv", (), "trial")
        write_summary([part], "feet", csv=tmp_path / "s.csv", parquet=None, hdf5=None)
        assert (tmp_path / "s.csv").read_text().splitlines()[0] == "knee,fnum,filename,project"

    def test_parquet_holds_the_same(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        csv, parquet = tmp_path / "s.csv", tmp_path / "s.parquet"
        write_summary(self._parts(tmp_path), "feet", csv=csv, parquet=parquet, hdf5=None)
        found = pd.read_parquet(parquet)
        assert found["fnum"].dtype == np.int64
        expected = pd.read_csv(csv, keep_default_na=False, na_values={"knee": "", "elbow": ""})
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)

    def test_parquet_needs_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tables, "find_spec", lambda name: None)
        with pytest.raises(DependencyError) as caught:
            write_summary(
                self._parts(tmp_path), "", csv=tmp_path / "s.csv", parquet=tmp_path / "s.parquet", hdf5=None
            )
        assert str(caught.value) == (
            f"{tmp_path / 's.parquet'} cannot be written without pyarrow; install it with "
            "pip install 'anipose[parquet]'"
        )
        assert not (tmp_path / "s.csv").exists()

    def test_damaged_part_is_named_and_leaves_the_old_summary(self, tmp_path: Path) -> None:
        parts = self._parts(tmp_path)
        (tmp_path / "s.csv").write_text("old")
        (tmp_path / "two.csv").write_text("elbow,knee,fnum\n0.1,80.5\n")
        with pytest.raises(FileFormatError, match=r"two\.csv: the first row has 2 cells instead of 3"):
            write_summary(parts, "feet", csv=tmp_path / "s.csv", parquet=None, hdf5=None)
        assert (tmp_path / "s.csv").read_text() == "old"
        assert len(list(tmp_path.iterdir())) == 3

    def test_column_with_a_name_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "one.csv").write_text("project,fnum\n90.0,0\n")
        with pytest.raises(
            FileFormatError, match=r"s\.csv cannot be made: the tables have columns named project"
        ):
            write_summary(
                [SummaryPart(tmp_path / "one.csv", (), "one")],
                "",
                csv=tmp_path / "s.csv",
                parquet=None,
                hdf5=None,
            )

    @pytest.mark.skipif(sys.platform != "linux", reason="reads the memory from /proc")
    def test_memory_does_not_grow_with_the_number_of_parts(self, tmp_path: Path) -> None:
        resource = pytest.importorskip("resource")
        rows = "\n".join(",".join(["0.123456789"] * 20) for _ in range(5000))
        (tmp_path / "one.csv").write_text(",".join(f"c{number}" for number in range(20)) + "\n" + rows + "\n")
        parts = [SummaryPart(tmp_path / "one.csv", ("a",), f"trial{number}") for number in range(30)]
        write_summary(parts[:2], "p", csv=tmp_path / "s.csv", parquet=None, hdf5=None)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        write_summary(parts, "p", csv=tmp_path / "s.csv", parquet=None, hdf5=None)
        assert (tmp_path / "s.csv").stat().st_size > 30e6
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000  # KiB


class TestSummaryOfPoses2D:
    @staticmethod
    def _parts(folder: Path) -> list[SummaryPart]:
        points = np.array([[[1.0, 2], [3, 4]], [[5, 6], [NAN, NAN]]])
        scores = np.array([[0.9, 0.8], [0.7, NAN]])
        write_poses_2d(folder / "a.h5", Poses2D(("nose", "tail"), points, scores, "net 1"))
        write_poses_2d(folder / "b.h5", Poses2D(("tail", "nose"), points, scores, "net 2"))
        return [
            SummaryPart(folder / "a.h5", ("day1", "ä"), "trial_camA"),
            SummaryPart(folder / "b.h5", ("day2", "b"), "trial_camB"),
        ]

    def _expected(self, folder: Path) -> pd.DataFrame:
        """What the old program made, for files whose columns are in the same order."""
        frames = []
        for part in self._parts(folder):
            frame = pd.read_hdf(part.path)
            frame = frame[frame.columns.levels[0][0]]
            frame[("folder_1", "")], frame[("folder_2", "")] = part.folders
            frame[("filename", "")] = part.filename
            frames.append(frame)
        joined = pd.concat(frames)
        joined[("project", "")] = "p"
        return joined

    def test_is_what_the_old_program_made(self, tmp_path: Path) -> None:
        (tmp_path / "parts").mkdir()
        expected = self._expected(tmp_path / "parts")
        csv, hdf5 = tmp_path / "pose_2d.csv", tmp_path / "pose_2d.h5"
        write_summary(self._parts(tmp_path / "parts"), "p", csv=csv, parquet=None, hdf5=hdf5)
        found = pd.read_hdf(hdf5, key="df_with_missing")
        assert found.columns.names == ["bodyparts", "coords"]
        pd.testing.assert_frame_equal(found, expected, check_column_type=False, check_dtype=False)
        assert csv.read_text() == expected.to_csv(index=False)

    def test_same_parts_give_the_same_bytes(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        (tmp_path / "parts").mkdir()
        for folder in ("first", "second"):
            write_summary(
                self._parts(tmp_path / "parts"),
                "p",
                csv=tmp_path / folder / "s.csv",
                parquet=tmp_path / folder / "s.parquet",
                hdf5=tmp_path / folder / "s.h5",
            )
            time.sleep(1.1)  # HDF5 counts time in seconds
        for name in ("s.csv", "s.parquet", "s.h5"):
            assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
        assert list(pd.read_parquet(tmp_path / "first" / "s.parquet"))[:3] == [
            "nose_x",
            "nose_y",
            "nose_likelihood",
        ]

    def test_no_parts(self, tmp_path: Path) -> None:
        write_summary([], "p", csv=tmp_path / "s.csv", parquet=None, hdf5=None)
        assert (tmp_path / "s.csv").read_text() == "filename,project\n"
