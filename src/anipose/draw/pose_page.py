"""The verdict on 3D poses as one HTML file that needs nothing else."""

import html
from collections.abc import Mapping
from typing import Any

from anipose.draw.page import GREEN, OCHRE, page, table

CELL_PX, NAME_PX = 46, 150
COLOURS = {"good": GREEN, "doubtful": OCHRE}
# Errors of this many pixels and more are drawn in the darkest colour.
DARK_PX = 10.0
STYLE = """
svg text { font: 12px system-ui, sans-serif }
"""


def pose_page(figures: Mapping[str, Any]) -> str:
    """The page of a report; see `anipose.pose_figures`."""
    sections = [
        _numbers_of_cameras(figures["share_by_number_of_cameras"]),
        _errors(figures["cameras"], list(figures["keypoints"])),
        _cameras(figures["cameras"]),
        _limbs(figures["limbs"], figures["units"]),
        _offsets(figures["frame_offsets"]),
        _swaps(figures["swaps"]),
        f"<p>Trials: {html.escape(', '.join(figures['trials']))}</p>",
    ]
    return page("3D poses", figures["words"], COLOURS[figures["verdict"]], sections, style=STYLE)


def _numbers_of_cameras(shares: Mapping[str, float]) -> str:
    bars = [
        f'<text x="0" y="{22 * i + 15}">{number} camera{"s" * (number != "1")}</text>'
        f'<rect x="90" y="{22 * i + 3}" width="{400 * share:.1f}" height="16" fill="#0969da"/>'
        f'<text x="{95 + 400 * share:.1f}" y="{22 * i + 15}">{share:.1%}</text>'
        for i, (number, share) in enumerate(shares.items())
    ]
    size = f'width="560" height="{22 * len(bars)}"'
    return f"<h2>Points by number of cameras</h2><svg {size}>{''.join(bars)}</svg>"


def _errors(cameras: Mapping[str, Any], keypoints: list[str]) -> str:
    """A table of colours: cameras across, keypoints down."""
    cells = [
        f'<text x="{NAME_PX + CELL_PX * (column + 0.5)}" y="14" text-anchor="middle">'
        f"{html.escape(name)}</text>"
        for column, name in enumerate(cameras)
    ]
    for row, name in enumerate(keypoints):
        y = 20 + 20 * row
        cells.append(f'<text x="0" y="{y + 14}">{html.escape(name)}</text>')
        for column, camera in enumerate(cameras.values()):
            x, error = NAME_PX + CELL_PX * column, camera["by_keypoint_px"][name]
            strength = 0.0 if error is None else min(error / DARK_PX, 1.0)
            label = "" if error is None else f"{error:.1f}"
            cells.append(
                f'<rect x="{x}" y="{y}" width="{CELL_PX - 1}" height="19" fill="#cf222e" '
                f'fill-opacity="{strength:.2f}"/>'
                f'<text x="{x + CELL_PX / 2}" y="{y + 14}" text-anchor="middle">{label}</text>'
            )
    size = f'width="{NAME_PX + CELL_PX * len(cameras)}" height="{24 + 20 * len(keypoints)}"'
    return f"<h2>Reprojection error, median, pixels</h2><svg {size}>{''.join(cells)}</svg>"


def _table(title: str, head: list[str], rows: list[list[Any]]) -> str:
    if not rows:
        return ""
    return f"<h2>{html.escape(title)}</h2>" + table(head, [[_cell(value) for value in row] for row in rows])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _cameras(cameras: Mapping[str, Any]) -> str:
    rows = [[name, c["error_px"], c["error_of_others_without_it_px"]] for name, c in cameras.items()]
    return _table("Cameras", ["camera", "error, px", "error of the others without it, px"], rows)


def _limbs(limbs: Mapping[str, Any], units: str) -> str:
    rows = [[name, limb["length"], limb["variation_percent"]] for name, limb in limbs.items()]
    return _table("Limbs", ["limb", f"length, {units}", "variation, %"], rows)


def _offsets(offsets: list[Mapping[str, Any]]) -> str:
    rows = [
        [
            trial["trial"],
            trial["error_px"],
            trial["error_with_offsets_px"],
            ", ".join(f"{name} {n}" for name, n in trial["frame_offset"].items()) or "in step",
        ]
        for trial in offsets
    ]
    head = ["trial", "from epipolar lines, px", "at best, px", "frame_offset"]
    return _table("Cameras in step", head, rows)


def _swaps(swaps: list[Mapping[str, Any]]) -> str:
    rows = [[s["trial"], s["camera"], f"{s['pair'][0]} / {s['pair'][1]}", s["frames"]] for s in swaps]
    return _table("Left and right exchanged", ["trial", "camera", "pair", "frames"], rows)
