"""All formats, by the names that the command line has for them. A new one is a module and a line here."""

from collections.abc import Mapping
from pathlib import Path

from anipose.errors import FileFormatError
from anipose.geometry.cameras import Cameras
from anipose.io.calibration_formats import (
    anipose,
    caliscope,
    colmap,
    dannce,
    dlt,
    jarvis,
    matlab,
    opencv,
    opencv_xml,
    pose2sim,
)
from anipose.io.calibration_formats.format import Format, Size
from anipose.io.files import require_file

FORMATS: Mapping[str, Format] = {
    "anipose": anipose,
    "caliscope": caliscope,
    "pose2sim": pose2sim,
    "opencv": opencv,
    "opencv-xml": opencv_xml,
    "matlab": matlab,
    "dannce": dannce,
    "jarvis": jarvis,
    "dlt": dlt,
    "colmap": colmap,
}


def read_any_calibration(path: Path, format_name: str | None = None, size: Size | None = None) -> Cameras:
    """Read a calibration of another program.

    Args:
        path: a file, or a folder.
        format_name: one of FORMATS; None: what the content says, where it can be nothing else.
        size: (width, height) of the pictures, for formats that do not hold it.

    Raises:
        FileFormatError: it is none of them, or several; or it is damaged.
        CalibrationError: it has something that cameras cannot have, or that anipose has not.
    """
    if not path.is_dir():
        require_file(path)
    if format_name is None:
        format_name = _recognised(path)
    try:
        return FORMATS[format_name].read(path, size)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise FileFormatError(
            f"{path} cannot be read as {format_name}: {type(error).__name__}: {error}"
        ) from error


def _recognised(path: Path) -> str:
    found = [name for name, known in FORMATS.items() if known.recognises(path)]
    if "opencv-xml" in found:
        found.remove("opencv")
    if len(found) != 1:
        seems = "could be " + " or ".join(found) if found else "is no calibration that is known at once"
        raise FileFormatError(f"{path} {seems}; tell what it is with --format {{{','.join(FORMATS)}}}")
    return found[0]
