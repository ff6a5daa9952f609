"""Lightning Pose, in its own environment; started by serve.py."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "lightning_pose"

Tell = Callable[[int, int], None]


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that tracks a video; `settings` has model, the folder that `litpose train` wrote."""
    programs = importlib.import_module("torch_programs")  # beside this file, not in the package anipose
    programs.declare_torchvision_operators()
    programs.report_progress(tell)
    from lightning_pose.api.model import Model

    model = Model.from_dir(settings["model"])

    def track(video: str, folder: str) -> Path:
        model.predict_on_video_file(video, output_dir=Path(folder), compute_metrics=False)
        path = Path(folder) / f"{Path(video).stem}.csv"
        if not path.is_file():
            names = ", ".join(sorted(path.name for path in Path(folder).iterdir())) or "nothing"
            raise RuntimeError(f"Lightning Pose did not write {path.name}, only: {names}")
        return path

    return track
