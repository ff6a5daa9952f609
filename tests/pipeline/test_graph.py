import re
from pathlib import Path

import pytest
from text_jobs import Collect, Count, Join, make_raw, name, plan

from anipose.errors import ProjectError
from anipose.pipeline.graph import Graph


def test_jobs_come_after_what_they_use_and_else_in_the_order_given(tmp_path: Path) -> None:
    make_raw(tmp_path, ["s1", "s2"])
    jobs = plan(tmp_path)
    assert Graph.of(jobs).jobs == tuple(jobs)
    assert [name(job).split(":")[1] for job in Graph.of(jobs[::-1]).jobs] == [
        "join", "count", "join", "count", "collect",
    ]  # fmt: skip


def test_paths_written_differently_are_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    join = Join(parts={}, joined=tmp_path / "s1/joined/t.txt")
    count = Count(joined=Path("s1/raw/../joined/t.txt"), counts=Path("s1/counts/t.txt"))
    ((edge,), ()) = reversed(Graph.of([count, join]).upstream)
    assert (edge.maker, edge.optional) == (0, False)


def test_a_folder_is_made_by_whoever_writes_into_it(tmp_path: Path) -> None:
    join = Join(parts={}, joined=tmp_path / "s1/joined/t.txt")
    count = Count(joined=tmp_path / "s1/joined", counts=tmp_path / "s1/counts/t.txt")
    assert Graph.of([count, join]).jobs == (join, count)


def test_two_jobs_for_one_file(tmp_path: Path) -> None:
    out = tmp_path / "t.txt"
    jobs = [Join(parts={"A": Path("a.avi")}, joined=out), Count(joined=Path("b.avi"), counts=out)]
    expected = (
        f"{out} would be written twice: by join (from a.avi), and by count (from b.avi). "
        "Rename one of the inputs, or give the steps different folders in [pipeline]"
    )
    with pytest.raises(ProjectError, match=f"^{re.escape(expected)}$"):
        Graph.of(jobs)


def test_files_made_from_each_other(tmp_path: Path) -> None:
    a, b, c = (tmp_path / letter for letter in "abc")
    jobs = [Count(joined=a, counts=b), Count(joined=b, counts=a), Collect(counts=(a,), summary=c)]
    expected = (
        f"these files would be made from each other in a circle: {a} -> {b} -> {a}. "
        "Give the steps different folders in [pipeline]"
    )
    with pytest.raises(ProjectError, match=f"^{re.escape(expected)}$"):
        Graph.of(jobs)
