"""Cameras out of step: the frame offset that made them so is found, and nothing where there is none."""

import numpy as np
import pytest

from anipose.geometry.synchrony import find_offsets
from moving_animal import move_animal
from synthetic import make_rig, observe


def film(n_cameras: int, offsets: dict[int, int], *, n_frames: int = 300, still: bool = False):
    """Pixels with 1 px noise and 5 % outliers; camera c shows at its frame n + offset what is at n."""
    cameras = make_rig(n_cameras)
    truth = move_animal(n_frames + 80, 8, fps=60.0)
    if still:
        truth[:] = truth[0]
    pixels, _ = observe(cameras, truth, noise_px=1.0, outliers=0.05, missing=0.1)
    shown = np.stack(
        [
            pixels[row, 40 - offsets.get(row, 0) : 40 - offsets.get(row, 0) + n_frames]
            for row in range(n_cameras)
        ]
    )
    return cameras, shown


@pytest.mark.parametrize("n_cameras", [3, 4])
def test_every_offset_from_minus_30_to_30_is_found(n_cameras):
    for offset in range(-30, 31):
        cameras, pixels = film(n_cameras, {1: offset})
        found = find_offsets(cameras, pixels)
        assert found.offsets.tolist() == [0, offset] + [0] * (n_cameras - 2)
        assert found.believed == (offset != 0)


def test_two_cameras_tell_their_difference():
    cameras, pixels = film(2, {1: 7})
    found = find_offsets(cameras, pixels)
    assert found.offsets[1] - found.offsets[0] == 7
    assert found.believed


def test_two_late_cameras_of_five():
    cameras, pixels = film(5, {1: 4, 3: -11})
    assert find_offsets(cameras, pixels).offsets.tolist() == [0, 4, 0, -11, 0]


def test_a_still_animal_says_nothing():
    cameras, pixels = film(3, {1: 9}, still=True)
    assert not find_offsets(cameras, pixels).believed


def test_nothing_seen_says_nothing():
    cameras, pixels = film(3, {})
    assert not find_offsets(cameras, np.full_like(pixels, np.nan)).believed
