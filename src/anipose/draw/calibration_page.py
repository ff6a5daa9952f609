"""The report on a calibration as one HTML file that needs nothing else."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anipose.draw.page import GREEN, OCHRE, RED, page, table

CELL_PX = 14
# Length of an arrow of the residual field for a residual of one pixel.
ARROW_PX = 30
COLOURS = {"good": GREEN, "usable": OCHRE, "failed": RED}
STYLE = """
.row { display: flex; flex-wrap: wrap; gap: 1.5em } figure { margin: 0 } figcaption { color: #59636e }
svg { background: #fff } #scene { border: 1px solid #d1d9e0; cursor: grab; width: 100%; height: 34em }
"""
# Turns the scene with the mouse: every line has its points, and is projected anew.
SCRIPT = """
const data = JSON.parse(document.getElementById("lines").textContent), svg = document.getElementById("scene");
let a = 0.6, b = 0.5, from = null;
function at(p) {
  const c = Math.cos(a), s = Math.sin(a), x = c * p[0] + s * p[1], y = -s * p[0] + c * p[1];
  return (400 * x).toFixed(1) + "," + (-400 * (Math.sin(b) * y + Math.cos(b) * p[2])).toFixed(1);
}
function draw() {
  data.lines.forEach((line, i) => svg.children[i].setAttribute("points", line.map(at).join(" ")));
  data.names.forEach((name, i) => {
    const [x, y] = at(name).split(","), t = svg.children[data.lines.length + i];
    t.setAttribute("x", x); t.setAttribute("y", y);
  });
}
svg.onpointerdown = e => { from = [e.clientX, e.clientY]; svg.setPointerCapture(e.pointerId); };
svg.onpointerup = () => { from = null; };
svg.onpointermove = e => {
  if (!from) return;
  a += (e.clientX - from[0]) / 150; b += (e.clientY - from[1]) / 150; from = [e.clientX, e.clientY]; draw();
};
"""


def calibration_page(figures: Mapping[str, Any]) -> str:
    """The page of a report; see `anipose.calibration_figures`."""
    sections = [
        _cameras(figures["cameras"]),
        _distances(figures.get("board_distances", {}), figures.get("units", "")),
        _board(figures.get("board_shape", {}), figures.get("units", "")),
        _scene(figures.get("scene")),
        _pairs(figures["pairs"], list(figures["cameras"])),
        _pictures(figures["cameras"]),
        _parameters(figures["cameras"], figures.get("units", "")),
        _worst(figures.get("worst_views", ())),
    ]
    return page("Calibration", figures["words"], COLOURS[figures["verdict"]], sections, style=STYLE)


def _both(figure: Mapping[str, float] | None) -> list[str]:
    return ["", ""] if figure is None else [f"{figure['median']:.2f}", f"{figure['p95']:.2f}"]


def _cameras(cameras: Mapping[str, Any]) -> str:
    head = ["camera", "picture", "frames", "boards found", "used", "error px: median", "95 %"]
    head += ["held out px: median", "95 %", "picture covered"]
    rows = []
    for name, camera in cameras.items():
        looked_at = camera["frames_looked_at"]
        rows.append(
            [
                name,
                f"{camera['size'][0]}×{camera['size'][1]}",
                "" if looked_at is None else str(looked_at),
                str(camera["boards_found"]),
                str(camera.get("views", "")),
                *_both(camera.get("error_px")),
                *_both(camera.get("held_out_px")),
                f"{100 * camera['coverage']:.0f} %",
            ]
        )
    return "<h2>Cameras</h2>" + table(head, rows)


def _distances(distances: Mapping[str, Any], units: str) -> str:
    if not distances:
        return ""
    names = {"held_out": "boards held out of the fit", "fit": "boards that were fitted"}
    head = [
        "",
        "distances",
        f"off by, {units}: median",
        "95 %",
        "off by, %: median",
        "95 %",
        "all together, %",
        "by noise alone, %",
        "by noise and board, %",
    ]
    rows = [
        [
            words,
            str(d["n"]),
            *(f"{d[key]:.4g}" for key in ("error", "p95", "error_percent", "p95_percent")),
            f"{d['bias_percent']:+.3g}",
            *(f"{d[key]:.3g}" if key in d else "" for key in ("noise_percent", "noise_and_board_percent")),
        ]
        for key, words in names.items()
        if (d := distances.get(key)) is not None
    ]
    return (
        f"<h2>Distances on the board</h2><p>Between neighbouring corners, in truth {distances['true']:g} "
        f"{html.escape(units)}, as they are triangulated without knowing the board.</p>" + table(head, rows)
    )


def _board(shape: Mapping[str, float], units: str) -> str:
    if not shape:
        return ""
    unit = html.escape(units)
    return (
        f"<p>The corners of the board are {shape['in_plane']:.2g} {unit} (rms) from where they should be in "
        f"its plane, and {shape['out_of_plane']:.2g} {unit} out of it. The cameras were fitted to the board "
        "as it is.</p>"
    )


def _pairs(pairs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    if not pairs:
        return ""
    cells = {}
    for pair in pairs:
        a, b = pair["cameras"]
        error = f"{pair['error_px']:.2f}" if "error_px" in pair else ""
        cells[a, b], cells[b, a] = str(pair["shared_views"]), error
    rows = [[a, *(cells.get((a, b), "") for b in names)] for a in names]
    return (
        "<h2>Pairs of cameras</h2><p>Above the diagonal: frames in which both see the board. Below: error, "
        "in px, "
        "of corners triangulated from the two alone.</p>" + table(["", *names], rows)
    )


def _pictures(cameras: Mapping[str, Any]) -> str:
    shown = []
    for name, camera in cameras.items():
        field = camera.get("residual_field")
        covered = camera["coverage_map"]
        rows, columns = len(covered), len(covered[0])
        shapes = []
        for row in range(rows):
            for column in range(columns):
                if covered[row][column]:
                    x, y = column * CELL_PX, row * CELL_PX
                    shapes.append(
                        f'<rect x="{x}" y="{y}" width="{CELL_PX}" height="{CELL_PX}" fill="#cfe8d5"/>'
                    )
                if field and field[row][column]:
                    shapes.append(_arrow(column, row, *field[row][column]))
        width, height = columns * CELL_PX, rows * CELL_PX
        shown.append(
            f'<figure><svg width="{width}" height="{height}" style="border: 1px solid '
            f'#59636e">{"".join(shapes)}'
            f"</svg><figcaption>{html.escape(name)}</figcaption></figure>"
        )
    return (
        "<h2>Pictures</h2><p>Green: where corners were seen. Lines: what is left over there on average, 1 px "
        f"drawn as {ARROW_PX} px; if they all point in or out, the lens model does not fit.</p>"
        '<div class="row">' + "".join(shown) + "</div>"
    )


def _arrow(column: int, row: int, x: float, y: float) -> str:
    start = ((column + 0.5) * CELL_PX, (row + 0.5) * CELL_PX)
    end = (start[0] + ARROW_PX * x, start[1] + ARROW_PX * y)
    return (
        f'<circle cx="{start[0]:.1f}" cy="{start[1]:.1f}" r="1.2"/><line x1="{start[0]:.1f}" '
        f'y1="{start[1]:.1f}" '
        f'x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="#0969da" stroke-width="1.5"/>'
    )


def _parameters(cameras: Mapping[str, Any], units: str) -> str:
    rows = []
    for name, camera in cameras.items():
        if "focal_length" not in camera:
            continue
        lens = ", ".join(f"{key} {_with_sd(value)}" for key, value in camera["coefficients"].items())
        place = zip(camera["position"], camera["position_sd"], strict=True)
        rows.append(
            [
                name,
                _with_sd(camera["focal_length"]),
                ", ".join(map(_with_sd, camera["principal_point"])),
                lens,
                ", ".join(_plus_minus(value, sd) for value, sd in place),
                ", ".join(f"{value:.2g}" for value in camera["rotation_sd_deg"]),
            ]
        )
    if not rows:
        return ""
    head = [
        "camera",
        "focal length px",
        "principal point px",
        "distortion",
        f"position {units}",
        "± rotation °",
    ]
    return (
        "<h2>Parameters</h2><p>With their standard deviations, as the noise of the corners explains them.</p>"
        + table(head, rows)
    )


def _worst(views: Sequence[Mapping[str, Any]]) -> str:
    if not views:
        return ""
    rows = [
        [v["camera"], v["recording"], str(v["frame"]), str(v["corners"]), f"{v['error_px']:.2f}"]
        for v in views
    ]
    return (
        "<h2>Worst views</h2><p>With the largest errors; frames are counted from 0. To leave out boards that "
        "were detected wrongly, set manually_verify = true under [manual_verification] and delete their "
        "pictures.</p>" + table(["camera", "recording", "frame", "corners", "error px: median"], rows)
    )


def _with_sd(figure: Mapping[str, float]) -> str:
    return _plus_minus(figure["value"], figure["sd"])


def _plus_minus(value: float, sd: float) -> str:
    return f"{value:.5g}\u00a0±\u00a0{sd:.2g}"


def _scene(scene: Mapping[str, Any] | None) -> str:
    if not scene:
        return ""
    lines, colours = [], []
    for camera in scene["cameras"]:
        outline = [*camera["picture"], camera["picture"][0]]
        lines.append(outline)
        lines += [[camera["center"], corner] for corner in camera["picture"]]
        colours += ["#0969da"] * 5
    for board in scene["boards"]:
        lines.append([*board, board[0]])
        colours.append(GREEN)
    points = np.array([point for line in lines for point in line])
    middle = (points.min(0) + points.max(0)) / 2
    scale = max(float(np.linalg.norm(points - middle, axis=1).max()), 1e-9)

    def placed(point: Sequence[float]) -> list[float]:
        return [round(float(value), 4) for value in (np.array(point) - middle) / scale]

    data = {
        "lines": [[placed(point) for point in line] for line in lines],
        "names": [placed(camera["center"]) for camera in scene["cameras"]],
    }
    shapes = [f'<polyline fill="none" stroke="{colour}"/>' for colour in colours]
    shapes += [f'<text font-size="18">{html.escape(camera["name"])}</text>' for camera in scene["cameras"]]
    return (
        "<h2>Cameras and boards in space</h2><p>Turn it with the mouse. Blue: cameras. Green: boards.</p>"
        f'<svg id="scene" viewBox="-420 -420 840 840">{"".join(shapes)}</svg>'
        f'<script type="application/json" id="lines">{json.dumps(data)}</script>'
        f"<script>{SCRIPT}draw();\n</script>"
    )
