"""Points are where they have to be, to a part of a pixel, and OpenCV's circles cover as much."""

import cv2
import numpy as np
import pytest

from anipose.arrays import NDArray
from anipose.draw.dots import PHASES, Dots

SIZE = (64, 48)


def drawn(dots: Dots, *at: tuple[float, float], hollow: bool = False, tone: int = 200) -> NDArray[np.uint8]:
    plane = np.full((SIZE[1], SIZE[0] + 32), 100, np.uint8)[:, : SIZE[0]]
    tones = np.full((1, len(at)), tone, np.uint16)
    dots.draw((plane,), np.array(at, float), tones, np.full(len(at), hollow))
    return plane


def covered(plane: NDArray[np.uint8]) -> NDArray[np.float64]:
    return (plane.astype(float) - 100) / 100


@pytest.mark.parametrize("radius", [2.5, 5.3, 9.0])
@pytest.mark.parametrize("at", [(30.0, 20.0), (30.5, 20.25), (31.9, 19.1)])
def test_area_and_centre(radius: float, at: tuple[float, float]) -> None:
    share = covered(drawn(Dots.of(radius, ring=1), at))
    assert share.sum() == pytest.approx(np.pi * radius**2, rel=0.02)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    centre = [(share * axis).sum() / share.sum() for axis in (x, y)]
    assert centre == pytest.approx(at, abs=0.5 / PHASES + 0.01)


def test_opencv_draws_the_same() -> None:
    circle = np.full((SIZE[1], SIZE[0]), 100, np.uint8)
    cv2.circle(circle, (30 * 16, 20 * 16), 6 * 16, 200, cv2.FILLED, cv2.LINE_AA, 4)
    mine = drawn(Dots.of(6, ring=1), (30, 20))
    # OpenCV's circles are half a pixel larger, with a softer edge.
    assert np.abs(mine.astype(int) - circle).mean() < 100 * 2 * np.pi * 6 / circle.size


def test_outline_and_hollow() -> None:
    dots = Dots.of(8, ring=2, outline=2, outline_tone=10)
    row = drawn(dots, (30, 20))[20]
    assert row[[30, 37, 39, 43]].tolist() == [200, 200, 10, 100]
    hollow = drawn(dots, (30, 20), hollow=True)[20]
    assert hollow[[30, 36, 38, 40, 43]].tolist() == [100, 10, 200, 10, 100]


@pytest.mark.parametrize(
    "at", [(0.0, 0.0), (-3.0, 20.0), (63.0, 47.0), (66.0, 20.0), (-40.0, 20.0), (30.0, 90.0)]
)
def test_what_is_outside_is_cut_off(at: tuple[float, float]) -> None:
    margin = 100
    dots = Dots.of(6, ring=1)
    large = np.full((SIZE[1] + 2 * margin, SIZE[0] + 2 * margin), 100, np.uint8)
    shifted = np.array([at]) + margin
    dots.draw((large,), shifted, np.full((1, 1), 200, np.uint16), np.zeros(1, bool))
    inside = large[margin : margin + SIZE[1], margin : margin + SIZE[0]]
    assert np.array_equal(drawn(dots, at), inside)


def test_the_last_is_on_top() -> None:
    plane = np.full((SIZE[1], SIZE[0]), 100, np.uint8)
    tones = np.array([[200, 50]], np.uint16)
    Dots.of(6, ring=1).draw((plane,), np.array([[30.0, 20], [34, 20]]), tones, np.zeros(2, bool))
    assert plane[20, [26, 32, 34]].tolist() == [200, 50, 50]
