"""Frames that people labelled, in DeepLabCut's layout: labeled-data/VIDEO/CollectedData_SCORER.h5 (or .csv).

Rows are images, named by the number of their frame: img0012.png.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.deeplabcut import KEY, UNIQUE_BODYPARTS, columns_of, image_names
from anipose.io.files import require_file, write_text
from anipose.io.pandas_table import TableWriter
from anipose.io.poses_2d import read_animals_2d
from anipose.poses import Poses2D

_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True)
class Labels:
    """Labelled images of one video.

    Attributes:
        images: names of the images.
        animals: of each animal, by name, with one row for each image.
    """

    images: tuple[str, ...]
    animals: Mapping[str, Poses2D]

    @property
    def frame_numbers(self) -> tuple[int | None, ...]:
        """The frame of the video that each image is, by the number in its name."""
        found = (_NUMBER.search(Path(name).stem) for name in self.images)
        return tuple(int(match[1]) if match else None for match in found)


def read_labels(path: Path) -> Labels:
    """Read the labels of one video.

    Raises:
        FileAccessError: there is no such file.
        FileFormatError: it is something else.
    """
    animals = read_animals_2d(path)
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            images = image_names(path, file)
    else:
        images = _names_in_csv(path)
    if any(len(images) != poses.n_frames for poses in animals.values()):
        raise FileFormatError(f"{path}: the rows are no images; expected labels as DeepLabCut writes them")
    return Labels(tuple(re.split(r"[/\\]", name)[-1] for name in images), animals)


def read_all_labels(paths: Sequence[Path]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The keypoints of all files together, and the labelled points (pose, keypoint, 2); NaN: not labelled.

    A pose is an animal in an image. Points that are no animal's are left out.
    """
    files = [read_animals_2d(path) for path in paths]
    found = [poses for animals in files for name, poses in animals.items() if name != UNIQUE_BODYPARTS]
    keypoints = tuple(dict.fromkeys(name for poses in found for name in poses.keypoints))
    parts = []
    for poses in found:
        points = np.full((poses.n_frames, len(keypoints), 2), np.nan)
        points[:, [keypoints.index(name) for name in poses.keypoints]] = poses.points
        parts.append(points[np.isfinite(points).any(axis=(1, 2))])
    return keypoints, np.concatenate(parts) if parts else np.zeros((0, 0, 2))


def write_labels(path: Path, video: str, images: Sequence[str], animals: Mapping[str, Poses2D]) -> None:
    """Write labels, or predictions to be corrected: a table for DeepLabCut, and beside it a .csv of the same.

    The .csv is what SLEAP imports as a "DeepLabCut dataset", and sleap-io as `load_dlc`, with the images.

    Args:
        path: the .h5 file.
        video: name of the folder in labeled-data.
        images: names of the images.
        animals: one row for each image; one animal without a name, or several.
    """
    rows = [f"labeled-data/{video}/{image}" for image in images]
    levels, columns, values = columns_of(animals)
    width = max((len(row.encode()) for row in rows), default=1)
    with TableWriter(path, key=KEY, levels=levels, columns=columns, index_bytes=width) as table:
        table.append(values, np.array([row.encode() for row in rows], dtype=f"S{width}"))
    lines = [[level, *names] for level, names in zip(levels, zip(*columns, strict=True), strict=True)]
    lines += [
        [row, *("" if np.isnan(value) else repr(float(value)) for value in cells)]
        for row, cells in zip(rows, values, strict=True)
    ]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_text(path.with_suffix(".csv"), text.getvalue())


def _names_in_csv(path: Path) -> tuple[str, ...]:
    require_file(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    header = next(row for row in rows if row and row[0] == "coords")
    n_index = next(place for place, name in enumerate(header) if name in ("x", "y"))
    return tuple(row[n_index - 1] for row in rows[rows.index(header) + 1 :] if row)
