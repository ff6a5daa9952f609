"""The labeled videos: of a view, of a trial in 3D, and of everything together."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.config import Labeling, Labeling3D
from anipose.draw.axes import Room, upright
from anipose.draw.captions import SMALLEST_TEXT, LegendPane, line_height
from anipose.draw.film import Box, Film, Pane
from anipose.draw.following import way
from anipose.draw.footage import DEFAULT_RATE, Excerpt, Footage
from anipose.draw.layout import FULL_HEIGHT, Layout, beside, combined
from anipose.draw.overlay import PALETTE, Colour
from anipose.draw.panes import ScenePane, Style, VideoPane
from anipose.draw.scene import View
from anipose.draw.traces import TracePane
from anipose.io.yuv import even
from anipose.poses import UNNAMED, Poses2D, Poses3D, side_by_side, side_by_side_3d

# Curves below a combined video, if nothing is said.
N_TRACES = 4
MARGIN = 1.1


def label_view(
    video: Path | None,
    animals: Mapping[str, Mapping[str, Poses2D]],
    film: Path,
    still: Path,
    *,
    labeling: Labeling,
    threshold: float,
) -> None:
    """Write the video of a view with points drawn on it; several sets of points are side by side.

    Args:
        video: the footage; without it the points are on a blank ground.
        animals: what the points are called -> animal -> points.
        threshold: points with a lower score are hollow.
    """
    poses = {what: side_by_side(found) for what, found in animals.items()}
    footage = Footage.of(video, _size_of(list(poses.values())))
    style = _style(labeling, threshold, [name for found in animals.values() for name in found])
    n_frames = max(footage.n_frames, *(points.n_frames for points in poses.values()))
    keypoints = tuple(dict.fromkeys(name for points in poses.values() for name in points.keypoints))
    size = even(footage.size)
    lines = [film.stem, " | ".join(poses)]
    legend, layout = _legend_beside([size] * len(poses), lines, style.entries(keypoints), footage)
    panes: list[tuple[Box, Pane]] = [(layout.legend, legend)]
    for box, (name, points) in zip(layout.views, poses.items(), strict=True):
        panes.append((box, VideoPane(0, footage, points, style, name if len(poses) > 1 else "")))
    merit = _merit(
        [points.points for points in poses.values()], [p.scores for p in poses.values()], threshold
    )
    Film(layout.size, panes, [footage], n_frames, _excerpt(labeling)).write(film, still, merit)


def label_scene(
    video: Path | None,
    animals: Mapping[str, Poses3D],
    film: Path,
    still: Path,
    *,
    up: str,
    units: str,
    labeling: Labeling,
    labeling3d: Labeling3D,
) -> None:
    """Write the video of 3D poses.

    Args:
        video: one that they were made of, for the frame rate; None if there is none.
        animals: their poses.
        up: axis that points upwards.
    """
    clock = Footage.of(video)
    style, poses = _style(labeling, 0.0, animals), side_by_side_3d(animals)
    points = _by_frame(poses.points, poses.frame_numbers)
    size = even(labeling3d.size)
    lines, entries = [film.stem, f"3D, {units}"], style.entries(poses.keypoints)
    legend, layout = _legend_beside([size], lines, entries, clock)
    scene = _scene(points, poses.keypoints, style, clock.rate, up, units, labeling, labeling3d)
    panes: list[tuple[Box, Pane]] = [(layout.legend, legend), (layout.views[0], scene)]
    # Its pictures are not needed, and not decoded.
    film_of = Film(layout.size, panes, [], len(points), _excerpt(labeling), clock)
    film_of.write(film, still, _merit([points], [_by_frame(poses.scores, poses.frame_numbers)], 0.0))


def label_trial(
    videos: Mapping[str, Path | None],
    animals_2d: Mapping[str, Mapping[str, Poses2D]],
    animals_3d: Mapping[str, Poses3D],
    angles: tuple[Mapping[str, NDArray[np.float64]], NDArray[np.int64]] | None,
    film: Path,
    still: Path,
    *,
    up: str,
    units: str,
    what: str,
    labeling: Labeling,
    labeling3d: Labeling3D,
    threshold: float,
    frame_offsets: Mapping[str, int],
) -> None:
    """Write the video of all the views of a trial, its 3D poses, and angles.

    Args:
        videos: camera -> footage, where there is some.
        animals_2d: camera -> animal -> points, in the frames of its footage.
        animals_3d: animal -> poses.
        frame_offsets: camera -> number of its frame that shows frame 0 of the trial, if that is not 0.
        angles: name -> (frame,), degrees; and the numbers of these frames; None: no curves.
        what: what the points are called.
    """
    style, poses_3d = _style(labeling, threshold, animals_3d), side_by_side_3d(animals_3d)
    poses_2d = {camera: side_by_side(animals) for camera, animals in animals_2d.items()}
    footage = {
        camera: Footage.of(videos.get(camera), _size_of([points])) for camera, points in poses_2d.items()
    }
    clock = next((source for source in footage.values() if source.rate is not None), Footage(None, (0, 0)))
    if clock.path is not None:  # a view without a video is taken to be as large as the others
        footage = {
            camera: source if source.path is not None else replace(source, size=clock.size)
            for camera, source in footage.items()
        }
    late = {camera: frame_offsets.get(camera, 0) for camera in footage}
    footage = {camera: source.advanced(late[camera]) for camera, source in footage.items()}
    poses_2d = {camera: points.advanced(late[camera]) for camera, points in poses_2d.items()}
    clock = next((source for source in footage.values() if source.path is not None), clock)
    points = _by_frame(poses_3d.points, poses_3d.frame_numbers)
    n_frames = max(
        len(points),
        *(source.n_frames for source in footage.values()),
        *(p.n_frames for p in poses_2d.values()),
    )
    excerpt = _excerpt(labeling)
    traces = {} if angles is None else _traces(angles, labeling.angles)
    lines = [film.stem, f"2D: {what}", f"3D: {units}"]
    entries = style.entries(poses_3d.keypoints)
    sizes = [source.size for source in footage.values()]
    height = FULL_HEIGHT
    # The text depends on the height of the layout, which depends a little on the width of the text.
    for _ in range(2):
        legend = LegendPane(lines, entries, clock, line_height(0.8 * height, len(lines) + len(entries)))
        layout = combined(sizes, legend.width, traces=bool(traces))
        height = layout.legend.size[1]
    panes: list[tuple[Box, Pane]] = [(layout.legend, legend)]
    for number, (box, camera) in enumerate(zip(layout.views, footage, strict=True)):
        panes.append((box, VideoPane(number, footage[camera], poses_2d[camera], style, camera)))
    scene = _scene(points, poses_3d.keypoints, style, clock.rate, up, units, labeling, labeling3d)
    if layout.scene is not None:
        panes.append((layout.scene, scene))
    if layout.traces is not None:
        panes.append((layout.traces, TracePane(traces, PALETTE, excerpt.numbers(n_frames))))
    scores = _by_frame(poses_3d.scores, poses_3d.frame_numbers)
    whole = Film(layout.size, panes, list(footage.values()), n_frames, excerpt, clock)
    whole.write(film, still, _merit([points], [scores], 0.0))


def _legend_beside(
    sizes: list[tuple[int, int]], lines: list[str], entries: list[tuple[str, Colour]], clock: Footage
) -> tuple[LegendPane, Layout]:
    """Pictures in a row and their legend, written somewhat smaller if that makes the film narrower."""
    suits = line_height(sizes[0][1], len(lines) + len(entries))
    heights = [max(SMALLEST_TEXT, part * suits) for part in (1.0, 0.9, 0.8)]
    legends = [LegendPane(lines, entries, clock, height) for height in heights]
    layouts = [beside(sizes, legend.width) for legend in legends]
    best = min(range(len(legends)), key=lambda number: (layouts[number].size[0], number))
    return legends[best], layouts[best]


def _style(labeling: Labeling, threshold: float, animals: Iterable[str]) -> Style:
    palette = tuple(_colour(text) for text in labeling.color) or PALETTE
    names = [name for name in dict.fromkeys(animals) if name != UNNAMED]
    return Style(labeling.scheme, palette, labeling.ignore, labeling.radius, threshold, names)


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text[1:])
    return blue, green, red


def _excerpt(labeling: Labeling) -> Excerpt:
    return Excerpt(labeling.start, labeling.end, labeling.every, labeling.speed)


def _scene(
    points: Float[np.ndarray, "frame keypoint 3"],
    keypoints: tuple[str, ...],
    style: Style,
    rate: Fraction | None,
    up: str,
    units: str,
    labeling: Labeling,
    labeling3d: Labeling3D,
) -> ScenePane:
    shown = points.copy()
    shown[:, [number for number in range(len(keypoints)) if number not in style.shown(keypoints)]] = np.nan
    centre = np.zeros((len(shown), 3))
    if labeling3d.follow:
        turn = upright(up)
        centre = way(shown @ turn.T)
        centre[:, 2] = 0  # the floor stays
        shown = shown - (centre @ turn)[:, None]
    room = Room.of(shown, up=up, unit=units)
    view = View.of(
        np.stack([room.low, room.high]),
        heading_deg=labeling3d.heading,
        elevation_deg=labeling3d.elevation,
        turns=labeling3d.rotation != 0,
    )
    # The film shows so many frames of the footage in a second, whichever of them it leaves out.
    per_second = float(rate or DEFAULT_RATE) * labeling.speed
    turn_deg = labeling3d.rotation / per_second
    return ScenePane(shown, style.skeleton(keypoints), room, view, turn_deg, centre)


def _traces(
    angles: tuple[Mapping[str, NDArray[np.float64]], NDArray[np.int64]], chosen: tuple[str, ...]
) -> dict[str, NDArray[np.float64]]:
    columns, numbers = angles
    names = [name for name in chosen if name in columns] or list(columns)[:N_TRACES]
    return {name: _by_frame(columns[name], numbers) for name in names}


def _by_frame(values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows at the numbers of their frames; the others are NaN."""
    length = int(numbers.max()) + 1 if len(numbers) else 0
    placed = np.full((length, *values.shape[1:]), np.nan)
    placed[numbers] = values
    return placed


def _size_of(poses: list[Poses2D]) -> tuple[int, int]:
    """A picture that the points fit into, where there is no video to tell its size."""
    points = np.concatenate([view.points.reshape(-1, 2) for view in poses])
    points = points[np.isfinite(points).all(axis=-1)]
    if len(points) == 0:
        return Footage(None, (640, 480)).size
    width, height = np.clip(MARGIN * np.percentile(points, 99, axis=0), 64, 4096)
    return even((int(width), int(height)))


def _merit(
    points: list[NDArray[np.float64]], scores: list[NDArray[np.float64]], threshold: float
) -> NDArray[np.float64]:
    """(frame,), how telling a frame is: many points that are used, and far apart."""
    n_frames = min(len(view) for view in points)
    merit = np.zeros(n_frames)
    for view, view_scores in zip(points, scores, strict=True):
        used = np.isfinite(view[:n_frames]).all(axis=-1) & ~(view_scores[:n_frames] < threshold)
        seen = np.where(used[..., None], view[:n_frames], np.nan)
        count = used.sum(axis=1)
        centre = np.where(used[..., None], seen, 0).sum(axis=1) / np.maximum(count, 1)[:, None]
        spread = np.sqrt(np.where(used[..., None], (seen - centre[:, None]) ** 2, 0).sum(axis=(1, 2)))
        spread /= np.sqrt(np.maximum(count, 1))
        usual = np.median(spread[count > 0]) if (count > 0).any() else 1.0
        # What is spread much farther than usual is spread by outliers.
        merit += count + np.where(spread < 1.5 * usual, spread / max(usual, 1e-9), 0)
    return merit
