"""The command line: quick, in the order of the pipeline, by all its names."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anipose.steps import COMMANDS, load_steps
from projects import anipose, make_walk

HEAVY = ("cv2", "numpy", "pandas", "scipy", "torch", "dask", "av", "tables", "h5py")


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import json, sys, time, resource\n"
        "from click.testing import CliRunner\n"
        "from anipose.cli.main import main\n"
        "result = CliRunner().invoke(main, ['--help'])\n"
        "cpu = resource.getrusage(resource.RUSAGE_SELF)\n"
        "heavy = [module for module in sys.argv[1:] if module in sys.modules]\n"
        "print(json.dumps([result.output, heavy, cpu.ru_utime + cpu.ru_stime]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *HEAVY], capture_output=True, text=True, check=True)
    output, heavy, cpu_seconds = json.loads(done.stdout)
    assert heavy == []
    assert cpu_seconds < 0.4
    names = [line.split()[0] for line in output.split("Commands:")[1].splitlines() if line.startswith("  ")]
    assert (
        names.index("calibrate")
        < names.index("triangulate")
        < names.index("angles")
        < names.index("run-data")
    )


@pytest.mark.parametrize(
    "words", [("run_data", "--help"), ("label", "--help"), ("filter_3d", "-h"), ("--version",)]
)
def test_other_names(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert anipose(tmp_path, *words).returncode == 0


def test_every_command_names_steps_that_exist() -> None:
    for command in COMMANDS:
        for step in load_steps(command.steps):
            assert step.works_on
            assert step.__doc__


@pytest.mark.parametrize(
    "words", [("no-such-command",), ("run-data", "--no-such-option"), ("run-data", "--jobs", "0")]
)
def test_a_wrong_command_line_is_exit_code_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert anipose(tmp_path, *words).returncode == 2


def test_a_config_elsewhere(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk").root
    process = anipose(tmp_path, "--config", str(walk / "config.toml"), "run-data", "--jobs", "1")
    assert process.returncode == 0, process.stdout
    assert (walk / "session1" / "angles" / "t.csv").is_file()


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    import signal

    walk = make_walk(tmp_path / "walk", trials=tuple(f"t{n}" for n in range(30)), n_frames=300).root
    command = [sys.executable, "-m", "anipose", "run-data", "--jobs", "2"]
    process = subprocess.Popen(
        command, cwd=walk, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(walk.rglob("pose-3d/*.csv")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130, output
    assert "Run the same command again to go on" in output
    assert "Traceback" not in output
    assert not list(walk.rglob("*.tmp-*"))
    process_again = anipose(walk, "run-data", "--jobs", "2")
    assert process_again.returncode == 0, process_again.stdout
    assert len(list(walk.rglob("angles/*.csv"))) == 30


def test_init_fills_in_what_is_there(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk", trials=("run1", "run2")).root
    (walk / "config.toml").unlink()
    process = anipose(walk, "init")
    assert process.returncode == 0, process.stdout
    text = (walk / "config.toml").read_text()
    assert 'project = "walk"' in text
    assert "nesting = 1" in text
    assert "cam" in next(line for line in text.splitlines() if line.startswith("cam_regex"))
    assert '["hip"]' in text
    process = anipose(walk, "run-data", "--jobs", "1")
    assert process.returncode == 0, process.stdout
    assert "warning" not in process.stdout
    refused = anipose(walk, "init")
    assert refused.returncode == 1
    assert "exists already" in refused.stdout
    assert (walk / "config.toml").read_text() == text


def test_init_of_an_empty_folder(tmp_path: Path) -> None:
    process = anipose(tmp_path, "init")
    assert process.returncode == 0
    assert "there is no session here yet" in process.stdout
    assert "no folder" in anipose(tmp_path, "init", "nowhere").stdout


def test_status_tells_results_whose_sources_are_gone(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk", trials=("run1", "run2")).root
    assert anipose(walk, "run-data", "--jobs", "1").returncode == 0
    assert "that are gone" not in anipose(walk, "status").stdout
    (session,) = (path.parent for path in walk.rglob("pose-2d"))
    for path in sorted((session / "pose-2d").glob("run2*")):
        path.rename(path.with_name(path.name.replace("run2", "run3")))
    edited = session / "angles" / "run2.csv"
    status = anipose(walk, "status").stdout
    assert "of videos or points that are gone (renamed or deleted?); nothing uses them" in status
    assert "pose-3d/run2.csv" in status  # its sources are gone
    assert "angles/run2.csv" in status  # made from that
    assert "run1.csv" not in status.split("that are gone")[1]
    edited.write_text("mine\n")
    assert "angles/run2.csv" not in anipose(walk, "status").stdout.split("that are gone")[1]
    (session / "pose-3d" / "run2.csv").unlink()
    for path in sorted(session.rglob("run2*")):
        if path.is_file() and ".anipose" not in path.parts and path != edited:
            path.unlink()
    assert "that are gone" not in anipose(walk, "status").stdout


def test_a_video_that_is_there_twice_stops_its_trial_alone(tmp_path: Path) -> None:
    walk = make_walk(tmp_path / "walk", trials=("run1", "run2")).root
    (session,) = (path.parent for path in walk.rglob("pose-2d"))
    videos = session / "videos-raw"
    videos.mkdir()
    for name in ("run1-cam0.avi", "run1-cam0.mp4"):
        (videos / name).touch()
    run = anipose(walk, "triangulate", "--jobs", "1")
    assert run.returncode == 1
    assert f"failed  session {session.name}, trial run1" in run.stdout
    assert "run1-cam0.avi and run1-cam0.mp4 are two videos of the same name; keep one of them" in run.stdout
    assert [path.name for path in sorted((session / "pose-3d").glob("*.csv"))] == ["run2.csv"]
