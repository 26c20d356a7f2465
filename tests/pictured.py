"""What tests of pictures share: graphs to draw, what to say of each layer, and readers of SVG and HTML."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from graphs import CHAINS, GRAPHS

from minidl.models.picture.labels import Choice

EVERYTHING = Choice(shapes=True, dtype=True, names=True, activations=True, trainable=True, params=True)
NAMES = Choice(names=True)
EVERY_GRAPH = pytest.mark.parametrize("build", GRAPHS + CHAINS, ids=lambda f: f.__name__)


def overlaps(a, b, slack=1e-6):
    return all(low < high - slack for low, high in ((a[0], b[2]), (b[0], a[2]), (a[1], b[3]), (b[1], a[3])))


SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture):
    return ET.fromstring(picture)  # noqa: S314


def texts(picture):
    return [element.text for element in parsed(picture).iter(f"{SVG}text")]


class Page(HTMLParser):
    """HTML whose tags are closed in the order in which they were opened."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.data, self.cells = [], set(), "", []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("br",):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data += data
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data
