"""Lengths of limbs, learned from all trials of a session, as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

from anipose.errors import FileFormatError
from anipose.io.files import require_file, write_text

Limb = tuple[str, str]


def write_limb_lengths(path: Path, lengths: Mapping[Limb, float], unit: str) -> None:
    """Write lengths by the keypoints at the ends."""
    limbs = [{"from": one, "to": two, "length": round(length, 6)} for (one, two), length in lengths.items()]
    write_text(path, json.dumps({"units": unit, "limbs": limbs}, indent=1, ensure_ascii=False) + "\n")


def read_limb_lengths(path: Path) -> dict[Limb, float]:
    """The lengths in a file of `write_limb_lengths`.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it is something else.
    """
    require_file(path)
    try:
        limbs = json.loads(path.read_text(encoding="utf-8"))["limbs"]
        return {(str(limb["from"]), str(limb["to"])): float(limb["length"]) for limb in limbs}
    except (ValueError, LookupError, TypeError) as error:
        raise FileFormatError(
            f"{path} does not hold lengths of limbs; delete it, and it is made anew by: anipose triangulate"
        ) from error
