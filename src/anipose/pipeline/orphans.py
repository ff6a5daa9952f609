"""Results whose sources are gone: of videos or points that were renamed or deleted later."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anipose.pipeline.job import Job
from anipose.pipeline.records import FOLDER


@dataclass(frozen=True)
class _Known:
    """A record: paths of its inputs, and its outputs that are there as they were made."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def find_orphans(jobs: Sequence[Job]) -> list[Path]:
    """Files that records in the homes say are ours, that no job makes, and of which an input is gone.

    An input that is such a file itself counts as gone. Files that the user edited are not ours any more.
    """
    made = {os.path.abspath(path) for job in jobs for path in job.outputs().values()}  # noqa: PTH100 - links stay
    homes = dict.fromkeys(job.home for job in jobs)
    left = [known for home in homes for known in _records(home) if known.outputs and not known.outputs & made]
    gone: set[str] = set()
    while True:
        more = [
            known for known in left if any(path in gone or not Path(path).exists() for path in known.inputs)
        ]
        if not more:
            return sorted(map(Path, gone))
        left = [known for known in left if known not in more]
        gone.update(path for known in more for path in known.outputs)


def _records(home: Path) -> Iterator[_Known]:
    for path in sorted((home / FOLDER / "records").rglob("*.json")):
        try:
            content = json.loads(path.read_bytes())
            inputs = frozenset(_absolute(home, item) for item in content["inputs"].values() if item["digest"])
            outputs = frozenset(
                _absolute(home, item) for item in content["outputs"].values() if _is_untouched(home, item)
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue  # as everywhere: a record that cannot be read is none
        yield _Known(inputs, outputs)


def _absolute(home: Path, item: dict[str, Any]) -> str:
    return os.path.normpath(f"{home}/{item['path']}")


def _is_untouched(home: Path, item: dict[str, Any]) -> bool:
    try:
        status = (home / item["path"]).stat()
    except OSError:
        return False
    return status.st_size == item["size"] and item["mtime_ns"] in (None, status.st_mtime_ns)
