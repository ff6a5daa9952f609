"""The table of what is done and what is not."""

from collections import Counter, defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from anipose.cli.messages import ECHO
from anipose.cli.run import plan_steps, shown
from anipose.pipeline.orphans import find_orphans
from anipose.pipeline.results import Foreseen
from anipose.pipeline.run import foresee
from anipose.project import Project
from anipose.steps import ALL_DATA, SINGLE

STYLES = {
    "done": "green",
    "stale": "yellow",
    "missing": "magenta",
    "blocked": "yellow",
    "failed": "bold red",
    "kept": "cyan",
}
_MOST_REASONS = 20
WIDE = 200  # columns, where no terminal says how many there are


def show_status(project: Project) -> None:
    """Print what is done, stale and why, missing, failed or kept, for every folder and step."""
    console = Console(highlight=False, soft_wrap=True)
    jobs = plan_steps([step for command in SINGLE for step in command.steps], project)
    cells: dict[Path, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    foreseen = [item for item in foresee(jobs) if _is_shown(item)]
    for item in foreseen:
        cells[item.job.home][item.job.command][_state(item)] += 1
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    commands = list(dict.fromkeys(item.job.command for item in foreseen))
    title = Text(f"{project.name}  ({project.root})")  # not markup: names of folders may have brackets
    table = Table("session", *commands, title=title, title_justify="left")
    for home in sorted(cells):
        table.add_row(Text(shown(home, project.root)), *(_cell(cells[home][command]) for command in commands))
    console.print(table)
    for warning in dict.fromkeys(warning for item in foreseen for warning in item.warnings):
        ECHO.tell(warning)
    _tell_reasons(
        console, project.root, [item for item in foreseen if _state(item) not in ("done", "kept", "missing")]
    )
    _tell_orphans(console, project.root, find_orphans(jobs))
    for name, problem in project.problems.items():
        console.print(Text.assemble(("failed  ", STYLES["failed"]), f"session {name}\n  {problem}"))


def _is_shown(item: Foreseen) -> bool:
    """Not what is made on demand only, by a step or by the user, unless it is there or failed."""
    made_by_run_data = item.job.command in (*ALL_DATA, "config") or item.job.command.startswith("summarize")
    return item.failure is not None or (
        not item.job.on_demand and (made_by_run_data or item.job.target.exists())
    )


def _state(item: Foreseen) -> str:
    if item.failure is not None:
        return "failed"
    if item.state == "run":
        return "stale" if all(path.exists() for path in item.job.outputs().values()) else "missing"
    return {"current": "done"}.get(item.state, item.state)


def _cell(counts: Counter[str]) -> Text:
    parts = [(f"{counts[state]} {state}", style) for state, style in STYLES.items() if counts[state]]
    return Text("\n").join(Text(*part) for part in parts)


def _tell_orphans(console: Console, root: Path, orphans: list[Path]) -> None:
    if not orphans:
        return
    console.print(
        f"{len(orphans)} result{'s' * (len(orphans) > 1)} of videos or points that are gone (renamed or "
        "deleted?); nothing uses them. Anipose does not delete them"
    )
    for path in orphans[:_MOST_REASONS]:
        console.print(Text.assemble("  ", shown(path, root)))
    if len(orphans) > _MOST_REASONS:
        console.print(f"  ... and {len(orphans) - _MOST_REASONS} more")


def _tell_reasons(console: Console, root: Path, items: list[Foreseen]) -> None:
    for item in items[:_MOST_REASONS]:
        state = _state(item)
        why = item.failure.message if item.failure is not None else "; ".join(item.reasons)
        console.print(
            Text.assemble((f"{state:<9}", STYLES[state]), shown(item.job.target, root), (f"  ({why})", "dim"))
        )
    if len(items) > _MOST_REASONS:
        console.print(f"... and {len(items) - _MOST_REASONS} more: anipose run-data --dry-run lists them all")
