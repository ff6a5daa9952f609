"""What is found in folders: sessions, trials, cameras and calibrations."""

from pathlib import Path

import pytest

from anipose.errors import ConfigError, ProjectError
from anipose.project import Project, open_project


def make(root: Path, *files: str, config: str = "") -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "config.toml").write_text(config)
    return root


def found(project: Project) -> dict[str, dict[str, list[str]]]:
    """Session -> trial -> cameras."""
    return {s.name: {t.name: list(t.views) for t in s.trials} for s in project.sessions}


LAYOUTS = [
    # (config, files, what should be found)
    (
        "[triangulation]\ncam_regex = '_cam([0-9])$'",
        [
            "s1/videos-raw/vid_abc_cam1.avi",
            "s1/videos-raw/vid_abc_cam2.avi",
            "s1/calibration/calib_v1_cam1.avi",
            "s1/calibration/calib_v1_cam2.avi",
        ],
        {"s1": {"vid_abc": ["1", "2"]}},
    ),
    # no pattern: by comparing with the calibration videos; upper case extensions; cameras in natural order
    (
        "",
        [f"s1/videos-raw/run-cam{n}.MP4" for n in (10, 2, 9)]
        + [f"calibration/board-cam{n}.mp4" for n in (2, 9, 10)],
        {"s1": {"run": ["2", "9", "10"]}},
    ),
    # a pattern that matches nothing: the same
    (
        "[triangulation]\ncam_regex = '-view([0-9])'",
        [
            "s1/videos-raw/run_camA.avi",
            "s1/videos-raw/run_camB.avi",
            "calibration/b_camA.avi",
            "calibration/b_camB.avi",
        ],
        {"s1": {"run": ["A", "B"]}},
    ),
    # several trials, a camera missing from one
    (
        "[triangulation]\ncam_regex = '-([A-Z])$'",
        [f"s1/videos-raw/{t}-{c}.avi" for t, cs in (("x", "ABC"), ("y", "AC")) for c in cs],
        {"s1": {"x": ["A", "B", "C"], "y": ["A", "C"]}},
    ),
    # tracked points alone, as DeepLabCut names them
    (
        "[triangulation]\ncam_regex = '-([A-Z])$'",
        [f"s1/pose-2d/x-{c}DLC_resnet50_testJan1shuffle1_100000.h5" for c in "AB"],
        {"s1": {"x": ["A", "B"]}},
    ),
    # as SLEAP names them
    (
        "[triangulation]\ncam_regex = '-([A-Z])$'",
        [f"s1/videos-raw/x-{c}.mp4" for c in "ABC"]
        + [
            "s1/pose-2d/x-A.mp4.predictions.slp",
            "s1/pose-2d/labels.v001.000_x-B.analysis.h5",
            "s1/pose-2d/x-C.h5",
        ],
        {"s1": {"x": ["A", "B", "C"]}},
    ),
    # the camera is the whole name
    (
        "[triangulation]\ncam_regex = 'camera_([0-9])'",
        ["a/b/s1/videos-raw/camera_1.mp4", "a/b/s1/videos-raw/camera_2.mp4"],
        {"a/b/s1": {"s1": ["1", "2"]}},
    ),
    # 2D: no cameras
    ("", ["s1/videos-raw/vid1.avi", "s1/videos-raw/vid2.avi"], {"s1": {}}),
    # only videos with the extension of the config
    (
        "video_extension = 'mp4'\n[triangulation]\ncam_regex = '-([A-Z])$'",
        ["s1/videos-raw/x-A.mp4", "s1/videos-raw/x-B.mp4", "s1/videos-raw/y-A.avi", "s1/videos-raw/x-A.txt"],
        {"s1": {"x": ["A", "B"]}},
    ),
    # other names of folders
    (
        "[pipeline]\nvideos_raw = 'behData/videos'\n[triangulation]\ncam_regex = '-([A-Z])$'",
        ["f/behData/videos/x-A.mp4", "f/behData/videos/x-B.mp4"],
        {"f": {"x": ["A", "B"]}},
    ),
]


@pytest.mark.parametrize(("config", "files", "expected"), LAYOUTS)
def test_layouts(
    tmp_path: Path, config: str, files: list[str], expected: dict[str, dict[str, list[str]]]
) -> None:
    assert found(open_project(make(tmp_path, *files, config=config))) == expected


def test_two_dimensional_projects_have_views_without_cameras(tmp_path: Path) -> None:
    (session,) = open_project(make(tmp_path, "s1/videos-raw/vid1.avi", "s1/videos-raw/vid2.avi")).sessions
    assert [(view.stem, view.camera) for view in session.views] == [("vid1", None), ("vid2", None)]
    assert session.views[0].poses_2d_raw == tmp_path / "s1" / "pose-2d" / "vid1.h5"


def test_the_pattern_to_write_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = [f"{folder}_cam{n}.avi" for folder in ("s1/videos-raw/run", "calibration/board") for n in (1, 2)]
    open_project(make(tmp_path, *files))
    assert (
        "cam_regex is missing; found by comparing the names: write cam_regex = '_cam([0-9]+)' under"
        in caplog.text
    )


def test_ambiguous_names_are_a_problem_of_that_session_alone(tmp_path: Path) -> None:
    files = ["s1/videos-raw/" + name for name in ("walk1_A.avi", "walk1_B.avi", "walk2_A.avi", "walk2_B.avi")]
    files += ["s1/calibration/calibration.toml", "s2/pose-2d/x.h5"]
    project = open_project(make(tmp_path, *files))
    assert [session.name for session in project.sessions] == ["s2"]
    assert "More than one reading fits" in project.problems["s1"]


def test_two_files_for_one_camera(tmp_path: Path) -> None:
    """Its trial fails alone, also where there are tracked points of it: of which video are they?"""
    files = [f"s1/videos-raw/{name}" for name in ("x-A.avi", "x-B.avi", "x-A.mp4", "y-A.avi", "y-B.avi")]
    files += ["s1/pose-2d/x-A.h5", "s1/pose-2d/x-B.h5"]
    project = open_project(make(tmp_path, *files, config="[triangulation]\ncam_regex = '-([A-Z])$'"))
    assert list(project.problems) == ["s1, trial x"]
    assert "two videos of the same name; keep one of them" in project.problems["s1, trial x"]
    assert project.unusable == ("s1, trial x",)
    (session,) = project.sessions
    assert [trial.name for trial in session.trials] == ["y"]
    assert [view.stem for view in session.views] == ["y-A", "y-B"]


def test_the_nearest_calibration_counts(tmp_path: Path) -> None:
    files = [
        f"{folder}-{camera}.avi"
        for camera in "AB"
        for folder in (
            "calibration/old",
            "m1/calibration/new",
            "m1/s1/videos-raw/x",
            "m1/s2/videos-raw/x",
            "m1/s2/calibration/own",
            "m2/s3/videos-raw/x",
        )
    ]
    project = open_project(make(tmp_path, *files, config="[triangulation]\ncam_regex = '-([A-Z])$'"))
    assert {
        session.name: session.calibration_file.relative_to(tmp_path).as_posix()
        for session in project.sessions
    } == {
        "m1/s1": "m1/calibration/calibration.toml",
        "m1/s2": "m1/s2/calibration/calibration.toml",
        "m2/s3": "calibration/calibration.toml",
    }
    assert len(project.calibrations) == 3


def test_an_empty_calibration_folder_is_passed_over(tmp_path: Path) -> None:
    files = ["calibration/calibration.toml", "s1/calibration/notes.txt", "s1/pose-2d/x-A.h5"]
    (session,) = open_project(
        make(tmp_path, *files, config="[triangulation]\ncam_regex = '-([A-Z])$'")
    ).sessions
    assert session.calibration_file == tmp_path / "calibration" / "calibration.toml"


def test_several_recordings_of_the_board(tmp_path: Path) -> None:
    files = [f"calibration/{take}-{camera}.avi" for take in ("take1", "take2") for camera in "AB"] + [
        "s/pose-2d/x-A.h5"
    ]
    project = open_project(make(tmp_path, *files, config="[triangulation]\ncam_regex = '-([A-Z])$'"))
    (calibration,) = project.calibrations
    assert {take: list(views) for take, views in calibration.recordings.items()} == {
        "take1": ["A", "B"],
        "take2": ["A", "B"],
    }


def test_a_board_video_of_no_camera_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make(
        tmp_path,
        *(f"s/videos-raw/t-cam{c}.mp4" for c in "AB"),
        *(f"calibration/one-cam{c}.mp4" for c in "AB"),
        "calibration/one-topC.mp4",
        config="[triangulation]\ncam_regex = '-cam([A-Z])$'\n",
    )
    (session,) = open_project(root).sessions
    assert session.calibration is not None
    assert set(session.calibration.recordings["one"]) == {"A", "B"}
    assert "calibration: cam_regex '-cam([A-Z])$' is not in the name of one-topC.mp4; left out" in caplog.text


def test_layers_of_config_on_the_way_down(tmp_path: Path) -> None:
    make(tmp_path, "m1/s1/pose-2d/x.h5", "m1/s2/pose-2d/x.h5", config="[filter]\nmedfilt = 3\nn_back = 2")
    (tmp_path / "m1" / "config.toml").write_text("[filter]\nmedfilt = 5\nspline = false")
    (tmp_path / "m1" / "s2" / "config.toml").write_text("[filter]\nmedfilt = 7")
    sessions = open_project(tmp_path, overrides=["filter.n_back=9"]).sessions
    assert [(s.config.filter.medfilt, s.config.filter.spline, s.config.filter.n_back) for s in sessions] == [
        (5, False, 9),
        (7, False, 9),
    ]


def test_from_a_folder_inside(tmp_path: Path) -> None:
    make(
        tmp_path,
        *(f"m1/{s}/pose-2d/x.h5" for s in ("s1", "s2")),
        "m2/s3/pose-2d/x.h5",
        config='project = "p"',
    )
    assert [s.name for s in open_project(tmp_path / "m1").sessions] == ["m1/s1", "m1/s2"]
    assert [s.name for s in open_project(tmp_path / "m1" / "s1" / "pose-2d").sessions] == ["m1/s1"]
    assert [s.name for s in open_project(tmp_path, patterns=["m1/*"]).sessions] == ["m1/s1", "m1/s2"]
    assert [s.name for s in open_project(tmp_path, patterns=["s3"]).sessions] == ["m2/s3"]
    with pytest.raises(ProjectError, match="there is no session named s9; the sessions of"):
        open_project(tmp_path, patterns=["s9"])


def test_faults_in_the_main_config_stop_everything(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="score_threshold"):
        open_project(make(tmp_path, "s/pose-2d/x.h5", config="[triangulation]\nscore_threshold = 'high'"))


def test_every_config_in_the_wild_opens(tmp_path: Path, shared_data: Path) -> None:
    for config in sorted((shared_data / "configs-in-the-wild").glob("*.toml")):
        if config.name.startswith("01"):
            continue  # not valid TOML
        root = tmp_path / config.stem
        text = config.read_text()
        files = ["a/b/c/d/videos-raw/x-cam1.avi"[2 * (4 - depth) :] for depth in range(5)]
        make(
            root,
            *files,
            *(f.replace("videos-raw", "videos") for f in files),
            *(f.replace("videos-raw", "240524") for f in files),
            config=text,
        )
        assert open_project(root).sessions, config.name
