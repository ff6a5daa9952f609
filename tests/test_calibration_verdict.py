"""What the report says of a calibration, in words: every doubt has its camera, and what to film."""

from dataclasses import replace

import numpy as np
import pytest

from anipose.calibration_figures import figures_of
from anipose.calibration_report import calibration_page
from anipose.geometry.board_views import Seen
from anipose.geometry.calibration import calibrate
from board_rigs import BOARD, SIZE, Scene, film, make_cameras, only


@pytest.fixture(scope="module")
def scene() -> Scene:
    rng = np.random.default_rng(0)
    return film(make_cameras("wall", 3, rng), 60, rng, outliers=0.0)


def report(seen: dict[str, Seen], **starts: int) -> dict:
    result = calibrate(seen, BOARD.points, neighbours=BOARD.neighbours)
    return figures_of(result, seen, BOARD, "mm", starts=starts or {"board": 0}, warnings=list(result.doubts))


def test_good_calibration_has_no_doubts(scene: Scene) -> None:
    figures = report(dict(scene.seen))
    assert figures["verdict"] == "good"
    assert figures["doubts"] == []
    assert len(figures["words"]) == 1
    assert figures["words"][0].startswith(
        "Good: 3 cameras; distances on boards that were held out are right to"
    )


def test_few_views_are_a_doubt(scene: Scene) -> None:
    seen = {**scene.seen, "cam2": only(scene.seen["cam2"], np.arange(0, 42, 6))}
    figures = report(seen)
    assert figures["verdict"] == "usable"
    expected = "camera cam2: only 7 views of the board; 10 or more are safe. Film it for longer there"
    assert expected in figures["doubts"]
    assert all(doubt in figures["words"] for doubt in figures["doubts"])


def test_few_shared_frames_are_a_doubt(scene: Scene) -> None:
    """Camera 2 shares three frames with the others; all others are its own."""
    own = scene.seen["cam2"].frames[::2]
    shared = own[:3]
    seen = {"cam2": only(scene.seen["cam2"], np.isin(scene.seen["cam2"].frames, own))}
    for name in ("cam0", "cam1"):
        frames = scene.seen[name].frames
        seen[name] = only(scene.seen[name], ~np.isin(frames, own) | np.isin(frames, shared))
    found = [doubt for doubt in report(seen)["doubts"] if "one of the others" in doubt]
    assert len(found) == 1
    assert found[0].startswith(
        "camera cam2: only 3 frames show the board to one of the others as well (cam2 and"
    )
    assert found[0].endswith("; 5 or more are safe. Film it where both see it")


def test_errors_of_the_worst_views_are_named(scene: Scene) -> None:
    """The corners of frame 20 in camera 1 are 3 px off. It is frame 5 of the second recording."""
    one = scene.seen["cam1"]
    number = int(one.frames[len(one.frames) // 2])
    corners = one.corners.copy()
    corners[one.frames == number] += [3.0, 0.0]
    seen = {**scene.seen, "cam1": replace(one, corners=corners)}
    figures = report(seen, first=0, second=number - 5)
    worst = figures["worst_views"][0]
    assert (worst["recording"], worst["frame"]) == ("second", 5)
    assert worst["camera"] == "cam1"
    assert 1 < worst["error_px"] < 4
    assert "<h2>Worst views</h2>" in calibration_page(figures)
    assert "<td>cam1</td><td>second</td><td>5</td>" in calibration_page(figures)


def test_small_part_of_the_picture_is_a_doubt(scene: Scene) -> None:
    """Corners further than 230 px from the middle were not seen; cells of 80 px there are 17 %."""
    seen = {}
    for name, one in scene.seen.items():
        off = np.linalg.norm(one.corners - np.array(SIZE) / 2, axis=-1, keepdims=True)
        seen[name] = replace(one, corners=np.where(off < 230, one.corners, np.nan))
    doubts = report(seen)["doubts"]
    assert sum("of its picture only; outside, its lens is a guess" in doubt for doubt in doubts) == 3
