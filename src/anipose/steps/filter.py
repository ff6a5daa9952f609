"""Repairing tracked points in 2D, one view at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.errors import ConfigError
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.steps.hints import POSES_2D_HINT

# Keys of the table [filter] that each filter reads.
KEYS = {
    "medfilt": ("medfilt", "offset_threshold", "score_threshold", "spline", "max_gap"),
    "viterbi": ("n_back", "offset_threshold", "score_threshold"),
}


@dataclass(frozen=True, kw_only=True)
class Filter(Job):
    """Drop wrong points of each view and fill the gaps (needs filter.enabled)."""

    command: ClassVar[str] = "filter"
    works_on: ClassVar[str] = "2D poses to filter (with filter.enabled = true)"
    hints: ClassVar[Mapping[str, str]] = {"poses_2d": POSES_2D_HINT}

    poses_2d: Input[Path]
    filtered: Output[Path]
    table: config.Filter

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            table = session.config.filter
            keys = {key for name in table.type for key in KEYS.get(name, ())}
            for view in session.views:
                if table.enabled and (view.tracked or view.video):
                    yield cls(
                        poses_2d=view.poses_2d_raw,
                        filtered=view.poses_2d_filtered,
                        table=table.only("type", *sorted(keys)),
                    )

    def run(self) -> None:
        from dataclasses import replace

        from anipose.filters.median import filter_median
        from anipose.filters.viterbi import filter_viterbi
        from anipose.io.poses_2d import read_poses_2d, write_poses_2d

        table = self.table
        poses = read_poses_2d(self.poses_2d)
        for name in table.type:
            if name == "medfilt":
                points = filter_median(
                    poses.points,
                    poses.scores,
                    size=table.medfilt,
                    offset_threshold=table.offset_threshold,
                    score_threshold=table.score_threshold,
                    spline=table.spline,
                    max_gap=table.max_gap,
                ).points
                poses = replace(poses, points=points)
            elif name == "viterbi":
                points, scores = filter_viterbi(
                    poses.points[:, :, None],
                    poses.scores[:, :, None],
                    n_back=table.n_back,
                    offset_threshold=table.offset_threshold,
                    score_threshold=table.score_threshold,
                )
                poses = replace(poses, points=points, scores=scores)
            else:
                raise ConfigError(
                    f"filter.type has {name}, which this version of anipose does not have; "
                    "use medfilt or viterbi"
                )
        write_poses_2d(self.filtered, poses)
