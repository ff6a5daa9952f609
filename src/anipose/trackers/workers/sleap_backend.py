"""SLEAP's networks, in an environment with sleap-nn; started by serve.py."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "sleap_nn"

Tell = Callable[[int], None]


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that tracks a video.

    `settings` has models (folders), device and, or None, batch_size and animals, how many there are.
    """
    programs = importlib.import_module("torch_programs")  # beside this file, not in the package anipose
    programs.declare_torchvision_operators()
    from sleap_nn.inference.predictor import Predictor
    from sleap_nn.inference.run import save_predictions
    from sleap_nn.inference.tracking import TrackerConfig

    animals = settings["animals"]
    batch = {} if settings["batch_size"] is None else {"batch_size": settings["batch_size"]}
    predictor = Predictor.from_model_paths(
        settings["models"], device=settings["device"], max_instances=animals, **batch
    )
    # Each track keeps its own last places, so that an animal that was hidden comes back to its track.
    following = TrackerConfig(
        candidates_method="local_queues",
        max_tracks=animals,
        tracking_target_instance_count=animals,
        post_connect_single_breaks=animals is not None,
    )

    def track(video: str, folder: str) -> Path:
        path = Path(folder) / f"{Path(video).stem}.slp"
        # Frames without an animal are kept, so that there is one row for every frame.
        labels = predictor.predict(video, make_labels=True, progress_callback=lambda done, total: tell(done))
        if _has_several(labels):
            labels = Predictor.retrack(labels, following)
        save_predictions(labels, path)
        return path

    return track


def _has_several(labels: Any) -> bool:
    """Whether a frame has several animals that the network does not name itself."""
    return any(
        sum(instance.track is None for instance in frame.instances) > 1 for frame in labels.labeled_frames
    )
