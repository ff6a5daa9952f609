"""Keypoints taken for one another, without being told which."""

import numpy as np

from anipose.geometry.exchanges import Exchange, find_exchanges
from moving_animal import move_animal
from synthetic import make_rig, observe

THRESHOLD_PX = 6.0


def film(n_cameras: int = 4, n_frames: int = 300):
    cameras, truth = make_rig(n_cameras), move_animal(n_frames, 6)
    pixels, _ = observe(cameras, truth, noise_px=1.0, outliers=0.02, missing=0.05)
    return cameras, pixels


def test_two_that_are_exchanged_and_one_that_jumps_are_told_apart():
    cameras, pixels = film()
    pixels[2, 40:80, [1, 4]] = pixels[2, 40:80, [4, 1]]
    pixels[0, 100:150, 3] = cameras.cameras[0].project(move_animal(300, 6))[100:150, 5]
    found = {(e.camera, e.keypoint, e.is_at): (e.frames, e.both) for e in find(cameras, pixels)}
    for one, two in ((1, 4), (4, 1)):
        frames, both = found[2, one, two]
        # Where a camera misses one, or the two are near each other in the picture, nothing can be told.
        assert 18 <= frames <= 40
        assert 15 <= both <= frames
    frames, both = found[0, 3, 5]
    assert 25 <= frames <= 50
    assert both == 0
    assert sum(frames for (camera, one, _), (frames, _) in found.items() if (camera, one) == (1, 2)) < 4


def find(cameras, pixels) -> list[Exchange]:
    return find_exchanges(cameras, pixels, threshold_px=THRESHOLD_PX)


def test_where_nothing_is_taken_for_anything_nothing_is_found():
    """Gross outliers fall on another keypoint now and then."""
    cameras, pixels = film()
    assert max((e.frames for e in find(cameras, pixels)), default=0) <= 3
    assert find(*film(n_cameras=2)) == []
    assert find(cameras, np.full_like(pixels, np.nan)) == []
