"""Calibration from corners: speed, accuracy against the Cramér-Rao bound, and success, beside the peer.

    ANIPOSE_PEER_PYTHON=/path/to/python python benchmarks/calibration.py [--long] [--rigs 500] [--real]

CPU seconds with one thread. The bound is the covariance at the truth with all corners right. The peer is
aniposelib, run by the Python that has it installed; without the variable its column says so. `--rigs` adds
random rigs, of which the peer gets the first `--peer-rigs`; `--real` the recordings of ../shared/data.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from anipose.arrays import NDArray
from anipose.boards import ArucoBoard, Board, CharucoBoard, Checkerboard
from anipose.detection import detect_in_video
from anipose.errors import CalibrationError
from anipose.geometry.board_errors import intrinsics_of
from anipose.geometry.board_views import Seen
from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.calibration_start import LensSettings
from anipose.geometry.cameras import Cameras
from anipose.geometry.intrinsics import LensModel
from anipose.geometry.transforms import rigid, rotation_matrix
from anipose.io.video import image_files, probe, read_gray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from board_rigs import BOARD, Scene, bound, errors, film, make_cameras
from random_rigs import RandomRig, fault_of, random_rig

Array = NDArray[np.float64]

DATA = Path(__file__).parents[2] / "shared" / "data"
PEER = os.environ.get("ANIPOSE_PEER_PYTHON")
# Nine numbers per camera, which depend on each other, are no measure: so many draws of the noise are.
DRAWS = 24
POSES, LENSES = slice(0, 6), (6, 8, 9, 10, 11)  # fx, cx, cy, k1, k2
# The peer is given up after so many CPU seconds.
PATIENCE = {"speed": 300, "rig": 120}
MODELS: tuple[LensModel, ...] = ("k1", "k1 k2", "k1 k2 p1 p2 k3")
SHOWN = {"mouse-4cam": (CharucoBoard(8, 11, 24.0, 18.75, 4, 1000), False)}
SHOWN |= {"charuco-4cam-room": (CharucoBoard(4, 5, 54.0, 40.5, 4, 1000), False)}
SHOWN |= {"aruco-grid-1cam": (ArucoBoard(4, 5, 37.5, 5.0, 6, 1000), False)}
SHOWN |= {"checkerboard-stereo": (Checkerboard(9, 6, 30.0), False)}
SHOWN |= {"fisheye-1cam": (Checkerboard(15, 9, 26.0), True)}


@dataclass(frozen=True, eq=False)
class Found:
    """A calibration: CPU seconds, the parameters of its cameras, and who they are."""

    seconds: float
    intrinsics: Array
    poses: Array
    names: tuple[str, ...]
    left_out: Mapping[str, str]

    def in_bounds(self, scene: Scene, deviation: Array) -> Array:
        """(camera, 15), errors over their bounds; 0 where nothing is to be found."""
        off = errors(self.intrinsics, self.poses, scene.cameras.subset(self.names))
        return np.divide(off, deviation, out=np.zeros(off.shape), where=deviation > 0)


def ours(scene: Scene) -> Found:
    before = time.process_time()
    result = calibrate(scene.seen, BOARD.points, neighbours=BOARD.neighbours)
    seconds = time.process_time() - before
    cameras = result.cameras
    intrinsics = np.stack([intrinsics_of(camera) for camera in cameras])
    return Found(seconds, intrinsics, cameras.cam_from_world, cameras.names, result.left_out)


def peers(scene: Scene, patience: int) -> tuple[Found | None, str]:
    """The peer's calibration; or none, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "in.npz", Path(folder) / "out.npz"
        sizes = np.array([one.size for one in scene.seen.values()])
        arrays = {"sizes": sizes, "squares": np.array([10, 7]), "square": np.array(25.0)}
        for i, one in enumerate(scene.seen.values()):
            arrays |= {f"frames{i}": one.frames, f"corners{i}": one.corners}
        np.savez(given, **arrays)  # type: ignore[arg-type]
        script = Path(__file__).with_name("peer_calibration.py")
        command = [str(PEER), str(script), str(given), str(found), str(patience)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if ended.returncode == -signal.SIGXCPU:
            return None, f"over {patience} CPU s"
        if ended.returncode:
            raise RuntimeError(f"{script.name} by {PEER}: {ended.stderr}")
        result = np.load(found)
        if "matrices" not in result:
            return None, "failed"
        intrinsics = np.zeros((len(sizes), 9))
        intrinsics[:, :4] = result["matrices"][:, [0, 1, 0, 1], [0, 1, 2, 2]]
        intrinsics[:, 4:] = result["distortions"][:, :5]
        turns = rotation_matrix(result["rotations"].reshape(-1, 3))
        poses = rigid(turns, result["translations"].reshape(-1, 3))
        return Found(float(result["cpu_seconds"]), intrinsics, poses, scene.cameras.names, {}), ""


def in_short(off: list[Array]) -> str:
    """Root mean square of errors over their bounds, of poses and of lenses."""
    poses = np.concatenate([one[1:, POSES].ravel() for one in off])
    lenses = np.concatenate([one[:, LENSES].ravel() for one in off])
    return ", ".join(f"{np.sqrt(np.mean(values**2)):.2f}" for values in (poses, lenses))


def speed_and_accuracy(*, long: bool) -> None:
    print(
        f"cameras x frames, outliers | CPU s: ours, peer | error / bound, rms of {DRAWS} draws, ours: poses, "
        "lenses | peer, of one draw"
    )
    cases = [(3, 300, 0.0), (3, 300, 0.02), (6, 300, 0.0), (6, 300, 0.02), (12, 100, 0.0), (12, 100, 0.02)]
    for n_cameras, n_frames, outliers in cases + ([(12, 1000, 0.02)] if long else []):
        off, seconds = [], []
        for draw in range(DRAWS if n_frames < 1000 else 1):
            rng = np.random.default_rng([n_cameras + n_frames, draw])
            scene = film(make_cameras("ring", n_cameras, rng), n_frames, rng, outliers=outliers)
            found = ours(scene)
            seconds.append(found.seconds)
            off.append(found.in_bounds(scene, bound(scene, scene.cameras.names)))
        line = f"{n_cameras} x {n_frames}, {outliers:.0%} | {np.median(seconds):.2f}, "
        if PEER is None:
            print(f"{line}not measured | {in_short(off)} | set ANIPOSE_PEER_PYTHON", flush=True)
            continue
        other, failure = peers(scene, PATIENCE["speed"])
        if other is None:
            print(f"{line}{failure} | {in_short(off)} | -", flush=True)
            continue
        of_peer = in_short([other.in_bounds(scene, bound(scene, scene.cameras.names))])
        factor = other.seconds / np.median(seconds)
        print(f"{line}{other.seconds:.1f} ({factor:.0f} x) | {in_short(off)} | {of_peer}", flush=True)


def away(rig: RandomRig, found: Found) -> tuple[float, bool]:
    """How far the cameras that can be calibrated are off: median of the poses in bounds; and whether near.

    Near is each within a degree and 2 % of its distance (some 12 mm) of where it is, seen from the first.
    """
    names = rig.calibrated
    kept = [found.names.index(name) for name in names]
    found = replace(found, intrinsics=found.intrinsics[kept], poses=found.poses[kept], names=names)
    in_bounds = found.in_bounds(rig.scene, bound(rig.scene, names))
    truth = rig.scene.cameras.subset(names)
    off = errors(found.intrinsics, found.poses, truth)
    turned, shifted = (np.linalg.norm(off[:, part], axis=1) for part in (slice(0, 3), slice(3, 6)))
    distances = np.linalg.norm(truth.cam_from_world[:, :, 3], axis=1)
    near = bool((np.degrees(turned) < 1).all() and (shifted < 0.02 * distances).all())
    return float(np.median(np.abs(in_bounds[1:, POSES]))), near


def became(rig: RandomRig, found: Found | None, failure: str) -> str:
    """What became of a rig by one criterion for us and the peer, who names no cause and leaves out no camera.

    Only the cameras that can be calibrated count. A failure of any kind is a refusal.
    """
    if found is None or not set(rig.calibrated) <= set(found.names):
        return failure
    if not rig.calibrated:
        return "calibrated"
    in_bounds, near = away(rig, found)
    return "right" if in_bounds < 3 else "near" if near else "wrong"


def success(n_rigs: int, of_peer: int) -> None:
    """Random rigs: right within 3 bounds (median over poses), or refused with the right cause."""
    right: Counter[tuple[str, bool]] = Counter()
    drawn: Counter[tuple[str, bool]] = Counter()
    beside: Counter[tuple[str, bool, str]] = Counter()
    before = time.process_time()
    for seed in range(n_rigs):
        rig = random_rig(seed)
        found, message = None, ""
        try:
            found = ours(rig.scene)
        except CalibrationError as error:
            message = str(error)
        names = () if found is None else found.names
        same = found is not None and names == rig.calibrated
        off = away(rig, found)[0] if found is not None and same and names else 0.0
        fault = fault_of(rig, names, {} if found is None else found.left_out, message, off)
        key = rig.kind, bool(rig.calibrated)
        drawn[key] += 1
        right[key] += not fault
        if fault:
            print(f"rig {seed}, {rig.kind}, {len(rig.scene.cameras)} cameras: {fault}", flush=True)
        if PEER is not None and seed < of_peer:
            other, failure = peers(rig.scene, PATIENCE["rig"])
            theirs = became(rig, other, failure)
            beside["ours", key[1], became(rig, found, "refused")] += 1
            beside["peer", key[1], theirs] += 1
            print(f"  rig {seed}, {rig.kind}, {len(rig.scene.cameras)} cameras: peer {theirs}", flush=True)
    print("kind of rig | to be calibrated: right of | to be refused: with the right cause of")
    for kind in dict.fromkeys(kind for kind, _ in drawn):
        counts = [f"{right[kind, can]} of {drawn[kind, can]}" for can in (True, False)]
        print(f"{kind} | {' | '.join(counts)}")
    of_all = [
        f"{sum(n for (_, is_), n in right.items() if is_ == can)} of "
        f"{sum(n for (_, is_), n in drawn.items() if is_ == can)}"
        for can in (True, False)
    ]
    print(f"all | {' | '.join(of_all)}")
    if beside:
        _print_beside(beside)
    print(f"{time.process_time() - before:.0f} CPU s of ours, with making the rigs")


def _print_beside(beside: Counter[tuple[str, bool, str]]) -> None:
    """One criterion for both, causes not asked for."""
    ends = ("right", "near", "wrong", "calibrated", "refused", "failed", f"over {PATIENCE['rig']} CPU s")
    print("the first rigs, by one criterion | to be calibrated | to be refused")
    for who in ("ours", "peer"):
        cells = [
            ", ".join(f"{beside[who, can, end]} {end}" for end in ends if beside[who, can, end])
            for can in (True, False)
        ]
        print(f"{who} | {' | '.join(cells)}")


def look(folder: Path, board: Board) -> dict[str, Seen]:
    """The board in the videos of a recording, by camera."""
    seen = {}
    for video in sorted((folder / "experiment" / "session1" / "calibration").iterdir()):
        info = probe(video)
        frames, corners = detect_in_video(board, read_gray(video))
        seen[video.stem] = Seen(frames, corners, (info.width, info.height), info.n_frames)
    return seen


def real() -> None:
    print(
        "recording | cameras | frames | error px: median | held out | held-out distances off by %, bias % | "
        "by noise alone, by noise and board"
    )
    recordings = {name: look(DATA / name, board) for name, (board, _) in SHOWN.items()}
    for name, (board, fisheye) in SHOWN.items():
        lenses = dict.fromkeys(recordings[name], LensSettings(fisheye))
        print(f"{name} | {_figures(_calibrated(recordings[name], board, lenses))}", flush=True)
    board = Checkerboard(9, 6, 1.0)
    pictures = [path for path in image_files(DATA / "checkerboard-images") if path.stem.startswith("cam_0")]
    found = [(i, *detect_in_video(board, read_gray(path))) for i, path in enumerate(pictures)]
    frames = np.array([i for i, frames, _ in found if len(frames)])
    corners = np.concatenate([corners for _, frames, corners in found if len(frames)])
    try:
        result = calibrate({"cam_0": Seen(frames, corners, (1280, 720))}, board.points)
        print(f"checkerboard-images, camera 0 | {_figures(result)}")
    except CalibrationError as error:
        print(f"checkerboard-images, camera 0 | {' '.join(str(error).split())}")
    print(
        "model of the lenses | in views held out: median px | how much worse than chosen, px^2, in its errors"
    )
    for name, (board, fisheye) in SHOWN.items():
        if not fisheye:
            _compare_models(name, recordings[name], board)


def _calibrated(
    seen: Mapping[str, Seen], board: Board, lenses: Mapping[str, LensSettings]
) -> CalibrationResult:
    return calibrate(
        seen, board.points, lenses=lenses, symmetries=board.symmetries, neighbours=board.neighbours
    )


def _compare_models(name: str, seen: Mapping[str, Seen], board: Board) -> None:
    """Whether another choice would have predicted views held out better than the one that was made."""
    chosen = _calibrated(seen, board, {})
    print(f"{name}: {', '.join(chosen.models)} | {chosen.cameras.metadata['held_out_error']:.3f}")
    for model in MODELS:
        other = _calibrated(seen, board, dict.fromkeys(seen, LensSettings(models=(model,))))
        worse = _squares(other) - _squares(chosen)
        off = worse.mean() / (worse.std() / np.sqrt(len(worse)) + 1e-12)
        error = other.cameras.metadata["held_out_error"]
        print(f"  {model} for all | {error:.3f} | {worse.mean():+.4f}, {off:+.1f}", flush=True)


def _squares(result: CalibrationResult) -> Array:
    """Of the views held out, the mean squared errors of corners; none counts as more than 5 deviations."""
    assert result.held_out is not None
    squares = (result.held_out.errors**2).sum(-1)
    means: Array = np.nanmean(np.minimum(squares, 25 * np.nanmedian(squares) / 1.39), axis=1)
    return means


def _figures(result: CalibrationResult) -> str:
    cameras: Cameras = result.cameras
    metadata = cameras.metadata
    cells = [str(len(cameras)), str(len(result.frames)), f"{metadata['error']:.3f}"]
    cells.append(f"{metadata['held_out_error']:.3f}" if "held_out_error" in metadata else "too few frames")
    if "held_out_edge_error_percent" in metadata:
        percent = metadata["held_out_edge_error_percent"], metadata["held_out_edge_bias_percent"]
        cells.append(f"{percent[0]:.2f}, {percent[1]:+.2f}")
        by_noise = metadata["held_out_edge_noise_percent"], metadata["held_out_edge_expected_percent"]
        cells.append(f"{by_noise[0]:.2f}, {by_noise[1]:.2f}")
    else:
        cells.append("one camera")
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--rigs", type=int, default=0)
    parser.add_argument("--peer-rigs", type=int, default=50)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--no-speed", action="store_true", help="only what else is asked for")
    options = parser.parse_args()
    if not options.no_speed:
        speed_and_accuracy(long=options.long)
    if options.rigs:
        success(options.rigs, options.peer_rigs)
    if options.real:
        real()


if __name__ == "__main__":
    main()
