"""`anipose check calibration`: a quick look at the videos of the board."""

import click

from anipose.calibration_check import CheckedCalibration, check_calibration
from anipose.calibration_figures import covered_cells
from anipose.cli.run import shown
from anipose.errors import ProjectError
from anipose.project import Project


def show_calibration_check(project: Project) -> bool:
    """Print counts per camera and pair and what to film; whether all can be calibrated."""
    calibrations = [calibration for calibration in project.calibrations if calibration.recordings]
    if not calibrations:
        raise ProjectError(
            f"found no videos of a calibration board in {project.root}: put them into a folder named "
            f"{project.config.pipeline.calibration_videos}"
        )
    good = True
    for calibration in calibrations:
        click.echo(f"{shown(calibration.folder, project.root)}: looking at some frames of every video ...")
        checked = check_calibration(calibration.recordings, calibration.config.calibration)
        click.echo(_counts(checked))
        for line in checked.advice:
            click.echo(f"{click.style('to do:', fg='yellow')} {line}")
        if not checked.advice:
            click.echo(click.style("This should do. Now: anipose calibrate", fg="green"))
        good = good and checked.is_enough
    return good


def _counts(checked: CheckedCalibration) -> str:
    names = list(checked.seen)
    width = max(7, *(len(name) for name in names)) + 2
    every = "every frame" if checked.stride == 1 else f"one frame of {checked.stride}"
    head = "".join(f"{name:>{width}}" for name in names)
    lines = [f"views of the board, in {every}; per camera, and shared by pairs:", " " * width + head]
    for a, name in enumerate(names):
        cells = "".join(
            f"{checked.shared[a, b]:>{width}}" if b >= a else " " * width for b in range(len(names))
        )
        seen = checked.seen[name]
        covered = 100 * covered_cells(seen.corners.reshape(-1, 2), seen.size).mean()
        lines.append(
            f"{name:<{width}}{cells}   {len(seen.frames)} of {checked.looked_at[name]} frames, "
            f"{covered:.0f} % of the picture covered"
        )
    return "\n".join(lines)
