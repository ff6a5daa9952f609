"""A report as one HTML file that needs nothing else: verdict at the top, then sections."""

import html
from collections.abc import Iterable, Sequence

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }
h1 { margin-bottom: 0 } h2 { margin-top: 2em; border-bottom: 1px solid #d1d9e0 }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .25em .8em; text-align: right }
th { border-bottom: 1px solid #59636e } td:first-child, th:first-child { text-align: left }
.verdict { border-left: .4em solid; padding: .5em 1em; background: #f6f8fa } .verdict p { margin: .3em 0 }
"""
GREEN, OCHRE, RED = "#1a7f37", "#9a6700", "#cf222e"


def page(title: str, words: Sequence[str], colour: str, sections: Iterable[str], *, style: str) -> str:
    """The page.

    Args:
        title: of the page.
        words: the verdict, a paragraph each.
        colour: of the bar beside it.
        sections: HTML; empty ones are left out.
        style: CSS beyond what all reports have.
    """
    verdict = "".join(f"<p>{html.escape(line)}</p>" for line in words)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<div class="verdict" style="border-color: {colour}">{verdict}</div>',
        *(section for section in sections if section),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}{style}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts."""
    lines = ["<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return "<table>" + "\n".join(lines) + "</table>"
