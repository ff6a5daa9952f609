"""Running jobs: here, on processes and on a scheduler; and what goes wrong."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from text_jobs import Collect, Environment, Join, OnGpu, make_raw, name, plan

from anipose.errors import DependencyError
from anipose.pipeline import cluster
from anipose.pipeline.job import Job
from anipose.pipeline.results import Event, Finished, Planned, Result, Started
from anipose.pipeline.run import execute, foresee
from anipose.pipeline.workers import WorkerError


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A dask scheduler with two worker processes, as the user starts them."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", resources={"GPU": 1}
    ) as workers:
        yield workers.scheduler_address


@pytest.fixture(params=["here", "processes", "scheduler"])
def where(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Arguments of `execute`, one set for each way to run."""
    if request.param == "scheduler":
        return {"scheduler": request.getfixturevalue("scheduler")}
    return {"n_jobs": 2 if request.param == "processes" else 1}


def states(results: tuple[Result, ...]) -> dict[str, str]:
    return {name(result.job): result.state for result in results}


def message(results: tuple[Result, ...], of: str) -> str:
    return next(result.message for result in results if name(result.job) == of)


def test_everything_runs_once_and_only_what_changed_again(tmp_path: Path, where: dict[str, Any]) -> None:
    make_raw(tmp_path, ["s1", "s2", "s3"])
    jobs = plan(tmp_path)
    results = execute(jobs, **where)
    assert [result.job for result in results] == jobs
    assert set(states(results).values()) == {"done"}
    assert (tmp_path / "summaries/all.txt").read_text() == "2+2+2"
    assert all(result.seconds > 0 for result in results)

    (tmp_path / "s2/raw/t_A.txt").write_text("uno")
    assert states(execute(jobs, **where)) == {
        "s1:join": "current",
        "s1:count": "current",
        "s2:join": "done",
        "s2:count": "done",
        "s3:join": "current",
        "s3:count": "current",
        f"{tmp_path.name}:collect": "current",
    }


def test_a_failure_blocks_what_depends_on_it_and_nothing_else(tmp_path: Path, where: dict[str, Any]) -> None:
    make_raw(tmp_path, ["s1"], "fail")
    make_raw(tmp_path, ["s2"])
    jobs = plan(tmp_path)
    results = execute(jobs, **where)
    assert list(states(results).values()) == ["failed", "blocked", "done", "done", "done"]
    assert message(results, "s1:join") == "part A is no good: mend it"
    assert message(results, "s1:count") == "needs joined/t.txt, which failed"
    assert (tmp_path / "summaries/all.txt").read_text() == "2"
    assert not (tmp_path / "s1/joined/t.txt").exists()

    found = foresee(jobs)[0]
    assert (found.state, found.reasons) == ("run", ("joined/t.txt does not exist",))
    assert found.failure is not None
    assert found.failure.message == "part A is no good: mend it"

    (tmp_path / "s1/raw/t_A.txt").write_text("one")
    assert list(states(execute(jobs, **where)).values()) == ["done", "done", "current", "current", "done"]
    assert (tmp_path / "summaries/all.txt").read_text() == "2+2"
    assert foresee(jobs)[0].failure is None


def test_a_failure_keeps_the_old_result(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1"])
    jobs = plan(tmp_path)
    execute(jobs)
    (tmp_path / "s1/raw/t_A.txt").write_text("fail")
    results = execute(jobs)
    assert list(states(results).values()) == ["failed", "blocked", "current"]
    assert (tmp_path / "s1/joined/t.txt").read_text() == "one two"
    assert states(execute(jobs))["s1:join"] == "failed"


def test_a_fault_of_ours_says_so_and_leaves_a_traceback(tmp_path: Path, where: dict[str, Any]) -> None:
    make_raw(tmp_path, ["s1"], "fault")
    result = execute(plan(tmp_path), **where)[0]
    assert result.state == "failed"
    assert result.message == (
        f"this is a fault of anipose, please report it with {tmp_path}/s1/.anipose/anipose.log: "
        "ValueError: unforeseen"
    )
    log = (tmp_path / "s1/.anipose/anipose.log").read_text()
    for text in (result.traceback, log):
        assert 'raise ValueError("unforeseen\\nand long")' in text


def test_a_job_that_forgets_an_output(tmp_path: Path) -> None:
    class Forgetful(Join):
        def run(self) -> None:
            pass

    (result,) = execute([Forgetful(parts={}, joined=tmp_path / "s/joined/t.txt")])
    assert result.state == "failed"
    assert "Forgetful.run did not write" in result.message


def test_warnings_come_back(tmp_path: Path, where: dict[str, Any]) -> None:
    make_raw(tmp_path, ["s1"], "warn")
    make_raw(tmp_path, ["s2"])
    results = execute(plan(tmp_path), **where)
    assert [result.warnings for result in results] == [("mind the gap",), (), (), (), ()]


def test_warnings_of_jobs_are_marked_for_other_handlers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_raw(tmp_path, ["s1"], "warn")
    with caplog.at_level(logging.WARNING):
        execute(plan(tmp_path))
    ours = [record for record in caplog.records if record.name == "anipose.text_jobs"]
    assert [getattr(record, "in_job", False) for record in ours] == [True]


def test_events_tell_the_story(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1", "s2"])
    execute(plan(tmp_path))
    (tmp_path / "s1/raw/t_A.txt").write_text("uno")
    for n_jobs in (1, 2):
        events: list[Event] = []
        (tmp_path / "s1/raw/t_A.txt").write_text("uno" * n_jobs)
        jobs = plan(tmp_path)
        execute(jobs, n_jobs=n_jobs, on_event=events.append)
        assert [told(event) for event in events] == [
            "current s2:join",
            "current s2:count",
            f"planned s1:join s1:count {tmp_path.name}:collect",
            "started s1:join",
            "done s1:join",
            "started s1:count",
            "done s1:count",
            f"started {tmp_path.name}:collect",
            f"current {tmp_path.name}:collect",
        ]


def told(event: Event) -> str:
    match event:
        case Planned(jobs):
            return " ".join(["planned", *map(name, jobs)])
        case Started(job):
            return f"started {name(job)}"
        case Finished(result):
            return f"{result.state} {name(result.job)}"
    raise AssertionError(event)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_dask_is_not_imported_for_nothing(tmp_path: Path, n_jobs: int) -> None:
    make_raw(tmp_path, ["s1"])
    execute(plan(tmp_path))
    code = (
        "import sys; from pathlib import Path; from text_jobs import *\n"
        "results = execute(plan(Path(sys.argv[1])), n_jobs=int(sys.argv[2]))\n"
        "print({result.state for result in results}, sorted({'dask', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, str(n_jobs)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{'current'} []\n"


def test_one_gpu_job_at_a_time_on_this_machine(tmp_path: Path) -> None:
    begins_and_ends = run_on_gpus(tmp_path, n_jobs=2)
    assert begins_and_ends == sorted(begins_and_ends)


def test_gpu_jobs_run_where_the_scheduler_has_gpus(tmp_path: Path, scheduler: str) -> None:
    begins_and_ends = run_on_gpus(tmp_path, scheduler=scheduler)
    assert begins_and_ends != sorted(begins_and_ends)


def run_on_gpus(folder: Path, **where: Any) -> list[float]:
    (folder / "source").write_text("")
    jobs: list[Job] = [
        OnGpu(source=folder / "source", times=folder / f"s/times/{number}") for number in range(4)
    ]
    assert {result.state for result in execute(jobs, **where)} == {"done"}
    spans = sorted(tuple(map(float, job.target.read_text().split())) for job in jobs)
    return [moment for span in spans for moment in span]


def test_numeric_libraries_use_one_thread(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("")
    job = Environment(source=tmp_path / "source", threads=tmp_path / "s/threads/t")
    execute([job, Join(parts={}, joined=tmp_path / "s/joined/t")], n_jobs=2)
    assert job.threads.read_text() == "1 1"


def test_many_small_jobs(tmp_path: Path) -> None:
    make_raw(tmp_path, [f"s{number}" for number in range(40)])
    results = execute(plan(tmp_path)[::-1], n_jobs=2)
    assert {result.state for result in results} == {"done"}
    assert (tmp_path / "summaries/all.txt").read_text() == "+".join(["2"] * 40)


def test_a_job_of_a_dead_worker_is_run_again_and_fails_at_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_raw(tmp_path, ["s1"], "die")
    make_raw(tmp_path, ["s2"], "die once")
    make_raw(tmp_path, ["s3", "s4"])
    results = execute(plan(tmp_path), n_jobs=2)
    # One that had just finished when another's worker died is up to date when it is run again.
    ended = ["done" if state == "current" else state for state in states(results).values()]
    assert ended == ["failed", "blocked"] + ["done"] * 7
    assert message(results, "s1:join") == (
        "the process that worked on this was killed, twice: usually by the system, for lack of memory. "
        "Close other programs, or run on a machine with more memory"
    )
    assert message(results, "s1:count") == "needs joined/t.txt, which failed"
    assert foresee(plan(tmp_path))[0].failure is not None


@pytest.mark.slow
def test_a_job_that_kills_workers_of_a_scheduler(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    make_raw(tmp_path, ["s1"], "die")
    make_raw(tmp_path, ["s2"])
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as workers:
        results = execute(plan(tmp_path), scheduler=workers.scheduler_address)
    first, second, *others = states(results).values()
    assert (first, second) == ("failed", "blocked")
    assert set(others) <= {"done", "current"}  # current: run again because its worker died with the result
    assert (tmp_path / "summaries/all.txt").read_text() == "2"
    assert message(results, "s1:join").startswith("a worker of the cluster was lost: ")


def test_a_scheduler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    make_raw(tmp_path, ["s1"])
    with pytest.raises(WorkerError, match=r"^no dask scheduler answers at tcp://127\.0\.0\.1:9: "):
        execute(plan(tmp_path), scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_a_worker_without_anipose(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    make_raw(tmp_path, ["s1"])
    # A virtual environment that has what is installed here, except for anipose.
    site = Path(distributed.__file__).parents[1]
    (tmp_path / "site").mkdir()
    for item in site.iterdir():
        if "anipose" not in item.name:
            (tmp_path / "site" / item.name).symlink_to(item)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from distributed.cli.dask_worker import main; main()"
    )
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as workers:
        command = [sys._base_executable, "-I", "-c", code, workers.scheduler_address, "--no-nanny"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as worker:
            with distributed.Client(workers, set_as_default=False) as client:
                client.wait_for_workers(1, timeout=120)
            with pytest.raises(
                WorkerError, match=r"^anipose is not installed for tcp://.*\. Install version "
            ):
                execute(plan(tmp_path), scheduler=workers.scheduler_address)
            worker.terminate()


def test_a_cluster_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    make_raw(tmp_path, ["s1"])
    with pytest.raises(DependencyError, match=r'pip install "anipose\[cluster\]"$'):
        execute(plan(tmp_path), cluster={"type": "slurm"})


def test_a_cluster_of_unknown_type(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    make_raw(tmp_path, ["s1"])
    with pytest.raises(WorkerError) as caught:
        execute(plan(tmp_path), cluster={"type": "slrum"})
    assert str(caught.value) == (
        '[cluster] type = "slrum" is not known; use one of: htcondor, local, lsf, moab, oar, pbs, sge, slurm'
    )


def test_a_cluster_whose_commands_are_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("PATH", str(tmp_path))
    make_raw(tmp_path, ["s1"])
    with pytest.raises(WorkerError, match=r"^\[cluster\] the command sbatch of slurm is not on this machine"):
        execute(plan(tmp_path), cluster={"type": "slurm"})


def test_a_queue_of_batch_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers are started by batch scripts, here run at once by dask-jobqueue's stand-in for a queue."""
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    make_raw(tmp_path, ["s1"])
    table = {"type": "local", "cores": 1, "processes": 1, "memory": "1GB", "interface": "lo"}
    results = execute(plan(tmp_path), cluster={**table, "local_directory": str(tmp_path)}, n_jobs=1)
    assert set(states(results).values()) == {"done"}


def test_a_folder_input_waits_for_its_files(tmp_path: Path) -> None:
    """A job that reads a whole folder comes after the jobs that write into it."""
    make_raw(tmp_path, ["s1"])
    collect = Collect(counts=(), summary=tmp_path / "s1/joined/all.txt")
    join = Join(parts={"folder": tmp_path / "s1/joined"}, joined=tmp_path / "s1/out/t.txt")
    results = execute([join, collect])
    assert [type(result.job) for result in results] == [Collect, Join]
