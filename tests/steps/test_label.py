"""Labeled videos are decoded again: what was drawn is where it has to be, and nothing else has changed."""

import json
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from anipose.config import Labeling, Triangulation
from anipose.draw.overlay import PALETTE
from anipose.errors import ConfigError, FileAccessError
from anipose.io.poses_2d import read_poses_2d, write_poses_2d
from anipose.io.video import probe, read_bgr
from anipose.io.yuv import ColourSpace
from anipose.poses import Poses2D
from anipose.steps.label import Label2D
from browser import play
from films import N_FRAMES, encode, frame
from projects import KEYPOINTS, anipose, make_walk

SIZE = (320, 240)
LABELING = {"scheme": [["a", "b"], ["c"]], "radius": 7}
# crf 23 takes some of the sharpness of a disc of 14 px.
TOLERANCE = 25


def poses(n_frames: int = N_FRAMES) -> Poses2D:
    """a moves to the right, b stays, c has a low score."""
    points = np.zeros((n_frames, 3, 2))
    points[:, 0] = np.column_stack([40 + 4 * np.arange(n_frames), np.full(n_frames, 100)])
    points[:, 1] = 60, 200
    points[:, 2] = 280, 200
    scores = np.tile([1.0, 1.0, 0.2], (n_frames, 1))
    return Poses2D(("a", "b", "c"), points, scores)


def label(folder: Path, *, n_poses: int = N_FRAMES, video: Path | None = None, **labeling: object) -> Label2D:
    write_poses_2d(folder / "a.h5", poses(n_poses))
    job = Label2D(
        video=video,
        poses_2d=folder / "a.h5",
        labeled=folder / "out" / "a.mp4",
        still=folder / "out" / "a.png",
        labeling=Labeling.model_validate({**LABELING, **labeling}),
        triangulation=Triangulation(score_threshold=0.5),
    )
    job.run()
    return job


def raw(folder: Path, n_frames: int = N_FRAMES) -> Path:
    return encode(folder / "raw.mp4", n_frames=n_frames, size=SIZE)


def test_drawn_colours_come_back_and_the_rest_is_the_video(tmp_path: Path) -> None:
    job = label(tmp_path, video=raw(tmp_path))
    images = list(read_bgr(job.labeled))
    assert len(images) == N_FRAMES
    for number, image in enumerate(images):
        for x, y in poses().points[number, :2].astype(int):
            assert np.abs(image[y, x].astype(int) - PALETTE[0]).max() <= TOLERANCE, (number, x, y)
        hollow = image[200, 280]
        assert np.abs(hollow.astype(int) - 90).max() <= TOLERANCE
        shown, expected = image[: SIZE[1], : SIZE[0], 1], frame(number, SIZE)
        assert np.median(np.abs(shown.astype(int) - expected)) <= 3
        assert image.mean() > 40


def test_size_rate_and_opencv(tmp_path: Path) -> None:
    job = label(tmp_path, video=raw(tmp_path))
    info = probe(job.labeled)
    assert (info.n_frames, info.fps, info.codec) == (N_FRAMES, 25, "h264")
    assert info.width >= SIZE[0]
    assert info.height == SIZE[1]
    video = cv2.VideoCapture(str(job.labeled))
    read = 0
    while video.read()[0]:
        read += 1
    assert read == N_FRAMES
    still = cv2.imread(str(job.still))
    assert still.shape == (info.height, info.width, 3)
    assert still.mean() > 40


def test_a_browser_plays_it(tmp_path: Path) -> None:
    job = label(tmp_path, video=raw(tmp_path))
    width, height, duration, *colour = play(job.labeled, 20.5 / 25, (120, 100))  # frame 20, point a
    assert (width, height) == (probe(job.labeled).width, SIZE[1])
    assert duration == pytest.approx(N_FRAMES / 25)
    assert np.abs(np.array(colour) - PALETTE[0]).max() <= TOLERANCE + 10


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in "AB":
        label(tmp_path / name, video=raw(tmp_path / name))
    first, second = ((tmp_path / name / "out" / "a.mp4").read_bytes() for name in "AB")
    assert first == second


@pytest.mark.parametrize(
    ("options", "n_frames", "fps", "first"),
    [
        ({"start": 10}, 30, 25, 10),
        ({"start": 5, "end": 15}, 10, 25, 5),
        ({"every": 4}, 10, 6.25, 0),
        ({"speed": 0.5}, 40, 12.5, 0),
        ({"start": 2, "end": 12, "every": 5, "speed": 2}, 2, 10, 2),
    ],
)
def test_excerpts(tmp_path: Path, options: dict[str, float], n_frames: int, fps: float, first: int) -> None:
    job = label(tmp_path, video=raw(tmp_path), **options)
    info = probe(job.labeled)
    assert (info.n_frames, info.fps) == (n_frames, fps)
    image = next(read_bgr(job.labeled))
    x, y = poses().points[first, 0].astype(int)
    assert np.abs(image[y, x].astype(int) - PALETTE[0]).max() <= TOLERANCE


def test_an_excerpt_without_frames_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        label(tmp_path, video=raw(tmp_path), start=90)
    assert str(error.value) == (
        "there is no frame from 90 up to 40: the video has 40. Change labeling.start (--start) or "
        "labeling.end (--end)"
    )
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_color_ignore_and_radius(tmp_path: Path) -> None:
    job = label(tmp_path, video=raw(tmp_path), color=["#00ff00", "#ff00ff"], ignore=["b"])
    image = next(read_bgr(job.labeled))
    assert np.abs(image[100, 40].astype(int) - [0, 255, 0]).max() <= TOLERANCE + 10
    assert np.abs(image[200, 60].astype(int) - 90).max() <= TOLERANCE


def test_without_a_video_the_ground_is_blank(tmp_path: Path) -> None:
    job = label(tmp_path)
    images = list(read_bgr(job.labeled))
    assert len(images) == N_FRAMES
    x, y = poses().points[7, 0].astype(int)
    assert np.abs(images[7][y, x].astype(int) - PALETTE[0]).max() <= TOLERANCE


def test_after_the_end_of_the_video_the_ground_is_blank(tmp_path: Path) -> None:
    job = label(tmp_path, video=raw(tmp_path, n_frames=25))
    images = list(read_bgr(job.labeled))
    assert len(images) == N_FRAMES
    assert images[24][150, 150].mean() == pytest.approx(90, abs=4)
    assert images[30][150, 150].mean() == pytest.approx(49, abs=8)


def test_points_may_end_before_the_video(tmp_path: Path) -> None:
    job = label(tmp_path, video=raw(tmp_path), n_poses=10)
    images = list(read_bgr(job.labeled))
    assert len(images) == N_FRAMES
    assert np.abs(images[20][200, 60].astype(int) - 90).max() <= TOLERANCE


def test_times_of_a_varying_rate_are_kept(tmp_path: Path) -> None:
    times = [0, 40, 80, 240, 280, 320, 500, *range(540, 540 + 40 * (N_FRAMES - 7), 40)]
    video = encode(tmp_path / "raw.mkv", size=SIZE, times=times)
    job = label(tmp_path, video=video, speed=0.5)
    assert probe(job.labeled).times == pytest.approx(np.array(times) / 500, abs=1e-4)


def test_full_range_and_bt709_keep_their_brightness(tmp_path: Path) -> None:
    video = encode(tmp_path / "raw.avi", "mjpeg", "yuvj420p", size=SIZE)
    assert probe(video).space == ColourSpace(full_range=True)
    job = label(tmp_path, video=video)
    image = next(read_bgr(job.labeled))
    assert image[150, 200].mean() == pytest.approx(90, abs=3)
    assert np.abs(image[100, 40].astype(int) - PALETTE[0]).max() <= TOLERANCE


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    """Peak of the process, for a film and for one four times as long."""
    script = """
import json, resource, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from test_label import label, raw
n = int(sys.argv[2])
label(Path(sys.argv[1]), n_poses=n, video=raw(Path(sys.argv[1]), n))
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
"""
    peaks = []
    for n_frames in (150, 600):
        folder = tmp_path / str(n_frames)
        words = [sys.executable, "-c", script, str(folder), str(n_frames), str(Path(__file__).parent)]
        environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
        answer = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
        peaks.append(json.loads(answer.stdout.splitlines()[-1]))
    # 450 frames of it are 52 MB.
    assert peaks[1] - peaks[0] < 20


def test_no_space_left(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(words, check=False, capture_output=True).returncode != 0:
        pytest.skip("cannot mount a small disk")
    try:
        video = raw(tmp_path)
        (folder / "out").mkdir()
        (folder / "others").write_bytes(bytes(44 * 1024))
        write_poses_2d(tmp_path / "a.h5", poses())
        job = Label2D(
            video=video,
            poses_2d=tmp_path / "a.h5",
            labeled=folder / "out" / "a.mp4",
            still=folder / "out" / "a.png",
            labeling=Labeling.model_validate(LABELING),
            triangulation=Triangulation(),
        )
        with pytest.raises(FileAccessError, match="no space left on the disk"):
            job.run()
        assert not job.labeled.exists()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial of three cameras with videos, one of which is missing and one too short."""
    root = tmp_path_factory.mktemp("walk") / "walk"
    make_walk(root)
    with (root / "config.toml").open("a") as file:
        file.write(f"\n[labeling]\nscheme = [{json.dumps(list(KEYPOINTS))}]\n[filter]\nenabled = true\n")
    encode(root / "session1/videos-raw/t-cam0.mp4", n_frames=30, size=SIZE)
    encode(root / "session1/videos-raw/t-cam1.mp4", n_frames=12, size=SIZE)
    told = anipose(root, "run-all", "--jobs", "1")
    assert told.returncode == 0, told.stdout
    return root


def test_every_video_is_made_with_its_still(walk: Path) -> None:
    made = {path.relative_to(walk / "session1").as_posix() for path in walk.glob("session1/videos-*/*.*")}
    views = [
        f"{folder}/t-cam{number}"
        for number in range(3)
        for folder in ("videos-labeled", "videos-labeled-filtered", "videos-2d-proj", "videos-compare")
    ]
    films = [*views, "videos-3d/t", "videos-combined/t"]
    browsers = {f"videos-raw-mp4/t-cam{number}.mp4" for number in range(2)}
    raws = {f"videos-raw/t-cam{number}.mp4" for number in range(2)}
    assert made == {f"{film}.{end}" for film in films for end in ("mp4", "png")} | browsers | raws
    for film in films:
        assert probe(walk / "session1" / f"{film}.mp4").n_frames == 30
        assert probe(walk / "session1" / f"{film}.mp4").fps == (25 if "cam2" not in film else 30)


def test_second_run_does_nothing_and_an_option_is_a_setting(walk: Path) -> None:
    assert "done" not in anipose(walk, "run-viz", "--jobs", "1").stdout.splitlines()[-1]
    told = anipose(walk, "label-3d", "--speed", "0.5", "--dry-run").stdout
    assert "labeling.speed: 1.0 -> 0.5" in told
    assert "1 would run" in told or "2 would run" in told


def test_combined_shows_the_projection_of_3d(walk: Path) -> None:
    image = cv2.imread(str(walk / "session1/videos-combined/t.png"))
    assert image.shape[1] % 128 == 0
    # The 3D view is light; the other places are dark or footage.
    assert (image.min(axis=-1) > 240).mean() > 0.1


def test_projected_points_are_those_of_the_file(walk: Path) -> None:
    projected = read_poses_2d(walk / "session1/pose-2d-proj/t-cam0.h5")
    image = next(read_bgr(walk / "session1/videos-2d-proj/t-cam0.mp4"))
    x, y = np.rint(projected.points[0, 0]).astype(int)
    if 0 <= x < SIZE[0] and 0 <= y < SIZE[1]:
        assert np.abs(image[y, x].astype(int) - PALETTE[0]).max() <= TOLERANCE + 20


def test_broken_footage_blocks_its_own_video_only(tmp_path: Path) -> None:
    root = tmp_path / "walk"
    make_walk(root)
    encode(root / "session1/videos-raw/t-cam0.mp4", n_frames=30, size=SIZE)
    (root / "session1/videos-raw/t-cam1.mp4").write_bytes(b"")
    told = anipose(root, "label-2d", "--jobs", "1")
    assert told.returncode == 1
    assert "is empty (0 bytes)" in told.stdout
    made = sorted(path.name for path in (root / "session1/videos-labeled").iterdir())
    assert made == ["t-cam0.mp4", "t-cam0.png", "t-cam2.mp4", "t-cam2.png"]


def test_grey_and_ten_bits(tmp_path: Path) -> None:
    for number, (codec, pix_fmt) in enumerate([("ffv1", "gray"), ("libx264", "yuv420p10le")]):
        video = encode(tmp_path / f"{number}.mkv", codec, pix_fmt, size=SIZE)
        job = label(tmp_path / str(number), video=video)
        image = next(read_bgr(job.labeled))
        assert np.abs(image[100, 40].astype(int) - PALETTE[0]).max() <= TOLERANCE
        with av.open(str(job.labeled)) as container:
            assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
