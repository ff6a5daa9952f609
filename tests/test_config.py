"""Layers, faults and kinds of config.toml."""

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anipose.config import Config, Filter, Triangulation
from anipose.config_checks import table_of
from anipose.config_files import dump_config, load_config, load_configs
from anipose.config_types import Table, describe
from anipose.errors import ConfigError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a config.toml below a folder that is also the current one, so that messages are short."""
    monkeypatch.chdir(tmp_path)

    def write_config(text: str | bytes, folder: str = "") -> Path:
        path = tmp_path / folder / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_config


def message_of(layers: list[Path], overrides: list[str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        load_config(layers, overrides or [])
    return str(raised.value)


# What people really write


def wild_configs(folder: Path) -> list[Path]:
    return sorted((folder / "configs-in-the-wild").glob("*.toml"))


def test_all_valid_configs_of_real_projects_load(shared_data: Path) -> None:
    configs = wild_configs(shared_data)
    assert len(configs) == 24
    for path in configs[1:]:
        load_config([path])


def test_warnings_of_real_projects(shared_data: Path) -> None:
    found = {}
    for path in wild_configs(shared_data)[1:]:
        warnings = load_config([path]).warnings
        if warnings:
            found[path.name[:2]] = [line.removeprefix(f"{path.as_posix()}: ") for line in warnings]
    hyphen = (
        "pipeline.videos-raw is not a key of anipose and has no effect; did you mean pipeline.videos_raw?"
    )
    smoothing = [
        "labeling.scale_smooth has no effect there; it belongs under [triangulation]",
        "labeling.scale_length has no effect there; it belongs under [triangulation]",
        "labeling.scale_length_weak has no effect there; it belongs under [triangulation]",
        "labeling.reproj_error_threshold has no effect there; it belongs under [triangulation]",
        "labeling.score_threshold has no effect there; it belongs under [filter] or under [triangulation]",
        "labeling.n_deriv_smooth has no effect there; it belongs under [triangulation]",
    ]
    assert found == {
        "05": [hyphen],
        "06": [hyphen],
        "07": [hyphen],
        "08": [hyphen],
        "10": [
            "pipeline.pose_3d_ext is not a key of anipose and has no effect",
            "cameras.*.ROI_FULL is not a key of anipose and has no effect",
        ],
        "12": [
            "triangulation.manually_verify has no effect there; it belongs under [manual_verification]",
        ],
        "17": [
            "manual_verification.animal_calibration has no effect there; it belongs under [calibration]",
        ],
        "19": [
            "calibration.done is not a key of anipose and has no effect",
            "calibration.num_cameras is not a key of anipose and has no effect",
            "calibration.camera_names is not a key of anipose and has no effect",
            "calibration.use_custom_calibration is not a key of anipose and has no effect",
            *smoothing,
        ],
        "20": [
            "filter.scale_smooth has no effect there; it belongs under [triangulation]",
            "filter.scale_length has no effect there; it belongs under [triangulation]",
            "filter.scale_length_weak has no effect there; it belongs under [triangulation]",
            "filter.reproj_error_threshold has no effect there; it belongs under [triangulation]",
            "filter.n_deriv_smooth has no effect there; it belongs under [triangulation]",
        ],
        "22": ["labeling.constraints has no effect there; it belongs under [triangulation]"],
        "23": smoothing,
        "24": ["calibration.board_size counts squares or inner corners; [275, 200] looks like lengths"],
    }


def test_values_of_real_projects(shared_data: Path) -> None:
    by_number = {path.name[:2]: path for path in wild_configs(shared_data)}
    fly = load_config([by_number["10"]]).config
    assert fly.filter.type == ("viterbi",)
    assert fly.filter.medfilt == 0
    assert fly.pipeline.calibration_videos == "/data/kinematics3d/calibration"
    assert fly.cameras["3"].corner == (480, 360)
    assert fly.triangulation.constraints_weak == (("tibia_tarsus_L", "claw_L"), ("tibia_tarsus_R", "claw_R"))
    assert load_config([by_number["17"]]).config.model_folder == "Z:/dlc/BRYE203c"
    assert load_config([by_number["21"]]).config.model_folder is None
    assert load_config([by_number["12"]]).config.triangulation.cam_regex == "_([LRCTB]{1,2})(?=_|$)"


def test_all_configs_of_the_recordings_load_without_warnings(shared_data: Path) -> None:
    configs = list(shared_data.glob("*/experiment*/config.toml"))
    assert len(configs) >= 10
    assert [load_config([path]).warnings for path in configs] == [()] * len(configs)


def test_capital_false(shared_data: Path) -> None:
    path = wild_configs(shared_data)[0]
    reason = re.escape("true and false are written in lower case\n    animal_calibration = False")
    assert re.fullmatch(
        rf"{re.escape(path.as_posix())}: line 14, column 22: is not valid TOML: .*; {reason}",
        message_of([path]),
    )


# Files that are no TOML


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'nesting = 1\nmodel_folder = "C:\\dlc"\n',
            r"config\.toml: line 2, column \d+: .*single quotes: 'C:\\folder'",
        ),
        (
            "project = None\n",
            r"config\.toml: line 1, column \d+: .*TOML has no None, leave the key out instead",
        ),
        ("[filter]\n[filter]\n", r"config\.toml: line 2, column \d+: is not valid TOML"),
        ("a = " + "[" * 3000, r"config\.toml: (brackets are nested too deeply|.*is not valid TOML)"),
        ("a = " + "9" * 5000, r"config\.toml: .*is not valid TOML"),
        (
            'project = "caf\xe9"'.encode("latin-1"),
            r"config\.toml: is not UTF-8 text \(.*\); save it as UTF-8",
        ),
        ('project = "x"'.encode("utf-16"), r"config\.toml: is not UTF-8 text \(.*\); save it as UTF-8"),
    ],
)
def test_what_is_no_toml(write: Write, text: str | bytes, said: str) -> None:
    assert re.match(said, message_of([write(text)]))


def test_windows_text(write: Write) -> None:
    assert (
        load_config([write('\ufeffproject = "x"\r\n[filter]\r\nmedfilt = 5\r\n')]).config.filter.medfilt == 5
    )


def test_unreadable(write: Write, tmp_path: Path) -> None:
    assert message_of([tmp_path / "session1" / "config.toml"]) == "session1/config.toml: does not exist"
    assert message_of([tmp_path]).startswith(".: cannot be read: ")


# Unknown keys


@pytest.mark.parametrize(
    ("text", "wrong", "meant"),
    [
        ("triangulation.scale_smoth = 1", "triangulation.scale_smoth", "triangulation.scale_smooth"),
        ("triangulation.axis = 1", "triangulation.axis", "triangulation.axes"),
        ("neting = 1", "neting", "nesting"),
        ("Nesting = 1", "Nesting", "nesting"),
        ("cameras.A.ofset = [1, 2]", "cameras.A.ofset", "cameras.A.offset"),
        ("pipeline.videos-raw = 'films'", "pipeline.videos-raw", "pipeline.videos_raw"),
    ],
)
def test_near_misses_are_faults(write: Write, text: str, wrong: str, meant: str) -> None:
    said = f"config.toml: {wrong} is not a key of config.toml; did you mean {meant}?"
    assert message_of([write(text)]) == said


@pytest.mark.parametrize(
    ("wrong", "meant"), [("calibraton", "calibration"), ("filter-3d", "filter3d"), ("angle", "angles")]
)
def test_near_misses_of_tables(write: Write, wrong: str, meant: str) -> None:
    said = f"config.toml: [{wrong}] is not a table of config.toml; did you mean [{meant}]?"
    assert message_of([write(f"[{wrong}]\nkey = 1")]) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("microscope = 'old'", "microscope is not a key of anipose and has no effect"),
        ("[lab]\nroom = 3", "lab is not a key of anipose and has no effect"),
        ("scale_smooth = 1", "scale_smooth has no effect there; it belongs under [triangulation]"),
        (
            "[triangulation]\nnesting = 1",
            "triangulation.nesting has no effect there; "
            "it belongs at the top of the file, above the first [table]",
        ),
    ],
)
def test_other_unknown_keys_only_warn(write: Write, text: str, said: str) -> None:
    assert load_config([write(text)]).warnings == (f"config.toml: {said}",)


def test_unknown_keys_have_no_effect(write: Write) -> None:
    assert load_config([write("microscope = 1\n[labeling]\nscale_smooth = 9")]).config == Config()


# Wrong values

AXES = 'should be two axes [["x", from, to], ["y", from, to]], each with a letter x, y or z and two keypoints'
ANGLE = "should be a list of names: [a, b, c], or a form (flex, axis, cross-axis, chain) and its keypoints"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('triangulation.score_threshold = "high"', "should be a number from 0 to 1"),
        ("triangulation.score_threshold = 80", "should be a number from 0 to 1"),
        ("triangulation.score_threshold = nan", "should be a number from 0 to 1"),
        ("triangulation.n_deriv_smooth = 4", "should be a whole number from 1 to 3"),
        ("triangulation.min_cameras = 1", "should be a whole number, at least 2"),
        ("triangulation.constraints = [['a']]", "should be a list of pairs of keypoints"),
        ("triangulation.constraints = [['a', 'a']]", 'ties "a" to itself; a constraint needs two keypoints'),
        ("triangulation.axes = [['x', 'a', 'b']]", AXES),
        ("triangulation.axes = [['x', 'a', 'b'], ['x', 'a', 'c']]", 'gives "x" twice; the two axes should be '
         "different"),
        ("triangulation.axes = [['x', 'a', 'b'], ['y', 'a', 'a']]",
         '"y" goes from "a" to itself; it should lead to another keypoint'),
        ("triangulation.cam_regex = 'cam[0-9]'",
         "has no group: put the part that names the camera in parentheses, as in '-cam([0-9]+)' "
         "(and keep single quotes around the pattern)"),
        ("triangulation.cam_regex = 'cam([0-9]'",
         "is not a regular expression: missing ), unterminated subpattern at position 3"),
        ("tracker.device = 'gpu'",
         'should be "auto", "cpu", "cuda", "mps", or one of several cards, as "cuda:1"'),
        ("tracker.animals = 0", "should be a whole number, at least 1"),
        ("filter.enabled = 1", "should be true or false"),
        ("filter.medfilt = 12", "should be odd, so that the window has a middle: 11 or 13"),
        ("filter.medfilt = true", "should be an odd whole number, or 0 for off"),
        ("filter.offset_threshold = 0", "should be a number above 0"),
        ("filter.n_back = 1000", "should be a whole number from 1 to 100"),
        ("filter.type = []",
         'should be "medfilt", "viterbi", "autoencoder", "autoencoder_points", or a list of them'),
        ("filter.type = ['medfilt', 'medfilt']", 'names "medfilt" more than once'),
        ("labeling.scheme = ['a', 'b']", "should be a list of lists of keypoints"),
        ("calibration.board_type = 'dots'", 'should be "aruco", "charuco" or "checkerboard"'),
        ("calibration.board_size = [6]", "should be two whole numbers [columns, rows], each at least 1"),
        ("calibration.board_marker_bits = 8", "should be 4, 5, 6 or 7"),
        ("calibration.board_marker_length = 0", "should be a number above 0"),
        ("nesting = -2", "should be a whole number, at least -1"),
        ("filter = true", "should be a table, written [filter]"),
        ("angles = 3", "should be a table, written [angles]"),
        ("cameras.A = 3", "should be a table, written [cameras.A]"),
        ("angles.elbow = ['a', 'b']", "has 2 names; an angle is [a, b, c] or starts with one of flex, axis, "
         "cross-axis, chain"),
        ("angles.elbow = ['flex', 'a', 'b']", '"flex" needs three keypoints, here are 2'),
        ("angles.elbow = ['chain', 'a', 'b']", '"chain" needs at least three joints, here are 2'),
        ("angles.elbow = 3", ANGLE),
        ("cameras.A.offset = [1, 2, 3]",
         "should have two numbers [x, y] or four [x, y, width, height], not 3"),
        ("markers.keypoints.nose.hue = [0, 361]", "should be degrees of the colour wheel, from 0 to 360"),
        ("markers.area = [20, 10]", "should be [smallest, largest]"),
    ],
)  # fmt: skip
def test_wrong_values(write: Write, text: str, said: str) -> None:
    name, _, _ = text.partition(" = ")
    assert re.fullmatch(rf"config\.toml: {name} = .*: {re.escape(said)}", message_of([write(text)]))


def test_long_values_are_shortened(write: Write) -> None:
    long = "x" * 1000
    assert message_of([write(f"nesting = '{long}'")]) == (
        f'config.toml: nesting = "{"x" * 56}...: should be a whole number, at least -1'
    )


def test_every_fault_of_every_layer_is_told(write: Write) -> None:
    experiment = write("nesting = 'deep'\n[filter]\nmedfilt = 4\nmedflt = 5")
    session = write("[filter]\nmedfilt = 5\n[triangulation]\nscore_threshold = 'high'", "session1")
    broken = write("=", "session2")
    assert message_of([experiment, session, broken], ["filter.spline=no"]).splitlines()[:5] == [
        "config.toml: filter.medflt is not a key of config.toml; did you mean filter.medfilt?",
        'config.toml: nesting = "deep": should be a whole number, at least -1',
        "config.toml: filter.medfilt = 4: should be odd, so that the window has a middle: 3 or 5",
        'session1/config.toml: triangulation.score_threshold = "high": should be a number from 0 to 1',
        "session2/config.toml: line 1, column 1: is not valid TOML: Invalid statement",
    ]


def test_faults_of_many_sessions_are_told_once(write: Write) -> None:
    experiment = write("nesting = 'deep'")
    sessions = [write("filter.spline = 0", "s1"), write("filter.spline = true", "s2")]
    with pytest.raises(ConfigError) as raised:
        load_configs([[experiment, session] for session in sessions])
    assert str(raised.value).splitlines() == [
        'config.toml: nesting = "deep": should be a whole number, at least -1',
        "s1/config.toml: filter.spline = 0: should be true or false",
    ]


# Values that may be written in several ways


@pytest.mark.parametrize(
    ("text", "table", "key", "value"),
    [
        ("video_extension = '.AVI'", "", "video_extension", ("avi",)),
        ("video_extension = ['mp4', '*.Avi']", "", "video_extension", ("mp4", "avi")),
        ("calibration.board_type = 'ChArUco'", "calibration", "board_type", "charuco"),
        ("filter.type = 'viterbi'", "filter", "type", ("viterbi",)),
        ("filter.type = ['viterbi', 'autoencoder']", "filter", "type", ("viterbi", "autoencoder")),
        ("filter.offset_threshold = 30", "filter", "offset_threshold", 30.0),
        ("triangulation.cam_align = 1", "triangulation", "cam_align", "1"),
        (r"pipeline.videos_raw = 'D:\films\raw'", "pipeline", "videos_raw", "D:/films/raw"),
        ("calibration.calibration_init = ''", "calibration", "calibration_init", None),
    ],
)
def test_spellings(write: Write, text: str, table: str, key: str, value: Any) -> None:
    config = load_config([write(text)]).config
    assert getattr(getattr(config, table) if table else config, key) == value


@pytest.mark.parametrize(
    "angle",
    [
        ("a", "b", "c"),
        ("flex", "a", "b", "c"),
        ("axis", "a", "b", "c"),
        ("cross-axis", "a", "b", "c"),
        ("chain", "a", "b", "c"),
        ("chain", "a", "b/", "c", "d/", "e"),
    ],
)
def test_forms_of_angles(write: Write, angle: tuple[str, ...]) -> None:
    assert load_config([write(f"angles.elbow = {list(angle)}")]).config.angles == {"elbow": angle}


def test_defaults_of_the_peer() -> None:
    config = Config()
    triangulation, points, points_3d = config.triangulation, config.filter, config.filter3d
    assert (triangulation.score_threshold, triangulation.scale_smooth, triangulation.scale_length) == (
        0.8,
        2,
        2,
    )
    assert (triangulation.scale_length_weak, triangulation.n_deriv_smooth) == (1, 3)
    assert (triangulation.reproj_error_threshold, triangulation.optim_chunking_size) == (5, 1000)
    assert (points.type, points.medfilt, points.offset_threshold) == (("medfilt",), 13, 25)
    assert (points.score_threshold, points.spline, points.n_back) == (0.05, True, 5)
    assert (points_3d.medfilt, points_3d.offset_threshold) == (17, 15)
    assert not any([points.enabled, points_3d.enabled, triangulation.optim])
    assert triangulation.ransac  # not the peer's: its robust triangulation took hours


# Layers


def test_later_layers_win_key_by_key(write: Write) -> None:
    experiment = write("nesting = 2\n[filter]\nmedfilt = 5\nspline = false\n[angles]\na = ['x', 'y', 'z']\n")
    folder = write("[angles]\nb = ['x', 'y', 'z']\n[cameras.A]\noffset = [1, 2]", "mouse1")
    session = write(
        "filter.medfilt = 7\ncameras.A.model_folder = 'm'\nangles.a = ['p', 'q', 'r']", "mouse1/day1"
    )
    loaded = load_config(
        [experiment, folder, session], ["filter.spline=true", "triangulation.cam_regex=_cam(.)"]
    )
    assert loaded.config.nesting == 2
    assert (loaded.config.filter.medfilt, loaded.config.filter.spline) == (7, True)
    assert loaded.config.angles == {"a": ("p", "q", "r"), "b": ("x", "y", "z")}
    assert (loaded.config.cameras["A"].corner, loaded.config.cameras["A"].model_folder) == ((1, 2), "m")
    assert loaded.config.triangulation.cam_regex == "_cam(.)"
    assert loaded.origins == {
        "nesting": "config.toml",
        "filter.medfilt": "mouse1/day1/config.toml",
        "filter.spline": "--set filter.spline=true",
        "angles.a": "mouse1/day1/config.toml",
        "angles.b": "mouse1/config.toml",
        "cameras.A.offset": "mouse1/config.toml",
        "cameras.A.model_folder": "mouse1/day1/config.toml",
        "triangulation.cam_regex": "--set triangulation.cam_regex=_cam(.)",
    }


def test_doubts_come_from_all_layers_together(write: Write) -> None:
    axes = write("triangulation.axes = [['x', 'a', 'b'], ['y', 'a', 'c']]")
    point = write("triangulation.reference_point = 'a'", "session1")
    assert load_config([axes, point]).warnings == ()
    assert load_config([axes]).warnings == (
        "config.toml: triangulation.axes has no effect without triangulation.reference_point",
    )


def test_same_layers_are_the_same_object_and_an_edit_is_seen(write: Write) -> None:
    path = write("filter.medfilt = 5")
    before = load_config([path])
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    assert load_config([path]) is before
    write("filter.medfilt = 7")
    os.utime(path, ns=times)
    assert load_config([path]).config.filter.medfilt == 7


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("filter", "--set filter: should be KEY=VALUE, as in --set filter.enabled=true"),
        ("=1", "--set =1: should be KEY=VALUE, as in --set filter.enabled=true"),
        ("a b=1", "--set a b=1: should be KEY=VALUE, as in --set filter.enabled=true"),
        ("filter.enabled=yes", '--set filter.enabled=yes: filter.enabled = "yes": should be true or false'),
        (
            "filter.splin=true",
            "--set filter.splin=true: filter.splin is not a key of config.toml; did you mean filter.spline?",
        ),
        ("micro=1", "--set micro=1: micro is not a key of anipose and has no effect"),
    ],
)
def test_wrong_overrides(override: str, said: str) -> None:
    assert message_of([], [override]) == said


def test_overrides_with_quotes() -> None:
    config = load_config(
        [], ['cameras."my cam".offset=[1, 2]', 'project="a b"', "model_folder=/a = b"]
    ).config
    assert (config.cameras["my cam"].corner, config.project, config.model_folder) == ((1, 2), "a b", "/a = b")


# Tables in jobs


def test_only_keeps_the_named_keys() -> None:
    table = Triangulation(score_threshold=0.5, ransac=False, constraints=(("a", "b"),))
    narrowed = table.only("score_threshold", "constraints")
    assert narrowed.settings() == {"score_threshold": 0.5, "constraints": [["a", "b"]]}
    assert narrowed.model_fields_set == {"score_threshold", "constraints"}
    assert narrowed.ransac is True
    assert narrowed == table.model_copy(update={"ransac": True}).only("score_threshold", "constraints")
    assert pickle.loads(pickle.dumps(narrowed)).settings() == narrowed.settings()
    assert Triangulation.TABLE == "triangulation"


def test_only_refuses_other_keys() -> None:
    with pytest.raises(AttributeError, match=r"^\[filter\] has no key medfit$"):
        Filter().only("medfit")


def test_settings_of_a_whole_table_are_all_keys() -> None:
    assert Filter(medfilt=5).settings().keys() == Filter.model_fields.keys()


def test_tables_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().filter.medfilt = 5  # type: ignore[misc]


def test_import_is_light() -> None:
    heavy = ["numpy", "pandas", "cv2", "scipy", "av", "dask", "tables", "tomlkit"]
    code = f"import sys, anipose.config_files; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Properties


def plain_keys(
    model: type[Table] = Config, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key of the manual, with "name" for what the user names."""
    for key, field in model.model_fields.items():
        table, is_named = table_of(field)
        here = (*path, key, "name") if is_named else (*path, key)
        if table is None:
            yield here, field
        else:
            yield from plain_keys(table, here)


KEYS = dict(plain_keys())

# TOML has no surrogates and no NUL.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
names = texts.filter(bool)
numbers = st.one_of(st.integers(), st.floats())
values = st.recursive(
    st.one_of(st.booleans(), numbers, texts, st.dates(), st.just([]), st.just(10**30), st.just("(")),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)

SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "true or false": st.booleans(),
    "a name in quotes": names,
    "text in quotes": texts,
    "a path in quotes": names,
    "a regular expression with a group": st.sampled_from(["([A-Z])", r"_cam(\d+)$", "(?P<camera>.)"]),
    "a list of names": st.lists(names, max_size=3),
    "a list of lists of keypoints": st.lists(st.lists(names, max_size=3), max_size=3),
    "a list of pairs of keypoints": st.lists(
        st.lists(names, min_size=2, max_size=2, unique=True), max_size=3
    ),
    "an odd whole number, or 0 for off": st.one_of(st.just(0), st.integers(0, 50).map(lambda n: 2 * n + 1)),
    "two whole numbers [columns, rows], each at least 1": st.lists(
        st.integers(2, 400), min_size=2, max_size=2
    ),
    "two whole numbers [width, height], from 64 to 4096": st.lists(
        st.integers(64, 4096), min_size=2, max_size=2
    ),
    "two whole numbers [width, height]": st.lists(st.integers(1, 4096), min_size=2, max_size=2),
    "a list of lengths [keypoint, keypoint, length]": st.lists(
        st.tuples(names, names, st.floats(0.1, 100)).filter(lambda item: item[0] != item[1]).map(list),
        max_size=3,
    ),
    "[width, height]": st.lists(st.integers(1, 4096), min_size=2, max_size=2),
    "a whole number": st.integers(-30, 30),
    "a list of numbers": st.lists(st.floats(-10, 10), max_size=5),
    "three rows of three numbers, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]": st.just(
        [[900.0, 0, 639.5], [0, 900.0, 511.5], [0, 0, 1]]
    ),
    "[x, y] or [x, y, width, height]": st.sampled_from([[1, 2], [0.5, -2, 30, 40]]),
    "two numbers [from, to]": st.lists(st.floats(0, 360), min_size=2, max_size=2),
    "two numbers [smallest, largest]": st.tuples(st.floats(0, 50), st.floats(51, 100)).map(list),
    'the end of a file name, such as "mp4", or a list of them': st.sampled_from(["mp4", [".AVI", "mov"]]),
    '"medfilt", "viterbi", "autoencoder", "autoencoder_points", or a list of them': st.sampled_from(
        ["viterbi", ["medfilt"], ["viterbi", "autoencoder"]]
    ),
    'tables [[tracker.rules]], each with videos = "pattern" and model_folder = "path"': st.lists(
        st.fixed_dictionaries({"videos": names, "model_folder": names}), max_size=2
    ),
    '"reprojection-error", "score", "filter-change", "random", or a list of them': st.sampled_from(
        ["Random", ["score"], ["score", "filter-change"]]
    ),
    AXES.removeprefix("should be "): st.just([["z", "a", "b"], ["X", "a", "c"]]),
    ANGLE.removeprefix("should be "): st.sampled_from(
        [["a", "b", "c"], ["flex", "a", "b", "c"], ["chain", "a", "b/", "c", "d"]]
    ),
}


def allowed(words: str) -> st.SearchStrategy[Any]:
    """Values that fit the words with which the reference page describes them."""
    if words in SPECIAL:
        return SPECIAL[words]
    number = re.fullmatch(r"a (whole )?number(?: from (\S+) to (\S+)|, at least (\S+)| above (\S+))", words)
    if number:
        low = int(number[2] or number[4] or number[5])
        high = int(number[3] or 1000)
        if number[1]:
            return st.integers(low, high)
        return st.floats(low, high, exclude_min=bool(number[5]))
    choices = re.findall(r'"(.*?)"|\b(\d+)\b', words)
    assert choices, f"no values are known for: {words}"
    return st.sampled_from([text or int(digits) for text, digits in choices])


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Valid config.toml files with some of all keys."""
    content: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(list(KEYS)), max_size=12, unique=True)):
        table = content
        for key in path[:-1]:
            table = table.setdefault(key, {})
        field = KEYS[path]
        table[path[-1]] = draw(allowed(describe(field.annotation, tuple(field.metadata)).words))
    return content


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(content=files())
def test_what_the_reference_allows_loads_and_survives_a_dump(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(tomlkit.dumps(content), encoding="utf-8", newline="")
    config = load_config([path]).config
    dumped = dump_config(config)
    path.write_text(dumped, encoding="utf-8", newline="")
    again = load_config([path])
    assert again.config == config
    assert dump_config(again.config) == dumped


def test_dump_of_every_key_loads_without_warnings(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(dump_config(Config()))
    assert load_config([path]).config == Config()
    assert load_config([path]).warnings == ()


@settings(parent=quick, max_examples=300)
@given(key=st.sampled_from(list(KEYS)), name=texts, value=values)
def test_no_value_is_a_crash(tmp_path: Path, key: tuple[str, ...], name: str, value: Any) -> None:
    content = value
    for part in reversed(key):
        content = {name if part == "name" else part: content}
    path = tmp_path / "config.toml"
    path.write_text(tomlkit.dumps(content), encoding="utf-8", newline="")
    try:
        config = load_config([path]).config
    except ConfigError as error:
        assert str(error).count("Error") == 0  # noqa: PT017
        return
    path.write_text(dump_config(config), encoding="utf-8", newline="")
    assert load_config([path]).config == config


@settings(parent=quick, max_examples=100)
@given(content=st.one_of(st.binary(max_size=40), st.text("[]=\"'\\.ab1\n#{}", max_size=40).map(str.encode)))
def test_no_file_is_a_crash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    try:
        load_config([path])
    except ConfigError as error:
        assert path.name in str(error)  # noqa: PT017


@settings(parent=quick, max_examples=100)
@given(
    override=st.one_of(
        texts, st.tuples(st.sampled_from([".".join(key) for key in KEYS]), texts).map("=".join)
    )
)
def test_no_override_is_a_crash(override: str) -> None:
    try:
        load_config([], [override])
    except ConfigError as error:
        assert str(error).startswith("--set")  # noqa: PT017


@pytest.mark.parametrize(
    ("given", "method"),
    [({}, "map"), ({"scale_smooth": 2}, "anipose"), ({"scale_smooth": 2, "optim_method": "map"}, "map")],
)
def test_weights_of_the_peer_mean_its_method(given: dict[str, object], method: str) -> None:
    assert Triangulation.model_validate(given).method == method
