"""Tasks on the workers of a dask.distributed scheduler: a running one, or one in the queue of a cluster."""

import importlib
import importlib.metadata
import logging
import shutil
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from anipose.errors import DependencyError
from anipose.pipeline.workers import Task, Watcher, WorkerError, dask_graph

logger = logging.getLogger(__name__)

R = TypeVar("R")

_PACKAGE = "anipose"
_CONNECT_SECONDS = 10


def run_on_cluster(
    tasks: Mapping[str, Task[R]],
    watcher: Watcher[R],
    *,
    scheduler: str | None = None,
    cluster: Mapping[str, Any] | None = None,
    n_jobs: int = 1,
) -> None:
    """Run tasks on the workers of a dask.distributed scheduler.

    Args:
        tasks: the tasks.
        watcher: is told of finished tasks.
        scheduler: address of a running scheduler, such as "tcp://node1:8786".
        cluster: table for dask-jobqueue: `type` (such as "slurm") and the arguments of its class.
        n_jobs: how many jobs of the queue to ask for, with `cluster`.

    Raises:
        DependencyError: distributed or dask-jobqueue is not installed.
        WorkerError: the scheduler cannot be reached.
    """
    distributed = _import("distributed")
    if scheduler is not None:
        _require_listener(scheduler)
    with _queue(cluster, n_jobs) if cluster else _address(scheduler) as where:
        try:
            client = distributed.Client(where, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise WorkerError(
                f"no dask scheduler answers at {scheduler}: {error}. Start one with `dask scheduler`, or "
                "leave out --scheduler to run on this machine"
            ) from error
        with client:
            _require_anipose(client)
            _warn_if_none_fits(client, tasks)
            _run_on_client(distributed, client, tasks, watcher)


def _require_listener(scheduler: str) -> None:
    """Check that something listens at the address: dask would try for long, and end with a traceback."""
    place = urlsplit(scheduler if "://" in scheduler else f"tcp://{scheduler}")
    if place.scheme not in ("tcp", "tls") or place.hostname is None or place.port is None:
        raise WorkerError(
            f"--scheduler {scheduler} is not an address such as tcp://node1:8786, "
            "as `dask scheduler` prints it"
        )
    try:
        with socket.create_connection((place.hostname, place.port), timeout=_CONNECT_SECONDS):
            pass
    except OSError as error:
        raise WorkerError(
            f"no dask scheduler answers at {scheduler}: {error}. Start one with `dask scheduler`, or "
            "leave out --scheduler to run on this machine"
        ) from error


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DependencyError(
            f"running on a cluster needs the package {name}, which cannot be imported ({error}). "
            'Install it with: pip install "anipose[cluster]"'
        ) from error


@contextmanager
def _address(scheduler: str | None) -> Iterator[str | None]:
    yield scheduler


@contextmanager
def _queue(table: Mapping[str, Any], n_jobs: int) -> Iterator[Any]:
    """A cluster of dask-jobqueue, with `n_jobs` jobs asked for, ended with the block."""
    jobqueue = _import("dask_jobqueue")
    classes = {
        name.removesuffix("Cluster").lower(): getattr(jobqueue, name)
        for name in dir(jobqueue)
        if name.endswith("Cluster") and name != "JobQueueCluster"
    }
    # Runs the batch scripts at once, on this machine: for trying out a table.
    classes["local"] = _import("dask_jobqueue.local").LocalCluster
    kind = str(table.get("type", "")).lower()
    if kind not in classes:
        known = ", ".join(sorted(classes))
        raise WorkerError(f'[cluster] type = "{kind}" is not known; use one of: {known}')
    command = (getattr(classes[kind].job_cls, "submit_command", "") or "").split(" ")[0]
    if command and shutil.which(command) is None:
        raise WorkerError(
            f"[cluster] the command {command} of {kind} is not on this machine. Run anipose where you can "
            "submit jobs, such as the login node, or without [cluster]"
        )
    arguments = {key: value for key, value in table.items() if key != "type"}
    try:
        cluster = classes[kind](**arguments)
    except (TypeError, ValueError, OSError) as error:
        raise WorkerError(f"[cluster] the {kind} cluster cannot be started: {error}") from error
    with cluster:
        cluster.scale(jobs=n_jobs)
        yield cluster


def _require_anipose(client: Any) -> None:
    """A worker or scheduler that cannot import a task may end, or drop it, without a word to us."""
    version = importlib.metadata.version
    here = version(_PACKAGE)
    try:
        found = {"the scheduler": client.run_on_scheduler(version, _PACKAGE)}
    except importlib.metadata.PackageNotFoundError as error:
        found = {"the scheduler": error}
    found |= client.run(version, _PACKAGE, on_error="return")
    without = sorted(name for name, answer in found.items() if not isinstance(answer, str))
    if without:
        raise WorkerError(
            f"anipose is not installed for {', '.join(without)}. Install version {here} in the "
            "environments of the scheduler and of all its workers"
        )
    if others := sorted({answer for answer in found.values() if answer != here}):
        logger.warning("workers have other versions of anipose: %s, here %s", ", ".join(others), here)


def _warn_if_none_fits(client: Any, tasks: Mapping[str, Task[R]]) -> None:
    """Without a fitting worker a scheduler waits in silence: one might still come."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    offered = {name for worker in workers for name in worker.get("resources", {})}
    missing = {name for task in tasks.values() for name in task.resources} - offered
    if not workers:
        logger.warning("the scheduler has no workers yet: waiting for one")
    elif missing:
        names = ", ".join(sorted(missing))
        logger.warning(
            "no worker of the scheduler offers %s yet (dask worker --resources GPU=1): waiting", names
        )


def _run_on_client(distributed: Any, client: Any, tasks: Mapping[str, Task[R]], watcher: Watcher[R]) -> None:
    """A task whose workers die takes all that comes after it along; that is run again without it."""
    results: dict[str, R] = {}
    while left := {key: task for key, task in tasks.items() if key not in results}:
        # A scheduler knows tasks by key only, and other runs may use it too.
        run = uuid.uuid4().hex[:8]
        nodes = dask_graph(_renamed(left, results, run), {}, one_gpu=False)
        futures = client.compute(list(nodes.values()), optimize_graph=False)
        keys = dict(zip((future.key for future in futures), left, strict=True))
        lost = {}
        try:
            for future in distributed.as_completed(futures, loop=client.loop):
                key = keys[future.key]
                if future.status == "finished":
                    results[key] = future.result()
                    watcher.finished(key, results[key])
                else:
                    lost[key] = future.exception() if future.status == "error" else "the scheduler is gone"
        except BaseException:
            client.cancel(futures)
            raise
        first = [key for key, reason in lost.items() if getattr(reason, "task", "") == f"{key}-{run}"]
        for key in first or lost:
            results[key] = watcher.died(key, f"a worker of the cluster was lost: {lost[key]}")
            watcher.finished(key, results[key])


def _renamed(tasks: Mapping[str, Task[R]], results: Mapping[str, R], run: str) -> dict[str, Task[R]]:
    def upstream(item: str | R) -> str | R:
        return results.get(item, f"{item}-{run}") if isinstance(item, str) else item

    return {
        f"{key}-{run}": Task(task.call, tuple(map(upstream, task.upstream)), task.resources)
        for key, task in tasks.items()
    }
