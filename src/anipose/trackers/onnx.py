"""Networks of DeepLabCut that `anipose export-model` wrote as ONNX files, run without DeepLabCut."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from jaxtyping import Float

from anipose.config import Tracker as Settings
from anipose.errors import ConfigError, DependencyError
from anipose.io.poses_2d import write_poses_2d
from anipose.io.video import Image, read_bgr
from anipose.poses import Poses2D
from anipose.trackers.base import HAVE_FILES, Progress, require_model_folder
from anipose.trackers.workers.deeplabcut_onnx_backend import IMAGES, KEYPOINT

DEFAULT_BATCH_SIZE = 8


class Onnx:
    """Runs a network in an ONNX file, in this process."""

    name: ClassVar[str] = "onnx"

    def __init__(self, model_folder: Path | None, settings: Settings) -> None:
        self._folder = model_folder
        self._settings = settings

    def files(self) -> tuple[Path, ...]:
        """The ONNX file.

        Raises:
            ConfigError: it is not given, or not there.
        """
        if self._folder is not None and self._folder.is_file():
            return (self._folder,)
        folder = require_model_folder(
            self._folder, self.name, "the .onnx file that anipose export-model wrote, or its folder"
        )
        found = tuple(sorted(folder.glob("*.onnx")))
        if len(found) != 1:
            there = (
                f"has {len(found)} of them: {', '.join(path.name for path in found)}" if found else "has none"
            )
            raise ConfigError(
                f"model_folder = {folder} should be an .onnx file, or a folder with one, but {there}. Write "
                "one from a DeepLabCut project with: anipose export-model --set model_type=deeplabcut. "
                f"{HAVE_FILES}"
            )
        return found

    def track(self, video: Path, folder: Path, progress: Progress) -> Path:
        (path,) = self.files()
        session = _open(path, self._settings.device)
        outputs = [output.name for output in session.get_outputs()]
        size = self._settings.batch_size or DEFAULT_BATCH_SIZE
        found: list[Float[np.ndarray, "frame keypoint 3"]] = []
        for number, images in enumerate(_batches(read_bgr(video), size)):
            colours = [cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in images]
            values = session.run(outputs, {IMAGES: np.stack(colours)})
            found.append(np.stack(values, axis=1).astype(np.float64))
            progress(number * size + len(images))
        rows = np.concatenate(found) if found else np.zeros((0, len(outputs), 3))
        keypoints = tuple(name.removeprefix(KEYPOINT) for name in outputs)
        result = folder / f"{video.stem}.h5"
        write_poses_2d(result, Poses2D(keypoints, rows[..., :2], rows[..., 2], path.stem))
        return result


def _open(path: Path, device: str) -> Any:
    """A session of onnxruntime.

    Raises:
        DependencyError: onnxruntime is not there, or not for this device.
        ConfigError: the file is something else.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError(
            'model_type = "onnx" needs onnxruntime: pip install "anipose[onnx]" (for graphics cards of '
            "NVIDIA, pip install onnxruntime-gpu)"
        ) from error
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    there = onnxruntime.get_available_providers()
    wanted = _providers(device)
    chosen = [
        provider for provider in wanted if (provider[0] if isinstance(provider, tuple) else provider) in there
    ]
    if not chosen:
        raise DependencyError(
            f'tracker.device = "{device}", but this onnxruntime only has {", ".join(there)}. Install '
            'onnxruntime-gpu, or set device = "cpu"'
        )
    options = onnxruntime.SessionOptions()
    if device == "cpu":  # several videos are tracked at a time
        options.intra_op_num_threads = 1
    not_runnable = tuple(
        getattr(failures, name) for name in ("Fail", "InvalidGraph", "InvalidProtobuf", "NotImplemented")
    )
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=chosen)
    except not_runnable as error:
        raise ConfigError(f"{path} is not an ONNX file that can be run: {error}") from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if [given.name for given in inputs] != [IMAGES] or not all(o.name.startswith(KEYPOINT) for o in outputs):
        raise ConfigError(
            f"{path} is not a network that anipose export-model wrote: it takes "
            f"{', '.join(given.name for given in inputs)} and gives {', '.join(o.name for o in outputs)}"
        )
    return session


def _providers(device: str) -> Sequence[Any]:
    """What onnxruntime calls a device."""
    name, _, number = device.partition(":")
    card = ("CUDAExecutionProvider", {"device_id": int(number or 0)})
    known: dict[str, list[Any]] = {
        "cpu": ["CPUExecutionProvider"],
        "cuda": [card],
        "mps": ["CoreMLExecutionProvider"],
    }
    return known.get(name, [card, "CPUExecutionProvider"])


def _batches(images: Iterator[Image], size: int) -> Iterator[list[Image]]:
    while batch := list(islice(images, size)):
        yield batch
