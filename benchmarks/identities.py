"""How many frames have the identities of several animals right in all views, and how long it takes.

    OMP_NUM_THREADS=1 python benchmarks/identities.py [--frames N] [--seeds N]

Synthetic animals of 20 keypoints on crossing paths, 100 frames per second: 1.5 px of noise, 5 % of the
points anywhere within 200 px, 5 % missing; each view is without each animal for 10 % of the time, and calls
the animals by wrong names in 5 % of the frames ("confused"), or exchanges two for good ("lasting"). The error
is that of robust triangulation, in mm; "known" is the same with the true identities. Times are CPU seconds of
matching alone. The older Anipose does not match identities.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from anipose.arrays import NDArray
from anipose.geometry.identities import match_identities
from anipose.geometry.triangulation import triangulate_robust
from anipose.geometry.view_matching import gathered

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from several_animals import Scene, make_scene, share_right

SIZES = [(2, 2), (2, 4), (3, 2), (3, 3), (3, 6), (4, 4), (6, 4), (6, 8)]
THRESHOLD_PX = 5.0


def mean_error(scene: Scene, slots: NDArray[np.int64]) -> float:
    """Mean distance of the points from those of the nearest animal, mm."""
    points, _ = triangulate_robust(scene.cameras, gathered(scene.pixels, slots), threshold_px=THRESHOLD_PX)
    n_animals = scene.truth.shape[1]
    distances = [np.linalg.norm(points - scene.truth[:, [animal]], axis=-1) for animal in range(n_animals)]
    return float(np.nanmean(np.fmin.reduce(distances)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    heads = ["animals", "cameras", "names", "right", "worst", "error", "known", "frames/s"]
    table = Table(*heads)
    for n_animals, n_cameras in SIZES:
        for lasting in (False, True):
            right, errors, known, seconds = [], [], [], 0.0
            for seed in range(options.seeds):
                scene = make_scene(
                    n_animals, n_cameras, n_frames=options.frames, n_keypoints=20, lasting=lasting, seed=seed
                )
                start = time.process_time()
                slots = match_identities(
                    scene.cameras, scene.pixels, scene.scores, n_animals, threshold_px=THRESHOLD_PX
                )
                seconds += time.process_time() - start
                right.append(share_right(scene, slots))
                errors.append(mean_error(scene, slots))
                known.append(mean_error(scene, np.argsort(scene.animals, axis=2).swapaxes(0, 1)))
            table.add_row(
                str(n_animals),
                str(n_cameras),
                "lasting" if lasting else "confused",
                f"{np.mean(right):.3%}",
                f"{min(right):.2%}",
                f"{np.mean(errors):.3f}",
                f"{np.mean(known):.3f}",
                f"{options.seeds * options.frames / seconds:,.0f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
