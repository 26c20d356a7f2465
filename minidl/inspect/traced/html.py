"""The same tables for a notebook."""

from collections.abc import Sequence
from html import escape
from typing import Any

from minidl.inspect.traced.tables import HEAD, cells_of, remarks, through_time, title

__all__ = ["layer_html", "trace_html"]


def trace_html(trace: Any) -> str:
    """The table of a trace."""
    found = remarks(trace) + [f"{name} {picture} {text}" for name, picture, text in through_time(trace)]
    rows = [cells_of(layer) for layer in trace.layers]
    return f"<p>{escape(title(trace))}</p>{_table(HEAD, rows)}" + "".join(
        f"<p>{escape(r)}</p>" for r in found
    )


def layer_html(layer: Any) -> str:
    """A layer as it is printed."""
    return f"<pre>{escape(str(layer))}</pre>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        ends = ["left"] * 2 + ["right"] * (len(row) - 2)
        return "".join(
            f'<{tag} style="text-align: {end}; padding: 2px 8px">{escape(c)}</{tag}>'
            for c, end in zip(row, ends, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table>"
