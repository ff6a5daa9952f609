"""SLEAP's networks, in an environment with sleap-nn; started by serve.py."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "sleap_nn"

Tell = Callable[[int, int], None]


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that tracks a video; `settings` has models (folders), device, and batch_size or None."""
    programs = importlib.import_module("torch_programs")  # beside this file, not in the package anipose
    programs.declare_torchvision_operators()
    from sleap_nn.inference.predictor import Predictor
    from sleap_nn.inference.run import save_predictions

    batch = {} if settings["batch_size"] is None else {"batch_size": settings["batch_size"]}
    predictor = Predictor.from_model_paths(settings["models"], device=settings["device"], **batch)

    def track(video: str, folder: str) -> Path:
        path = Path(folder) / f"{Path(video).stem}.slp"
        # Frames without an animal are kept, so that there is one row for every frame.
        labels = predictor.predict(video, make_labels=True, progress_callback=tell)
        save_predictions(labels, path)
        return path

    return track
