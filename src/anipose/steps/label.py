"""Videos with what was tracked drawn on them, one view at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.session import View

# Keys of the table [labeling] that every labeled video depends on.
EXCERPT = ("start", "end", "every", "speed")
STYLE = ("scheme", "ignore", "color", "radius")


@dataclass(frozen=True, kw_only=True)
class _LabelView(Job):
    """The video of a view with points drawn on it, and its most telling frame as a picture."""

    works_on: ClassVar[str] = "2D poses to draw"
    what: ClassVar[str]

    video: Input[Path | None]
    poses_2d: Input[Path]
    labeled: Output[Path]
    still: Output[Path]
    labeling: config.Labeling
    triangulation: config.Triangulation

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for view in session.views:
                for poses_2d, labeled in cls._made_from(view):
                    yield cls(
                        video=view.video,
                        poses_2d=poses_2d,
                        labeled=labeled,
                        still=labeled.with_suffix(".png"),
                        labeling=session.config.labeling.only(*STYLE, *EXCERPT),
                        triangulation=session.config.triangulation.only("score_threshold"),
                    )

    @classmethod
    def _made_from(cls, view: View) -> Iterator[tuple[Path, Path]]:
        """The points of a view and the video to be made of them, if there is to be one."""
        raise NotImplementedError

    def run(self) -> None:
        from anipose.draw.labeled import label_view
        from anipose.io.poses_2d import read_animals_2d

        label_view(
            self.video,
            {self.what: read_animals_2d(self.poses_2d)},
            self.labeled,
            self.still,
            labeling=self.labeling,
            threshold=self.triangulation.score_threshold,
        )


@dataclass(frozen=True, kw_only=True)
class Label2D(_LabelView):
    """Draw the tracked points on the videos."""

    command: ClassVar[str] = "label-2d"
    what: ClassVar[str] = "tracked"

    @classmethod
    def _made_from(cls, view: View) -> Iterator[tuple[Path, Path]]:
        if view.tracked or view.video:
            yield view.poses_2d_raw, view.labeled


@dataclass(frozen=True, kw_only=True)
class Label2DFilter(_LabelView):
    """Draw the filtered points on the videos (needs filter.enabled)."""

    command: ClassVar[str] = "label-2d-filter"
    works_on: ClassVar[str] = "filtered 2D poses to draw (with filter.enabled = true)"
    what: ClassVar[str] = "filtered"

    @classmethod
    def _made_from(cls, view: View) -> Iterator[tuple[Path, Path]]:
        if has_filtered(view):
            yield view.poses_2d_filtered, view.labeled_filtered


@dataclass(frozen=True, kw_only=True)
class Label2DProjected(_LabelView):
    """Draw the 3D poses, projected back into every view, on the videos."""

    command: ClassVar[str] = "label-2d-proj"
    works_on: ClassVar[str] = "trials with two or more cameras"
    what: ClassVar[str] = "3D, projected"

    @classmethod
    def _made_from(cls, view: View) -> Iterator[tuple[Path, Path]]:
        if any(view in trial.views.values() for trial in view.session.trials_3d):
            yield view.poses_2d_projected, view.labeled_projected


@dataclass(frozen=True, kw_only=True)
class LabelFilterCompare(Job):
    """Draw the points before and after filtering side by side (needs filter.enabled)."""

    command: ClassVar[str] = "label-filter-compare"
    works_on: ClassVar[str] = "filtered 2D poses to draw (with filter.enabled = true)"

    video: Input[Path | None]
    tracked: Input[Path]
    filtered: Input[Path]
    compared: Output[Path]
    still: Output[Path]
    labeling: config.Labeling
    triangulation: config.Triangulation

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            for view in session.views:
                if has_filtered(view):
                    yield cls(
                        video=view.video,
                        tracked=view.poses_2d_raw,
                        filtered=view.poses_2d_filtered,
                        compared=view.compared,
                        still=view.compared.with_suffix(".png"),
                        labeling=session.config.labeling.only(*STYLE, *EXCERPT),
                        triangulation=session.config.triangulation.only("score_threshold"),
                    )

    def run(self) -> None:
        from anipose.draw.labeled import label_view
        from anipose.io.poses_2d import read_animals_2d

        label_view(
            self.video,
            {"tracked": read_animals_2d(self.tracked), "filtered": read_animals_2d(self.filtered)},
            self.compared,
            self.still,
            labeling=self.labeling,
            threshold=self.triangulation.score_threshold,
        )


def has_filtered(view: View) -> bool:
    """Whether there are filtered points of a view, or will be."""
    wanted = view.session.config.filter.enabled and (view.tracked or view.video)
    return bool(wanted) or view.poses_2d_filtered.is_file()
