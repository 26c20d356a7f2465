"""The page in a real browser: Chromium without a window, where it is installed."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from graphs import nested
from pages import HOSTILE, trained

import minidl
from minidl.inspect.page import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium to open the page in")

DARK = "--blink-settings=preferredColorScheme=0"
POLICY = re.compile('<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_report(trained(), folder / "report.html")
    return folder / "report.html"


def browse(path, *options):
    """What Chromium writes on its two streams when it opens the page."""
    home = path.parent / "profile"
    fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={home}"]
    done = subprocess.run(
        [BROWSER, *fixed, "--enable-logging=stderr", *options, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def measured(path, script, *options, text=None):
    """What a script finds on the page; the policy, under which none would run, is taken out for that."""
    text = POLICY.sub("", path.read_text(encoding="utf-8") if text is None else text)
    run = f"<script>document.body.textContent = JSON.stringify((() => {{ {script} }})())</script></body>"
    copy = path.with_name("measured.html")
    copy.write_text(text.replace("</body>", run), encoding="utf-8")
    shown, _ = browse(copy, "--dump-dom", *options)
    return json.loads(html.unescape(re.search(r"<body>(.*)</body>", shown, re.DOTALL)[1]))


def pixels(path, *options, width=1000, height=1400):
    image = pytest.importorskip("matplotlib.image")
    target = path.with_name("shot.png")
    _, log = browse(path, f"--screenshot={target}", f"--window-size={width},{height}", *options)
    assert "CONSOLE" not in log  # of errors on the page, such as something that the policy forbids
    return image.imread(target)[..., :3]


def test_it_is_drawn_and_nothing_is_missed(page):
    shot = pixels(page)
    assert shot[0, 0] == pytest.approx([1, 1, 1])
    blue = (
        np.abs(shot - np.array([0x2D, 0x64, 0xA8]) / 255).max(axis=2) < 0.02
    )  # the boxes of layers with weights
    assert blue.mean() > 0.003
    bars = np.abs(shot - np.array([0, 0x72, 0xB2]) / 255).max(axis=2) < 0.02  # the histograms
    assert bars.mean() > 0.003


def test_in_the_dark(page):
    shot = pixels(page, DARK)
    assert shot[0, 0] == pytest.approx(np.array([0x14, 0x18, 0x1F]) / 255, abs=0.01)
    assert shot.max() > 0.8  # the writing is light


CONTRAST = """
const light = c => { const v = c / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const brightness = text => { const [r, g, b] = text.match(/[0-9.]+/g).map(Number);
  return 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b); };
const paper = brightness(getComputedStyle(document.body).backgroundColor);
const names = 'h1, h2, p, a:not(.skip), summary, figcaption, th, td, caption';
const elements = [...document.querySelectorAll(names)];
return Math.min(...elements.map(e => { const ink = brightness(getComputedStyle(e).color);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05); }));
"""


@pytest.mark.parametrize("options", [[], [DARK]], ids=["light", "dark"])
def test_writing_stands_out(page, options):
    """WCAG 2.1 asks for a contrast of 4.5 for text, and of 3 for what is drawn, as the curves and their signs."""
    assert measured(page, CONTRAST, *options) >= 4.5
    drawn = CONTRAST.replace("h1, h2, p", "figcaption span")
    assert measured(page, drawn, *options) >= 3


@pytest.mark.parametrize("width", [500, 700, 1600])
def test_no_window_is_too_narrow(page, width):
    """Only the frames that are made for it scroll sideways."""
    script = "return [document.documentElement.scrollWidth, window.innerWidth]"
    wide, window = measured(page, script, f"--window-size={width},900")
    assert wide <= window


def test_in_a_frame_as_narrow_as_a_telephone(page):
    """Chromium's own windows are at least 500 pixels wide; a frame inside of one is as narrow as one likes."""
    text = POLICY.sub("", page.read_text(encoding="utf-8"))
    outer = page.with_name("outer.html")
    (page.with_name("inner.html")).write_text(
        text.replace(
            "</body>", "<script>parent.postMessage(document.documentElement.scrollWidth, '*')</script></body>"
        ),
        encoding="utf-8",
    )
    outer.write_text(
        "<!DOCTYPE html><body><iframe src='inner.html' width=320 height=600 style='border: 0'></iframe>"
        "<script>addEventListener('message', e => { document.title = e.data })</script></body>"
    )
    shown, _ = browse(outer, "--dump-dom", "--virtual-time-budget=3000")
    assert int(re.search(r"<title>(\d+)</title>", shown)[1]) <= 320


def test_on_paper_everything_is_open(page):
    text = page.read_text(encoding="utf-8")
    script = "return [...document.querySelectorAll('details table')].map(table => table.checkVisibility())"
    assert not any(measured(page, script))
    printed = measured(page, script, text=text.replace("@media print", "@media all"))
    assert printed
    assert all(printed)
    target = page.with_name("report.pdf")
    browse(page, f"--print-to-pdf={target}")
    assert target.read_bytes().startswith(b"%PDF")


def test_every_link_leads_to_its_section(page):
    script = "return [...document.querySelectorAll('a')].map(a => document.querySelector(a.getAttribute('href')) !== null)"
    assert measured(page, script) == [True] * 5


def test_names_do_not_become_elements(tmp_path):
    model = trained(name=HOSTILE)
    for layer in model.layers:
        layer.name = HOSTILE
    model.history.history = {f"</script>{HOSTILE}": [1.0, 2.0]}
    path = tmp_path / "report.html"
    write_report(model, path)
    script = "return [document.images.length, document.title, document.querySelectorAll('[onerror]').length]"
    assert measured(path, script) == [0, HOSTILE, 0]


def test_a_wide_model_scrolls_in_its_frame(tmp_path):
    path = tmp_path / "report.html"
    write_report(nested(minidl), path)
    script = """const frame = document.querySelector('#graph').parentElement.querySelector('.scrolling');
    return [document.documentElement.scrollWidth <= window.innerWidth, frame.scrollWidth >= frame.clientWidth]"""
    assert measured(path, script, "--window-size=500,900") == [True, True]
