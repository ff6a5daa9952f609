"""Train a network from scratch, in that environment: `train_lightning_pose.py FOLDER WORKERS`.

FOLDER has the images and `labels.json`, as for `train_deeplabcut.py`; made in it is `project`, what `litpose
train` would write. WORKERS is the folder of `torch_programs.py`.
"""

import csv
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

WIDTH = HEIGHT = 128
BATCH = 8
LEARNING_RATE = 2e-3


def main(folder: Path) -> None:
    os.environ["MPLBACKEND"] = "Agg"
    sys.path.insert(0, sys.argv[2])
    importlib.import_module("torch_programs").declare_torchvision_operators()
    labels = json.loads((folder / "labels.json").read_text())
    write_labels(folder / "CollectedData.csv", labels)
    from lightning_pose.train import train
    from omegaconf import OmegaConf

    train(OmegaConf.create(settings(folder, labels)), folder / "project", skip_evaluation=True)


def write_labels(path: Path, labels: dict[str, Any]) -> None:
    names = labels["keypoints"]
    rows = [
        ["scorer"] + ["truth"] * (2 * len(names)),
        ["bodyparts"] + [name for name in names for _ in "xy"],
        ["coords"] + ["x", "y"] * len(names),
    ]
    for image, points in labels["images"].items():
        rows.append([image] + [value for point in points for value in point or ("", "")])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def settings(folder: Path, labels: dict[str, Any]) -> dict[str, Any]:
    """What stands in the config.yaml of a model, without losses on videos without labels: they need a GPU."""
    epochs = labels["epochs"]
    return {
        "data": {
            "image_resize_dims": {"width": WIDTH, "height": HEIGHT},
            "data_dir": str(folder),
            "video_dir": str(folder),
            "csv_file": "CollectedData.csv",
            "num_keypoints": len(labels["keypoints"]),
            "keypoint_names": list(labels["keypoints"]),
            "mirrored_column_matches": None,
            "columns_for_singleview_pca": None,
        },
        "training": {
            "imgaug": {"Affine": {"p": 1.0, "kwargs": {"rotate": [-180, 180], "scale": [0.8, 1.2]}}},
            "train_batch_size": BATCH,
            "val_batch_size": BATCH,
            "test_batch_size": BATCH,
            "train_prob": 0.9,
            "val_prob": 0.1,
            "train_frames": 1,
            "num_gpus": 1,
            "num_workers": 0,
            "early_stop_patience": epochs,
            "unfreezing_epoch": 0,
            "min_epochs": epochs,
            "max_epochs": epochs,
            "log_every_n_steps": 10,
            "check_val_every_n_epoch": max(1, epochs // 4),
            "rng_seed_data_pt": 0,
            "rng_seed_model_pt": 0,
            "optimizer": "Adam",
            "optimizer_params": {"learning_rate": LEARNING_RATE},
            "lr_scheduler": "multisteplr",
            "lr_scheduler_params": {"multisteplr": {"milestones": [3 * epochs // 4], "gamma": 0.2}},
        },
        "model": {
            "losses_to_use": [],
            "backbone": "resnet18",
            "backbone_pretrained": False,
            "model_type": "heatmap",
            "heatmap_loss_type": "mse",
            "model_name": "tiny",
        },
        "dali": {"base": {"predict": {"sequence_length": BATCH}}},
        "losses": {},
        "eval": {"predict_vids_after_training": False, "save_vids_after_training": False},
        "callbacks": {"anneal_weight": None},
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
