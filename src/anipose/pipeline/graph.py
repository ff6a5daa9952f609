"""Which job comes before which: read off the files they declare."""

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anipose.errors import ProjectError
from anipose.pipeline.job import Job


@dataclass(frozen=True)
class Edge:
    """A job uses a file, or a file in a folder, that another job makes.

    Attributes:
        maker: number of the job that makes it.
        path: the input, as the job that uses it declares it.
        optional: the job can do without it.
    """

    maker: int
    path: Path
    optional: bool


@dataclass(frozen=True)
class Graph:
    """Jobs, each after those whose files it uses, otherwise in the order given.

    Attributes:
        jobs: the jobs.
        upstream: for each job, what it uses of other jobs.
    """

    jobs: tuple[Job, ...]
    upstream: tuple[tuple[Edge, ...], ...]

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> "Graph":
        """Connect jobs.

        Raises:
            ProjectError: two jobs make the same file, or jobs need each other's files in a circle.
        """
        given = list(jobs)
        makers = _makers(given)
        folders = _folders(makers)
        upstream = [tuple(_edges(job, makers, folders)) for job in given]
        order = _order(given, upstream)
        place = {number: position for position, number in enumerate(order)}
        return cls(
            jobs=tuple(given[number] for number in order),
            upstream=tuple(
                tuple(Edge(place[edge.maker], edge.path, edge.optional) for edge in upstream[number])
                for number in order
            ),
        )


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - not resolved: a link is the path that the user knows


def _makers(jobs: Sequence[Job]) -> dict[str, int]:
    makers: dict[str, int] = {}
    for number, job in enumerate(jobs):
        for path in job.outputs().values():
            first = makers.setdefault(_absolute(path), number)
            if first != number:
                raise ProjectError(
                    f"{path} would be written twice: by {_described(jobs[first])}, and by {_described(job)}. "
                    "Rename one of the inputs, or give the steps different folders in [pipeline]"
                )
    return makers


def _described(job: Job) -> str:
    inputs = ", ".join(str(path) for path in list(job.inputs().values())[:2])
    return f"{job.command} (from {inputs})" if inputs else job.command


def _folders(makers: dict[str, int]) -> dict[str, list[int]]:
    """The jobs that write into each folder, at any depth."""
    folders: dict[str, dict[int, None]] = {}
    for path, number in makers.items():
        parent = os.path.dirname(path)  # noqa: PTH120 - a million of these are to cost nothing
        while parent != os.path.dirname(parent):  # noqa: PTH120
            folders.setdefault(parent, {})[number] = None
            parent = os.path.dirname(parent)  # noqa: PTH120
    return {folder: list(numbers) for folder, numbers in folders.items()}


def _edges(job: Job, makers: dict[str, int], folders: dict[str, list[int]]) -> Iterator[Edge]:
    for optional, paths in ((False, job.inputs()), (True, job.optional_inputs())):
        for path in paths.values():
            absolute = _absolute(path)
            if absolute in makers:
                yield Edge(makers[absolute], path, optional)
            else:
                for number in folders.get(absolute, ()):
                    yield Edge(number, path, optional)


def _order(jobs: Sequence[Job], upstream: Sequence[tuple[Edge, ...]]) -> list[int]:
    waiting = {number: {edge.maker for edge in edges} for number, edges in enumerate(upstream)}
    users: dict[int, list[int]] = {}
    for number, makers in waiting.items():
        for maker in makers:
            users.setdefault(maker, []).append(number)
    ready = [number for number, makers in waiting.items() if not makers]
    order: list[int] = []
    while ready:
        done = heapq.heappop(ready)
        order.append(done)
        for number in users.get(done, ()):
            waiting[number].discard(done)
            if not waiting[number]:
                heapq.heappush(ready, number)
    if len(order) < len(jobs):
        raise ProjectError(_circle(jobs, waiting, set(order)))
    return order


def _circle(jobs: Sequence[Job], waiting: dict[int, set[int]], done: set[int]) -> str:
    number = next(number for number in waiting if number not in done)
    path: list[int] = []
    while number not in path:
        path.append(number)
        number = min(waiting[number])
    files = [str(jobs[item].target) for item in reversed(path[path.index(number) :])]
    return (
        "these files would be made from each other in a circle: "
        + " -> ".join([*files, files[0]])
        + ". Give the steps different folders in [pipeline]"
    )
