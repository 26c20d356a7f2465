"""The same tables for a notebook."""

from html import escape
from typing import Any

from minidl.inspect.markup import NUMBER, part, table
from minidl.inspect.traced.tables import cells_of, remarks, through_time, title, trace_head
from minidl.models.picture.text import escaped

__all__ = ["layer_html", "trace_html"]


def trace_html(trace: Any) -> str:
    """The table of a trace."""
    found = remarks(trace) + [f"{name} {picture} {text}" for name, picture, text in through_time(trace)]
    rows = [cells_of(layer) for layer in trace.layers]
    head = trace_head()
    numbers = [NUMBER] * (len(head) - 2)
    said = [f"<p>{escaped(sentence)}</p>" for sentence in found]
    return part(f"<p>{escaped(title(trace))}</p>", table(head, rows, ["", "", *numbers]), *said)


def layer_html(layer: Any) -> str:
    """A layer as it is printed."""
    return part(f"<pre>{escape(str(layer))}</pre>")
