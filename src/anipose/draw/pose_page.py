"""The verdict on 3D poses as one HTML file that needs nothing else."""

import html
from collections.abc import Mapping
from typing import Any

CELL_PX, NAME_PX = 46, 150
COLOURS = {"good": "#1a7f37", "doubtful": "#9a6700"}
# Errors of this many pixels and more are drawn in the darkest colour.
DARK_PX = 10.0
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }
h1 { margin-bottom: 0 } h2 { margin-top: 2em; border-bottom: 1px solid #d1d9e0 }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .25em .8em; text-align: right }
th { border-bottom: 1px solid #59636e } td:first-child, th:first-child { text-align: left }
.verdict { border-left: .4em solid; padding: .5em 1em; background: #f6f8fa } .verdict p { margin: .3em 0 }
svg text { font: 12px system-ui, sans-serif }
"""


def pose_page(figures: Mapping[str, Any]) -> str:
    """The page of a report; see `anipose.pose_figures`."""
    words = "".join(f"<p>{html.escape(line)}</p>" for line in figures["words"])
    parts = [
        "<h1>3D poses</h1>",
        f'<div class="verdict" style="border-color: {COLOURS[figures["verdict"]]}">{words}</div>',
        _numbers_of_cameras(figures["share_by_number_of_cameras"]),
        _errors(figures["cameras"], list(figures["keypoints"])),
        _cameras(figures["cameras"]),
        _limbs(figures["limbs"], figures["units"]),
        _offsets(figures["frame_offsets"]),
        _swaps(figures["swaps"]),
        f"<p>Trials: {html.escape(', '.join(figures['trials']))}</p>",
    ]
    head = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>3D poses</title><style>{STYLE}</style>'
    )
    return head + "\n".join(parts) + "</html>\n"


def _numbers_of_cameras(shares: Mapping[str, float]) -> str:
    bars = [
        f'<text x="0" y="{22 * i + 15}">{number} cameras</text>'
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
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<h2>{html.escape(title)}</h2><table><tr>{top}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else html.escape(str(value))


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
