"""The packets of a video file, which tell the true number of its frames and when each is shown."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import av
import numpy as np

from anipose.arrays import NDArray
from anipose.errors import FileFormatError
from anipose.io.files import require_file

# A frame rate counts as constant if no time stamp is farther from it than this part of a frame: containers
# round times to milliseconds, and a frame that was left out moves the others by half a frame or more.
CONSTANT_WITHIN = 0.2


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The container of a file with at least one video stream that we can decode."""
    require_file(path)
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise FileFormatError(
            f"{path} is not a video that can be read ({error.strerror}): it is of another kind, or its end "
            "is missing because recording or copying was interrupted; copy it again, or remove it"
        ) from error
    with container:
        if not container.streams.video:
            raise FileFormatError(f"{path} has no pictures, only {_other_streams(container)}; remove it")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise FileFormatError(
                f"the codec of {path} is unknown; convert it to H.264 with the program of the camera"
            )
        # Several videos are read at once, one per process: each has one core.
        stream.codec_context.thread_count = 1
        yield container


def _other_streams(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"


def packets_of(container: Any) -> Iterator[Any]:
    """All packets as far as the file can be read; the last one, empty, flushes the decoder."""
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.error.FFmpegError):
            return


@dataclass(frozen=True)
class Index:
    """The frames of a file, from its packets.

    Attributes:
        n_frames: how many there are.
        times: time stamp of each, as they are shown; empty if they are not known.
        packet_times: time stamp of each packet, in the order of the file; empty if they are not known.
        keyframes: places of the packets that are decoded without others.
        expected: how many the container promises; more than there are in a file that was cut off.
    """

    n_frames: int
    times: list[int]
    packet_times: list[int]
    keyframes: list[int]
    expected: int

    @classmethod
    def of(cls, path: Path) -> Self:
        with opened(path) as container:
            packets = [
                (packet.pts, packet.is_discard, packet.is_keyframe)
                for packet in packets_of(container)
                if packet.size
            ]
            stream = container.streams.video[0]
            promised = stream.frames
            # AVI has the times at which frames are decoded, which is another order if there are B-frames.
            timed = container.format.name != "avi" or not stream.codec_context.has_b_frames
        # A cut without re-encoding keeps packets that players do not show: marked, or before time 0.
        shown = [time for time, discarded, _ in packets if not discarded and (time is None or time >= 0)]
        times = sorted({time for time in shown if time is not None})
        hidden = len(packets) - len(shown)
        known = timed and len(times) == len(shown)
        packet_times = [time for time, _, _ in packets if time is not None]
        return cls(
            n_frames=len(shown),
            times=times if known else [],
            packet_times=packet_times if known and len(packet_times) == len(packets) else [],
            keyframes=[place for place, (_, _, key) in enumerate(packets) if key],
            expected=max(len(shown), promised - hidden),
        )

    def varying_times(self, fps: float, unit_s: float) -> NDArray[np.float64] | None:
        """Seconds from the first frame to each, if that is not a constant rate."""
        if len(self.times) < 3 or not np.isfinite(fps):
            return None
        seconds = unit_s * (np.array(self.times) - self.times[0])
        deviation = np.abs(seconds - np.arange(len(seconds)) / fps).max() * fps
        return seconds if deviation > CONSTANT_WITHIN else None

    def number(self, time: int | None, following: int) -> int:
        """Number of the frame that is shown at a time; without time stamps, the following one."""
        return following if time is None or not self.times else bisect_left(self.times, time)
