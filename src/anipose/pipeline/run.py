"""Run jobs: what is stale, each after what it needs, on the workers asked for.

`foresee` tells what `execute` would do. `execute` looks at every job first; what is current is done
with, and if that is all, no worker is started. The others go to the workers as one graph, where each is
looked at again once its upstream is done, since that may have made the same files as before.
"""

import contextlib
import dataclasses
import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from anipose.errors import AniposeError, FileAccessError
from anipose.io.files import remove_temporary_files
from anipose.pipeline import records
from anipose.pipeline.cluster import run_on_cluster
from anipose.pipeline.fingerprints import fingerprint
from anipose.pipeline.foresight import blocked_by, look_ahead
from anipose.pipeline.graph import Edge, Graph
from anipose.pipeline.job import Job
from anipose.pipeline.lock import Locks, locked
from anipose.pipeline.results import (
    Event,
    Finished,
    Foreseen,
    Interrupted,
    Planned,
    Progressed,
    Result,
    Started,
    Waiting,
)
from anipose.pipeline.verdicts import Verdict, fingerprint_inputs, verdict
from anipose.pipeline.workers import (
    Task,
    Watcher,
    one_thread,
    refuse_in_worker,
    run_here,
    run_on_processes,
)

_LOGGER = "anipose"


def foresee(jobs: Iterable[Job], *, force: bool = False) -> tuple[Foreseen, ...]:
    """What `execute` would do, in its order; nothing is written.

    Raises:
        ProjectError: jobs that write the same file, or that need each other.
    """
    return look_ahead(Graph.of(jobs), force)


def execute(
    jobs: Iterable[Job],
    *,
    n_jobs: int = 1,
    scheduler: str | None = None,
    cluster: Mapping[str, Any] | None = None,
    force: bool = False,
    on_event: Callable[[Event], None] = lambda event: None,
) -> tuple[Result, ...]:
    """Bring jobs up to date.

    Args:
        jobs: any, in any order; files that one makes and another uses connect them.
        n_jobs: local processes; 1 runs in this process. With `cluster`, jobs of the queue.
        scheduler: address of a running dask.distributed scheduler to run on instead.
        cluster: the table [cluster]: `type`, and arguments of that class of dask-jobqueue.
        force: run all of the jobs, and replace files of the user.
        on_event: told what happens, in the thread that called.

    Returns:
        The result of every job, each after those it needs.

    Raises:
        ProjectError: jobs that write the same file, or that need each other.
        Interrupted: stopped by Ctrl-C or SIGTERM.
        WorkerError: no worker can be started or reached.
        DependencyError: the packages for a cluster are not installed.
    """
    refuse_in_worker()
    graph = Graph.of(jobs)
    results: dict[int, Result] = {}

    def finish(number: int, result: Result) -> None:
        results[number] = dataclasses.replace(result, job=graph.jobs[number])
        on_event(Finished(results[number]))

    try:
        with _terminable(), _prepared(graph, force, on_event) as (foreseen, locks):
            _finish_certain(foreseen, locks, finish)
            todo = [number for number in range(len(graph.jobs)) if number not in results]
            if todo:
                on_event(Planned(tuple(graph.jobs[number] for number in todo)))
                _remove_leftovers(graph.jobs[number] for number in todo)
                keys = {number: f"{graph.jobs[number].command}-{number}" for number in todo}
                tasks = _tasks(graph, keys, results, force)
                watcher = _watcher(graph, keys, finish, on_event)
                _run(tasks, watcher, n_jobs=n_jobs, scheduler=scheduler, cluster=cluster)
    except KeyboardInterrupt:
        raise Interrupted([results[number] for number in sorted(results)], len(graph.jobs)) from None
    return tuple(results[number] for number in range(len(graph.jobs)))


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM, the way in which queues of clusters stop a program, is taken like Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _prepared(
    graph: Graph, force: bool, on_event: Callable[[Event], None]
) -> Iterator[tuple[tuple[Foreseen, ...], Locks]]:
    """What is to be done, with the folders locked where something is."""
    with contextlib.ExitStack() as stack:
        while True:
            foreseen = look_ahead(graph, force)
            homes = {item.job.home for item in foreseen if item.state == "run"}
            locks = stack.enter_context(
                locked(homes, on_wait=lambda home, message: on_event(Waiting(home, message)))
            )
            if not locks.waited:
                break
            stack.close()  # what the other run has done since changes what is to be done
        yield foreseen, locks


def _finish_certain(
    foreseen: Sequence[Foreseen], locks: Locks, finish: Callable[[int, Result], None]
) -> None:
    """The results of the jobs that need no worker."""
    _refresh([item for item in foreseen if item.touched])
    for number, item in enumerate(foreseen):
        job, reasons = item.job, item.reasons
        if item.state == "current" or item.state == "kept":
            finish(number, Result(job, item.state, reasons, warnings=item.warnings))
        elif item.state == "blocked":
            finish(number, Result(job, item.state, reasons, message="; ".join(reasons)))
        elif job.home in locks.refused:
            finish(number, Result(job, "failed", message=str(locks.refused[job.home])))


def _refresh(touched: Sequence[Foreseen]) -> None:
    """Remember new times of unchanged content, which spares reading it again; not worth waiting for."""
    for home in sorted({item.job.home for item in touched}):
        with locked([home], on_wait=None) as locks:
            if not locks.waited and not locks.refused:
                for item in touched:
                    if item.job.home == home:
                        _remember(item.job, verdict(item.job))


def _remember(job: Job, found: Verdict) -> None:
    if found.refreshed is not None:
        with contextlib.suppress(FileAccessError):
            records.write_record(job, found.refreshed)


def _remove_leftovers(jobs: Iterable[Job]) -> None:
    """Unfinished files of a run that was killed; in folders that are locked, so nobody is writing them."""
    for folder in sorted({path.parent for job in jobs for path in job.outputs().values()}):
        with contextlib.suppress(OSError):
            remove_temporary_files(folder)


def _tasks(
    graph: Graph, keys: Mapping[int, str], results: Mapping[int, Result], force: bool
) -> dict[str, Task[Result]]:
    tasks = {}
    for number, key in keys.items():
        job, edges = graph.jobs[number], graph.upstream[number]
        upstream = tuple(keys.get(edge.maker) or results[edge.maker] for edge in edges)
        tasks[key] = Task(partial(attempt, job, edges, force), upstream, job.resources)
    return tasks


def _watcher(
    graph: Graph,
    keys: Mapping[int, str],
    finish: Callable[[int, Result], None],
    on_event: Callable[[Event], None],
) -> Watcher[Result]:
    numbers = {key: number for number, key in keys.items()}
    return Watcher(
        started=lambda key: on_event(Started(graph.jobs[numbers[key]])),
        progressed=lambda key, done, total: on_event(Progressed(graph.jobs[numbers[key]], done, total)),
        finished=lambda key, result: finish(numbers[key], result),
        died=lambda key, message: _failed(graph.jobs[numbers[key]], message),
    )


def _run(
    tasks: Mapping[str, Task[Result]],
    watcher: Watcher[Result],
    *,
    n_jobs: int,
    scheduler: str | None,
    cluster: Mapping[str, Any] | None,
) -> None:
    if scheduler or cluster:
        run_on_cluster(tasks, watcher, scheduler=scheduler, cluster=cluster, n_jobs=n_jobs)
    elif n_jobs > 1:
        run_on_processes(tasks, watcher, n_jobs=n_jobs)
    else:
        with one_thread():
            run_here(tasks, watcher)


def attempt(job: Job, edges: Sequence[Edge], force: bool, upstream: Sequence[Result]) -> Result:
    """Run one job, on whichever worker this is. Whatever goes wrong is in the result."""
    began = time.monotonic()
    with _captured() as warnings:
        result = _attempt(job, edges, force, upstream, warnings)
    told = (*result.warnings, *warnings)
    return dataclasses.replace(result, warnings=told, seconds=time.monotonic() - began)


def _attempt(
    job: Job, edges: Sequence[Edge], force: bool, upstream: Sequence[Result], warnings: Sequence[str]
) -> Result:
    try:
        found = verdict(job, force=force)
        if found.state == "keep":
            return Result(job, "kept", found.reasons)
        if blocked := blocked_by(job, edges, [result.state for result in upstream]):
            return Result(job, "blocked", (blocked,), message=blocked)
        if found.state == "blocked":
            return Result(job, "blocked", found.reasons, message="; ".join(found.reasons))
        if found.state == "current":
            _remember(job, found)
            return Result(job, "current", warnings=found.warnings)
        _make(job, warnings)
        return Result(job, "done", found.reasons)
    except AniposeError as error:
        return _failed(job, str(error))
    except MemoryError:
        return _failed(job, "there was not enough memory. Run fewer jobs at once, or use a larger machine")
    except Exception as error:  # noqa: BLE001 - the one place: a fault in one job is not to end the others
        trace = "".join(traceback.format_exception(error))
        with contextlib.suppress(OSError):
            records.write_log(job, trace)
        summary = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        message = f"this is a fault of anipose, please report it with {records.log_of(job)}: {summary}"
        return dataclasses.replace(_failed(job, message), traceback=trace)


def _make(job: Job, warnings: Sequence[str]) -> None:
    """Run a job and remember how; `warnings` has what it warned of once it has run.

    Raises:
        Exception: whatever the job raises.
    """
    # Taken before the run: an input that is changed meanwhile shows as changed the next time.
    inputs = fingerprint_inputs(job)
    with records.placing(job):
        job.run()
    outputs = {}
    for name, path in job.outputs().items():
        taken = fingerprint(path)
        if taken is None:
            raise RuntimeError(f"{type(job).__name__}.run did not write {path}")
        outputs[name] = records.FileRecord(records.relative(job, path), taken)
    settings = records.json_settings(job)
    records.write_record(job, records.Record(job.version, settings, inputs, outputs, tuple(warnings)))
    records.clear_placing(job)
    records.clear_failure(job)


def _failed(job: Job, message: str) -> Result:
    with contextlib.suppress(FileAccessError):
        records.write_failure(job, message)
    return Result(job, "failed", message=message)


class _Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.in_job = True
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def _captured() -> Iterator[list[str]]:
    """The warnings that anipose logs in this block; they are marked `in_job`, since results tell them too."""
    handler = _Collector(logging.WARNING)
    logger = logging.getLogger(_LOGGER)
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)
