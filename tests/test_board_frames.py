"""The frames of calibration videos that are chosen do what all of them would do."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anipose.board_detection import every_board, first_look, second_look
from anipose.board_frames import (
    ENOUGH_SHARED,
    FIRST_LOOK,
    MANY_VIEWS,
    are_enough,
    count_different,
    looks,
    missing_frames,
    used_frames,
)
from anipose.board_recordings import configured_board
from anipose.boards import CharucoBoard
from anipose.config import Calibration
from anipose.geometry.board_views import Seen
from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import looking_at, rotation_matrix, rotation_vector
from anipose.io.detections import BoardDetections
from real_films import write_long_films

BOARD = CharucoBoard(7, 5, 25.0, 18.75, 4, 50)
SIZE = (1280, 1024)
NOISE_PX = 0.2


@pytest.mark.parametrize("n_frames", [1, 100, 256, 257, 1000, 3000, 50_000])
def test_looks_get_finer_until_every_frame_is_seen(n_frames: int) -> None:
    portions = list(looks(n_frames))
    assert 0 < len(portions[0]) <= FIRST_LOOK
    everything = np.concatenate(portions)
    np.testing.assert_array_equal(np.sort(everything), np.arange(n_frames))


@pytest.mark.parametrize("n_frames", [3000, 4096, 4097, 8192])
def test_videos_of_nearly_the_same_length_share_frames(n_frames: int) -> None:
    """One frame more may halve what is looked at, but never moves it."""
    one, other = (set(next(looks(n)).tolist()) for n in (n_frames, n_frames + 1))
    shared = one & other
    assert len(shared) >= min(len(one), len(other)) - 1


def views(frames: np.ndarray, shift: np.ndarray | float, n_frames: int, step: int = 1) -> BoardDetections:
    """A small board in a row of places."""
    corners = np.array([300.0, 300]) + BOARD.points[None, :, :2] + np.zeros((len(frames), 1, 1))
    corners[..., 0] += np.broadcast_to(shift, len(frames))[:, None]
    return BoardDetections(SIZE, n_frames, frames, corners, looked_at=np.arange(0, n_frames, step))


def test_a_board_held_still_is_one_view() -> None:
    still, moving = (views(np.arange(40), shift, 40) for shift in (0.0, 70.0 * np.arange(40)))
    assert count_different(still) == 1
    assert count_different(moving) == 40


def test_slow_motion_is_not_looked_at_more_closely() -> None:
    """Views between those of a slow board are like them; there may be others in gaps."""
    slow = views(np.arange(0, 480, 8), np.linspace(0, 300, 60), 480, 8)
    assert count_different(slow) < 30
    assert are_enough(slow)
    with_gap = replace(slow, n_frames=960, looked_at=np.r_[np.arange(0, 480, 8), np.arange(720, 960, 8)])
    assert not are_enough(with_gap)


def test_frames_that_bring_nothing_are_left_out() -> None:
    """500 frames of a board at rest, and 20 in which it moves: in one camera, which is enough."""
    shift = np.r_[np.zeros(500), 70.0 * np.arange(1, 21)]
    first = views(np.arange(520), shift, 520)
    second = views(np.arange(520), 0.0, 520)
    used = used_frames({"A": first, "B": second})
    assert set(range(500, 520)) <= set(used.tolist())
    assert MANY_VIEWS <= len(used) < 3 * MANY_VIEWS


def test_cameras_that_share_little_look_at_more() -> None:
    """A sees the board until frame 400, B from 380 on: at every 16th frame, they share two."""
    a = views(np.arange(0, 401, 16), 0.0, 800, 16)
    b = views(np.arange(384, 800, 16), 0.0, 800, 16)
    found = {"A": a, "B": b}
    assert len(np.intersect1d(a.frames, b.frames)) < ENOUGH_SHARED
    more = missing_frames("A", found)
    np.testing.assert_array_equal(more, missing_frames("B", found))
    assert set(range(385, 400)) <= set(more.tolist())
    assert len(more) < 60
    enough = views(np.arange(0, 800, 16), 0.0, 800, 16)
    assert not len(missing_frames("A", {"A": enough, "B": enough}))


def test_cameras_without_a_common_view_look_everywhere() -> None:
    a, b = views(np.arange(0, 160, 16), 0.0, 800, 16), views(np.arange(640, 800, 16), 0.0, 800, 16)
    assert len(missing_frames("A", {"A": a, "B": b})) == 800 - 50


def rig() -> Cameras:
    cameras = []
    for number, angle in enumerate(np.deg2rad([-40.0, -10, 15, 45])):
        rotation, translation = looking_at(700 * np.array([np.sin(angle), 0.3, -np.cos(angle)]), np.zeros(3))
        matrix = np.array([[1150.0, 0, 645], [0, 1150, 507], [0, 0, 1]])
        camera = Camera(str(number), SIZE, matrix, np.array([-0.12, 0.03, 0, 0, 0]))
        cameras.append(camera.with_pose(rotation, translation))
    return Cameras(tuple(cameras), {})


def waved_before(cameras: Cameras, n_frames: int) -> dict[str, BoardDetections]:
    """A board that is waved about for 3 of every 5 s, with noise on its corners."""
    rng = np.random.default_rng(5)
    t = np.arange(n_frames) / 150
    tilt = np.stack([0.5 * np.sin(2.1 * t), 0.75 * np.sin(1.3 * t + 1), 0.6 * np.sin(0.7 * t)], -1)
    rotation = rotation_matrix(tilt)
    middle = np.stack([110 * np.sin(1.7 * t), 80 * np.sin(2.9 * t + 2), 130 * np.sin(1.1 * t + 4)], -1)
    world = (BOARD.points - BOARD.points.mean(0)) @ np.swapaxes(rotation, 1, 2) + middle[:, None]
    found = {}
    for camera in cameras:
        corners = camera.project(world)
        corners = corners + rng.normal(0, NOISE_PX, corners.shape)
        inside = ((corners > 0) & (corners < np.array(SIZE))).all((1, 2))
        facing = rotation[:, :, 2] @ camera.rotation_matrix[2] > 0.35
        frames = np.flatnonzero(inside & facing & (np.arange(n_frames) % 300 < 180))
        found[camera.name] = BoardDetections(SIZE, n_frames, frames, corners[frames])
    return found


def looked_at(one: BoardDetections, frames: np.ndarray) -> BoardDetections:
    seen = np.isin(one.frames, frames)
    return replace(one, frames=one.frames[seen], corners=one.corners[seen], looked_at=frames)


def chosen_views(found: Mapping[str, BoardDetections]) -> dict[str, BoardDetections]:
    first = {}
    for name, one in found.items():
        seen = np.empty(0, np.int64)
        for frames in looks(one.n_frames):
            seen = np.union1d(seen, frames)
            first[name] = looked_at(one, seen)
            if are_enough(first[name]):
                break
    used = used_frames(first)
    return {
        name: looked_at(
            found[name], np.union1d(np.intersect1d(one.frames, used), missing_frames(name, first))
        )
        for name, one in first.items()
    }


def test_same_calibration_as_from_all_frames_within_its_uncertainty() -> None:
    found = waved_before(rig(), 1500)
    chosen = chosen_views(found)
    n_views, n_chosen = (sum(len(one.frames) for one in views.values()) for views in (found, chosen))
    assert n_chosen < 0.2 * n_views
    full, fewer = (
        calibrate(
            {name: Seen(one.frames, one.corners, one.size) for name, one in views.items()}, BOARD.points
        )
        for views in (found, chosen)
    )
    require_same(fewer, full)


def require_same(fewer: CalibrationResult, full: CalibrationResult) -> None:
    """A part of the views: the two differ by less than the part alone varies."""
    n_cameras = len(full.cameras)
    turn = fewer.cameras.cam_from_world[:, :, :3] @ np.swapaxes(full.cameras.cam_from_world[:, :, :3], 1, 2)
    off = np.zeros((n_cameras, 10))
    off[:, :3] = rotation_vector(turn)
    off[:, 3:6] = fewer.cameras.cam_from_world[:, :, 3] - full.cameras.cam_from_world[:, :, 3]
    matrices = np.stack([a.matrix - b.matrix for a, b in zip(fewer.cameras, full.cameras, strict=True)])
    off[:, 6:] = matrices[:, [0, 1, 0, 1], [0, 1, 2, 2]]
    deviation = np.sqrt(np.diagonal(fewer.covariance, axis1=1, axis2=2))[:, :10]
    free = deviation > 0
    assert free.sum() == 4 * n_cameras + 6 * (n_cameras - 1)  # the first camera is the world
    assert (np.abs(off[free]) < 3 * deviation[free]).all()
    assert np.sqrt(np.mean((off[free] / deviation[free]) ** 2)) < 1.2


@pytest.mark.slow
def test_real_pictures_in_long_films(shared_data: Path, tmp_path: Path) -> None:
    """Films of 1500 frames from the pictures of a real calibration, and of the animal between them."""
    session = shared_data / "mouse-4cam" / "experiment" / "session1"
    names = ("back", "mid", "side", "top")
    films = write_long_films(
        tmp_path,
        {name: session / "calibration" / f"board_{name}.mp4" for name in names},
        {name: session / "videos-raw" / f"mouse_{name}.mp4" for name in names},
        1500,
    )
    table = Calibration(
        board_type="charuco",
        board_size=(8, 11),
        board_square_side_length=24,
        board_marker_length=18.75,
        board_marker_bits=4,
        board_marker_dict_number=1000,
    )
    first = {name: first_look(table, film) for name, film in films.items()}
    chosen = {name: second_look(table, film, name, first, ()) for name, film in films.items()}
    every = {name: every_board(table, film) for name, film in films.items()}
    assert all(one.n_looked_at < 1500 / 5 for one in chosen.values())
    board = configured_board(table)
    fewer, full = (
        calibrate(
            {name: Seen(one.frames, one.corners, one.size) for name, one in found.items()}, board.points
        )
        for found in (chosen, every)
    )
    assert fewer.models == full.models
    require_same(fewer, full)
