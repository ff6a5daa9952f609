"""Train tiny networks from scratch, in SLEAP's own environment: `train_sleap.py FOLDER WORKERS`.

FOLDER has the images and `labels.json`, as for `train_deeplabcut.py`; or with "several": true, for each image
a list of animals, and "start", the weights of the network for one. Made in it is `project`: the folder of the
network; with several animals, that of two, one to find the animals and one for their points. WORKERS is the
folder of `torch_programs.py`.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

# The markers of the demo are told apart by their colour, so a network that sees little around them will do.
FILTERS, MAX_STRIDE, OUTPUT_STRIDE = 24, 8, 2
SCALE = 0.25
# An animal is at most 250 px long.
CROP_PX = 256
BATCH = 4
HELD_BACK = 0.1


def main(folder: Path) -> None:
    os.environ["MPLBACKEND"] = "Agg"
    sys.path.insert(0, sys.argv[2])
    importlib.import_module("torch_programs").declare_torchvision_operators()
    labels = json.loads((folder / "labels.json").read_text())
    write_labels(folder, labels)
    n_steps = len(labels["images"]) // BATCH
    make = train_for_two if labels.get("several") else train_for_one
    make(folder, labels, n_steps=n_steps)


def train_for_one(folder: Path, labels: dict[str, Any], *, n_steps: int) -> None:
    """Wide peaks are found from far away; narrow ones then say exactly where."""
    head, epochs = "single_instance", labels["epochs"]
    train(folder, "wide", head, epochs, n_steps=n_steps, sigma=5.0, learning_rate=3e-3)
    start = str(folder / "wide" / "best.ckpt")
    train(
        folder,
        "project",
        head,
        epochs // 4,
        n_steps=n_steps,
        sigma=2.0,
        learning_rate=3e-3,
        pretrained_backbone_weights=start,
        pretrained_head_weights=start,
    )


def train_for_two(folder: Path, labels: dict[str, Any], *, n_steps: int) -> None:
    """The points of each begin with what the network for one animal has learned of them."""
    epochs = labels["epochs"]
    train(folder, "project/centroid", "centroid", epochs, n_steps=n_steps, sigma=3.0, learning_rate=3e-3)
    train(
        folder,
        "project/instance",
        "centered_instance",
        epochs // 2,
        n_steps=2 * n_steps,
        sigma=2.0,
        learning_rate=1e-3,
        crop_size=CROP_PX,
        pretrained_backbone_weights=labels["start"],
    )


def write_labels(folder: Path, labels: dict[str, Any]) -> None:
    import numpy as np
    import sleap_io

    skeleton = sleap_io.Skeleton(nodes=list(labels["keypoints"]))
    video = sleap_io.Video.from_filename([str(folder / name) for name in labels["images"]])
    frames = []
    for number, animals in enumerate(labels["images"].values()):
        instances = []
        for points in animals if labels.get("several") else [animals]:
            known = np.array([point or (np.nan, np.nan) for point in points], float)
            instances.append(sleap_io.Instance.from_numpy(known, skeleton=skeleton))
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=number, instances=instances))
    sleap_io.Labels(frames).save(str(folder / "labels.slp"))


def train(
    folder: Path, name: str, head: str, epochs: int, *, n_steps: int, sigma: float, **options: Any
) -> None:
    from sleap_nn.train import train

    unet = {
        "in_channels": 3,
        "filters": FILTERS,
        "filters_rate": 1.5,
        "max_stride": MAX_STRIDE,
        "output_stride": OUTPUT_STRIDE,
    }
    peaks = {"sigma": sigma, "output_stride": OUTPUT_STRIDE}
    parts = {} if head == "centroid" else {"part_names": None}
    train(
        train_labels_path=[str(folder / "labels.slp")],
        validation_fraction=HELD_BACK,
        ensure_rgb=True,
        scale=SCALE,
        geometry_aug=["rotation"],
        backbone_config={"unet": unet},
        head_configs={head: {"confmaps": peaks | parts}},
        batch_size=BATCH,
        max_epochs=epochs,
        train_steps_per_epoch=n_steps,
        min_train_steps_per_epoch=1,
        trainer_accelerator="cpu",
        trainer_num_devices=1,
        enable_progress_bar=False,
        save_ckpt=True,
        ckpt_dir=str(folder),
        run_name=name,
        **options,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
