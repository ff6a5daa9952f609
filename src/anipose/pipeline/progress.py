"""How far a job is, told while it runs."""

from collections.abc import Callable
from contextvars import ContextVar

# Called with how much is done and how much there is in all; set by who runs the job.
listener: ContextVar[Callable[[int, int], None] | None] = ContextVar("listener", default=None)


def report(done: int, total: int) -> None:
    """Tell how much of the job that runs here is done, in frames; jobs of a second need not."""
    if tell := listener.get():
        tell(done, total)
