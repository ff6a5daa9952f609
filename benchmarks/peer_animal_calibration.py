"""Calibration from tracked points by the peer (aniposelib), run by its own Python: in.npz out.npz seconds.

As Anipose 1.1.24 does it, with its numbers; it is killed after so many seconds of CPU.
"""

import contextlib
import io
import resource
import sys
import time

import numpy as np
from aniposelib.cameras import Camera, CameraGroup


def main() -> None:
    seconds = int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    given = np.load(sys.argv[1])
    cameras = [
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
    np.random.seed(0)  # noqa: NPY002  # the peer draws from it
    before = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        CameraGroup(cameras).bundle_adjust_iter(
            given["points"], ftol=1e-4, n_iters=10, n_samp_iter=300, n_samp_full=1000, max_nfev=500
        )
    np.savez(
        sys.argv[2],
        cpu_seconds=time.process_time() - before,
        matrices=np.array([camera.get_camera_matrix() for camera in cameras]),
        distortions=np.array([camera.get_distortions() for camera in cameras]),
        rotations=np.array([camera.get_rotation() for camera in cameras]),
        translations=np.array([camera.get_translation() for camera in cameras]),
    )


main()
