"""Text is where it has to be, as high as it has to be, and whatever the language something can be read."""

import cv2
import numpy as np
import pytest

from anipose.draw.text import put_text, spelled, text_width

GROUND, INK = 40, 240
OUTLINES = hasattr(cv2, "FontFace")


def written(text: str, height: float = 30, **options: object) -> np.ndarray:
    plane = np.full((80, 700), GROUND, np.uint8)
    put_text(plane, text, (20, 40), height=height, colour=INK, **options)  # type: ignore[arg-type]
    return plane


def box(plane: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero((plane > GROUND + 60).any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(columns[-1]), int(rows[0]), int(rows[-1])


@pytest.mark.parametrize("height", [12, 20, 30, 48])
def test_capitals_have_two_thirds_of_the_height_and_are_in_the_middle(height: float) -> None:
    left, right, top, bottom = box(written("HE", height))
    assert bottom - top + 1 == pytest.approx(2 / 3 * height, abs=1 + 0.1 * height)
    assert (top + bottom) / 2 == pytest.approx(40, abs=1.5)
    assert left >= 20
    assert right < 20 + text_width("HE", height)


def test_anchors() -> None:
    width = text_width("frame", 30)
    assert box(written("frame", anchor=(1, 0)))[0] >= 20
    plane = np.full((80, 700), GROUND, np.uint8)
    put_text(plane, "frame", (400, 40), height=30, colour=INK, anchor=(-1, 0))
    left, right, _, _ = box(plane)
    assert 400 - width <= left
    assert right <= 400


def test_colours_and_edges_of_the_picture() -> None:
    image = np.full((40, 60, 3), GROUND, np.uint8)
    for at in ((-30, 5), (50, 38), (1000, 1000), (5, -100)):
        put_text(image, "WWWWW", at, height=30, colour=(10, 20, 250))
    assert image.reshape(-1, 3)[:, 2].max() == 250
    assert image.reshape(-1, 3)[:, 0].min() == 10


@pytest.mark.skipif(not OUTLINES, reason="OpenCV 4 has English letters only")
@pytest.mark.parametrize("text", ["Eidechse ß", "東京トカゲ", "Ящерица", "αβγ", "é å ñ µ °", "한국"])
def test_letters_of_other_languages_are_their_own(text: str) -> None:
    plane = written(text)
    unknown = written("?" * len(text))
    assert not np.array_equal(plane, unknown)
    for letter in text.replace(" ", ""):
        assert not np.array_equal(written(letter), written("?")), letter
        assert (written(letter) > GROUND + 60).sum() > 10, letter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left_knee 1", "left_knee 1"),
        ("Eidechse ß", "Eidechse ss"),
        ("é å ñ ø Ł æ", "e a n o L ae"),
        ("α Ω µm 5°", "alpha Omega um 5 deg"),
        ("トカゲ", "tokage"),
        ("東京", "[6771][4EAC]"),
        ("🦎", "[1F98E]"),
    ],
)
def test_opencv_4_spells(text: str, expected: str) -> None:
    assert spelled(text) == expected
