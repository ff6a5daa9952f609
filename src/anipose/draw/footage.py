"""The frames of a view that a film shows, at their numbers, whether or not there are pictures of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.errors import ConfigError
from anipose.io.chosen_frames import read_yuv_at
from anipose.io.video import VideoInfo, probe, read_yuv
from anipose.io.yuv import ColourSpace, Yuv

# Where no video says how large or how fast it is.
DEFAULT_SIZE = (640, 480)
DEFAULT_RATE = Fraction(30)


@dataclass(frozen=True)
class Excerpt:
    """Which frames are shown, and how fast.

    Attributes:
        start: number of the first frame.
        end: number of the frame after the last; None: to the end.
        every: 2 shows every second frame.
        speed: times as fast as it was filmed.
    """

    start: int = 0
    end: int | None = None
    every: int = 1
    speed: float = 1.0

    def numbers(self, n_frames: int) -> range:
        """The frames of a film.

        Raises:
            ConfigError: there are none.
        """
        end = n_frames if self.end is None else min(self.end, n_frames)
        if self.start >= end:
            raise ConfigError(
                f"there is no frame from {self.start} up to {end if self.end is None else self.end}: the "
                f"video has {n_frames}. Change labeling.start (--start) or labeling.end (--end)"
            )
        return range(self.start, end, self.every)


@dataclass(frozen=True)
class Footage:
    """The video of a view.

    Attributes:
        path: where it is; None if there is none.
        size: (width, height), pixels.
        rate: frames per second; None if nobody knows.
        n_frames: number of the frame after the last.
        times: seconds to each frame, where the rate varies.
        space: how it has its colours.
        first: number in the file of the frame 0 here; negative if the video begins later.
    """

    path: Path | None
    size: tuple[int, int]
    rate: Fraction | None = None
    n_frames: int = 0
    times: NDArray[np.float64] | None = None
    space: ColourSpace = ColourSpace()  # noqa: RUF009  # it is frozen
    first: int = 0

    @classmethod
    def of(cls, path: Path | None, size: tuple[int, int] = DEFAULT_SIZE) -> "Footage":
        """Of a video; without one, blank frames of this size."""
        if path is None:
            return cls(None, size)
        info: VideoInfo = probe(path)
        return cls(path, (info.width, info.height), info.rate, info.n_frames, info.times, info.space)

    def advanced(self, n_frames: int) -> "Footage":
        """The same video, so many frames earlier, as `Poses2D.advanced`."""
        times = self.times
        if times is not None:
            known = np.arange(len(times))
            numbers = np.arange(n_frames, len(times))
            step = (times[-1] - times[0]) / (len(times) - 1)
            times = np.interp(numbers, known, times) + np.minimum(numbers, 0) * step
            times = times - times[0] if len(times) > 1 else None
        n_left = max(0, self.n_frames - n_frames)
        return replace(self, first=self.first + n_frames, n_frames=n_left, times=times)

    def pictures(self, numbers: range) -> Iterator[Yuv | None]:
        """The frames with these numbers; None for what is missing, damaged, or before or past the video."""
        there = [number for number in numbers if -self.first <= number < self.n_frames]
        read: Iterator[Yuv | None] = iter(())
        if self.path is not None and there:
            in_file = [number + self.first for number in there]
            whole = len(in_file) == in_file[-1] + 1 == self.n_frames + self.first
            read = read_yuv(self.path) if whole else read_yuv_at(self.path, in_file)
        known = set(there)
        for number in numbers:
            yield next(read, None) if number in known else None

    def seconds(self, number: int) -> float | None:
        """Time of a frame from the start of the video."""
        if self.times is not None:
            step = (self.times[-1] - self.times[0]) / (len(self.times) - 1)
            last = len(self.times) - 1
            return float(self.times[min(number, last)] + max(0, number - last) * step)
        return None if self.rate is None else float(number / self.rate)
