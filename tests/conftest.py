"""Fixtures that all tests share."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in each run, however busy the machine is.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

# A shell that starts the tests in the background has Ctrl-C ignored, and programs inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the project; each has a README with source and figures."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real recordings are not here: {folder}")
    return folder
