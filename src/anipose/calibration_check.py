"""A quick look at calibration videos before anything heavy: who sees the board, and what to film next."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.board_advice import advice_for, advice_on_rows, boards_that_agree, by_advice
from anipose.board_recordings import BoardVideo, configured_board, joined
from anipose.boards import Board, symmetry_warning
from anipose.calibration_figures import covered_cells
from anipose.config import Calibration
from anipose.geometry.board_graph import connected_groups
from anipose.geometry.board_views import Seen
from anipose.io.detections import BoardDetections

# So many frames of each video are looked at, the same in all cameras.
FRAMES = 60
# What a good calibration has: views per camera and pair, in all frames; part of the picture covered; and
# views in which the board is tilted so that one side is this much shorter.
ENOUGH_VIEWS, ENOUGH_SHARED, ENOUGH_COVERED, TILT, ENOUGH_TILTED = 20, 10, 0.4, 0.85, 5
# With fewer views than this of those looked at, other settings are tried; for checkerboards, also with less
# than this part of them.
FEW_VIEWS, PART_FOUND = 3, 0.5


@dataclass(frozen=True, eq=False)
class CheckedCalibration:
    """What was found.

    Attributes:
        seen: by camera, in the frames that were looked at.
        looked_at: in how many frames, by camera.
        shared: (camera, camera), frames in which both see the board; on the diagonal, each.
        stride: every so many-th frame was looked at.
        advice: what to change and to film, most urgent first; empty if nothing.
    """

    seen: Mapping[str, Seen]
    looked_at: Mapping[str, int]
    shared: NDArray[np.int64]
    stride: int
    advice: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        """Whether all cameras can be calibrated."""
        few = any(self.stride * len(one.frames) < FEW_VIEWS for one in self.seen.values())
        return not few and len(connected_groups(self.shared)) == 1


def check_calibration(recordings: Mapping[str, Mapping[str, Path]], table: Calibration) -> CheckedCalibration:
    """Look at some frames of every video.

    Args:
        recordings: recording -> camera -> video, or folder of pictures.
    """
    board = configured_board(table)
    found: list[dict[str, BoardDetections]] = []
    looked_at: dict[str, int] = {}
    fixes: list[tuple[str, str]] = []
    stride = 1
    for views in recordings.values():
        films = {camera: BoardVideo(board, video) for camera, video in views.items()}
        n_frames = max(film.n_frames for film in films.values())
        step = max(1, -(-n_frames // FRAMES))
        stride = max(stride, step)
        boards = {camera: film.look(np.arange(0, n_frames, step)) for camera, film in films.items()}
        for camera, video in views.items():
            looked_at[camera] = looked_at.get(camera, 0) + boards[camera].n_looked_at
            if fix := _fix(table, video, boards[camera]):
                fixes.append((video.name, fix))
        found.append(boards)
    seen = joined(found)
    names = list(seen)
    frames = {name: set(one.frames.tolist()) for name, one in seen.items()}
    shared = np.array([[len(frames[a] & frames[b]) for b in names] for a in names])
    advice = by_advice(fixes) or _what_to_film(seen, board, shared, stride)
    if len(names) > 1 and (warning := symmetry_warning(board)) is not None:
        advice.append(warning)
    return CheckedCalibration(seen, looked_at, shared, stride, tuple(advice))


def _fix(table: Calibration, video: Path, found: BoardDetections) -> str:
    """What to change in the settings, as far as it is known."""
    n_boards = boards_that_agree(table, found)
    # A part of a larger checkerboard is found now and then, where the rest is not in the picture.
    is_part = table.board_type == "checkerboard" and n_boards < PART_FOUND * found.n_looked_at
    if n_boards < FEW_VIEWS or is_part:
        return advice_for(table, video)
    return advice_on_rows(table, video, found)


def _what_to_film(
    seen: Mapping[str, Seen], board: Board, shared: NDArray[np.int64], stride: int
) -> list[str]:
    advice = []
    names = list(seen)
    for name, one in seen.items():
        views = stride * len(one.frames)
        if views < ENOUGH_VIEWS:
            about = "" if stride == 1 else "about "
            advice.append(
                f"camera {name}: the board is seen in {about}{views} frames; {ENOUGH_VIEWS} or more are "
                "better. Film "
                "it for longer in front of this camera, larger in its picture, without blur"
            )
            continue
        covered = covered_cells(one.corners.reshape(-1, 2), one.size)
        if covered.mean() < ENOUGH_COVERED:
            advice.append(
                f"camera {name}: the board covers {100 * covered.mean():.0f} % of the picture; show it "
                f"{_where_missing(covered)} as well"
            )
        if (_shortening(one, board) < TILT).sum() * stride < ENOUGH_TILTED:
            advice.append(
                f"camera {name}: the board is nearly always parallel to the picture, which does not tell "
                "the focal "
                "length; tilt it by 30 to 45 degrees, in all directions"
            )
    groups = connected_groups(shared)
    if len(groups) > 1:
        listed = "; ".join(", ".join(names[camera] for camera in group) for group in groups)
        advice.append(
            f"these groups of cameras never see the board together: {listed}. Hold it where a camera of one "
            "group and "
            "one of another see it, for some seconds"
        )
    for camera, name in enumerate(names):
        partners = [int(shared[camera, other]) for other in range(len(names)) if other != camera]
        if partners and 0 < stride * max(partners) < ENOUGH_SHARED:
            best = [names[o] for o in range(len(names)) if o != camera][int(np.argmax(partners))]
            advice.append(
                f"camera {name}: sees the board together with another camera in {stride * max(partners)} "
                "frames at "
                f"most ({best}); {ENOUGH_SHARED} or more are better"
            )
    return advice


def _where_missing(covered: NDArray[np.bool_]) -> str:
    """The quarter of the picture with the least boards, in words."""
    rows, columns = covered.shape
    halves = {
        "at the top left": covered[: rows // 2, : columns // 2],
        "at the top right": covered[: rows // 2, columns // 2 :],
        "at the bottom left": covered[rows // 2 :, : columns // 2],
        "at the bottom right": covered[rows // 2 :, columns // 2 :],
    }
    return min(halves, key=lambda words: float(halves[words].mean()))


def _shortening(one: Seen, board: Board) -> NDArray[np.float64]:
    """Per view, the ratio of the axes of the ellipse that a circle on the board would be; 1 straight on."""
    ratios = []
    flat = board.points[:, :2]
    for view in one.corners:
        good = np.isfinite(view[:, 0])
        centred = flat[good] - flat[good].mean(0)
        turn, *_ = np.linalg.lstsq(centred, view[good] - view[good].mean(0), rcond=None)
        values = np.linalg.svd(turn, compute_uv=False)
        ratios.append(values[1] / max(values[0], 1e-12))
    return np.array(ratios)
