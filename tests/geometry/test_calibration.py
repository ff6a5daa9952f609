"""Calibration from corners: rigs with a known answer, and refusals that say why."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from anipose.boards import Checkerboard
from anipose.errors import CalibrationError
from anipose.geometry.board_views import Seen
from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.calibration_start import LensSettings
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import compose, inverse, rotation_matrix

BOARD = Checkerboard(7, 6, 20.0)
SYMMETRIC_BOARD = Checkerboard(7, 5, 20.0)
SIZE = (1280, 1024)
NOISE_PX = 0.3


def make_cameras(n_cameras: int, *, fisheye: bool = False) -> Cameras:
    """On an arc, half a metre from the origin; the principal points are off by some 10 px."""
    rng = np.random.default_rng(n_cameras)
    focal, lens = (420.0, (-0.02, 0.005, 0, 0)) if fisheye else (1100.0, (-0.12, 0.05, 0, 0, 0))
    cameras = []
    for number in range(n_cameras):
        cx, cy = (np.array(SIZE) - 1) / 2 + rng.normal(0, 10, 2)
        matrix = np.array([[focal + 9 * number, 0, cx], [0, focal + 9 * number, cy], [0, 0, 1]])
        turn = rotation_matrix(np.array([0.1 * number, 0.35 * number, 0.05]))
        camera = Camera(f"cam{number}", SIZE, matrix, np.array(lens), fisheye=fisheye)
        cameras.append(camera.with_pose(turn, np.array([3.0 * number, 0, 500 + 20 * number])))
    return Cameras(tuple(cameras))


def film(
    cameras: Cameras,
    n_frames: int = 40,
    *,
    board: Checkerboard = BOARD,
    noise_px: float = NOISE_PX,
    outliers: float = 0.0,
    seed: int = 4,
    reach: float = 60.0,
) -> dict[str, Seen]:
    """A board held up to the cameras, tilted by 30 degrees or so in all directions.

    Args:
        reach: how far from the middle of the volume, mm; 60 leaves the corners of the pictures empty.
    """
    rng = np.random.default_rng(seed)
    turns = rotation_matrix(rng.normal(0, 0.4, (n_frames, 3)))
    centre = board.points.mean(0)
    places = rng.uniform(-reach, reach, (n_frames, 3)) - turns @ centre
    world = np.einsum("fij,kj->fki", turns, board.points) + places[:, None]
    seen = {}
    for camera in cameras:
        corners = camera.project(world)
        corners += rng.normal(0, noise_px, corners.shape)
        wrong = rng.random(corners.shape[:2]) < outliers
        corners[wrong] += rng.uniform(-150, 150, (int(wrong.sum()), 2))
        corners[rng.random(corners.shape[:2]) < 0.05] = np.nan
        seen[camera.name] = Seen(np.arange(n_frames), corners, SIZE)
    return seen


def only(seen: Seen, frames: Sequence[int]) -> Seen:
    chosen = np.isin(seen.frames, frames)
    return replace(seen, frames=seen.frames[chosen], corners=seen.corners[chosen])


def squared_errors(result: CalibrationResult, cameras: Cameras) -> np.ndarray:
    """(parameter error / its stated standard deviation)^2 of poses, focal lengths, principal points."""
    world = inverse(cameras.cam_from_world[0])
    off = []
    for number, (found, true) in enumerate(zip(result.cameras, cameras, strict=True)):
        deviation = np.sqrt(np.diag(result.covariance[number]))
        intrinsic = (found.matrix - true.matrix)[[0, 0, 1], [0, 2, 2]] / deviation[[6, 8, 9]]
        off.append(intrinsic)
        if number:
            pose = compose(true.cam_from_world, world)
            turn = found.rotation_matrix @ pose[:, :3].T
            off.append(np.array([turn[2, 1], turn[0, 2], turn[1, 0]]) / deviation[:3])
            off.append((found.translation - pose[:, 3]) / deviation[3:6])
    return np.concatenate(off) ** 2


@pytest.mark.parametrize(("outliers", "fisheye"), [(0.0, False), (0.02, False), (0.1, False), (0.02, True)])
def test_errors_are_what_the_noise_explains(outliers: float, fisheye: bool) -> None:
    cameras = make_cameras(4, fisheye=fisheye)
    result = calibrate(film(cameras, outliers=outliers), BOARD.points, fisheye=fisheye)
    squares = squared_errors(result, cameras)
    # 39 correlated numbers, each of mean 1 if the stated uncertainty is right; none beyond 4 sd.
    assert squares.mean() < 2.5
    assert squares.max() < 16
    # Median length of 2D noise, 1.177 sd.
    assert result.cameras.metadata["error"] == pytest.approx(1.177 * NOISE_PX, rel=0.15 + outliers)
    assert result.cameras.metadata["lenses_from"] == "all views together"


def test_exact_corners_give_the_exact_rig() -> None:
    cameras = make_cameras(3)
    result = calibrate(film(cameras, noise_px=0.0), BOARD.points, neighbours=BOARD.neighbours)
    for found, true in zip(result.cameras, cameras, strict=True):
        # The prior pulls with (noise floor 0.02 px / 51 px)^2, far below this.
        np.testing.assert_allclose(found.matrix, true.matrix, atol=0.02)
    np.testing.assert_array_equal(result.cameras.cameras[0].cam_from_world, np.eye(3, 4))
    assert result.cameras.metadata["edge_error_percent"] < 1e-3


def test_order_of_cameras_and_frames_does_not_matter() -> None:
    seen = film(make_cameras(3), outliers=0.02)
    shuffled = {}
    for name in reversed(seen):
        order = np.random.default_rng(1).permutation(len(seen[name].frames))
        shuffled[name] = replace(
            seen[name], frames=seen[name].frames[order], corners=seen[name].corners[order]
        )
    first, second = calibrate(seen, BOARD.points), calibrate(shuffled, BOARD.points)
    assert first.cameras == second.cameras
    assert first.cameras.names == ("cam0", "cam1", "cam2")


def test_cameras_are_in_natural_order() -> None:
    seen = film(make_cameras(2))
    result = calibrate({"cam10": seen["cam0"], "cam9": seen["cam1"]}, BOARD.points)
    assert result.cameras.names == ("cam9", "cam10")


def test_single_camera_gets_intrinsics_only() -> None:
    cameras = make_cameras(1)
    result = calibrate(film(cameras), BOARD.points, neighbours=BOARD.neighbours)
    assert squared_errors(result, cameras).max() < 16
    np.testing.assert_array_equal(result.cameras.cameras[0].translation, 0)
    assert "edge_error" not in result.cameras.metadata


def test_chain_of_overlaps_is_enough() -> None:
    """Cameras 0 and 2 never see the board together; 1 joins them."""
    cameras = make_cameras(3)
    seen = film(cameras, 60)
    seen["cam0"] = only(seen["cam0"], range(0, 30))
    seen["cam2"] = only(seen["cam2"], range(30, 60))
    assert squared_errors(calibrate(seen, BOARD.points), cameras).max() < 16


def test_symmetric_board_turned_in_some_views_gives_the_same() -> None:
    """A checkerboard of 7 x 5 corners looks the same turned by 180 degrees; detectors number either way."""
    seen = film(make_cameras(3), board=SYMMETRIC_BOARD)
    turned = {}
    for name, one in seen.items():
        flip = np.random.default_rng(len(turned)).random(len(one.frames)) < 0.5
        corners = np.where(flip[:, None, None], one.corners[:, ::-1], one.corners)
        turned[name] = replace(one, corners=corners)
    expected = calibrate(seen, SYMMETRIC_BOARD.points)
    found = calibrate(turned, SYMMETRIC_BOARD.points, symmetries=SYMMETRIC_BOARD.symmetries)
    for a, b in zip(found.cameras, expected.cameras, strict=True):
        np.testing.assert_allclose(a.matrix, b.matrix, atol=0.01)
        np.testing.assert_allclose(a.cam_from_world, b.cam_from_world, atol=0.01)


def test_lenses_do_not_bend_to_cameras_out_of_step() -> None:
    """Camera 1 is late: the board has moved on by 1 mm or so. Focal lengths stay what own views say."""
    cameras = make_cameras(3)
    seen = film(cameras, noise_px=0.1)
    rng = np.random.default_rng(8)
    late = seen["cam1"].corners + rng.normal(0, 1.5, (len(seen["cam1"].frames), 1, 2))
    seen["cam1"] = replace(seen["cam1"], corners=late)
    result = calibrate(seen, BOARD.points)
    assert result.cameras.metadata["lenses_from"] == "each camera's own views"
    alone = calibrate({"cam0": seen["cam0"]}, BOARD.points)
    np.testing.assert_allclose(result.cameras.cameras[0].matrix, alone.cameras.cameras[0].matrix, rtol=2e-3)


def test_camera_without_boards_is_named() -> None:
    seen = film(make_cameras(2))
    seen["cam1"] = replace(only(seen["cam1"], []), n_frames=300)
    with pytest.raises(CalibrationError) as error:
        calibrate(seen, BOARD.points)
    assert str(error.value) == (
        "The cameras cannot be calibrated.\n"
        "camera cam1: the board was found in 0 of 300 frames\n"
        "Check that board_type, board_size and the dictionary in [calibration] are those of the printed "
        "board, that it is not mirrored or white on black, and that it is sharp and large in the picture."
    )


def test_camera_with_too_few_boards_is_named() -> None:
    seen = film(make_cameras(2))
    seen["cam1"] = only(seen["cam1"], [3])
    with pytest.raises(CalibrationError) as error:
        calibrate(seen, BOARD.points)
    assert str(error.value) == (
        "The cameras cannot be calibrated.\n"
        "camera cam1: the board was found in 1 frame\n"
        "At least 3 views are needed, with the board tilted in different ways; 20 or more are better. "
        "Film the board for longer in front of these cameras."
    )


def test_cameras_that_share_no_frame_are_named() -> None:
    seen = film(make_cameras(2))
    seen["cam0"], seen["cam1"] = only(seen["cam0"], range(20)), only(seen["cam1"], range(20, 40))
    with pytest.raises(CalibrationError) as error:
        calibrate(seen, BOARD.points)
    assert str(error.value) == (
        "These cameras never saw the board at the same time, no two of them: cam0, cam1.\n"
        "Nearest to it are:\n"
        "  cam0 and cam1: 1 frame apart\n"
        "Hold the board where two cameras see it together, for some seconds, and so on from camera to "
        "camera. If they did, check that the videos were started at the same time."
    )


def test_connected_part_is_calibrated_and_the_rest_named_with_the_nearest_link() -> None:
    cameras = make_cameras(3)
    seen = film(cameras)
    seen["cam0"], seen["cam2"] = only(seen["cam0"], range(20)), only(seen["cam2"], range(15))
    seen["cam1"] = only(seen["cam1"], range(22, 40))
    result = calibrate(seen, BOARD.points)
    assert result.cameras.names == ("cam0", "cam2")
    assert result.left_out == {
        "cam1": "it saw the board in 18 frames, but never together with cam0, cam2; nearest to it: "
        "cam0 (3 frames apart), cam2 (8 frames apart)"
    }
    assert result.cameras.metadata["left_out"] == result.left_out
    alone = calibrate({name: seen[name] for name in ("cam0", "cam2")}, BOARD.points)
    assert result.cameras.cameras == alone.cameras.cameras


def test_cameras_with_hardly_any_boards_do_not_stop_the_others() -> None:
    cameras = make_cameras(4)
    seen = film(cameras)
    seen["cam1"] = replace(only(seen["cam1"], [3, 4]), n_frames=300)
    anywhere = np.random.default_rng(2).uniform(0, 1000, seen["cam3"].corners.shape)
    seen["cam3"] = replace(seen["cam3"], corners=anywhere)
    result = calibrate(seen, BOARD.points)
    assert result.left_out == {
        "cam1": "the board was found in 2 of 300 frames",
        "cam3": "its corners do not lie on a flat board like the one in [calibration]",
    }
    assert squared_errors(result, cameras.subset(["cam0", "cam2"])).max() < 16


def test_cameras_that_do_not_fit_together_are_refused() -> None:
    """The frames of camera 1 are those of another time."""
    seen = film(make_cameras(2))
    seen["cam1"] = replace(seen["cam1"], corners=np.roll(seen["cam1"].corners, 7, axis=0))
    with pytest.raises(
        CalibrationError, match=r"No plausible calibration was found\.\ncamera cam\d: corners are"
    ):
        calibrate(seen, BOARD.points)


def test_boards_all_parallel_to_the_picture_are_refused() -> None:
    """All boards parallel to the picture: focal length and distance cannot be told apart."""
    cameras = make_cameras(1)
    rng = np.random.default_rng(3)
    centre = BOARD.points.mean(0)
    places = rng.uniform(-20, 20, (20, 3)) * [1, 1, 0] - centre
    corners = cameras.cameras[0].project(
        (BOARD.points + places[:, None]) @ cameras.cameras[0].rotation_matrix
    )
    corners += rng.normal(0, NOISE_PX, corners.shape)
    with pytest.raises(CalibrationError, match=r"camera cam0: the views do not tell its focal length"):
        calibrate({"cam0": Seen(np.arange(20), corners, SIZE)}, BOARD.points)


def test_mirrored_camera_is_named() -> None:
    """A mirrored flat board is a board seen from behind, which fits well: nothing else would tell."""
    seen = film(make_cameras(3))
    flipped = seen["cam1"].corners * [-1, 1] + [SIZE[0] - 1, 0]
    seen["cam1"] = replace(seen["cam1"], corners=flipped)
    with pytest.raises(CalibrationError) as error:
        calibrate(seen, BOARD.points)
    assert str(error.value) == (
        "Camera cam1 sees the board mirrored: the video is flipped, or filmed in a mirror. "
        "Flip it back, the videos of the animal as well."
    )


def test_corners_of_no_board_are_refused() -> None:
    seen = film(make_cameras(2))
    anywhere = np.random.default_rng(2).uniform(0, 1000, seen["cam1"].corners.shape)
    seen["cam1"] = replace(seen["cam1"], corners=anywhere)
    with pytest.raises(
        CalibrationError, match=r"The corners that camera cam1 saw do not lie on a flat board"
    ):
        calibrate(seen, BOARD.points)


def test_views_that_tell_nothing_are_left_out() -> None:
    """Empty views, and views of a single row, do no harm."""
    cameras = make_cameras(2)
    seen = film(cameras)
    for one in seen.values():
        one.corners[3] = np.nan
        one.corners[7, 7:] = np.nan
    result = calibrate(seen, BOARD.points)
    assert squared_errors(result, cameras).max() < 16
    assert set(result.frames) == set(range(40)) - {3, 7}


def bent(cameras: Cameras, *distortions: float) -> Cameras:
    return Cameras(tuple(replace(camera, distortions=np.array(distortions)) for camera in cameras))


@pytest.mark.parametrize(
    ("distortions", "models"),
    [
        ((-0.12,), {"k1", "k1 k2"}),  # by chance one more
        ((-0.25, 0.15), {"k1 k2"}),
        ((-0.25, 0.15, 0.008, -0.006, 0), {"k1 k2 p1 p2 k3"}),
    ],
)
def test_smallest_model_that_fits_is_taken(distortions: tuple[float, ...], models: set[str]) -> None:
    cameras = bent(make_cameras(2), *distortions)
    result = calibrate(film(cameras, 80, reach=180), BOARD.points)
    assert set(result.models) == models
    assert squared_errors(result, cameras).max() < 16


def test_model_that_is_asked_for_is_taken() -> None:
    lenses = {"cam0": LensSettings(models=("k1",))}
    result = calibrate(film(bent(make_cameras(2), -0.25, 0.15), reach=180), BOARD.points, lenses=lenses)
    assert result.models == ("k1", "k1 k2")
    assert not result.cameras.cameras[0].distortions[1:].any()


@pytest.mark.parametrize(("truth", "reach"), [(True, 350), (False, 600)])
def test_wrong_kind_of_lens_is_told(truth: bool, reach: float) -> None:
    """A fisheye lens declared pinhole, and the other way round."""
    cameras = make_cameras(2, fisheye=truth)
    cameras = cameras if truth else bent(cameras, 0.0)
    try:
        told = calibrate(film(cameras, 40, noise_px=0.1, reach=reach), BOARD.points, fisheye=not truth).doubts
    except CalibrationError as error:
        told = tuple(str(error).split("\n")[-2:])
    word = "true" if truth else "false"
    assert len(told) == 2
    assert told[0].startswith(f"camera cam0: fisheye = {'false' if truth else 'true'} leaves ")
    assert told[0].endswith(f"; set fisheye = {word} in [cameras.cam0] of config.toml")
    assert calibrate(film(cameras, reach=300), BOARD.points, fisheye=truth).doubts == ()


def given(camera: Camera, factor: float = 1.0) -> np.ndarray:
    k = camera.matrix
    return np.array([k[0, 0] * factor, k[1, 1] * factor, k[0, 2], k[1, 2], *camera.distortions])


def test_fixed_lenses_come_back_to_the_bit() -> None:
    cameras = make_cameras(3)
    lenses = {camera.name: LensSettings(given=given(camera), use="fixed") for camera in cameras}
    result = calibrate(film(cameras), BOARD.points, lenses=lenses)
    for found, true in zip(result.cameras, cameras, strict=True):
        np.testing.assert_array_equal(found.matrix, true.matrix)
        np.testing.assert_array_equal(found.distortions, true.distortions)
    deviation = np.sqrt(np.diagonal(result.covariance[1:, 3:6, 3:6], axis1=1, axis2=2))
    world = inverse(cameras.cam_from_world[0])
    for number in (1, 2):
        pose = compose(cameras.cam_from_world[number], world)
        off = result.cameras.cameras[number].translation - pose[:, 3]
        assert (np.abs(off) < 4 * deviation[number - 1]).all()


def test_refined_lenses_stay_near_and_come_nearer() -> None:
    """Focal lengths given 1 % too long; the views tell them to 0.1 %."""
    cameras = make_cameras(3)
    lenses = {camera.name: LensSettings(given=given(camera, 1.01), use="refine") for camera in cameras}
    result = calibrate(film(cameras), BOARD.points, lenses=lenses)
    for found, true in zip(result.cameras, cameras, strict=True):
        assert found.matrix[0, 0] == pytest.approx(true.matrix[0, 0], rel=0.004)


def test_few_views_are_enough_with_a_known_lens() -> None:
    cameras = make_cameras(2)
    seen = film(cameras)
    seen["cam1"] = only(seen["cam1"], [3, 20])
    lenses = {"cam1": LensSettings(given=given(cameras.cameras[1]), use="fixed")}
    result = calibrate(seen, BOARD.points, lenses=lenses)
    assert result.cameras.names == ("cam0", "cam1")
    assert result.cameras.cameras[1].center == pytest.approx(
        (compose(cameras.cam_from_world[1], inverse(cameras.cam_from_world[0])))[:, :3].T
        @ -compose(cameras.cam_from_world[1], inverse(cameras.cam_from_world[0]))[:, 3],
        abs=5,
    )


def test_lens_from_views_of_its_own_takes_part_with_its_uncertainty() -> None:
    """Few views are shared, many show the lens alone: the lens is as certain as those make it."""
    cameras = make_cameras(2)
    shared, alone = film(cameras, 8, seed=1), film(cameras, 120, seed=2)
    with_own = {name: LensSettings(seen=alone[name]) for name in alone}
    poor, good = calibrate(shared, BOARD.points), calibrate(shared, BOARD.points, lenses=with_own)
    assert np.sqrt(good.covariance[0, 6, 6]) < 0.5 * np.sqrt(poor.covariance[0, 6, 6])
    assert squared_errors(good, cameras).max() < 16


def test_boards_held_out_have_the_error_of_the_noise() -> None:
    result = calibrate(film(make_cameras(4), 60), BOARD.points, neighbours=BOARD.neighbours)
    metadata = result.cameras.metadata
    assert metadata["held_out_error"] == pytest.approx(1.177 * NOISE_PX, rel=0.1)
    # A corner from four views of 0.3 px at 500 mm and 1100 px: some 0.1 mm, so edges 0.15 mm of 20 mm.
    assert metadata["held_out_edge_error_percent"] < 1
    assert abs(metadata["held_out_edge_bias_percent"]) < 0.1


def test_wrong_kind_of_lens_is_the_reason_that_is_given() -> None:
    cameras = make_cameras(2, fisheye=True)
    with pytest.raises(CalibrationError, match=r"set fisheye = true in \[cameras.cam\d\] of config.toml"):
        calibrate(film(cameras, 40, noise_px=0.1, reach=600), BOARD.points)
