"""Working ahead in another thread: reading, drawing and encoding of a video at the same time."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

# Frames that may wait between two threads: enough for an uneven pace, and little memory.
DEPTH = 6

# How often a thread whose items nobody takes any more looks whether it should end.
_PATIENCE_S = 0.2


def ahead(items: Iterable[T], *, depth: int = DEPTH) -> Iterator[T]:
    """The same items, made in a thread of their own, at most `depth` of them before they are asked for.

    An error there is raised here, in its place. When the caller stops early, the thread ends.
    """
    ready: queue.Queue[tuple[T] | None] = queue.Queue(depth)  # None is the end
    abandoned = threading.Event()
    failures: list[BaseException] = []

    def put(item: tuple[T] | None) -> bool:
        while not abandoned.is_set():
            try:
                ready.put(item, timeout=_PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not put((item,)):
                    break
        except BaseException as error:  # noqa: BLE001  # raised again where the items are used
            failures.append(error)
        finally:
            if (close := getattr(iterator, "close", None)) is not None:
                close()
            put(None)

    # Warnings of the thread belong to the job that started it.
    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            yield item[0]
    finally:
        abandoned.set()
        thread.join()
    if failures:
        raise failures[0]
