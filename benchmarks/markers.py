"""How exactly, how fast and how reliably markers are tracked, on rendered pictures of 1280 × 720.

    OMP_NUM_THREADS=1 python benchmarks/markers.py [--frames N] [--seed N]

Three markers have a colour of their own, and three more all have the same one, so that only their movement
tells these apart. All swing across the picture on paths of their own at up to 10 px a frame, at 60 frames a
second; those of the same colour cross and overlap many times. Every marker is hidden again and again, for up
to half a second, whatever the others do; and wherever two of a colour meet, both are hidden around then.
What hides a marker covers half of it in the frame before and in the one after. The table has a row for each
look of the pictures, `LOOKS`. Times are CPU seconds of the tracker alone, on one core, without rendering and
decoding.

Two that come out of hiding beside each other at about the same speed cannot be told apart by anybody. Whether
the score says so is in the last column and in the second table: how often points of some score are wrong.
"""

import argparse
import itertools
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
RADIUS = 7.0
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
# Where two of a colour come nearer than this (pixels), both are hidden.
MEETING_PX = 40.0
# A point this far from its marker, and this near to another one of the same colour, is on the wrong one.
SWAPPED_PX = 3.0
# A point farther off than this is wrong, and one with such a score is said to be right.
WRONG_PX, SURE = 2.0, 0.6
HEADS = ("median px", "95 % px", "found", "made up", "crossings", "swapped", "sure of it", "frames/s")
SCORES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Look:
    """What makes pictures difficult.

    Attributes:
        noise: standard deviation of each channel, of 255.
        light: by which part the light changes: slowly, and a third as much from frame to frame.
        texture: standard deviation of the blotches of the background, which are grey, and of a dull colour.
        exposure: part of the time between frames in which the markers move on while they are filmed.
    """

    noise: float = 2.0
    light: float = 0.0
    texture: float = 0.0
    exposure: float = 0.0


LOOKS = {
    "plain": Look(),
    "noise": Look(noise=10.0),
    "light": Look(light=0.3),
    "background": Look(texture=25.0),
    "blur": Look(exposure=0.6),
    "everything": Look(noise=6.0, light=0.2, texture=20.0, exposure=0.4),
}


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
        """Each coordinate is a sum of three waves; see the head of this file for what is hidden."""
        seconds = np.arange(n_frames)[:, None, None] / FPS
        points = np.zeros((n_frames, len(PAINTS), 2))
        for hz, amplitude in ((0.07, 0.25), (0.23, 0.12), (0.61, 0.05)):
            rate = hz * rng.uniform(0.8, 1.2, points.shape[1:])
            phase = rng.uniform(0, 2 * np.pi, points.shape[1:])
            points += amplitude * np.sin(2 * np.pi * rate * seconds + phase)
        points = SIZE[1] * points + np.array(SIZE) / 2
        visible = np.ones(points.shape[:2], bool)
        longest = int(LONGEST_HIDDEN_S * FPS)
        for first, second, frame in _meetings(points):
            for marker in (first, second):
                _hide(
                    visible[:, marker],
                    frame - int(rng.integers(1, longest - 5)),
                    int(rng.integers(5, longest)),
                )
        for marker in range(len(PAINTS)):
            for start in rng.integers(60, max(n_frames, 61), n_frames // 200):
                _hide(visible[:, marker], int(start), int(rng.integers(3, longest)))
        return cls(points, visible)

    def pictures(self, look: Look, rng: np.random.Generator) -> Iterator[Picture]:
        """Antialiased discs on a shaded background, through a soft lens."""
        width, height = SIZE
        shade = np.linspace(60, 140, width)[None, :, None] * np.ones((height, 1, 3))
        for *blotches, part in ((9, 16, 1, 1.0), (18, 32, 3, 0.3)):
            texture = rng.normal(0, part * look.texture, blotches).reshape(*blotches[:2], -1)
            shade += cv2.resize(texture, SIZE, interpolation=cv2.INTER_CUBIC).reshape(height, width, -1)
        shade = np.clip(shade, 0, 255).astype(np.uint8)
        noise = rng.normal(0, look.noise, (height + 64, width + 64, 3)).round().astype(np.int16)
        light = look.light * np.sin(np.arange(len(self.points)) / 40)
        light += look.light / 3 * rng.uniform(-1, 1, len(light))
        covered = ~self.visible
        edge = self.visible & (np.roll(covered, 1, axis=0) | np.roll(covered, -1, axis=0))
        for frame, visible in enumerate(self.visible):
            image = shade.copy()
            step = look.exposure * (self.points[min(frame + 1, len(self.points) - 1)] - self.points[frame])
            for marker in np.flatnonzero(visible):
                path = self.points[frame, marker] + np.linspace(-0.5, 0.5, 5)[:, None] * step[marker]
                _disc(image, path, list(PAINTS.values())[marker][0], half=bool(edge[frame, marker]))
            top, left = rng.integers(0, 64, 2)
            image = cv2.convertScaleAbs(image, alpha=1 + light[frame])
            yield cv2.add(image, noise[top : top + height, left : left + width], dtype=cv2.CV_8U)


def _hide(visible: NDArray[np.bool_], start: int, n_frames: int) -> None:
    """Hide a marker, unless it would be hidden for longer than that; it is seen in the first second."""
    start = max(start, FPS)
    if visible[start - 2 : start + n_frames + 2].all():
        visible[start : start + n_frames] = False


def _meetings(points: Array) -> Iterator[tuple[int, int, int]]:
    """Two markers of the same colour, and a frame in which they are nearer than before and after."""
    for first in range(*SAME.indices(len(PAINTS))):
        for second in range(SAME.start, first):
            distance = np.linalg.norm(points[:, first] - points[:, second], axis=-1)
            near = (distance[1:-1] < distance[:-2]) & (distance[1:-1] <= distance[2:])
            for frame in 1 + np.flatnonzero(near & (distance[1:-1] < MEETING_PX)):
                yield first, second, int(frame)


def _disc(image: Picture, path: Array, colour: tuple[int, int, int], *, half: bool) -> None:
    """Paint a disc whose edge is 1.2 pixels wide, as through a lens, along its path in one exposure."""
    reach = RADIUS + 3
    left, top = np.maximum(np.floor(path.min(axis=0) - reach).astype(int), 0)
    right, bottom = np.ceil(path.max(axis=0) + reach).astype(int)
    window = image[top:bottom, left:right]
    y, x = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
    distance = np.hypot(x - path[:, 0, None, None], y - path[:, 1, None, None])
    share = np.clip((RADIUS - distance) / 1.2 + 0.5, 0, 1).mean(axis=0)[..., None]
    if half:
        share[x > path[:, 0].mean()] = 0
    window[:] = np.rint(window * (1 - share) + np.array(colour) * share)


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        median_px, p95_px: distance of the found points from their markers.
        found: share of the visible markers that was found.
        made_up: share of the hidden ones that got a point all the same.
        swapped: points on another marker of the same colour.
        surely_swapped: those of them with a score of `SURE`.
        crossings: times that two of the same colour came nearer than a diameter.
        fps: frames per CPU second.
        errors, scores: of each found point.
    """

    median_px: float
    p95_px: float
    found: float
    made_up: float
    swapped: int
    surely_swapped: int
    crossings: int
    fps: float
    errors: Array
    scores: Array


def measure(n_frames: int, seed: int, look: Look = LOOKS["plain"]) -> Result:
    """Track a scene."""
    rng = np.random.default_rng(seed)
    scene = Scene.random(n_frames, rng)
    watch = _Watch()
    start = time.process_time()
    poses = track(watch.left_out(scene.pictures(look, rng)), settings())
    seconds = time.process_time() - start - watch.seconds
    error, swapped, scores = compared(scene, poses)
    found = np.isfinite(error) & scene.visible
    return Result(
        median_px=float(np.nanmedian(error[scene.visible])),
        p95_px=float(np.nanpercentile(error[scene.visible], 95)),
        found=float(found.sum() / scene.visible.sum()),
        made_up=float(np.isfinite(error[~scene.visible]).mean()) if not scene.visible.all() else 0.0,
        swapped=int(swapped.sum()),
        surely_swapped=int((swapped & (scores >= SURE)).sum()),
        crossings=_crossings(scene.points[:, SAME]),
        fps=n_frames / seconds,
        errors=error[found],
        scores=scores[found],
    )


def settings() -> Markers:
    """As a user would write them for these markers."""
    # Paint is brighter and of a purer colour than what is behind it.
    keypoints = {
        name: Marker(hue=hue, saturation_min=0.6, value_min=0.4) for name, (_, hue) in PAINTS.items()
    }
    return Markers(keypoints=keypoints, area=(40, 700), gate=40, max_gap=int(LONGEST_HIDDEN_S * FPS))


def compared(scene: Scene, poses: Poses2D) -> tuple[Array, NDArray[np.bool_], Array]:
    """Distance of each point from its marker, which points are on another one of the same colour, and scores.

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
    return error, swapped, poses.scores[:, columns]


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
    parser.add_argument("--frames", type=int, default=10_000, help="of each look")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--look", action="append", choices=list(LOOKS), help="one or more of them; else all")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{arguments.frames} frames of {SIZE[0]} × {SIZE[1]} each, {len(PAINTS)} markers")
    print(f"{'':12}" + "".join(f"{head:>11}" for head in HEADS))
    results = []
    for name in arguments.look or LOOKS:
        result = measure(arguments.frames, arguments.seed, LOOKS[name])
        results.append(result)
        cells = [
            f"{result.median_px:.3f}",
            f"{result.p95_px:.3f}",
            f"{result.found:.2%}",
            f"{result.made_up:.2%}",
        ]
        cells += [str(result.crossings), str(result.swapped), str(result.surely_swapped), f"{result.fps:.0f}"]
        print(f"{name:12}" + "".join(f"{cell:>11}" for cell in cells), flush=True)
    errors = np.concatenate([result.errors for result in results])
    scores = np.concatenate([result.scores for result in results])
    print(f"\n{'score':12}{'points':>11}{'wrong':>11}")
    for low, high in itertools.pairwise(SCORES):
        chosen = errors[(scores >= low) & ((scores < high) | (high == SCORES[-1]))]
        wrong = f"{(chosen > WRONG_PX).mean():.2%}" if len(chosen) else "-"
        print(f"{f'{low} to {high}':12}{len(chosen):>11}{wrong:>11}")


if __name__ == "__main__":
    main()
