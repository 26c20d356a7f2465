"""How models show themselves: `summary()`, and what a notebook displays where a cell ends in `model`."""

from collections.abc import Callable, Sequence
from typing import Any

from minidl.messages import say
from minidl.models.picture.drawing import drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.labels import Choice
from minidl.models.picture.svg import svg
from minidl.models.picture.text import escaped
from minidl.models.summary import columns_of, rows_of, show, shown_layers, summary_text, totals
from minidl.utils.keywords import tells_names

__all__ = ["Shown"]

_IN_NOTEBOOKS = Choice(shapes=True, names=True, params=True)


class Shown:
    """What models inherit to be shown."""

    name: str

    @tells_names
    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
        *,
        explain: bool = False,
    ) -> None:
        """Print a table of the layers: output shapes, numbers of parameters, and in graphs what is connected.

        "lstm[0][1]" is output number 1 of the first call (number 0) of the layer `lstm`.

        Args:
            line_length: width of the table; by default that of the terminal.
            positions: understood for scripts written for Keras; the columns are as wide as they need to be.
            print_fn: called with the text instead of printing it.
            expand_nested: show the layers of models inside this one too, below their model.
            show_trainable: add a column that says Y or N, and - for a layer without weights.
            layer_range: names of the first and the last layer to show, or patterns such as "conv2_.*".
            explain: add how each number comes about: (3·3·1 + 1)·32 = 320.

        Raises:
            ValueError: `layer_range` does not name two layers, in their order.
        """
        if print_fn is not None and not callable(print_fn):
            raise TypeError(say(f"summary expects print_fn to be a function, got {print_fn!r:.60}."))
        text = summary_text(self, line_length, expand_nested, show_trainable, layer_range, explain)
        show(text, print_fn)

    def _repr_svg_(self) -> str:
        """The picture of the model, with names, shapes and numbers of parameters."""
        return svg(drawn(graph_of(self), _IN_NOTEBOOKS), f"Model {self.name}")

    def _repr_html_(self) -> str:
        """The table of `summary()`, and below it the picture: open for a graph, one click away for a chain."""
        columns = columns_of(self)
        picture = (
            f"<details{' open' if columns.connected else ''}><summary>Picture</summary>"
            f'<div style="max-height: 40em; overflow: auto">{self._repr_svg_()}</div></details>'
        )
        rows = rows_of(self, shown_layers(self), columns, expand_nested=False)
        return f"<div>{_table(self, columns.headings, rows)}{picture}</div>"


def _table(model: Any, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as HTML. Alignment stands at each cell, because notebooks have a style of their own for tables."""
    sides = ["right" if heading == "Param #" else "left" for heading in headings]

    def row(kind: str, cells: Sequence[str]) -> str:
        written = (
            f'<{kind} style="text-align: {side}; padding: 0.2em 0.8em">{escaped(cell)}</{kind}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        return f"<tr>{''.join(written)}</tr>"

    caption = f'<caption style="text-align: left">Model: {escaped(model.name)}</caption>'
    head, body = row("th", headings), "\n".join(row("td", cells) for cells in rows)
    end = "<br>".join(escaped(line) for line in totals(model))
    foot = f'<tr><td colspan="{len(headings)}" style="text-align: left; padding: 0.2em 0.8em">{end}</td></tr>'
    return f"<table>{caption}\n<thead>{head}</thead>\n<tbody>{body}</tbody>\n<tfoot>{foot}</tfoot>\n</table>"
