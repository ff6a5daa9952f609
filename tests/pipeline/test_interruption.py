"""Kills, Ctrl-C, two runs at once, and folders that cannot be written: always with real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from text_jobs import Join, Twins, make_raw, plan

from anipose.pipeline.job import Job
from anipose.pipeline.run import execute, foresee

PROGRAM = Path(__file__).parent / "text_jobs.py"


@contextmanager
def running(folder: Path, n_jobs: int, *before: str) -> Iterator[subprocess.Popen[str]]:
    """The experiment is run by another process."""
    command = [*before, sys.executable, str(PROGRAM), str(folder), str(n_jobs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(text):
            return
    raise AssertionError(f"it ended without saying {text!r}")


def wait_for_file(pattern: str, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not list(folder.glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern} in {folder}"
        time.sleep(0.02)


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob(".*.tmp-*"))


def processes_of(group: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for_end(group: int) -> None:
    deadline = time.monotonic() + 60
    while processes_of(group):
        assert time.monotonic() < deadline, "workers must not outlive the program"
        time.sleep(0.05)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_killed_in_the_middle_and_run_again(tmp_path: Path, n_jobs: int) -> None:
    make_raw(tmp_path, ["s1"])
    make_raw(tmp_path, ["s2"], "hang")
    with running(tmp_path, n_jobs) as process:
        wait_for_file("s2/joined/.*.tmp-*", tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for_end(process.pid)
    assert not (tmp_path / "s2/joined/t.txt").exists()
    (tmp_path / "s2/raw/t_A.txt").write_text("one")
    results = execute(plan(tmp_path), n_jobs=2)
    assert {result.state for result in results} <= {"done", "current"}
    assert (tmp_path / "summaries/all.txt").read_text() == "2+2"
    assert not unfinished(tmp_path)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_ctrl_c_or_by_the_queue(tmp_path: Path, n_jobs: int, number: signal.Signals) -> None:
    make_raw(tmp_path, ["s1"])
    make_raw(tmp_path, ["s2"], "hang")
    with running(tmp_path, n_jobs) as process:
        wait_for_line(process, "done s1:join")
        wait_for_file("s2/joined/.*.tmp-*", tmp_path)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        rest, _ = process.communicate(timeout=45)
        assert process.returncode == 1
        wait_for_end(process.pid)
    assert rest.splitlines()[-1] in (
        f"stopped: {done} of 5 jobs are finished, and nothing is half written. "
        "Run the same command again to go on"
        for done in (1, 2)
    )
    assert "Traceback" not in rest
    assert not unfinished(tmp_path)
    assert not (tmp_path / "s2/joined/t.txt").exists()
    (tmp_path / "s2/raw/t_A.txt").write_text("one")
    assert {result.state for result in execute(plan(tmp_path))} <= {"done", "current"}


@pytest.fixture
def twins(tmp_path: Path) -> list[Job]:
    """A job with two outputs that was killed between them."""
    (tmp_path / "source.txt").write_text("die")
    job = Twins(
        source=tmp_path / "source.txt", first=tmp_path / "s/out/1.txt", second=tmp_path / "s/out/2.txt"
    )
    execute([job], n_jobs=2)
    assert job.first.exists()
    assert not job.second.exists()
    job.source.write_text("live")
    return [job]


def test_what_a_killed_run_left_is_replaced(twins: list[Job]) -> None:
    (result,) = execute(twins)
    assert (result.state, result.reasons) == (
        "done",
        ("out/2.txt does not exist", "out/1.txt was left by a run that did not finish"),
    )
    assert (twins[0].first.read_text(), twins[0].second.read_text()) == ("live", "live")
    assert foresee(twins)[0].state == "current"


def test_what_the_user_puts_in_its_place_is_not(twins: list[Job]) -> None:
    twins[0].first.write_text("mine")
    (result,) = execute(twins)
    assert (result.state, result.reasons) == (
        "kept",
        ("out/1.txt was not made by anipose", "out/2.txt does not exist"),
    )


def test_the_second_of_two_runs_waits(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1"], "slow\nslow\nslow\nslow")
    with running(tmp_path, 1) as first:
        wait_for_line(first, "started s1:join")
        since = json.loads((tmp_path / "s1/.anipose/holder.json").read_text())
        with running(tmp_path, 1) as second:
            output, _ = second.communicate(timeout=120)
        first.communicate(timeout=120)
    waiting, *rest = output.splitlines()
    assert waiting in (
        f"{home} is being processed by another anipose "
        f"(pid {first.pid} on {since['host']}, since {since['since']}): waiting"
        for home in ("s1", tmp_path.name)
    )
    done = [line for line in rest if "waiting" not in line]
    assert done == ["current s1:join", "current s1:count", f"current {tmp_path.name}:collect"]


def test_sessions_run_side_by_side(tmp_path: Path) -> None:
    make_raw(tmp_path, ["a/s1"], "hang")
    make_raw(tmp_path, ["b/s2"])
    with running(tmp_path / "a", 1) as first:
        wait_for_line(first, "started s1:join")
        assert {result.state for result in execute(plan(tmp_path / "b"))} == {"done"}


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1"], "hang")
    with running(tmp_path, 1) as first:
        wait_for_line(first, "started s1:join")
        first.kill()
    (tmp_path / "s1/raw/t_A.txt").write_text("one")
    assert {result.state for result in execute(plan(tmp_path))} == {"done"}


def test_a_folder_without_write_permission_fails_alone(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1", "s2"])
    (tmp_path / "s1").chmod(0o555)
    as_anyone = []
    if os.geteuid() == 0:  # root may write anywhere, unless it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("running as root, and there is no setpriv to be someone else")
        as_anyone = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    with running(tmp_path, 2, *as_anyone) as process:
        output, _ = process.communicate(timeout=45)
    assert output.splitlines()[0] == (
        f"failed s1:join {tmp_path}/s1 cannot be written: no permission to write here; "
        "change the permissions of the folder, or work on a copy"
    )
    assert "done s2:count" in output
    assert f"done {tmp_path.name}:collect" in output


def test_workers_that_cannot_start_are_an_error(tmp_path: Path) -> None:
    """A script that calls `execute` at its top level starts itself again in every worker."""
    make_raw(tmp_path, ["s1"])
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(PROGRAM.parent)!r})\n"
        "from pathlib import Path\nfrom text_jobs import *\n"
        f"try: execute(plan(Path({str(tmp_path)!r})), n_jobs=2)\n"
        "except AniposeError as error: print(error); raise SystemExit(1)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == (
        "worker processes cannot be started. Run with --jobs 1, which needs none. "
        'A script of your own has to run jobs under `if __name__ == "__main__":`'
    )
    assert execute([Join(parts={}, joined=tmp_path / "s1/x/y")])[0].state == "done"
