"""What all pictures share: a sheet to draw on, colours that everybody can tell apart, letters that are there.

One man in twelve sees red and green alike. The colours of lines here are those of M. Okabe and K. Ito (2008), which
stay apart for all kinds of colour blindness; and since paper is often grey, lines differ in their style too. Numbers
shown as colours go from dark to light (cividis), or, where 0 is in the middle, from blue over white to red.
"""

import io
import warnings
from functools import partial
from typing import Any

import numpy as np

from minidl.backend import Array
from minidl.messages import say, word
from minidl.models.picture.raster import fonts
from minidl.utils.columns import columns

__all__ = [
    "AMOUNTS", "COLOURS", "SIGNED", "colour_scale", "columns_for", "cut", "finished", "image", "label_sizes",
    "legend_below", "limits", "new_figure", "sizes_on", "text_on", "tidy", "titled", "words",
]  # fmt: skip

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
AMOUNTS, SIGNED = "cividis", "RdBu_r"  # colour maps for numbers >= 0, and for numbers around 0
_LONGEST = 30  # letters of a name


def new_figure(width: float, height: float) -> Any:
    """An empty `matplotlib.figure.Figure`, in inches: not one of pyplot, which would keep it and may open a window.

    Raises:
        ImportError: matplotlib is not there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            say("The pictures of minidl.inspect are drawn by Matplotlib: pip install matplotlib.")
        ) from None
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[call-arg, union-attr]
    return figure


def finished(figure: Any) -> Any:
    """The figure, with letters of any script, names shown as they are, and a way to appear in notebooks."""
    from matplotlib import rcParams
    from matplotlib.text import Text

    families = list(dict.fromkeys([*rcParams["font.family"], *fonts()]))
    for text in figure.findobj(Text):
        text.set_family(families)
        text.set_parse_math(False)  # a layer may be called "a$b$"
    figure._repr_png_ = partial(_png, figure)  # IPython shows figures by itself only once pyplot is imported
    return figure


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # drawn as an empty box
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def words(text: str) -> str:
    """A title or label in the reader's language: in Korean only if there is a font for it."""
    said = word(text)
    return said if said == text or len(fonts()) > 1 else text


def cut(name: str, longest: int = _LONGEST) -> str:
    """A name that is not too long for a picture: of a longer one the beginning and the end, which tell names apart.

    >>> cut("a_layer_with_a_name_longer_than_any_other_3", 21)
    'a_layer_wi…ny_other_3'
    """
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def titled(figure: Any, title: str) -> None:
    """Write a title over everything, in letters so small that it fits the sheet."""
    fitting = (
        figure.get_figwidth() * 72 / (0.6 * columns(title))
    )  # a letter takes 0.6 of its size, a Korean one twice that
    figure.suptitle(title, fontsize=min(max(fitting, 6), 12))


def tidy(axes: Any) -> None:
    """Only what helps to read: a faint grid, no frame at the top and on the right."""
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def label_sizes(axis: Any) -> None:
    """Write the numbers of a logarithmic axis as 0.01 and 1e-09; 2 and 5 in between where it is short."""
    from matplotlib.ticker import LogLocator

    low, high = axis.get_view_interval()
    axis.set_major_formatter(lambda value, place: f"{value:g}")
    axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_minor_formatter(lambda value, place: f"{value:g}" if high < 100 * low else "")


def legend_below(figure: Any) -> None:
    """The legend under the drawing, in two columns if they fit there."""
    _, labels = figure.axes[0].get_legend_handles_labels()
    columns = 2 if max(map(len, labels), default=0) <= 6 * figure.get_figwidth() else 1
    figure.legend(fontsize="small", loc="outside lower center", frameon=False, ncols=columns)


def sizes_on(values: Any, least: float = 100.0) -> bool:
    """Whether numbers belong on a logarithmic axis: all above 0, the largest at least `least` times the smallest."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return bool(known.size and known.min() > 0 and known.max() >= least * known.min())


def limits(*arrays: Array) -> dict[str, Any]:
    """Colour map and its ends for numbers of one kind, to be compared: `imshow(x, **limits(x, y))`."""
    known = np.concatenate([a[np.isfinite(a)].ravel().astype(np.float64) for a in arrays] or [np.zeros(0)])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if low < 0:
        far = max(-low, high)
        return {"cmap": SIGNED, "vmin": -far, "vmax": far}
    return {"cmap": AMOUNTS, "vmin": 0.0, "vmax": high or 1.0}


def image(
    axes: Any, numbers: Array, look: dict[str, Any], written: bool = False, aspect: str = "equal"
) -> Any:
    """A matrix as a picture of cells without numbers at its sides; `written`: with its numbers in the cells."""
    drawn = axes.imshow(numbers, interpolation="nearest", aspect=aspect, **look)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_linewidth(0.5)
    if written:
        for (row, column), value in np.ndenumerate(numbers):
            said = f"{value:g}" if (numbers % 1 == 0).all() else f"{value:.2f}"
            text_on(axes, column, row, said.replace("-", "−"), drawn)
    return drawn


def text_on(axes: Any, x: float, y: float, text: str, drawn: Any) -> None:
    """Write in the cell (x, y) of an image, black or white, whichever can be read there."""
    red, green, blue, _ = drawn.cmap(drawn.norm(float(drawn.get_array()[int(y), int(x)])))
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.47
    axes.text(x, y, text, ha="center", va="center", fontsize="small", color="white" if dark else "black")


def colour_scale(figure: Any, drawn: Any, axes: Any, label: str) -> None:
    """The scale of colours beside these axes: as thin on a high sheet as on a low one."""
    height = figure.get_figheight()
    shrink = min(0.95, 5 / height)
    figure.colorbar(drawn, ax=axes, label=label, shrink=shrink, aspect=shrink * height / 0.16)


def columns_for(number: int, most: int = 8) -> tuple[int, int]:
    """Rows and columns for so many small pictures.

    >>> columns_for(2), columns_for(32), columns_for(9)
    ((1, 2), (4, 8), (2, 5))
    """
    rows = -(-number // most) or 1
    return rows, -(-number // rows) or 1
