"""From tracked points with known faults to tables of errors, frames to label, and a trained autoencoder."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from anipose.io.calibration import read_calibration
from anipose.io.labels import read_labels, write_labels
from anipose.io.poses_2d import read_poses_2d, write_poses_2d
from anipose.io.poses_3d import read_poses_3d
from anipose.io.video_writer import VideoWriter
from anipose.poses import Poses2D
from projects import KEYPOINTS, anipose, make_walk

BAD_FRAME = 12


def spoil(path: Path, frame: int = BAD_FRAME) -> None:
    """Move the foot by 60 px in one frame."""
    poses = read_poses_2d(path)
    poses.points[frame, KEYPOINTS.index("foot")] += 60
    path.unlink()
    write_poses_2d(path, poses)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_errors_are_told_per_view_and_keypoint_with_what_filters_changed(tmp_path: Path) -> None:
    make_walk(tmp_path)
    spoil(tmp_path / "session1" / "pose-2d" / "t-cam1.h5")
    with (tmp_path / "config.toml").open("a") as file:
        file.write('\n[filter]\nenabled = true\ntype = ["viterbi", "medfilt"]\nmedfilt = 5\n')

    for command in ("filter", "triangulate", "summarize-errors"):
        result = anipose(tmp_path, command, "--jobs", "1")
        assert result.returncode == 0, result.stdout

    changes = json.loads((tmp_path / "session1" / "pose-2d-filtered" / "t-cam1.changes.json").read_text())
    assert [c["moved"] + c["dropped"] for c in changes if c["keypoint"] == "foot"] == [1, 0]
    table = rows(tmp_path / "summaries" / "errors.csv")
    assert len(table) == 3 * len(KEYPOINTS)
    (foot,) = (row for row in table if row["camera"] == "cam1" and row["keypoint"] == "foot")
    assert (foot["folder_1"], foot["filename"], foot["project"]) == ("session1", "t", "walk")
    assert (foot["frames"], foot["tracked"], foot["mean_score"]) == ("30", "1", "0.95")
    assert float(foot["viterbi_replaced"]) == pytest.approx(1 / 30, rel=1e-4)
    assert float(foot["medfilt_replaced"]) == 0
    assert float(foot["reprojection_median_px"]) < 1e-3


def test_tracking_is_compared_with_labels_of_two_views(tmp_path: Path) -> None:
    """The points of one frame are labelled where they are; the tracked foot was 3 mm above it."""
    walk = make_walk(tmp_path)
    cameras = read_calibration(tmp_path / "calibration" / "calibration.toml")
    tracked = walk.truth.copy()
    tracked[7, KEYPOINTS.index("foot"), 2] += 3
    for camera in cameras:
        path = tmp_path / "session1" / "pose-2d" / f"t-{camera.name}.h5"
        path.unlink()
        points = camera.project(tracked)
        write_poses_2d(path, Poses2D(KEYPOINTS, points, np.full(points.shape[:2], 0.95)))
        labels = Poses2D(KEYPOINTS, camera.project(walk.truth[[7, 20]]), np.ones((2, 3)), "somebody")
        folder = tmp_path / "frames-to-label" / "labeled-data" / f"session1-t-{camera.name}"
        if camera.name != "cam0":
            images = ["img07.png", "img20.png"]
            write_labels(folder / "CollectedData_somebody.h5", folder.name, images, {"": labels})

    result = anipose(tmp_path, "run-data", "--jobs", "1")
    assert result.returncode == 0, result.stdout
    result = anipose(tmp_path, "tracking-errors", "--jobs", "1")
    assert result.returncode == 0, result.stdout

    table = rows(tmp_path / "summaries" / "tracking_errors.csv")
    found = {(row["fnum"], row["kind"], row["name"]): (float(row["error"]), row["unit"]) for row in table}
    assert len(found) == 2 * (len(KEYPOINTS) + 1)
    assert found["7", "keypoint", "foot"] == (pytest.approx(3, abs=1e-3), "mm")
    assert found["20", "keypoint", "foot"] == (pytest.approx(0, abs=1e-3), "mm")
    # The tibia is as long as before but for 3 mm, in the same direction.
    assert found["7", "angle", "knee"] == (pytest.approx(0, abs=0.1), "degrees")


def test_frames_to_label_are_pictures_with_the_tracked_points(tmp_path: Path) -> None:
    make_walk(tmp_path, n_frames=30)
    poses = tmp_path / "session1" / "pose-2d"
    spoil(poses / "t-cam1.h5")
    for path in poses.glob("*.h5"):
        with VideoWriter(tmp_path / "session1" / "videos-raw" / f"{path.stem}.mp4", 30, (64, 48)) as writer:
            for number in range(30):
                writer.write(np.full((48, 64, 3), 8 * number, np.uint8))
    assert anipose(tmp_path, "triangulate", "--set", "triangulation.ransac=false").returncode == 0

    only = ("--set", 'extraction.by="reprojection-error"', "--set", "extraction.frames=1")
    result = anipose(tmp_path, "extract-frames", "--jobs", "1", *only)
    assert result.returncode == 0, result.stdout

    (chosen,) = rows(tmp_path / "frames-to-label" / "chosen-frames.csv")
    assert (chosen["session"], chosen["trial"], chosen["frame"]) == ("session1", "t", str(BAD_FRAME))
    for camera in ("cam0", "cam1", "cam2"):
        folder = tmp_path / "frames-to-label" / "labeled-data" / f"session1-t-{camera}"
        tables = ["machinelabels-iter0.csv", "machinelabels-iter0.h5"]
        assert sorted(path.name for path in folder.iterdir()) == ["img12.png", *tables]
        tracked = read_poses_2d(poses / f"t-{camera}.h5")
        for table in tables:
            labels = read_labels(folder / table)
            assert labels.images == ("img12.png",)
            assert labels.frame_numbers == (BAD_FRAME,)
            np.testing.assert_array_equal(labels.animals[""].points[0], tracked.points[BAD_FRAME])

    marked = tmp_path / "frames-to-label" / "labeled-data" / "session1-t-cam0" / "img12.png"
    marked.write_bytes(b"edited by somebody")
    assert anipose(tmp_path, "extract-frames", "--force", *only).returncode == 0
    assert marked.read_bytes() == b"edited by somebody"


def test_autoencoder_is_trained_from_the_labels_of_the_model_folder_before_it_is_used(tmp_path: Path) -> None:
    """Hip and knee are always labelled; so a hip with a low score is believed more."""
    make_walk(tmp_path, n_frames=30)
    model = tmp_path / "network"
    labels = Poses2D(KEYPOINTS, np.ones((40, 3, 2)), np.ones((40, 3)), "somebody")
    images = [f"img{number:02d}.png" for number in range(40)]
    write_labels(model / "labeled-data" / "v" / "CollectedData_somebody.h5", "v", images, {"": labels})
    (tmp_path / "config.toml").write_text(
        'model_folder = "network"\n' + (tmp_path / "config.toml").read_text() + "\n[filter]\nenabled = true\n"
    )
    path = tmp_path / "session1" / "pose-2d" / "t-cam0.h5"
    poses = read_poses_2d(path)
    poses.scores[4, 0] = 0.2
    path.unlink()
    write_poses_2d(path, poses)

    use = ("--set", "filter.type=['autoencoder']")
    result = anipose(tmp_path, "filter", "--jobs", "1", *use)
    assert result.returncode == 0, result.stdout
    assert "train-autoencoder   autoencoders/autoencoder.npz" in result.stdout
    filtered = read_poses_2d(tmp_path / "session1" / "pose-2d-filtered" / "t-cam0.h5")
    assert filtered.scores[4, 0] > 0.4
    again = anipose(tmp_path, "filter", "--jobs", "1", *use)
    assert "done" not in again.stdout.splitlines()[-1], again.stdout

    few = Poses2D(KEYPOINTS, np.ones((3, 3, 2)), np.ones((3, 3)), "somebody")
    write_labels(model / "labeled-data" / "v" / "CollectedData_somebody.h5", "v", images[:3], {"": few})
    result = anipose(tmp_path, "train-autoencoder", "--jobs", "1", *use)
    assert result.returncode == 1
    assert "there are 3 labelled frames" in result.stdout
    assert "at least 20 are needed to train autoencoder.npz" in result.stdout


def test_keypoints_that_the_labels_do_not_place_are_named(tmp_path: Path) -> None:
    """Labels that are anywhere tell nothing, and labels in one place cannot be laid on each other."""
    make_walk(tmp_path)
    labelled = np.random.default_rng(0).uniform(0, 900, (40, 3, 2))
    images = [f"img{number:02d}.png" for number in range(40)]
    table = tmp_path / "network" / "labeled-data" / "v" / "CollectedData_somebody.h5"
    (tmp_path / "config.toml").write_text(
        'model_folder = "network"\n' + (tmp_path / "config.toml").read_text() + "\n[filter]\nenabled = true\n"
    )
    use = ("--set", "filter.type='autoencoder_points'")
    write_labels(table, "v", images, {"": Poses2D(KEYPOINTS, labelled, np.ones((40, 3)), "somebody")})
    result = anipose(tmp_path, "train-autoencoder", "--jobs", "1", *use)
    assert result.returncode == 0, result.stdout
    said = " ".join(result.stdout.split())
    assert "40 labelled frames do not tell where hip, knee, foot should be, given the other keypoints" in said
    assert "half of filter.offset_threshold (25 px) in nine of ten frames" in said

    labelled[:30] = 1.0
    write_labels(table, "v", images, {"": Poses2D(KEYPOINTS, labelled, np.ones((40, 3)), "somebody")})
    result = anipose(tmp_path, "train-autoencoder", "--jobs", "1", *use)
    assert result.returncode == 1
    assert "there are 40 labelled frames" in result.stdout
    assert "10 of them with enough keypoints; at least 20 are needed" in " ".join(result.stdout.split())

    shutil.rmtree(table.parent)
    result = anipose(tmp_path, "train-autoencoder", "--jobs", "1", *use)
    assert result.returncode == 1
    assert "model_folder is to name the DeepLabCut project that has them" in " ".join(result.stdout.split())


def test_keypoints_that_differ_between_cameras_are_joined_with_a_warning(tmp_path: Path) -> None:
    """cam0 does not know the knee: it comes from the other two; the foot is known to cam2 alone."""
    walk = make_walk(tmp_path)
    known = {"cam0": ("hip",), "cam1": ("hip", "knee"), "cam2": KEYPOINTS}
    for camera in read_calibration(tmp_path / "calibration" / "calibration.toml"):
        path = tmp_path / "session1" / "pose-2d" / f"t-{camera.name}.h5"
        path.unlink()
        names = known[camera.name]
        points = camera.project(walk.truth[:, [KEYPOINTS.index(name) for name in names]])
        write_poses_2d(path, Poses2D(names, points, np.full(points.shape[:2], 0.95)))
    (tmp_path / "config.toml").write_text("[triangulation]\ncam_regex = '-(cam[0-9])$'\n")

    result = anipose(tmp_path, "triangulate", "--jobs", "1")

    assert result.returncode == 0, result.stdout
    assert (
        "the views differ in their keypoints (camera cam0 has no knee, foot; camera cam1 has no foot)"
        in " ".join(result.stdout.split())
    )
    poses = read_poses_3d(tmp_path / "session1" / "pose-3d" / "t.csv")
    points = dict(zip(poses.keypoints, poses.points.swapaxes(0, 1), strict=True))
    np.testing.assert_allclose(points["knee"], walk.truth[:, 1], atol=1e-3)
    assert np.isnan(points["foot"]).all()


def late_camera(root: Path, frames: int) -> None:
    """Record cam1 so many frames later, and say so in the config."""
    path = root / "session1" / "pose-2d" / "t-cam1.h5"
    poses = read_poses_2d(path).advanced(-frames)
    path.unlink()
    write_poses_2d(path, poses)
    with (root / "config.toml").open("a") as file:
        file.write(f"\n[cameras.cam1]\nframe_offset = {frames}\n")


def test_a_camera_that_is_late_by_its_frame_offset_has_no_errors(tmp_path: Path) -> None:
    make_walk(tmp_path)
    late_camera(tmp_path, 6)
    for command in ("triangulate", "summarize-errors", "calibration-errors"):
        result = anipose(tmp_path, command, "--jobs", "1", *(["--poses"] if command[0] == "c" else []))
        assert result.returncode == 0, result.stdout
    errors = [float(row["reprojection_95_percent_px"]) for row in rows(tmp_path / "summaries" / "errors.csv")]
    assert len(errors) == 3 * len(KEYPOINTS)
    assert max(errors) < 1e-3


def test_labels_of_a_late_camera_are_of_other_frames_than_those_of_the_trial(tmp_path: Path) -> None:
    walk = make_walk(tmp_path)
    late_camera(tmp_path, 6)
    for camera in read_calibration(tmp_path / "calibration" / "calibration.toml"):
        number = 13 if camera.name == "cam1" else 7
        labels = Poses2D(KEYPOINTS, camera.project(walk.truth[[7]]), np.ones((1, 3)), "somebody")
        folder = tmp_path / "frames-to-label" / "labeled-data" / f"session1-t-{camera.name}"
        write_labels(
            folder / "CollectedData_somebody.h5", folder.name, [f"img{number:02d}.png"], {"": labels}
        )
    for command in ("run-data", "tracking-errors"):
        result = anipose(tmp_path, command, "--jobs", "1")
        assert result.returncode == 0, result.stdout
    table = rows(tmp_path / "summaries" / "tracking_errors.csv")
    assert {row["fnum"] for row in table} == {"7"}
    assert max(float(row["error"]) for row in table) < 1e-2


def test_frames_to_label_of_a_late_camera_show_the_moment_that_the_others_show(tmp_path: Path) -> None:
    make_walk(tmp_path, n_frames=30)
    spoil(tmp_path / "session1" / "pose-2d" / "t-cam0.h5")
    late_camera(tmp_path, 6)
    for path in (tmp_path / "session1" / "pose-2d").glob("*.h5"):
        with VideoWriter(tmp_path / "session1" / "videos-raw" / f"{path.stem}.mp4", 30, (64, 48)) as writer:
            for _ in range(36):
                writer.write(np.zeros((48, 64, 3), np.uint8))
    assert anipose(tmp_path, "triangulate", "--set", "triangulation.ransac=false").returncode == 0
    only = ("--set", 'extraction.by="reprojection-error"', "--set", "extraction.frames=1")
    assert anipose(tmp_path, "extract-frames", "--jobs", "1", *only).returncode == 0
    for camera, picture in (("cam0", BAD_FRAME), ("cam1", BAD_FRAME + 6), ("cam2", BAD_FRAME)):
        folder = tmp_path / "frames-to-label" / "labeled-data" / f"session1-t-{camera}"
        assert [path.name for path in folder.glob("*.png")] == [f"img{picture}.png"]
