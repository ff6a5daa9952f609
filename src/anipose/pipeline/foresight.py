"""What a run would do with every job of a graph; nothing is written."""

from collections.abc import Sequence
from pathlib import Path

from anipose.errors import FileAccessError
from anipose.pipeline.graph import Edge, Graph
from anipose.pipeline.job import Job
from anipose.pipeline.records import read_failure, relative
from anipose.pipeline.results import Foreseen
from anipose.pipeline.verdicts import Verdict, verdict


def look_ahead(graph: Graph, force: bool) -> tuple[Foreseen, ...]:
    """What becomes of each job, as far as it can be told before its upstream has run.

    A job that runs on demand, and of which nothing is amiss but that its outputs are not there, is
    taken as current at first. If that leaves a job to run that uses them, it is demanded, and all is
    looked at again.
    """
    look = _Look(graph, force)
    demanded: set[int] = set()
    while True:
        foreseen, spared = look.once(demanded)
        wanted = {
            edge.maker
            for item, edges in zip(foreseen, graph.upstream, strict=True)
            for edge in edges
            if item.state == "run" and edge.maker in spared
        }
        if not wanted:
            return foreseen
        demanded |= wanted


def blocked_by(job: Job, edges: Sequence[Edge], states: Sequence[str]) -> str:
    """Which failed or blocked upstream job keeps this one from running, as the user is told; or ""."""
    for edge, state in zip(edges, states, strict=True):
        if state in ("failed", "blocked") and not edge.optional:
            why = "failed" if state == "failed" else "is blocked"
            return f"needs {relative(job, edge.path)}, which {why}"
    return ""


class _Look:
    """Verdicts on the jobs of a graph; none is made twice."""

    def __init__(self, graph: Graph, force: bool) -> None:
        self._graph = graph
        self._force = force
        self._verdicts: dict[tuple[int, frozenset[Path], frozenset[Path]], Verdict] = {}

    def once(self, demanded: set[int]) -> tuple[tuple[Foreseen, ...], set[int]]:
        """What becomes of each job, and the numbers of those that are spared."""
        foreseen: list[Foreseen] = []
        spared: set[int] = set()
        for number, (job, edges) in enumerate(zip(self._graph.jobs, self._graph.upstream, strict=True)):
            states = [foreseen[edge.maker].state for edge in edges]
            pending = frozenset(
                edge.path for edge, state in zip(edges, states, strict=True) if state == "run"
            )
            without = frozenset(edge.path for edge in edges if edge.maker in spared)
            try:
                found = self._verdict(number, pending, without)
            except FileAccessError as error:
                foreseen.append(Foreseen(job, "blocked", (str(error),), read_failure(job)))
                continue
            if found.spare and number not in demanded:
                spared.add(number)
            foreseen.append(_foreseen(job, found, number in spared, blocked_by(job, edges, states)))
        return tuple(foreseen), spared

    def _verdict(self, number: int, pending: frozenset[Path], spared: frozenset[Path]) -> Verdict:
        key = (number, pending, spared)
        if key not in self._verdicts:
            job = self._graph.jobs[number]
            self._verdicts[key] = verdict(job, force=self._force, pending=pending, spared=spared)
        return self._verdicts[key]


def _foreseen(job: Job, found: Verdict, spared: bool, blocked: str) -> Foreseen:
    if found.state == "keep":
        return Foreseen(job, "kept", found.reasons)
    if spared:
        return Foreseen(job, "current", ("not needed now",))
    if blocked:
        return Foreseen(job, "blocked", (blocked,), read_failure(job))
    if found.state == "current":
        return Foreseen(job, "current", touched=found.refreshed is not None, warnings=found.warnings)
    return Foreseen(job, found.state, found.reasons, read_failure(job))
