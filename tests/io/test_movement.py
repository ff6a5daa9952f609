"""The companion of the 3D poses has the schema of movement."""

import importlib.util
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anipose.errors import DependencyError
from anipose.io import movement
from anipose.poses import UNNAMED, Frame3D, Poses3D

xr = pytest.importorskip("xarray")
pytest.importorskip("netCDF4")

POSES = Poses3D(
    ("nose", "tail"),
    np.arange(18.0).reshape(3, 2, 3),
    errors=np.full((3, 2), 1.5),
    n_cameras=np.full((3, 2), 2.0),
    scores=np.full((3, 2), 0.9),
    frame=Frame3D(np.diag([1.0, -1, -1]), np.array([1.0, 2, 3])),
    frame_numbers=np.array([10, 11, 12]),
)
USED = np.array([[[1, 1]] * 3, [[0, 1]] * 3, [[1, 0]] * 3], dtype=bool)


def _write(path: Path, fps: float | None = 100.0) -> Path:
    animals = {UNNAMED: movement.Described3D(POSES, USED)}
    movement.write_animals_companion(path, animals, fps=fps, unit="mm", cameras=["A", "B", "C"])
    return path


def test_variables_and_attributes(tmp_path: Path) -> None:
    with xr.open_dataset(_write(tmp_path / "trial.nc")) as found:
        assert found.position.dims == ("time", "space", "keypoints", "individuals")
        assert found.position.sel(keypoints="tail", space="z").values.ravel().tolist() == [5, 11, 17]
        assert found.confidence.dims == ("time", "keypoints", "individuals")
        assert found.time.values.tolist() == [0.1, 0.11, 0.12]
        assert found.cameras_used.sel(camera="B", keypoints="nose").values.tolist() == [0, 0, 0]
        assert found.n_cameras.values.tolist() == [[2, 2]] * 3
        assert found.position.attrs["units"] == "mm"
        assert found.frame_rotation.values.tolist() == [[1, 0, 0], [0, -1, 0], [0, 0, -1]]
        assert found.frame_center.values.tolist() == [1, 2, 3]
        expected = {"ds_type": "poses", "source_software": "Anipose", "time_unit": "seconds", "fps": 100.0}
        assert expected.items() <= found.attrs.items()
        assert found.attrs["source_file"] == "trial.csv"


def test_several_animals(tmp_path: Path) -> None:
    """Berta has no tail, and a collar."""
    points = np.arange(18.0).reshape(3, 2, 3) + 100
    berta = replace(POSES, keypoints=("collar", "nose"), points=points)
    covariances = np.broadcast_to(np.eye(3), (3, 2, 3, 3))
    animals = {
        name: movement.Described3D(poses, USED, covariances)
        for name, poses in (("anna", POSES), ("berta", berta))
    }
    path = tmp_path / "trial.nc"
    movement.write_animals_companion(path, animals, fps=None, unit="mm", cameras=["A", "B", "C"])
    with xr.open_dataset(path) as found:
        assert found.individuals.values.tolist() == ["anna", "berta"]
        assert found.keypoints.values.tolist() == ["nose", "tail", "collar"]
        assert found.position.dims == ("time", "space", "keypoints", "individuals")
        nose = found.position.sel(individuals="berta", keypoints="nose", space="x")
        assert nose.values.tolist() == [103, 109, 115]
        assert found.position.sel(individuals="berta", keypoints="tail").isnull().all()
        assert found.position.sel(individuals="anna", keypoints="collar").isnull().all()
        used = found.cameras_used.sel(camera="B", individuals="berta")
        assert used.sel(keypoints="collar").values.tolist() == [0, 0, 0]
        assert used.sel(keypoints="nose").values.tolist() == [1, 1, 1]
        assert found.position_covariance.sel(keypoints="nose", individuals="anna").dims == (
            "time",
            "space",
            "space_other",
        )
        assert found.frame_rotation.dims == ("space", "world_axis")


def test_time_counts_frames_without_fps(tmp_path: Path) -> None:
    with xr.open_dataset(_write(tmp_path / "trial.nc", fps=None)) as found:
        assert found.time.values.tolist() == [10, 11, 12]
        assert found.attrs["time_unit"] == "frames"
        assert "fps" not in found.attrs


def test_same_poses_give_the_same_bytes(tmp_path: Path) -> None:
    first = _write(tmp_path / "trial.nc").read_bytes()
    time.sleep(1.1)  # HDF5 counts time in seconds
    assert _write(tmp_path / "trial.nc").read_bytes() == first


def test_missing_package_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(movement, "find_spec", lambda name: None if name == "netCDF4" else found(name))
    with pytest.raises(DependencyError) as caught:
        _write(tmp_path / "trial.nc")
    assert str(caught.value) == (
        f"{tmp_path / 'trial.nc'} cannot be written without xarray and netCDF4; install them with "
        "pip install 'anipose[netcdf]'"
    )
