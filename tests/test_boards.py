"""Boards are drawn, held before a camera and found again: where the corners are is known exactly."""

from dataclasses import replace
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
import pytest

from anipose.board_drawing import draw
from anipose.boards import ArucoBoard, Board, CharucoBoard, Checkerboard, make_board
from anipose.detection import checkerboard_size, count_crossings, detect_in_video
from anipose.errors import ConfigError
from anipose.geometry.cameras import Camera
from anipose.geometry.transforms import rotation_matrix

CHARUCO = CharucoBoard(7, 5, 20.0, 15.0, 4, 50)
EVEN_CHARUCO = CharucoBoard(5, 6, 20.0, 15.0, 4, 50)
CHECKERBOARD = Checkerboard(9, 6, 20.0)
ARUCO = ArucoBoard(4, 5, 30.0, 6.0, 6, 1000)
BOARDS = [CHARUCO, EVEN_CHARUCO, replace(EVEN_CHARUCO, legacy=True), CHECKERBOARD, ARUCO]
# As large as where the search starts in the halved picture.
CAMERA = Camera("a", (1000, 760), np.array([[900.0, 0, 505], [0, 900, 370], [0, 0, 1]]), np.array([-0.1]))
PIXELS_PER_MM, MARGIN_PX = 4.0, 30


@lru_cache
def printed(board: Board) -> np.ndarray:
    return 30 + 0.75 * draw(board, PIXELS_PER_MM, margin_px=MARGIN_PX).astype(np.float32)


@lru_cache
def rays_of_samples() -> np.ndarray:
    """Normalised coordinates of 2 x 2 samples per pixel."""
    width, height = CAMERA.size
    return CAMERA.undistort(np.stack(np.meshgrid(np.arange(2 * width), np.arange(2 * height)), -1) / 2 - 0.25)


def photograph(
    board: Board, turn: tuple[float, float, float], distance: float
) -> tuple[np.ndarray, np.ndarray]:
    """A slightly blurred, noisy picture of a board before a grey wall, and where its corners are."""
    rotation = rotation_matrix(np.array(turn))
    origin = np.array([0, 0, distance]) - rotation @ np.array([*board.size, 0]) / 2
    board_from_ray = np.linalg.inv(np.column_stack([rotation[:, 0], rotation[:, 1], origin]))
    where = cv2.perspectiveTransform(rays_of_samples(), board_from_ray) * PIXELS_PER_MM + MARGIN_PX - 0.5
    seen = cv2.remap(printed(board), where.astype(np.float32), None, cv2.INTER_LINEAR, borderValue=110.0)
    seen = cv2.GaussianBlur(cv2.resize(seen, CAMERA.size, interpolation=cv2.INTER_AREA), (0, 0), 0.7)
    noisy = seen + np.random.default_rng(1).normal(0, 2, seen.shape)
    picture = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return picture, CAMERA.project(board.points @ rotation.T + origin)


@pytest.mark.parametrize(
    "board", BOARDS, ids=lambda board: f"{type(board).__name__}{board.columns}x{board.rows}"
)
@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.4, -0.3, 0.2), (-0.5, 0.3, 2.5)])
def test_corners_are_found_where_they_are(board: Board, turn: tuple[float, float, float]) -> None:
    picture, true = photograph(board, turn, 330.0)
    found = board.detect(picture)
    errors = np.linalg.norm(found - true, axis=1)
    # An L-shaped corner of a marker is rounded by blur, towards its inside; X-shaped ones are not moved.
    most = 0.35 if isinstance(board, ArucoBoard) else 0.12
    assert np.isfinite(errors).mean() > 0.9
    assert np.nanmedian(errors) < most
    assert np.nanquantile(errors, 0.95) < 4 * most
    # No systematic shift: OpenCV 4.11 alone is off by (0.5, 0.5) px with ChArUco boards.
    assert np.abs(np.nanmean(found - true, axis=0)).max() < 0.1


@pytest.mark.parametrize("legacy", [False, True])
def test_layout_is_told_apart(legacy: bool) -> None:
    picture, true = photograph(replace(EVEN_CHARUCO, legacy=legacy), (0.2, 0.1, 0.0), 300.0)
    assert np.nanmax(np.abs(replace(EVEN_CHARUCO, legacy=None).detect(picture) - true)) < 1
    assert np.isnan(replace(EVEN_CHARUCO, legacy=not legacy).detect(picture)).all()


@pytest.mark.parametrize("board", [CHARUCO, EVEN_CHARUCO, replace(EVEN_CHARUCO, legacy=True), ARUCO])
def test_drawing_is_that_of_opencv(board: CharucoBoard | ArucoBoard) -> None:
    """Same squares and markers in the same places, to the pixel."""
    dictionary = cv2.aruco.getPredefinedDictionary(
        getattr(cv2.aruco, f"DICT_{board.marker_bits}X{board.marker_bits}_{board.dictionary_size}")
    )
    size = (board.columns, board.rows)
    if isinstance(board, CharucoBoard):
        theirs = cv2.aruco.CharucoBoard(size, board.square_length, board.marker_length, dictionary)
        theirs.setLegacyPattern(bool(board.legacy))
    else:
        theirs = cv2.aruco.GridBoard(size, board.marker_length, board.separation, dictionary)
    ours = draw(board, 4.0, margin_px=10)
    expected = theirs.generateImage(ours.shape[::-1], None, 10, 1)
    assert (ours != expected).mean() < 0.01


def test_checkerboard_begins_beside_a_black_square() -> None:
    picture = draw(CHECKERBOARD, 1.0, margin_px=5)
    assert picture[5 + 10, 5 + 10] == 0
    assert picture[5 + 10, 5 + 30] == 255
    np.testing.assert_array_equal(CHECKERBOARD.points[0], [20, 20, 0])
    np.testing.assert_array_equal(CHECKERBOARD.points[9], [20, 40, 0])


@pytest.mark.parametrize("quarter_turns", [0, 2])
def test_checkerboard_is_numbered_the_same_upside_down(quarter_turns: int) -> None:
    picture, true = photograph(CHECKERBOARD, (0.2, 0.3, np.pi / 2 * quarter_turns), 330.0)
    assert np.abs(CHECKERBOARD.detect(picture) - true).max() < 0.5


def test_no_board_is_all_nan() -> None:
    for board, picture in product(
        BOARDS, [np.full((760, 1000), 128, np.uint8), np.zeros((90, 90), np.uint8)]
    ):
        assert np.isnan(board.detect(picture)).all()


def test_corners_on_one_line_are_no_view() -> None:
    picture, true = photograph(CHARUCO, (0.0, 0.0, 0.0), 200.0)
    third_row = true.reshape(4, 6, 2)[2, 0, 1]
    picture[: int(third_row) - 8] = 128
    picture[int(third_row) + 60 :] = 128
    assert np.isnan(CHARUCO.detect(picture)).all()


def test_frames_with_a_board_are_numbered() -> None:
    picture, _ = photograph(CHARUCO, (0.1, 0.2, 0.0), 330.0)
    blank = np.full_like(picture, 90)
    frames, corners = detect_in_video(CHARUCO, iter([blank, picture, blank, picture]))
    np.testing.assert_array_equal(frames, [1, 3])
    assert corners.shape == (2, 24, 2)
    frames, corners = detect_in_video(CHARUCO, iter([blank]))
    assert len(frames) == len(corners) == 0


def test_found_again_in_real_videos(shared_data) -> None:  # type: ignore[no-untyped-def]
    """Counts of the READMEs, which OpenCV's own detectors gave."""
    from anipose.io.video import read_gray

    videos = shared_data / "mouse-4cam" / "experiment" / "session1" / "calibration"
    board = CharucoBoard(8, 11, 24.0, 18.75, 4, 1000)
    frames, corners = detect_in_video(board, read_gray(videos / "board_side.mp4"))
    assert len(frames) == 21
    assert np.isfinite(corners[..., 0]).mean() > 0.9
    videos = shared_data / "checkerboard-stereo" / "experiment" / "session1" / "calibration"
    frames, _ = detect_in_video(CHECKERBOARD, read_gray(videos / "board-left.avi"))
    assert len(frames) == 14


def test_symmetric_checkerboard_says_so() -> None:
    assert not CHECKERBOARD.is_symmetric
    np.testing.assert_array_equal(CHECKERBOARD.symmetries, np.arange(54)[None])
    symmetric = Checkerboard(3, 3, 1.0)
    assert symmetric.is_symmetric
    np.testing.assert_array_equal(symmetric.symmetries[1], np.arange(9)[::-1])


@pytest.mark.parametrize("board", BOARDS[:2] + BOARDS[3:])
def test_neighbours_are_one_length_apart(board: Board) -> None:
    a, b = board.neighbours.T
    length = board.marker_length if isinstance(board, ArucoBoard) else 20.0
    np.testing.assert_allclose(np.linalg.norm(board.points[a] - board.points[b], axis=1), length)


def test_make_board_makes_each_kind() -> None:
    charuco = make_board("charuco", [7, 5], square_length=20, marker_length=15)
    assert charuco == CHARUCO
    assert make_board("checkerboard", [9, 6], square_length=20) == CHECKERBOARD
    aruco = make_board(
        "aruco", [4, 5], marker_length=30, marker_separation=6, marker_bits=6, dictionary_size=1000
    )
    assert aruco == ARUCO


LENGTHS = {"marker_length": 15, "marker_separation": 5}
HEAD = "The calibration board of [calibration] cannot be used:\n  - "


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"board_type": "charuko", "board_size": [5, 5]},
            "board_type = 'charuko' is none of charuco, checkerboard, aruco.",
        ),
        (
            {"board_type": "charuco", "board_size": [5, 5], "square_length": 15, "marker_length": 20},
            "board_marker_length = 20 is not smaller than board_square_side_length = 15; markers lie inside "
            "the squares. Are the two exchanged?",
        ),
        (
            {"board_type": "aruco", "board_size": [5, 5], **LENGTHS, "marker_bits": 8},
            "there is no dictionary with board_marker_bits = 8 and board_marker_dict_number = 50; bits are "
            "4, 5, 6 or 7, numbers 50, 100, 250 or 1000.",
        ),
        (
            {"board_type": "charuco", "board_size": [11, 10], "square_length": 20, "marker_length": 15},
            "a ChArUco board of 11 x 10 squares has 55 markers, but board_marker_dict_number = 50; use 100 "
            "if it was printed so.",
        ),
        (
            {"board_type": "checkerboard", "board_size": [2, 6], "square_length": 20},
            "board_size = [2, 6]: a checkerboard has [columns, rows] of inner corners, each at least 3.",
        ),
        (
            {"board_type": "aruco", "board_size": [4, 5], "marker_length": 20},
            "board_marker_separation_length is missing; measure it on the printed board; "
            "an ArUco grid has one.",
        ),
        (
            {"board_type": "checkerboard", "board_size": [9, 6], "square_length": 0},
            "board_square_side_length = 0 is not a length; measure it on the printed board.",
        ),
    ],
)  # fmt: skip
def test_impossible_board_says_why(settings: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError) as error:
        make_board(**settings)
    assert str(error.value) == HEAD + message


def test_all_faults_of_a_board_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        make_board("charuco", [2, 2], marker_bits=3)
    assert str(error.value).count("\n  - ") == 4


def test_size_of_a_checkerboard_is_told() -> None:
    picture, _ = photograph(CHECKERBOARD, (0.3, 0.2, 1.2), 330.0)
    assert checkerboard_size(picture) == (9, 6)
    assert checkerboard_size(np.full_like(picture, 90)) is None


def test_crossings_of_squares_are_counted_and_corners_of_one_are_not() -> None:
    picture, _ = photograph(CHECKERBOARD, (0.3, 0.2, 1.2), 330.0)
    assert 54 <= count_crossings(picture) < 60
    boxes = np.full((760, 1000), 90, np.uint8)
    for corner in np.random.default_rng(2).integers(0, 700, (40, 2)):
        cv2.rectangle(boxes, corner.tolist(), (corner + 60).tolist(), int(corner[0]) % 200, -1)
    assert count_crossings(boxes) < 30  # they have 160 corners
