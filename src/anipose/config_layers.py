"""The config.toml files of an experiment, one over the other."""

from dataclasses import dataclass
from pathlib import Path

from anipose.config_files import LoadedConfig, load_config
from anipose.discovery import CONFIG_NAME


@dataclass(frozen=True)
class ConfigLayers:
    """The config.toml files of an experiment, from its top down to any folder.

    Attributes:
        main: the experiment's own; None before it has been written.
        root: the experiment.
        overrides: the `--set` options, which come last.
    """

    main: Path | None
    root: Path
    overrides: tuple[str, ...] = ()

    def at(self, folder: Path) -> LoadedConfig:
        """The configuration that holds in a folder of the experiment."""
        parts = folder.relative_to(self.root).parts
        way_down = [self.root.joinpath(*parts[:depth]) / CONFIG_NAME for depth in range(1, len(parts) + 1)]
        main = [] if self.main is None else [self.main]
        return load_config([*main, *(path for path in way_down if path.is_file())], self.overrides)
