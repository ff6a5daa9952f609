"""DeepLabCut, in its own environment; started by serve.py."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "deeplabcut"

Tell = Callable[[int, int], None]


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that analyses a video into a folder.

    `settings` has config, shuffle, training_set and, unless they are None, snapshot, device, batch_size.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("DLClight", "True")  # no windows in DeepLabCut 2
    declare_torchvision_operators()
    report_progress(tell)
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


def declare_torchvision_operators() -> None:
    """Let torchvision be imported beside a torch without CUDA, where its compiled part does not load.

    On import it registers two operators, which then have no schema. With the schema, only networks that use
    them fail (detectors of top-down models), with torchvision's own message; nothing is replaced.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error) or torch.version.cuda is not None:
            raise
    else:
        return
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARIES.append(library)  # it ends with its object
    import torchvision  # noqa: F401


_LIBRARIES: list[Any] = []


def report_progress(tell: Tell) -> None:
    """Let the bars of DeepLabCut tell how many frames are done."""
    import tqdm

    class Reporting(tqdm.tqdm):  # type: ignore[misc]  # not installed where this is checked
        def display(self, *args: Any, **kwargs: Any) -> None:
            tell(int(self.n), int(self.total or 0))

    tqdm.tqdm = Reporting
