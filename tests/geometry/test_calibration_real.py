"""Calibration of real recordings, from their videos to cameras, against what is known of them."""

import re
from pathlib import Path

import numpy as np
import pytest

from anipose.boards import ArucoBoard, Board, CharucoBoard, Checkerboard
from anipose.detection import detect_in_video
from anipose.errors import CalibrationError
from anipose.geometry.board_edges import edge_lengths, edges_of
from anipose.geometry.board_views import Seen
from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.calibration_start import LensSettings
from anipose.geometry.cameras import Cameras
from anipose.geometry.intrinsics import LensModel
from anipose.geometry.triangulation import reprojection_errors, triangulate
from anipose.io.calibration import read_calibration
from anipose.io.video import image_files, probe, read_gray
from board_rigs import only


def look(folder: Path, board: Board, prefix: str) -> dict[str, Seen]:
    seen = {}
    for video in sorted((folder / "experiment" / "session1" / "calibration").iterdir()):
        info = probe(video)
        frames, corners = detect_in_video(board, read_gray(video))
        name = video.stem.removeprefix(prefix)
        seen[name] = Seen(frames, corners, (info.width, info.height), info.n_frames)
    return seen


def run(seen: dict[str, Seen], board: Board, *, fisheye: bool = False) -> CalibrationResult:
    return calibrate(
        seen, board.points, fisheye=fisheye, symmetries=board.symmetries, neighbours=board.neighbours
    )


def distances(cameras: Cameras) -> np.ndarray:
    centers = np.array([camera.center for camera in cameras])
    a, b = np.triu_indices(len(centers), 1)
    return np.linalg.norm(centers[a] - centers[b], axis=1)


def focal_lengths(cameras: Cameras) -> np.ndarray:
    return np.array([camera.matrix[0, 0] for camera in cameras])


def test_checkerboard_stereo(shared_data: Path) -> None:
    """The well-known set of the Bouguet toolbox, where a low error is no proof: check f and baseline."""
    folder = shared_data / "checkerboard-stereo"
    board = Checkerboard(9, 6, 30.0)
    cameras = run(look(folder, board, "board-"), board).cameras
    true = read_calibration(folder / "reference" / "calibration-reference.toml").subset(cameras.names)
    np.testing.assert_allclose(focal_lengths(cameras), focal_lengths(true), rtol=0.003)
    np.testing.assert_allclose(distances(cameras), distances(true), rtol=0.002)
    # The reference, which takes the board for flat, has other principal points: see the next test.
    centres = [camera.matrix[:2, 2] for camera in cameras]
    np.testing.assert_allclose(centres, [camera.matrix[:2, 2] for camera in true], atol=6)


@pytest.mark.parametrize(
    ("folder", "prefix", "board"),
    [
        ("checkerboard-stereo", "board-", Checkerboard(9, 6, 30.0)),
        ("mouse-4cam", "board_", CharucoBoard(8, 11, 24.0, 18.75, 4, 1000)),
    ],
)
def test_cameras_agree_better_than_the_reference_where_they_were_not_fitted(
    shared_data: Path, folder: str, prefix: str, board: Board
) -> None:
    """Every other frame is fitted; in the others, lines of sight to a corner miss each other by less.

    This asks nothing of the board, so it judges those who know its shape and those who do not alike.
    """
    seen = look(shared_data / folder, board, prefix)
    result = run({name: only(one, one.frames % 2 == 0) for name, one in seen.items()}, board)
    reference = read_calibration(shared_data / folder / "reference" / "calibration-reference.toml")
    judged = {name: only(one, one.frames % 2 == 1) for name, one in seen.items()}
    frames = np.unique(np.concatenate([one.frames for one in judged.values()]))
    corners = np.full((len(seen), len(frames), len(board.points), 2), np.nan)
    for row, name in enumerate(result.cameras.names):
        corners[row, np.searchsorted(frames, judged[name].frames)] = judged[name].corners
    ours, others = (
        np.nanmedian(reprojection_errors(cameras, triangulate(cameras, corners), corners))
        for cameras in (result.cameras, reference.subset(result.cameras.names))
    )
    assert ours < 0.8 * others


@pytest.mark.parametrize(
    ("folder", "board", "most"),
    [
        ("checkerboard-stereo", Checkerboard(9, 6, 30.0), 0.27),
        ("mouse-4cam", CharucoBoard(8, 11, 24.0, 18.75, 4, 1000), 0.16),
    ],
)
def test_distances_are_as_right_as_pictures_and_board_allow(
    shared_data: Path, folder: str, board: Board, most: float
) -> None:
    """The noise of the corners allows `most` per cent; the rest of what is off is the board's own."""
    metadata = run(look(shared_data / folder, board, "board"), board).cameras.metadata
    assert metadata["held_out_edge_noise_percent"] < most
    expected = metadata["held_out_edge_expected_percent"]
    assert metadata["held_out_edge_error_percent"] < 1.15 * expected
    assert abs(metadata["held_out_edge_bias_percent"]) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "board"),
    [
        ("checkerboard-stereo", Checkerboard(9, 6, 30.0)),
        ("mouse-4cam", CharucoBoard(8, 11, 24.0, 18.75, 4, 1000)),
        ("aruco-grid-1cam", ArucoBoard(4, 5, 37.5, 5.0, 6, 1000)),
    ],
)
def test_no_other_lenses_predict_views_better(shared_data: Path, folder: str, board: Board) -> None:
    """In views held out, by more than 2.5 standard errors, as a mean of squared errors up to 5 deviations."""
    seen = look(shared_data / folder, board, "board")

    def squares(models: tuple[LensModel, ...]) -> np.ndarray:
        lenses = {name: LensSettings(models=models) for name in seen}
        held_out = calibrate(seen, board.points, lenses=lenses).held_out
        found = (held_out.errors**2).sum(-1)  # type: ignore[union-attr]
        return np.nanmean(np.minimum(found, 25 * np.nanmedian(found) / 1.39), axis=1)

    chosen = squares(())
    models: tuple[LensModel, ...] = ("k1", "k1 k2", "k1 k2 p1 p2 k3")
    for model in models:
        worse = squares((model,)) - chosen
        assert worse.mean() >= -2.5 * worse.std() / np.sqrt(len(worse))


def test_four_views_of_a_curved_sheet_do_not_tell_a_lens(shared_data: Path) -> None:
    """checkerboard-images: any three of the four give 520 to 1060 px, OpenCV with its models 248 to 828.

    cv2.calibrateCamera with CALIB_FIX_ASPECT_RATIO: 267; with k1 and a centred principal point: 828; with k1
    and k2: 711.
    """
    board = Checkerboard(9, 6, 1.0)
    pictures = image_files(shared_data / "checkerboard-images")
    found = {picture.name: detect_in_video(board, read_gray(picture))[1] for picture in pictures}
    assert [name for name, corners in found.items() if not len(corners)] == ["cam_0_frame_000.jpg"]
    corners = np.concatenate([c for name, c in found.items() if name.startswith("cam_0") and len(c)])
    with pytest.raises(CalibrationError) as error:
        calibrate({"cam_0": Seen(np.arange(4), corners, (1280, 720))}, board.points)
    words = r"camera cam_0: the views do not tell its focal length \(7\d\d px, give or take [12]\d0\)"
    assert re.search(words, str(error.value))


def test_mouse_4cam_is_better_than_its_reference_on_frames_held_out(shared_data: Path) -> None:
    """The reference has centred principal points and k1 alone, and its corners are 0.5 px off.

    In that class the focal lengths of these videos move by 1 to 2 % with the loss that is used; so frames
    held out of the fit judge, and the reference only tells that nothing is far off.
    """
    folder = shared_data / "mouse-4cam"
    board = CharucoBoard(8, 11, 24.0, 18.75, 4, 1000)
    seen = look(folder, board, "board_")
    even = {name: Seen(one.frames[::2], one.corners[::2], one.size) for name, one in seen.items()}
    fitted = run(even, board).cameras
    reference = read_calibration(folder / "reference" / "calibration-reference.toml").subset(fitted.names)
    held_out = np.stack([seen[name].corners[1::2] for name in fitted.names])
    errors, edges = {}, {}
    a, b = board.neighbours.T
    for name, cameras in {"ours": fitted, "reference": reference}.items():
        corners = triangulate(cameras, held_out)
        errors[name] = np.nanmedian(reprojection_errors(cameras, corners, held_out))
        edges[name] = np.nanmedian(np.abs(np.linalg.norm(corners[:, a] - corners[:, b], axis=-1) / 24 - 1))
    assert errors["ours"] < 0.2 < errors["reference"]
    assert edges["ours"] < edges["reference"]
    assert edges["ours"] < 0.003
    np.testing.assert_allclose(focal_lengths(fitted), focal_lengths(reference), rtol=0.015)
    np.testing.assert_allclose(distances(fitted), distances(reference), rtol=0.01)


def test_charuco_room_with_cameras_out_of_step(shared_data: Path) -> None:
    folder = shared_data / "charuco-4cam-room"
    board = CharucoBoard(4, 5, 54.0, 40.5, 4, 1000)
    result = run(look(folder, board, "board_cam"), board)
    cameras = result.cameras
    assert cameras.metadata["lenses_from"] == "each camera's own views"
    assert np.nanmean(np.linalg.norm(result.residuals, axis=-1)) < 1.2
    # Within single views alone, corners have errors that let distances be off by more than 0.3 %.
    assert cameras.metadata["held_out_edge_noise_percent"] > 0.3
    true = read_calibration(folder / "reference" / "calibration-reference.toml").subset(cameras.names)
    np.testing.assert_allclose(focal_lengths(cameras), focal_lengths(true), rtol=0.02)
    # With the corners of OpenCV 4.11 one distance differs by 2.008 %, in videos that are out of step.
    np.testing.assert_allclose(distances(cameras), distances(true), rtol=0.025)
    edges = edges_of(board.neighbours, board.points, board.points)
    ours, others = (
        np.nanmedian(np.abs(edge_lengths(found, result.corners, edges) / edges.lengths - 1))
        for found in (cameras, true)
    )
    assert ours < 0.0055 < others


@pytest.mark.parametrize(
    ("folder", "board", "fisheye", "focal", "centre", "error"),
    [
        ("aruco-grid-1cam", ArucoBoard(4, 5, 37.5, 5.0, 6, 1000), False, 811.0, (318.3, 240.5), 0.46),
        ("fisheye-1cam", Checkerboard(15, 9, 26.0), True, 436.2, (493.7, 379.1), 0.31),
    ],
)
def test_single_camera(
    shared_data: Path,
    folder: str,
    board: Board,
    fisheye: bool,
    focal: float,
    centre: tuple[float, float],
    error: float,
) -> None:
    """Against OpenCV's calibration with the full model, see the READMEs; `error` is its rms."""
    result = run(look(shared_data / folder, board, "board_cam"), board, fisheye=fisheye)
    (camera,) = result.cameras
    # OpenCV takes the boards for flat: with that, every other frame gives another focal length, by 0.4 %.
    assert camera.matrix[0, 0] == pytest.approx(focal, rel=0.008)
    np.testing.assert_allclose(camera.matrix[:2, 2], centre, atol=4)
    assert result.cameras.metadata["error"] < error
