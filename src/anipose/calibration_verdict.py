"""Whether a calibration is good, in words: what is doubtful about it, and what to film."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from anipose.geometry.board_graph import connected_groups
from anipose.geometry.calibration import CalibrationResult

# A good calibration: distances on boards held out to within this, in per cent; corners, in pixels; a good
# part of each picture seen.
GOOD_PERCENT, GOOD_PX, GOOD_COVERAGE = 1.0, 0.6, 0.25
# From so many views on, one that was detected wrongly does no harm, and a lens is known where they are.
GOOD_VIEWS, GOOD_SHARED = 10, 5
# How far corners are out of the plane of the board, over its size; stiff boards have up to 0.001.
GOOD_BEND = 0.002
# Standard deviation of a camera's position, in per cent of the distance to the boards; of a focal length.
GOOD_POSITION_PERCENT, GOOD_FOCAL_PERCENT = 1.0, 1.0


def verdict_of(
    result: CalibrationResult,
    cameras: Mapping[str, Mapping[str, Any]],
    distances: Mapping[str, Any],
    shape: Mapping[str, float],
    units: str,
) -> tuple[str, str, list[str]]:
    """One of good, usable; that in words; and what is doubtful.

    Args:
        cameras, distances, shape: figures of the report, see `anipose.calibration_figures`.
    """
    doubts = [
        *_of_cameras(cameras),
        *_of_links(result),
        *_of_positions(result, cameras, units),
        *_of_board(shape, units),
        *_of_all(result, distances),
    ]
    good = f"{len(cameras)} camera{'s' if len(cameras) > 1 else ''}"
    if edges := distances.get("held_out") or distances.get("fit"):
        where = "boards that were held out" if "held_out" in distances else "the board"
        good += f"; distances on {where} are right to {edges['error']:.3g} {units}"
        good += f" ({edges['error_percent']:.2f} %)"
    if doubts or result.doubts:
        return "usable", f"Usable, with doubts: {good}.", doubts
    return "good", f"Good: {good}.", doubts


def _of_cameras(cameras: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, camera in cameras.items():
        error = camera.get("held_out_px", camera["error_px"])["median"]
        if error > GOOD_PX:
            yield f"camera {name}: errors of {error:.2f} px, as a median; below {GOOD_PX} is usual"
        if camera["views"] < GOOD_VIEWS:
            yield (
                f"camera {name}: only {camera['views']} views of the board; {GOOD_VIEWS} or more are safe. "
                "Film it for longer there"
            )
        percent = 100 * camera["focal_length"]["sd"] / camera["focal_length"]["value"]
        if percent > GOOD_FOCAL_PERCENT:
            yield (
                f"camera {name}: the focal length is uncertain by {percent:.1f} %. "
                "Tilt the board by 30 to 45 degrees, in all directions"
            )
        if camera["coverage"] < GOOD_COVERAGE:
            yield (
                f"camera {name}: the board was seen in {100 * camera['coverage']:.0f} % of its picture only; "
                "outside, its lens is a guess. Show the board in the corners of the picture as well"
            )


def _of_links(result: CalibrationResult) -> Iterator[str]:
    """Cameras that hang on few frames: which of them is a wrong one, nobody could tell."""
    names, shared = result.cameras.names, result.shared
    groups = connected_groups(np.where(shared >= GOOD_SHARED, shared, 0))
    largest = max(groups, key=len)
    for group in groups:
        if group is largest:
            continue
        others = [camera for camera in range(len(names)) if camera not in group]
        links = shared[np.ix_(group, others)]
        a, b = np.unravel_index(int(links.argmax()), links.shape)
        listed = ", ".join(names[camera] for camera in group)
        yield (
            f"camera {listed}: only {int(links.max())} frames show the board to one of the others as well "
            f"({names[group[a]]} and {names[others[b]]}); {GOOD_SHARED} or more are safe. Film it where both "
            "see it"
        )


def _of_positions(
    result: CalibrationResult, cameras: Mapping[str, Mapping[str, Any]], units: str
) -> Iterator[str]:
    boards = result.world_from_board[:, :, 3]
    for camera in result.cameras:
        deviation = max(cameras[camera.name]["position_sd"])
        distance = float(np.median(np.linalg.norm(boards - camera.center, axis=1)))
        if deviation > GOOD_POSITION_PERCENT / 100 * distance:
            yield (
                f"camera {camera.name}: its position is uncertain by {deviation:.2g} {units}. Film the board "
                "where it and others see it, tilted, near and far"
            )


def _of_board(shape: Mapping[str, float], units: str) -> Iterator[str]:
    if shape and shape["out_of_plane"] > GOOD_BEND * shape["size"]:
        yield (
            f"the board is bent: its corners are {shape['out_of_plane']:.2g} {units} out of its plane. The "
            "calibration takes that into account as long as the board kept its shape; a stiff plate is better"
        )


def _of_all(result: CalibrationResult, distances: Mapping[str, Any]) -> Iterator[str]:
    edges = distances.get("held_out") or distances.get("fit")
    if edges and edges["error_percent"] > GOOD_PERCENT:
        yield f"distances on the board are off by {edges['error_percent']:.2f} %, as a median"
    if result.cameras.metadata["lenses_from"] != "all views together":
        yield (
            "cameras agree worse with each other than each with itself: they were not quite of the same "
            "time, or one was moved"
        )
    if result.held_out is None:
        yield "too few frames to hold some out: the errors are those of the frames that were fitted"
    if result.left_out:
        yield f"not calibrated: {', '.join(result.left_out)}"
