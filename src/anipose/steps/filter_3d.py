"""Repairing points in space."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from anipose import config
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.steps.hints import POSES_3D_HINT


@dataclass(frozen=True, kw_only=True)
class Filter3D(Job):
    """Drop 3D points with a large reprojection error, fill the gaps and smooth (needs filter3d.enabled)."""

    command: ClassVar[str] = "filter-3d"
    works_on: ClassVar[str] = "trials with two or more cameras (with filter3d.enabled = true)"
    hints: ClassVar[Mapping[str, str]] = {"poses_3d": POSES_3D_HINT}

    poses_3d: Input[Path]
    filtered: Output[Path]
    filter3d: config.Filter3D

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            table = session.config.filter3d
            for trial in session.trials_3d:
                if table.enabled:
                    yield cls(
                        poses_3d=trial.poses_3d_raw,
                        filtered=trial.poses_3d_filtered,
                        filter3d=table.only(
                            "medfilt", "offset_threshold", "max_gap", *_smoothing_keys(table.smooth)
                        ),
                    )

    def run(self) -> None:
        from dataclasses import replace

        from anipose.filters.median import filter_median_3d
        from anipose.filters.smoothing import smooth_kalman, smooth_savgol
        from anipose.io.poses_3d import read_animals_3d, write_animals_3d

        table, filtered = self.filter3d, {}
        for animal, poses in read_animals_3d(self.poses_3d).items():
            points = filter_median_3d(
                poses.points,
                poses.errors,
                size=table.medfilt,
                offset_threshold=table.offset_threshold,
                max_gap=table.max_gap,
            ).points
            if table.smooth == "savgol":
                points = smooth_savgol(points, window=table.smooth_window, order=table.smooth_order)
            elif table.smooth == "kalman":
                points = smooth_kalman(points, window=table.smooth_window)
            filtered[animal] = replace(poses, points=points)
        write_animals_3d(self.filtered, filtered)


def _smoothing_keys(method: str | None) -> tuple[str, ...]:
    """The keys that matter for a way of smoothing."""
    if method is None:
        return ()
    return ("smooth", "smooth_window", "smooth_order") if method == "savgol" else ("smooth", "smooth_window")
