"""Train a tiny network from scratch, in DeepLabCut's own environment: `train_deeplabcut.py FOLDER WORKERS`.

FOLDER has the images and `labels.json`: {"epochs": n, "keypoints": [...], "images": {name: [[x, y], ...]}},
with null for what is not labelled. With "individuals": [...], the points are those of one after the other.
The DeepLabCut project is made in it, as `project`. WORKERS is the folder of `torch_programs.py`.
"""

import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

CROP_PX = 256
# Of test_resnet in timm, a ResNet of 0.5 million weights.
CHANNELS = 96


def main(folder: Path) -> None:
    os.environ["MPLBACKEND"] = "Agg"
    sys.path.insert(0, sys.argv[2])
    importlib.import_module("torch_programs").declare_torchvision_operators()
    labels = json.loads((folder / "labels.json").read_text())
    train(make_project(folder, labels) / "config.yaml", labels["epochs"])


def make_project(folder: Path, labels: dict[str, Any]) -> Path:
    import pandas
    from deeplabcut.utils import auxiliaryfunctions

    project = folder / "project"
    images = project / "labeled-data" / "frames"
    images.mkdir(parents=True)
    for name in ("videos", "training-datasets", "dlc-models"):
        (project / name).mkdir()
    individuals = labels.get("individuals")
    template, _ = auxiliaryfunctions.create_config_template(multianimal=bool(individuals))
    template |= {
        "Task": "tiny",
        "scorer": "truth",
        "date": "Jan1",
        "multianimalproject": bool(individuals),
        "identity": False if individuals else None,
        "engine": "pytorch",
        "project_path": str(project),
        "bodyparts": "MULTI!" if individuals else labels["keypoints"],
        "skeleton": [],
        "video_sets": {str(project / "videos" / "frames.mp4"): {"crop": "0, 640, 0, 480"}},
        "start": 0,
        "stop": 1,
        "numframes2pick": 20,
        "pcutoff": 0.4,
        "TrainingFraction": [0.95],
        "iteration": 0,
        "default_net_type": "resnet_50",
        "default_augmenter": "default",
        "snapshotindex": -1,
        "batch_size": 8,
        "cropping": False,
        "x1": 0,
        "x2": 640,
        "y1": 0,
        "y2": 480,
        "corner2move2": [50, 50],
        "move2corner": True,
        "dotsize": 8,
        "alphavalue": 0.7,
        "colormap": "rainbow",
    }
    if individuals:
        template |= {
            "individuals": individuals,
            "multianimalbodyparts": labels["keypoints"],
            "uniquebodyparts": [],
            "default_track_method": "ellipse",
        }
    auxiliaryfunctions.write_config(str(project / "config.yaml"), template)
    levels = {"scorer": ["truth"], "bodyparts": labels["keypoints"], "coords": ["x", "y"]}
    if individuals:
        levels = {"scorer": ["truth"], "individuals": individuals} | levels
    columns = pandas.MultiIndex.from_product(levels.values(), names=levels)
    names = sorted(labels["images"])
    index = pandas.MultiIndex.from_tuples([("labeled-data", "frames", name) for name in names])
    rows = [[value for point in labels["images"][name] for value in point or (None, None)] for name in names]
    table = pandas.DataFrame(rows, index=index, columns=columns, dtype=float)
    table.to_hdf(images / "CollectedData_truth.h5", key="df_with_missing", mode="w")
    table.to_csv(images / "CollectedData_truth.csv")
    for name in names:
        shutil.copy(folder / name, images / name)
    return project


def train(config: Path, epochs: int) -> None:
    import deeplabcut
    import torch
    from deeplabcut.pose_estimation_pytorch.data.dlcloader import DLCLoader
    from deeplabcut.pose_estimation_pytorch.models.model import PoseModel
    from ruamel.yaml import YAML

    torch.manual_seed(0)
    deeplabcut.create_training_dataset(str(config), net_type="resnet_50", num_shuffles=1)
    loader = DLCLoader(str(config), shuffle=1, trainset_index=0)
    yaml = YAML()
    path = Path(loader.model_config_path)
    model_config = yaml.load(path.read_text())
    model_config["model"]["backbone"]["model_name"] = "test_resnet"
    model_config["model"]["backbone_output_channels"] = CHANNELS
    for head in model_config["model"]["heads"].values():
        for part in {"heatmap_config", "locref_config", "paf_config"} & set(head):
            head[part]["channels"][0] = CHANNELS
    model_config["data"]["train"]["crop_sampling"] |= {"width": CROP_PX, "height": CROP_PX}
    model_config["runner"]["optimizer"]["params"]["lr"] = 0.002
    model_config["runner"]["scheduler"] = None
    model_config["runner"]["eval_interval"] = epochs  # so that the last snapshot is the best one
    with path.open("w") as file:
        yaml.dump(model_config, file)
    # Without a snapshot to start from, DeepLabCut downloads the weights of the backbone.
    loader = DLCLoader(str(config), shuffle=1, trainset_index=0)
    model = PoseModel.build(loader.model_cfg["model"], pretrained_backbone=False)
    start = config.parent / "start.pt"
    torch.save({"model": model.state_dict(), "metadata": {"epoch": 0}}, start)
    deeplabcut.train_network(
        str(config),
        shuffle=1,
        device="cpu",
        snapshot_path=str(start),
        epochs=epochs,
        batch_size=8,
        save_epochs=epochs,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
