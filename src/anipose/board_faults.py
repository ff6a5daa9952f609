"""What makes a calibration board impossible, in words for who wrote config.toml."""

from collections.abc import Sequence

import numpy as np

MARKER_BITS = (4, 5, 6, 7)
DICTIONARY_SIZES = (50, 100, 250, 1000)
BOARD_TYPES = {"charuco": "a ChArUco board", "checkerboard": "a checkerboard", "aruco": "an ArUco grid"}


def board_faults(
    board_type: str,
    board_size: Sequence[int],
    square_length: float | None,
    marker_length: float | None,
    marker_separation: float | None,
    marker_bits: int,
    dictionary_size: int,
) -> list[str]:
    """All that is wrong with these settings, see `anipose.boards.make_board`; nothing if all is well."""
    if board_type not in BOARD_TYPES:
        return [f"board_type = {board_type!r} is none of {', '.join(BOARD_TYPES)}."]
    faults, kind = [], BOARD_TYPES[board_type]
    lengths = {
        "charuco": {"board_square_side_length": square_length, "board_marker_length": marker_length},
        "checkerboard": {"board_square_side_length": square_length},
        "aruco": {
            "board_marker_length": marker_length,
            "board_marker_separation_length": marker_separation,
        },
    }[board_type]
    if board_type == "aruco" and list(board_size) == [1, 1]:
        del lengths["board_marker_separation_length"]
    for key, length in lengths.items():
        if length is None:
            faults.append(f"{key} is missing; measure it on the printed board; {kind} has one.")
        elif not (np.isfinite(length) and length > 0):
            faults.append(f"{key} = {length:g} is not a length; measure it on the printed board.")
    smallest = {"charuco": 3, "checkerboard": 3, "aruco": 1}[board_type]
    counted = {"charuco": "squares", "checkerboard": "inner corners", "aruco": "markers"}[board_type]
    size_is_good = len(board_size) == 2 and min(board_size) >= smallest
    if not size_is_good:
        faults.append(
            f"board_size = {list(board_size)}: {kind} has [columns, rows] of {counted}, "
            f"each at least {smallest}."
        )
    if board_type == "checkerboard":
        return faults
    if marker_bits not in MARKER_BITS or dictionary_size not in DICTIONARY_SIZES:
        faults.append(
            f"there is no dictionary with board_marker_bits = {marker_bits} and board_marker_dict_number = "
            f"{dictionary_size}; bits are {_listed(MARKER_BITS)}, numbers {_listed(DICTIONARY_SIZES)}."
        )
    elif size_is_good:
        n_fields = board_size[0] * board_size[1]
        n_markers = n_fields // 2 if board_type == "charuco" else n_fields
        if n_markers > dictionary_size:
            enough = [size for size in DICTIONARY_SIZES if size >= n_markers]
            hint = f"use {enough[0]} if it was printed so" if enough else "no dictionary has so many"
            faults.append(
                f"{kind} of {board_size[0]} x {board_size[1]} {counted} has {n_markers} "
                f"markers, but board_marker_dict_number = {dictionary_size}; {hint}."
            )
    if board_type == "charuco" and square_length and marker_length and marker_length >= square_length:
        faults.append(
            f"board_marker_length = {marker_length:g} is not smaller than board_square_side_length = "
            f"{square_length:g}; markers lie inside the squares. Are the two exchanged?"
        )
    return faults


def _listed(values: Sequence[int]) -> str:
    return f"{', '.join(str(value) for value in values[:-1])} or {values[-1]}"
