"""One task for the peer (aniposelib), run by the Python it is installed in: input.npz output.npz.

Prints nothing; the output has the result and the CPU seconds of the call.
"""

import sys
import time

import numpy as np
from aniposelib.cameras import Camera, CameraGroup


def main() -> None:
    given = np.load(sys.argv[1])
    cameras = CameraGroup(
        [
            Camera(
                matrix=given["matrices"][i],
                dist=given["distortions"][i],
                size=tuple(int(side) for side in given["sizes"][i]),
                rvec=given["rotations"][i],
                tvec=given["translations"][i],
                name=str(i),
            )
            for i in range(len(given["matrices"]))
        ]
    )
    points, task = given["points"], str(given["task"])
    if task == "plain":
        cameras.triangulate(points)  # compiles
        before = time.process_time()
        result = cameras.triangulate(points)
    elif task == "robust":
        cameras.triangulate_ransac(points[:, :2])
        before = time.process_time()
        result = cameras.triangulate_ransac(points)[0]
    else:
        before = time.process_time()
        result = cameras.optim_points(
            points,
            given["start"],
            constraints=given["limbs"],
            scale_smooth=float(given["scale_smooth"]),
            scale_length=float(given["scale_length"]),
            reproj_error_threshold=float(given["threshold"]),
            n_deriv_smooth=int(given["n_deriv_smooth"]),
        )
    np.savez(sys.argv[2], result=result, cpu_seconds=time.process_time() - before)


main()
