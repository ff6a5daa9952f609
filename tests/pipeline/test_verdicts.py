"""What was changed, which jobs run, and for which reason, word for word."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from text_jobs import Collect, Count, Join, Letters, Twins, WithCameras, make_raw, name, plan

from anipose.pipeline import fingerprints
from anipose.pipeline.job import Job
from anipose.pipeline.run import execute, foresee


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """Two sessions, up to date."""
    folder = tmp_path / "experiment"
    make_raw(folder, ["s1", "s2"])
    assert {result.state for result in execute(plan(folder))} == {"done"}
    return folder


def ran(jobs: list[Job], *, force: bool = False) -> dict[str, tuple[str, ...]]:
    """The jobs that ran, each with its reasons."""
    results = execute(jobs, force=force)
    return {name(result.job): result.reasons for result in results if result.state == "done"}


def kept(jobs: list[Job]) -> dict[str, tuple[str, ...]]:
    return {name(result.job): result.reasons for result in execute(jobs) if result.state == "kept"}


def later(path: Path) -> None:
    """Give a file another time of modification."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


@dataclass(frozen=True)
class Change:
    """What is done to the experiment, or to the plan, and what has to run then."""

    ran: dict[str, tuple[str, ...]]
    files: Callable[[Path], object] = lambda folder: None
    jobs: Callable[[Path], list[Job]] = plan


CHANGES = {
    "nothing": Change({}),
    "time of an input": Change({}, lambda folder: later(folder / "s1/raw/t_A.txt")),
    "time of an output": Change({}, lambda folder: later(folder / "s1/joined/t.txt")),
    "an input, and all that follows from it": Change(
        {
            "s1:join": ("raw/t_A.txt changed",),
            "s1:count": ("joined/t.txt changed",),
            "experiment:collect": ("s1/counts/t.txt changed",),
        },
        lambda folder: (folder / "s1/raw/t_A.txt").write_text("one\nmore"),
    ),
    "an input, whose result is the same further down": Change(
        {"s1:join": ("raw/t_A.txt changed",), "s1:count": ("joined/t.txt changed",)},
        lambda folder: (folder / "s1/raw/t_A.txt").write_text("uno"),
    ),
    "an input is added": Change(
        {
            "s2:join": ("raw/t_C.txt is new",),
            "s2:count": ("joined/t.txt changed",),
            "experiment:collect": ("s2/counts/t.txt changed",),
        },
        lambda folder: (folder / "s2/raw/t_C.txt").write_text("three"),
    ),
    "an input is removed": Change(
        {
            "s2:join": ("raw/t_B.txt is no longer used",),
            "s2:count": ("joined/t.txt changed",),
            "experiment:collect": ("s2/counts/t.txt changed",),
        },
        lambda folder: (folder / "s2/raw/t_B.txt").unlink(),
    ),
    "inputs are exchanged": Change(
        {"s1:join": ("raw/t_A.txt changed", "raw/t_B.txt changed"), "s1:count": ("joined/t.txt changed",)},
        lambda folder: (
            (folder / "s1/raw/t_A.txt").write_text("two"),
            (folder / "s1/raw/t_B.txt").write_text("one"),
        ),
    ),
    "a session is added": Change(
        {
            "s3:join": ("joined/t.txt does not exist",),
            "s3:count": ("counts/t.txt does not exist",),
            "experiment:collect": ("s3/counts/t.txt is new",),
        },
        lambda folder: make_raw(folder, ["s3"]),
    ),
    "a setting, with the same words": Change(
        {
            "s1:join": ('separator: " " -> "\\n"',),
            "s2:join": ('separator: " " -> "\\n"',),
            "s1:count": ("joined/t.txt changed",),
            "s2:count": ("joined/t.txt changed",),
        },
        jobs=lambda folder: plan(folder, separator="\n"),
    ),
    "a setting further down": Change(
        {
            "s1:count": ("letters: false -> true",),
            "s2:count": ("letters: false -> true",),
            "experiment:collect": ("s1/counts/t.txt changed", "s2/counts/t.txt changed"),
        },
        jobs=lambda folder: plan(folder, letters=True),
    ),
    "an output is deleted": Change(
        {"s1:join": ("joined/t.txt does not exist",)}, lambda folder: (folder / "s1/joined/t.txt").unlink()
    ),
    "an optional input is deleted with what makes it": Change(
        {"experiment:collect": ("s1/counts/t.txt is no longer used",)},
        lambda folder: shutil.rmtree(folder / "s1"),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_exactly_what_depends_on_a_change_runs(experiment: Path, change: Change) -> None:
    change.files(experiment)
    assert ran(change.jobs(experiment)) == change.ran
    assert ran(change.jobs(experiment)) == {}


def test_another_version_of_a_step(experiment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Count, "version", 2)
    why = ("anipose now computes this differently (version 1 -> 2)",)
    assert ran(plan(experiment)) == {"s1:count": why, "s2:count": why}


def test_foresee_tells_the_same_and_changes_nothing(experiment: Path) -> None:
    (experiment / "s1/raw/t_A.txt").write_text("uno")
    later(experiment / "s2/raw/t_A.txt")
    before = {path: path.stat().st_mtime_ns for path in experiment.rglob("*")}
    found = {name(item.job): (item.state, item.reasons) for item in foresee(plan(experiment))}
    assert found == {
        "s1:join": ("run", ("raw/t_A.txt changed",)),
        "s1:count": ("run", ("joined/t.txt may change",)),
        "s2:join": ("current", ()),
        "s2:count": ("current", ()),
        "experiment:collect": ("run", ("s1/counts/t.txt may change",)),
    }
    assert {path: path.stat().st_mtime_ns for path in experiment.rglob("*")} == before


def test_a_moved_experiment_stays_current(experiment: Path, tmp_path: Path) -> None:
    moved = tmp_path / "other" / "place"
    moved.parent.mkdir()
    experiment.rename(moved)
    assert {item.state for item in foresee(plan(moved))} == {"current"}


def test_a_copied_experiment_stays_current(experiment: Path, tmp_path: Path) -> None:
    shutil.copytree(experiment, tmp_path / "copy", copy_function=shutil.copyfile)
    time.sleep(0.05)  # until the times of the copies can be told from those of a later change
    jobs = plan(tmp_path / "copy")
    assert all(item.state == "current" and item.touched for item in foresee(jobs))
    execute(jobs)
    assert not any(item.touched for item in foresee(jobs))


def test_an_edited_output_is_kept_and_used(experiment: Path) -> None:
    (experiment / "s1/joined/t.txt").write_text("my own three words")
    assert kept(plan(experiment, separator="-")) == {"s1:join": ("joined/t.txt was edited",)}
    assert (experiment / "s1/counts/t.txt").read_text() == "4"
    assert (experiment / "s2/counts/t.txt").read_text() == "1"


def test_an_edit_of_the_same_size_right_after_the_run_is_seen(experiment: Path) -> None:
    (experiment / "s1/raw/t_A.txt").write_text("uno")
    jobs = plan(experiment)
    execute(jobs)
    (experiment / "s1/joined/t.txt").write_text("eno two")
    assert kept(jobs) == {"s1:join": ("joined/t.txt was edited",)}


def test_a_project_made_by_another_program_is_kept_and_used(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1"])
    (tmp_path / "s1/joined").mkdir()
    (tmp_path / "s1/joined/t.txt").write_text("from the peer")
    results = execute(plan(tmp_path))
    assert [(result.state, result.reasons) for result in results] == [
        ("kept", ("joined/t.txt was not made by anipose",)),
        ("done", ("counts/t.txt does not exist",)),
        ("done", ("summaries/all.txt does not exist",)),
    ]
    assert (tmp_path / "s1/joined/t.txt").read_text() == "from the peer"
    assert (tmp_path / "s1/counts/t.txt").read_text() == "3"


def test_force_replaces_what_is_the_users_and_runs_everything(experiment: Path) -> None:
    (experiment / "s1/joined/t.txt").write_text("my own")
    assert ran(plan(experiment), force=True) == {
        "s1:join": ("joined/t.txt was edited",),
        "s1:count": ("forced",),
        "s2:join": ("forced",),
        "s2:count": ("forced",),
        "experiment:collect": ("forced",),
    }
    assert (experiment / "s1/joined/t.txt").read_text() == "one two"
    assert ran(plan(experiment)) == {}


def test_one_output_of_the_users_keeps_the_job_from_running(tmp_path: Path) -> None:
    (tmp_path / "source.txt").write_text("text")
    (tmp_path / "out").mkdir()
    job = Twins(source=tmp_path / "source.txt", first=tmp_path / "out/1.txt", second=tmp_path / "out/2.txt")
    job.second.write_text("mine")
    (found,) = foresee([job])
    assert found.state == "kept"
    assert found.reasons == ("out/2.txt was not made by anipose", "out/1.txt does not exist")


def test_a_missing_input_that_nothing_makes(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1", "s2"])
    jobs = plan(tmp_path)
    (tmp_path / "s1/raw/t_B.txt").unlink()
    found = {name(item.job): (item.state, item.reasons) for item in foresee(jobs)}
    assert found["s1:join"] == ("blocked", ("raw/t_B.txt does not exist", "no step makes it"))
    assert found["s1:count"] == ("blocked", ("needs joined/t.txt, which is blocked",))
    states = {name(result.job): (result.state, result.message) for result in execute(jobs)}
    assert states["s1:join"] == ("blocked", "raw/t_B.txt does not exist; no step makes it")
    assert states["s1:count"] == ("blocked", "needs joined/t.txt, which is blocked")
    assert states["s2:count"][0] == "done"
    assert (tmp_path / "summaries/all.txt").read_text() == "2"


def test_results_outlive_inputs_that_were_archived(experiment: Path) -> None:
    jobs = plan(experiment)
    (experiment / "s1/raw/t_A.txt").unlink()
    assert kept(jobs) == {"s1:join": ("raw/t_A.txt does not exist any more", "kept as it was made")}
    stale = [replace(job, separator="-") if isinstance(job, Join) else job for job in jobs]
    assert execute(stale)[0].state == "blocked"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1}', "\xff"])
def test_a_damaged_record_is_no_record(experiment: Path, content: str) -> None:
    record = experiment / "s1/.anipose/records/join/joined/t.txt.json"
    assert record.is_file()
    record.write_text(content, encoding="latin-1")
    assert kept(plan(experiment)) == {"s1:join": ("joined/t.txt was not made by anipose",)}


def test_long_values_are_cut(experiment: Path) -> None:
    (reason,) = ran(plan(experiment, separator="-" * 100))["s1:join"]
    assert reason == f'separator: " " -> "{"-" * 55} ...'


def test_a_camera_that_is_new_or_gone_is_named_once(tmp_path: Path) -> None:
    """Not each of its settings, which the user has never set."""
    given, made = tmp_path / "in.txt", tmp_path / "out" / "made.txt"
    given.write_text("")

    def job(**cameras: Mapping[str, int]) -> WithCameras:
        return WithCameras(given=given, made=made, cameras=cameras)

    two = job(A={"offset": 0, "size": 1}, B={"offset": 0, "size": 1})
    execute([two])
    one = job(A={"offset": 0})
    (found,) = foresee([one])
    assert found.reasons == ("cameras.A.size is no longer set", "cameras.B is no longer used")
    execute([one])
    (found,) = foresee([two])
    assert found.reasons == ("cameras.A.size is new: 1", "cameras.B is new")


def test_files_used_in_another_order(tmp_path: Path) -> None:
    paths = tuple(tmp_path / letter for letter in "abc")
    for path in paths:
        path.write_text(path.name)
    summary = tmp_path / "out/all.txt"
    execute([Collect(counts=paths, summary=summary)])
    (found,) = foresee([Collect(counts=paths[::-1], summary=summary)])
    assert found.reasons == ("the same files are used in another order",)
    (tmp_path / "0").write_text("0")
    (found,) = foresee([Collect(counts=(tmp_path / "0", *paths), summary=summary)])
    assert found.reasons == ("0 is new",)


def test_an_input_can_be_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "1.png").write_text("1")
    before = fingerprints.fingerprint(folder)
    assert before is not None
    (folder / ".hidden").write_text("")
    assert fingerprints.fingerprint(folder).digest == before.digest
    (folder / "deep" / "1.png").write_text("2")
    assert fingerprints.fingerprint(folder).digest != before.digest
    (folder / "deep" / "1.png").write_text("1")
    (folder / "deep" / "1.png").rename(folder / "1.png")
    assert fingerprints.fingerprint(folder).digest != before.digest


def test_large_files_are_read_in_places(tmp_path: Path) -> None:
    path = tmp_path / "video"
    with path.open("wb") as file:
        file.truncate(300 * 1024**2)
    first = fingerprints.fingerprint(path)
    for offset in (0, 300 * 1024**2 - 1):
        with path.open("rb+") as file:
            file.seek(offset)
            file.write(b"x")
        assert fingerprints.fingerprint(path).digest != first.digest
        first = fingerprints.fingerprint(path)


def test_a_time_that_a_later_change_could_bear_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    assert fingerprints.fingerprint(path).mtime_ns is None
    fingerprints.backdate(path)
    taken = fingerprints.fingerprint(path)
    assert taken.mtime_ns == path.stat().st_mtime_ns
    path.write_text("two")
    assert fingerprints.fingerprint(path, taken).digest != taken.digest


@pytest.fixture
def on_demand(tmp_path: Path) -> list[Job]:
    """source -letters-> letters -count-> counts; letters is made on demand."""
    (tmp_path / "source").write_text("word")
    letters = tmp_path / "s/between/letters"
    return [
        Letters(source=tmp_path / "source", letters=letters),
        Count(joined=letters, counts=tmp_path / "s/counts/t.txt"),
    ]


def test_what_is_made_on_demand_is_not_made_for_a_result_of_the_users(on_demand: list[Job]) -> None:
    on_demand[1].target.parent.mkdir(parents=True)
    on_demand[1].target.write_text("mine")
    assert [item.state for item in foresee(on_demand)] == ["current", "kept"]
    assert ran(on_demand) == {}


def test_what_is_made_on_demand_is_not_missed_by_a_current_result(on_demand: list[Job]) -> None:
    assert list(ran(on_demand)) == ["s:letters", "s:count"]
    on_demand[0].target.unlink()
    assert [(item.state, item.reasons) for item in foresee(on_demand)] == [
        ("current", ("not needed now",)),
        ("current", ()),
    ]


def test_what_is_made_on_demand_is_made_when_a_result_is_stale(on_demand: list[Job]) -> None:
    execute(on_demand)
    on_demand[0].target.unlink()
    by_letters = [on_demand[0], replace(on_demand[1], letters=True)]
    assert ran(by_letters) == {
        "s:letters": ("between/letters does not exist",),
        "s:count": ("letters: false -> true",),
    }
    on_demand[0].target.unlink()
    on_demand[0].source.write_text("words")
    assert ran(by_letters) == {
        "s:letters": ("between/letters does not exist",),
        "s:count": ("between/letters changed",),
    }
