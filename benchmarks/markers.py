"""How exactly, how fast and how reliably markers are tracked, on rendered pictures of 1280 × 720.

    OMP_NUM_THREADS=1 python benchmarks/markers.py [--frames N] [--seed N]

Three markers have a colour of their own, and three more all have the same one, so that only their movement
tells these apart. All swing across the picture on paths of their own at up to 10 px a frame, at 60 frames a
second; those of the same colour cross and overlap many times, and every marker is hidden again and again, for
up to half a second; of those of the same colour one at a time, since nobody can tell which one comes out
where when two of them cross while both are hidden. Times are CPU seconds of the tracker alone, on one core,
without rendering and decoding.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from anipose.arrays import NDArray
from anipose.config import Marker, Markers
from anipose.poses import Poses2D
from anipose.trackers.markers import track

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

SIZE, FPS = (1280, 720), 60
RADIUS, NOISE = 7.0, 2.0
LONGEST_HIDDEN_S = 0.5
# Blue, green, red, and the hues in degrees that they are looked for by.
RED, GREEN, BLUE, YELLOW = (40, 40, 230), (60, 200, 40), (220, 90, 30), (40, 220, 230)
PAINTS = {
    "red": (RED, (345, 15)),
    "green": (GREEN, (90, 140)),
    "blue": (BLUE, (200, 235)),
    "yellow1": (YELLOW, (45, 70)),
    "yellow2": (YELLOW, (45, 70)),
    "yellow3": (YELLOW, (45, 70)),
}
SAME = slice(3, 6)
# Frames between one marker that is hidden and the next of its colour.
PAUSE = 10
# A point this far from its marker, and this near to another one of the same colour, is on the wrong one.
SWAPPED_PX = 3.0


@dataclass(frozen=True)
class Scene:
    """What there is to see.

    Attributes:
        points: (frame, marker, 2), pixels.
        visible: (frame, marker), False where the marker is hidden.
    """

    points: Array
    visible: NDArray[np.bool_]

    @classmethod
    def random(cls, n_frames: int, rng: np.random.Generator) -> "Scene":
        """Each coordinate is a sum of three waves; markers are hidden for 3 to 29 frames at a time."""
        seconds = np.arange(n_frames)[:, None, None] / FPS
        points = np.zeros((n_frames, len(PAINTS), 2))
        for hz, amplitude in ((0.07, 0.25), (0.23, 0.12), (0.61, 0.05)):
            rate = hz * rng.uniform(0.8, 1.2, points.shape[1:])
            phase = rng.uniform(0, 2 * np.pi, points.shape[1:])
            points += amplitude * np.sin(2 * np.pi * rate * seconds + phase)
        points = SIZE[1] * points + np.array(SIZE) / 2
        visible = np.ones(points.shape[:2], bool)
        for marker in range(len(PAINTS)):
            for start in rng.integers(60, max(n_frames, 61), n_frames // 300):
                hidden = slice(start, start + int(rng.integers(3, int(LONGEST_HIDDEN_S * FPS))))
                others = [other for other in range(*SAME.indices(len(PAINTS))) if other != marker]
                around = slice(hidden.start - PAUSE, hidden.stop + PAUSE)
                if marker not in range(*SAME.indices(len(PAINTS))) or visible[around, others].all():
                    visible[hidden, marker] = False
        return cls(points, visible)

    def pictures(self, rng: np.random.Generator) -> Iterator[Picture]:
        """Antialiased discs on a shaded background, a soft lens and noise."""
        width, height = SIZE
        shade = np.linspace(60, 140, width)[None, :, None] * np.ones((height, 1, 3))
        noise = rng.normal(0, NOISE, (height + 64, width + 64, 3)).round().astype(np.int16)
        for points, visible in zip(self.points, self.visible, strict=True):
            image = shade.astype(np.uint8)
            for name, point, seen in zip(PAINTS, points, visible, strict=True):
                if seen:
                    _disc(image, point, PAINTS[name][0])
            top, left = rng.integers(0, 64, 2)
            yield cv2.add(image, noise[top : top + height, left : left + width], dtype=cv2.CV_8U)


def _disc(image: Picture, centre: Array, colour: tuple[int, int, int]) -> None:
    """Paint a disc whose edge is 1.2 pixels wide, as through a lens."""
    left, top = np.maximum(np.floor(centre - RADIUS - 3).astype(int), 0)
    window = image[top : top + int(2 * RADIUS) + 7, left : left + int(2 * RADIUS) + 7]
    y, x = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
    share = np.clip((RADIUS - np.hypot(x - centre[0], y - centre[1])) / 1.2 + 0.5, 0, 1)[..., None]
    window[:] = np.rint(window * (1 - share) + np.array(colour) * share)


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        median_px, p95_px: distance of the found points from their markers.
        found: share of the visible markers that was found.
        made_up: share of the hidden ones that got a point all the same.
        swapped: points on another marker of the same colour.
        crossings: times that two of the same colour came nearer than a diameter.
        fps: frames per CPU second.
    """

    median_px: float
    p95_px: float
    found: float
    made_up: float
    swapped: int
    crossings: int
    fps: float


def measure(n_frames: int, seed: int) -> Result:
    """Track a scene."""
    rng = np.random.default_rng(seed)
    scene = Scene.random(n_frames, rng)
    watch = _Watch()
    start = time.process_time()
    poses = track(watch.left_out(scene.pictures(rng)), settings())
    seconds = time.process_time() - start - watch.seconds
    error, swapped = compared(scene, poses)
    return Result(
        median_px=float(np.nanmedian(error[scene.visible])),
        p95_px=float(np.nanpercentile(error[scene.visible], 95)),
        found=float(np.isfinite(error[scene.visible]).mean()),
        made_up=float(np.isfinite(error[~scene.visible]).mean()) if not scene.visible.all() else 0.0,
        swapped=int(swapped.sum()),
        crossings=_crossings(scene.points[:, SAME]),
        fps=n_frames / seconds,
    )


def settings() -> Markers:
    """As a user would write them for these markers."""
    keypoints = {name: Marker(hue=hue) for name, (_, hue) in PAINTS.items()}
    return Markers(keypoints=keypoints, area=(40, 700), gate=40, max_gap=int(LONGEST_HIDDEN_S * FPS))


def compared(scene: Scene, poses: Poses2D) -> tuple[Array, NDArray[np.bool_]]:
    """Distance of each point from its marker, and which points are on another one of the same colour.

    Which of the three is called which is settled in the first frame.
    """
    columns = np.arange(len(PAINTS))
    columns[SAME] = columns[SAME][np.argsort(np.argsort(scene.points[0, SAME, 0]))]
    found = poses.points[:, columns]
    error = np.linalg.norm(found - scene.points, axis=-1)
    swapped = np.zeros(error.shape, bool)
    same = range(*SAME.indices(len(PAINTS)))
    for marker in same:
        for other in set(same) - {marker}:
            near = np.linalg.norm(found[:, marker] - scene.points[:, other], axis=-1) < SWAPPED_PX
            swapped[:, marker] |= near & (error[:, marker] > 2 * RADIUS)
    return error, swapped


def _crossings(points: Array) -> int:
    count = 0
    for first in range(points.shape[1]):
        for second in range(first):
            near = np.linalg.norm(points[:, first] - points[:, second], axis=-1) < 2 * RADIUS
            count += int((np.diff(near.astype(int)) == 1).sum())
    return count


class _Watch:
    """Takes the time that making the pictures takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def left_out(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        while True:
            start = time.process_time()
            picture = next(pictures, None)
            self.seconds += time.process_time() - start
            if picture is None:
                return
            yield picture


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    result = measure(arguments.frames, arguments.seed)
    print(f"{arguments.frames} frames of {SIZE[0]} × {SIZE[1]}, {len(PAINTS)} markers")
    print(f"crossings            {result.crossings:8d}")
    print(f"median error         {result.median_px:8.3f} px")
    print(f"95 % of errors below {result.p95_px:8.3f} px")
    print(f"visible and found    {result.found:8.2%}")
    print(f"hidden but found     {result.made_up:8.2%}")
    print(f"on the wrong marker  {result.swapped:8d} points")
    print(f"speed                {result.fps:8.0f} frames per CPU second")


if __name__ == "__main__":
    main()
