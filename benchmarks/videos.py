"""Labeled videos: frames per CPU second, beside transcoding the same files without drawing.

    python benchmarks/videos.py                 # with the ffmpeg program, if it is installed
    python benchmarks/videos.py --peer PYTHON   # also the older anipose, in its own environment

CPU time of all threads counts, since wall clock depends on who else uses the machine. Transcoding has the
same settings of x264: CRF 23, preset veryfast, 2 threads; "PyAV" is by our own reader and writer. Three
rounds, interleaved; the median is told. What is easier to encode makes drawing weigh more, so that there are
clips with little, usual and much noise, as convert-videos makes them (CRF 17, preset fast).
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from anipose.config import Labeling, Labeling3D
from anipose.draw.axes import Room
from anipose.draw.film import PRESET, QUALITY
from anipose.draw.labeled import label_trial, label_view
from anipose.draw.overlay import Skeleton
from anipose.draw.panes import ScenePane
from anipose.draw.scene import View
from anipose.io.conversion import PRESET as CONVERTED
from anipose.io.poses_2d import write_poses_2d
from anipose.io.video import count_frames, read_yuv
from anipose.io.video_writer import ENCODER_THREADS, VideoWriter
from anipose.io.yuv import ColourSpace, Yuv
from anipose.poses import UNNAMED, Frame3D, Poses2D, Poses3D

SIZE = (1280, 720)
N_KEYPOINTS = 25
KEYPOINTS = tuple(f"point{number}" for number in range(N_KEYPOINTS))
SCHEME = tuple(KEYPOINTS[start : start + 5] for start in range(0, N_KEYPOINTS, 5))
TARGETS = {"label-2d": 0.85, "label-combined": 0.60, "label-3d": 250.0}


# Noise of the sensor in the clips, standard deviation in 8-bit steps.
CLIPS = {"quiet": 1.5, "usual": 3.0, "noisy": 6.0}


def film(path: Path, n_frames: int, seed: int, noise_sd: float = CLIPS["usual"]) -> Path:
    """Something like a camera in a lab: a textured ground, a moving animal, noise of the sensor."""
    rng = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(rng.normal(0, 40, (SIZE[1], SIZE[0])), (0, 0), 4) * 5 + 110
    noise = rng.normal(0, noise_sd, (1 << 22)).astype(np.float32)
    ground = ground.astype(np.float32)
    with VideoWriter(path, 60, SIZE, crf=17, preset=CONVERTED) as writer:
        for number in range(n_frames):
            start = int(rng.integers(len(noise) - ground.size))
            image = ground + noise[start : start + ground.size].reshape(ground.shape)
            centre = (round(640 + 300 * np.cos(number / 40)), round(360 + 200 * np.sin(number / 40)))
            cv2.ellipse(image, centre, (140, 60), number, 0, 360, 40.0, cv2.FILLED)
            writer.write(np.clip(image, 0, 255).astype(np.uint8))
    return path


def poses(n_frames: int, seed: int) -> Poses2D:
    rng = np.random.default_rng(seed)
    turn = np.arange(n_frames) / 40
    centre = np.stack([640 + 300 * np.cos(turn), 360 + 200 * np.sin(turn)], axis=-1)
    # Five limbs and parts of the body with five points each, about 30 px apart; half a pixel of jitter.
    steps = rng.uniform(-1, 1, (5, 5, 2))
    steps *= 30 / np.linalg.norm(steps, axis=-1, keepdims=True)
    steps[:, 0] *= 3
    body = np.cumsum(steps, axis=1).reshape(1, N_KEYPOINTS, 2)
    points = centre[:, None] + body + rng.normal(0, 0.5, (n_frames, N_KEYPOINTS, 2))
    return Poses2D(KEYPOINTS, points, rng.uniform(0.3, 1, points.shape[:2]))


def poses_3d(n_frames: int) -> Poses3D:
    rng = np.random.default_rng(5)
    points = rng.normal(0, 20, (1, N_KEYPOINTS, 3)) + rng.normal(0, 1, (n_frames, 1, 3)).cumsum(axis=0)
    ones = np.ones(points.shape[:2])
    return Poses3D(KEYPOINTS, points, ones, 4 * ones, ones, Frame3D(), np.arange(n_frames))


def cpu(work: Callable[[], object]) -> float:
    """Seconds of all threads of this process and of programs it ran, their calls of the system included."""
    start = used()
    work()
    return used() - start


def used() -> float:
    programs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + programs.ru_utime + programs.ru_stime


def transcode(source: Path, target: Path) -> None:
    with VideoWriter(target, 60, SIZE, crf=QUALITY, preset=PRESET) as writer:
        for picture in read_yuv(source):
            assert picture is not None
            writer.write_yuv(picture)


def transcode_by_program(source: Path, target: Path) -> None:
    settings = ["-c:v", "libx264", "-preset", PRESET, "-crf", str(QUALITY), "-threads", str(ENCODER_THREADS)]
    words = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-i", str(source), *settings, "-an", str(target)]
    subprocess.run(words, check=True)


PEER = """
import sys, time
from anipose.label_videos import visualize_labels
config = {"labeling": {"scheme": SCHEME}, "path": "."}
start = time.process_time()
visualize_labels(config, sys.argv[1], sys.argv[2], sys.argv[3])
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", type=Path, help="python of an environment with the older anipose")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    n = options.frames
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        videos = {name: film(root / f"{name}.mp4", n, seed) for seed, name in enumerate("ABCD")}
        tracked = {name: poses(n, seed) for seed, name in enumerate("ABCD")}
        clips = {name: film(root / f"{name}.mp4", n, 9, noise_sd) for name, noise_sd in CLIPS.items()}
        labeling = Labeling(scheme=SCHEME)
        out, still = root / "out.mp4", root / "out.png"

        def label_2d(clip: Path) -> None:
            label_view(
                clip, {"tracked": {UNNAMED: tracked["A"]}}, out, still, labeling=labeling, threshold=0.5
            )
            assert count_frames(out) == n

        space = poses_3d(n)
        angles = {f"angle{number}": 90 + 30 * np.sin(np.arange(n) / (9 + number)) for number in range(4)}

        def combined() -> None:
            label_trial(
                videos,
                {name: {UNNAMED: found} for name, found in tracked.items()},
                {UNNAMED: space},
                (angles, np.arange(n)),
                out,
                still,
                up="z",
                units="mm",
                what="tracked",
                labeling=labeling,
                labeling3d=Labeling3D(),
                threshold=0.5,
                frame_offsets={},
            )

        def transcode_all() -> None:
            for video in videos.values():
                transcode(video, out)

        jobs: dict[str, Callable[[], object]] = {}
        for name, clip in clips.items():
            jobs[f"{name}: transcode, PyAV"] = partial(transcode, clip, out)
            if shutil.which("ffmpeg"):
                jobs[f"{name}: transcode, ffmpeg"] = partial(transcode_by_program, clip, out)
            jobs[f"{name}: label-2d"] = partial(label_2d, clip)
        jobs["transcode 4 views, PyAV"] = transcode_all
        jobs["label-combined, 4 views"] = combined
        for turning, what in ((10.0, "turning"), (0.0, "standing still")):
            scene = scene_pane(space, turning)
            jobs[f"label-3d, 800x800, {what}"] = partial(draw_all, scene, n)
        if options.peer:
            write_poses_2d(root / "A.h5", tracked["A"])
            script = root / "peer.py"
            script.write_text(PEER.replace("SCHEME", repr([list(chain) for chain in SCHEME])))
            files = [str(root / "A.h5"), str(clips["usual"]), str(root / "peer.mp4")]
            words = [str(options.peer), str(script), *files]
            jobs["usual: label-2d, the peer"] = lambda: subprocess.run(words, check=True, capture_output=True)
        seconds: dict[str, list[float]] = {name: [] for name in jobs}
        sizes = {name: clip.stat().st_size / n / 1000 for name, clip in clips.items()}
        for _ in range(options.rounds):
            for name, job in jobs.items():
                seconds[name].append(cpu(job))
    report(seconds, sizes, n)


def report(seconds: dict[str, list[float]], kilobytes: dict[str, float], n: int) -> None:
    clips = ", ".join(f"{name} {size:.1f} kB" for name, size in kilobytes.items())
    print(f"{SIZE[0]}x{SIZE[1]}, {n} frames, {N_KEYPOINTS} keypoints; a frame of the clips has {clips}")
    speed = {name: n / statistics.median(values) for name, values in seconds.items()}
    for name, values in seconds.items():
        spread = f"{n / max(values):.0f} to {n / min(values):.0f}"
        print(f"{name:34} {speed[name]:8.1f} frames per CPU second ({spread})")
    for name in CLIPS:
        labeled, plain = speed[f"{name}: label-2d"], f"{name}: transcode, "
        shares = [
            f"{labeled / speed[plain + by]:.2f} of {by}" for by in ("PyAV", "ffmpeg") if plain + by in speed
        ]
        print(f"{name}: label-2d / transcode: {', '.join(shares)}; target {TARGETS['label-2d']}")
    share = speed["label-combined, 4 views"] / speed["transcode 4 views, PyAV"]
    print(f"label-combined / transcoding its views: {share:.2f}; target {TARGETS['label-combined']}")
    print(
        f"label-3d: {speed['label-3d, 800x800, turning']:.0f} frames/s per core; target {TARGETS['label-3d']}"
    )


def draw_all(scene: ScenePane, n: int) -> None:
    """Up to the planes that an encoder takes."""
    part = Yuv.blank((800, 800), ColourSpace())
    for number in range(n):
        scene.draw(part, number, [])


def scene_pane(space: Poses3D, turning: float) -> ScenePane:
    room = Room.of(space.points, up="z", unit="mm")
    view = View.of(np.stack([room.low, room.high]), turns=turning != 0)
    stands = np.zeros((len(space.points), 3))
    pane = ScenePane(space.points, Skeleton.of(KEYPOINTS, SCHEME), room, view, turning / 60, stands)
    pane.prepare(Yuv.blank((800, 800), ColourSpace()))
    return pane


if __name__ == "__main__":
    main()
