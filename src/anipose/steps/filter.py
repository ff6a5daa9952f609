"""Repairing tracked points in 2D, one view at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

from anipose import config
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.steps.hints import POSES_2D_HINT

# Keys of the table [filter] that each filter reads.
KEYS = {
    "medfilt": ("medfilt", "offset_threshold", "score_threshold", "spline", "max_gap"),
    "viterbi": ("n_back", "offset_threshold", "score_threshold"),
    "autoencoder": ("score_threshold",),
    "autoencoder_points": ("offset_threshold", "score_threshold"),
}
TRAINED: tuple[Literal["autoencoder", "autoencoder_points"], ...] = ("autoencoder", "autoencoder_points")


@dataclass(frozen=True, kw_only=True)
class Filter(Job):
    """Drop wrong points of each view and fill the gaps (needs filter.enabled).

    Attributes:
        models: the trained model of each filter that has one.
        changes: what the filters changed.
    """

    command: ClassVar[str] = "filter"
    works_on: ClassVar[str] = "2D poses to filter (with filter.enabled = true)"
    hints: ClassVar[Mapping[str, str]] = {"poses_2d": POSES_2D_HINT}

    poses_2d: Input[Path]
    models: Input[Mapping[str, Path]]
    filtered: Output[Path]
    changes: Output[Path]
    table: config.Filter

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            table = session.config.filter
            keys = {key for name in table.type for key in KEYS[name]}
            for view in session.views:
                if table.enabled and (view.tracked or view.video):
                    yield cls(
                        poses_2d=view.poses_2d_raw,
                        models={name: session.autoencoder(name) for name in table.type if name in TRAINED},
                        filtered=view.poses_2d_filtered,
                        changes=view.filter_changes,
                        table=table.only("type", *sorted(keys)),
                    )

    def run(self) -> None:
        from dataclasses import replace

        from anipose.io.autoencoders import read_point_autoencoder, read_score_autoencoder
        from anipose.io.filter_changes import write_changes
        from anipose.io.poses_2d import read_animal_candidates_2d, write_animals_2d
        from anipose.poses import with_animal
        from anipose.repair import Autoencoders, repair

        scores, points = (self.models.get(name) for name in TRAINED)
        models = Autoencoders(
            scores=None if scores is None else read_score_autoencoder(scores),
            points=None if points is None else read_point_autoencoder(points),
        )
        filtered, changes = {}, []
        for animal, tracked in read_animal_candidates_2d(self.poses_2d).items():
            filtered[animal], changed = repair(tracked, self.table, models)
            changes += [replace(one, keypoint=with_animal(animal, one.keypoint)) for one in changed]
        write_animals_2d(self.filtered, filtered)
        write_changes(self.changes, tuple(changes))
