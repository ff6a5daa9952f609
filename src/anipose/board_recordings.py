"""From the settings and files of a calibration to what the geometry works on."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from anipose.arrays import NDArray
from anipose.boards import Board, Inverted, make_board
from anipose.config import Calibration, Camera
from anipose.detection import detect_in_video
from anipose.errors import CalibrationError, ConfigError
from anipose.geometry.board_views import Seen
from anipose.geometry.calibration_start import LensSettings
from anipose.geometry.cameras import Cameras
from anipose.io.chosen_frames import read_gray_at
from anipose.io.detections import BoardDetections
from anipose.io.video import image_files, probe
from anipose.tables.calibration import MAX_BOARD_SIZE

Key = TypeVar("Key", bound=Hashable)

# A number in the name of a picture, which is the number of its frame.
_NUMBER = re.compile(r"(\d+)(?!.*\d)")


def configured_board(table: Calibration) -> Board:
    """The board that the table [calibration] describes.

    Raises:
        ConfigError: it describes none, or one that cannot be.
    """
    if table.board_type is None or table.board_size is None:
        missing = [key for key in ("board_type", "board_size") if getattr(table, key) is None]
        raise ConfigError(
            f"calibration.{' and calibration.'.join(missing)} is missing: describe your board under "
            '[calibration], such as board_type = "charuco", board_size = [10, 7], board_square_side_length '
            "= 25, "
            "board_marker_length = 18.75, board_marker_bits = 4, board_marker_dict_number = 50"
        )
    if max(table.board_size) > MAX_BOARD_SIZE:
        raise ConfigError(
            f"calibration.board_size = {list(table.board_size)} is no count of squares or corners but "
            "perhaps "
            "a length; give [columns, rows]: squares of a charuco board, inner corners of a checkerboard"
        )
    board = make_board(
        table.board_type,
        table.board_size,
        square_length=table.board_square_side_length,
        marker_length=table.board_marker_length,
        marker_separation=table.board_marker_separation_length,
        marker_bits=table.board_marker_bits or 4,
        dictionary_size=table.board_marker_dict_number or 50,
        legacy=table.board_legacy,
    )
    return Inverted(board) if table.board_inverted else board


class BoardVideo:
    """A video of the board, or a folder of pictures, of which some frames are looked at.

    Raises:
        FileFormatError: it cannot be read.
    """

    def __init__(self, board: Board, video: Path) -> None:
        self._board, self._video = board, video
        if video.is_dir():
            self._numbers = picture_numbers(video)
            self._sizes: list[tuple[int, int]] = []
        else:
            info = probe(video)
            self._numbers = np.arange(info.n_frames)
            self._sizes = [(info.width, info.height)]
        self.n_frames = int(self._numbers.max()) + 1

    def look(self, frames: NDArray[np.int64] | None = None) -> BoardDetections:
        """The board in these frames, as far as they exist, or in all of them.

        Raises:
            FileFormatError: a picture cannot be read.
            CalibrationError: pictures of one folder differ in size.
        """
        wanted = np.ones(len(self._numbers), bool) if frames is None else np.isin(self._numbers, frames)
        places = np.argsort(self._numbers, kind="stable")
        places = places[wanted[places]]
        looked_at = self._numbers[places]
        pictures = self._of_one_size(read_gray_at(self._video, places.tolist()))
        found, corners = detect_in_video(self._board, pictures)
        corners = corners.reshape(len(found), len(self._board.points), 2)
        everything = len(looked_at) == self.n_frames
        size = self._sizes[0] if self._sizes else (1, 1)
        return BoardDetections(
            size, self.n_frames, looked_at[found], corners, looked_at=None if everything else looked_at
        )

    def _of_one_size(self, pictures: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        for gray in pictures:
            height, width = gray.shape
            self._sizes = self._sizes or [(width, height)]
            first = self._sizes[0]
            if first != (width, height):
                raise CalibrationError(
                    f"the pictures in {self._video} differ in size "
                    f"({first[0]}x{first[1]}, {width}x{height}); keep those "
                    "of the size that the videos of the animal have"
                )
            yield gray


def both(one: BoardDetections, other: BoardDetections) -> BoardDetections:
    """What was found in two looks at the same video, at different frames."""
    frames = np.concatenate([one.frames, other.frames])
    order = np.argsort(frames, kind="stable")
    looked_at = None
    if one.looked_at is not None and other.looked_at is not None:
        looked_at = np.union1d(one.looked_at, other.looked_at)
        looked_at = None if len(looked_at) == one.n_frames else looked_at
    size = one.size if one.n_looked_at else other.size
    corners = np.concatenate([one.corners, other.corners])[order]
    return replace(one, size=size, frames=frames[order], corners=corners, looked_at=looked_at)


def picture_numbers(folder: Path) -> NDArray[np.int64]:
    """The frame that each picture of a folder is: the last number in its name, or else its place.

    Pictures of the same number in the folders of several cameras were taken together.
    """
    files = image_files(folder)
    found = [_NUMBER.search(path.stem) for path in files]
    numbers = [int(match.group(1)) for match in found if match]
    if len(set(numbers)) == len(files):
        return np.array(numbers, np.int64)
    return np.arange(len(files))


def lens_settings(
    cameras: Sequence[str],
    table: Calibration,
    own: Mapping[str, Camera],
    initial: Cameras | None,
    apart: Mapping[str, Seen],
) -> dict[str, LensSettings]:
    """How the lens of each camera is to be found.

    Args:
        own: the tables [cameras.X].
        initial: the calibration of `calibration_init`.
        apart: boards filmed for the lens alone.

    Raises:
        ConfigError: lenses are to be refined or fixed, but nothing is given for a camera.
    """
    known = {} if initial is None else {camera.name: camera for camera in initial}
    settings, missing = {}, []
    for name in cameras:
        its = own.get(name, Camera())
        fisheye = table.fisheye if its.fisheye is None else its.fisheye
        given = None
        if its.matrix is not None:
            given = _intrinsics(np.array(its.matrix), np.array(its.distortions))
        elif name in known:
            fisheye = known[name].fisheye
            given = _intrinsics(known[name].matrix, known[name].distortions)
        if table.intrinsics != "estimate" and given is None and name not in apart:
            missing.append(name)
        models = () if table.distortion is None or fisheye else (table.distortion,)
        settings[name] = LensSettings(fisheye, models, given, table.intrinsics, apart.get(name))
    if missing:
        raise ConfigError(
            f'calibration.intrinsics = "{table.intrinsics}", but no lens is given for camera '
            f"{', '.join(missing)}: "
            "name a calibration.toml that has them with calibration.calibration_init, give matrix and "
            "distortions "
            "under [cameras.NAME], or put videos of the board for each camera into calibration-intrinsics/"
        )
    return settings


def _intrinsics(matrix: NDArray[np.float64], distortions: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.zeros(9)
    values[:4] = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
    values[4 : 4 + len(distortions[:5])] = distortions[:5]
    return values


def without(detections: BoardDetections, rejected: Sequence[int]) -> BoardDetections:
    """The same without boards in some frames."""
    kept = ~np.isin(detections.frames, rejected)
    return replace(detections, frames=detections.frames[kept], corners=detections.corners[kept])


def joined(recordings: Sequence[Mapping[str, BoardDetections]]) -> dict[str, Seen]:
    """The recordings one after the other, as if they were one; frames of the same number stay together.

    Raises:
        CalibrationError: videos of one camera differ in size.
    """
    parts: dict[str, list[tuple[int, BoardDetections]]] = {}
    first = starts(dict(enumerate(recordings)))
    for number, views in enumerate(recordings):
        for camera, detections in views.items():
            parts.setdefault(camera, []).append((first[number], detections))
    return {camera: _joined(camera, found) for camera, found in parts.items()}


def starts(recordings: Mapping[Key, Mapping[str, BoardDetections]]) -> dict[Key, int]:
    """The number of the first frame of each recording, when they are joined."""
    found, start = {}, 0
    for key, views in recordings.items():
        found[key] = start
        start += max(detections.n_frames for detections in views.values())
    return found


def _joined(camera: str, parts: Sequence[tuple[int, BoardDetections]]) -> Seen:
    sizes = {detections.size for _, detections in parts}
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise CalibrationError(
            f"the calibration videos of camera {camera} differ in size ({shown}); keep those of the size "
            "that "
            "the videos of the animal have"
        )
    return Seen(
        frames=np.concatenate([start + detections.frames for start, detections in parts]),
        corners=np.concatenate([detections.corners for _, detections in parts]),
        size=sizes.pop(),
        n_frames=sum(detections.n_looked_at for _, detections in parts),
    )
