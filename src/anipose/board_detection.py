"""The boards of a calibration video, and advice where there are hardly any."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from anipose.board_advice import advice_for, advice_on_rows, boards_that_agree
from anipose.board_frames import (
    MOST_LOOKS,
    are_enough,
    looks,
    missing_frames,
    used_frames,
)
from anipose.board_recordings import BoardVideo, both, configured_board
from anipose.config import Calibration
from anipose.io.detections import BoardDetections

# With fewer views than this, other settings are tried; and at once if there is none in the first one of so
# many parts of the first look, since to look with wrong settings takes long.
FEW_VIEWS, FIRST_PARTS = 5, 4


def first_look(table: Calibration, video: Path, also: tuple[int, ...] = ()) -> BoardDetections:
    """The board in some frames of a video or folder of pictures, as many as it takes for enough views.

    Args:
        also: frames that are looked at in any case.
    """
    film = BoardVideo(configured_board(table), video)
    first, *finer = looks(film.n_frames)
    found = film.look(np.array(also, np.int64))
    is_advised = False
    for frames in (*np.array_split(first, FIRST_PARTS), *finer):
        found = both(found, film.look(np.setdiff1d(frames, also)))
        if not (is_advised or boards_that_agree(table, found)):
            found, is_advised = _with_advice(table, video, found), True
        is_enough = found.n_looked_at >= len(first) and are_enough(found)
        if found.advice or is_enough or found.n_looked_at >= MOST_LOOKS:
            break
    return found if is_advised else _with_advice(table, video, found)


def second_look(
    table: Calibration, video: Path, camera: str, seen: Mapping[str, BoardDetections], also: tuple[int, ...]
) -> BoardDetections:
    """The boards that are used: those of the first look that bring something, and more for shared views.

    Args:
        seen: what each camera of the recording saw at the first look.
    """
    own = seen[camera]
    more = missing_frames(camera, seen)
    used = np.isin(own.frames, np.concatenate([used_frames(seen), np.array(also, np.int64)]))
    chosen = replace(own, frames=own.frames[used], corners=own.corners[used])
    if not len(more):
        return chosen
    return both(chosen, BoardVideo(configured_board(table), video).look(more))


def every_board(table: Calibration, video: Path) -> BoardDetections:
    """The board in every frame."""
    return _with_advice(table, video, BoardVideo(configured_board(table), video).look())


def _with_advice(table: Calibration, video: Path, found: BoardDetections) -> BoardDetections:
    """The same, with what to change in the settings if the board is found in hardly any frame, or in part."""
    if boards_that_agree(table, found) >= min(FEW_VIEWS, found.n_looked_at):
        return replace(found, advice=advice_on_rows(table, video, found))
    return replace(found, advice=advice_for(table, video))
