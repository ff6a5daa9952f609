"""The commands, made from the list of steps.

Nothing heavy is imported before a command runs: `anipose --help` answers at once.

Exit codes: 0 done, or already up to date; 1 a job failed, or nothing matched; 2 wrong command line or
config; 130 stopped by Ctrl-C.
"""

import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from anipose.errors import AniposeError, ConfigError
from anipose.steps import COMMANDS, Command, Shorthand
from anipose.version import __version__

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
# Those of io/calibration_formats, which is not imported before it is needed.
CALIBRATION_FORMATS = (
    "anipose",
    "caliscope",
    "pose2sim",
    "opencv",
    "opencv-xml",
    "matlab",
    "dannce",
    "jarvis",
    "dlt",
    "colmap",
)


class AniposeGroup(click.Group):
    """Commands by name, with - or _, or by an older name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("_", "-")
        aliases = {alias: command.name for command in COMMANDS for alias in command.aliases}
        return super().get_command(ctx, aliases.get(name, name))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the pipeline, not of the alphabet

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AniposeError as error:
            if ctx.params.get("debug") or "--debug" in sys.argv:
                traceback.print_exc()
            click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
            ctx.exit(_exit_code(error))
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            ctx.exit(EXIT_INTERRUPTED)


def _exit_code(error: AniposeError) -> int:
    if isinstance(error, ConfigError):
        return EXIT_USAGE
    from anipose.pipeline.results import Interrupted

    return EXIT_INTERRUPTED if isinstance(error, Interrupted) else EXIT_FAILED


@click.group(
    cls=AniposeGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="anipose")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The experiment's config.toml, if it is not in this folder or one above.",
)
@click.pass_context
def main(ctx: click.Context, config_file: Path | None) -> None:
    """From synchronised videos of a moving animal to 3D kinematics.

    Run it in the folder of your experiment, or in any folder below it for that part alone.
    `anipose demo` shows it all on a made-up experiment; `anipose init` starts your own.
    """
    from anipose.cli.messages import show_warnings

    show_warnings()
    ctx.obj = config_file


def common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that works on a project."""
    options = [
        click.option(
            "--session",
            "patterns",
            multiple=True,
            metavar="PATTERN",
            help="Only these sessions; * and ? work.",
        ),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set a key of the config for this run.",
        ),
        click.option("--debug", is_flag=True, help="Show tracebacks."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def shorthand_options(
    shorthands: tuple[Shorthand, ...],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options of a command that set keys of the config; the command gets them as `--set` options."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*, overrides: tuple[str, ...], **others: Any) -> Any:
            given = {item.key: others.pop(item.option.strip("-")) for item in shorthands}
            short = tuple(f"{key}={value}" for key, value in given.items() if value is not None)
            return function(overrides=(*overrides, *short), **others)

        options: Callable[..., Any] = run
        for item in reversed(shorthands):
            options = click.option(item.option, metavar=item.metavar, help=item.help)(options)
        return options

    return add


def switch_options(command: Command) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options that make a command run other steps; the command gets them as `command`."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*arguments: Any, **others: Any) -> Any:
            given = {item: others.pop(item.option.strip("-")) for item in command.switches}
            chosen = [item for item, is_set in given.items() if is_set]
            steps = chosen[-1].steps if chosen else command.steps
            return function(*arguments, command=replace(command, steps=steps), **others)

        options: Callable[..., Any] = run
        for item in reversed(command.switches):
            options = click.option(item.option, is_flag=True, help=item.help)(options)
        return options

    return add


def _add_step_command(command: Command) -> None:
    @main.command(command.name, help=command.help + ".", short_help=command.help)
    @shorthand_options(command.shorthands)
    @common_options
    @click.option(
        "--jobs", type=click.IntRange(min=1), metavar="N", help="Local processes; 1 runs in this one."
    )
    @click.option("--scheduler", metavar="ADDRESS", help="A running dask.distributed scheduler to run on.")
    @click.option("--dry-run", is_flag=True, help="Say what would be done and why, and do nothing.")
    @click.option("--force", is_flag=True, help="Do everything again, and replace results that you edited.")
    @switch_options(command)
    @click.pass_obj
    def run(
        config_file: Path | None,
        command: Command,
        patterns: tuple[str, ...],
        overrides: tuple[str, ...],
        debug: bool,
        jobs: int | None,
        scheduler: str | None,
        dry_run: bool,
        force: bool,
    ) -> None:
        from anipose.cli.run import RunOptions, run_steps

        options = RunOptions(jobs=jobs, scheduler=scheduler, dry_run=dry_run, force=force, debug=debug)
        ok = run_steps(
            command,
            _open(config_file, patterns, overrides, needs_sessions=command.needs_sessions),
            options,
        )
        if not ok:
            sys.exit(EXIT_FAILED)


for _command in COMMANDS:
    _add_step_command(_command)


@main.command(short_help="Show what is done, stale, missing or failed")
@common_options
@click.pass_obj
def status(
    config_file: Path | None, patterns: tuple[str, ...], overrides: tuple[str, ...], debug: bool
) -> None:
    """Show what is done, stale, missing, failed or kept, for every session and step."""
    from anipose.cli.status import show_status

    show_status(_open(config_file, patterns, overrides))


@main.command(short_help="Write a config.toml for what is here")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--print", "only_print", is_flag=True, help="Print the config instead of writing it.")
def init(folder: Path, only_print: bool) -> None:
    """Write a config.toml for the videos and poses in FOLDER, filled in from what is there."""
    from anipose.cli.init import init_project

    init_project(folder, only_print=only_print)


@main.command(short_help="Try all of it on a made-up experiment")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("anipose-demo"))
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Local processes.")
def demo(folder: Path, jobs: int | None) -> None:
    """Make a small experiment in FOLDER, run all of anipose on it, and compare with the truth."""
    from anipose.cli.demo import run_demo

    if not run_demo(folder, jobs=jobs):
        sys.exit(EXIT_FAILED)


@main.group(short_help="Write results for other programs")
def export() -> None:
    """Write results for other programs."""


@export.command("calibration", short_help="Write calibrations for another program")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(CALIBRATION_FORMATS),
    required=True,
    help="The program, or kind of file.",
)
@common_options
@click.pass_obj
def export_calibration(
    config_file: Path | None,
    format_name: str,
    patterns: tuple[str, ...],
    overrides: tuple[str, ...],
    debug: bool,
) -> None:
    """Write calibrations for another program, into the folder `export` beside each."""
    from anipose.cli.formats import export_calibrations

    export_calibrations(_open(config_file, patterns, overrides), format_name)


def _picture_size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Width and height of what is written 1280x1024."""
    if value is None:
        return None
    sides = value.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise click.BadParameter(f"{value!r} is no size; write it as 1280x1024")
    return int(sides[0]), int(sides[1])


@main.command("import-calibration", short_help="Use the calibration of another program")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(CALIBRATION_FORMATS),
    help="Where the content does not tell.",
)
@click.option(
    "--size",
    metavar="WIDTHxHEIGHT",
    callback=_picture_size,
    help="Size of the pictures in pixels, where SOURCE does not hold it.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("calibration"),
    help="The calibration folder; that of this folder if not given.",
)
@click.option("--force", is_flag=True, help="Replace a calibration that is there.")
def import_calibration(
    source: Path, format_name: str | None, size: tuple[int, int] | None, folder: Path, force: bool
) -> None:
    """Write the calibration in SOURCE as calibration/calibration.toml."""
    from anipose.cli.formats import import_calibration as run

    run(source, folder / "calibration.toml", format_name, size=size, force=force)


@main.group(short_help="Look for what is amiss before anything heavy")
def check() -> None:
    """Look for what is amiss, before anything heavy is done."""


@check.command("calibration", short_help="Who sees the board, and what to film next")
@common_options
@click.pass_obj
def check_calibration(
    config_file: Path | None, patterns: tuple[str, ...], overrides: tuple[str, ...], debug: bool
) -> None:
    """Count the views of the board per camera and pair, and say what to set and to film next."""
    from anipose.cli.check import show_calibration_check

    if not show_calibration_check(_open(config_file, patterns, overrides)):
        sys.exit(EXIT_FAILED)


def _open(
    config_file: Path | None,
    patterns: tuple[str, ...],
    overrides: tuple[str, ...],
    *,
    needs_sessions: bool = True,
) -> Any:
    from anipose.project import open_project

    return open_project(
        Path.cwd(),
        config_file=config_file,
        patterns=patterns,
        overrides=overrides,
        needs_sessions=needs_sessions,
    )
