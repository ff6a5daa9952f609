"""Running steps, and telling the user what happens."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from anipose.cli.messages import ECHO
from anipose.config import Cluster
from anipose.discovery import explain_no_sessions
from anipose.errors import ProjectError
from anipose.pipeline.job import Job
from anipose.pipeline.results import Event, Finished, Foreseen, Planned, Progressed, Result, Waiting
from anipose.pipeline.run import execute, foresee
from anipose.project import Project
from anipose.steps import EFFECTIVE_CONFIG, SUMMARIES, Command, load_steps

STYLES = {
    "done": "green",
    "run": "green",
    "kept": "cyan",
    "current": "dim",
    "failed": "bold red",
    "blocked": "yellow",
}
_MOST_SHOWN = 5
# Where there are no bars, a long job says so often how far it is.
_LINE_SECONDS = 30.0
# Frames per second below which a decimal is told.
_SLOW = 10


@dataclass(frozen=True)
class RunOptions:
    """The options of a command that runs steps."""

    jobs: int | None = None
    scheduler: str | None = None
    dry_run: bool = False
    force: bool = False
    debug: bool = False


def plan_steps(names: Iterable[str], project: Project) -> list[Job]:
    """The jobs of some steps, with the config that holds written down first.

    Raises:
        ProjectError: there is nothing in the project that these steps work on.
    """
    steps = load_steps(names)
    jobs = [job for step in steps for job in step.plan(project)]
    if not jobs and not project.problems:
        if not any(session.views for session in project.sessions):
            raise ProjectError(explain_no_sessions(project.root, project.config))
        looked_for = dict.fromkeys(step.works_on for step in steps)
        where = ", ".join(session.name for session in project.sessions[:_MOST_SHOWN])
        raise ProjectError(
            f"nothing to do: found no {'; no '.join(looked_for)} in {project.root} (looked in: {where})"
        )
    (write_config,) = load_steps([EFFECTIVE_CONFIG])
    return [*write_config.plan(project), *jobs]


def run_steps(command: Command, project: Project, options: RunOptions) -> bool:
    """Run the steps of a command; whether all went well."""
    console = Console(highlight=False, soft_wrap=True)
    for warning in project.warnings:
        ECHO.tell(warning)
    names = command.steps
    if project.is_part and not set(names) <= set(SUMMARIES):
        left_out = [name for name in names if name in SUMMARIES]
        names = tuple(name for name in names if name not in SUMMARIES)
        if left_out:
            console.print(
                "summaries are over all sessions and left out here; make them with: anipose summarize"
            )
    jobs = plan_steps(names, project)
    if options.dry_run:
        foreseen = foresee(jobs, force=options.force)
        _tell_foreseen(console, project.root, foreseen)
        return _tell_problems(console, project)
    queue = project.config.cluster
    with _Reporter(console, project.root, options.debug) as reporter:
        results = execute(
            jobs,
            n_jobs=options.jobs or (queue.jobs if queue.type else available_cores()),
            scheduler=options.scheduler,
            cluster=batch_system(queue) if queue.type else None,
            force=options.force,
            on_event=reporter,
        )
    reporter.conclude(results)
    return _tell_problems(console, project) and not any(r.state in ("failed", "blocked") for r in results)


def batch_system(table: Cluster) -> dict[str, Any]:
    """The table [cluster] in the words of dask-jobqueue, which differ between batch systems."""
    words = {
        "type": table.type,
        "cores": table.cores,
        "processes": table.cores,  # HDF5 is not for threads
        "memory": table.memory,
        "walltime": table.walltime,
        "queue": table.queue,
        "project" if table.type in ("lsf", "sge") else "account": table.account,
        "job_extra_directives": list(table.extra),
    }
    return {word: value for word, value in words.items() if value is not None}


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shown(path: Path, root: Path) -> str:
    """A path as the user knows it: from the experiment on."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


@dataclass
class _Speed:
    """How fast a job works.

    Attributes:
        began: when it was first heard of.
        first: how many frames it had done then.
        told: when its last line was printed.
        last: what was heard last.
        bar: its bar on the terminal.
    """

    began: float
    first: int
    told: float
    last: Progressed | None = None
    bar: TaskID | None = None

    def rate(self, now: float) -> float:
        """Frames per second; 0 before it is known."""
        if self.last is None or now <= self.began:
            return 0.0
        return (self.last.done - self.first) / (now - self.began)


class _Reporter:
    """Prints what happens: bars on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, root: Path, debug: bool) -> None:
        self._console = console
        self._root = root
        self._debug = debug
        self._bars: dict[str, TaskID] = {}
        self._speeds: dict[Path, _Speed] = {}
        self._progress = Progress(
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> "_Reporter":
        self._progress.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.__exit__(None, None, None)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Planned):
            for command, count in Counter(job.command for job in event.jobs).items():
                self._bars[command] = self._progress.add_task(command, total=count, rate="")
        elif isinstance(event, Waiting):
            self._console.print(Text(event.message, "yellow"))
        elif isinstance(event, Progressed):
            self._progressed(event)
        elif isinstance(event, Finished):
            self._finished(event.result)

    def _progressed(self, event: Progressed) -> None:
        """A bar for the job on a terminal; elsewhere a line now and then."""
        now = time.monotonic()
        speed = self._speeds.setdefault(event.job.target, _Speed(now, event.done, now))
        speed.last = event
        rate = speed.rate(now)
        name = shown(event.job.target, self._root)
        if self._console.is_terminal:
            if speed.bar is None:
                speed.bar = self._progress.add_task(f"  {event.job.target.name}", rate="", total=None)
            self._progress.update(speed.bar, completed=event.done, total=event.total, rate=_frame_rate(rate))
        elif now - speed.told > _LINE_SECONDS and rate:
            speed.told = now
            how_far = f"{event.done} of {event.total} frames, {_frame_rate(rate)}"
            left = f"{(event.total - event.done) / rate:.0f} s left"
            text = f"{event.job.command:<20}{name}  {how_far}, {left}"
            self._console.print(Text(text, "dim"))

    def _finished(self, result: Result) -> None:
        speed = self._speeds.pop(result.job.target, None)
        if speed is not None and speed.bar is not None:
            self._progress.remove_task(speed.bar)
        if result.job.command in self._bars:
            self._progress.advance(self._bars[result.job.command])
        for warning in result.warnings:
            ECHO.tell(warning)
        if result.state == "done":
            reasons = [reason for reason in result.reasons if not _is_plain(result.job.command, reason)]
            why = f"  ({_some(reasons)})" if reasons else ""
            self._console.print(
                Text.assemble(
                    (f"{result.job.command:<20}", "green"),
                    shown(result.job.target, self._root),
                    (f"  {result.seconds:.1f} s{_mean_rate(speed, result.seconds)}", "dim"),
                    (why, "dim"),
                )
            )
            for line in result.job.in_short().splitlines():
                self._console.print(Text(f"  {line}"))

    def conclude(self, results: Sequence[Result]) -> None:
        """The end of a run: what was kept, what failed, and how many of each."""
        kept = [result for result in results if result.state == "kept"]
        _tell_kept(self._console, self._root, kept)
        _tell_left_behind(self._console, self._root, kept, results)
        _tell_failed(self._console, self._root, [r for r in results if r.state in ("failed", "blocked")])
        if self._debug:
            for result in results:
                if result.traceback:
                    self._console.print(result.traceback)
        self._console.print(_tally([result.state for result in results]))


def _is_plain(command: str, reason: str) -> bool:
    """A reason that is not worth a word: the file is new, or a new version of anipose has more keys."""
    return reason.endswith("does not exist") or (command == "config" and " is new: " in reason)


def _mean_rate(speed: _Speed | None, seconds: float) -> str:
    """Frames per second of a job that told its progress, with what it took to start."""
    if speed is None or speed.last is None or not seconds:
        return ""
    return f", {_frame_rate(speed.last.total / seconds)}"


def _frame_rate(per_second: float) -> str:
    """A rate in words; nothing before it is known."""
    if per_second >= _SLOW:
        return f"{per_second:.0f} frames/s"
    return f"{per_second:.2g} frames/s" if per_second else ""


def _tell_kept(console: Console, root: Path, kept: Sequence[Result | Foreseen]) -> None:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in kept:
        reason = "; ".join(dict.fromkeys(_without_path(reason) for reason in item.reasons))
        reason += ": used as it is" if item.job.precious else "; --force replaces"
        groups[shown(item.job.target.parent, root), reason].append(item.job.target.name)
    for reason in dict.fromkeys(reason for _, reason in groups):
        folders = {folder: names for (folder, why), names in groups.items() if why == reason}
        n_files = sum(map(len, folders.values()))
        if len(folders) > _MOST_SHOWN:
            shown_as = [f"{n_files} files in {len(folders)} folders"]
        else:
            shown_as = [
                f"{folder}/{names[0]}" if len(names) == 1 else f"{len(names)} files in {folder}"
                for folder, names in folders.items()
            ]
        for what in shown_as:
            console.print(Text.assemble(("kept  ", "cyan"), what, (f"  ({reason})", "dim")))


def _tell_left_behind(
    console: Console, root: Path, kept: Sequence[Result], results: Sequence[Result]
) -> None:
    """Kept files of which something that they are made from was made anew: old and new side by side."""
    new = {path for r in results if r.state == "done" for path in r.job.outputs().values()}
    behind = [
        shown(result.job.target, root)
        for result in kept
        if new & {*result.job.inputs().values(), *result.job.optional_inputs().values()}
    ]
    if behind:
        console.print(
            Text.assemble(
                ("warning: ", "yellow"),
                f"{_some(behind)}: kept, though what they are made from is new; move them away to renew them",
            )
        )


def _without_path(reason: str) -> str:
    for phrase in ("was not made by anipose", "was edited"):
        if reason.endswith(phrase):
            return phrase
    return reason


def _tell_failed(console: Console, root: Path, failed: Sequence[Result]) -> None:
    """Each message once, with the jobs that it stopped."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in failed:
        groups[result.state, result.message].append(result)
    for (state, message), results in groups.items():
        names = [shown(result.job.target, root) for result in results]
        where = ", ".join(names[:_MOST_SHOWN]) + (
            f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        )
        console.print(Text.assemble((f"{state}  ", STYLES[state]), where))
        console.print(Text("  " + message.replace("\n", "\n  ")))


def _tell_problems(console: Console, project: Project) -> bool:
    for name, problem in project.problems.items():
        console.print(Text.assemble(("failed  ", STYLES["failed"]), f"session {name}"))
        console.print(Text("  " + problem.replace("\n", "\n  ")))
    return not project.problems


def _tell_foreseen(console: Console, root: Path, foreseen: Sequence[Foreseen]) -> None:
    for item in foreseen:
        if item.state in ("run", "blocked"):
            word = "would run" if item.state == "run" else "blocked"
            console.print(
                Text.assemble(
                    (f"{word:<10}", STYLES[item.state]),
                    f"{item.job.command:<20}",
                    shown(item.job.target, root),
                    (f"  ({_some(item.reasons)})", "dim"),
                )
            )
    _tell_kept(console, root, [item for item in foreseen if item.state == "kept"])
    console.print(_tally(["would run" if item.state == "run" else item.state for item in foreseen]))


def _some(reasons: Sequence[str]) -> str:
    more = f"; and {len(reasons) - _MOST_SHOWN} more" if len(reasons) > _MOST_SHOWN else ""
    return "; ".join(reasons[:_MOST_SHOWN]) + more


def _tally(states: Sequence[str]) -> str:
    words = {"current": "up to date"}
    counts = Counter(states)
    order = ("done", "would run", "current", "kept", "blocked", "failed")
    return ", ".join(f"{counts[state]} {words.get(state, state)}" for state in order if counts[state])
