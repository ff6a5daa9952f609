"""Rigs drawn at random, most of which can be calibrated, and what must become of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from anipose.geometry.board_graph import connected_groups
from anipose.geometry.board_views import Seen
from anipose.geometry.bundle import FX, N_POSE
from board_rigs import SIZE, Scene, bound, film, make_cameras, only

# As the gates of a calibration: with fewer views, or a focal length less certain than 5 %, there is none.
# Rigs in between are drawn again, as either answer is right.
MIN_VIEWS, CERTAIN_FOCAL, UNCERTAIN_FOCAL = 3, 0.04, 0.065
LAYOUTS = ("ring", "wall", "opposed", "one-sided")
SOUND = ("tilted", "few frames", "sweep", "chain")
FAULTY = ("no link", "two groups", "few views", "one with few views", "sweep along the picture", "mirrored")
FAULTY += ("out of step", "no board")
# What is said of a camera that is left out, or instead of a calibration.
FEW, UNLINKED = "the board was found in", "never together with"
NO_LINKS, NO_BOARD = "never saw the board at the same time", "do not lie on a flat board"
NO_FOCAL, MIRRORED = "the views do not tell its focal length", "sees the board mirrored"
OUT_OF_STEP = "are not of the same time"


@dataclass(frozen=True, eq=False)
class RandomRig:
    """A rig, and what must become of it.

    Attributes:
        kind: how it was made.
        calibrated: names of the cameras that can be calibrated; empty if there is to be no calibration.
        causes: why others are left out, by name; or why there is no calibration, each with its camera.
    """

    kind: str
    scene: Scene
    calibrated: tuple[str, ...]
    causes: Mapping[str, str]


def random_rig(seed: int) -> RandomRig:
    """A rig of 2 to 16 cameras, 1 to 10 % of the corners grossly wrong; each fifth has a fault."""
    kinds, layout = (FAULTY, seed // 5) if seed % 5 == 4 else (SOUND, seed)
    for attempt in range(100):
        rng = np.random.default_rng([seed, attempt])
        kind = kinds[seed // (20 if kinds is FAULTY else 4) % len(kinds)]
        rig = make_rig(kind, LAYOUTS[layout % len(LAYOUTS)], int(rng.integers(2, 17)), rng)
        if rig is not None:
            return rig
    raise ValueError(f"no rig of seed {seed} is clearly calibratable or clearly not")


def make_rig(kind: str, layout: str, n_cameras: int, rng: np.random.Generator) -> RandomRig | None:
    """A rig of a kind; None if its bound does not clearly say whether it can be calibrated."""
    n_cameras = max(n_cameras, 4 if kind in ("two groups", "one with few views", "no board") else 2)
    along = kind == "sweep along the picture"
    sweep = along or kind == "sweep"
    views_each = int(rng.integers(4, 8)) if kind == "few frames" else int(rng.integers(12, 30))
    # In turn before each pair of neighbours, a camera sees a third to a half of the boards.
    n_frames = views_each if sweep else views_each * (n_cameras + 1) // 2
    scene = film(
        make_cameras("parallel" if along else layout, n_cameras, rng),
        n_frames,
        rng,
        outliers=rng.uniform(0.01, 0.1),
        sweep=sweep,
    )
    scene, fault = _with_fault(kind, scene, rng)
    return _judged(kind, scene, fault)


def _with_fault(kind: str, scene: Scene, rng: np.random.Generator) -> tuple[Scene, dict[str, str]]:
    """The scene with a fault, and the causes that do not follow from which views there are."""
    seen, names, causes = dict(scene.seen), list(scene.seen), {}
    chosen = names[int(rng.integers(len(names)))]
    one = seen[chosen]
    if kind == "chain":
        # Every frame is left to two cameras at most that are neighbours in the order of their names.
        first = rng.integers(len(names), size=len(scene.boards))
        for number, name in enumerate(names):
            own = first[seen[name].frames]
            seen[name] = only(seen[name], (own == number) | (own == number - 1))
    elif kind == "no link":
        for number, name in enumerate(names):
            seen[name] = only(seen[name], seen[name].frames % len(names) == number)
    elif kind == "two groups":
        size = int(rng.integers(2, len(names) - 1))
        for number, name in enumerate(names):
            seen[name] = only(seen[name], seen[name].frames % 2 == (number < size))
    elif kind == "few views":
        seen = {name: only(own, np.arange(len(own.frames)) < 2) for name, own in seen.items()}
    elif kind == "one with few views":
        seen[chosen] = only(one, np.arange(len(one.frames)) < 2)
    elif kind == "mirrored":
        seen[chosen] = replace(one, corners=one.corners * [-1, 1] + [SIZE[0] - 1, 0])
        causes[chosen] = MIRRORED
    elif kind == "out of step":
        seen[chosen] = replace(one, corners=np.roll(one.corners, max(1, len(one.frames) // 3), axis=0))
        causes[chosen] = OUT_OF_STEP
    elif kind == "no board":
        anywhere = rng.uniform(0, SIZE, one.corners.shape)
        seen[chosen] = replace(one, corners=np.where(np.isfinite(one.corners), anywhere, np.nan))
        causes[chosen] = NO_BOARD
    return replace(scene, seen=seen), causes


def _judged(kind: str, scene: Scene, fault: dict[str, str]) -> RandomRig | None:
    """What follows from which views there are, and from the bound."""
    causes = {name: FEW for name, one in scene.seen.items() if len(one.frames) < MIN_VIEWS}
    if len(scene.seen) - len(causes) < 2:
        return RandomRig(kind, scene, (), causes)
    causes |= {name: cause for name, cause in fault.items() if cause == NO_BOARD}
    group = _largest_group({name: one for name, one in scene.seen.items() if name not in causes})
    rest = [name for name in scene.seen if name not in (*causes, *group)]
    if len(group) < 2:
        return RandomRig(kind, scene, (), dict.fromkeys((*group, *rest), NO_LINKS))
    causes |= dict.fromkeys(rest, UNLINKED)
    if kind in ("mirrored", "out of step"):
        # Where only some are connected, it may be that the fault is not among them.
        return None if causes else RandomRig(kind, scene, (), fault)
    focal = np.array([camera.matrix[0, 0] for camera in scene.cameras.subset(group)])
    uncertain = bound(scene, group)[:, N_POSE + FX] / focal
    if uncertain.max() < CERTAIN_FOCAL:
        return RandomRig(kind, scene, group, causes)
    if uncertain.max() < UNCERTAIN_FOCAL:
        return None
    return RandomRig(kind, scene, (), {group[int(uncertain.argmax())]: NO_FOCAL})


def _largest_group(seen: Mapping[str, Seen]) -> tuple[str, ...]:
    """The cameras that are connected by frames that two see; of two such groups, the one with more frames."""
    names = list(seen)
    found = np.zeros((len(names), 1 + max(int(one.frames.max()) for one in seen.values())), int)
    for number, one in enumerate(seen.values()):
        found[number, one.frames] = 1
    shared = found @ found.T
    groups = connected_groups(shared)
    largest = max(groups, key=lambda group: (len(group), int(shared[np.ix_(group, group)].sum())))
    return tuple(names[camera] for camera in largest)


def fault_of(
    rig: RandomRig, names: tuple[str, ...], left_out: Mapping[str, str], message: str, off: float
) -> str:
    """What is wrong with a result; empty if nothing is.

    Args:
        names: the cameras that were calibrated; none if it was refused.
        message: the refusal.
        off: median error over its bound of the poses, if the cameras are the right ones.
    """
    if not rig.calibrated:
        if names:
            return "calibrated, but cannot be"
        ok = all(cause in message and name in message for name, cause in rig.causes.items())
        return "" if ok else f"refused for another reason than {dict(rig.causes)}: {message}"
    if names != rig.calibrated:
        return f"calibrated {names}, not {rig.calibrated}: {message}{dict(left_out)}"
    if any(cause not in left_out.get(name, "") for name, cause in rig.causes.items()):
        return f"left out for other reasons than {dict(rig.causes)}: {dict(left_out)}"
    return "" if off < 3 else f"{off:.1f} bounds off"
