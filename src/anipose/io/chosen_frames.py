"""Some frames of a video, without decoding those that nobody asked for where the codec allows it.

A frame is decoded from the last keyframe before it. Between that and the frame, pictures that no other one
refers to are left out as well.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2

from anipose.io.packets import Index, opened, packets_of
from anipose.io.video import (
    Image,
    as_yuv,
    image_files,
    read_gray,
    read_image,
    read_yuv,
    upright_gray,
)
from anipose.io.yuv import Yuv

_Picture = TypeVar("_Picture")


def read_gray_at(path: Path, numbers: Sequence[int]) -> Iterator[Image]:
    """These frames as `read_gray` gives them.

    Args:
        path: a video, or a folder of images.
        numbers: of the frames, from 0, rising; for a folder, places in natural order, in any order.
    """
    if path.is_dir():
        files = image_files(path)
        return (read_image(files[number], cv2.IMREAD_GRAYSCALE) for number in numbers)
    return _read_at(path, numbers, upright_gray, read_gray)


def read_yuv_at(path: Path, numbers: Sequence[int]) -> Iterator[Yuv | None]:
    """These frames, rising, of a video as `read_yuv` gives them."""
    return _read_at(path, numbers, as_yuv, read_yuv)


def _read_at(
    path: Path,
    numbers: Sequence[int],
    convert: Callable[[Any], _Picture],
    read_all: Callable[[Path], Iterator[_Picture]],
) -> Iterator[_Picture]:
    if not numbers:
        return
    index = Index.of(path)
    done = 0
    for picture in _sought(path, index, numbers, convert) if index.packet_times else ():
        yield picture
        done += 1
    # Files without time stamps or with damage are read frame by frame: what is missing is found out so only.
    rest = set(numbers[done:])
    if rest:
        frames = islice(enumerate(read_all(path)), max(rest) + 1)
        yield from (picture for number, picture in frames if number in rest)


@dataclass
class _Run:
    """Packets that are decoded one after the other, from a keyframe on; places in the order of the file."""

    first: int
    last: int


def _runs(index: Index, wanted: Sequence[int]) -> list[_Run]:
    """What is to be decoded for the frames that are shown at these times."""
    place_of = {time: place for place, time in enumerate(index.packet_times)}
    keys = sorted(index.keyframes, key=lambda place: index.packet_times[place])
    key_times = [index.packet_times[place] for place in keys]
    runs: list[_Run] = []
    for time in wanted:
        before = bisect_right(key_times, time)
        first, last = keys[before - 1] if before else 0, place_of[time]
        if runs and first <= runs[-1].last + 1:
            runs[-1].last = max(runs[-1].last, last)
        else:
            runs.append(_Run(first, last))
    return runs


def _sought(
    path: Path, index: Index, numbers: Sequence[int], convert: Callable[[Any], _Picture]
) -> Iterator[_Picture]:
    """The frames; ends before the first one that the decoder does not give."""
    times = [index.times[number] for number in numbers]
    waiting = iter(times)
    following = next(waiting, None)
    with opened(path) as container:
        for frame in _decoded_runs(container, _runs(index, times), set(times)):
            if following is not None and frame.pts is not None and frame.pts > following:
                return
            if frame.pts == following:
                yield convert(frame)
                following = next(waiting, None)


def _decoded_runs(container: Any, runs: Sequence[_Run], wanted: set[int]) -> Iterator[Any]:
    codec = container.streams.video[0].codec_context
    packets = enumerate(packet for packet in packets_of(container) if packet.size)
    for run in runs:
        for place, packet in packets:
            if place < run.first:
                continue
            codec.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
            yield from _decoded(codec, packet)
            if place == run.last:
                break
        yield from _decoded(codec, None)
        codec.flush_buffers()


def _decoded(codec: Any, packet: Any) -> list[Any]:
    """The frames that a packet completes; without a packet, those that wait in the decoder."""
    try:
        return list(codec.decode(packet))
    except av.error.FFmpegError:
        return []
