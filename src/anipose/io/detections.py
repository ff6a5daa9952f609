"""Board corners found in a calibration video, kept so that they are looked for only once.

A CSV with the columns frame, corner, x, y (pixels), after lines that begin with #: the size of the picture
and the number of frames of the video, advice, and which frames were searched.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.files import require_file, write_text

_HEADER = re.compile(r"# (\d+) x (\d+) pixels, (\d+) frames, (\d+) corners")
_ADVICE = "# advice: "
_LOOKED_AT = "# looked at: "


@dataclass(frozen=True)
class BoardDetections:
    """Board corners found in one video.

    Attributes:
        size: (width, height) of the video, pixels.
        n_frames: length of the video.
        frames: (found,), numbers of the frames with a board, rising.
        corners: (found, corner, 2), pixels; NaN where a corner was not seen.
        looked_at: numbers of the frames that were searched, rising; None: all of them.
        advice: what to change in config.toml so that more boards are found; empty if that is not known.
    """

    size: tuple[int, int]
    n_frames: int
    frames: NDArray[np.int64]
    corners: NDArray[np.float64]
    advice: str = ""
    looked_at: NDArray[np.int64] | None = None

    @property
    def n_looked_at(self) -> int:
        """How many frames were searched."""
        return self.n_frames if self.looked_at is None else len(self.looked_at)


def write_detections(path: Path, detections: BoardDetections) -> None:
    """Write the corners that were seen, one per line."""
    width, height = detections.size
    n_corners, looked_at = detections.corners.shape[1], detections.looked_at
    lines = [
        f"# {width} x {height} pixels, {detections.n_frames} frames, {n_corners} corners",
        *([f"{_ADVICE}{detections.advice}"] if detections.advice else []),
        *([] if looked_at is None else [f"{_LOOKED_AT}{' '.join(str(frame) for frame in looked_at)}"]),
        "frame,corner,x,y",
    ]
    for frame, corners in zip(detections.frames, detections.corners, strict=True):
        for corner in np.flatnonzero(np.isfinite(corners).all(axis=1)):
            x, y = corners[corner]
            lines.append(f"{frame},{corner},{float(x)!r},{float(y)!r}")
    write_text(path, "\n".join(lines) + "\n")


def read_detections(path: Path) -> BoardDetections:
    """Read what `write_detections` wrote.

    Raises:
        FileFormatError: the file is not one of these.
    """
    require_file(path)
    header, _, rest = path.read_text(encoding="utf-8").partition("\n")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise FileFormatError(
            f"{path} does not hold board corners found by anipose; delete it, and calibrate again"
        )
    width, height, n_frames, n_corners = map(int, match.groups())
    advice, looked_at = "", None
    if rest.startswith(_ADVICE):
        line, _, rest = rest.partition("\n")
        advice = line.removeprefix(_ADVICE)
    try:
        if rest.startswith(_LOOKED_AT):
            line, _, rest = rest.partition("\n")
            looked_at = np.array(line.removeprefix(_LOOKED_AT).split(), np.int64)
        rows_of_text = rest.splitlines()[1:]
        table = np.loadtxt(rows_of_text, delimiter=",", ndmin=2) if rows_of_text else np.empty((0, 4))
        frames, rows = np.unique(table[:, 0].astype(np.int64), return_inverse=True)
        corners = np.full((len(frames), n_corners, 2), np.nan)
        corners[rows, table[:, 1].astype(np.int64)] = table[:, 2:]
    except (ValueError, IndexError) as error:
        raise FileFormatError(f"{path} is damaged ({error}); delete it, and calibrate again") from error
    return BoardDetections((width, height), n_frames, frames, corners, advice, looked_at)
