"""What programs on PyTorch have in common: how they come to run, and how far they are."""

import sys
from collections.abc import Callable
from typing import Any


def declare_torchvision_operators() -> None:
    """Let torchvision be imported beside a torch without CUDA, where its compiled part does not load.

    On import it registers two operators, which then have no schema. With the schema, only networks that use
    them fail (detectors of top-down models), with torchvision's own message; nothing is replaced.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error) or torch.version.cuda is not None:
            raise
    else:
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARIES.append(library)  # it ends with its object
    import torchvision  # noqa: F401


_LIBRARIES: list[Any] = []


def report_progress(tell: Callable[[int], None]) -> None:
    """Let the bars of tqdm, which these programs show, tell how much is done."""
    import tqdm

    class Reporting(tqdm.tqdm):  # type: ignore[misc]  # not installed where this is checked
        def display(self, *args: Any, **kwargs: Any) -> None:
            tell(int(self.n))

    tqdm.tqdm = Reporting
