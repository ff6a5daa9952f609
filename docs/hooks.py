"""Pages that are written from the program when the docs are built, so that they are never out of date."""

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from anipose.cli.main import main
from anipose.reference import reference_markdown
from anipose.steps import COMMANDS


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    files.append(File.generated(config, "config.md", content=reference_markdown()))
    files.append(File.generated(config, "commands.md", content=commands_markdown()))
    return files


def commands_markdown() -> str:
    """Every command with its options, from what click knows of it."""
    context = click.Context(main, info_name="anipose")
    aliases = {command.name: command.aliases for command in COMMANDS}
    shared = _shared_options()
    parts = [
        "# Commands\n",
        "Names may be written with `-` or `_`. Options come after the name of the command, except "
        "`--config`, which comes before it.\n",
        _options([option for option in main.params if isinstance(option, click.Option)], context),
        "## Options of the steps\n",
        "All commands that run steps have these:\n",
        _options(shared, context),
    ]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is None or command.hidden:
            continue
        own = [p for p in command.params if isinstance(p, click.Option) and p.name not in _names(shared)]
        arguments = [f"[{str(p.name).upper()}]" for p in command.params if isinstance(p, click.Argument)]
        usage = " ".join(["anipose", name, *arguments, "[OPTIONS]"])
        also = "".join(f" Also called `{alias}`." for alias in aliases.get(name, ()))
        parts += [f"## {name}\n", f"`{usage}`\n", f"{_text(command)}{also}\n"]
        if own:
            parts.append(_options(own, context))
    return "\n".join(parts)


def _shared_options() -> list[click.Option]:
    """The options that every command that runs steps has."""
    step = main.commands[COMMANDS[0].name]
    return [option for option in step.params if isinstance(option, click.Option)]


def _names(options: list[click.Option]) -> set[str | None]:
    return {option.name for option in options}


def _text(command: click.Command) -> str:
    return " ".join((command.help or "").split())


def _options(options: list[click.Option], context: click.Context) -> str:
    rows = [option.get_help_record(context) for option in options]
    lines = [f"| `{row[0]}` | {row[1]} |" for row in rows if row is not None]
    return "\n".join(["| option | |", "|---|---|", *lines, ""])
