"""Truth is painted: discs of known colour at known places, covered exactly, with stated noise."""

import colorsys
import runpy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from anipose.config import Marker, Markers
from anipose.demo.animal import KEYPOINTS, walk
from anipose.demo.render import HUES, film
from anipose.demo.rig import make_rig
from anipose.errors import ConfigError
from anipose.io.poses_2d import read_poses_2d
from anipose.io.video_writer import VideoWriter
from anipose.trackers.base import Tracker
from anipose.trackers.markers import MarkerTracker, track

SIZE = (160, 120)
RADIUS = 5.0
NOISE = 2.0
# Noise s in n pixels of contrast c moves a centroid by about s / c * spread / sqrt(n): 2 / 200 * 4 / 11 px.
# Eight of these standard deviations are never reached.
TOLERANCE_PX = 0.03


def disc(image: np.ndarray, centre: Sequence[float], colour: Sequence[float], radius: float = RADIUS) -> None:
    """Paint a disc into (height, width, 3); pixels on its edge are covered in part."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    # Share of 8 x 8 points in each pixel that lie within the disc.
    offsets = (np.arange(8) + 0.5) / 8 - 0.5
    inside = np.zeros(image.shape[:2])
    for dx in offsets:
        for dy in offsets:
            inside += np.hypot(x + dx - centre[0], y + dy - centre[1]) < radius
    share = (inside / 64)[..., None]
    image[:] = image * (1 - share) + np.asarray(colour, float) * share


def paint(hue_deg: float) -> tuple[float, float, float]:
    red, green, blue = colorsys.hsv_to_rgb(hue_deg / 360, 0.9, 0.9)
    return 255 * blue, 255 * green, 255 * red


def frame(
    discs: Sequence[tuple[Sequence[float], Sequence[float]]], *, background: float = 120, seed: int = 0
) -> np.ndarray:
    image = np.full((SIZE[1], SIZE[0], 3), background, float)
    for centre, colour in discs:
        disc(image, centre, colour)
    image += np.random.default_rng(seed).normal(0, NOISE, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def settings(hues: dict[str, float | None], **others: object) -> Markers:
    keypoints = {
        name: Marker(hue=None if hue is None else ((hue - 12) % 360, (hue + 12) % 360))
        for name, hue in hues.items()
    }
    return Markers(keypoints=keypoints, **{"area": (20, 400), **others})


@pytest.mark.parametrize("hue", [0, 45, 120, 200, 300])
@pytest.mark.parametrize("background", [20, 120, 235])
def test_centre_is_exact_on_any_background(hue: float, background: float) -> None:
    centres = [(40.0 + 0.37 * n, 60.0 + 0.23 * n) for n in range(10)]
    frames = [frame([(c, paint(hue))], background=background, seed=n) for n, c in enumerate(centres)]
    poses = track(frames, settings({"nose": hue}))
    assert np.abs(poses.points[:, 0] - centres).max() < TOLERANCE_PX
    assert poses.scores.min() > 0.9


def test_background_that_is_dark_on_one_side_and_light_on_the_other() -> None:
    """A threshold alone is off by a fifth of a pixel here: it cuts the edge differently on the two sides."""
    image = np.full((SIZE[1], SIZE[0], 3), 30, float)
    image[:, 61:] = 220
    disc(image, (60.5, 50.25), paint(120))
    poses = track([np.rint(image).astype(np.uint8)], settings({"nose": 120}))
    assert np.abs(poses.points[0, 0] - (60.5, 50.25)).max() < TOLERANCE_PX


def test_each_colour_is_its_keypoint() -> None:
    hues = {"red": 0.0, "yellow": 60.0, "green": 120.0, "blue": 240.0}
    centres = {name: (30.0 + 30 * n, 40.0 + 10 * n) for n, name in enumerate(hues)}
    poses = track([frame([(centres[name], paint(hue)) for name, hue in hues.items()])], settings(hues))
    assert poses.keypoints == tuple(hues)
    assert poses.scorer == "markers"
    assert np.abs(poses.points[0] - list(centres.values())).max() < TOLERANCE_PX


def test_touching_markers_do_not_pull_at_each_other() -> None:
    centres = [(60.0, 60.0), (70.5, 60.0)]
    poses = track(
        [frame([(centres[0], paint(0)), (centres[1], paint(120))])], settings({"red": 0.0, "green": 120.0})
    )
    assert np.abs(poses.points[0] - centres).max() < 0.25


def test_bright_markers_in_grey_frames() -> None:
    """Reflective markers under infrared light: no colour, three of them, told apart by where they are."""
    starts, steps = np.array([[30.0, 30], [60, 80], [120, 50]]), np.array([[2.5, 1.0], [-1, -1.5], [-2, 0.5]])
    truth = starts + np.arange(12)[:, None, None] * steps
    frames = [
        frame([(c, (250, 250, 250)) for c in row], background=30, seed=n)[..., 0]
        for n, row in enumerate(truth)
    ]
    poses = track(frames, settings({"a": None, "b": None, "c": None}))
    assert np.abs(poses.points - truth).max() < TOLERANCE_PX


def test_markers_of_one_colour_that_cross_keep_their_names() -> None:
    """Seen first, they are named from left to right; then each goes on as it was going."""
    left, right = np.array([30.0, 50.0]), np.array([110.0, 64.0])
    truth = np.array([[left + n * np.array([4.0, 0]), right - n * np.array([4.0, 0])] for n in range(20)])
    frames = [frame([(c, paint(200)) for c in row], seed=n) for n, row in enumerate(truth)]
    poses = track(frames, settings({"left": 200.0, "right": 200.0}))
    assert np.abs(poses.points - truth).max() < TOLERANCE_PX


def test_one_that_overtakes_another_of_its_colour_keeps_its_name() -> None:
    """For many frames they are a single blob, which is taken apart; the score says that this is not exact."""
    n = np.arange(36)
    slow = np.stack([40 + 1.0 * n, np.full(36, 60.0)], axis=-1)
    fast = np.stack([15 + 2.6 * n, 57 + 0.1 * n], axis=-1)
    truth = np.stack([fast, slow], axis=1)
    frames = [frame([(c, paint(200)) for c in row], seed=k) for k, row in enumerate(truth)]
    poses = track(frames, settings({"fast": 200.0, "slow": 200.0}))
    error = np.linalg.norm(poses.points - truth, axis=-1)
    apart = np.linalg.norm(fast - slow, axis=-1) > 2 * RADIUS + 5
    assert apart.sum() > 15
    assert (~apart).sum() > 10
    assert error[apart].max() < TOLERANCE_PX
    assert np.nanmax(error[~apart]) < RADIUS
    assert poses.scores[apart].min() > 0.9
    assert np.nanmin(poses.scores[~apart]) < 0.5


def test_hidden_marker_is_nan_and_is_found_again() -> None:
    centres = [(30.0 + 3 * n, 60.0) for n in range(20)]
    hidden = {7, 8, 9}
    frames = [frame([] if n in hidden else [(c, paint(300))], seed=n) for n, c in enumerate(centres)]
    poses = track(frames, settings({"nose": 300.0}))
    lost = np.isin(np.arange(20), list(hidden))
    assert np.isnan(poses.points[lost]).all()
    assert np.isnan(poses.scores[lost]).all()
    assert np.abs(poses.points[~lost, 0] - np.array(centres)[~lost]).max() < TOLERANCE_PX


def test_marker_beyond_the_gate_is_not_this_marker_until_the_gap_is_too_long() -> None:
    """It jumps 80 px: taken for something else, until the marker has been lost for longer than max_gap."""
    frames = [frame([((30, 60), paint(0))], seed=n) for n in range(3)]
    frames += [frame([((110, 60), paint(0))], seed=n) for n in range(6)]
    poses = track(frames, settings({"nose": 0.0}, gate=10, max_gap=3))
    # The gate grows with every frame: 10, 20, 30, 40 px.
    assert np.isnan(poses.points[3:7]).all()
    assert poses.points[7:, 0, 0] == pytest.approx([110, 110], abs=TOLERANCE_PX)


def test_half_hidden_marker_has_a_low_score() -> None:
    whole = frame([((60, 60), paint(120))])
    half = whole.copy()
    half[:, 60:] = 120
    poses = track([whole, half], settings({"nose": 120.0}))
    assert poses.scores[0, 0] > 0.9
    # Half of the area, and a half disc is half as wide as it is long: 0.5 * sqrt(0.5).
    assert poses.scores[1, 0] == pytest.approx(0.5 * 0.5**0.5, abs=0.06)


def test_blobs_of_implausible_area_are_not_markers() -> None:
    image = np.full((SIZE[1], SIZE[0], 3), 120, float)
    disc(image, (40, 60), paint(0), radius=2)
    disc(image, (110, 60), paint(0), radius=25)
    poses = track([np.rint(image).astype(np.uint8)], settings({"nose": 0.0}))
    assert np.isnan(poses.points).all()


def test_own_area_of_a_marker() -> None:
    image = np.full((SIZE[1], SIZE[0], 3), 120, float)
    disc(image, (40, 60), paint(0), radius=2)
    table = Markers(keypoints={"nose": Marker(hue=(348, 12), area=(4, 30))}, area=(100, 400))
    poses = track([np.rint(image).astype(np.uint8)], table)
    assert poses.points[0, 0] == pytest.approx((40, 60), abs=TOLERANCE_PX)


@pytest.mark.parametrize("background", [0, 120, 255])
def test_empty_frames(background: int) -> None:
    poses = track([np.full((120, 160, 3), background, np.uint8)] * 3, settings({"a": 0.0, "b": 0.0}))
    assert poses.points.shape == (3, 2, 2)
    assert np.isnan(poses.points).all()


def test_no_frames() -> None:
    assert track([], settings({"a": 0.0, "b": None})).points.shape == (0, 2, 2)


def test_nothing_to_track() -> None:
    with pytest.raises(ConfigError, match=r"markers\.keypoints is empty, so there is nothing to track"):
        track([], Markers())


@pytest.mark.parametrize("size", [(161, 121), (7, 5)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    image = np.full((size[1], size[0], 3), 120, np.uint8)
    assert np.isnan(track([image], settings({"a": 0.0})).points).all()


def test_videos_of_the_demo(tmp_path: Path) -> None:
    """From pixels of compressed video, against the truth that was rendered: occlusions and noise included."""
    animal, camera = walk(40, 60, np.random.default_rng(3)), make_rig().cameras[1]
    path = tmp_path / "walk-camB.mp4"
    with VideoWriter(path, 60, camera.size, crf=15) as writer:
        for image in film(camera, animal, np.random.default_rng(4)):
            writer.write(image)
    tracker: Tracker = MarkerTracker(settings(dict(HUES), area=(16, 400), gate=30))
    poses = read_poses_2d(tracker.track(path, tmp_path, lambda frames: None))
    assert (poses.keypoints, poses.n_frames) == (KEYPOINTS, 40)
    error = np.linalg.norm(poses.points - camera.project(animal.keypoints), axis=-1)
    good = poses.scores > 0.65
    # Whole markers are within a quarter of a pixel; the rest are partly behind a bone, and the score says so.
    assert np.median(error[good]) < 0.25
    assert np.percentile(error[good], 95) < 1
    assert good.mean() > 0.8
    assert np.nanmedian(error[poses.scores < 0.5]) > np.median(error[good])


@pytest.mark.slow
def test_no_two_of_one_colour_are_confused_in_10_000_frames() -> None:
    """Three of one colour cross, overlap and are hidden together for up to half a second, mostly where they
    cross: `benchmarks/markers.py`. A few points may be on the wrong one for a frame, if their scores say so.
    """
    benchmark = Path(__file__).parents[2] / "benchmarks" / "markers.py"
    module = runpy.run_path(str(benchmark), run_name="markers")
    result = module["measure"](10_000, seed=0)
    assert result.crossings > 10
    assert result.surely_swapped == 0
    assert result.swapped < 10
    assert result.median_px < 0.3
    assert result.found > 0.99
    assert result.made_up < 0.001
