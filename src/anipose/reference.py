"""What is made of the manual (config.py, tables/): the reference page, the editor schema, the template."""

import ast
import inspect
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic.fields import FieldInfo

from anipose import config
from anipose.config import Camera, Config, Labeling, Marker, Pipeline, Triangulation
from anipose.config_checks import table_of
from anipose.config_types import Table, describe
from anipose.tables import calibration, poses, tracking, videos

_MANUAL = (config, calibration, tracking, poses, videos)

# What the template offers, with an example for keys whose default is to be absent.
_OFFERED: dict[str, dict[str, Any]] = {
    "": {"model_folder": "/path/to/the/trained/model"},
    "calibration": {
        "board_type": "charuco",
        "board_size": [10, 7],
        "board_marker_bits": 4,
        "board_marker_dict_number": 50,
        "board_marker_length": 18.75,
        "board_square_side_length": 25,
        "units": None,
        "fisheye": None,
    },
    "filter": {
        "enabled": None,
        "type": None,
        "score_threshold": None,
        "medfilt": None,
        "offset_threshold": None,
        "spline": None,
        "max_gap": 50,
    },
    "triangulation": {
        "score_threshold": None,
        "ransac": None,
        "optim": None,
        "constraints": None,
        "reproj_error_threshold": None,
        "axes": None,
        "reference_point": None,
    },
    "filter3d": {"enabled": None, "medfilt": None, "offset_threshold": None},
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What `anipose init` sees in a folder; None and empty: not known."""

    project: str | None = None
    nesting: int | None = None
    video_extension: Sequence[str] = ()
    cam_regex: str | None = None
    cameras: Sequence[str] = ()
    keypoints: Sequence[str] = ()
    model_type: str | None = None
    model_folder: str | None = None
    folders: Sequence[tuple[str, str]] = ()


def reference_markdown() -> str:
    """The page that has every key: what it may be, its default, what it does."""
    parts = [
        "# config.toml\n",
        "Every key has a default or may be left out. A `config.toml` in a folder below the experiment\n"
        "overrides single keys for the sessions in it, and `--set KEY=VALUE` overrides them all.\n",
    ]
    for heading, model, prefix in _sections():
        parts.append(f"## {heading}\n\n{_one_line(inspect.getdoc(model) or '')}\n")
        for key, field in model.model_fields.items():
            table, is_named = table_of(field)
            if table is not None or is_named:
                continue
            parts.append(
                f"### `{prefix}{key}`\n\n{_facts(field)}\n\n{_documentation()[model.__name__, key]}\n"
            )
        if model is Config:
            parts.append(f"## [angles]\n\n{_documentation()['Config', 'angles']}\n")
    return "\n".join(parts)


def json_schema() -> dict[str, Any]:
    """JSON schema of config.toml, for editors that complete and check TOML."""
    schema = Config.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for key, field in model.get("properties", {}).items():
            text = _documentation().get((model["title"], key))
            if text:
                field["description"] = text
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "config.toml of anipose",
    }


def template(found: Found) -> str:
    """A commented config.toml with what was found filled in, for `anipose init`."""
    lines = [
        "# Settings of this experiment. A line that starts with # is off: remove the # to use it.",
        "# A config.toml in a folder below overrides single keys for the sessions in it.",
        "",
        *_given(Config, "project", found.project),
        *_given(Config, "nesting", found.nesting),
        *_given(Config, "video_extension", list(found.video_extension)),
        *_given(Config, "model_type", found.model_type),
        *_given(Config, "model_folder", found.model_folder),
        *([] if found.model_folder else _offers(Config, "")),
        "",
        *_folders(found),
        *_table("calibration"),
        *_labeling(found),
        *_table("filter"),
        *_triangulation(found),
        *_table("filter3d"),
        *_angles(found),
        *_cameras(found),
        *_markers(found),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _sections() -> Iterator[tuple[str, type[Table], str]]:
    """Heading, table, and what stands before its keys."""
    yield "Top of the file", Config, ""
    for key, field in Config.model_fields.items():
        table, is_named = table_of(field)
        if table is None:
            continue
        name = f"{key}.NAME" if is_named else key
        yield f"[{name}]", table, f"{name}."
        for inner_key, inner_field in table.model_fields.items():
            inner, _ = table_of(inner_field)
            if inner is not None:
                yield f"[{name}.{inner_key}.NAME]", inner, f"{name}.{inner_key}.NAME."


def _facts(field: FieldInfo) -> str:
    kind = describe(field.annotation, tuple(field.metadata))
    unit = f", in {kind.unit}" if kind.unit else ""
    default = field.get_default(call_default_factory=True)
    return f"{kind.words}{unit}; " + ("no default" if default is None else f"default `{json.dumps(default)}`")


@cache
def _documentation() -> dict[tuple[str, str], str]:
    """(class, key) -> the string under the key in the manual."""
    documentation = {}
    nodes = [node for module in _MANUAL for node in ast.parse(inspect.getsource(module)).body]
    for node in nodes:
        if not isinstance(node, ast.ClassDef):
            continue
        for pair in zip(node.body, node.body[1:], strict=False):
            match pair:
                case (ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text)))):
                    documentation[node.name, key] = _one_line(text)
    return documentation


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _meaning(model: type[Table], key: str) -> str:
    """First sentence of the documentation of a key."""
    return re.split(r"(?<=[.])\s", _documentation()[model.__name__, key])[0]


def _toml(value: Any) -> str:
    from tomlkit import item, string

    # A pattern is easiest to read without escapes.
    if isinstance(value, str) and "\\" in value and "'" not in value and value.isprintable():
        return string(value, literal=True).as_string()
    return str(item(value).as_string())


def _given(model: type[Table], key: str, value: Any) -> list[str]:
    if value is None or value == []:
        return []
    return [f"# {_meaning(model, key)}", f"{key} = {_toml(value)}"]


def _offers(model: type[Table], name: str, examples: dict[str, Any] | None = None) -> list[str]:
    """Keys that are off, each under its meaning."""
    lines = []
    for key, example in {**_OFFERED[name], **(examples or {})}.items():
        field = model.model_fields[key]
        value = field.get_default(call_default_factory=True) if example is None else example
        lines += [f"# {_meaning(model, key)}", f"#{key} = {_toml(value)}"]
    return lines


def _table(name: str) -> list[str]:
    model, _ = table_of(Config.model_fields[name])
    assert model is not None
    return [f"# {_one_line(inspect.getdoc(model) or '')}", f"[{name}]", *_offers(model, name), ""]


def _examples(found: Found) -> list[str]:
    """Three keypoints for examples: those there are, or invented ones."""
    return list(found.keypoints[:3]) if len(found.keypoints) >= 3 else ["shoulder", "elbow", "wrist"]


def _folders(found: Found) -> list[str]:
    """Folders with other names than the usual ones."""
    if not found.folders:
        return []
    given = [line for key, name in found.folders for line in _given(Pipeline, key, name)]
    return [f"# {_one_line(inspect.getdoc(Pipeline) or '')}", "[pipeline]", *given, ""]


def _labeling(found: Found) -> list[str]:
    lines = [f"# {inspect.getdoc(Labeling)}", "[labeling]", f"# {_meaning(Labeling, 'scheme')}"]
    if not found.keypoints:
        return [*lines, f"#scheme = {_toml([_examples(found)])}", ""]
    rows = [f"    [{_toml(keypoint)}]," for keypoint in found.keypoints]
    return [
        *lines,
        "# These are the keypoints that were found; put those in one list that belong together.",
        "scheme = [",
        *rows,
        "]",
        "",
    ]


def _triangulation(found: Found) -> list[str]:
    model = Triangulation
    first, second, third = _examples(found)
    examples = {
        "constraints": [[first, second], [second, third]],
        "axes": [["x", first, third], ["z", first, second]],
        "reference_point": first,
    }
    lines = [f"# {inspect.getdoc(model)}", "[triangulation]", *_given(model, "cam_regex", found.cam_regex)]
    if found.cam_regex and found.cameras:
        lines.append(f"# Cameras: {', '.join(_toml(camera) for camera in found.cameras)}.")
    lines += _given(model, "optim_method", "map")
    return [*lines, *_offers(model, "triangulation", examples), ""]


def _angles(found: Found) -> list[str]:
    return [f"# {_meaning(Config, 'angles')}", "[angles]", f"#my_angle = {_toml(_examples(found))}", ""]


def _cameras(found: Found) -> list[str]:
    if not found.cameras:
        return []
    from tomlkit import key

    header = f"#[cameras.{key(found.cameras[0]).as_string()}]"
    return [f"# {_meaning(Camera, 'offset')}", header, "#offset = [0, 0]", ""]


def _markers(found: Found) -> list[str]:
    if found.model_type != "markers":
        return []
    from tomlkit import key

    lines = [f"# {_one_line(inspect.getdoc(Marker) or '')}"]
    for keypoint in found.keypoints or ("nose",):
        lines += [f"[markers.keypoints.{key(keypoint).as_string()}]", "#hue = [345, 15]", ""]
    return [*lines[:1], f"# {_meaning(Marker, 'hue')} Red, for example:", *lines[1:]]
