"""How long the 2D filters take, and how many points are wrong after them, beside the older Anipose.

    OMP_NUM_THREADS=1 python benchmarks/filters.py [--frames N] [--seed N]

The columns of the older Anipose need a Python that has it (`pip install anipose==1.1.24 "numpy<2.3"`), named
by the environment variable ANIPOSE_PEER_PYTHON. That Python runs this same file, so that both filter the same
candidates; times are CPU seconds of the filter alone, without imports, files or child processes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray  # noqa: TID251  # the older Anipose, whose Python runs this too, has no anipose.arrays

Array = NDArray[np.float64]
Result = tuple[Array, Array, float]  # points, scores, CPU seconds

PEER_PYTHON = "ANIPOSE_PEER_PYTHON"
N_KEYPOINTS = 20
N_CANDIDATES = {"viterbi": 5, "median": 1}
# The settings of both programs; the medfilt of the older one is called size here.
N_BACK, MEDFILT, OFFSET_THRESHOLD, SCORE_THRESHOLD = 3, 13, 25.0, 0.05
# A point this far from the truth is wrong. The noise is 1.5 px; a candidate held for two frames is 10 px off.
WRONG_PX = 20.0
HEADS = ["", "CPU s", "older", "ratio", "wrong before", "after", "older", "at (-1, -1)", "different"]
AS_PEER = "--as-peer"


def synthetic_candidates(n_frames: int, n_candidates: int, seed: int) -> tuple[Array, Array, Array]:
    """The truth (frame, keypoint, 2), candidates (frame, keypoint, candidate, 2), their scores; best first.

    Keypoints swing to and fro across 400 px. The first candidate is the keypoint with 1.5 px of noise and a
    score of 0.5 to 1; in 3 % of the frames it is anywhere, with the same score; in a tenth, in runs of up to
    12 frames, it is anywhere with a score of 0.01, and in a third of these runs the others have 0.01 too.
    The others are decoys with a score of 0 to 0.9, anywhere; the second one lies on the next keypoint (left
    and right confused) in a third of the frames; a quarter of them has 0.01.
    """
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_frames)[:, None] / 100
    phases = rng.uniform(0, 2 * np.pi, (3, 2, N_KEYPOINTS))
    waves = sum(
        np.sin(2 * np.pi * hz * time_s + phase[:, None])
        for hz, phase in zip((0.3, 0.9, 1.7), phases, strict=True)
    )
    truth = np.moveaxis(640 + 70 * waves, 0, -1)

    shape = (n_frames, N_KEYPOINTS, n_candidates)
    points = rng.uniform(0, 1280, (*shape, 2))
    scores = rng.uniform(0, 0.9, shape)
    seen = rng.random(shape[:2]) > 0.03
    scores[:, :, 0] = rng.uniform(0.5, 1, shape[:2])
    scores[:, :, 1:][rng.random((*shape[:2], n_candidates - 1)) < 0.25] = 0.01
    for keypoint in range(N_KEYPOINTS):
        for start in rng.integers(0, n_frames, n_frames // 65):
            run = slice(start, start + rng.integers(1, 13))
            seen[run, keypoint] = False
            scores[run, keypoint, 0 if rng.random() < 2 / 3 else slice(None)] = 0.01
    points[seen, 0] = (truth + rng.normal(0, 1.5, truth.shape))[seen]
    if n_candidates > 1:
        confused = rng.random(shape[:2]) < 1 / 3
        points[confused, 1] = (np.roll(truth, 1, axis=1) + rng.normal(0, 1.5, truth.shape))[confused]

    order = np.argsort(-scores, axis=-1)
    points = np.take_along_axis(points, order[..., None], axis=2)
    return truth, points, np.take_along_axis(scores, order, axis=2)


def run_ours(name: str, points: Array, scores: Array) -> Result:
    # The older Anipose's Python, which runs this file too, has no such modules.
    from anipose.filters.median import filter_median
    from anipose.filters.viterbi import filter_viterbi

    thresholds = {"offset_threshold": OFFSET_THRESHOLD, "score_threshold": SCORE_THRESHOLD}
    start = time.process_time()
    if name == "viterbi":
        filtered, filtered_scores = filter_viterbi(points, scores, n_back=N_BACK, **thresholds)
    else:
        best, filtered_scores = points[:, :, 0], scores[:, :, 0]
        filtered = filter_median(best, filtered_scores, size=MEDFILT, spline=True, **thresholds).points
    return filtered, filtered_scores, time.process_time() - start


def run_peer(name: str, points: Array, scores: Array) -> Result:
    """The functions of the older Anipose that do the work, without its process pool; in its Python."""
    from anipose import filter_pose

    warnings.simplefilter("ignore")  # its logarithms of 0
    settings = {"medfilt": MEDFILT, "spline": True}
    settings |= {"offset_threshold": OFFSET_THRESHOLD, "score_threshold": SCORE_THRESHOLD}
    start = time.process_time()
    if name == "viterbi":
        points = np.where((scores < SCORE_THRESHOLD)[..., None], np.nan, points)
        paths = [
            filter_pose.viterbi_path(points[:, k], scores[:, k], N_BACK, OFFSET_THRESHOLD)
            for k in range(N_KEYPOINTS)
        ]
        filtered, filtered_scores = (np.stack(parts, axis=1) for parts in zip(*paths, strict=True))
    else:
        candidates = np.concatenate([points, scores[..., None]], axis=-1)
        filtered, filtered_scores = filter_pose.filter_pose_medfilt(
            {"filter": settings}, candidates, range(N_KEYPOINTS)
        )
    return filtered, filtered_scores, time.process_time() - start


def run_peer_in_its_python(python: str, name: str, points: Array, scores: Array) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        given, filtered = Path(folder) / "given.npz", Path(folder) / "filtered.npz"
        np.savez(given, points=points, scores=scores)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        subprocess.run([python, __file__, AS_PEER, name, str(given), str(filtered)], check=True, env=clean)
        with np.load(filtered) as arrays:
            return arrays["points"], arrays["scores"], float(arrays["seconds"])


def serve_as_peer(name: str, given: str, filtered: str) -> None:
    with np.load(given) as arrays:
        points, scores, seconds = run_peer(name, arrays["points"], arrays["scores"])
    np.savez(filtered, points=points, scores=scores, seconds=seconds)


def at_minus_1(points: Array) -> NDArray[np.bool_]:
    """Where the viterbi filter of the older Anipose has missing points."""
    missing: NDArray[np.bool_] = (points == -1).all(axis=-1)
    return missing


def share_wrong(points: Array, truth: Array) -> float:
    """NaN is not wrong, (-1, -1) is: it says that the point is there."""
    return float((np.linalg.norm(points - truth, axis=-1) > WRONG_PX).mean())


def share_different(ours: Array, peers: Array) -> float:
    """Where both have a point, but not the same, or only one of them has."""
    peers = np.where(at_minus_1(peers)[..., None], np.nan, peers)
    return float(1 - np.isclose(ours, peers, rtol=0, atol=1e-6, equal_nan=True).all(axis=-1).mean())


def row(name: str, n_frames: int, seed: int, python: str | None) -> list[str]:
    """What `HEADS` says, for one filter."""
    truth, points, scores = synthetic_candidates(n_frames, N_CANDIDATES[name], seed)
    best = points[:, :, 0]
    ours, _, seconds = run_ours(name, points, scores)
    cells = [name, f"{seconds:.3f}", "-", "-", f"{share_wrong(best, truth):.2%}"]
    cells += [f"{share_wrong(ours, truth):.2%}", "-", "-", "-"]
    if python:
        peers, _, peer_seconds = run_peer_in_its_python(python, name, points, scores)
        cells[2:4] = [f"{peer_seconds:.3f}", f"{peer_seconds / seconds:.1f}"]
        cells[6:8] = [f"{share_wrong(peers, truth):.2%}", f"{at_minus_1(peers).mean():.2%}"]
        cells[8] = f"{share_different(ours, peers):.3%}"
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{arguments.frames} frames × {N_KEYPOINTS} keypoints × {N_CANDIDATES} candidates")
    python = os.environ.get(PEER_PYTHON)
    if not python:
        print(f"no columns for the older Anipose: {PEER_PYTHON} does not name a Python that has it")
    rows = [row(name, arguments.frames, arguments.seed, python) for name in N_CANDIDATES]
    for name, *cells in [HEADS, *rows]:
        print(f"{name:10}" + "".join(f"{cell:>13}" for cell in cells))


if __name__ == "__main__":
    if sys.argv[1:2] == [AS_PEER]:
        serve_as_peer(*sys.argv[2:])
    else:
        main()
