"""What tests of the page share: models with a history, and a reader of HTML that is stricter than browsers."""

from html.parser import HTMLParser

import numpy as np

import minidl
from minidl import layers

VOID = {"br", "meta", "wbr"}
HOSTILE = "<img src=x onerror=alert(1)>&\"'"


def network(name="net", **options):
    return minidl.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(3, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(2, activation="softmax", name="out"),
        ],
        name=name,
        **options,
    )


def trained(epochs=3, callbacks=(), **options):
    model = network(**options)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 8, 8, 2)).astype(np.float32), rng.integers(0, 2, 20)
    model.fit(x, y, epochs=epochs, validation_split=0.2, verbose=0, callbacks=list(callbacks))
    return model


class Html(HTMLParser):
    """All elements with their attributes; tags must be closed in the order in which they were opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.data, self.headings = [], [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), "an attribute twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data += data
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append((self.open[-1], data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]
