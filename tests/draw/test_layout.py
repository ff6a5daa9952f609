"""Whatever cameras there are, nothing overlaps, nothing is bent, and all is in the picture."""

from itertools import combinations

import pytest

from anipose.draw.film import Box
from anipose.draw.layout import FULL_HEIGHT, FULL_WIDTH, beside, combined
from anipose.io.video_writer import REPRODUCIBLE_WIDTH

SIZES = {"720p": (1280, 720), "square": (400, 400), "upright": (480, 640), "wide": (2048, 300)}


def overlap(a: Box, b: Box) -> bool:
    return all(
        start_a < start_b + length_b and start_b < start_a + length_a
        for start_a, start_b, length_a, length_b in (
            (a.left, b.left, a.size[0], b.size[0]),
            (a.top, b.top, a.size[1], b.size[1]),
        )
    )


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("n_cameras", range(1, 13))
@pytest.mark.parametrize("traces", [True, False])
def test_one_to_twelve_cameras(kind: str, n_cameras: int, traces: bool) -> None:
    size = SIZES[kind]
    layout = combined([size] * n_cameras, 220, traces=traces)
    boxes = [*layout.views, layout.legend, layout.scene, *([layout.traces] if layout.traces else [])]
    assert len(layout.views) == n_cameras
    assert (layout.traces is not None) == traces
    for box in boxes:
        assert box is not None
        assert all(number % 2 == 0 for number in (box.left, box.top, *box.size[:1]))
        assert box.left >= 0
        assert box.top >= 0
        assert box.left + box.size[0] <= layout.size[0] <= FULL_WIDTH + REPRODUCIBLE_WIDTH
        assert box.top + box.size[1] <= layout.size[1] <= FULL_HEIGHT
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2) if a and b)
    for box in layout.views:
        assert box.size[0] / box.size[1] == pytest.approx(size[0] / size[1], rel=0.06)
    # The views have at least a fifth of the picture; wide ones leave room, whatever one does.
    if kind != "wide":
        area = sum(box.size[0] * box.size[1] for box in layout.views)
        assert area > 0.2 * layout.size[0] * layout.size[1]


def test_different_sizes_keep_their_shapes() -> None:
    layout = combined([(1280, 720), (480, 640), (400, 400)], 220, traces=True)
    shapes = [box.size[0] / box.size[1] for box in layout.views]
    assert shapes == pytest.approx([16 / 9, 3 / 4, 1], rel=0.02)


def test_beside_keeps_the_size_of_the_video() -> None:
    layout = beside([(1280, 720)], 150)
    assert layout.views == (Box(0, 0, (1280, 720)),)
    assert layout.size == (1536, 720)
    assert layout.legend == Box(1280, 0, (256, 720))
