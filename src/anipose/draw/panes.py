"""Panes with pictures: the video of a view, and the 3D pose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anipose.arrays import NDArray
from anipose.draw.axes import Room
from anipose.draw.captions import DIM, line_height, put_title
from anipose.draw.film import Pictures
from anipose.draw.footage import Footage
from anipose.draw.overlay import Colour, Skeleton
from anipose.draw.pose_overlay import PoseOverlay, natural_radius
from anipose.draw.scene import View, draw_scene
from anipose.draw.text import put_text
from anipose.io.yuv import Yuv, even
from anipose.poses import UNNAMED, Poses2D, with_animal

BLANK: Colour = (52, 48, 45)


@dataclass(frozen=True)
class Style:
    """How poses are drawn.

    Attributes:
        scheme: chains of keypoints.
        palette: colours of the chains.
        ignore: keypoints that are not drawn.
        radius_px: of a point in a video at its own size; None for what suits it.
        threshold: points with a lower score are hollow.
        animals: names, if there are several: each is drawn in one colour.
    """

    scheme: Sequence[Sequence[str]]
    palette: Sequence[Colour]
    ignore: Sequence[str] = ()
    radius_px: float | None = None
    threshold: float = 0.0
    animals: Sequence[str] = ()

    def skeleton(self, keypoints: Sequence[str]) -> Skeleton:
        """The lines between these keypoints, without those to be ignored."""
        scheme = [[name for name in chain if name not in self.ignore] for chain in self.scheme]
        if not self.animals:
            return Skeleton.of(keypoints, scheme, self.palette)
        chains, colours = [], []
        for animal, colour in self._colours():
            own = [[with_animal(animal, name) for name in chain] for chain in scheme]
            # A point that is not on a line has the colour of its animal, too.
            own += [[name] for name in keypoints if name.startswith(with_animal(animal, ""))]
            chains += own
            colours += [colour] * len(own)
        return Skeleton.of(keypoints, chains, colours)

    def shown(self, keypoints: Sequence[str]) -> list[int]:
        ignored = {with_animal(animal, name) for animal in self.animals or [UNNAMED] for name in self.ignore}
        return [number for number, name in enumerate(keypoints) if name not in ignored]

    def entries(self, keypoints: Sequence[str]) -> list[tuple[str, Colour]]:
        """The legend: keypoints in the order of the chains, or animals, and their colours."""
        if self.animals:
            return self._colours()
        skeleton = self.skeleton(keypoints)
        order = dict.fromkeys([k for chain in skeleton.chains for k in chain] + self.shown(keypoints))
        return [(keypoints[k], skeleton.point_colours[k]) for k in order]

    def _colours(self) -> list[tuple[str, Colour]]:
        return [(name, self.palette[number % len(self.palette)]) for number, name in enumerate(self.animals)]


class VideoPane:
    """A video with the points of one view drawn on it, in any size.

    Args:
        source: which of the film's videos.
        footage: that video.
        poses: what was tracked in it; None: nothing.
        title: written into the corner; empty for none.
    """

    def __init__(
        self, source: int, footage: Footage, poses: Poses2D | None, style: Style, title: str = ""
    ) -> None:
        self._source = source
        self._footage = footage
        self._poses = poses
        self._style = style
        self._title = title
        self._overlay: PoseOverlay | None = None

    def prepare(self, part: Yuv) -> None:
        if self._poses is None:
            return
        own_size = even(self._footage.size)
        self._scale = np.array(part.size) / (part.size if part.size == own_size else self._footage.size)
        own = self._style.radius_px
        radius = natural_radius(part.size) if own is None else max(1.0, own * float(self._scale[0]))
        self._overlay = PoseOverlay(
            self._style.skeleton(self._poses.keypoints),
            self._style.shown(self._poses.keypoints),
            radius_px=radius,
            threshold=self._style.threshold,
            space=part.space,
        )

    def draw(self, part: Yuv, number: int, pictures: Pictures) -> None:
        picture = pictures[self._source]
        if picture is None:
            part.fill(BLANK)
            self._tell_blank(part, number)
        else:
            part.paste(picture)
        if self._poses is not None and self._overlay is not None and number < self._poses.n_frames:
            points = (self._poses.points[number] + 0.5) * self._scale - 0.5
            self._overlay.draw(part, points, self._poses.scores[number])
        if self._title:
            height = line_height(1.6 * part.size[1])
            put_title(part, self._title, height)

    def _tell_blank(self, part: Yuv, number: int) -> None:
        if self._footage.path is None:
            why = "no video"
        elif number < -self._footage.first:
            why = "the video begins later"
        elif number >= self._footage.n_frames:
            why = "the video ends before"
        else:
            why = "damaged frame"
        tone = part.space.tones(DIM)[0]
        height = line_height(1.4 * part.size[1])
        put_text(part.y, why, (part.size[0] / 2, part.size[1] / 2), height=height, colour=tone, anchor=(0, 0))


class ScenePane:
    """A 3D pose in its room, seen from a view that may turn slowly, or walk along.

    Args:
        points: (frame, keypoint, 3); frames that are not there are NaN.
        room: the room around them.
        view: where it is looked at from in frame 0.
        turn_deg: by how much the heading grows from frame to frame.
        centre: (frame, 3), with z upwards, where the room is; the points are told from there.
    """

    def __init__(
        self,
        points: Float[np.ndarray, "frame keypoint 3"],
        skeleton: Skeleton,
        room: Room,
        view: View,
        turn_deg: float,
        centre: Float[np.ndarray, "frame 3"],
    ) -> None:
        self._points = points @ room.shown_from_data.T + centre[:, None]
        self._centre = centre
        self._skeleton = skeleton
        self._room = room
        self._view = view
        self._turn_deg = turn_deg
        self._empty: NDArray[np.uint8] | None = None

    def prepare(self, part: Yuv) -> None:
        stands = not self._turn_deg and not self._centre.any()
        self._empty = self._room.draw(self._view, part.size) if stands else None

    def picture(self, number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        """(height, width, 3) blue, green, red."""
        there = number < len(self._points)
        centre = self._centre[min(number, len(self._centre) - 1)] if len(self._centre) else np.zeros(3)
        view = self._view.turned(self._turn_deg * number).moved(centre)
        empty = self._room.moved(centre).draw(view, size) if self._empty is None else self._empty.copy()
        points = self._points[number] if there else np.full(self._points.shape[1:], np.nan)
        return draw_scene(points, self._skeleton, view, size, background=empty)

    def draw(self, part: Yuv, number: int, pictures: Pictures) -> None:
        part.paste(Yuv.of_bgr(self.picture(number, part.size), part.space))
