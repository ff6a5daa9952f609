"""Writes a network of DeepLabCut as an ONNX file, in DeepLabCut's own environment; started by serve.py.

The file has everything in it: pictures go in as they are, keypoints come out in pixels. See `Exported`.
"""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "onnx"  # which PyTorch asks for, beside DeepLabCut
# What `anipose.trackers.onnx` knows such a file by: the names of its input and of its outputs.
IMAGES, KEYPOINT = "images", "keypoint:"
# The newest set of operators that the exporter of all PyTorch 2 knows.
OPERATORS = 17
# Of what `data.inference` in pytorch_config.yaml can ask for, what the exported network does itself.
DONE_HERE = {"normalize_images"}

Tell = Callable[[int], None]


def load(settings: dict[str, Any], tell: Tell) -> Callable[[str, str], Path]:
    """A function that exports the network of a project's config.yaml into a folder.

    `settings` has shuffle, training_set and snapshot, which is None if the project says it.
    """
    os.environ.setdefault("MPLBACKEND", "Agg")
    programs = importlib.import_module("torch_programs")  # beside this file, not in the package anipose
    programs.declare_torchvision_operators()

    def export(config: str, folder: str) -> Path:
        return _export(config, Path(folder), settings)

    return export


def _export(config: str, folder: Path, settings: dict[str, Any]) -> Path:
    import torch
    from deeplabcut.pose_estimation_pytorch.apis.utils import get_model_snapshots
    from deeplabcut.pose_estimation_pytorch.data.dlcloader import DLCLoader
    from deeplabcut.pose_estimation_pytorch.models.model import PoseModel

    loader = DLCLoader(config, shuffle=settings["shuffle"], trainset_index=settings["training_set"])
    network = loader.model_cfg
    _require_exportable(network)
    index = settings["snapshot"]
    index = loader.project_cfg["snapshotindex"] if index is None else index
    (snapshot,) = get_model_snapshots(index, loader.model_folder, loader.pose_task)
    model = PoseModel.build(network["model"], pretrained_backbone=False)
    model.load_state_dict(torch.load(snapshot.path, map_location="cpu", weights_only=True)["model"])

    keypoints = list(network["metadata"]["bodyparts"])
    path = folder / "network.onnx"
    outputs = [KEYPOINT + name for name in keypoints]
    torch.onnx.export(
        _exported(model).eval(),
        torch.zeros((2, 256, 320, 3), dtype=torch.uint8),
        str(path),
        input_names=[IMAGES],
        output_names=outputs,
        dynamic_axes={IMAGES: {0: "image", 1: "height", 2: "width"}}
        | {name: {0: "image"} for name in outputs},
        opset_version=OPERATORS,
        dynamo=False,
    )
    return path


def _require_exportable(network: Any) -> None:
    """Raise ValueError for what would not come out as DeepLabCut has it."""
    if network["method"] != "bu" or len(network["metadata"]["individuals"]) > 1:
        raise ValueError("only networks for one animal that look at the whole picture can be exported")
    heads = network["model"]["heads"]
    if set(heads) != {"bodypart"} or heads["bodypart"]["type"] != "HeatmapHead":
        raise ValueError("only networks with heatmaps can be exported, such as resnet_50 or hrnet_w32")
    preparation = network["data"]["inference"]
    unknown = [key for key in preparation if preparation[key] and key not in DONE_HERE]
    if unknown or network["data"]["colormode"] != "RGB":
        raise ValueError(
            f"pictures that are prepared by {', '.join(unknown) or 'colormode'} cannot be exported"
        )


def _exported(model: Any) -> Any:
    """A network around DeepLabCut's.

    Its input has pictures (image, height, width, red green blue) of bytes; its outputs are, for each
    keypoint, (image, 3): x, y and score.
    """
    import torch

    class Exported(torch.nn.Module):  # type: ignore[misc]  # not installed where this is checked
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            # Of ImageNet, as in DeepLabCut.
            self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]))
            self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]))

        def forward(self, images: Any) -> tuple[Any, ...]:
            values = (images.float() / 255 - self.mean) / self.deviation
            found = self.model.get_predictions(self.model(values.permute(0, 3, 1, 2)))
            return tuple(found["bodypart"]["poses"][:, 0].unbind(dim=1))

    return Exported()
