"""From the settings and files of a calibration to what the geometry works on."""

from collections.abc import Mapping, Sequence

import numpy as np

from anipose.boards import Board, make_board
from anipose.config import MAX_BOARD_SIZE, Calibration
from anipose.errors import CalibrationError, ConfigError
from anipose.geometry.board_views import Seen
from anipose.io.detections import BoardDetections


def configured_board(table: Calibration) -> Board:
    """The board that the table [calibration] describes.

    Raises:
        ConfigError: it describes none, or one that cannot be.
    """
    if table.board_type is None or table.board_size is None:
        missing = [key for key in ("board_type", "board_size") if getattr(table, key) is None]
        raise ConfigError(
            f"calibration.{' and calibration.'.join(missing)} is missing: describe your board under "
            '[calibration], such as board_type = "charuco", board_size = [10, 7], board_square_side_length = 25, '
            "board_marker_length = 18.75, board_marker_bits = 4, board_marker_dict_number = 50"
        )
    if max(table.board_size) > MAX_BOARD_SIZE:
        raise ConfigError(
            f"calibration.board_size = {list(table.board_size)} is no count of squares or corners but perhaps "
            "a length; give [columns, rows]: squares of a charuco board, inner corners of a checkerboard"
        )
    return make_board(
        table.board_type,
        table.board_size,
        square_length=table.board_square_side_length,
        marker_length=table.board_marker_length,
        marker_separation=table.board_marker_separation_length,
        marker_bits=table.board_marker_bits or 4,
        dictionary_size=table.board_marker_dict_number or 50,
        legacy=table.board_legacy,
    )


def joined(recordings: Sequence[Mapping[str, BoardDetections]]) -> dict[str, Seen]:
    """The recordings one after the other, as if they were one; frames of the same number stay together.

    Raises:
        CalibrationError: videos of one camera differ in size.
    """
    parts: dict[str, list[tuple[int, BoardDetections]]] = {}
    start = 0
    for views in recordings:
        for camera, detections in views.items():
            parts.setdefault(camera, []).append((start, detections))
        start += max(detections.n_frames for detections in views.values())
    return {camera: _joined(camera, found) for camera, found in parts.items()}


def _joined(camera: str, parts: Sequence[tuple[int, BoardDetections]]) -> Seen:
    sizes = {detections.size for _, detections in parts}
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise CalibrationError(
            f"the calibration videos of camera {camera} differ in size ({shown}); keep those of the size that "
            "the videos of the animal have"
        )
    return Seen(
        frames=np.concatenate([start + detections.frames for start, detections in parts]),
        corners=np.concatenate([detections.corners for _, detections in parts]),
        size=sizes.pop(),
        n_frames=sum(detections.n_frames for _, detections in parts),
    )
