"""The reference page, the editor schema and the template of `anipose init`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anipose.config import Config, Triangulation
from anipose.config_checks import table_of
from anipose.config_files import load_config
from anipose.config_types import Table
from anipose.reference import Found, json_schema, reference_markdown, template


def keys(model: type[Table] = Config, prefix: str = "") -> list[str]:
    """Every key of the manual, as the headings of the page have it."""
    found = []
    for key, field in model.model_fields.items():
        table, is_named = table_of(field)
        if table is not None:
            found += keys(table, f"{prefix}{key}.NAME." if is_named else f"{prefix}{key}.")
        elif not is_named:
            found.append(prefix + key)
    return found


def test_every_key_is_on_the_page_with_its_documentation() -> None:
    page = reference_markdown()
    entries = dict(re.findall(r"^### `(\S+)`\n\n.+\n\n(.+)$", page, re.MULTILINE))
    assert sorted(entries) == sorted(keys())
    assert all(text.endswith(".") for text in entries.values())


@pytest.mark.parametrize(
    "entry",
    [
        "### `triangulation.score_threshold`\n\na number from 0 to 1; default `0.8`\n\n"
        "2D points with a lower score are not used.\n",
        "### `filter.medfilt`\n\nan odd whole number, or 0 for off, in frames; default `13`\n\n"
        "Length of the running median of the medfilt filter. 0 or 1 switches it off.\n",
        "### `cameras.NAME.offset`\n\n[x, y] or [x, y, width, height], in px; default `[0, 0]`\n",
        "### `markers.keypoints.NAME.hue`\n\ntwo numbers [from, to], in degrees from 0 to 360; no default\n",
        "## [angles]\n\nAngles to compute, by the name of their column;",
        "## [cameras.NAME]\n\nWhat is special about one camera;",
    ],
)
def test_entries_of_the_page(entry: str) -> None:
    assert entry in reference_markdown()


def test_schema_describes_every_key() -> None:
    schema = json_schema()
    models = {"Config": schema, **schema["$defs"]}
    described: dict[str, Any] = {
        f"{name}.{key}": field for name, model in models.items() for key, field in model["properties"].items()
    }
    tables = {key for key in Config.model_fields if table_of(Config.model_fields[key])[0]}
    missing = [key for key, field in described.items() if "description" not in field]
    assert {key.removeprefix("Config.") for key in missing} <= tables
    score = described["Triangulation.score_threshold"]
    assert (score["minimum"], score["maximum"], score["default"]) == (0, 1, 0.8)
    assert score["description"] == "2D points with a lower score are not used."
    json.dumps(schema)


EVERYTHING = Found(
    project="flies",
    nesting=1,
    video_extension=("mp4",),
    cam_regex=r"_cam(\d)$",
    cameras=("0", "1"),
    keypoints=("head", "thorax", "tip(left)", 'a "b"'),
    model_type="markers",
)


def test_template_of_an_unknown_folder_says_no_more_than_the_method(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(template(Found()))
    loaded = load_config([path])
    expected = Config(triangulation=Triangulation(optim_method="map"))
    assert (loaded.config, loaded.warnings) == (expected, ())


def test_template_has_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(template(EVERYTHING))
    loaded = load_config([path])
    assert loaded.warnings == ()
    config = loaded.config
    assert (config.project, config.nesting, config.video_extension) == ("flies", 1, ("mp4",))
    assert (config.model_type, config.triangulation.cam_regex) == ("markers", r"_cam(\d)$")
    assert config.labeling.scheme == (("head",), ("thorax",), ("tip(left)",), ('a "b"',))
    assert set(config.markers.keypoints) == set(EVERYTHING.keypoints)
    assert 'cam_regex = \'_cam(\\d)$\'\n# Cameras: "0", "1".\n' in path.read_text()


@pytest.mark.parametrize("found", [Found(), EVERYTHING])
def test_template_with_every_line_switched_on_loads(tmp_path: Path, found: Found) -> None:
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"^#(?=[a-z_\[])", "", template(found), flags=re.MULTILINE))
    loaded = load_config([path])
    assert loaded.warnings == ()
    assert loaded.config.calibration.board_size == (10, 7)
    assert "my_angle" in loaded.config.angles


def test_template_explains_each_key_in_a_line() -> None:
    lines = template(EVERYTHING).splitlines()
    keyed = [number for number, line in enumerate(lines) if re.match(r"#?[a-z_0-9]+ = ", line)]
    alone = [lines[number] for number in keyed if not lines[number - 1].startswith("# ")]
    assert {line.partition(" = ")[0] for line in alone} <= {"#offset", "#hue", "#my_angle"}


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    project=names,
    cameras=st.lists(names, min_size=1, max_size=3, unique=True),
    keypoints=st.lists(names, max_size=4, unique=True),
)
def test_template_takes_any_name(
    tmp_path: Path, project: str, cameras: list[str], keypoints: list[str]
) -> None:
    found = Found(
        project=project, cam_regex="(.)", cameras=cameras, keypoints=keypoints, model_type="markers"
    )
    path = tmp_path / "config.toml"
    path.write_text(template(found), encoding="utf-8", newline="")
    loaded = load_config([path])
    assert loaded.warnings == ()
    assert loaded.config.project == project
    assert loaded.config.labeling.scheme == tuple((name,) for name in keypoints)
