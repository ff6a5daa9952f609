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

UNSURE = (
    "%s: %d labelled frames do not tell where %s should be, given the other keypoints, to half of "
    "filter.offset_threshold (%g px) in nine of ten frames; autoencoder_points leaves out what is clearly "
    "wrong of these, and places nothing instead. To have it placed, label more frames, in other postures"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainAutoencoder(Job):
    """Train the autoencoders that filter.type names, from the labelled frames of the model folder.

    Attributes:
        root: the experiment; where it is has no effect on the result.
        offset_threshold: of the filter that will use the model; only for what the user is told.
    """

    command: ClassVar[str] = "train-autoencoder"
    version: ClassVar[int] = 2
    works_on: ClassVar[str] = 'autoencoders (with filter.enabled = true and filter.type = "autoencoder")'

    labels: Input[tuple[Path, ...]]
    model: Output[Path]
    kind: Literal["autoencoder", "autoencoder_points"]
    root: Path
    offset_threshold: float

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
            yield cls(
                labels=labels,
                model=path,
                kind=kind,
                root=project.root,
                offset_threshold=session.config.filter.offset_threshold,
            )

    @property
    def home(self) -> Path:
        return self.root

    def settings(self) -> dict[str, Any]:
        return {
            key: value for key, value in super().settings().items() if key not in ("root", "offset_threshold")
        }

    def run(self) -> None:
        import numpy as np

        from anipose.filters.point_autoencoder import PointAutoencoder, usable
        from anipose.filters.score_autoencoder import ScoreAutoencoder
        from anipose.io.autoencoders import write_point_autoencoder, write_score_autoencoder
        from anipose.io.labels import read_all_labels

        if not self.labels:
            raise PoseError(
                f"there are no labelled frames to train {self.model.name} from: model_folder is to name the "
                "DeepLabCut project that has them (labeled-data/*/CollectedData_*.h5). Set it, or leave "
                f"{self.kind} out of filter.type"
            )
        keypoints, points = read_all_labels(self.labels)
        enough = usable(points) if self.kind == "autoencoder_points" else np.ones(len(points), bool)
        if enough.sum() < FEWEST_FRAMES:
            raise PoseError(
                f"there are {len(points)} labelled frames (labeled-data/*/CollectedData_*.h5 in "
                f"model_folder), {enough.sum()} of them with enough keypoints; at least {FEWEST_FRAMES} are "
                f"needed to train {self.model.name}. Label more, or leave {self.kind} out of filter.type"
            )
        rng = np.random.default_rng(0)
        if self.kind == "autoencoder":
            write_score_autoencoder(self.model, ScoreAutoencoder.train(keypoints, points, rng))
        else:
            trained = PointAutoencoder.train(keypoints, points, rng)
            unsure = trained.unsure(points, self.offset_threshold)
            if unsure:
                log.warning(UNSURE, self.model.name, len(points), ", ".join(unsure), self.offset_threshold)
            write_point_autoencoder(self.model, trained)
