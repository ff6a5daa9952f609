"""The demo is itself a truth for other tests, so it has to be what it says."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from anipose.config_files import load_config
from anipose.demo.animal import FEMUR, HEAD_LENGTH, KEYPOINTS, LEGS, TIBIA, walk
from anipose.demo.calibration_film import BOARD, board_poses, film_board
from anipose.demo.experiment import make_demo, measure
from anipose.demo.render import HUES, film
from anipose.demo.rig import IMAGE_SIZE, TARGET, make_rig
from anipose.demo.solids import Solid, paint
from anipose.errors import PoseError, ProjectError
from anipose.geometry.angles import compute_angles
from anipose.geometry.transforms import rotation_matrix
from anipose.io.calibration import read_calibration
from anipose.io.poses_3d import read_poses_3d, write_poses_3d
from anipose.io.tables import write_animal_angles
from anipose.io.video import probe, read_bgr
from anipose.poses import UNNAMED, Frame3D, Poses3D


@pytest.fixture(scope="module")
def small_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experiment") / "demo"
    make_demo(folder, frames=8, board_frames=4)
    return folder


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_files_of_the_experiment(small_demo: Path) -> None:
    views = [f"cam{camera}.mp4" for camera in "ABCD"]
    assert set(contents(small_demo)) == {
        "config.toml",
        *(f"calibration/board-{view}" for view in views),
        *(f"session{n}/videos-raw/walk{n}-{view}" for n in (1, 2) for view in views),
        "truth/calibration.toml",
        "truth/session1/walk1.csv",
        "truth/session2/walk2.csv",
    }
    info = probe(small_demo / "session2/videos-raw/walk2-camD.mp4")
    assert (info.width, info.height, info.n_frames, info.fps) == (*IMAGE_SIZE, 8, 60)
    assert probe(small_demo / "calibration/board-camA.mp4").n_frames == 4


def test_same_seed_same_bytes(small_demo: Path, tmp_path: Path) -> None:
    make_demo(tmp_path / "again", frames=8, board_frames=4)
    assert contents(tmp_path / "again") == contents(small_demo)


def test_another_seed_is_another_walk(small_demo: Path, tmp_path: Path) -> None:
    make_demo(tmp_path / "other", seed=1, frames=8, board_frames=4)
    here, there = contents(small_demo), contents(tmp_path / "other")
    assert {name for name in here if here[name] == there[name]} == {"config.toml", "truth/calibration.toml"}


def test_config_is_read_without_a_doubt(small_demo: Path) -> None:
    loaded = load_config([small_demo / "config.toml"])
    assert not loaded.warnings
    config = loaded.config
    assert config.model_type == "markers"
    assert tuple(config.markers.keypoints) == KEYPOINTS
    named = {name for line in config.labeling.scheme for name in line} | {
        name for pair in config.triangulation.constraints for name in pair
    }
    assert named <= set(KEYPOINTS)
    assert {form[0] for form in config.angles.values()} >= {"flex", "axis", "cross-axis", "chain"}


def test_folder_in_use_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not lose this")
    with pytest.raises(ProjectError, match="is not empty; choose a new folder for the demo"):
        make_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_cameras_look_at_the_animal() -> None:
    for camera in make_rig():
        # Only the radial distortion moves points, and it leaves the middle of the picture where it is.
        assert camera.project(TARGET) == pytest.approx(((IMAGE_SIZE[0] - 1) / 2, (IMAGE_SIZE[1] - 1) / 2))
        # Up in the world is up in the picture.
        assert camera.project(TARGET + np.array([0, 0, 5]))[1] < camera.project(TARGET)[1]


def test_true_calibration_is_that_of_the_rig(small_demo: Path) -> None:
    for read, camera in zip(read_calibration(small_demo / "truth/calibration.toml"), make_rig(), strict=True):
        assert read.name == camera.name
        assert (
            np.abs(read.project(TARGET + np.eye(3) * 20) - camera.project(TARGET + np.eye(3) * 20)).max()
            < 1e-6
        )


@pytest.mark.parametrize("seed", range(5))
def test_bones_keep_their_length(seed: int) -> None:
    animal = walk(150, 60, np.random.default_rng(seed))
    at = animal.joints
    for leg in LEGS:
        femur = np.linalg.norm(at[f"{leg}_knee"] - at[f"{leg}_root"], axis=-1)
        tibia = np.linalg.norm(at[f"{leg}_knee"] - at[f"{leg}_foot"], axis=-1)
        assert np.abs(femur - FEMUR).max() < 1e-9
        assert np.abs(tibia - TIBIA).max() < 1e-9
    assert np.abs(np.linalg.norm(at["nose"] - at["shoulder"], axis=-1) - HEAD_LENGTH).max() < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_walk_is_in_view_and_smooth_and_feet_stand(seed: int) -> None:
    animal = walk(150, 60, np.random.default_rng(seed))
    pixels = make_rig().project(animal.keypoints)
    assert pixels.min() > 20
    assert (pixels < np.array(IMAGE_SIZE) - 20).all()
    # Feet move 17 mm in a quarter of a second with the acceleration of a quintic, 5.8 d / t^2 at most, which
    # is 0.5 mm per frame squared along and as much upwards; knees between two bones twice that.
    assert np.abs(np.diff(animal.keypoints, n=2, axis=0)).max() < 2.0
    foot = animal.joints["left_front_foot"]
    standing = np.linalg.norm(np.diff(foot, axis=0), axis=-1) < 1e-9
    assert 0.5 < standing.mean() < 0.66


def test_painted_ball_is_where_the_camera_model_says() -> None:
    camera = make_rig().cameras[0]
    rng = np.random.default_rng(1)
    for _ in range(20):
        point = TARGET + rng.uniform(-30, 30, 3)
        image = np.zeros((IMAGE_SIZE[1], IMAGE_SIZE[0], 3), np.uint8)
        paint(image, camera, [Solid(np.stack([point, point]), (1.5, 1.5), (0, 0, 255), matt=True)])
        moments = cv2.moments(image[..., 2].astype(float))
        centre = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
        assert centre == pytest.approx(tuple(camera.project(point)), abs=0.03)


def test_nearer_solid_hides_the_one_behind() -> None:
    camera = make_rig().cameras[2]
    towards = (camera.center - TARGET) / np.linalg.norm(camera.center - TARGET)
    near, far = TARGET + 10 * towards, TARGET - 10 * towards
    balls = [
        Solid(np.stack([near, near]), (4, 4), (0, 0, 255), matt=True),
        Solid(np.stack([far, far]), (2, 2), (0, 255, 0), matt=True),
    ]
    for order in (balls, balls[::-1]):
        image = np.zeros((IMAGE_SIZE[1], IMAGE_SIZE[0], 3), np.uint8)
        paint(image, camera, order)
        assert image[..., 1].max() == 0
        assert image[..., 2].max() > 200


def test_every_keypoint_shows_its_paint_to_some_camera() -> None:
    animal, rig = walk(2, 60, np.random.default_rng(0)), make_rig()
    pixels = np.rint(rig.project(animal.keypoints[0])).astype(int)
    shown: dict[str, list[float]] = {name: [] for name in KEYPOINTS}
    for camera, at in zip(rig, pixels, strict=True):
        image = next(film(camera, animal, np.random.default_rng(0)))
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        for name, (x, y) in zip(KEYPOINTS, at, strict=True):
            hue, saturation, _ = hsv[y, x].astype(float)
            off = abs((2 * hue - HUES[name] + 180) % 360 - 180)
            shown[name].append(saturation > 150 and off < 10)
    assert all(sum(cameras) >= 2 for cameras in shown.values())
    assert not all(all(cameras) for cameras in shown.values())  # something is hidden from someone


def test_board_is_where_the_camera_model_says() -> None:
    rig, n_frames = make_rig(), 12
    rotations, origins = board_poses(n_frames, np.random.default_rng(5))
    differences, n_seen = [], np.zeros((len(rig), n_frames))
    for row, camera in enumerate(rig):
        frames = film_board(camera, n_frames, np.random.default_rng(5), np.random.default_rng(6))
        for number, image in enumerate(frames):
            found = BOARD.detect(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
            differences.append(found - camera.project(BOARD.points @ rotations[number].T + origins[number]))
            n_seen[row, number] = np.isfinite(found[:, 0]).sum()
    difference = np.concatenate(differences)
    # The detector is good to about 0.15 px; the mean of thousands of corners is ten times better.
    assert np.abs(np.nanmean(difference, axis=0)).max() < 0.03
    assert np.nanmedian(np.linalg.norm(difference, axis=-1)) < 0.2
    # Enough to calibrate: most boards are seen by at least three cameras at once.
    assert np.median((n_seen >= 8).sum(axis=0)) >= 3


def test_video_is_what_was_rendered(small_demo: Path) -> None:
    truth = read_poses_3d(small_demo / "truth/session1/walk1.csv")
    camera = make_rig().cameras[0]
    first = next(read_bgr(small_demo / "session1/videos-raw/walk1-camA.mp4"))
    x, y = np.rint(camera.project(truth.points[0, KEYPOINTS.index("shoulder")])).astype(int)
    hue, saturation, _ = cv2.cvtColor(first, cv2.COLOR_BGR2HSV)[y, x].astype(float)
    assert abs(2 * hue - HUES["shoulder"]) < 10
    assert saturation > 150


def results(folder: Path, *, noise_mm: float, turn: np.ndarray, shift: np.ndarray) -> None:
    """What a pipeline would write that finds the true points, in a world of its own, with some noise."""
    rng = np.random.default_rng(0)
    angles = {"left_front_knee": ("shoulder", "left_front_knee", "left_front_foot")}
    frame = Frame3D(rotation_matrix(np.array([0.3, -0.2, 1.0])), np.array([5.0, -3.0, 2.0]))
    (folder / "config.toml").write_text(
        '[triangulation]\nconstraints = [["left_front_knee", "left_front_foot"]]\n'
        '[angles]\nleft_front_knee = ["shoulder", "left_front_knee", "left_front_foot"]\n'
    )
    for path in (folder / "truth").glob("*/*.csv"):
        truth = read_poses_3d(path)
        noisy = truth.points @ turn.T + shift + rng.normal(0, noise_mm, truth.points.shape)
        noisy[0, 0] = np.nan
        points = frame.from_world(noisy)
        unknown = np.zeros(points.shape[:2])
        poses = Poses3D(truth.keypoints, points, unknown, unknown, unknown, frame, truth.frame_numbers)
        write_poses_3d(folder / path.parent.name / "pose-3d" / path.name, poses)
        named = {name: points[:, column] for column, name in enumerate(truth.keypoints)}
        ((name, values),) = compute_angles(named, angles).items()
        table = folder / path.parent.name / "angles" / path.name
        write_animal_angles(table, {UNNAMED: {name: values}}, truth.frame_numbers)


def test_measure_does_not_see_the_choice_of_the_world_but_every_error(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    make_demo(folder, frames=20, board_frames=1)
    turn, shift = rotation_matrix(np.array([1.0, 2.0, -0.5])), np.array([100.0, -50.0, 300.0])
    results(folder, noise_mm=0, turn=turn, shift=shift)
    exact = measure(folder)
    assert exact.errors_mm.max() < 1e-6
    assert exact.angles_deg["left_front_knee"].max() < 1e-6
    n_points = 2 * 20 * len(KEYPOINTS)
    assert exact.found == pytest.approx(1 - 2 / n_points)
    assert len(exact.errors_mm) == n_points - 2

    results(folder, noise_mm=0.1, turn=turn, shift=shift)
    noisy = measure(folder)
    # Three coordinates with 0.1 mm each: 0.1 * sqrt(3) in the mean square.
    assert np.sqrt(np.mean(noisy.errors_mm**2)) == pytest.approx(0.1 * 3**0.5, rel=0.1)
    # The difference of two such points, along the bone.
    assert np.std(noisy.distances_mm) == pytest.approx(0.1 * 2**0.5, rel=0.3)
    assert 0.1 < np.median(noisy.angles_deg["left_front_knee"]) < 3

    results(folder, noise_mm=0, turn=1.01 * turn, shift=shift)
    # A wrong scale is an error: 1 % of the distances from the middle.
    assert measure(folder).errors_mm.max() > 0.3


def test_measure_before_the_pipeline_has_run(small_demo: Path) -> None:
    with pytest.raises(PoseError, match=r"has no results yet \(.*walk1\.csv.*\); run: anipose run-data"):
        measure(small_demo)
