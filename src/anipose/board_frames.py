"""Which frames of calibration videos are looked at, and which are used: coarse first, then finer.

Every camera looks at the same numbers of frames, so that boards are seen together. Nothing here opens a file.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from anipose.arrays import NDArray
from anipose.geometry.board_graph import connected_groups
from anipose.geometry.board_views import view_features
from anipose.io.detections import BoardDetections

Frames = Int[NDArray[np.int64], "frame"]

# The first look is at so many frames at most.
FIRST_LOOK = 256
# Frames are looked at in blocks with gaps between: to decode a frame takes all those from the keyframe before
# it, which comes every 250 frames in most videos.
BLOCK = 256
# A camera with this many views that differ has enough; with fewer, it looks at more frames, up to so many.
ENOUGH_VIEWS, MOST_LOOKS = 30, 1024
# Or this many views, once there are no gaps: those between them would hardly differ from them.
ENOUGH_ALIKE = 60
# Views differ by this in `view_features`: a shift by 5 % of the picture, or 10 % in size or shape.
DIFFERENCE = 0.1
# Views of the same pose are dropped if a camera has this many without them.
MANY_VIEWS = 100
# Pairs of cameras with fewer shared views look at more frames, each at so many more at most.
ENOUGH_SHARED, MOST_MORE = 20, 256


def looks(n_frames: int) -> Iterator[Frames]:
    """Frames to look at, one portion after the other until there is enough: each is finer than all before.

    The frames of a video a bit longer are the same, or each second of them.
    """
    thinning = 0
    while n_frames > FIRST_LOOK << thinning:
        thinning += 1
    gaps = max(0, thinning - 2) // 2
    frames = np.arange(n_frames)
    seen = np.zeros(n_frames, bool)
    for step, gap in _finer(thinning - gaps, gaps):
        now = (frames % (1 << step) == 0) & ((frames // BLOCK) % (1 << gap) == 0) & ~seen
        seen |= now
        yield np.flatnonzero(now)


def _finer(step: int, gap: int) -> Iterator[tuple[int, int]]:
    """Powers of 2 of the distance of frames and of blocks: gaps are closed first."""
    yield step, gap
    yield from ((step, closer) for closer in range(gap - 1, -1, -1))
    yield from ((closer, 0) for closer in range(step - 1, -1, -1))


def are_enough(found: BoardDetections) -> bool:
    """Whether a camera has seen enough boards for its lens and for links to others."""
    if count_different(found) >= ENOUGH_VIEWS:
        return True
    apart = np.diff(found.looked_at) if found.looked_at is not None else np.ones(1)
    has_gaps = len(apart) > 0 and apart.max() > np.median(apart)
    return len(found.frames) >= ENOUGH_ALIKE and not has_gaps


def count_different(found: BoardDetections) -> int:
    """How many views there are that differ from one another; a board that is held still is one view."""
    return int(_new_views(found).sum()) if len(found.frames) else 0


def _new_views(found: BoardDetections) -> NDArray[np.bool_]:
    """Whether each view differs from all those before it that do."""
    features = view_features(found.corners, found.size)
    new = np.zeros(len(features), bool)
    for number, feature in enumerate(features):
        others = features[:number][new[:number]]
        new[number] = not (np.linalg.norm(others - feature, axis=1) < DIFFERENCE).any()
    return new


def used_frames(found: Mapping[str, BoardDetections]) -> Frames:
    """The frames that bring something: a view of a camera that differs from its others, or that has few."""
    used: set[int] = set()
    for one in found.values():
        if len(one.frames):
            new = _new_views(one)
            if new.sum() < MANY_VIEWS:
                # those that are alike are thinned evenly
                alike = np.flatnonzero(~new)
                count = min(len(alike), MANY_VIEWS - int(new.sum()))
                new[alike[np.linspace(0, len(alike) - 1, count).astype(int)]] = True
            used.update(one.frames[new].tolist())
    return np.array(sorted(used), np.int64)


def missing_frames(camera: str, found: Mapping[str, BoardDetections]) -> Frames:
    """Frames that a camera has not looked at and should, for views that it shares with others."""
    names = list(found)
    frames = {name: set(one.frames.tolist()) for name, one in found.items()}
    own = found[camera]
    shared = np.array([[len(frames[a] & frames[b]) for b in names] for a in names])
    wanted: set[int] = set()
    for other in names:
        few = len(frames[camera] & frames[other]) < ENOUGH_SHARED
        if other != camera and few and frames[camera] and frames[other]:
            between = _near(own) & _near(found[other])
            wanted |= _some(sorted((between | frames[other]) - _looked_at(own)))
    if len(connected_groups(shared)) > 1:
        everywhere = np.arange(0, own.n_frames, max(1, own.n_frames // MOST_LOOKS))
        wanted |= set(everywhere.tolist()) - _looked_at(own)
    return np.array(sorted(wanted), np.int64)


def _looked_at(one: BoardDetections) -> set[int]:
    return set(range(one.n_frames) if one.looked_at is None else one.looked_at.tolist())


def _near(one: BoardDetections) -> set[int]:
    """Frames between one with the board and the next that were looked at."""
    if one.looked_at is None or len(one.looked_at) < 2:
        return set(one.frames.tolist())
    step = int(np.diff(one.looked_at).min())
    reach = np.arange(-step + 1, step)
    near = np.unique(one.frames[:, None] + reach)
    return set(near[(near >= 0) & (near < one.n_frames)].tolist())


def _some(frames: Sequence[int]) -> set[int]:
    places = np.linspace(0, len(frames) - 1, min(MOST_MORE, len(frames))).astype(int)
    return {frames[place] for place in places}
