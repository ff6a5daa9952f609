"""The built-in example, from pixels to summaries."""

import time
from pathlib import Path

import click
import numpy as np

from anipose.cli.run import RunOptions, run_steps
from anipose.demo.experiment import Report, make_demo, measure
from anipose.project import open_project
from anipose.steps import COMMANDS


def run_demo(folder: Path, *, jobs: int | None) -> bool:
    """Make the experiment, run everything on it, and compare with the truth; whether all went well."""
    started = time.perf_counter()
    click.echo(f"filming a lizard with painted joints and a calibration board: {folder}")
    make_demo(folder)
    click.echo(
        f"done in {time.perf_counter() - started:.0f} s; now what you would do yourself: anipose run-data\n"
    )
    (run_data,) = (command for command in COMMANDS if command.name == "run-data")
    if not run_steps(run_data, open_project(folder), RunOptions(jobs=jobs)):
        return False
    click.echo(_compared(measure(folder)))
    click.echo(
        f"\nall of it took {time.perf_counter() - started:.0f} s. "
        f"The experiment is yours to play with: {folder}"
    )
    click.echo("  change a key in its config.toml, then see what depends on it with: anipose status")
    return True


def _compared(report: Report) -> str:
    angles = np.concatenate(list(report.angles_deg.values()))
    return (
        "\ncompared with the truth that the videos were made from:\n"
        f"  {report.found:.1%} of the points found\n"
        f"  3D error          median {np.median(report.errors_mm):.3f} mm, "
        f"95 % below {np.percentile(report.errors_mm, 95):.3f} mm\n"
        f"  bone lengths      off by {np.median(np.abs(report.distances_mm)):.3f} mm (median)\n"
        f"  joint angles      off by {np.median(angles):.2f} degrees (median)"
    )
