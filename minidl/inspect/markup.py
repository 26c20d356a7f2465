"""HTML for notebooks and pages, in the colours of what is around it, so that it stands on light and dark ones alike.

Styles stand at each element, because inside of a page a style sheet would be shared with everything else there. A
reader without eyes on it is told the language, and finds tables with headings of their own.
"""

from collections.abc import Sequence
from itertools import zip_longest

from minidl.messages import language
from minidl.models.picture.text import escaped

__all__ = ["NUMBER", "part", "table"]

_CELL = "text-align: left; vertical-align: top; padding: 0.15em 0.8em 0.15em 0"
_WIDE = "overflow-x: auto; margin: 0.4em 0 0 1em"
NUMBER = "text-align: right; white-space: nowrap"  # the look of a column


def part(*pieces: str) -> str:
    """The part of a page that these pieces of HTML make, in the reader's language."""
    return (
        f'<div lang="{language()}" style="max-width: 60em; word-break: keep-all">'
        + "\n".join(pieces)
        + "</div>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], looks: Sequence[str] = ()) -> str:
    """A table that scrolls where it is too wide.

    Args:
        head: the headings of the columns, as text.
        rows: their cells, as text; the first of each is the heading of its row.
        looks: the styles of columns from the first on, where there is more to them.
    """
    styles = [f"{_CELL}; {look}" if look else _CELL for _, look in zip_longest(head, looks, fillvalue="")]
    top = (f'<th scope="col" style="{s}">{escaped(text)}</th>' for s, text in zip(styles, head, strict=True))
    body = "\n".join(f"<tr>{_row(cells, styles)}</tr>" for cells in rows)
    return (
        f'<div style="{_WIDE}"><table style="border-collapse: collapse; font-size: inherit">\n'
        f"<thead><tr>{''.join(top)}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str], styles: Sequence[str]) -> str:
    first = f'<th scope="row" style="{styles[0]}; font-weight: normal">{escaped(cells[0])}</th>'
    return first + "".join(
        f'<td style="{style}">{escaped(cell)}</td>' for style, cell in zip(styles[1:], cells[1:], strict=True)
    )
