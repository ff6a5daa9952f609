"""The benchmarks are not run by the everyday suite, but each can be started."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
# Scripts that the peer's Python runs, and what the others share.
PARTS = {"board_film.py", *(path.name for path in FOLDER.glob("peer_*.py"))}


@pytest.mark.parametrize("name", sorted({path.name for path in FOLDER.glob("*.py")} - PARTS))
def test_it_starts_and_says_what_it_does(name: str) -> None:
    command = [sys.executable, str(FOLDER / name), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")
