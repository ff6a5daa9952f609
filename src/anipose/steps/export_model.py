"""Writing networks as files that need not the program they were trained with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from anipose import config
from anipose.errors import AniposeError
from anipose.pipeline.job import Input, Job, Output
from anipose.project import Project

# The keys of [tracker] that choose the network.
_CHOICE = ("shuffle", "training_set", "snapshot")


@dataclass(frozen=True, kw_only=True)
class ExportModel(Job):
    """Write the network of a DeepLabCut project as an ONNX file, for model_type = "onnx".

    Attributes:
        model_folder: the DeepLabCut project; where it is has no effect on the result.
        tracker: which network of it, and the Python to export it with.
        root: the experiment.
    """

    command: ClassVar[str] = "export-model"
    works_on: ClassVar[str] = 'networks of DeepLabCut (with model_type = "deeplabcut" and model_folder)'

    model: Input[tuple[Path, ...]]
    exported: Output[Path]
    model_folder: Path
    tracker: config.Tracker
    root: Path

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        from anipose.trackers.deeplabcut import DeepLabCut

        jobs: dict[Path, Self] = {}
        for session in project.sessions:
            tracker = session.config.tracker.only("python", *_CHOICE)
            folders = {view.model_folder for view in session.views if view.model_folder is not None}
            for folder in sorted(folders) if session.config.model_type == DeepLabCut.name else ():
                path = project.exported_network(folder)
                if path not in jobs:
                    jobs[path] = cls(
                        model=_network(folder, tracker),
                        exported=path,
                        model_folder=folder,
                        tracker=tracker,
                        root=project.root,
                    )
        yield from jobs.values()

    @property
    def home(self) -> Path:
        return self.root

    def settings(self) -> dict[str, Any]:
        names = [f"tracker.{key}" for key in _CHOICE]
        return {key: value for key, value in super().settings().items() if key in names}

    def run(self) -> None:
        from tempfile import TemporaryDirectory

        from anipose.io.files import write_bytes
        from anipose.trackers.deeplabcut import DeepLabCut

        with TemporaryDirectory(prefix="anipose-") as folder:
            network = DeepLabCut(self.model_folder, self.tracker).export(Path(folder))
            write_bytes(self.exported, network.read_bytes())


def _network(folder: Path, tracker: config.Tracker) -> tuple[Path, ...]:
    """The files of the network; the folder if they cannot be found, which `run` explains."""
    from anipose.trackers.deeplabcut import DeepLabCut

    try:
        return DeepLabCut(folder, tracker).files()
    except AniposeError:
        return (folder,)
