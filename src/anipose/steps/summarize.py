"""One table over all sessions."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self

from anipose.errors import PoseError
from anipose.pipeline.job import Job, OptionalInput, Output
from anipose.project import Project
from anipose.session import Session

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Summary(Job):
    """Join the tables of all trials into one, with columns for the folders, the file and the project.

    Attributes:
        tables: the table of each trial or view, by the folders of its session and its name, joined by "/".
        summary: the joined table.
        parquet: the same for programs that read it faster, where pyarrow is installed.
        hdf5: the same as the older program has it for 2D poses.
        project: name of the project.
    """

    works_on: ClassVar[str] = "tables to join"
    file: ClassVar[str]

    tables: OptionalInput[Mapping[str, Path]]
    summary: Output[Path]
    parquet: Output[Path | None]
    hdf5: Output[Path | None]
    project: str

    @classmethod
    def tables_of(cls, session: Session) -> Mapping[str, Path]:
        """The tables of one session by name, whether or not they are there."""
        raise NotImplementedError(f"{cls.__name__}.tables_of")

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        # Always over all sessions: a part of the experiment must not replace the table of the whole.
        if project.unusable:
            log.warning(
                "the tables over all sessions stay as they are while a session cannot be used: %s",
                ", ".join(project.unusable),
            )
            return
        tables = {
            "/".join((*session.parts, name)): path
            for session in project.all_sessions
            for name, path in cls.tables_of(session).items()
        }
        if tables:
            summary = project.summaries / f"{cls.file}.csv"
            yield cls(
                tables=tables,
                summary=summary,
                parquet=summary.with_suffix(".parquet") if find_spec("pyarrow") else None,
                hdf5=summary.with_suffix(".h5") if cls.command.startswith("summarize-2d") else None,
                project=project.name,
            )

    def run(self) -> None:
        from anipose.io.tables import SummaryPart, write_summary

        parts = [
            SummaryPart(path, tuple(key.split("/")[:-1]), key.split("/")[-1])
            for key, path in self.tables.items()
            if path.is_file()
        ]
        if not parts:
            raise PoseError(
                f"none of the {len(self.tables)} tables for {self.summary.name} has been made yet"
            )
        write_summary(parts, self.project, csv=self.summary, parquet=self.parquet, hdf5=self.hdf5)


@dataclass(frozen=True, kw_only=True)
class SummarizeAngles(Summary):
    """Join the angles of all sessions into summaries/angles.csv."""

    command: ClassVar[str] = "summarize-3d"
    file: ClassVar[str] = "angles"

    @classmethod
    def tables_of(cls, session: Session) -> Mapping[str, Path]:
        return {trial.name: trial.angles for trial in session.trials_3d if session.config.angles}


@dataclass(frozen=True, kw_only=True)
class SummarizePoses3D(Summary):
    """Join the 3D poses of all sessions into summaries/pose_3d.csv."""

    command: ClassVar[str] = "summarize-3d"
    file: ClassVar[str] = "pose_3d"

    @classmethod
    def tables_of(cls, session: Session) -> Mapping[str, Path]:
        return {trial.name: trial.poses_3d_raw for trial in session.trials_3d}


@dataclass(frozen=True, kw_only=True)
class SummarizePoses3DFiltered(Summary):
    """Join the filtered 3D poses of all sessions into summaries/pose_3d_filtered.csv."""

    command: ClassVar[str] = "summarize-3d"
    file: ClassVar[str] = "pose_3d_filtered"

    @classmethod
    def tables_of(cls, session: Session) -> Mapping[str, Path]:
        enabled = session.config.filter3d.enabled
        return {trial.name: trial.poses_3d_filtered for trial in session.trials_3d if enabled}


@dataclass(frozen=True, kw_only=True)
class SummarizePoses2D(Summary):
    """Join the tracked points of all sessions into summaries/pose_2d.csv and .h5."""

    command: ClassVar[str] = "summarize-2d"
    file: ClassVar[str] = "pose_2d"

    @classmethod
    def tables_of(cls, session: Session) -> Mapping[str, Path]:
        return {view.stem: view.poses_2d_raw for view in session.views if view.tracked or view.video}


@dataclass(frozen=True, kw_only=True)
class SummarizePoses2DFiltered(Summary):
    """Join the filtered points of all sessions into summaries/pose_2d_filtered.csv and .h5."""

    command: ClassVar[str] = "summarize-2d-filter"
    file: ClassVar[str] = "pose_2d_filtered"

    @classmethod
    def tables_of(cls, session: Session) -> Mapping[str, Path]:
        return {view.stem: view.poses_2d_filtered for view in session.views if session.config.filter.enabled}
