"""Runs in the environment of sleap-io: it loads a project that we wrote, and says what it found."""

import json
import sys

import numpy as np
import sleap_io

labels = sleap_io.load_slp(sys.argv[1])
(skeleton,) = labels.skeletons
frames = [
    {
        "video": labels.videos.index(frame.video),
        "number": int(frame.frame_idx),
        "kind": [type(instance).__name__ for instance in frame.instances],
        "points": np.nan_to_num(frame.instances[0].numpy(scores=True), nan=-1).tolist(),
        "mean": float(frame.image.mean()),
    }
    for frame in labels.labeled_frames
]
found = {
    "keypoints": skeleton.node_names,
    "limbs": skeleton.edge_names,
    "shapes": [video.shape for video in labels.videos],
    "frames": frames,
    "suggested": [[labels.videos.index(one.video), int(one.frame_idx)] for one in labels.suggestions],
}
print("\n" + json.dumps(found))
