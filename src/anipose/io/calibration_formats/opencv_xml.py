"""XML of OpenCV: what opencv.py has in YAML."""

from pathlib import Path

from anipose.geometry.cameras import Cameras
from anipose.io.calibration_formats import opencv
from anipose.io.calibration_formats.file_storage import storage_files
from anipose.io.calibration_formats.format import Size

TARGET = "opencv-xml"
ABOUT = "an XML file per camera"


def recognises(path: Path) -> bool:
    return all(file.suffix.lower() == ".xml" for file in storage_files(path)) and opencv.recognises(path)


def read(path: Path, size: Size | None = None) -> Cameras:
    return opencv.read(path, size)


def write(path: Path, cameras: Cameras) -> None:
    opencv.write_files(path, cameras, ".xml")
