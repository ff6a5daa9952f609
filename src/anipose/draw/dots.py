"""Round points with smooth edges, all the points of a frame at once.

OpenCV draws one circle at a time. Here every point is a stamp, whose weights are made once for each of the
places that its centre can have within a pixel; drawing them is a few operations on arrays.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt16

from anipose.io.yuv import Plane

# The centre of a point is rounded to this part of a pixel.
PHASES = 8
# Weights are parts of 256, so that sums of 8-bit values stay within 16 bits.
_ONE = 256


@dataclass(frozen=True)
class Dots:
    """Stamps for points of one size, full and hollow.

    Their samples are listed, so that nothing outside of a point is touched. What the list of a smaller stamp
    lacks is filled up with its first sample.

    Attributes:
        rows: (stamp, sample), pixels below the middle; stamps are hollow or not, with the centre of the point
            so many phases below, and to the right of, the first one: in this order.
        columns: likewise, pixels to the right of the middle.
        kept: part of the ground that is left.
        added: what the outline adds.
        fill: part that the colour has.
    """

    rows: Int64[np.ndarray, "stamp sample"]
    columns: Int64[np.ndarray, "stamp sample"]
    kept: UInt16[np.ndarray, "stamp sample"]
    added: UInt16[np.ndarray, "stamp sample"]
    fill: UInt16[np.ndarray, "stamp sample"]

    @classmethod
    def of(cls, radius: float, *, ring: float, outline: float = 0.0, outline_tone: int = 0) -> "Dots":
        """Stamps for points of a radius, pixels.

        Args:
            ring: width of the line of hollow points.
            outline: width of the line around the colour.
        """
        reach = int(np.ceil(radius + max(outline, ring / 2 + outline) + 1))
        rows, columns = (axis.ravel() for axis in np.mgrid[-reach : reach + 1, -reach : reach + 1])
        phases = np.arange(PHASES) / PHASES - 0.5
        distance = np.hypot(rows - phases[:, None, None], columns - phases[None, :, None])
        beside = np.abs(distance - radius)
        fill = np.stack([_within(distance, radius), _within(beside, ring / 2)])
        whole = np.stack([_within(distance, radius + outline), _within(beside, ring / 2 + outline)])
        fill, whole = (
            np.rint(_ONE * part).astype(np.uint16).reshape(-1, len(rows)) for part in (fill, whole)
        )
        touched = [np.flatnonzero(stamp) for stamp in whole]
        longest = max(len(samples) for samples in touched)
        listed = np.stack([np.pad(s, (0, longest - len(s)), constant_values=s[0]) for s in touched])
        fill, whole = (np.take_along_axis(part, listed, axis=1) for part in (fill, whole))
        added = (whole - fill) * np.uint16(outline_tone) + np.uint16(_ONE // 2)
        return cls(rows[listed], columns[listed], _ONE - whole, added, fill)

    def draw(
        self,
        planes: tuple[Plane, ...],
        at: Float[np.ndarray, "point 2"],
        tones: UInt16[np.ndarray, "plane point"],
        hollow: Bool[np.ndarray, " point"],
    ) -> None:
        """Draw points into planes of the same shape; where they overlap, the last is on top.

        Args:
            at: pixels.
            tones: of every point, 0 to 255.
        """
        middle, phase = np.divmod(np.rint(PHASES * (at + 0.5)).astype(np.int64), PHASES)
        x, y = middle.T
        stamp = (hollow * PHASES + phase[:, 1]) * PHASES + phase[:, 0]
        height, width = planes[0].shape
        stride = planes[0].strides[0]
        where = self._offsets(stride)[stamp] + (stride * y + x)[:, None]
        kept, added, fill = self.kept[stamp], self.added[stamp], self.fill[stamp]
        tones = tones[:, :, None]
        edge = self._reach
        if x.min() < edge or y.min() < edge or x.max() >= width - edge or y.max() >= height - edge:
            rows, columns = self.rows[stamp] + y[:, None], self.columns[stamp] + x[:, None]
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            tones = np.broadcast_to(tones, (len(tones), *inside.shape))[:, inside]
            where, kept, added, fill = where[inside], kept[inside], added[inside], fill[inside]
        for plane, tone in zip(planes, tones, strict=True):
            # The memory from the first sample of the plane to its last: one index is quicker than two.
            memory = np.lib.stride_tricks.as_strided(plane, ((height - 1) * stride + width,), (1,))
            memory[where] = (memory[where] * kept + added + fill * tone) >> 8

    def _offsets(self, stride: int) -> Int64[np.ndarray, "stamp sample"]:
        """Samples from the middle of a stamp, in lines of this length."""
        if stride not in self._known_offsets:
            self._known_offsets[stride] = stride * self.rows + self.columns
        return self._known_offsets[stride]

    @cached_property
    def _known_offsets(self) -> dict[int, Int64[np.ndarray, "stamp sample"]]:
        return {}

    @cached_property
    def _reach(self) -> int:
        return int(max(np.abs(self.rows).max(), np.abs(self.columns).max()))


def _within(distance: Float[np.ndarray, "*batch"], limit: float) -> Float[np.ndarray, "*batch"]:
    """How much of a pixel at this distance is within a limit, 0 to 1."""
    return np.clip(limit + 0.5 - distance, 0, 1)
