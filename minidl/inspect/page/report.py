"""`write_report`: the page of a model, written into a file."""

from typing import Any

from minidl.inspect.explanation import explain
from minidl.inspect.logs import Logs, logs_of
from minidl.inspect.page.document import Section, document, scrolling
from minidl.inspect.page.training import history_section
from minidl.inspect.page.weights import weights_section
from minidl.messages import say, word
from minidl.models.model import Model
from minidl.models.picture.drawing import drawn
from minidl.models.picture.graph import graph_of
from minidl.models.picture.labels import Choice
from minidl.models.picture.svg import svg
from minidl.utils.atomic import FilePath, atomic_write
from minidl.utils.checks import as_path, shown

__all__ = ["write_report"]

_CHOICE = Choice(shapes=True, names=True, params=True)


def write_report(model: Any, path: FilePath, history: Any = None) -> None:
    """Write one HTML file that shows a model: its graph, an explanation of each layer, its weights, its training.

    The file needs no other file, no network and no program but a browser. It is written in the language of
    `MINIDL_LANG` or of the locale, English or Korean.

    Args:
        model: a built model.
        path: where to, ending in .html.
        history: what `fit` returned, a trained model, or a dict of lists; by default the history of the model's latest
            `fit`, which `model.save` keeps in the file.

    Raises:
        TypeError: `model` is no model, or `history` no history.
        ValueError: the model is not built, or `path` ends otherwise.
        OSError: the file cannot be written. What was at `path` is unchanged.

    >>> import pathlib, tempfile
    >>> from minidl import Sequential, layers
    >>> model = Sequential([layers.Input((4,)), layers.Dense(3)], name="tiny")
    >>> with tempfile.TemporaryDirectory() as home:
    ...     write_report(model, f"{home}/report.html")
    ...     "(4 + 1)·3" in pathlib.Path(home, "report.html").read_text(encoding="utf-8")
    True
    """
    name = as_path("write_report", "path", path)
    if not name.lower().endswith((".html", ".htm")):
        raise ValueError(say(f"write_report expects path to end in .html, got {name!r:.120}."))
    if not isinstance(model, Model):
        raise TypeError(say(f"write_report expects a model, got {shown(model)}."))
    if not model.built:
        raise ValueError(
            say(
                f"write_report expects a built model, and {model.name} has not seen the shape of its input yet. Begin it "
                "with an Input, call build(input_shape), or call it on a batch of data."
            )
        )
    history = getattr(model, "history", None) if history is None else history
    page = _page(model, None if history is None else logs_of("write_report", history))
    with atomic_write(name) as file:
        file.write(page.encode())


def _page(model: Model, history: Logs | None) -> str:
    picture = svg(
        drawn(graph_of(model, True), _CHOICE), say(f"The graph of {model.name}: its layers and connections.")
    )
    sections = [
        Section("graph", word("Graph of the model"), scrolling(picture, word("Graph of the model"))),
        Section("layers", word("Layer by layer"), explain(model)._repr_html_()),
        Section("weights", word("Values of the weights"), weights_section(model)),
        Section("history", word("History of the training"), history_section(history)),
    ]
    trained = sum(weight.size for weight in model.trainable_weights)
    lead = [
        say(
            f"{type(model).__name__} of {len(model.layers)} layers with {model.count_params():,} parameters, "
            f"{trained:,} of them trainable."
        )
    ]
    return document(model.name, lead, sections, say("Written by minidl.inspect."))
