"""What the 2D filters changed in a video, as JSON beside the filtered points."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from anipose.errors import FileFormatError
from anipose.io.files import require_file, write_text
from anipose.poses import Change


def write_changes(path: Path, changes: Sequence[Change]) -> None:
    """Write one object for each filter and keypoint, in the order of the filters."""
    rows = [json.dumps(dataclasses.asdict(change), ensure_ascii=False) for change in changes]
    write_text(path, "[\n" + ",\n".join(rows) + "\n]\n")


def read_changes(path: Path) -> tuple[Change, ...]:
    """Read a file of `write_changes`.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it is something else.
    """
    require_file(path)
    try:
        return tuple(Change(**row) for row in json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise FileFormatError(f"{path} is damaged ({error}); delete it and run: anipose filter") from error
