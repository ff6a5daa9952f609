"""Calibrations to and from other programs."""

from pathlib import Path

import click

from anipose.cli.run import shown
from anipose.errors import FileAccessError, ProjectError
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.calibration_formats.registry import FORMATS, read_any_calibration
from anipose.project import Project


def export_calibrations(project: Project, format_name: str) -> None:
    """Write every calibration of the project beside itself in another format."""
    found = [calibration for calibration in project.calibrations if calibration.file.is_file()]
    if not found:
        raise ProjectError(
            f"there is no calibration.toml in {project.root}; make one with: anipose calibrate"
        )
    chosen = FORMATS[format_name]
    for calibration in found:
        target = calibration.export(chosen.TARGET)
        chosen.write(target, read_calibration(calibration.file))
        click.echo(f"{shown(target, project.root)}  ({chosen.ABOUT})")


def import_calibration(
    source: Path, target: Path, format_name: str | None, *, size: tuple[int, int] | None, force: bool
) -> None:
    """Write the calibration of another program as calibration.toml."""
    if target.exists() and not force:
        raise FileAccessError(f"{target} exists already; move it away, or replace it with --force")
    cameras = read_any_calibration(source, format_name, size)
    write_calibration(target, cameras)
    click.echo(f"{target}: cameras {', '.join(cameras.names)}")
    click.echo("their names must be those that triangulation.cam_regex finds in the names of the videos")
