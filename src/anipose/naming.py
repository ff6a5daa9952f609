"""Which part of a file name is the camera, and which is the trial.

A pattern (`triangulation.cam_regex`) is searched in the name without its extension: its first group
is the camera, and what remains when every match is cut out is the trial. Without a pattern, the
camera is found by comparing the names with each other.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from anipose.errors import ProjectError

# Words that people put before the number or letter of a camera.
_KEYWORD = re.compile(
    r"([-_ .]?)(camera|cam|view|kamera)([-_ ]?)([0-9]+|[A-Za-z])(?![A-Za-z0-9])", re.IGNORECASE
)
_SEPARATORS = r"[-_ .]"
# (trial, camera) of each name.
Reading = tuple[tuple[str, str], ...]
_NUMBERED = re.compile(r"([A-Za-z]*)([0-9]+|[A-Z])")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts cam10 after cam9."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


@dataclass(frozen=True)
class CameraPattern:
    """A pattern, applied to names of files without extension."""

    regex: str

    def camera(self, stem: str) -> str | None:
        """The camera in a name; None if the pattern is not in it."""
        match = re.search(self.regex, stem)
        if match is None or match.group(1) is None:
            return None
        return match.group(1).strip()

    def trial(self, stem: str) -> str:
        """The trial in a name; may be empty, where the name is that of the camera alone."""
        return re.sub(self.regex, "", stem).strip()


def infer_pattern(folders: Sequence[Sequence[str]], known_cameras: Collection[str] = ()) -> CameraPattern:
    """Find the camera part by comparing names.

    Args:
        folders: names without extension, for each folder (videos of a session, calibration videos);
            every folder must have the same cameras as the last one, or a part of them.
        known_cameras: names of cameras that are known already, from a calibration.

    Raises:
        ProjectError: no reading fits, or more than one does (all of them are shown).
    """
    groups = [sorted(set(names)) for names in folders if names]
    if not groups:
        raise ProjectError("there are no file names in which to look for cameras")
    for candidates in (_from_keywords(groups), _from_tokens(groups), _from_known(known_cameras)):
        readings: dict[Reading, str] = {}
        for regex in candidates:
            reading = _read(regex, groups, set(known_cameras))
            if reading is not None and not any(_same(reading, other) for other in readings):
                readings[reading] = regex
        if len(readings) == 1:
            return CameraPattern(next(iter(readings.values())))
        if readings:
            raise ProjectError(_ambiguous(groups, readings))
    shown = ", ".join(groups[0][:4])
    raise ProjectError(
        f"which part of the file names is the camera? Comparing the names ({shown}) gives no answer. "
        "Write a pattern whose first group is the camera into config.toml, for example "
        "[triangulation] cam_regex = '-cam([0-9]+)'"
    )


def _read(regex: str, groups: list[list[str]], known: set[str]) -> Reading | None:
    """The reading of a pattern, if it fits all the names and every trial has all cameras."""
    pattern = CameraPattern(regex)
    reading: list[tuple[str, str]] = []
    cameras_of_groups = []
    for group in groups:
        pairs = []
        for stem in group:
            camera = pattern.camera(stem)
            if not camera:
                return None
            pairs.append((pattern.trial(stem), camera))
        cameras = {camera for _, camera in pairs}
        trials = {trial for trial, _ in pairs}
        if len(set(pairs)) < len(pairs) or (not known and len(pairs) != len(cameras) * len(trials)):
            return None
        cameras_of_groups.append(cameras)
        reading.extend(pairs)
    everything = known or cameras_of_groups[-1]
    if len(everything) < 2 or any(not cameras <= everything for cameras in cameras_of_groups):
        return None
    return tuple(reading)


def _same(a: Reading, b: Reading) -> bool:
    """Whether two readings group the names alike: 'run' and 'run_' are the same trial."""
    order = [
        {trial: number for number, trial in enumerate(dict.fromkeys(pair[0] for pair in r))} for r in (a, b)
    ]
    return all(p[1] == q[1] and order[0][p[0]] == order[1][q[0]] for p, q in zip(a, b, strict=True))


def _from_known(cameras: Collection[str]) -> Iterator[str]:
    if cameras:
        # Longest first, so that cam1 is not found in cam10.
        names = "|".join(re.escape(name) for name in sorted(cameras, key=lambda name: (-len(name), name)))
        yield rf"{_SEPARATORS}({names})$"
        yield rf"^({names}){_SEPARATORS}"
        yield rf"{_SEPARATORS}({names})(?={_SEPARATORS}|$)"
        yield rf"{_SEPARATORS}?(?:camera|cam|view)[-_ ]?({names})(?![A-Za-z0-9])"
        yield f"({names})"


def _from_keywords(groups: list[list[str]]) -> Iterator[str]:
    matches = [_KEYWORD.search(stem) for group in groups for stem in group]
    found = [match for match in matches if match is not None]
    if len(found) < len(matches):
        return
    for parts in ((1, 2, 3), (2, 3)):
        prefixes = {"".join(match.group(part) for part in parts) for match in found}
        if len(prefixes) == 1:
            yield re.escape(prefixes.pop()).replace(r"\-", "-") + _class_of(
                [match.group(4) for match in found]
            )
            return


def _from_tokens(groups: list[list[str]]) -> Iterator[str]:
    tokens = [re.split(_SEPARATORS, stem) for group in groups for stem in group]
    shortest = min(map(len, tokens))
    for position in (*range(-1, -shortest - 1, -1), *range(shortest)):
        values = sorted({parts[position] for parts in tokens}, key=natural_key)
        if len(values) < 2 or "" in values:
            continue
        prefix, group = _alternatives(values)
        if position == -1:
            yield rf"{_SEPARATORS}{prefix}{group}$" if shortest > 1 else f"{prefix}{group}"
        elif position in (0, -shortest) and shortest > 1:
            yield rf"^{prefix}{group}{_SEPARATORS}"
        yield rf"{_SEPARATORS}{prefix}{group}(?={_SEPARATORS}|$)"


def _alternatives(values: list[str]) -> tuple[str, str]:
    """A common prefix, and a group for what differs: ("cam", "([0-9]+)") or ("", "(left|right)")."""
    matches = [_NUMBERED.fullmatch(value) for value in values]
    prefixes = {match.group(1) for match in matches if match is not None}
    if None not in matches and len(prefixes) == 1:
        return prefixes.pop(), _class_of([match.group(2) for match in matches if match is not None])
    return "", "(" + "|".join(re.escape(value) for value in values) + ")"


def _class_of(values: Sequence[str]) -> str:
    if all(value.isdigit() for value in values):
        return "([0-9]+)"
    if all(len(value) == 1 and value.isupper() for value in values):
        return "([A-Z])"
    return "([0-9A-Za-z]+)"


def _ambiguous(groups: list[list[str]], readings: dict[Reading, str]) -> str:
    lines = ["which part of the file names is the camera? More than one reading fits:"]
    for reading, regex in readings.items():
        cameras = sorted({camera for _, camera in reading}, key=natural_key)
        trials = sorted({trial for trial, _ in reading}, key=natural_key)
        lines.append(
            f"  cam_regex = '{regex}'  would mean cameras {_some(cameras)} and trials {_some(trials)}"
        )
    lines.append(f"  (names: {_some(groups[0])})")
    lines.append("Write the right one into config.toml, under [triangulation]")
    return "\n".join(lines)


def _some(names: Sequence[str], limit: int = 4) -> str:
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
