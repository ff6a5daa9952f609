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
    steps = {command.name: command for command in COMMANDS}
    parts = [
        "# Commands\n",
        "Names may have `-` or `_`. Options come after the name of the command, except `--config`.\n",
        _options(main, context),
        "## Options of the steps\n",
        f"All the commands from `{COMMANDS[0].name}` to `{COMMANDS[-1].name}` have these:\n",
        _options(main.commands[COMMANDS[0].name], context),
    ]
    for name in main.list_commands(context):
        command = main.commands[name]
        arguments = [f"[{str(p.name).upper()}]" for p in command.params if isinstance(p, click.Argument)]
        usage = " ".join(["anipose", name, *arguments, "[OPTIONS]"])
        also = "".join(f" Also called `{alias}`." for alias in steps[name].aliases) if name in steps else ""
        parts += [f"## {name}\n", f"`{usage}`\n", f"{_text(command)}{also}\n"]
        if name not in steps:
            parts.append(_options(command, context))
    return "\n".join(parts)


def _text(command: click.Command) -> str:
    return " ".join((command.help or "").split())


def _options(command: click.Command, context: click.Context) -> str:
    records = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
    rows = [f"| `{record[0]}` | {record[1].partition('  [')[0]} |" for record in records if record]
    return "\n".join(["| option | |", "|---|---|", *rows, ""])
