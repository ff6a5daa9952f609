"""Colours are computed by hand, from the definition of the standards."""

import numpy as np
import pytest

from anipose.io.yuv import BT601, BT709, ColourSpace, Yuv, even

SPACES = [ColourSpace(), ColourSpace(BT709), ColourSpace(BT601, True), ColourSpace(BT709, True)]


def test_tones_of_known_colours() -> None:
    # Pure red in BT.601, limited range: Y = 16 + 219 * 0.299; V is at its largest, 240.
    assert ColourSpace().tones((0, 0, 255)) == (81, 90, 240)
    assert ColourSpace().tones((255, 255, 255)) == (235, 128, 128)
    assert ColourSpace(BT709).tones((0, 0, 255)) == (63, 102, 240)
    assert ColourSpace(BT601, True).tones((255, 255, 255)) == (255, 128, 128)


@pytest.mark.parametrize("space", SPACES)
def test_pictures_and_tones_agree(space: ColourSpace) -> None:
    for colour in [(0, 0, 0), (255, 255, 255), (119, 102, 238), (10, 200, 60)]:
        picture = Yuv.of_bgr(np.full((8, 8, 3), colour, np.uint8), space)
        for plane, tone in zip(picture.planes, space.tones(colour), strict=True):
            assert np.abs(plane.astype(int) - tone).max() <= 1
        assert np.abs(picture.to_bgr().astype(int) - colour).max() <= 3


def test_parts_share_memory() -> None:
    picture = Yuv.blank((64, 32), ColourSpace())
    picture.part(16, 8, (20, 10)).fill((255, 255, 255))
    assert (picture.y == 235).sum() == 200
    assert (picture.y[8:18, 16:36] == 235).all()


def test_odd_pictures_are_padded_with_their_edges() -> None:
    y = np.arange(15, dtype=np.uint8).reshape(3, 5)
    half = np.full((2, 3), 100, np.uint8)
    target = Yuv.blank(even((5, 3)), ColourSpace())
    target.paste(Yuv(y, half, half, ColourSpace()))
    assert target.y.tolist() == [
        [0, 1, 2, 3, 4, 4],
        [5, 6, 7, 8, 9, 9],
        [10, 11, 12, 13, 14, 14],
        [10, 11, 12, 13, 14, 14],
    ]
