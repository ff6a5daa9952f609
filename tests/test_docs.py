"""The docs do what they say: every block of code in docs/ and README.md is run, or at least checked.

A comment above a block says what it needs:

    <!-- project: NAME -->   run it in that project (lizards.py); python and matlab: lizards-done, if not said
    <!-- file: NAME -->      the block is a file of that name, in the project of the page
    <!-- needs: MODULE -->   skip it where the module is not installed
    <!-- not run: REASON --> the commands or the code are parsed only

Blocks of a page that name the same project run one after the other in one copy of it. In the output of
a console block, `...` stands for any lines, or for a part of one, and times are not compared.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from anipose.cli.main import main
from anipose.config import Config, Triangulation
from anipose.config_files import load_config
from anipose.demo.animal import KEYPOINTS
from lizards import ANIPOSE, TRIALS, Projects, make_lizards

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"(?P<comments>(?:^[ ]*<!--[^\n]*-->\n)*)"
    r"^(?P<indent>[ ]*)```(?P<language>[a-z]*)[^\n]*\n(?P<code>.*?)^[ ]*```$",
    re.MULTILINE | re.DOTALL,
)
DIRECTIVE = re.compile(r"<!-- (project|file|needs|not run): (.*?) -->")


@dataclass(frozen=True)
class Block:
    """A piece of code on a page."""

    page: Path
    line: int
    language: str
    code: str
    comments: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("code"))
        code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        yield Block(page, line, match["language"], code, dict(DIRECTIVE.findall(match["comments"])))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def blocks(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    return Projects(tmp_path_factory.mktemp("docs"))


def place(block: Block, projects: Projects, *, default: str) -> Path:
    """The folder to run a block in, with the files that its page says to be there."""
    needed = block.comments.get("needs")
    if needed and find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    folder = projects.of(block.page, block.comments.get("project", default))
    for other in blocks_of(block.page):
        if "file" in other.comments:
            (folder / other.comments["file"]).write_text(other.code, encoding="utf-8")
    return folder


# --- each kind of block ---------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_toml_is_a_config_without_faults_or_warnings(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(block.code, encoding="utf-8")

    loaded = load_config([path])

    assert loaded.warnings == ()
    assert loaded.origins  # it sets something


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_runs(block: Block, projects: Projects, monkeypatch: pytest.MonkeyPatch) -> None:
    code = compile(block.code, str(block), "exec")
    if "not run" in block.comments:
        return
    monkeypatch.chdir(place(block, projects, default="lizards-done"))
    exec(code, {"__name__": "__docs__"})


@pytest.mark.parametrize("block", blocks("matlab"), ids=str)
def test_matlab_runs(block: Block, projects: Projects) -> None:
    run_octave(block.code, place(block, projects, default="lizards-done"))


@pytest.mark.parametrize("block", blocks("bash"), ids=str)
def test_bash_has_commands_that_exist(block: Block) -> None:
    bash = shutil.which("bash")
    if bash:
        checked = subprocess.run([bash, "-n"], input=block.code, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
    for command in commands_in(block.code):
        parse(command)


@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_console_shows_what_really_comes_out(block: Block, projects: Projects) -> None:
    if "not run" in block.comments:
        for command in commands_in(re.sub(r"^\$ ", "", block.code, flags=re.MULTILINE)):
            parse(command)
        return
    folder = place(block, projects, default="lizards")
    for command, expected in sessions_in(block.code):
        words = shlex.split(command, comments=True)
        assert words[0] == "anipose", "only anipose is run in console blocks"
        actual = normal(run_anipose(words[1:], folder))
        assert matches(normal(expected), actual), f"$ {command}\n" + "\n".join(actual)


def test_no_other_kinds_of_blocks() -> None:
    """A block of an unknown kind would not be tested."""
    known = {"toml", "python", "matlab", "bash", "console", "csv", "text"}
    assert {block.language for block in BLOCKS} <= known


# --- what the pages say, against the program ------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_exist(page: Path) -> None:
    for command in re.findall(
        r"`(anipose (?!now )[^`]+)`", page.read_text(encoding="utf-8").replace("\n", " ")
    ):
        parse(shlex.split(command))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_keys_in_the_text_exist(page: Path) -> None:
    """`table.key` in the text, where there is such a table."""
    tables = {key: info.annotation for key, info in Config.model_fields.items()}
    text = page.read_text(encoding="utf-8")
    for table, key in re.findall(r"`([a-z0-9_]+)\.([a-z0-9_]+)(?: = [^`]*)?`", text):
        model = tables.get(table)
        if isinstance(model, type) and key != "toml":
            assert key in model.model_fields, f"{page.name}: there is no key {table}.{key}"


def test_messages_that_are_explained_are_those_of_the_program() -> None:
    """First column of the tables whose heading is "message"."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    tables = [
        re.findall(r"^\| message .*\n((?:\|.*\n)+)", page.read_text("utf-8"), re.MULTILINE) for page in PAGES
    ]
    messages = re.findall(r"^\| `([^`]+)`", "".join(chain(*tables)), re.MULTILINE)
    assert messages
    assert [message for message in messages if message not in sources] == []


def test_links_of_the_readme() -> None:
    readme = ROOT / "README.md"
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", readme.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert missing == []


def test_site_builds_with_every_link_and_generated_page(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'anipose[docs]'")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)]

    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert built.returncode == 0, built.stdout + built.stderr
    keys = (site / "config" / "index.html").read_text(encoding="utf-8")
    assert all(f"triangulation.{key}<" in keys for key in Triangulation.model_fields)
    commands = (site / "commands" / "index.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in commands for name in main.commands)


def test_programs_for_many_sessions_write_the_files_that_are_shown(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "many-sessions.md"
    (python,), (matlab,) = (
        [block for block in blocks(language) if block.page == page] for language in ("python", "matlab")
    )
    shown = next(block for block in blocks("toml") if block.page == page)
    folder = place(python, projects, default="lizards")
    monkeypatch.chdir(folder)

    exec(compile(python.code, str(python), "exec"), {})
    day1 = folder / "day1" / "config.toml"
    assert day1.read_text(encoding="utf-8") == shown.code
    cameras = load_config([folder / "day2" / "config.toml"]).config.cameras
    assert {name: camera.offset for name, camera in cameras.items()} == {"A": (288, 176), "B": (0, 64)}

    exec(compile(python.code, str(python), "exec"), {})  # a second time: nothing is touched
    for session in TRIALS:
        (folder / session / "config.toml").unlink()
    (folder / "day2" / "config.toml").write_text("nesting = 1\n", encoding="utf-8")
    run_octave(matlab.code, folder)
    assert day1.read_text(encoding="utf-8") == shown.code
    assert (folder / "day2" / "config.toml").read_text(encoding="utf-8") == "nesting = 1\n"


def test_crop_example_gives_the_same_points(projects: Projects, tmp_path: Path) -> None:
    """As on the page about crops: camera A recorded a part of the picture, and its offset says which."""
    shown = next(block for block in blocks("toml") if block.page.name == "crops.md")
    folder = tmp_path / "lizards"
    make_lizards(folder)
    run_anipose(["triangulate", "--jobs", "1"], folder)
    whole = pd.read_csv(folder / "day1" / "pose-3d" / "walk1.csv")
    x, y = load_toml(shown.code, tmp_path).cameras["A"].corner
    for path in (folder / "day1" / "pose-2d").glob("*-camA.h5"):
        points = pd.read_hdf(path)
        points.loc[:, points.columns.get_level_values("coords") == "x"] -= x
        points.loc[:, points.columns.get_level_values("coords") == "y"] -= y
        points.to_hdf(path, key="df_with_missing")
    (folder / "day1" / "config.toml").write_text(shown.code, encoding="utf-8")

    run_anipose(["triangulate", "--jobs", "1"], folder)

    cropped = pd.read_csv(folder / "day1" / "pose-3d" / "walk1.csv")
    np.testing.assert_allclose(cropped.to_numpy(), whole.to_numpy(), atol=1e-8)


def test_output_formats_have_the_columns_that_are_described(projects: Projects) -> None:
    page = ROOT / "docs" / "outputs.md"
    text = page.read_text(encoding="utf-8")
    folder = projects.of(page, "lizards-done")

    columns = list(pd.read_csv(folder / "day1" / "pose-3d" / "walk1.csv"))
    nose = [name for name in columns if name.startswith("nose_")]
    assert all(f"`{name}`" in text for name in nose)
    frame = [f"M_{i}{j}" for i in range(3) for j in range(3)] + [f"center_{i}" for i in range(3)] + ["fnum"]
    assert columns == [*(f"{k}_{n.removeprefix('nose_')}" for k in KEYPOINTS for n in nose), *frame]

    for name in ("pose_3d", "angles", "pose_2d"):
        header = set(pd.read_csv(folder / "summaries" / f"{name}.csv", nrows=1))
        assert {"folder_1", "filename", "project"} <= header
        assert f"`{name}`" in text
    if (folder / "day1" / "pose-3d" / "walk1.nc").exists():
        import xarray as xr

        with xr.open_dataset(folder / "day1" / "pose-3d" / "walk1.nc") as dataset:
            assert all(f"`{variable}`" in text for variable in dataset.data_vars)


def test_columns_of_a_chain_are_those_described(projects: Projects) -> None:
    folder = projects.of(ROOT / "docs" / "angles.md", "lizards-done")
    columns = set(pd.read_csv(folder / "day1" / "angles" / "walk1.csv"))
    text = (ROOT / "docs" / "angles.md").read_text(encoding="utf-8")
    described = {f"{joint}_{angle}" for joint, angle in re.findall(r"`(j\d)_(\w+)`", text)}
    points = {"j0": "hip", "j1": "right_hind_knee", "j2": "right_hind_foot"}
    for joint, keypoint in points.items():
        existing = {
            name.replace(f"{keypoint}_", f"{joint}_") for name in columns if name.startswith(f"{keypoint}_")
        }
        assert existing <= described


# --- running --------------------------------------------------------------------------------------


def run_anipose(words: list[str], folder: Path) -> str:
    environment = {"COLUMNS": "160", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    run = subprocess.run(
        [*ANIPOSE, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return run.stdout.replace(str(folder.resolve().parent), "/data")


def run_octave(code: str, folder: Path) -> None:
    octave = shutil.which("octave-cli") or shutil.which("octave")
    if octave is None:
        pytest.skip("GNU Octave is not installed")
    script = folder / "block.m"
    script.write_text(code, encoding="utf-8")
    run = subprocess.run(
        [octave, "--norc", "--quiet", script.name], cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def commands_in(code: str) -> Iterator[list[str]]:
    """The calls of anipose in a shell script."""
    for line in code.replace("\\\n", " ").splitlines():
        wrapped = re.search(r'--wrap="(anipose [^"]*)"', line)
        if wrapped:
            yield shlex.split(wrapped[1])
        elif line.strip().startswith("anipose"):
            yield [word for word in shlex.split(line, comments=True) if word != "&"]


def parse(words: list[str]) -> None:
    """Parse a command line without running it."""
    context = click.Context(main, info_name="anipose")
    if len(words) == 1 or words[1].startswith("-") or words[1].isupper():  # COMMAND stands for any
        return
    command = main.get_command(context, words[1])
    assert command is not None, f"there is no command: {' '.join(words)}"
    command.make_context(words[1], [word for word in words[2:] if word != "--help"], parent=context)


def sessions_in(code: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, with the lines that it prints."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.splitlines()


def normal(lines: list[str] | str) -> list[str]:
    lines = lines.splitlines() if isinstance(lines, str) else lines
    return [re.sub(r"\b\d+\.\d s", "0.0 s", line.rstrip()) for line in lines if line.strip()]


def matches(expected: list[str], actual: list[str]) -> bool:
    """Whether the lines are the same; `...` stands for any lines, or any part of one."""
    lines = [re.escape(line).replace(r"\.\.\.", ".*") for line in expected]
    pattern = "".join("(?:.*\n)*?" if line == ".*" else line + "\n" for line in lines)
    return re.fullmatch(pattern, "".join(line + "\n" for line in actual)) is not None


def load_toml(code: str, folder: Path) -> Config:
    path = folder / "shown.toml"
    path.write_text(code, encoding="utf-8")
    return load_config([path]).config
