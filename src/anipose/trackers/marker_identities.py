"""Which of several markers of one colour is which, over a whole recording.

From frame to frame a marker is the blob nearest to where it is expected. Where markers were hidden or lay on
each other, that is a guess made before it is seen how they go on. So the tracks are cut there, and what is
left, pieces in which there is no doubt, is joined again: each end of a piece to the start of a later one, all
at once, at the least cost in all (Jaqaman et al. 2008).

A marker at p with velocity v, and at p' with v' after n frames, has the differences p' - p - n (v + v') / 2
and v' - v, which are independent if its acceleration is random; or, with the accelerations, the next such
terms. How large these are after n frames is seen in the pieces themselves, so it is known how likely each
join is, and how much likelier than with two of them exchanged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from anipose.arrays import NDArray
from anipose.filters.median import running_median

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

# Position, velocity and acceleration are found from this many frames; shorter pieces have none.
WINDOW = 5
# The usual area is the median over so many frames. A blob that differs by more is two markers, or a part.
USUAL_FRAMES, UNUSUAL_AREA = 121, 0.15
# Degrees of freedom: markers jump more often than a normal distribution would have it.
TAILS = 3.0
# Nothing is as near as less than this (pixels), since markers are hidden and come out bit by bit.
LEAST_PX = 0.5
# A piece that is not joined costs as much as one that comes out some 30 times as far off as is usual.
ALONE = 30.0
# What each of the differences is of: 0 positions, 1 velocities, 2 accelerations; and with which power of the
# time it grows at most, if a movement is smooth.
DERIVATIVES = np.array([0, 1, 0, 1, 2])
GROWTH = np.array([3, 1, 5, 3, 1])
# A gap between pieces may be this many times longer than a marker may be hidden: it may be hidden twice with
# hardly a piece between, or lie on another one before and after.
LONGER = 5
# In recordings that are too short to tell, markers change their velocity by so many pixels in a frame.
ACCELERATION = 0.03
# So many examples tell how far a marker goes in n frames. The median distance in a plane is 1.18 deviations.
FEWEST_EXAMPLES, RAYLEIGH_MEDIAN = 10, 1.18


@dataclass(frozen=True)
class Piece:
    """Frames `first` to `last` of one track, in which there is no doubt.

    Attributes:
        track: its column.
        states: position, velocity and acceleration from the middle of the first window on.
        name: the column that it belongs to.
        surely: the chance that it does.
    """

    track: int
    first: int
    last: int
    states: Float[Array, "window 3 2"]
    name: int = -1
    surely: float = 1.0


def identified(
    points: Float[Array, "frame marker 2"],
    scores: Float[Array, "frame marker"],
    doubtless: Bool[NDArray[np.bool_], "frame marker"],
    max_gap: int,
) -> tuple[Float[Array, "frame marker 2"], Float[Array, "frame marker"]]:
    """The points in the columns of their markers, and scores times the chance that these are the right ones.

    Whoever was mixed up once stays so: a doubt about a join holds for all that comes after it.

    Args:
        points: tracks of markers that look the same, pixels; NaN where a marker is not seen.
        scores: of the points.
        doubtless: where a marker is seen by itself.
        max_gap: over more frames than this, pieces are not joined by how they move.
    """
    pieces = _named(_joined(_pieces(points, doubtless), max_gap), points.shape[1])
    if len(pieces) <= points.shape[1] and all(piece.name == piece.track for piece in pieces):
        return points, scores  # no marker was ever lost
    result, rated = np.full_like(points, np.nan), np.full_like(scores, np.nan)
    rest = np.isfinite(scores)
    for piece in pieces:
        frames = slice(piece.first, piece.last + 1)
        rest[frames, piece.track] = False
        if piece.name >= 0:
            result[frames, piece.name] = points[frames, piece.track]
            rated[frames, piece.name] = scores[frames, piece.track] * piece.surely
    expected, surely = _between(pieces, len(points), points.shape[1])
    for frame in np.flatnonzero(rest.any(axis=1)):
        tracks, names = np.flatnonzero(rest[frame]), np.flatnonzero(np.isnan(rated[frame]))
        distance = np.linalg.norm(points[frame, tracks][:, None] - expected[frame, names], axis=-1)
        # Before the first piece of a marker and after the last one, it is what its track says.
        other = 1e6 * (tracks[:, None] != names)
        rows, columns = linear_sum_assignment(np.where(np.isnan(distance), 1e3 + other, distance))
        nearness = np.nan_to_num(1 / (LEAST_PX + distance) ** 2, nan=1e-6)
        chance = nearness[rows, columns] / nearness[rows].sum(axis=1) * surely[frame, names[columns]]
        result[frame, names[columns]] = points[frame, tracks[rows]]
        rated[frame, names[columns]] = scores[frame, tracks[rows]] * chance
    return result, rated


def seen_alone(areas: Float[Array, "frame marker"]) -> Bool[NDArray[np.bool_], "frame marker"]:
    """Where there is no doubt that a blob is one marker, and the whole of it: its area is the usual one.

    Args:
        areas: NaN where a marker is not seen, or was taken out of a blob.
    """
    return np.asarray(np.abs(areas / running_median(areas, USUAL_FRAMES) - 1) < UNUSUAL_AREA)


def _pieces(points: Array, doubtless: Mask) -> list[Piece]:
    """Runs of frames that are long enough for a velocity, by their first frame."""
    pieces = []
    for track in range(points.shape[1]):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], doubtless[:, track].astype(np.int8), [0]])))
        for first, stop in edges.reshape(-1, 2).tolist():
            if stop - first >= WINDOW:
                states = _states(points[first:stop, track])
                pieces.append(Piece(track, first, stop - 1, states))
    return sorted(pieces, key=lambda piece: (piece.first, piece.track))


def _states(run: Float[Array, "frame 2"]) -> Float[Array, "window 3 2"]:
    """Position, velocity and acceleration in the middle of each window, by least squares."""
    time = np.arange(WINDOW) - WINDOW // 2
    weights = np.linalg.pinv(np.stack([np.ones(WINDOW), time, time**2 / 2], axis=-1))
    windows = np.lib.stride_tricks.sliding_window_view(run, WINDOW, axis=0)
    states: Array = np.einsum("wct,st->wsc", windows, weights)
    return states


def _joined(pieces: Sequence[Piece], max_gap: int) -> list[tuple[Piece, int, float]]:
    """Each piece with the number of the one before it, -1 if there is none, and the chance that it is."""
    first, last = (np.array([getattr(piece, key) for piece in pieces], int) for key in ("first", "last"))
    within = np.searchsorted(first, last + 1), np.searchsorted(first, last + LONGER * max_gap + 2)
    ends = np.repeat(np.arange(len(pieces)), within[1] - within[0])
    starts = np.concatenate([np.arange(*bounds) for bounds in zip(*within, strict=True)] or [ends])
    gaps = first[starts] - last[ends]
    cost = np.zeros(len(ends))
    for gap in np.unique(gaps).tolist():
        pairs = np.flatnonzero(gaps == gap)
        before = np.array([pieces[n].states[-1] for n in ends[pairs]])
        after = np.array([pieces[n].states[0] for n in starts[pairs]])
        cost[pairs] = _surprisal(_differences(before, after, gap + WINDOW - 1), _scales(pieces, gap))
    graph = coo_array((np.ones(len(ends)), (ends, len(pieces) + starts)), shape=(2 * len(pieces),) * 2)
    group = connected_components(graph, directed=False)[1][ends]
    previous, surely = np.full(len(pieces), -1), np.ones(len(pieces))
    order = np.argsort(group, kind="stable")
    for pairs in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        for end, start, chance in _joins(ends[pairs], starts[pairs], cost[pairs]):
            previous[start], surely[start] = end, chance
    return [(piece, int(previous[n]), float(surely[n])) for n, piece in enumerate(pieces)]


def _joins(ends: Indices, starts: Indices, cost: Array) -> Iterator[tuple[int, int, float]]:
    """The joins with the least cost in all, and the chance of each against exchanges with the others."""
    rows, row = np.unique(ends, return_inverse=True)
    columns, column = np.unique(starts, return_inverse=True)
    # Not to join: every end and every start may be alone.
    table = np.full((len(rows) + len(columns),) * 2, ALONE)
    table[: len(rows), : len(columns)] = np.inf
    table[row, column] = cost
    table[len(rows) :, len(columns) :] = 0.0
    chosen_rows, chosen = linear_sum_assignment(np.where(np.isfinite(table), table, 1e6))
    joined = chosen_rows[(chosen_rows < len(rows)) & (chosen < len(columns))]
    for end in joined:
        start = chosen[end]
        exchanged = table[end, chosen] + table[chosen_rows, start] - table[end, start]
        exchanged -= table[chosen_rows, chosen]
        # Of exchanges with one that stays alone there are many, which are the same.
        others = np.delete(exchanged[: len(rows)], end)
        alone = exchanged[len(rows) :].min(initial=np.inf)
        doubt = np.exp(-np.maximum(np.append(others, alone), 0)).sum()
        yield int(rows[end]), int(columns[start]), float(1 / (1 + doubt))


def _differences(
    end: Float[Array, "*batch 3 2"], start: Float[Array, "*batch 3 2"], span: int
) -> Float[Array, "*batch 5"]:
    """How far a movement is from a steady one, and from one whose acceleration is steady; see the module."""
    position, velocity, acceleration = np.moveaxis(start - end, -2, 0)
    mean_velocity, mean_acceleration = np.moveaxis((start + end)[..., 1:, :] / 2, -2, 0)
    steady = [position - span * mean_velocity, velocity]
    smooth = [steady[0] + span**2 / 12 * acceleration, velocity - span * mean_acceleration, acceleration]
    differences: Array = np.linalg.norm(np.stack([*steady, *smooth], axis=-2), axis=-1)
    return differences


def _surprisal(differences: Float[Array, "*batch 5"], scales: Float[Array, "5"]) -> Float[Array, "*batch"]:
    """Minus the logarithm of how likely the differences are, but for a constant.

    Of the two ways to look at a movement, it is the one that tells more: accelerations tell nothing where the
    points are noisy.
    """
    way = slice(2) if scales[:2].prod() < scales[2:4].prod() else slice(2, 5)
    distance = np.log1p((differences / scales) ** 2 / TAILS)
    cost: Array = ((TAILS + 2) / 2 * distance + 2 * np.log(scales))[..., way].sum(axis=-1)
    return cost


def _scales(pieces: Sequence[Piece], gap: int) -> Float[Array, "5"]:
    """The usual differences after so many frames: what they are in the pieces."""
    for shorter in range(gap, 0, -1):
        span = shorter + WINDOW - 1
        every = 1 + gap // 5  # neighbours tell the same
        found = [
            _differences(piece.states[:-span:every], piece.states[span::every], span) for piece in pieces
        ]
        if sum(len(part) for part in found) >= FEWEST_EXAMPLES:
            usual = np.median(np.concatenate(found), axis=0) / RAYLEIGH_MEDIAN
            longer: Array = ((gap + WINDOW - 1) / span) ** GROWTH
            return np.maximum(usual * longer, LEAST_PX / WINDOW**DERIVATIVES)
    return ACCELERATION * (gap + WINDOW - 1.0) ** (2 - DERIVATIVES)


def _named(joined: Sequence[tuple[Piece, int, float]], n_markers: int) -> list[Piece]:
    """Pieces with names: that of the piece before, or one that is free, its own track's if it can be.

    A piece for which no name is left is none of the markers; its name stays -1.
    """
    pieces: list[Piece] = []
    after = {before: piece for piece, before, _ in joined if before >= 0}
    taken_until = np.full(n_markers, -1)  # up to which frame each name is in use, gaps before a join included
    chances = np.ones(n_markers)  # of the next piece of each name
    for number, (piece, before, chance) in enumerate(joined):
        if before >= 0:
            name, surely = pieces[before].name, chance * pieces[before].surely
        else:
            free = np.flatnonzero(taken_until < piece.first)
            own = piece.track in free
            name = piece.track if own else int(free[0]) if len(free) else -1
            lost = free[taken_until[free] >= 0]  # the others had no marker yet: those names are only given
            chances[lost] = np.minimum(chances[lost], 1 / max(len(lost), 1))
            surely = float(chances[name]) if name >= 0 else 0.0
        if name >= 0:
            taken_until[name] = after[number].first if number in after else piece.last
        pieces.append(replace(piece, name=name, surely=surely))
    return pieces


def _between(
    pieces: Sequence[Piece], n_frames: int, n_markers: int
) -> tuple[Float[Array, "frame marker 2"], Float[Array, "frame marker"]]:
    """Where each marker is expected between its pieces, else NaN; and how sure it is who it is."""
    expected, surely = np.full((n_frames, n_markers, 2), np.nan), np.ones((n_frames, n_markers))
    for name in range(n_markers):
        own = [piece for piece in pieces if piece.name == name]
        for before, after in pairwise(own):
            frames = np.arange(before.last + 1, after.first)
            path = CubicHermiteSpline(
                [before.last - WINDOW // 2, after.first + WINDOW // 2],
                *np.stack([before.states[-1, :2], after.states[0, :2]], axis=1),
            )
            expected[frames, name] = path(frames)
            surely[frames, name] = min(before.surely, after.surely)
        if own:
            surely[own[-1].last :, name] = own[-1].surely
    return expected, surely
