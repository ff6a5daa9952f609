"""Any tracker that can be started by a command line."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import ClassVar

from anipose.config import Tracker as Settings
from anipose.errors import ConfigError, DependencyError, PoseError
from anipose.trackers.base import Progress

_SHOWN_LINES = 12


class CommandTracker:
    """Runs `tracker.command` for each video."""

    name: ClassVar[str] = "command"

    def __init__(self, model_folder: Path | None, settings: Settings) -> None:
        self._model_folder = model_folder
        self._template = settings.command

    def files(self) -> tuple[Path, ...]:
        return () if self._model_folder is None else (self._model_folder,)

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        output = folder / f"{video.stem}.h5"
        said = self._run(video, output)
        if not output.is_file():
            others = ", ".join(sorted(path.name for path in folder.iterdir()))
            there = f"; beside it there is {others}" if others else ""
            raise PoseError(
                f"tracker.command ran for {video.name}, but did not write {{output}}, which was "
                f"{output}{there}. It "
                f"has to write exactly this file, in any of the formats that are read{said}"
            )
        return output

    def _run(self, video: Path, output: Path) -> str:
        """Run the command; what it said."""
        words = self._words(video, output)
        try:
            result = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
        except OSError as error:
            raise DependencyError(
                f"tracker.command cannot start {words[0]}: {(error.strerror or str(error)).lower()}. Is it "
                f"installed, "
                "and is its whole path given?"
            ) from error
        lines = result.stdout.decode("utf-8", errors="replace").replace("\r", "\n").splitlines()
        shown = [f"  {line}" for line in lines if line.strip()][-_SHOWN_LINES:]
        said = "\nIt said:\n" + "\n".join(shown) if shown else ""
        if result.returncode:
            raise PoseError(
                f"tracker.command ended with the exit code {result.returncode} for {video.name}: "
                f"{shlex.join(words)}{said}"
            )
        return said

    def _words(self, video: Path, output: Path) -> list[str]:
        template = self._template or ""
        missing = [name for name in ("{video}", "{output}") if name not in template]
        if missing:
            raise ConfigError(
                'model_type = "command" needs tracker.command, a command line with {video} and {output}: '
                '"/home/me/env/bin/python track.py {video} {output}", for example. It is '
                + (f'"{template}", without {" and ".join(missing)}' if template else "not set")
            )
        try:
            # The words are split before paths with spaces go in; backslashes are paths of Windows.
            parts = shlex.split(template, posix=os.name == "posix")
        except ValueError as error:
            raise ConfigError(f"tracker.command = {template}: {str(error).lower()}") from error
        values = {
            "{video}": str(video.resolve()),
            "{output}": str(output),
            "{model_folder}": str(self._model_folder or ""),
        }
        words = []
        for word in parts:
            for name, value in values.items():
                word = word.replace(name, value)
            words.append(str(Path(word).expanduser()) if word.startswith("~") else word)
        return words
