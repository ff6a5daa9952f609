"""Calibration as the user runs it: reports, cameras left out, advice, rejected boards, errors, drawings."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from anipose.board_drawing import draw
from anipose.boards import ArucoBoard, Board, CharucoBoard, Checkerboard, Inverted
from anipose.draw.board_print import board_pdf
from anipose.geometry.cameras import Camera, Cameras
from anipose.geometry.transforms import rotation_matrix, rotation_vector
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.detections import BoardDetections, read_detections, write_detections
from projects import anipose

SIZE = (640, 480)
BOARD = CharucoBoard(7, 5, 20.0, 15.0, 4, 50)
CONFIG = """
[calibration]
board_type = "charuco"
board_size = [7, 5]
board_marker_bits = 4
board_marker_dict_number = 50
board_marker_length = 15
board_square_side_length = 20

[triangulation]
cam_regex = '-cam([A-Z])$'
"""


def picture(board: Board, seed: int, camera: int, *, mirrored: bool = False) -> np.ndarray:
    """A board held up to a camera of focal length 600 px, 350 mm away, tilted by some 20 degrees.

    Each camera stands 20 degrees further round the place of the board.
    """
    rng = np.random.default_rng(seed)
    scale = 4.0
    drawn = draw(board, scale, margin_px=20)
    turn, _ = cv2.Rodrigues(rng.normal(0, 0.3, 3))
    centre = np.array([*np.array(board.size) / 2, 0])
    place = rng.uniform(-40, 40, 3)
    round_it, _ = cv2.Rodrigues(np.deg2rad([0, 20.0 * camera, 0]))
    matrix = np.array([[600.0, 0, 319.5], [0, 600, 239.5], [0, 0, 1]])
    pose = round_it @ np.column_stack([turn[:, :2], place - turn @ centre])
    pose[2, 2] += 350
    from_pixels = np.array([[1 / scale, 0, -19.5 / scale], [0, 1 / scale, -19.5 / scale], [0, 0, 1]])
    image = cv2.warpPerspective(
        drawn, matrix @ pose @ from_pixels, SIZE, flags=cv2.INTER_AREA, borderValue=128
    )
    return image[:, ::-1] if mirrored else image


def film(root: Path, board: Board, cameras: str = "AB", n: int = 12, **how: bool) -> Path:
    """Folders of pictures of boards."""
    (root / "session1" / "pose-2d").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG)
    for place, camera in enumerate(cameras):
        folder = root / "session1" / "calibration" / f"board-cam{camera}"
        folder.mkdir(parents=True)
        for number in range(n):
            cv2.imwrite(str(folder / f"frame{number:03d}.png"), picture(board, number, place, **how))
    return root


def calibration_of(root: Path) -> Path:
    return root / "session1" / "calibration"


def test_folders_of_pictures_are_calibrated_with_a_report(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    done = anipose(root, "calibrate", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    assert re.search(r"A +12 views, error 0\.\d\d px, held out 0\.\d\d", done.stdout)
    figures = json.loads((calibration_of(root) / "report.json").read_text())
    assert figures["verdict"] in ("good", "usable")
    assert figures["pairs"][0]["shared_views"] == 12
    assert figures["cameras"]["A"]["focal_length"]["value"] == pytest.approx(600, rel=0.02)
    page = (calibration_of(root) / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "http" not in page.replace("http-equiv", "")  # self-contained
    again = anipose(root, "calibrate", "--jobs", "1")
    assert "up to date" in again.stdout
    assert "done" not in again.stdout


def test_doubts_are_named_on_the_terminal_and_in_the_report(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD, n=6)
    done = anipose(root, "calibrate", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    figures = json.loads((calibration_of(root) / "report.json").read_text())
    assert figures["verdict"] == "usable"
    few = "camera A: only 6 views of the board; 10 or more are safe. Film it for longer there"
    assert few in figures["doubts"]
    assert f"- {few}" in " ".join(done.stdout.split())
    assert few in (calibration_of(root) / "report.html").read_text()


def test_board_on_the_floor_is_the_world(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    keys = ("--set", "calibration.world=board", "--set", "calibration.world_frame=4")
    assert anipose(root, "calibrate", "--jobs", "1", *keys).returncode == 0
    cameras = read_calibration(calibration_of(root) / "calibration.toml")
    assert cameras.metadata["world"] == "board in frame 4"
    # It was held some 350 mm away, and tilted by some 20 degrees.
    heights = [camera.center[2] for camera in cameras]
    assert all(200 < height < 420 for height in heights)


def test_the_board_of_another_frame_than_the_one_asked_for_is_told(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    done = anipose(
        root,
        "calibrate",
        "--jobs",
        "1",
        "--set",
        "calibration.world=board",
        "--set",
        "calibration.world_frame=500",
    )
    assert done.returncode == 0, done.stdout
    told = (
        "not found in calibration.world_frame = 500; the coordinate system is that of the board in frame 11"
    )
    assert told in " ".join(done.stdout.split())


def test_frames_of_pictures_are_their_numbers(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    (calibration_of(root) / "board-camA" / "frame003.png").unlink()
    assert anipose(root, "calibrate", "--jobs", "1").returncode == 0
    frames = read_detections(calibration_of(root) / "detections.board-camA.csv").frames
    assert frames.tolist() == [number for number in range(12) if number != 3]


def test_camera_without_boards_is_left_out_and_named(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD, "ABC")
    for path in (calibration_of(root) / "board-camC").iterdir():
        cv2.imwrite(str(path), np.full(SIZE[::-1], 128, np.uint8))
    done = anipose(root, "calibrate", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    assert "camera C is not in the calibration: the board was found in 0 of 12 frames" in done.stdout
    cameras = read_calibration(calibration_of(root) / "calibration.toml")
    assert cameras.names == ("A", "B")
    assert "C" in cameras.metadata["left_out"]


@pytest.mark.parametrize(
    ("keys", "fix"),
    [
        ("calibration.board_size=[5,7]", "board_size = [7, 5]"),
        ("calibration.board_marker_bits=5", "board_marker_bits = 4, board_marker_dict_number = 50"),
        ("calibration.board_inverted=true", "board_inverted = false"),
    ],
)
def test_wrong_settings_are_told_with_the_fix(tmp_path: Path, keys: str, fix: str) -> None:
    root = film(tmp_path, BOARD)
    failed = anipose(root, "calibrate", "--jobs", "1", "--set", keys)
    assert failed.returncode == 1
    assert f"set {fix} under [calibration] of config.toml" in failed.stdout
    assert not (calibration_of(root) / "calibration.toml").exists()
    assert json.loads((calibration_of(root) / "report.json").read_text())["verdict"] == "failed"
    checked = anipose(root, "check", "calibration", "--set", keys)
    assert checked.returncode == 1
    assert f"set {fix} under [calibration] of config.toml" in checked.stdout
    assert anipose(root, "calibrate", "--jobs", "1").returncode == 0


def test_another_kind_of_board_is_told(tmp_path: Path) -> None:
    root = film(tmp_path / "markers", BOARD, "A", 5)
    failed = anipose(root, "calibrate", "--jobs", "1", "--set", "calibration.board_type=checkerboard")
    assert failed.returncode == 1
    assert "the pictures show markers of 4 x 4 bits, with numbers up to 16." in failed.stdout
    root = film(tmp_path / "squares", Checkerboard(8, 5, 20.0), "A", 5)
    failed = anipose(root, "calibrate", "--jobs", "1")
    assert failed.returncode == 1
    assert 'set board_type = "checkerboard", board_size = [8, 5] under [calibration]' in failed.stdout


@pytest.mark.parametrize(
    ("board", "given", "right"),
    [
        (BOARD, {"board_size": "[7,3]"}, [7, 5]),
        (
            ArucoBoard(5, 4, 20.0, 4.0, 4, 50),
            {
                "board_type": "aruco",
                "board_size": "[5,3]",
                "board_marker_length": 20,
                "board_marker_separation_length": 4,
            },
            [5, 4],
        ),
    ],
)
def test_rows_that_the_config_does_not_have_are_told(
    tmp_path: Path, board: Board, given: dict[str, object], right: list[int]
) -> None:
    """A part of the board is found as well as the whole, and would do; the rest is told."""
    root = film(tmp_path, board, n=8)
    keys = [word for key, value in given.items() for word in ("--set", f"calibration.{key}={value}")]
    told = f"set board_size = {right} under [calibration]"
    checked = anipose(root, "check", "calibration", *keys)
    assert checked.returncode == 0, checked.stdout
    assert "to do: board-camA, board-camB: the board has more rows than the 3 of the config" in checked.stdout
    assert told in checked.stdout
    done = anipose(root, "calibrate", "--jobs", "1", *keys)
    assert (calibration_of(root) / "calibration.toml").exists()
    assert done.stdout.count(told) == 1


def test_checkerboard_that_is_found_now_and_then_may_be_part_of_a_larger_one(tmp_path: Path) -> None:
    """Where its edge is outside of the picture, or in the dark."""
    root = film(tmp_path, Checkerboard(9, 6, 20.0), "A", n=8)
    for number in range(3):
        path = calibration_of(root) / "board-camA" / f"frame{number:03d}.png"
        cv2.imwrite(str(path), picture(Checkerboard(8, 6, 20.0), number, 0))
    keys = ["--set", "calibration.board_size=[8,6]", "--set", "calibration.board_type=checkerboard"]
    checked = anipose(root, "check", "calibration", *keys)
    assert "3 of 8 frames" in checked.stdout
    assert "set board_size = [9, 6] under [calibration]" in checked.stdout


def test_mirrored_videos_are_told(tmp_path: Path) -> None:
    failed = anipose(film(tmp_path, BOARD, mirrored=True), "calibrate", "--jobs", "1")
    assert failed.returncode == 1
    assert "the video is mirrored" in failed.stdout


def test_deleted_pictures_reject_their_frames(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    config = root / "config.toml"
    config.write_text(config.read_text() + "\n[manual_verification]\nmanually_verify = true\n")
    done = anipose(root, "calibrate", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    pictures = sorted((calibration_of(root) / "boards" / "board-camA").glob("*.jpg"))
    assert [path.name for path in pictures] == [f"{number:06d}.jpg" for number in range(12)]
    told = "look at the 12 pictures in"
    assert done.stdout.count(told) == 2  # videos
    pictures[4].unlink()
    again = anipose(root, "calibrate", "--jobs", "1")
    assert again.returncode == 0, again.stdout
    assert told not in again.stdout
    figures = json.loads((calibration_of(root) / "report.json").read_text())
    assert [camera["views"] for camera in figures["cameras"].values()] == [11, 12]
    config.write_text(config.read_text().replace("manually_verify = true", "manually_verify = false"))
    assert "calibration.toml" not in anipose(root, "calibrate", "--jobs", "1").stdout  # the choice holds


def test_moved_session_is_up_to_date_and_moved_calibration_is_used_as_it_is(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    assert anipose(root, "calibrate", "--jobs", "1").returncode == 0
    (root / "session1").rename(root / "day1")
    assert "done" not in anipose(root, "calibrate", "--jobs", "1").stdout
    (root / "day1" / "calibration").rename(root / "calibration")
    content = (root / "calibration" / "calibration.toml").read_bytes()
    kept = anipose(root, "calibrate", "--jobs", "1", "--force", "--set", "calibration.units=cm")
    assert "kept  calibration/calibration.toml  (was not made by anipose: used as it is)" in kept.stdout
    assert (root / "calibration" / "calibration.toml").read_bytes() == content


def test_errors_of_every_corner_and_frame(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    assert anipose(root, "calibration-errors", "--jobs", "1").returncode == 0
    lines = (calibration_of(root) / "errors_frames.csv").read_text().splitlines()
    assert lines[0] == "recording,camera,frame,n_corners,error_median,error_95,error_max"
    assert len(lines) == 1 + 2 * 12
    assert all(float(line.split(",")[4]) < 0.5 for line in lines[1:])


def test_errors_as_the_older_program_has_them(tmp_path: Path) -> None:
    """A file per recording, named like it, with its columns in its order (its `calibration_errors.py`)."""
    root = film(tmp_path, BOARD)
    assert anipose(root, "calibration-errors", "--jobs", "1").returncode == 0
    table = pd.read_csv(calibration_of(root) / "board.csv")
    n_corners = len(BOARD.points)
    names = [f"corner_{n}_{what}" for n in range(n_corners) for what in ("x", "y", "z", "error", "ncams")]
    names += [f"cam_{c}_{what}" for c in "AB" for what in ("rx", "tx", "ry", "ty", "rz", "tz")]
    assert list(table.columns) == [*names, "fnum"]
    assert table["fnum"].tolist() == list(range(12))
    both = table[[f"corner_{n}_ncams" for n in range(n_corners)]].to_numpy()
    assert set(np.unique(both[np.isfinite(both)])) == {2.0}
    errors = table[[f"corner_{n}_error" for n in range(n_corners)]].to_numpy()
    assert np.nanmedian(errors) < 0.2
    # The corners lie where the pose of the board in camera A has them: the world is camera A.
    first = table.iloc[5]
    rotation = rotation_matrix(first[[f"cam_A_r{axis}" for axis in "xyz"]].to_numpy(float))
    expected = BOARD.points @ rotation.T + first[[f"cam_A_t{axis}" for axis in "xyz"]].to_numpy(float)
    found = first[[f"corner_{n}_{axis}" for n in range(n_corners) for axis in "xyz"]].to_numpy(float)
    seen = np.isfinite(found.reshape(-1, 3)[:, 0])
    assert np.linalg.norm(found.reshape(-1, 3) - expected, axis=1)[seen].max() < 2  # of boards 200 mm wide


def test_errors_have_the_board_as_each_camera_alone_sees_it(tmp_path: Path) -> None:
    """So every frame tells where the cameras are from each other, whatever the calibration says."""
    root = film(tmp_path, BOARD)
    assert anipose(root, "calibrate", "--jobs", "1").returncode == 0

    def board_in(camera: str) -> np.ndarray:
        table = pd.read_csv(calibration_of(root) / "board.csv")
        return table[[f"cam_{camera}_{what}{axis}" for what in "rt" for axis in "xyz"]].to_numpy()

    assert anipose(root, "calibration-errors", "--jobs", "1").returncode == 0
    before = {camera: board_in(camera) for camera in "AB"}
    path = calibration_of(root) / "calibration.toml"
    first, second = read_calibration(path)
    wrong = second.with_pose(second.rotation, second.translation + np.array([4.0, 0, 0]))
    write_calibration(path, Cameras((first, wrong), {}))
    assert anipose(root, "calibration-errors", "--jobs", "1").returncode == 0
    for camera in "AB":
        np.testing.assert_allclose(board_in(camera), before[camera], rtol=0.01, atol=0.02)  # mm
    turns = [rotation_matrix(before[camera][:, :3]) for camera in "AB"]
    between = rotation_vector(turns[1] @ np.swapaxes(turns[0], 1, 2))
    # 20 degrees about y; by each frame alone to some tenths of a degree.
    np.testing.assert_allclose(np.rad2deg(np.median(between, axis=0)), [0, 20, 0], atol=0.3)
    assert 0.001 < np.rad2deg(between.std(axis=0).max()) < 1


@pytest.mark.parametrize(
    "board",
    [
        BOARD,
        Inverted(CharucoBoard(4, 5, 54.0, 40.5, 4, 1000)),
        Checkerboard(9, 6, 30.0),
        ArucoBoard(3, 4, 40.0, 6.0, 6, 250),
        ArucoBoard(1, 1, 30.0, 0.0, 4, 50),
    ],
)
def test_print_is_the_board_in_true_size(board: Board) -> None:
    """The rectangles of the page, filled in at 4 pixels per point, are found where the board has them."""
    pdf = board_pdf(board, 1.0, {"board_size": [7, 5]}).decode("latin-1")
    box = re.search(r"MediaBox \[0 0 (\S+) (\S+)\]", pdf)
    assert box is not None
    width, height = float(box[1]), float(box[2])
    image, grey = np.full((int(height * 4), int(width * 4)), 255, np.uint8), 0
    for line in pdf.split("stream\n")[1].split("\n"):
        if line.endswith(" g"):
            grey = 255 * int(line.split()[0])
        elif line.endswith("re f"):
            x, y, w, h = (4 * float(word) for word in line.split()[:4])
            image[round(4 * height - y - h) : round(4 * height - y), round(x) : round(x + w)] = grey
    corners = board.detect(image)
    seen = np.isfinite(corners[:, 0])
    assert seen.all()
    fit, *_ = np.linalg.lstsq(np.c_[board.points[:, :2], np.ones(len(corners))], corners, rcond=None)
    np.testing.assert_allclose(fit[:2], np.eye(2) * 4 * 72 / 25.4, atol=0.02)


@pytest.mark.parametrize("board", [BOARD, ArucoBoard(1, 1, 8.0, 0.0, 4, 50), Inverted(BOARD)])
def test_text_and_ruler_are_on_the_page_below_the_board(board: Board) -> None:
    """A letter of Helvetica is at most as wide as high; those of these lines are little more than half."""
    settings = {"board_type": "charuco", "board_marker_separation_length": 123.456, "units": "µm"}
    pdf = board_pdf(board, 1.0, settings).decode("latin-1")
    width = float(re.search(r"MediaBox \[0 0 (\S+) ", pdf)[1])  # type: ignore[index]
    lines = re.findall(r"/F1 (\S+) Tf (\S+) (\S+) Td \((.*)\) Tj", pdf)
    assert all(float(x) + 0.56 * float(size) * len(text) < width for size, x, _, text in lines)
    assert min(float(y) for _, _, y, _ in lines) > 0
    texts = " ".join(text for *_, text in lines)
    assert "0 10 20 30 40 50 60 70 80 90 100 mm Print at 100 %" in texts
    assert 'board_marker_separation_length = 123.456, units = "\xb5m"' in texts
    widths, below = [], []
    for line in pdf.split("stream\n")[1].split("\n"):
        if line.endswith("re f"):
            _, y, w, h = (float(word) / 72 * 25.4 for word in line.split()[:4])
            widths.append(w)
            below.append(y + h)
    (ruler,) = (number for number, w in enumerate(widths) if w == pytest.approx(100, abs=1e-3))
    assert max(below[ruler:]) < min(y for y in below[:ruler]) + 1e-6 or isinstance(board, Inverted)


def test_board_is_drawn_before_there_is_a_session(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    done = anipose(tmp_path, "draw-calibration", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    folder = tmp_path / "calibration-board"
    assert (folder / "board.pdf").read_bytes().startswith(b"%PDF-1.4")
    picture_of_it = cv2.imread(str(folder / "board.png"), cv2.IMREAD_GRAYSCALE)
    assert np.isfinite(BOARD.detect(picture_of_it)).all()
    assert anipose(tmp_path, "calibrate", "--jobs", "1").returncode == 1


def test_a_single_marker_is_a_board(tmp_path: Path) -> None:
    """A grid of 1 x 1, which has no separation."""
    marker = ArucoBoard(1, 1, 90.0, 0.0, 4, 50)
    root = film(tmp_path, marker, n=40)
    keys = 'board_type = "aruco"\nboard_size = [1, 1]\nboard_marker_length = 90\nboard_marker_bits = 4\n'
    keys += "board_marker_dict_number = 50\n\n[triangulation]"
    (root / "config.toml").write_text("[calibration]\n" + keys + CONFIG.split("[triangulation]")[1])
    done = anipose(root, "calibrate", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    cameras = read_calibration(calibration_of(root) / "calibration.toml")
    assert cameras.cameras[0].matrix[0, 0] == pytest.approx(600, rel=0.03)


def test_advice_survives_the_file(tmp_path: Path) -> None:
    found = BoardDetections((640, 480), 10, np.empty(0, int), np.empty((0, 24, 2)), "set x = 1")
    write_detections(tmp_path / "d.csv", found)
    assert read_detections(tmp_path / "d.csv").advice == "set x = 1"


def lenses_of(root: Path) -> dict[str, tuple[np.ndarray, np.ndarray, bool]]:
    cameras = read_calibration(calibration_of(root) / "calibration.toml")
    return {camera.name: (camera.matrix, camera.distortions, camera.fisheye) for camera in cameras}


@pytest.mark.parametrize(("use", "tolerance"), [("fixed", 0.0), ("refine", 0.02)])
def test_lenses_of_another_calibration_are_used(tmp_path: Path, use: str, tolerance: float) -> None:
    """Its focal lengths are 1 % too long: kept if they are fixed; if refined, between."""
    root = film(tmp_path, BOARD)
    elsewhere = np.array([[606.0, 0, 319.5], [0, 606, 239.5], [0, 0, 1]])
    cameras = tuple(Camera(name, SIZE, elsewhere, np.zeros(5)) for name in "AB")
    write_calibration(root / "lenses" / "calibration.toml", Cameras(cameras, {}))
    keys = (
        "--set",
        "calibration.calibration_init=lenses/calibration.toml",
        "--set",
        f"calibration.intrinsics={use}",
    )
    done = anipose(root, "calibrate", "--jobs", "1", *keys)
    assert done.returncode == 0, done.stdout
    for matrix, distortions, _ in lenses_of(root).values():
        np.testing.assert_allclose(matrix, elsewhere, atol=tolerance * 606)
        assert (distortions == 0).all() or use == "refine"


def test_lens_of_the_config_is_used(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    config = root / "config.toml"
    matrix = [[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]]
    of_camera = f"matrix = {matrix}\ndistortions = [0.0, 0.0, 0.0, 0.0, 0.0]\n"
    config.write_text(config.read_text() + f"[cameras.A]\n{of_camera}[cameras.B]\n{of_camera}")
    done = anipose(root, "calibrate", "--jobs", "1", "--set", "calibration.intrinsics=fixed")
    assert done.returncode == 0, done.stdout
    np.testing.assert_array_equal(lenses_of(root)["A"][0], matrix)
    missing = anipose(root, "calibrate", "--jobs", "1", "--set", "calibration.intrinsics=estimate")
    assert missing.returncode == 0
    assert lenses_of(root)["A"][0][0, 0] != 600.0


def test_lens_that_is_not_given_is_asked_for(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    failed = anipose(root, "calibrate", "--jobs", "1", "--set", "calibration.intrinsics=fixed")
    assert failed.returncode == 1
    assert 'calibration.intrinsics = "fixed", but no lens is given for camera A, B' in failed.stdout


def test_lenses_filmed_apart_are_used(tmp_path: Path) -> None:
    """The cameras together see the board in 4 frames only; each alone in 16 more."""
    root = film(tmp_path, BOARD, n=20)
    apart = root / "session1" / "calibration-intrinsics"
    for folder in sorted(calibration_of(root).iterdir()):
        (apart / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[4:]:
            path.rename(apart / folder.name / path.name)
    done = anipose(root, "calibrate", "--jobs", "1", "--set", "calibration.intrinsics=fixed")
    assert done.returncode == 0, done.stdout
    for matrix, _, _ in lenses_of(root).values():
        assert matrix[0, 0] == pytest.approx(600, rel=0.01)
    figures = json.loads((calibration_of(root) / "report.json").read_text())
    assert figures["cameras"]["A"]["views"] == 4


def test_one_camera_may_be_a_fisheye(tmp_path: Path) -> None:
    root = film(tmp_path, BOARD)
    with (root / "config.toml").open("a") as config:
        config.write("[cameras.B]\nfisheye = true\n")
    done = anipose(root, "calibrate", "--jobs", "1")
    assert done.returncode == 0, done.stdout
    assert [is_fisheye for _, _, is_fisheye in lenses_of(root).values()] == [False, True]
