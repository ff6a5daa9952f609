"""What `ahead` promises: the same items, errors in their place, little memory, no thread left behind."""

import threading
import time
from collections.abc import Iterator

import pytest

from anipose.io.ahead import ahead


def test_same_items_in_order() -> None:
    assert list(ahead(range(1000))) == list(range(1000))
    assert list(ahead([])) == []


def test_no_more_than_the_depth_is_made_before_it_is_asked_for() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    taken = ahead(items(), depth=3)
    assert next(taken) == 0
    time.sleep(0.3)
    # Three wait, one more is ready to be put.
    assert len(made) <= 1 + 3 + 1
    assert list(taken) == list(range(1, 100))


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="broken"):
        next(taken)


def test_stopping_early_ends_the_thread_and_closes_its_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    before = threading.active_count()
    taken = ahead(items())
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]
    assert closed.is_set()
    assert threading.active_count() == before
