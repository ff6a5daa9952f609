"""Camera and trial in file names: patterns, and names compared with each other."""

import pytest

from anipose.errors import ProjectError
from anipose.naming import CameraPattern, infer_pattern, natural_key

# (names, cameras that should be found, trials that should remain)
READABLE = [
    (["vid_abc_cam1", "vid_abc_cam2"], {"1", "2"}, {"vid_abc"}),
    (["vid_abc_cam1", "vid_abc_cam2", "vid_def_cam1", "vid_def_cam2"], {"1", "2"}, {"vid_abc", "vid_def"}),
    (["t1-camA", "t1-camB", "t2-camA", "t2-camB"], {"A", "B"}, {"t1", "t2"}),
    (["camera_1", "camera_2", "camera_3"], {"1", "2", "3"}, {""}),
    ([f"run-cam{n}" for n in range(1, 13)], {str(n) for n in range(1, 13)}, {"run"}),
    (["CAM1_walk", "CAM2_walk"], {"1", "2"}, {"_walk"}),
    (["walk Cam-A", "walk Cam-B"], {"A", "B"}, {"walk"}),
    (["walk_view0", "walk_view1"], {"0", "1"}, {"walk"}),
    (["mouse_back", "mouse_mid", "mouse_side", "mouse_top"], {"back", "mid", "side", "top"}, {"mouse"}),
    (["left_walk", "right_walk"], {"left", "right"}, {"walk"}),
    (["left", "right"], {"left", "right"}, {""}),
    (["10374-run", "10376-run"], {"10374", "10376"}, {"run"}),
    (["run_10374", "run_10376"], {"10374", "10376"}, {"run"}),
    (["m1_L_day2", "m1_R_day2"], {"L", "R"}, {"m1_day2"}),
    (["05272019_fly4_Cam-A_rot", "05272019_fly4_Cam-B_rot"], {"A", "B"}, {"05272019_fly4_rot"}),
]


@pytest.mark.parametrize(("names", "cameras", "trials"), READABLE)
def test_the_camera_is_what_differs(names: list[str], cameras: set[str], trials: set[str]) -> None:
    pattern = infer_pattern([names])
    assert {pattern.camera(name) for name in names} == cameras
    assert {pattern.trial(name) for name in names} == trials


def test_the_calibration_settles_which_of_two_varying_parts_is_the_camera() -> None:
    trials = ["walk1_A", "walk1_B", "walk2_A", "walk2_B"]
    pattern = infer_pattern([trials, ["board_A", "board_B"]])
    assert {pattern.camera(name) for name in trials} == {"A", "B"}


def test_known_cameras_settle_it_too_and_may_be_more_than_those_of_the_trial() -> None:
    pattern = infer_pattern([["mouse_back", "mouse_top"]], known_cameras=["back", "mid", "side", "top"])
    assert [pattern.camera(name) for name in ("mouse_back", "mouse_top")] == ["back", "top"]


def test_cam1_is_not_found_in_cam10() -> None:
    names = ["run_cam1", "run_cam10", "run_cam2"]
    pattern = infer_pattern([names], known_cameras=["cam1", "cam2", "cam10"])
    assert [pattern.camera(name) for name in names] == ["cam1", "cam10", "cam2"]


def test_two_readings_are_an_error_that_shows_both() -> None:
    with pytest.raises(ProjectError) as raised:
        infer_pattern([["walk1_A", "walk1_B", "walk2_A", "walk2_B"]])
    message = str(raised.value)
    assert "More than one reading fits" in message
    assert "cameras 'A', 'B' and trials 'walk1', 'walk2'" in message
    assert "cameras '1', '2' and trials" in message


def test_names_that_give_no_answer_are_an_error_that_says_what_to_write() -> None:
    with pytest.raises(ProjectError, match=r"gives no answer.*cam_regex"):
        infer_pattern([["monday", "tuesday_2"]])


def test_a_pattern_cuts_every_match_out_of_the_trial() -> None:
    pattern = CameraPattern(r"_(back|top)$")
    assert pattern.camera("mouse_top") == "top"
    assert pattern.trial("mouse_top") == "mouse"
    assert pattern.camera("mouse") is None


def test_natural_order() -> None:
    assert sorted(["cam10", "cam9", "cam1", "b"], key=natural_key) == ["b", "cam1", "cam9", "cam10"]
