"""Writing down the configuration that holds for a session."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from anipose.config import Config
from anipose.pipeline.job import Job, Output
from anipose.project import Project


@dataclass(frozen=True, kw_only=True)
class WriteConfig(Job):
    """Write the configuration that holds for each session to SESSION/config/config.toml."""

    command: ClassVar[str] = "config"
    works_on: ClassVar[str] = "sessions"

    effective: Output[Path]
    config: Config

    @classmethod
    def plan(cls, project: Project) -> Iterator[Self]:
        for session in project.sessions:
            yield cls(effective=session.config_file, config=session.config)

    def settings(self) -> dict[str, Any]:
        return {key.removeprefix("config."): value for key, value in super().settings().items()}

    def run(self) -> None:
        from anipose.config_files import dump_config
        from anipose.io.files import write_text

        write_text(self.effective, dump_config(self.config))
