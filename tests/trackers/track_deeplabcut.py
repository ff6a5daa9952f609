"""Track several animals by DeepLabCut's own functions, one after the other, as people do by hand.

`track_deeplabcut.py WORKERS CONFIG FOLDER VIDEO ...`, in DeepLabCut's environment; it writes into FOLDER.
WORKERS is the folder of `torch_programs.py`.
"""

import importlib
import os
import sys


def main(workers: str, config: str, folder: str, *videos: str) -> None:
    os.environ["MPLBACKEND"] = "Agg"
    sys.path.insert(0, workers)
    importlib.import_module("torch_programs").declare_torchvision_operators()
    import deeplabcut

    where = {"destfolder": folder, "track_method": "ellipse"}
    deeplabcut.analyze_videos(config, list(videos), destfolder=folder, device="cpu", auto_track=False)
    deeplabcut.convert_detections2tracklets(config, list(videos), **where)
    deeplabcut.stitch_tracklets(config, list(videos), **where, save_as_csv=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
