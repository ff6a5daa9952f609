"""Where things are in a film: every place at even pixels, as video needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from anipose.draw.film import Box
from anipose.io.video_writer import REPRODUCIBLE_WIDTH

GAP = 8
FULL_WIDTH, FULL_HEIGHT = 1920, 1080
TRACE_HEIGHT = 200
# Part of the width that the 3D view may take, and the height it has at least.
SCENE_PART = 0.42
SCENE_LEAST = 420
# Small videos are not enlarged more than this.
MOST_ENLARGED = 2.0


@dataclass(frozen=True)
class Layout:
    """Places in a film.

    Attributes:
        size: (width, height) of the film.
        views: of each video.
        legend: of what is written.
        scene: of the 3D view, if there is one.
        traces: of the curves, if there are some.
    """

    size: tuple[int, int]
    views: tuple[Box, ...]
    legend: Box
    scene: Box | None = None
    traces: Box | None = None


def beside(sizes: Sequence[tuple[int, int]], legend_width: int) -> Layout:
    """Pictures at their own (even) sizes in a row, and the legend to the right of them."""
    left = 0
    views = []
    for size in sizes:
        views.append(Box(left, 0, size))
        left += size[0] + GAP
    left -= GAP
    height = max(size[1] for size in sizes)
    width = _round_width(left + legend_width)
    return Layout((width, height), tuple(views), Box(left, 0, (width - left, height)))


def combined(sizes: Sequence[tuple[int, int]], legend_width: int, *, traces: bool) -> Layout:
    """All the views of a trial in a grid, the 3D view beside them, curves below."""
    strip = TRACE_HEIGHT + GAP if traces else 0
    height = FULL_HEIGHT - strip
    width = FULL_WIDTH - legend_width - GAP
    scene = _even(min(height, SCENE_PART * width))
    tile, columns = _tiles(sizes, (width - scene - GAP, height))
    rows = -(-len(sizes) // columns)
    block = columns * (tile[0] + GAP) - GAP, rows * (tile[1] + GAP) - GAP
    scene = min(scene, max(block[1], SCENE_LEAST))
    top = max(block[1], scene)
    views = []
    for number, size in enumerate(sizes):
        row, column = divmod(number, columns)
        own = _fitted(size, tile)
        left = column * (tile[0] + GAP) + _even((tile[0] - own[0]) / 2)
        views.append(Box(left, _even((top - block[1]) / 2) + row * (tile[1] + GAP), own))
    right = block[0] + GAP + scene
    total = _round_width(right + legend_width)
    return Layout(
        (total, top + strip),
        tuple(views),
        Box(right, 0, (total - right, top)),
        Box(block[0] + GAP, _even((top - scene) / 2), (scene, scene)),
        Box(0, top + GAP, (total, TRACE_HEIGHT)) if traces else None,
    )


def _tiles(sizes: Sequence[tuple[int, int]], area: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """The largest tiles for so many videos that fit into an area, and how many are side by side."""
    aspect = max(width / height for width, height in sizes)
    widest = MOST_ENLARGED * max(width for width, _ in sizes)
    best = (0.0, 1)
    for columns in range(1, len(sizes) + 1):
        rows = -(-len(sizes) // columns)
        across = (area[0] - (columns - 1) * GAP) / columns
        down = (area[1] - (rows - 1) * GAP) / rows
        best = max(best, (min(across, down * aspect, widest), -columns))
    width, columns = best[0], abs(best[1])
    return (_even(width), _even(width / aspect)), columns


def _fitted(size: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    scale = min(tile[0] / size[0], tile[1] / size[1])
    return min(_even(size[0] * scale), tile[0]), min(_even(size[1] * scale), tile[1])


def _even(length: float) -> int:
    return 2 * int(length / 2)


def _round_width(width: int) -> int:
    return -(-width // REPRODUCIBLE_WIDTH) * REPRODUCIBLE_WIDTH
