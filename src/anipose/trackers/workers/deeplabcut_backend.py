"""DeepLabCut, in its own environment; started by serve.py."""

import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "deeplabcut"

Tell = Callable[[int], None]


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that analyses a video into a folder.

    `settings` has config, shuffle, training_set and, unless they are None, snapshot, device, batch_size.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("DLClight", "True")  # no windows in DeepLabCut 2
    programs = importlib.import_module("torch_programs")  # beside this file, not in the package anipose
    programs.declare_torchvision_operators()
    programs.report_progress(tell)
    import deeplabcut

    wanted = {
        "shuffle": settings["shuffle"],
        "trainingsetindex": settings["training_set"],
        "snapshot_index": settings["snapshot"],
        "device": settings["device"],
        "batch_size": settings["batch_size"],
    }
    if "batch_size" not in inspect.signature(deeplabcut.analyze_videos).parameters:  # DeepLabCut 2
        wanted["batchsize"] = wanted.pop("batch_size")
        if wanted.pop("snapshot_index") is not None:
            raise ValueError("this version of DeepLabCut takes snapshotindex from its config.yaml")
        device = wanted.pop("device")
        wanted["gputouse"] = int(device.split(":")[1]) if device and ":" in device else None
    options = {key: value for key, value in wanted.items() if value is not None}

    def analyze(video: str, folder: str) -> Path:
        deeplabcut.analyze_videos(settings["config"], [video], destfolder=folder, **options)
        return result_in(Path(folder))

    return analyze


def result_in(folder: Path) -> Path:
    """The points among the files that DeepLabCut wrote; with several animals, the final tracks."""
    found = sorted(path for path in folder.glob("*.h5") if not path.stem.endswith("_meta"))
    if not found:
        names = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise RuntimeError(f"DeepLabCut wrote no .h5 file with points, only: {names}")
    return found[-1]
