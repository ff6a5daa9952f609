"""The picture of the README: a demo after the pipeline has run, at a glance.

Four views with what was tracked, the 3D pose with the way it came, and angles over time. Made with
``python -m anipose.demo.picture DEMO docs/images/demo.png``.
"""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from anipose.config import Config
from anipose.config_files import load_config
from anipose.demo.experiment import TRUTH
from anipose.draw.overlay import Colour, Skeleton, draw_pose, mixed
from anipose.draw.scene import View, draw_scene
from anipose.geometry.angles import compute_angles
from anipose.io.files import write_bytes
from anipose.io.number_csv import read_numbers
from anipose.io.poses_2d import read_poses_2d
from anipose.io.poses_3d import read_poses_3d
from anipose.io.video import read_bgr

Picture = UInt8[np.ndarray, "height width 3"]

GAP = 8
TILE = (336, 252)
SCENE = (512, 512)
PLOT_HEIGHT = 132
# What is shown of a view, pixels: the animal and some table around it.
CROP = (304, 228)
SESSION, TRIAL, FRAME = "session1", "walk1", 80
TRAIL_FRAMES = 45
HEADING_DEG = 35.0
INK: Colour = (70, 62, 58)
PLOTTED = ("left_front_knee", "right_front_knee")
# Times as large on the canvas for the plot and the labels, for smooth lines.
SAMPLES = 2


def make_picture(demo: Path) -> Picture:
    """The picture of a frame of a trial."""
    config = load_config([demo / "config.toml"]).config
    folder = demo / SESSION
    tiles = [
        _tile(video, folder / "pose-2d" / f"{video.stem}.h5", config, FRAME)
        for video in sorted((folder / "videos-raw").glob(f"{TRIAL}-*.mp4"))
    ]
    poses = read_poses_3d(folder / "pose-3d" / f"{TRIAL}.csv")
    skeleton = Skeleton.of(poses.keypoints, config.labeling.scheme)
    shown = poses.points[max(FRAME - TRAIL_FRAMES, 0) : FRAME + 1]
    view = View.of(shown[-2:], heading_deg=HEADING_DEG, elevation_deg=24)
    scene = draw_scene(poses.points[FRAME], skeleton, view, SCENE, trails=shown)
    left = _stacked([_beside(tiles[:2]), _beside(tiles[2:4])])
    top = _beside([left, scene])
    names, values = read_numbers(folder / "angles" / f"{TRIAL}.csv")
    true = read_poses_3d(demo / TRUTH / SESSION / f"{TRIAL}.csv")
    expected = compute_angles(
        {name: true.points[:, column] for column, name in enumerate(true.keypoints)},
        {name: config.angles[name] for name in PLOTTED},
    )
    curves = {name: np.stack([expected[name], values[:, names.index(name)]]) for name in PLOTTED}
    colours = [skeleton.point_colours[poses.keypoints.index(name)] for name in PLOTTED]
    return _stacked([top, _plot(curves, colours, FRAME, (top.shape[1], PLOT_HEIGHT))])


def _tile(video: Path, tracked: Path, config: Config, frame: int) -> Picture:
    poses = read_poses_2d(tracked)
    image = next(islice(read_bgr(video), frame, None))
    # The noise of the sensor makes a PNG four times as large and the picture no better.
    image = cv2.fastNlMeansDenoisingColored(image, None, 5, 10, 5, 11)
    points = np.where(
        poses.scores[frame, :, None] > config.triangulation.score_threshold, poses.points[frame], np.nan
    )
    middle = np.nanmean([np.nanmin(points, axis=0), np.nanmax(points, axis=0)], axis=0)
    corner = np.clip(np.rint(middle - np.array(CROP) / 2), 0, np.array(image.shape[1::-1]) - CROP).astype(int)
    crop = image[corner[1] : corner[1] + CROP[1], corner[0] : corner[0] + CROP[0]]
    scale = TILE[0] / CROP[0]
    tile: Picture = cv2.resize(crop, TILE, interpolation=cv2.INTER_CUBIC)
    tile &= np.uint8(0xFC)
    at = (points - corner + 0.5) * scale - 0.5
    draw_pose(tile, at, Skeleton.of(poses.keypoints, config.labeling.scheme), size_px=3.5)
    name = video.stem.rpartition("cam")[2]
    cv2.putText(tile, name, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def _beside(pictures: Sequence[Picture]) -> Picture:
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    return np.hstack([part for picture in pictures for part in (picture, gap)][:-1])


def _stacked(pictures: Sequence[Picture]) -> Picture:
    gap = np.full((GAP, pictures[0].shape[1], 3), 255, np.uint8)
    return np.vstack([part for picture in pictures for part in (picture, gap)][:-1])


def _plot(
    curves: dict[str, Float[np.ndarray, "2 frame"]],
    colours: Sequence[Colour],
    frame: int,
    size: tuple[int, int],
) -> Picture:
    """Angles over the frames, true (broad and pale) and measured, with a line at the frame that is shown."""
    width, height = SAMPLES * size[0], SAMPLES * size[1]
    canvas = np.full((height, width, 3), 255, np.uint8)
    left, right, top, bottom = 400, width - 16, 16, height - 16
    values = np.stack(list(curves.values()))
    low, high = np.nanmin(values), np.nanmax(values)
    ticks = np.arange(np.ceil(low / 30) * 30, high + 1, 30)
    n_frames = values.shape[-1]

    def at(x: float, y: float) -> tuple[int, int]:
        column = left + (right - left) * x / (n_frames - 1)
        return round(16 * column), round(16 * (bottom - (bottom - top) * (y - low) / (high - low)))

    for tick in ticks:
        cv2.line(canvas, at(0, tick), at(n_frames - 1, tick), (228, 226, 224), 2, cv2.LINE_AA, 4)
        x, y = at(0, tick)
        label = f"{tick:.0f}"
        cv2.putText(
            canvas, label, (x // 16 - 62, y // 16 + 9), cv2.FONT_HERSHEY_SIMPLEX, 0.8, INK, 2, cv2.LINE_AA
        )
    cv2.line(canvas, at(frame, low), at(frame, high), (170, 165, 160), 3, cv2.LINE_AA, 4)
    for row, (name, curve) in enumerate(curves.items()):
        pale = mixed(colours[row], (255, 255, 255), 0.4)
        for angle, colour, thickness in zip(curve, (pale, colours[row]), (15, 4), strict=True):
            known = [at(x, y) for x, y in enumerate(angle) if np.isfinite(y)]
            cv2.polylines(canvas, [np.array(known, np.int32)], False, colour, thickness, cv2.LINE_AA, 4)
        text = name.replace("_", " ")
        place = (24, top + 138 + 52 * row)
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.95, colours[row], 2, cv2.LINE_AA)
    for row, text in enumerate(["angles, degrees", "(broad: the truth)"]):
        place = (24, top + 28 + 46 * row)
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.85, INK, 2, cv2.LINE_AA)
    plot: Picture = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    return plot


def write_picture(demo: Path, path: Path) -> None:
    """Write the picture as a PNG."""
    smallest = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    _, data = cv2.imencode(".png", make_picture(demo), smallest)
    write_bytes(path, data.tobytes())


if __name__ == "__main__":
    write_picture(Path(sys.argv[1]), Path(sys.argv[2]))
