"""Where tasks run: here, or on local processes (on a cluster: cluster.py).

A task is a function of the results of the tasks before it. It does not raise: what goes wrong is part
of its result. What can still go wrong is that its process dies; then `died` says what the result is.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Any, Generic, TypeVar

from anipose.errors import AniposeError
from anipose.pipeline import progress

logger = logging.getLogger(__name__)

R = TypeVar("R")

# Numbers come out the same on every machine only if they are added up in the same order: one thread.
# Parallel jobs use the cores better anyway.
_ONE_THREAD = dict.fromkeys(
    [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "OPENCV_FOR_THREADS_NUM",
    ],
    "1",
)

_IN_WORKER = "ANIPOSE_WORKER"
_UNGUARDED = 'A script of your own has to run jobs under `if __name__ == "__main__":`'

# A worker that is told to stop removes its unfinished files; one that does not listen is killed.
_PATIENCE_SECONDS = 3.0


class WorkerError(AniposeError):
    """Workers that cannot be started or reached."""


@dataclass(frozen=True)
class Task(Generic[R]):
    """A piece of work.

    Attributes:
        call: given the results of the tasks before it, in their order.
        upstream: keys of the tasks before it; or results that are known already.
        resources: what a worker must have: {"GPU": 1}.
    """

    call: Callable[[Sequence[R]], R]
    upstream: tuple[str | R, ...]
    resources: Mapping[str, float]


@dataclass(frozen=True)
class Watcher(Generic[R]):
    """What is told of the tasks, in the main thread.

    Attributes:
        started: with the key of a task; not told by a cluster.
        progressed: with the key of a task, how much is done and how much there is; not told by a cluster,
            and perhaps in another thread.
        finished: with the key and the result of a task.
        died: with the key of a task and a message, gives the result of a task whose worker died.
    """

    started: Callable[[str], None]
    progressed: Callable[[str, int, int], None]
    finished: Callable[[str, R], None]
    died: Callable[[str, str], R]


def one_thread() -> AbstractContextManager[None]:
    """Numeric libraries that are loaded in this block, here or in new processes, use one thread."""
    return _environment(_ONE_THREAD)


def refuse_in_worker() -> None:
    """A script that is not guarded runs again in each of its workers, and would start workers of its own.

    Raises:
        WorkerError: this process is a worker.
    """
    if _IN_WORKER in os.environ:
        raise WorkerError(_UNGUARDED)


def run_here(tasks: Mapping[str, Task[R]], watcher: Watcher[R]) -> None:
    """Run tasks one after the other in this process, in the order given."""
    results: dict[str, R] = {}
    for key, task in tasks.items():
        watcher.started(key)
        results[key] = _perform(
            task.call, _known(task.upstream, results), [], partial(watcher.progressed, key)
        )
        watcher.finished(key, results[key])


def run_on_processes(tasks: Mapping[str, Task[R]], watcher: Watcher[R], *, n_jobs: int) -> None:
    """Run tasks on processes of this machine; those that need a GPU one at a time.

    If a worker dies, the tasks that were running are run again, each alone, so that only the one
    that kills its worker is lost.

    Raises:
        WorkerError: no worker could be started.
    """
    results: dict[str, R] = {}
    while left := {key: task for key, task in tasks.items() if key not in results}:
        running: dict[str, None] = {}
        try:
            with _pool(min(n_jobs, len(left)), watcher.progressed) as pool:
                _run_on_pool(pool, left, results, running, watcher)
        except BrokenProcessPool:
            logger.warning("a worker process died; the jobs that were running are run again, one at a time")
            for key in running:
                results[key] = _run_alone(key, tasks[key], results, watcher)
                watcher.finished(key, results[key])


def dask_graph(tasks: Mapping[str, Task[R]], results: Mapping[str, R], *, one_gpu: bool) -> dict[str, Any]:
    """Tasks as dask.delayed objects, by key.

    Args:
        tasks: each after those before it.
        results: of tasks that are not in the graph any more.
        one_gpu: run tasks that need a GPU one after the other.
    """
    import dask

    perform = dask.delayed(_perform, pure=False)
    nodes: dict[str, Any] = {}
    gpu: list[Any] = []
    for key, task in tasks.items():
        upstream = [
            nodes.get(item, results.get(item)) if isinstance(item, str) else item for item in task.upstream
        ]
        with dask.annotate(resources=dict(task.resources)):
            nodes[key] = perform(
                task.call,
                upstream,
                gpu if "GPU" in task.resources else [],
                partial(_tell_parent, key),
                dask_key_name=key,
            )
        if one_gpu and "GPU" in task.resources:
            gpu = [nodes[key]]
    return nodes


def _known(upstream: Sequence[str | R], results: Mapping[str, R]) -> list[R]:
    return [results[item] if isinstance(item, str) else item for item in upstream]


def _perform(
    call: Callable[[Sequence[R]], R],
    upstream: Sequence[R],
    _after: Sequence[R],
    tell: Callable[[int, int], None],
) -> R:
    token = progress.listener.set(tell)
    _AT_WORK.set()
    try:
        return call(upstream)
    except _Stopped:
        # Unwound. Not further: dask would send this to the main process, which does not listen any more.
        os._exit(1)
    finally:
        _AT_WORK.clear()
        progress.listener.reset(token)


def _run_on_pool(
    pool: ProcessPoolExecutor,
    tasks: Mapping[str, Task[R]],
    results: dict[str, R],
    running: dict[str, None],
    watcher: Watcher[R],
) -> None:
    """Run tasks; `results` and `running` are kept up to date, also when the pool breaks."""
    import dask
    import dask.multiprocessing
    from dask.callbacks import Callback

    def started(key: Any, graph: Any, state: Any) -> None:
        if key in tasks:
            running[key] = None
            watcher.started(key)

    def finished(key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        if key in tasks:
            del running[key]
            results[key] = result
            watcher.finished(key, result)

    nodes = dask_graph(tasks, results, one_gpu=True)
    schedule = partial(dask.multiprocessing.get, pool=pool, optimize_graph=False, chunksize=1)
    with Callback(pretask=started, posttask=finished):
        dask.compute(*nodes.values(), scheduler=schedule, optimize_graph=False)


def _run_alone(key: str, task: Task[R], results: Mapping[str, R], watcher: Watcher[R]) -> R:
    try:
        with _pool(1, watcher.progressed) as pool:
            tell = partial(_tell_parent, key)
            return pool.submit(_perform, task.call, _known(task.upstream, results), [], tell).result()
    except BrokenProcessPool:
        return watcher.died(
            key,
            "the process that worked on this was killed, twice: usually by the system, for lack of memory. "
            "Close other programs, or run on a machine with more memory",
        )


@contextmanager
def _pool(size: int, progressed: Callable[[str, int, int], None]) -> Iterator[ProcessPoolExecutor]:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with _environment(_ONE_THREAD | {_IN_WORKER: "1"}):
        queue = context.SimpleQueue()
        pool = ProcessPoolExecutor(size, mp_context=context, initializer=_start_worker, initargs=(queue,))
        threading.Thread(target=_pass_on, args=(queue, progressed), daemon=True).start()
        try:
            try:
                pool.submit(os.getpid).result()
            except BrokenProcessPool as error:
                raise WorkerError(
                    f"worker processes cannot be started. Run with --jobs 1, which needs none. {_UNGUARDED}"
                ) from error
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _stop([child for child in multiprocessing.active_children() if child not in others])
            raise
        finally:
            # Not here: a worker that was killed just then would keep the lock of the queue.
            threading.Thread(target=queue.put, args=(None,), daemon=True).start()
        pool.shutdown()


def _pass_on(queue: Any, progressed: Callable[[str, int, int], None]) -> None:
    """Pass on what the workers tell of their progress, until there is nothing more."""
    while (message := queue.get()) is not None:
        progressed(*message)


def _tell_parent(key: str, done: int, total: int) -> None:
    if _TO_PARENT:
        _TO_PARENT[0].put((key, done, total))


# In a worker process, the queue to the main process.
_TO_PARENT: list[Any] = []

# In a worker process: a task is being worked on, which may have unfinished files.
_AT_WORK = threading.Event()


class _Stopped(BaseException):
    """Raised where a worker is when it is told to stop; no Exception: no task may take it for its own."""


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _stop(workers: Sequence[Any]) -> None:
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.is_alive():
            worker.kill()


def _start_worker(queue: Any) -> None:
    """Ctrl-C is for the main process, which then tells its workers; if it dies, they do."""
    _TO_PARENT.append(queue)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _unwind(number: int, frame: Any) -> None:
    """Unwinding removes unfinished files; it may hang or be swallowed by a library: the end comes anyway."""
    if not _AT_WORK.is_set():
        os._exit(1)
    threading.Thread(target=_exit_soon, daemon=True).start()
    raise _Stopped


def _exit_soon() -> None:
    time.sleep(_PATIENCE_SECONDS / 2)
    os._exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        _exit_soon()
