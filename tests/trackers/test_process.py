"""The protocol with a tracker in another Python, with small backends in the place of trackers."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anipose.config import Tracker
from anipose.errors import DependencyError, PoseError
from anipose.trackers import process as module
from anipose.trackers.process import close_all, tracker_process

BACKEND = """
import os, sys, time
from pathlib import Path
PACKAGE = "pytest"
def load(settings, tell):
    if settings.get("broken"):
        raise ValueError("no such network")
    print("noise on the standard output")
    def track(video, folder):
        if "crash" in video:
            print("out of luck", file=sys.stderr)
            os._exit(3)
        if "bad" in video:
            raise RuntimeError("cannot decode")
        tell(1)
        path = Path(folder) / "result.txt"
        path.write_text(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}")
        return path
    return track
"""


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that tracks a video with a backend beside a copy of serve.py."""
    copy = tmp_path / "serve.py"
    copy.write_text(Path(module._SERVE).read_text())
    (tmp_path / "stub_backend.py").write_text(BACKEND)
    (tmp_path / "lacking_backend.py").write_text("PACKAGE = 'no_such_package'")
    monkeypatch.setattr(module, "_SERVE", copy)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    told: list[int] = []

    def track(video: str, backend: str = "stub_backend", all_threads: bool = False, **settings: Any) -> Any:
        chosen = Tracker(python=sys.executable, device="auto" if all_threads else "cpu")
        tracker = tracker_process(chosen, backend, settings, install="Install it.")
        path = tracker.track(Path(video), tmp_path, told.append)
        return path.read_text().split()

    yield track
    assert set(told) <= {1}
    close_all()


def test_one_process_for_many_videos_with_the_same_settings(ask: Any) -> None:
    first, second = ask("a.mp4"), ask("b.mp4")
    assert first == second
    assert first[1] == "1"
    other = ask("a.mp4", network=2)
    assert other[0] != first[0]
    assert ask("a.mp4", all_threads=True)[1] == "None"


def test_a_broken_video_fails_alone(ask: Any) -> None:
    first = ask("a.mp4")
    with pytest.raises(PoseError, match=r"stub failed on bad.mp4: RuntimeError: cannot decode\nIt said:"):
        ask("bad.mp4")
    assert ask("c.mp4") == first


def test_after_a_crash_there_is_a_new_process(ask: Any) -> None:
    first = ask("a.mp4")
    with pytest.raises(
        PoseError, match=r"ended with the code 3 on crash.mp4.*\nIt said:\n(.*\n)*.*out of luck"
    ):
        ask("crash.mp4")
    assert ask("b.mp4") != first


def test_a_process_that_ended_for_want_of_work_is_started_again(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.3)
    first = ask("a.mp4")
    (tracker,) = module._RUNNING.values()
    assert tracker._process is not None
    tracker._process.wait(10)
    assert ask("b.mp4")[0] != first[0]


def test_what_is_wrong_at_the_start_is_told(ask: Any) -> None:
    with pytest.raises(
        DependencyError, match=r"the package no_such_package is not installed in .*\. Install it\."
    ):
        ask("a.mp4", backend="lacking_backend")
    with pytest.raises(PoseError, match="stub failed on its network: ValueError: no such network"):
        ask("a.mp4", broken=True)


@pytest.mark.skipif(sys.platform == "win32", reason="programs of Unix")
@pytest.mark.parametrize(
    ("python", "why"),
    [
        ("no/python", "cannot be started: no such file or directory"),
        ("/bin/ls", r"is no Python; it said: .*serve\.py\. It should be the program python of the"),
        ("/bin/true", r"is no Python; it ended at once\. It should be .*\. Install it\."),
    ],
)
def test_another_program_than_python(tmp_path: Path, python: str, why: str) -> None:
    tracker = tracker_process(Tracker(python=python), "sleap_backend", {}, install="Install it.")
    with pytest.raises(DependencyError, match=why):
        tracker.track(Path("a.mp4"), tmp_path, lambda frames: None)
    close_all()
