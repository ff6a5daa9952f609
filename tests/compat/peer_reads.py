"""Runs in the environment of the older program: it works on files that we wrote.

Arguments: a folder with calibration.toml, view_NAME.h5 and pose_3d.csv; results are written beside them.
"""

import json
import sys
from pathlib import Path

import numpy as np
from anipose.compute_angles import compute_angles
from anipose.filter_3d import filter_pose as filter_3d
from anipose.filter_pose import filter_pose_medfilt, filter_pose_viterbi, load_pose_2d, write_pose_2d
from anipose.triangulate import triangulate


def main(folder: Path) -> None:
    """What the commands triangulate, filter, filter-3d and angles do."""
    views = {path.stem.removeprefix("view_"): str(path) for path in sorted(folder.glob("view_*.h5"))}
    config = {
        "triangulation": {"optim": False, "ransac": False, "score_threshold": 0.0},
        "filter": {
            "medfilt": 13,
            "offset_threshold": 25,
            "score_threshold": 0.05,
            "spline": True,
            "multiprocessing": False,
            "n_back": 3,
        },
        "filter3d": {"medfilt": 5, "offset_threshold": 50},
        "angles": {"neck": ["Nose", "Head", "Trunk"]},
    }

    triangulate(config, str(folder), None, None, views, str(folder / "peer_pose_3d.csv"))
    filter_3d(config, str(folder / "pose_3d.csv"), str(folder / "peer_filtered_3d.csv"))
    compute_angles(config, str(folder / "pose_3d.csv"), str(folder / "peer_angles.csv"))

    first = next(iter(views.values()))
    points, metadata = load_pose_2d(first)
    result = {"bodyparts": metadata["bodyparts"], "scorer": metadata["scorer"], "shape": points.shape}
    for name, function in (("medfilt", filter_pose_medfilt), ("viterbi", filter_pose_viterbi)):
        points, metadata = load_pose_2d(first)
        filtered, scores = function(config, points, metadata["bodyparts"])
        result[name] = int(np.isfinite(filtered).sum())
        write_pose_2d(np.dstack([filtered, scores]), metadata, str(folder / f"peer_{name}.h5"))
    print("\n" + json.dumps(result))


# The Viterbi filter starts processes that import this file again.
if __name__ == "__main__":
    main(Path(sys.argv[1]))
