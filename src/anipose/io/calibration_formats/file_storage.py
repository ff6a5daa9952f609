"""YAML and XML files as OpenCV writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from anipose.errors import FileFormatError
from anipose.io.files import require_file, write_text
from anipose.naming import natural_key

SUFFIXES = (".yml", ".yaml", ".xml")


def storage_files(path: Path) -> list[Path]:
    """The file itself, or those in a folder, in natural order."""
    if not path.is_dir():
        return [path]
    found = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES]
    return sorted(found, key=lambda file: natural_key(file.name))


def keys_in(path: Path) -> list[set[str]]:
    """The keys of each of the files; none if one of them is no file of OpenCV."""
    files = storage_files(path)
    try:
        return [set(read_storage(file)) for file in files if file.suffix.lower() in SUFFIXES]
    except FileFormatError:
        return []


def write_storage(path: Path, values: Mapping[str, Any]) -> None:
    kind = cv2.FILE_STORAGE_FORMAT_XML if path.suffix == ".xml" else cv2.FILE_STORAGE_FORMAT_YAML
    storage = cv2.FileStorage(path.suffix, cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY | kind)
    for key, value in values.items():
        storage.write(key, np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value)
    write_text(path, storage.releaseAndGetString())


def read_storage(path: Path) -> dict[str, Any]:
    """Matrices, numbers and texts by key."""
    require_file(path)
    try:
        text = path.read_text(encoding="utf-8")
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        return {key: _value(storage.getNode(key)) for key in list(storage.root().keys())}
    except (cv2.error, SystemError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path} is no file of OpenCV") from error


def _value(node: Any) -> Any:
    if node.isMap():
        keys = node.keys()
        return node.mat() if "data" in keys else {key: _value(node.getNode(key)) for key in keys}
    if node.isSeq():
        return [_value(node.at(number)) for number in range(node.size())]
    return node.real() if node.isReal() or node.isInt() else node.string()
