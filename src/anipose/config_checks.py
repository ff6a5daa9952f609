"""What one file or `--set` says, sorted into good values, faults, and keys without effect."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from anipose.config import Config
from anipose.config_types import Table, describe

# Names at least this similar (difflib) are taken for typing errors. What is meant for other programs
# is below: pose_3d_ext has 0.78 with pose_3d.
SIMILAR = 0.8

# Longest value repeated in a message.
SHOWN_CHARACTERS = 60


@dataclass
class Findings:
    """What was found in a layer; the lines do not name the layer yet."""

    values: dict[str, Any]
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(values: Mapping[str, Any]) -> Findings:
    """Look at everything a layer says."""
    findings = Findings({})
    findings.values = _known(Config, values, (), findings)
    try:
        Config.model_validate(findings.values)
    except ValidationError as error:
        wrong: dict[tuple[str, ...], Any] = {}
        for item in error.errors(include_url=False):
            wrong.setdefault(_key_of(findings.values, item["loc"]), item)
        findings.faults += [_value_fault(findings.values, path, item) for path, item in wrong.items()]
    return findings


def leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key that is not a table, with its path, and its value."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def table_of(info: FieldInfo) -> tuple[type[Table] | None, bool]:
    """The table that a key of a model holds, if any, and whether it holds several, by name.

    (None, True) are values by name, such as the angles; (None, False) is a plain key.
    """
    if isinstance(info.annotation, type) and issubclass(info.annotation, Table):
        return info.annotation, False
    arguments = get_args(info.annotation)
    if len(arguments) == 2 and arguments[0] is str:
        is_table = isinstance(arguments[1], type) and issubclass(arguments[1], Table)
        return (arguments[1] if is_table else None), True
    return None, False


def _known(model: type[Table], values: Any, path: tuple[str, ...], findings: Findings) -> dict[str, Any]:
    """The part of `values` that is in `model` and the tables below it."""
    if not isinstance(values, dict):
        name = ".".join(path)
        findings.faults.append(f"{name} = {_shown(values)}: should be a table, written [{name}]")
        return {}
    known: dict[str, Any] = {}
    for key, value in values.items():
        here = (*path, key)
        if key not in model.model_fields:
            _tell_unknown(model, here, value, findings)
            continue
        table, is_named = table_of(model.model_fields[key])
        if table is None and not is_named:
            known[key] = value
        elif table is not None and not is_named:
            known[key] = _known(table, value, here, findings)
        elif not isinstance(value, dict):
            findings.faults.append(f"{key} = {_shown(value)}: should be a table, written [{'.'.join(here)}]")
        elif table is None:
            known[key] = dict(value)
        else:
            known[key] = {name: _known(table, item, (*here, name), findings) for name, item in value.items()}
    return known


def _tell_unknown(model: type[Table], path: tuple[str, ...], value: Any, findings: Findings) -> None:
    """Say that a key is not in its table, and what was probably meant."""
    key = path[-1]
    is_named = not model.TABLE and len(path) > 1
    # The same key of every camera is told once.
    name = ".".join((*path[:-2], "*", key) if is_named else path)
    homes = [home for home in _homes().get(key, ()) if home != path[:-1]]
    near = None if homes else _nearest(key, model)
    meant = ".".join((*path[:-1], near or ""))
    if homes:
        places = " or ".join(_place(home) for home in homes)
        message = f"{name} has no effect there; it belongs {places}"
    elif near is None:
        message = f"{name} is not a key of anipose and has no effect"
    elif isinstance(value, dict) and table_of(model.model_fields[near]) != (None, False):
        findings.faults.append(f"[{'.'.join(path)}] is not a table of config.toml; did you mean [{meant}]?")
        return
    elif key.replace("-", "_") == near and value == model.model_fields[near].get_default():
        # Projects of the peer carry `videos-raw = "videos-raw"`, which says what is so anyway.
        message = f"{name} is not a key of anipose and has no effect; did you mean {meant}?"
    else:
        findings.faults.append(f"{'.'.join(path)} is not a key of config.toml; did you mean {meant}?")
        return
    if message not in findings.warnings:
        findings.warnings.append(message)


@cache
def _homes() -> dict[str, list[tuple[str, ...]]]:
    """Key -> the tables that have it; () is the top of the file."""
    homes: dict[str, list[tuple[str, ...]]] = {}
    for key, info in Config.model_fields.items():
        homes.setdefault(key, []).append(())
        table, is_named = table_of(info)
        for inner in table.model_fields if table and not is_named else ():
            homes.setdefault(inner, []).append((key,))
    return homes


def _place(home: tuple[str, ...]) -> str:
    return f"under [{'.'.join(home)}]" if home else "at the top of the file, above the first [table]"


def _nearest(key: str, model: type[Table]) -> str | None:
    """The key of the table that `key` is most likely a typing error of."""
    plain = key.lower().replace("-", "_")
    for real in model.model_fields:
        # One wrong letter is little even in a short name, where difflib finds it a lot: axis, axes.
        if len(plain) == len(real) and sum(a != b for a, b in zip(plain, real, strict=True)) <= 1:
            return real
    return next(iter(difflib.get_close_matches(plain, model.model_fields, n=1, cutoff=SIMILAR)), None)


def _key_of(values: Any, location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The key in the file for a location in the models: as far as the tables go."""
    path: list[str] = []
    for item in location:
        if not isinstance(values, dict) or item not in values:
            break
        path.append(str(item))
        values = values[item]
    return tuple(path)


def _value_fault(values: dict[str, Any], path: tuple[str, ...], item: Any) -> str:
    """Say what is wrong with a value, and remove it."""
    table = values
    for key in path[:-1]:
        table = table[key]
    value = table.pop(path[-1])
    why = str(item["ctx"]["error"]) if item["type"] == "value_error" else f"should be {_should_be(path)}"
    return f"{'.'.join(path)} = {_shown(value)}: {why}"


def _should_be(path: tuple[str, ...]) -> str:
    model: type[Table] = Config
    keys = iter(path)
    for key in keys:
        info = model.model_fields[key]
        table, is_named = table_of(info)
        model = table or model
        if is_named:
            next(keys, None)
    return describe(info.annotation, tuple(info.metadata)).words


def _shown(value: Any) -> str:
    """A value nearly as it is written in the file."""
    return shorten(json.dumps(value, ensure_ascii=False, default=str))


def shorten(text: str) -> str:
    """The text, or its beginning if it is too long for a message."""
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
