"""Jobs tell how far they are, in this process and in workers."""

import time
from pathlib import Path

import pytest
from counting_jobs import Count

from anipose.pipeline.progress import report
from anipose.pipeline.results import Event, Progressed
from anipose.pipeline.run import execute


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_is_told(tmp_path: Path, n_jobs: int) -> None:
    jobs = [Count(counted=tmp_path / "session" / "counts" / f"{name}.txt") for name in "ab"]
    events: list[Event] = []
    results = execute(jobs, n_jobs=n_jobs, on_event=events.append)
    assert [result.state for result in results] == ["done", "done"]
    deadline = time.monotonic() + 60
    while (told := [event for event in events if isinstance(event, Progressed)]) and len(told) < 4:
        assert time.monotonic() < deadline  # what workers tell comes by another thread
    for job in jobs:
        assert [(event.done, event.total) for event in told if event.job == job] == [(5, 10), (10, 10)]


def test_nobody_need_listen() -> None:
    report(1, 2)
