"""Left and right exchanged in single cameras: found where the others say so, and nowhere else."""

import numpy as np
import pytest

from anipose.geometry.swaps import exchanged, find_swaps
from moving_animal import move_animal
from synthetic import make_rig, observe

THRESHOLD = 6.0
PAIRS = np.array([[1, 2], [3, 4]])


def film(n_cameras: int, *, share: float, together: int = 1, noise_px: float = 1.0, n_frames: int = 1500):
    """Pixels with 2 % outliers and 5 % missing, and which cameras are exchanged, (pair, camera, frame)."""
    rng = np.random.default_rng(5)
    cameras = make_rig(n_cameras)
    truth = move_animal(n_frames, 6)
    pixels, wrong = observe(cameras, truth, noise_px=noise_px, outliers=0.02, missing=0.05)
    swaps = np.zeros((len(PAIRS), n_cameras, n_frames), dtype=bool)
    for pair, frame in np.argwhere(rng.random((len(PAIRS), n_frames)) < share):
        swaps[pair, rng.choice(n_cameras, together, replace=False), frame] = True
    return cameras, truth, exchanged(pixels, PAIRS, swaps), swaps, wrong


def decidable(pixels, wrong):
    """Where a camera sees both keypoints rightly and well apart, and so do two others at least."""
    good = np.isfinite(pixels).all(axis=-1) & ~wrong
    result = []
    for one, two in PAIRS:
        both = good[:, :, one] & good[:, :, two]
        apart = np.linalg.norm(pixels[:, :, one] - pixels[:, :, two], axis=-1) > 3 * THRESHOLD
        result.append(both & apart & (both.sum(axis=0) > 2))
    return np.array(result)


@pytest.mark.parametrize(("n_cameras", "together"), [(3, 1), (4, 1), (6, 1), (6, 2)])
def test_swaps_are_found(n_cameras, together):
    cameras, _, pixels, swaps, wrong = film(n_cameras, share=0.1, together=together)
    found = find_swaps(cameras, pixels, PAIRS, threshold_px=THRESHOLD)
    clear = swaps & decidable(pixels, wrong)
    if together > 1:
        clear &= (decidable(pixels, wrong).sum(axis=1) > 2 * together)[:, None]
    assert clear.sum() > 100
    assert found[clear].mean() >= 0.99
    assert (found & ~swaps).mean() < 0.001


@pytest.mark.parametrize("n_cameras", [2, 3, 4, 6])
def test_nothing_is_found_where_nothing_is(n_cameras):
    cameras, _, pixels, _, _ = film(n_cameras, share=0.0)
    assert find_swaps(cameras, pixels, PAIRS, threshold_px=THRESHOLD).mean() < 0.001


def test_where_half_of_the_cameras_say_left_the_way_of_the_animal_decides():
    cameras, _, pixels, swaps, wrong = film(4, share=0.05, together=2)
    found = find_swaps(cameras, pixels, PAIRS, threshold_px=THRESHOLD)
    clear = swaps & (decidable(pixels, wrong).sum(axis=1) == 4)[:, None]
    assert found[clear].mean() >= 0.95
    assert (found & ~swaps).mean() < 0.002


def test_exchanging_twice_changes_nothing():
    _, _, pixels, swaps, _ = film(3, share=0.2, n_frames=50)
    np.testing.assert_array_equal(exchanged(exchanged(pixels, PAIRS, swaps), PAIRS, swaps), pixels)


def test_nothing_seen():
    cameras, _, pixels, _, _ = film(3, share=0.0, n_frames=20)
    assert not find_swaps(cameras, np.full_like(pixels, np.nan), PAIRS, threshold_px=THRESHOLD).any()
