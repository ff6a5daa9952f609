"""The side of a tracker that runs in the tracker's own Python: `python serve.py BACKEND`.

Anipose starts this file by its path, in an environment that need not have anipose, so it uses nothing but
Python (3.9 or later). BACKEND is a module beside it with `PACKAGE`, the package it needs, and `load(settings,
tell)`, which returns a function of (video, folder) that writes its result into the folder and returns the
path. The first line of the input has the settings, each other line a video; every answer is one line of JSON:

    {"ready": backend}  {"missing": package}  {"progress": frames}  {"done": path}  {"error": message}
"""

import importlib
import importlib.util
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

IDLE_EXIT_CODE = 75


def main(name: str) -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what the tracker prints is no answer

    def tell(**answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")

    settings = json.loads(sys.stdin.readline())
    backend = importlib.import_module(name)
    if importlib.util.find_spec(backend.PACKAGE) is None:
        tell(missing=backend.PACKAGE)
        return
    try:
        track = backend.load(settings, lambda frames: tell(progress=frames))
    except Exception as error:  # noqa: BLE001 - whatever it is, the user is to be told
        traceback.print_exc()
        tell(error=_summary(error))
        return
    sys.path.remove(str(Path(__file__).parent))
    tell(ready=name)
    while True:
        idle = _exit_after(settings["idle_seconds"])
        line = sys.stdin.readline()
        idle.cancel()
        if not line:
            return
        request = json.loads(line)
        try:
            tell(done=str(track(request["video"], request["folder"])))
        except Exception as error:  # noqa: BLE001 - one broken video does not end the others
            traceback.print_exc()
            tell(error=_summary(error))


def _exit_after(seconds: float) -> threading.Timer:
    """A network that nobody asks any more is not to keep the memory of the graphics card."""
    timer = threading.Timer(seconds, os._exit, [IDLE_EXIT_CODE])
    timer.daemon = True
    timer.start()
    return timer


def _summary(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(sys.argv[1])
