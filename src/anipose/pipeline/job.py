"""What a step declares: the files it reads, the files it writes, and its settings.

A `Job` is a frozen dataclass. Fields annotated `Input[...]` and `Output[...]` hold paths (one, a
sequence of them, or a mapping to them); every other field is a setting that can change the result.
`OptionalInput[...]` holds paths that are read where they exist: a summary is made of the trials that
worked, and is made anew when one more does; that one of them failed or is absent blocks nothing.
Everything else (what is stale, in which order, on which worker) is read off this declaration.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_type_hints

T = TypeVar("T")

_INPUT = "input"
_OPTIONAL = "optional input"
_OUTPUT = "output"

Input = Annotated[T, _INPUT]
OptionalInput = Annotated[T, _OPTIONAL]
Output = Annotated[T, _OUTPUT]


@cache
def _roles(job_type: Any) -> dict[str, str]:
    """Field name -> "input", "optional input", "output" or "setting"."""
    hints = get_type_hints(job_type, include_extras=True)
    roles = {}
    for item in dataclasses.fields(job_type):
        marks = getattr(hints[item.name], "__metadata__", ())
        roles[item.name] = marks[0] if marks and marks[0] in (_INPUT, _OPTIONAL, _OUTPUT) else "setting"
    return roles


def _paths(name: str, value: Any) -> Iterator[tuple[str, Path]]:
    if value is None:
        return
    if isinstance(value, Path):
        yield name, value
    elif isinstance(value, (str, os.PathLike)):
        yield name, Path(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _paths(f"{name}.{key}", item)
    elif isinstance(value, Sequence):
        for number, item in enumerate(value):
            yield from _paths(f"{name}.{number}", item)
    else:
        raise TypeError(f"{name}: a path was expected, not {value!r}")


def _settings(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(value, "settings"):  # a table of the config: only the keys it was narrowed to
        prefix = getattr(type(value), "TABLE", "") or name
        for key, item in value.settings().items():
            yield from _settings(f"{prefix}.{key}", item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _settings(f"{name}.{key}", item)
    elif isinstance(value, (tuple, list)):
        yield name, [dict(_settings("", item)) if isinstance(item, Mapping) else item for item in value]
    elif isinstance(value, os.PathLike):
        yield name, os.fspath(value)
    else:
        yield name, value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One piece of work: some files in, some files out.

    Class attributes:
        command: the command of `anipose` that runs jobs of this class.
        version: raise it when the same inputs and settings would give another output.
        resources: what a worker must have, such as {"GPU": 1}.
        works_on: what `plan` looks for, as said to a user whose project has none of it.
        on_demand: its outputs are only for other jobs; it runs when one of those is to run.
        made_from: field of optional inputs of which one at least must be there. When empty: one of all,
            unless there are inputs that are not optional.
        precious: people often make its outputs by other means; what they made is not even replaced by force.
        hints: field of an input -> what to do if it does not exist and no job makes it.
    """

    command: ClassVar[str]
    version: ClassVar[int] = 1
    resources: ClassVar[Mapping[str, float]] = {}
    works_on: ClassVar[str] = ""
    on_demand: ClassVar[bool] = False
    made_from: ClassVar[str] = ""
    precious: ClassVar[bool] = False
    hints: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def plan(cls, project: Any) -> Iterator[Self]:
        """All the jobs of this class in a project, whether or not they need to run."""
        raise NotImplementedError(f"{cls.__name__}.plan")

    def run(self) -> None:
        """Read the inputs, compute, write the outputs (whole, by renaming into place)."""
        raise NotImplementedError(f"{type(self).__name__}.run")

    def in_short(self) -> str:
        """What to tell the user of what was made, read off the outputs; nothing for most."""
        return ""

    def inputs(self) -> dict[str, Path]:
        """Every input file, by the name of its field: {"poses_2d.camA": Path(...)}."""
        return self._files(_INPUT)

    def optional_inputs(self) -> dict[str, Path]:
        """Every input file that need not exist, by the name of its field."""
        return self._files(_OPTIONAL)

    def outputs(self) -> dict[str, Path]:
        """Every output file, by the name of its field."""
        return self._files(_OUTPUT)

    def settings(self) -> dict[str, Any]:
        """Every setting that can change the result, as JSON values, under its name in config.toml."""
        return {
            key: value
            for name, role in self._roles().items()
            if role == "setting"
            for key, value in _settings(name, getattr(self, name))
        }

    @property
    def target(self) -> Path:
        """The first output: what the job is called after."""
        return next(iter(self.outputs().values()))

    @property
    def home(self) -> Path:
        """The folder with the job's record (in `.anipose/`): two above the first output, the session."""
        return self.target.parent.parent

    def _roles(self) -> dict[str, str]:
        return _roles(type(self))  # type: ignore[arg-type]  # mypy takes the hash of an instance for that of its class

    def _files(self, role: str) -> dict[str, Path]:
        return {
            key: path
            for name, found in self._roles().items()
            if found == role
            for key, path in _paths(name, getattr(self, name))
        }
