"""The HTML document around the sections of a page.

The page is read by people with a dark screen, on paper, on a telephone, and by programs that read it aloud. So colours
are named once for light and once for dark; what is wide scrolls in its own frame, which a keyboard reaches; every
section has its heading, every table its caption, and every picture says in words what it shows.

The file is complete in itself. It asks browsers to load nothing and to run nothing (Content-Security-Policy), which
also holds for whatever a name in a model from somewhere else might try.
"""

from collections.abc import Sequence
from typing import NamedTuple

from minidl.messages import language, word
from minidl.models.picture.text import escaped

__all__ = ["Section", "document", "scrolling", "table"]

_STYLE = """
:root { color-scheme: light dark; --text: #1d2633; --faint: #5b6675; --paper: #ffffff; --panel: #f5f7fa;
  --line: #d4dae3; --first: #0072b2; --second: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --text: #e6eaf0; --faint: #a8b2c0; --paper: #14181f; --panel: #1d232d;
  --line: #3a4452; --first: #56b4e9; --second: #e69f00; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--paper); color: var(--text);
  font: 1rem/1.5 system-ui, "Noto Sans", "Noto Sans KR", "Noto Sans CJK KR", "Apple SD Gothic Neo", "Malgun Gothic",
  sans-serif; overflow-wrap: break-word; }
h1 { margin: 0.5rem 0; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.2rem 0 0.6rem; padding-bottom: 0.2rem; border-bottom: 1px solid var(--line); font-size: 1.3rem; }
h3 { margin: 1.4rem 0 0.3rem; font-size: 1.05rem; }
a { color: var(--first); }
a:focus-visible, summary:focus-visible, .scrolling:focus-visible { outline: 3px solid var(--second); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; background: var(--paper); padding: 0.3rem 0.6rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; margin: 0; padding: 0; list-style: none; }
.scrolling { overflow: auto; max-width: 100%; max-height: 48rem; }
.faint { color: var(--faint); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding: 0.2rem 0; }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
.page-numbers th + th, .page-numbers td + td { text-align: right; white-space: nowrap; }
pre { overflow-x: auto; padding: 0.6rem; background: var(--panel); }
figure { margin: 0; }
.curves { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
.weights { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); }
.weights figure { display: flex; flex-direction: column; justify-content: space-between; gap: 0.4rem; padding: 0.7rem;
  border: 1px solid var(--line); border-radius: 4px; min-width: 0; }
figcaption { font-size: 0.9rem; }
figcaption .first { color: var(--first); }
figcaption .second { color: var(--second); margin-left: 1rem; }
.chart { display: block; width: 100%; height: auto; max-width: 30rem; color: var(--text); }
.chart text { fill: currentColor; font-size: 11px; }
.chart .axis { stroke: var(--faint); fill: none; }
.chart .grid { stroke: var(--line); fill: none; }
.chart .first { stroke: var(--first); fill: none; stroke-width: 2; }
.chart .second { stroke: var(--second); fill: none; stroke-width: 2; stroke-dasharray: 6 3; }
.chart circle.first { fill: var(--first); }
.chart circle.second { fill: var(--second); stroke-dasharray: none; }
.chart .bars { fill: var(--first); }
@media (max-width: 30rem) { body { padding: 0.6rem; } h1 { font-size: 1.35rem; } }
@media print {
  :root { color-scheme: light; --text: #000; --faint: #333; --paper: #fff; --panel: #fff; --line: #999;
    --first: #0072b2; --second: #d55e00; }
  body { max-width: none; font-size: 9.5pt; }
  nav, .skip { display: none; }
  .scrolling { overflow: visible; max-height: none; }
  svg { max-width: 100%; height: auto; }
  pre { white-space: pre-wrap; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Section(NamedTuple):
    """A part of the page: what links to it say, its heading, and its HTML."""

    name: str
    heading: str
    html: str


def document(title: str, lead: Sequence[str], sections: Sequence[Section], foot: str) -> str:
    """The whole page.

    Args:
        title: its heading, and the title of the window.
        lead: sentences below it.
        sections: in order.
        foot: the last line.
    """
    links = "".join(f'<li><a href="#{s.name}">{escaped(s.heading)}</a></li>' for s in sections)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="{language()}">',
        '<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escaped(title)}</title>\n<style>{_STYLE}</style>\n</head>",
        f'<body>\n<a class="skip" href="#content">{escaped(word("To the content"))}</a>',
        f"<header>\n<h1>{escaped(title)}</h1>",
        *(f"<p>{escaped(sentence)}</p>" for sentence in lead),
        f'<nav aria-label="{escaped(word("Sections of this page"))}"><ul>{links}</ul></nav>\n</header>',
        '<main id="content">',
        *(_section(section) for section in sections),
        f'</main>\n<footer><p class="faint">{escaped(foot)}</p></footer>\n</body>\n</html>\n',
    ]
    return "\n".join(parts)


def _section(section: Section) -> str:
    return (
        f'<section aria-labelledby="{section.name}">\n<h2 id="{section.name}">{escaped(section.heading)}</h2>\n'
        f"{section.html}\n</section>"
    )


def scrolling(html: str, name: str) -> str:
    """Something that may be wider than the window, in a frame of its own that scrolls, also by keyboard."""
    return f'<div class="scrolling" role="region" tabindex="0" aria-label="{escaped(name)}">{html}</div>'


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of numbers.

    Args:
        caption: a sentence above it.
        headings: of the columns, as text.
        rows: cells, as HTML; the first of each is the heading of its row.
    """
    head = "".join(f'<th scope="col">{escaped(heading)}</th>' for heading in headings)
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    inner = (
        f'<table class="page-numbers"><caption>{escaped(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table>"
    )
    return scrolling(inner, caption)
