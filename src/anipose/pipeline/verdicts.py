"""What is stale, and why.

| finding                                              | verdict                  |
|------------------------------------------------------|--------------------------|
| an output is missing, or an unfinished run left it   | run                      |
| an output has no record, or differs from it          | keep (`force`: run)      |
| version, a setting or the content of an input differs| run                      |
| an input is missing and nothing makes it             | blocked; keep if all else is as recorded |
| nothing differs                                      | current                  |
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from anipose.pipeline.fingerprints import Fingerprint, fingerprint
from anipose.pipeline.job import Job
from anipose.pipeline.records import FileRecord, Record, json_settings, read_record, relative, was_placed

_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Verdict:
    """Whether a job runs, and the reasons as the user is told them.

    Attributes:
        state: "run"; "keep", the outputs are the user's or cannot be made anew; "current", nothing to do;
            "blocked", an input is missing.
        reasons: one line each; empty if current.
        refreshed: the record with the times of now, if content is as recorded but some times are not.
        warnings: what the job warned of when it ran, if it is current.
        spare: the job is `on_demand`, and nothing is amiss but that its outputs are not there.
    """

    state: Literal["run", "keep", "current", "blocked"]
    reasons: tuple[str, ...] = ()
    refreshed: Record | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    spare: bool = False


@dataclass(frozen=True)
class _Outputs:
    missing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    found: dict[str, FileRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class _Inputs:
    """`found` has None for an input that is going to change."""

    absent: dict[str, Path] = field(default_factory=dict)
    found: dict[str, tuple[str, Fingerprint | None]] = field(default_factory=dict)


def verdict(
    job: Job, *, force: bool = False, pending: Collection[Path] = (), spared: Collection[Path] = ()
) -> Verdict:
    """Decide whether a job runs.

    Args:
        job: the job; what is upstream of it is done, except for `pending` and `spared`.
        force: run even if it is current, and replace outputs that are the user's.
        pending: inputs that an upstream job has yet to make, perhaps with the same content as now.
        spared: inputs that are not there, and are made only if this job, or another, is to run.

    Raises:
        FileAccessError: an input or output exists but cannot be read.
    """
    record = read_record(job)
    outputs = _look_at_outputs(job, record)
    if outputs.users and (job.precious or not force):
        return Verdict("keep", (*outputs.users, *outputs.missing))
    if force:
        reasons = [*outputs.missing, *outputs.left, *outputs.users] or ["forced"]
        return _unless_absent(job, reasons, {*pending, *spared})
    if outputs.missing or outputs.left:
        found = _unless_absent(job, [*outputs.missing, *outputs.left], {*pending, *spared})
        spare = job.on_demand and not outputs.left and _is_as_recorded(job, record, pending)
        return replace(found, spare=spare)
    if record is None:
        raise AssertionError(f"{job}: outputs that are neither missing nor the user's have a record")

    inputs = _look_at_inputs(job, record, pending, spared)
    reasons = _own_reasons(job, record)
    if inputs.absent:
        if reasons:
            return Verdict("blocked", _absent(job, inputs.absent))
        gone = [f"{relative(job, path)} does not exist any more" for path in inputs.absent.values()]
        return Verdict("keep", (*gone, "kept as it was made"))
    reasons += _input_reasons(record.inputs, inputs.found)
    if reasons and _has_nothing_to_go_by(job, {*pending, *spared}):
        return Verdict("blocked", ("nothing that it is made from is there any more",))
    if reasons:
        return Verdict("run", tuple(reasons))
    return Verdict("current", refreshed=_refreshed(record, inputs, outputs), warnings=record.warnings)


def fingerprint_inputs(job: Job) -> dict[str, FileRecord]:
    """The inputs of a job as they are now."""
    record = read_record(job)
    known = _by_path(record.inputs if record else {})
    return {
        name: FileRecord(where, taken)
        for name, path in (job.inputs() | job.optional_inputs()).items()
        if (taken := fingerprint(path, known.get(where := relative(job, path)))) is not None
    }


def _unless_absent(job: Job, reasons: list[str], pending: Collection[Path]) -> Verdict:
    absent = {key: path for key, path in job.inputs().items() if path not in pending and not path.exists()}
    if absent:
        return Verdict("blocked", _absent(job, absent))
    if _has_nothing_to_go_by(job, pending):
        return Verdict("blocked", ("nothing that it is made from is there yet",))
    return Verdict("run", tuple(reasons))


def _has_nothing_to_go_by(job: Job, pending: Collection[Path]) -> bool:
    """Whether all the optional inputs are absent of which a job needs one at least."""
    optional = job.optional_inputs()
    if job.made_from:
        optional = {key: path for key, path in optional.items() if key.partition(".")[0] == job.made_from}
    elif job.inputs():
        return False
    return bool(optional) and not any(path in pending or path.exists() for path in optional.values())


def _is_as_recorded(job: Job, record: Record | None, pending: Collection[Path]) -> bool:
    """Whether the outputs, were they there, would be current; without a record, nothing says otherwise."""
    if record is None:
        return True
    inputs = _look_at_inputs(job, record, pending, ())
    return bool(inputs.absent) or not (
        _own_reasons(job, record) or _input_reasons(record.inputs, inputs.found)
    )


def _absent(job: Job, inputs: Mapping[str, Path]) -> tuple[str, ...]:
    """What is missing, and once what to do about it."""
    missing = [f"{relative(job, path)} does not exist" for path in inputs.values()]
    hints = dict.fromkeys(job.hints.get(key.partition(".")[0], "no step makes it") for key in inputs)
    return (*missing, *hints)


def _look_at_outputs(job: Job, record: Record | None) -> _Outputs:
    known = _by_path(record.outputs if record else {})
    result = _Outputs()
    for name, path in job.outputs().items():
        where = relative(job, path)
        taken = fingerprint(path, known.get(where))
        if taken is None:
            result.missing.append(f"{where} does not exist")
        elif where in known and taken.digest == known[where].digest:
            result.found[name] = FileRecord(where, taken)
        elif was_placed(job, path):
            result.left.append(f"{where} was left by a run that did not finish")
        else:
            result.users.append(f"{where} was {'edited' if where in known else 'not made by anipose'}")
    return result


def _look_at_inputs(job: Job, record: Record, pending: Collection[Path], spared: Collection[Path]) -> _Inputs:
    known = _by_path(record.inputs)
    required = job.inputs()
    result = _Inputs()
    for name, path in (required | job.optional_inputs()).items():
        where = relative(job, path)
        if path in pending:
            result.found[name] = (where, None)
        elif path in spared:
            result.found[name] = (where, known.get(where))
        elif (taken := fingerprint(path, known.get(where))) is not None:
            result.found[name] = (where, taken)
        elif name in required:
            result.absent[name] = path
    return result


def _by_path(files: Mapping[str, FileRecord]) -> dict[str, Fingerprint]:
    return {item.path: item.fingerprint for item in files.values()}


def _own_reasons(job: Job, record: Record) -> list[str]:
    """What differs in the version and the settings."""
    was, now = record.settings, json_settings(job)
    version = [f"anipose now computes this differently (version {record.version} -> {job.version})"]
    changed = [
        f"{key}: {_shown(was[key])} -> {_shown(now[key])}"
        for key in now
        if key in was and was[key] != now[key]
    ]
    new = [
        f"{key} is new: {_shown(now[key])}" if key in now else f"{key} is new" for key in _only_in(now, was)
    ]
    gone = [f"{key} is no longer {'set' if key in was else 'used'}" for key in _only_in(was, now)]
    return (version if job.version != record.version else []) + changed + new + gone


def _only_in(these: Collection[str], those: Collection[str]) -> list[str]:
    """Keys that the others have not; "cameras.B" instead of its keys if the others have none of them."""
    told: dict[str, list[str]] = {}
    for key in these:
        if key not in those:
            owner = key.rpartition(".")[0]
            alone = "." not in owner or any(other.startswith(f"{owner}.") for other in those)
            told.setdefault(key if alone else owner, []).append(key)
    return [owner if len(keys) > 1 else keys[0] for owner, keys in told.items()]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 4]} ..."


def _input_reasons(
    was: Mapping[str, FileRecord], now: Mapping[str, tuple[str, Fingerprint | None]]
) -> list[str]:
    """Inputs are told by their names first: a renamed file with the same content changes nothing."""
    digests = {name: item.fingerprint.digest for name, item in was.items()}
    if digests == {name: taken.digest if taken else None for name, (_, taken) in now.items()}:
        return []
    old = {item.path: item.fingerprint.digest for item in was.values()}
    new = {where: taken.digest if taken else None for where, taken in now.values()}
    reasons = [f"{path} changed" for path in new if path in old and new[path] not in (None, old[path])]
    reasons += [f"{path} is new" for path in new if path not in old]
    reasons += [f"{path} is no longer used" for path in old if path not in new]
    reasons = reasons or [f"{path} may change" for path in new if new[path] is None]
    return reasons or ["the same files are used in another order"]


def _refreshed(record: Record, inputs: _Inputs, outputs: _Outputs) -> Record | None:
    found = {name: FileRecord(where, taken) for name, (where, taken) in inputs.found.items() if taken}
    if found == record.inputs and outputs.found == record.outputs:
        return None
    return replace(record, inputs=found, outputs=outputs.found)
