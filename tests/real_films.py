"""Long films of a calibration board, put together from the pictures of a short recording."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.io.video import read_gray
from anipose.io.video_writer import VideoWriter

Image = NDArray[np.uint8]

# The board is shown in the first half of each stretch of frames: so many pictures, each held for a while, as
# people do. In the other half it is out of sight.
STRETCH, HELD = 150, 15


def write_long_films(
    folder: Path, with_board: Mapping[str, Path], without: Mapping[str, Path], n_frames: int
) -> dict[str, Path]:
    """A film for each camera, all in step.

    The pictures of the board come in an order of chance, again and again; those without it to and fro.

    Args:
        with_board, without: by camera, videos in step.
    """
    films = {}
    for camera, video in with_board.items():
        film = folder / f"{camera}-{n_frames}.mp4"
        films[camera] = film
        if film.is_file():
            continue
        boards, others = list(read_gray(video)), list(read_gray(without[camera]))
        height, width = boards[0].shape
        with VideoWriter(film, 60, (width, height), crf=16, preset="veryfast") as writer:
            for image in _long_film(boards, others, n_frames):
                writer.write(image)
    return films


def _long_film(boards: Sequence[Image], others: Sequence[Image], n_frames: int) -> Iterator[Image]:
    rng = np.random.default_rng(1)
    order = np.concatenate([rng.permutation(len(boards)) for _ in range(n_frames // len(boards) + 1)])
    to_and_fro = cycle([*others, *others[::-1]])
    for number in range(n_frames):
        stretch, place = divmod(number, STRETCH)
        if place < STRETCH // 2:
            shown = stretch * (STRETCH // 2 // HELD) + place // HELD
            yield boards[order[shown]]
        else:
            yield next(to_and_fro)
