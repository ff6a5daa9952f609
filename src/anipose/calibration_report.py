"""A calibration and the report on it: what was found, how good it is, or why there is none."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from anipose.board_advice import by_advice
from anipose.board_recordings import configured_board, joined, lens_settings, starts, without
from anipose.boards import symmetry_warning
from anipose.calibration_figures import figures_of, figures_of_failure
from anipose.config import Calibration, Camera
from anipose.draw.calibration_page import calibration_page
from anipose.errors import CalibrationError, FileAccessError
from anipose.geometry.calibration import CalibrationResult, calibrate
from anipose.geometry.cameras import Cameras
from anipose.geometry.world import world_of_board
from anipose.io.calibration import read_calibration, write_calibration
from anipose.io.calibration_uncertainty import write_calibration_uncertainty
from anipose.io.detections import BoardDetections, read_detections
from anipose.io.files import write_text

log = logging.getLogger(__name__)

MIRRORED_CHECKERBOARD = (
    "A checkerboard does not show whether a video is mirrored, which would not agree with the other cameras: "
    "look at writing or at a hand in the videos; a ChArUco board shows it"
)


def calibrate_and_report(
    *,
    detections: Mapping[str, Mapping[str, Path]],
    lens_detections: Mapping[str, Sequence[Path]],
    initial: Path | None,
    table: Calibration,
    cameras: Mapping[str, Camera],
    rejected: Mapping[str, tuple[int, ...]],
    calibration: Path,
    figures: Path,
    uncertainty: Path,
    page: Path,
) -> None:
    """Calibrate, and write the calibration and the report; of a calibration that fails, the report alone.

    Args:
        detections: recording -> camera -> file.
        lens_detections: camera -> files.
        rejected: name of a file of detections -> frames in it that are not to be used.

    Raises:
        CalibrationError: there is no calibration; the report says so, too.
    """
    board = configured_board(table)
    wanted, advice = _read(
        [path for views in detections.values() for path in views.values()]
        + [path for paths in lens_detections.values() for path in paths],
        rejected,
    )
    recordings = {
        name: {camera: wanted[path] for camera, path in views.items()} for name, views in detections.items()
    }
    seen = joined([*recordings.values()])
    apart = {
        camera: joined([{camera: wanted[path]} for path in paths])[camera]
        for camera, paths in lens_detections.items()
        if camera in seen
    }
    try:
        lenses = lens_settings(list(seen), table, cameras, _initial(initial, table), apart)
        result = calibrate(
            seen, board.points, lenses=lenses, symmetries=board.symmetries, neighbours=board.neighbours
        )
    except CalibrationError as error:
        if table.board_type == "checkerboard" and len(seen) > 1:
            advice.append(MIRRORED_CHECKERBOARD)
        message = "\n".join([str(error), *advice])
        _write_report(figures_of_failure(seen, message), figures, page)
        raise CalibrationError(f"{message}\nThe report is in {page}") from None
    warnings = [*_left_out(result), *result.doubts, *advice]
    if table.world == "board":
        result = world_of_board(result, table.world_frame)
        if table.world_frame not in result.frames:
            warnings.append(
                f"the board was not found in calibration.world_frame = {table.world_frame}; the coordinate "
                f"system is that of the {result.cameras.metadata['world']}"
            )
    if (warning := symmetry_warning(board)) is not None and len(result.cameras) > 1:
        warnings.append(warning)
    for warning in warnings:
        log.warning("%s", warning)
    metadata = {**result.cameras.metadata, "units": table.units}
    write_calibration(calibration, replace(result.cameras, metadata=metadata))
    write_calibration_uncertainty(uncertainty, result.uncertainty)
    found = figures_of(result, seen, board, table.units, starts=starts(recordings), warnings=warnings)
    _write_report(found, figures, page)


def _read(
    paths: Sequence[Path], rejected: Mapping[str, tuple[int, ...]]
) -> tuple[dict[Path, BoardDetections], list[str]]:
    """Detections without the boards that the user rejected, and what to change where hardly any was found."""
    found = {path: read_detections(path) for path in paths}
    fixes = [
        (path.name.removeprefix("detections.").removesuffix(".csv"), one.advice)
        for path, one in found.items()
        if one.advice
    ]
    return {path: without(one, rejected.get(path.name, ())) for path, one in found.items()}, by_advice(fixes)


def _write_report(found: Mapping[str, Any], figures: Path, page: Path) -> None:
    write_text(figures, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_text(page, calibration_page(found))


def _initial(path: Path | None, table: Calibration) -> Cameras | None:
    if path is None:
        return None
    if table.intrinsics == "estimate":
        log.warning(
            "calibration_init is not used: the lenses are found from the videos. Set calibration.intrinsics "
            '= "refine" '
            'or "fixed" to use those of %s',
            path,
        )
        return None
    if not path.is_file():
        fault = "is a folder" if path.is_dir() else "does not exist"
        raise FileAccessError(
            f"{path} {fault}; it is named by calibration.calibration_init, relative to the experiment "
            "folder, and must be a calibration.toml"
        )
    return read_calibration(path)


def _left_out(result: CalibrationResult) -> list[str]:
    return [
        f"camera {name} is not in the calibration: {why}. Film the board where it and another camera see it "
        "together, for some seconds; the other cameras are calibrated"
        for name, why in result.left_out.items()
    ]


def summary(figures: Path) -> str:
    """A report in a few lines, for the terminal."""
    found = json.loads(figures.read_text(encoding="utf-8"))
    lines = [found["words"][0], *(f"- {doubt}" for doubt in found.get("doubts", ()))]
    width = max(len(name) for name in found["cameras"])
    for name, camera in found["cameras"].items():
        if "error_px" not in camera:
            continue
        held_out = camera.get("held_out_px")
        apart = f", held out {held_out['median']:.2f} (95 % below {held_out['p95']:.2f})" if held_out else ""
        lines.append(
            f"{name:<{width}}  {camera['views']:4d} views, error {camera['error_px']['median']:.2f} px"
            f"{apart}, focal length {camera['focal_length']['value']:.1f} ± "
            f"{camera['focal_length']['sd']:.1f} px, "
            f"picture covered {100 * camera['coverage']:.0f} %"
        )
    return "\n".join(lines)
