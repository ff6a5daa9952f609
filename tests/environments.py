"""Virtual environments with the programs that have to read our files, and with trackers.

They are made once and kept in a cache folder: `ANIPOSE_TEST_ENVS`, or `~/.cache/anipose-test-envs`.
Each is named by a hash of its pins, so a changed pin makes a new one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

_LONGEST_RUN_S = 1800


def cache_folder() -> Path:
    """Where things are kept that take minutes to make."""
    default = Path.home() / ".cache" / "anipose-test-envs"
    return Path(os.environ.get("ANIPOSE_TEST_ENVS", default))


@dataclass(frozen=True)
class Environment:
    """An environment of a Python of its own.

    Attributes:
        name: for people.
        pins: requirements, installed with what they require.
        without_requirements: requirements installed alone, after the others.
    """

    name: str
    pins: tuple[str, ...]
    without_requirements: tuple[str, ...] = ()

    def run(self, script: Path, *arguments: object) -> str:
        """Run a script in the environment and return what it prints; the test fails with its errors."""
        command = [self.python(), script, *map(str, arguments)]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=clean | {"MPLBACKEND": "Agg"},
            timeout=_LONGEST_RUN_S,
        )
        if result.returncode != 0:
            pytest.fail(f"{self.name}: {script.name} failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    def python(self) -> Path:
        """Its Python; it is made if it is not there, and the test is skipped if that does not work."""
        key = hashlib.sha256(repr((sys.version_info[:2], self)).encode()).hexdigest()[:12]
        folder = cache_folder() / f"{self.name}-{key}"
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            self._install(python, self.pins)
            if self.without_requirements:
                self._install(python, ("--no-deps", *self.without_requirements))
            (folder / "complete").touch()
        return python

    def _install(self, python: Path, arguments: tuple[str, ...]) -> None:
        command = [python, "-m", "pip", "install", "--quiet", *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            pytest.skip(f"pip cannot install the environment {self.name}: {result.stderr.strip()[-500:]}")


PANDAS_2_1 = Environment("pandas-2.1", ("pandas==2.1.4", "numpy<2", "tables==3.9.2"))
PANDAS_2_2 = Environment("pandas-2.2", ("pandas==2.2.3", "tables==3.10.1"))
MOVEMENT = Environment("movement", ("movement==0.15.0",))
PEER = Environment(
    "peer",
    (
        "numpy==2.2.6",
        "pandas==2.3.3",
        "scipy==1.17.1",
        "tables==3.11.1",
        "h5py==3.16.0",
        "opencv-contrib-python==5.0.0.93",
        "jax==0.10.2",
        "jaxlib==0.10.2",
        "numba==0.68.1",
        "llvmlite==0.50.0",
        "matplotlib==3.11.2",
        "scikit-video==1.1.11",
        "scikit-learn==1.9.1",
        "toml==0.10.2",
        "tqdm",
        "click==8.5.1",
    ),
    without_requirements=("aniposelib==0.8.0", "anipose==1.1.24"),
)

DEEPLABCUT = Environment(
    "deeplabcut",
    # torchvision 0.28 is made for torch 2.13; with filterpy 2.0 all tracks of several animals are lost;
    # onnx is for exporting networks.
    ("torch==2.13.0", "torchvision==0.28.0", "deeplabcut==3.0.2", "filterpy==1.4.5", "onnx==1.23.2"),
)

# The last version that brings its models along.
MEDIAPIPE = Environment("mediapipe", ("mediapipe==0.10.21",))

# Of torchvision, the one that is made for this torch; sleap-nn alone would take the newest.
SLEAP = Environment("sleap", ("torch==2.13.0", "torchvision==0.28.0", "sleap-nn==0.3.5"))

# What reads and writes SLEAP's files, alone.
SLEAP_IO = Environment("sleap-io", ("sleap-io==0.9.5", "opencv-python-headless==5.0.0.93"))

# Without NVIDIA's DALI, which only NVIDIA's own index has: it is for training with unlabelled videos.
LIGHTNING_POSE = Environment(
    "lightning-pose",
    (
        "torch==2.13.0",
        "torchvision==0.28.0",
        "lightning==2.5.6",
        "pytorch-lightning==2.5.6",
        "aniposelib==0.8.0",
        "h5py==3.16.0",
        "hydra-core==1.3.8",
        "imaug==0.4.3",
        "jaxtyping==0.3.11",
        "kornia==0.9.0",
        "matplotlib==3.11.2",
        "moviepy==2.2.1",
        "numpy==2.2.6",
        "opencv-python-headless==4.12.0.88",
        "pandas==3.1.1",
        "safetensors==0.8.0",
        "scikit-learn==1.9.1",
        "tensorboard==2.21.0",
        "transformers==5.23.0",
    ),
    without_requirements=("lightning-pose==2.4.3",),
)

COLMAP = Environment("colmap", ("pycolmap==4.2.1",))
CALISCOPE = Environment("caliscope", ("caliscope==0.11.8",))
# What its module of calibrations imports; all that it requires is OpenSim, Qt and caliscope as well.
POSE2SIM = Environment(
    "pose2sim",
    (
        "numpy==2.2.6",
        "scipy==1.17.1",
        "pandas==2.3.3",
        "matplotlib==3.11.2",
        "opencv-python-headless==5.0.0.93",
        "rtoml==0.14.0",
        "c3d==0.6.0",
        "anytree==2.13.0",
    ),
    without_requirements=("pose2sim==0.10.49",),
)
