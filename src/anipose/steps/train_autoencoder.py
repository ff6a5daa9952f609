"""Training the networks of the autoencoder filters."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from anipose.errors import PoseError
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project
from anipose.session import Session
from anipose.steps.filter import TRAINED

# Fewer labelled frames than this say too little of how keypoints go together.
FEWEST_FRAMES = 20
# A keypoint that is farther than this part of the size of the animal from where it is expected is not known.
FREE = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainAutoencoder(Job):
    """Train the autoencoders that filter.type names, from the labelled frames of the model folder.

    Attributes:
        root: the experiment; where it is has no effect on the result.
    """

    command: ClassVar[str] = "train-autoencoder"
    works_on: ClassVar[str] = 'autoencoders (with filter.enabled = true and filter.type = "autoencoder")'

    labels: Input[tuple[Path, ...]]
    model: Output[Path]
    kind: Literal["autoencoder", "autoencoder_points"]
    root: Path

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        from anipose.trackers.deeplabcut import label_files

        models: dict[Path, tuple[Literal["autoencoder", "autoencoder_points"], Session]] = {}
        for session in project.sessions:
            table = session.config.filter
            for kind in TRAINED:
                if table.enabled and kind in table.type:
                    models.setdefault(session.autoencoder(kind), (kind, session))
        for path, (kind, session) in models.items():
            folders = dict.fromkeys(view.model_folder for view in session.views if view.model_folder)
            labels = tuple(file for folder in folders for file in label_files(folder).values())
            yield cls(labels=labels, model=path, kind=kind, root=project.root)

    @property
    def home(self) -> Path:
        return self.root

    def settings(self) -> dict[str, Any]:
        return {key: value for key, value in super().settings().items() if key != "root"}

    def run(self) -> None:
        import numpy as np

        from anipose.filters.autoencoder import PointAutoencoder, ScoreAutoencoder
        from anipose.io.autoencoders import write_point_autoencoder, write_score_autoencoder
        from anipose.io.labels import read_all_labels

        keypoints, points = read_all_labels(self.labels)
        if len(points) < FEWEST_FRAMES:
            raise PoseError(
                f"there are {len(points)} labelled frames (labeled-data/*/CollectedData_*.h5 in "
                f"model_folder), "
                f"at least {FEWEST_FRAMES} are needed to train {self.model.name}. Label more, or leave "
                f"{self.kind} "
                "out of filter.type"
            )
        rng = np.random.default_rng(0)
        if self.kind == "autoencoder":
            write_score_autoencoder(self.model, ScoreAutoencoder.train(keypoints, points, rng))
        else:
            trained = PointAutoencoder.train(keypoints, points, rng)
            free = [n for n, part in zip(keypoints, trained.uncertainty, strict=True) if part > FREE]
            if free:
                log.warning(
                    "%s: where %s %s cannot be told from the other keypoints (labelled frames that it had "
                    "not seen are off by half the size of the animal), so autoencoder_points leaves %s alone",
                    self.model.name,
                    ", ".join(free),
                    "is" if len(free) == 1 else "are",
                    "it" if len(free) == 1 else "them",
                )
            write_point_autoencoder(self.model, trained)
