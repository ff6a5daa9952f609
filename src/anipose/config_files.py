"""Reading config.toml files in layers, and writing the config that they make together.

Each layer is checked on its own, so that a fault is told with the file it is in even where a later
layer overrides it; then the layers are merged, table by table and key by key.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from anipose.config import Config
from anipose.config_checks import check, leaves, shorten
from anipose.errors import ConfigError

# Enough for every session of a large experiment; an entry has a few kilobytes.
_CACHED_FILES = 4096

_DUMP_HEADER = (
    "Written by anipose: all the settings in effect here, with the defaults.\n"
    "Nothing reads this file. To change a setting, edit the config.toml of the session or of a folder above."
)


@dataclass(frozen=True)
class LoadedConfig:
    """A config and where it came from.

    Attributes:
        warnings: what has no effect or can hardly be meant; sessions that share a file have the same line.
        origins: key, such as "triangulation.axes" -> the file or `--set` it is from; defaults are absent.
    """

    config: Config
    warnings: tuple[str, ...]
    origins: Mapping[str, str]


@dataclass(frozen=True)
class _Layer:
    """What one file or `--set` gives: the values of its good keys, and what to say about the others."""

    source: str
    values: Mapping[str, Any]
    faults: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def load_config(layers: Sequence[Path], overrides: Sequence[str] = ()) -> LoadedConfig:
    """The config of the files in `layers`, later ones over earlier ones, and of `--set KEY=VALUE` over all.

    The same layers with the same content give the same object.

    Raises:
        ConfigError: with every fault of every layer.
    """
    return load_configs([layers], overrides)[0]


def load_configs(stacks: Sequence[Sequence[Path]], overrides: Sequence[str] = ()) -> list[LoadedConfig]:
    """The config of each session, from its layers; see `load_config`.

    Raises:
        ConfigError: with every fault of every layer of every session, each once.
    """
    here = Path.cwd()
    paths = {path for layers in stacks for path in layers}
    contents = {path: (_shown(path, here), _content(path)) for path in paths}
    results = [_load(tuple(contents[path] for path in layers), tuple(overrides)) for layers in stacks]
    faults = dict.fromkeys(fault for result in results if isinstance(result, tuple) for fault in result)
    if faults:
        raise ConfigError("\n".join(faults))
    return [result for result in results if isinstance(result, LoadedConfig)]


def dump_config(config: Config) -> str:
    """The config as TOML, every key in the order of the manual; loading it gives an equal config."""
    from tomlkit import comment, document, dumps  # 30 ms, and only the steps that write need it

    dumped = document()
    for line in _DUMP_HEADER.split("\n"):
        dumped.add(comment(line))
    dumped.update(_present(config.model_dump(mode="json")))
    return dumps(dumped)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is absent: TOML has no null."""
    inner = {key: _present(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {key: value for key, value in inner.items() if value is not None and value != {}}


def _shown(path: Path, here: Path) -> str:
    absolute = here / path
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def _content(path: Path) -> bytes | str:
    """The content of a file, or why it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


@lru_cache(maxsize=_CACHED_FILES)
def _load(
    contents: tuple[tuple[str, bytes | str], ...], overrides: tuple[str, ...]
) -> LoadedConfig | tuple[str, ...]:
    """The config of these layers, or their faults."""
    layers = [*(_read_layer(*item) for item in contents), *(_read_override(item) for item in overrides)]
    faults = tuple(fault for layer in layers for fault in layer.faults)
    faults += tuple(_misplaced(layers[: len(contents)]))
    if faults:
        return faults

    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        _merge(values, layer.values)
        origins.update({".".join(key): layer.source for key, _ in leaves(layer.values)})

    config = Config.model_validate(values)
    doubts = [f"{origins[key]}: {key} {why}" for key, why in config.doubts()]
    warnings = [line for layer in layers for line in layer.warnings]
    return LoadedConfig(config, tuple(dict.fromkeys([*warnings, *doubts])), origins)


def _misplaced(files: Sequence[_Layer]) -> Iterator[str]:
    """Where sessions are has been settled before the config of a session is read."""
    for layer in files[1:]:
        if "nesting" in layer.values and layer.values["nesting"] != files[0].values.get("nesting"):
            yield (
                f"{layer.source}: nesting has no effect here: it says where the sessions are, and is read "
                f"from {files[0].source} only. Take it out, or move it there"
            )


def _merge(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            _merge(values.setdefault(key, {}), value)
        else:
            values[key] = value


@lru_cache(maxsize=_CACHED_FILES)
def _read_layer(source: str, content: bytes | str) -> _Layer:
    if isinstance(content, str):
        return _Layer(source, {}, (f"{source}: {content}",))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _Layer(source, {}, (f"{source}: is not UTF-8 text ({error.reason}); save it as UTF-8",))
    try:
        return _checked(source, tomllib.loads(text))
    except RecursionError:
        return _Layer(source, {}, (f"{source}: brackets are nested too deeply",))
    except ValueError as error:
        return _Layer(source, {}, (f"{source}: {_syntax_fault(text, error)}",))


def _checked(source: str, values: Mapping[str, Any]) -> _Layer:
    findings = check(values)
    faults, warnings = (
        tuple(f"{source}: {line}" for line in lines) for lines in (findings.faults, findings.warnings)
    )
    return _Layer(source, findings.values, faults, warnings)


def _syntax_fault(text: str, error: ValueError) -> str:
    """What is wrong with text that is not TOML: line, column, reason, and the usual cause."""
    place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    reason = re.sub(r" \(at [^()]*\)$", "", str(error))
    if not place:
        return f"line {len(text.rstrip().splitlines())}: is not valid TOML at the end of the file: {reason}"
    line = text.split("\n")[int(place[1]) - 1].strip()
    if re.search(r"=\s*(True|False)\b", line):
        reason += "; true and false are written in lower case"
    elif re.search(r'"[^"]*\\', line):
        reason += "; a path with backslashes needs single quotes: 'C:\\folder'"
    elif re.search(r"=\s*None\b", line):
        reason += "; TOML has no None, leave the key out instead"
    return f"line {place[1]}, column {place[2]}: is not valid TOML: {reason}\n    {shorten(line)}"


def _read_override(item: str) -> _Layer:
    source = f"--set {item}"
    name, _, written = item.partition("=")
    path = _key_path(name)
    if not path or "=" not in item:
        return _Layer(source, {}, (f"{source}: should be KEY=VALUE, as in --set filter.enabled=true",))
    values: Any = _value(written)
    for key in reversed(path):
        values = {key: values}
    layer = _checked(source, values)
    # What has no effect in a file may be there for another program; on the command line it is a mistake.
    return _Layer(source, layer.values, (*layer.faults, *layer.warnings))


def _key_path(name: str) -> tuple[str, ...]:
    """("cameras", "my cam", "offset") of `cameras."my cam".offset`; () if that is no key."""
    try:
        paths = [path for path, _ in leaves(tomllib.loads(f"{name} = 0"))]
    except ValueError:
        return ()
    return paths[0] if len(paths) == 1 else ()


def _value(written: str) -> Any:
    """A value written as TOML, or any other text as it stands."""
    try:
        values = tomllib.loads(f"value = {written}")
    except (ValueError, RecursionError):
        return written
    return values["value"] if values.keys() == {"value"} else written
