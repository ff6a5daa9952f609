"""Train a tiny network from scratch, in SLEAP's own environment: `train_sleap.py FOLDER WORKERS`.

FOLDER has the images and `labels.json`, as for `train_deeplabcut.py`; the folder of the network is made in
it, as `project`. WORKERS is the folder of `torch_programs.py`.
"""

import importlib
import json
import os
import sys
from pathlib import Path

# The markers of the demo are told apart by their colour, so a network that sees little around them will do.
FILTERS, MAX_STRIDE, OUTPUT_STRIDE = 24, 8, 2
SCALE = 0.25
BATCH = 4
HELD_BACK = 0.1


def main(folder: Path) -> None:
    os.environ["MPLBACKEND"] = "Agg"
    sys.path.insert(0, sys.argv[2])
    importlib.import_module("torch_programs").declare_torchvision_operators()
    labels = json.loads((folder / "labels.json").read_text())
    write_labels(folder, labels)
    n_steps = len(labels["images"]) // BATCH
    # Wide peaks are found from far away; narrow ones then say exactly where.
    train(folder, "wide", labels["epochs"], n_steps=n_steps, sigma=5.0)
    train(
        folder,
        "project",
        labels["epochs"] // 4,
        n_steps=n_steps,
        sigma=2.0,
        start=folder / "wide" / "best.ckpt",
    )


def write_labels(folder: Path, labels: dict[str, dict[str, list[list[float]]]]) -> None:
    import numpy as np
    import sleap_io

    skeleton = sleap_io.Skeleton(nodes=list(labels["keypoints"]))
    video = sleap_io.Video.from_filename([str(folder / name) for name in labels["images"]])
    frames = []
    for number, points in enumerate(labels["images"].values()):
        known = np.array([point or (np.nan, np.nan) for point in points], float)
        instance = sleap_io.Instance.from_numpy(known, skeleton=skeleton)
        frames.append(sleap_io.LabeledFrame(video=video, frame_idx=number, instances=[instance]))
    sleap_io.Labels(frames).save(str(folder / "labels.slp"))


def train(
    folder: Path, name: str, epochs: int, *, n_steps: int, sigma: float, start: Path | None = None
) -> None:
    from sleap_nn.train import train

    unet = {
        "in_channels": 3,
        "filters": FILTERS,
        "filters_rate": 1.5,
        "max_stride": MAX_STRIDE,
        "output_stride": OUTPUT_STRIDE,
    }
    train(
        train_labels_path=[str(folder / "labels.slp")],
        validation_fraction=HELD_BACK,
        ensure_rgb=True,
        scale=SCALE,
        geometry_aug=["rotation"],
        backbone_config={"unet": unet},
        head_configs={
            "single_instance": {
                "confmaps": {"sigma": sigma, "output_stride": OUTPUT_STRIDE, "part_names": None}
            }
        },
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
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
