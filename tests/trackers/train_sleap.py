"""Train tiny networks from scratch, in SLEAP's own environment: `train_sleap.py FOLDER WORKERS`.

FOLDER has the images and `labels.json`, as for `train_deeplabcut.py`; or with "several": true, and a list of
animals instead of one for each image. Made in it is `project`: the folder of the network; with several
animals, that of two, one to find the animals and one for their points. WORKERS is the folder of
`torch_programs.py`.
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
    epochs, n_steps = labels["epochs"], len(labels["images"]) // BATCH
    if labels.get("several"):
        train(folder, "project/centroid", "centroid", epochs // 2, n_steps=n_steps, sigma=3.0)
        train_in_two_steps(
            folder, "project/instance", "centered_instance", epochs, n_steps=2 * n_steps, crop_size=CROP_PX
        )
    else:
        train_in_two_steps(folder, "project", "single_instance", epochs, n_steps=n_steps)


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


def train_in_two_steps(folder: Path, name: str, head: str, epochs: int, **options: Any) -> None:
    """Wide peaks are found from far away; narrow ones then say exactly where."""
    train(folder, "wide", head, epochs, sigma=5.0, **options)
    train(folder, name, head, epochs // 4, sigma=2.0, start=folder / "wide" / "best.ckpt", **options)


def train(
    folder: Path,
    name: str,
    head: str,
    epochs: int,
    *,
    n_steps: int,
    sigma: float,
    start: Path | None = None,
    **options: Any,
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
        learning_rate=3e-3,
        trainer_accelerator="cpu",
        trainer_num_devices=1,
        enable_progress_bar=False,
        save_ckpt=True,
        ckpt_dir=str(folder),
        run_name=name,
        pretrained_backbone_weights=start and str(start),
        pretrained_head_weights=start and str(start),
        **options,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
