"""Experiments with several animals, from the trackers' files to reports and videos."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from anipose.arrays import NDArray
from anipose.draw.panes import Style
from anipose.individuals import by_projection
from anipose.io.calibration import read_calibration
from anipose.io.labels import read_labels, write_labels
from anipose.io.poses_2d import read_animals_2d, write_animals_2d
from anipose.io.poses_3d import read_animals_3d, write_animals_3d
from anipose.io.tables import read_angles, write_animal_angles
from anipose.io.video import probe
from anipose.io.video_writer import VideoWriter
from anipose.poses import Frame3D, Poses2D, Poses3D
from herds import KEYPOINTS, NAMES, Herd, make_herd
from projects import CONFIG, anipose

LINES = '[labeling]\nscheme = [["hip", "knee", "foot", "toe"]]\n'
EVERYTHING = f"{CONFIG}\n[filter]\nenabled = true\n[filter3d]\nenabled = true\n{LINES}"


def _run(root: Path, *words: str) -> str:
    process = anipose(root, *words, "--jobs", "1")
    assert process.returncode == 0, process.stdout
    return process.stdout


def _errors(herd: Herd, folder: str = "pose-3d") -> dict[str, NDArray[np.float64]]:
    """Distances (frame, keypoint) from the truth, in mm; the first camera has the names of the truth."""
    found = read_animals_3d(herd.root / "session1" / folder / "t.csv")
    return {
        name: np.linalg.norm(
            poses.frame.to_world(poses.points) - herd.truth[:, NAMES.index(name), : len(poses.keypoints)],
            axis=-1,
        )
        for name, poses in found.items()
    }


@pytest.fixture(scope="module")
def herd(tmp_path_factory: pytest.TempPathFactory) -> Herd:
    """Two animals with filters, angles, and every table."""
    made = make_herd(tmp_path_factory.mktemp("herd") / "h", config=EVERYTHING, n_frames=60)
    _run(made.root, "run-data")
    _run(made.root, "project-2d")
    _run(made.root, "summarize")
    return made


@pytest.mark.parametrize("n_animals", [2, 3])
def test_every_animal_gets_its_own_track(tmp_path: Path, n_animals: int) -> None:
    """0.5 px are 0.3 mm at 600 mm with a focal length of 1100 px; legs are 15 mm or more apart."""
    made = make_herd(tmp_path / "h", n_animals=n_animals)
    _run(made.root, "triangulate")
    errors = _errors(made)
    assert list(errors) == list(NAMES[:n_animals])
    for name in errors:
        assert np.mean(errors[name] < 3) > 0.995
        assert np.nanmean(errors[name]) < 0.6


def test_layout_of_the_table(herd: Herd) -> None:
    table = pd.read_csv(herd.root / "session1" / "pose-3d" / "t.csv", header=[0, 1])
    anna = table["anna"]
    assert list(anna.columns[:6]) == [f"hip_{part}" for part in ("x", "y", "z", "error", "ncams", "score")]
    assert list(anna.columns[-2:]) == ["center_2", "fnum"]
    assert anna["fnum"].tolist() == list(range(60))
    assert table["berta"]["M_00"].equals(anna["M_00"])


def test_the_table_of_one_animal_is_that_of_a_file_of_its_own(herd: Herd, tmp_path: Path) -> None:
    path = herd.root / "session1" / "pose-3d" / "t.csv"
    pd.read_csv(path, header=[0, 1], float_precision="round_trip")["berta"].to_csv(
        tmp_path / "berta.csv", index=False
    )
    (alone,) = read_animals_3d(tmp_path / "berta.csv").values()
    np.testing.assert_array_equal(alone.points, read_animals_3d(path)["berta"].points)


def test_filters_work_on_each_animal(herd: Herd) -> None:
    filtered = read_animals_2d(herd.root / "session1" / "pose-2d-filtered" / "t-cam0.h5")
    assert list(filtered) == ["anna", "berta"]
    changes = json.loads((herd.root / "session1" / "pose-2d-filtered" / "t-cam0.changes.json").read_text())
    assert "berta knee" in json.dumps(changes)
    for values in _errors(herd, "pose-3d-filtered").values():
        assert np.nanmedian(values) < 1


def test_angles_of_each_animal(herd: Herd) -> None:
    angles, frames = read_angles(herd.root / "session1" / "angles" / "t.csv")
    assert list(angles) == ["anna knee", "berta knee"]
    assert len(frames) == 60
    assert np.nanmedian(angles["anna knee"]) == pytest.approx(90, abs=1)


def test_companions_have_a_dimension_of_individuals(herd: Herd) -> None:
    xr = pytest.importorskip("xarray")
    pytest.importorskip("netCDF4")
    with xr.open_dataset(herd.root / "session1" / "pose-3d" / "t.nc") as data:
        assert data.position.dims == ("time", "space", "keypoints", "individuals")
        assert data.individuals.values.tolist() == ["anna", "berta"]
        assert data.position_covariance.sizes["individuals"] == 2


def test_projections_of_each_animal(herd: Herd) -> None:
    projected = read_animals_2d(herd.root / "session1" / "pose-2d-proj" / "t-cam0.h5")
    assert list(projected) == ["anna", "berta"]
    tracked = read_animals_2d(herd.root / "session1" / "pose-2d" / "t-cam0.h5")
    distance = np.linalg.norm(projected["anna"].points - tracked["anna"].points, axis=-1)
    assert np.nanmedian(distance) < 1


def test_summaries(herd: Herd) -> None:
    summaries = herd.root / "summaries"
    table = pd.read_csv(summaries / "pose_3d.csv", header=[0, 1])
    assert {"anna", "berta", "folder_1", "project"} <= set(table.columns.get_level_values(0))
    angles = pd.read_csv(summaries / "angles.csv", header=[0, 1])
    assert list(angles.columns[:4]) == [(name, part) for name in NAMES[:2] for part in ("knee", "fnum")]
    points = pd.read_hdf(summaries / "pose_2d.h5")
    assert list(points.columns.names) == ["individuals", "bodyparts", "coords"]
    errors = pd.read_csv(summaries / "errors.csv")
    assert set(errors["keypoint"]) == {f"{name} {point}" for name in NAMES[:2] for point in KEYPOINTS}
    assert errors["reprojection_median_px"].max() < 1.5


def test_tracking_errors_of_each_animal(herd: Herd) -> None:
    """Labels of frame 30, where the animals meet, and of frame 12; their order differs from view to view.

    Anna's foot is labelled 5 mm from where it is in frame 12.
    """
    frames = [12, 30]
    labelled = herd.truth[frames].copy()
    labelled[0, 0, KEYPOINTS.index("foot"), 2] += 5
    for number, camera in enumerate(read_calibration(herd.root / "calibration" / "calibration.toml")):
        pixels = camera.project(labelled)
        if number == 1:
            pixels = pixels[:, ::-1]
        animals = {
            name: Poses2D(KEYPOINTS, pixels[:, place], np.ones((2, 4)), "somebody")
            for place, name in enumerate(("one", "two"))
        }
        folder = herd.root / "frames-to-label" / "labeled-data" / f"session1-t-{camera.name}"
        images = [f"img{frame}.png" for frame in frames]
        write_labels(folder / "CollectedData_somebody.h5", folder.name, images, animals)
    _run(herd.root, "tracking-errors")
    table = pd.read_csv(herd.root / "summaries" / "tracking_errors.csv")
    found = table.set_index(["fnum", "name"])["error"]
    names = [f"{name} {point}" for name in NAMES[:2] for point in (*KEYPOINTS, "knee")]
    assert sorted(name for _, name in found.index) == sorted(2 * names)
    points = table[table["kind"] == "keypoint"].set_index(["fnum", "name"])["error"]
    assert points[12, "anna foot"] == pytest.approx(5, abs=1)
    assert points.drop((12, "anna foot")).max() < 3


def test_frames_to_label_have_all_animals(tmp_path: Path) -> None:
    """A knee is 60 px off in one frame of the second camera."""
    made = make_herd(tmp_path / "h", n_frames=30, confused=0.0)
    folder = made.root / "session1" / "pose-2d"
    wrong = read_animals_2d(folder / "t-cam1.h5")
    wrong["anna"].points[12, KEYPOINTS.index("knee")] += 60
    write_animals_2d(folder / "t-cam1.h5", wrong)
    for path in sorted(folder.glob("*.h5")):
        with VideoWriter(made.root / "session1" / "videos-raw" / f"{path.stem}.mp4", 30, (64, 48)) as writer:
            for _ in range(30):
                writer.write(np.zeros((48, 64, 3), np.uint8))
    _run(made.root, "triangulate", "--set", "triangulation.ransac=false")
    _run(
        made.root,
        "extract-frames",
        "--set",
        'extraction.by="reprojection-error"',
        "--set",
        "extraction.frames=1",
    )
    for camera in ("cam0", "cam1", "cam2"):
        chosen = made.root / "frames-to-label" / "labeled-data" / f"session1-t-{camera}"
        assert [path.name for path in chosen.glob("*.png")] == ["img12.png"]
        labels = read_labels(chosen / "machinelabels-iter0.h5")
        tracked = read_animals_2d(folder / f"t-{camera}.h5")
        assert list(labels.animals) == list(tracked) == ["anna", "berta"]
        for name, poses in tracked.items():
            np.testing.assert_array_equal(labels.animals[name].points[0], poses.points[12])
        table = pd.read_csv(chosen / "machinelabels-iter0.csv", header=[0, 1, 2, 3], index_col=0)
        assert list(table.columns.names) == ["scorer", "individuals", "bodyparts", "coords"]


def test_autoencoder_learns_from_all_animals_and_serves_each(tmp_path: Path) -> None:
    """12 images of two animals are 24 poses, more than the 20 that are needed.

    All keypoints are always labelled; so a hip with a low score is believed more, of either animal.
    """
    made = make_herd(tmp_path / "h", n_frames=30, confused=0.0, corner=True)
    labels = Poses2D(KEYPOINTS, np.ones((12, 4, 2)), np.ones((12, 4)), "somebody")
    corner = Poses2D(("corner",), np.ones((12, 1, 2)), np.ones((12, 1)), "somebody")
    write_labels(
        made.root / "network" / "labeled-data" / "v" / "CollectedData_somebody.h5",
        "v",
        [f"img{number:02d}.png" for number in range(12)],
        {"anna": labels, "berta": labels, "single": corner},
    )
    enabled = 'model_folder = "network"\n' + CONFIG + "\n[filter]\nenabled = true\ntype = ['autoencoder']\n"
    (made.root / "config.toml").write_text(enabled)
    path = made.root / "session1" / "pose-2d" / "t-cam0.h5"
    animals = read_animals_2d(path)
    animals["berta"].scores[4, 0] = 0.2
    write_animals_2d(path, animals)
    _run(made.root, "filter")
    filtered = read_animals_2d(made.root / "session1" / "pose-2d-filtered" / "t-cam0.h5")
    assert filtered["berta"].scores[4, 0] > 0.4
    np.testing.assert_array_equal(filtered["single"].scores, animals["single"].scores)


def test_report(herd: Herd) -> None:
    found = json.loads((herd.root / "session1" / "pose-3d" / "report.json").read_text())
    assert found["trials"] == ["t, anna", "t, berta"]
    assert found["error_px"]["all"] < 1.5
    assert found["limbs"]["berta foot - toe"]["variation_percent"] < 5


def test_mixed_summaries(tmp_path: Path) -> None:
    """One trial has one animal, another has two."""
    made = make_herd(tmp_path / "h", n_frames=30)
    folder = made.root / "session1" / "pose-2d"
    for path in sorted(folder.glob("t-*.h5")):
        alone = read_animals_2d(path)["anna"]
        write_animals_2d(folder / path.name.replace("t-", "u-"), {"": alone})
    _run(made.root, "run-data")
    table = pd.read_csv(made.root / "summaries" / "pose_3d.csv", header=[0, 1])
    names = table.columns.get_level_values(0)
    assert {"anna", "berta"} <= set(names)
    of_trial = table[("filename", table["filename"].columns[0])]
    assert table["anna"]["fnum"].notna().equals(of_trial == "t")


def test_corners_that_are_there_but_once(tmp_path: Path) -> None:
    """DeepLabCut's "single": known in every camera, and never confused."""
    made = make_herd(tmp_path / "h", corner=True, n_frames=40)
    _run(made.root, "run-data")
    found = read_animals_3d(made.root / "session1" / "pose-3d" / "t.csv")
    assert list(found) == ["anna", "berta", "single"]
    corner = found["single"].frame.to_world(found["single"].points)[:, 0]
    np.testing.assert_allclose(corner, np.tile([100, 100, 0], (40, 1)), atol=1e-6)
    angles, _ = read_angles(made.root / "session1" / "angles" / "t.csv")
    assert list(angles) == ["anna knee", "berta knee"]


def test_smooth_trajectories(tmp_path: Path) -> None:
    settings = 'optim = true\nconstraints = [["hip", "knee"], ["foot", "toe"]]\n[angles]'
    made = make_herd(tmp_path / "h", config=CONFIG.replace("[angles]", settings), n_frames=60)
    _run(made.root, "triangulate")
    for values in _errors(made).values():
        assert np.nanmean(values) < 0.6


def test_sleap_tracks_of_other_names_in_each_camera(tmp_path: Path) -> None:
    """A track is lost and found again under another name; names are those of the first camera."""
    made = make_herd(tmp_path / "h", confused=0.0, n_frames=60)
    for number, path in enumerate(sorted((made.root / "session1" / "pose-2d").glob("*.h5"))):
        one, two = (poses.points for poses in read_animals_2d(path).values())
        nothing = np.full_like(one, np.nan)
        half = np.where((np.arange(60) < 30 + number)[:, None, None], one, nothing)
        rest = np.where(np.isnan(half), one, nothing)
        with h5py.File(path, "w") as file:
            file["tracks"] = np.stack([half, two, rest]).transpose(0, 3, 2, 1)
            file["node_names"] = list(KEYPOINTS)
            file["track_names"] = [f"track_{n}{number}" for n in range(3)]
    _run(made.root, "triangulate")
    found = read_animals_3d(made.root / "session1" / "pose-3d" / "t.csv")
    assert list(found) == ["track_00", "track_10"]
    for place, poses in enumerate(found.values()):
        distance = np.linalg.norm(poses.frame.to_world(poses.points) - made.truth[:, place], axis=-1)
        assert distance.max() < 3


def test_each_animal_has_a_colour() -> None:
    style = Style([["hip", "knee"]], [(1, 1, 1), (2, 2, 2)], ignore=["toe"], animals=["anna", "berta"])
    keypoints = ["anna hip", "anna knee", "anna toe", "anna ear", "berta hip", "berta knee"]
    skeleton = style.skeleton(keypoints)
    assert skeleton.point_colours == (*[(1, 1, 1)] * 4, *[(2, 2, 2)] * 2)
    assert skeleton.bones == [(0, 1, (1, 1, 1)), (4, 5, (2, 2, 2))]
    assert style.shown(keypoints) == [0, 1, 3, 4, 5]
    assert style.entries(keypoints) == [("anna", (1, 1, 1)), ("berta", (2, 2, 2))]


def test_videos(herd: Herd) -> None:
    for command in ("label-2d-proj", "label-3d", "label-combined"):
        _run(herd.root, command, "--set", "labeling.end=4")
    for name in ("videos-2d-proj/t-cam0", "videos-3d/t", "videos-combined/t"):
        assert probe(herd.root / "session1" / f"{name}.mp4").n_frames > 0


def test_views_get_the_names_of_space(herd: Herd) -> None:
    """In the second camera anna is called berta, and now and then not."""
    session = herd.root / "session1"
    (camera,) = read_calibration(herd.root / "calibration" / "calibration.toml").subset(["cam1"])
    tracked = read_animals_2d(session / "pose-2d" / "t-cam1.h5")
    named = by_projection(tracked, read_animals_3d(session / "pose-3d" / "t.csv"), camera, threshold_px=5)
    for name, poses in named.items():
        true = camera.project(herd.truth[:, NAMES.index(name)])
        assert np.linalg.norm(poses.points - true, axis=-1).max() < 5


def test_files_of_one_animal_are_as_ever(tmp_path: Path) -> None:
    """The bytes of version 2.0.0.dev0 before it knew several animals."""
    points = np.arange(12.0).reshape(2, 2, 3) / 7
    ones = np.ones((2, 2))
    poses = Poses3D(("nose", "a_x"), points, ones, 2 * ones, 0.5 * ones, Frame3D(), np.arange(2))
    write_animals_3d(tmp_path / "t.csv", {"": poses})
    write_animal_angles(tmp_path / "a.csv", {"": {"knee": np.array([90.0, np.nan])}}, np.arange(2))
    assert (tmp_path / "a.csv").read_bytes() == b"knee,fnum\n90.0,0\n,1\n"
    assert (tmp_path / "t.csv").read_bytes() == (
        b"nose_x,nose_y,nose_z,nose_error,nose_ncams,nose_score,a_x_x,a_x_y,a_x_z,a_x_error,a_x_ncams,a_x_score,"
        b"M_00,M_01,M_02,M_10,M_11,M_12,M_20,M_21,M_22,center_0,center_1,center_2,fnum\n"
        b"0.0,0.14285714285714285,0.2857142857142857,1.0,2.0,0.5,"
        b"0.42857142857142855,0.5714285714285714,0.7142857142857143,1.0,2.0,0.5,"
        b"1.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0\n"
        b"0.8571428571428571,1.0,1.1428571428571428,1.0,2.0,0.5,"
        b"1.2857142857142858,1.4285714285714286,1.5714285714285714,1.0,2.0,0.5,"
        b"1.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,1\n"
    )
    flat = Poses2D(("nose",), points[:, :1, :2], ones[:, :1], "net")
    write_animals_2d(tmp_path / "t.h5", {"": flat})
    table = pd.read_hdf(tmp_path / "t.h5")
    assert list(table.columns.names) == ["scorer", "bodyparts", "coords"]
    (alone,) = read_animals_2d(tmp_path / "t.h5").items()
    assert alone[0] == ""


class TestBadInput:
    def test_a_camera_that_tracks_one_animal_only(self, tmp_path: Path) -> None:
        made = make_herd(tmp_path / "h", confused=0.0, n_frames=40)
        path = made.root / "session1" / "pose-2d" / "t-cam1.h5"
        write_animals_2d(path, {"": read_animals_2d(path)["anna"]})
        _run(made.root, "run-data")
        assert list(_errors(made)) == ["anna", "berta"]
        assert max(np.nanmedian(values) for values in _errors(made).values()) < 1

    def test_other_names_and_numbers_of_animals(self, tmp_path: Path) -> None:
        """The third camera has a third, empty animal and calls them otherwise."""
        made = make_herd(tmp_path / "h", confused=0.0, n_frames=40)
        path = made.root / "session1" / "pose-2d" / "t-cam2.h5"
        dora, emma = read_animals_2d(path).values()
        ghost = type(dora)(KEYPOINTS, np.full_like(dora.points, np.nan), np.full_like(dora.scores, np.nan))
        write_animals_2d(path, {"ghost": ghost, "dora": dora, "emma": emma})
        _run(made.root, "triangulate")
        errors = _errors(made)
        assert list(errors) == ["anna", "berta"]
        assert max(np.nanmedian(values) for values in errors.values()) < 1

    @pytest.mark.parametrize("kept", [0, 1])
    def test_nothing_or_one_view_only(self, tmp_path: Path, kept: int) -> None:
        made = make_herd(tmp_path / "h", n_frames=20)
        for path in sorted((made.root / "session1" / "pose-2d").glob("*.h5"))[kept:]:
            animals = read_animals_2d(path)
            for poses in animals.values():
                poses.points[:], poses.scores[:] = np.nan, np.nan
            write_animals_2d(path, animals)
        output = _run(made.root, "run-data")
        assert "no keypoint is seen by two cameras" in output
        assert all(np.isnan(values).all() for values in _errors(made).values())

    def test_keypoints_that_no_animal_has(self, tmp_path: Path) -> None:
        made = make_herd(
            tmp_path / "h", config=CONFIG.replace('"knee", "foot"]', '"knee", "paw"]'), n_frames=20
        )
        process = anipose(made.root, "run-data", "--jobs", "1")
        assert process.returncode == 1
        assert "paw" in process.stdout
        assert "Traceback" not in process.stdout

    def test_other_keypoints_in_each_camera(self, tmp_path: Path) -> None:
        made = make_herd(tmp_path / "h", confused=0.0, n_frames=20)
        path = made.root / "session1" / "pose-2d" / "t-cam0.h5"
        animals = {
            name: type(poses)(("toe_left",), poses.points[:, 3:], poses.scores[:, 3:])
            for name, poses in read_animals_2d(path).items()
        }
        write_animals_2d(path, animals)
        assert "toe_left" in _run(made.root, "triangulate")
