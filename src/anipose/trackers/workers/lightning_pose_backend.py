"""Lightning Pose, in its own environment; started by serve.py."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "lightning_pose"

Tell = Callable[[int], None]


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that tracks a video; `settings` has model, the folder of `litpose train`, and device."""
    _choose_card(settings["device"])
    programs = importlib.import_module("torch_programs")  # beside this file, not in the package anipose
    programs.declare_torchvision_operators()
    model: Any
    programs.report_progress(lambda batches: tell(batches * _frames_per_batch(model.cfg)))
    from lightning_pose.api.model import Model

    model = Model.from_dir(settings["model"])
    if model.config.is_multi_view():
        raise ValueError(
            "this model looks at the videos of all cameras together, and anipose gives it one at a time: run "
            "litpose predict, and put the .csv files that it writes into pose-2d, each named after its video"
        )

    def track(video: str, folder: str) -> Path:
        model.predict_on_video_file(video, output_dir=Path(folder), compute_metrics=False)
        path = Path(folder) / f"{Path(video).stem}.csv"
        if not path.is_file():
            names = ", ".join(sorted(path.name for path in Path(folder).iterdir())) or "nothing"
            raise RuntimeError(f"Lightning Pose did not write {path.name}, only: {names}")
        return path

    return track


def _choose_card(device: str) -> None:
    """Lightning Pose runs on the first graphics card that it sees."""
    name, _, number = device.partition(":")
    if name == "cpu" or number:
        os.environ["CUDA_VISIBLE_DEVICES"] = number


def _frames_per_batch(config: Any) -> int:
    """By how many frames it goes on; models that look at the frames before and after see some twice."""
    if config.model.model_type == "heatmap_mhcrnn":
        return int(config.dali.context.predict.sequence_length) - 4
    return int(config.dali.base.predict.sequence_length)
