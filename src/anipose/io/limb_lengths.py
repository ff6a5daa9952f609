"""Lengths of limbs, learned from all trials of a session, as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

from anipose.errors import FileFormatError
from anipose.io.files import require_file, write_text
from anipose.poses import UNNAMED

Limb = tuple[str, str]


def write_limb_lengths(path: Path, lengths: Mapping[str, Mapping[Limb, float]], unit: str) -> None:
    """Write the lengths of each animal by the keypoints at the ends; one that has a name is told by it."""
    limbs = [
        {
            **({} if animal == UNNAMED else {"individual": animal}),
            "from": one,
            "to": two,
            "length": round(length, 6),
        }
        for animal, found in lengths.items()
        for (one, two), length in found.items()
    ]
    write_text(path, json.dumps({"units": unit, "limbs": limbs}, indent=1, ensure_ascii=False) + "\n")


def read_limb_lengths(path: Path) -> dict[str, dict[Limb, float]]:
    """The lengths in a file of `write_limb_lengths`, by animal.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it is something else.
    """
    require_file(path)
    try:
        limbs = json.loads(path.read_text(encoding="utf-8"))["limbs"]
        lengths: dict[str, dict[Limb, float]] = {}
        for limb in limbs:
            of_animal = lengths.setdefault(str(limb.get("individual", UNNAMED)), {})
            of_animal[str(limb["from"]), str(limb["to"])] = float(limb["length"])
        return lengths
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FileFormatError(
            f"{path} does not hold lengths of limbs; delete it, and it is made anew by: anipose triangulate"
        ) from error
