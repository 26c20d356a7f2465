"""The page of a model: what is on it, for every reader, and that nothing in a model can break it."""

import math
import re
import subprocess
import sys

import numpy as np
import pytest
from graphs import nested
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import HOSTILE, Html, network, trained
from pictured import EVERY_GRAPH, parsed

import minidl
from minidl import layers
from minidl.callbacks import CSVLogger
from minidl.inspect import markup
from minidl.inspect.__main__ import main
from minidl.inspect.logs import logs_of, read_log
from minidl.inspect.page import weights, write_report
from minidl.inspect.page.charts import curves, histogram, ticks
from minidl.inspect.page.training import history_section
from minidl.inspect.page.weights import spread_of


def page_of(model, tmp_path, **options):
    path = tmp_path / "report.html"
    write_report(model, path, **options)
    return path.read_text(encoding="utf-8")


# --- what is on it --------------------------------------------------------------------------------------------------


def test_everything_is_there(tmp_path):
    model = trained()
    text = page_of(model, tmp_path)
    page = Html(text)
    assert page.headings[0] == ("h1", "net")
    assert [name for tag, name in page.headings if tag == "h2"] == [
        "Graph of the model", "Layer by layer", "Values of the weights", "History of the training",
    ]  # fmt: skip
    assert "5 layers" in page.data or "4 layers" in page.data
    assert f"{model.count_params():,} parameters" in page.data
    assert "(3·3·2 + 1)·3 = 57" in page.data  # explain
    assert minidl.inspect.explanation.explain(model)._repr_html_() in text
    for weight in model.weights:
        values = weight.numpy()
        assert f"Histogram of {weight.path}: values from {values.min():.3g} to {values.max():.3g}." in text
        assert f"Mean value {values.mean(dtype=np.float64):.3g}" in page.data
    assert "val_accuracy" in page.data
    assert f"{model.history.history['loss'][1]:.5g}" in page.data


@pytest.mark.parametrize("language", ["en", "ko"])
def test_for_readers_who_do_not_see_it(monkeypatch, tmp_path, language):
    monkeypatch.setenv("MINIDL_LANG", language)
    page = Html(page_of(trained(), tmp_path))
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert [tag for tag, _ in page.elements[:8]].count("title") == 1  # of the window; pictures have theirs
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    links = [attributes["href"] for attributes in page.all("a")]
    assert {link[1:] for link in links} <= set(names)
    assert len(links) == 5
    pictures = page.all("svg")
    assert all(p["role"] == "img" and p["aria-label"].strip() for p in pictures)
    assert len(pictures) == 1 + 4 + 2  # graph, weights, loss and accuracy
    assert all(h["scope"] in ("col", "row") for h in page.all("th"))
    assert len(page.all("table")) == len(page.all("thead"))
    for section in page.all("section"):
        assert section["aria-labelledby"] in names
    for frame in (a for _, a in page.elements if a.get("class") == "scrolling"):
        assert frame["tabindex"] == "0"
        assert frame["aria-label"].strip()
    korean = bool(re.search("모델의 그래프", page.data)) and bool(re.search("학습 기록", page.data))
    assert korean == (language == "ko")


def test_nothing_is_loaded_and_nothing_runs(tmp_path):
    text = page_of(trained(), tmp_path)
    page = Html(text)
    assert {"script", "link", "img", "iframe", "object", "style src"} & {
        tag for tag, _ in page.elements
    } == set()
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert "url(" not in text
    assert "@import" not in text
    assert any("default-src 'none'" in attributes.get("content", "") for attributes in page.all("meta"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_names_from_anywhere_are_text(tmp_path):
    model = trained(name=HOSTILE)
    for layer in model.layers:
        layer.name = HOSTILE
    for weight in model.weights:
        weight.path = weight.name = f"</style>{HOSTILE}/kernel"
    model.history.history[f"{HOSTILE}</figure>"] = [1.0, 2.0, 3.0]
    text = page_of(model, tmp_path)
    assert "<img" not in text
    assert "</style><img" not in text
    page = Html(text)
    assert "onerror" not in {name for _, attributes in page.elements for name in attributes}
    assert HOSTILE in page.data


def test_every_cell_of_a_table_in_a_notebook_is_text():
    page = Html(markup.part(markup.table([HOSTILE, "b"], [("row", HOSTILE), (HOSTILE, "cell")])))
    assert page.all("img") == []
    assert page.data.count(HOSTILE) == 3


@EVERY_GRAPH
def test_every_kind_of_model(build, tmp_path):
    model = build(minidl)
    page = Html(page_of(model, tmp_path))
    assert "no history" in page.data or "has no history" in page.data
    assert len(page.all("svg")) == 1 + sum(1 for w in model.weights)


def test_models_inside_are_drawn(tmp_path):
    text = page_of(nested(minidl), tmp_path)
    assert "deepest (Sequential)" in text


def test_a_large_model_stays_small(tmp_path):
    deep = [layers.Dense(64, activation="relu") for _ in range(60)]
    model = minidl.Sequential([layers.Input((64,)), *deep])
    text = page_of(model, tmp_path)
    assert len(text) < 700_000
    Html(text)


def test_no_weights(tmp_path):
    page = Html(page_of(minidl.Sequential([layers.Input((4,)), layers.Flatten()]), tmp_path))
    assert "This model has no weights." in page.data


def test_weights_that_ran_away(tmp_path):
    model = network()
    kernel = model.get_layer("conv").kernel
    kernel.assign(np.where(np.arange(kernel.size).reshape(kernel.shape) % 3, 1e38, np.nan))
    model.get_layer("out").bias.assign([np.inf, -np.inf])
    page = Html(page_of(model, tmp_path))
    assert "18 values are NaN or infinite." in page.data
    assert "2 values are NaN or infinite." in page.data


# --- charts ---------------------------------------------------------------------------------------------------------


def drawing(picture, style):
    """The paths of a style in a picture."""
    root = parsed(picture.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"'))
    return [e.get("d") for e in root.iter() if e.get("class") == style and e.get("d")]


def bars(picture):
    """The heights of the bars by their places."""
    found = re.findall(r"M(\d+),60v-([\d.e+-]+)h", drawing(picture, "bars")[0])
    return {int(x) // 7: float(height) for x, height in found}


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=200), st.integers(1, 50))
@settings(max_examples=60)
def test_a_histogram_counts(values, part):
    array = np.array(values, dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "_PART", part)
        spread = spread_of(array)
    exact = array.astype(np.float64)
    assert (spread.low, spread.high, spread.others) == (exact.min(), exact.max(), 0)
    np.testing.assert_allclose(
        [spread.mean, spread.deviation], [exact.mean(), exact.std()], rtol=1e-9, atol=1e-9
    )
    assert spread.counts.sum() == len(values)
    length = (spread.high - spread.low) / 40
    for i, count in enumerate(spread.counts):  # a value on the edge of two bars may be in either
        begin, end = spread.low + i * length, spread.low + (i + 1) * length
        slack = 1e-9 * max(1, abs(spread.low), abs(spread.high))
        sure = ((exact > begin + slack) & (exact < end - slack)).sum()
        possible = ((exact >= begin - slack) & (exact <= end + slack)).sum()
        assert sure <= count <= possible or spread.high == spread.low
    found = bars(histogram(spread.counts, spread.low, spread.high, "words"))
    assert set(found) == set(np.flatnonzero(spread.counts))
    for i, height in found.items():
        assert height == pytest.approx(max(1, spread.counts[i] / spread.counts.max() * 60), rel=1e-2)


def test_which_weights_are_trained():
    model = network()
    model.layers[-1].trainable = False
    said = re.findall(r"is (?:not )?trained", weights.weights_section(model))
    assert said == ["is trained" if weight.trainable else "is not trained" for weight in model.weights]
    assert len(set(said)) == 2


def test_values_that_are_no_numbers_are_counted_apart():
    spread = spread_of(np.array([[np.nan, 1.0], [np.inf, 1.0]], np.float32))
    assert (spread.low, spread.high, spread.others, spread.counts.sum()) == (1.0, 1.0, 2, 2)
    nothing = spread_of(np.array([np.nan]))
    assert nothing.low > nothing.high
    assert nothing.others == 1
    assert spread_of(np.zeros((0, 3))).others == 0


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_and_inside(low, length):
    length = max(length, abs(low) * 1e-9)
    high = low + length
    found = ticks(low, high)
    assert all(low - 1e-3 * length <= t <= high + 1e-3 * length for t in found)
    assert 2 <= len(found) <= 6
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-3)
    assert f"{steps[0]:.1e}"[:3] in ("1.0", "2.0", "5.0")
    written = re.findall(r'end">([-\d.e+]+)</text>', curves("w", [[(1, low), (2, high)]]))
    assert len(written) == len(set(written))


def points(picture, style):
    """The points of a curve, back in the units of the picture."""
    paths = drawing(picture, style)
    return [[tuple(map(float, p.split(","))) for p in re.split("[ML]", d) if p] for d in paths]


def test_curves_go_through_their_points():
    picture = curves("w", [[(1, 0.0), (2, 1.0), (3, 0.5)], [(3, 0.25)]])
    ((a, b, c),) = points(picture, "first")
    assert a[0] < b[0] < c[0]
    assert b[0] - a[0] == pytest.approx(c[0] - b[0], abs=0.2)
    assert b[1] < c[1] < a[1]  # up is small
    assert (a[1] - c[1]) == pytest.approx((a[1] - b[1]) / 2, abs=0.2)
    assert 'circle class="second"' in picture  # a point alone is a dot


def test_the_key_names_each_curve_by_its_own_style():
    html = history_section(logs_of("test", {"loss": [3.0, 2.0, 1.0], "val_loss": [1.0, 2.0, 3.0]}))
    assert re.findall(r'class="(\w+)" aria-hidden="true">(\S+)</span> (\w+)', html) == [
        ("first", "──", "loss"), ("second", "╌╌", "val_loss"),
    ]  # fmt: skip
    picture = html[html.index("<svg") : html.index("</svg>") + len("</svg>")]
    for style, falls in (("first", True), ("second", False)):
        ((begin, *_, end),) = points(picture, style)
        assert (end[1] > begin[1]) == falls  # down is large


def test_curves_break_where_a_value_is_no_number():
    line = [(1, 1.0), (2, 2.0), (3, math.nan), (4, 1.0), (5, 3.0)]
    assert [len(p) for p in points(curves("w", [line]), "first")] == [2, 2]
    Html(curves("w", [[(1, math.nan), (2, math.inf)]]))
    Html(curves("w", [[]]))


def test_long_curves_keep_their_peaks():
    values = np.sin(np.arange(50_000) / 500)
    values[33_333] = 7.0
    picture = curves("w", [list(enumerate(values.tolist()))])
    assert len(picture) < 20_000
    ((*line,),) = points(picture, "first")
    assert min(y for _, y in line) == pytest.approx(8 + (1 / 22) * (210 - 32), abs=1)  # 7.0 is at the top


# --- where the history comes from -----------------------------------------------------------------------------------


def test_history_of_every_kind(tmp_path):
    log = tmp_path / "log.csv"
    model = trained(4, [CSVLogger(log)])
    from_fit, from_log = logs_of("f", model.history), read_log(log)
    assert from_fit.epochs == from_log.epochs == [1, 2, 3, 4]
    assert from_fit.curves.keys() == from_log.curves.keys()
    for name, values in from_fit.curves.items():
        np.testing.assert_allclose(values, from_log.curves[name])
    assert logs_of("f", model.history.history) == from_fit
    assert logs_of("f", {}) is None
    assert logs_of("f", {"loss": []}) is None


def test_validation_every_few_epochs(tmp_path):
    found = logs_of("f", {"loss": [5, 4, 3, 2], "val_loss": [4.5, 2.5]})
    assert found.curves["val_loss"] == [None, 4.5, None, 2.5]
    text = page_of(network(), tmp_path, history={"loss": [5, 4, 3, 2], "val_loss": [4.5, 2.5]})
    assert "val_loss: from 4.5 to 2.5, smallest 2.5, largest 4.5." in text


def test_metrics_of_several_numbers():
    found = logs_of("f", {"loss": [1, 2], "f1": [[0.1, 0.2], [0.3, 0.4]]})
    assert found.curves["f1[1]"] == [0.2, 0.4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch,loss,val_loss\n0,4.0,NA\n1,3.0,2.5\n", {"loss": [4.0, 3.0], "val_loss": [None, 2.5]}),
        ("epoch;loss\r\n0;4.0\r\n1;nan\r\n", {"loss": [4.0, math.nan]}),
        ('epoch\tloss\tf1\n0\t4.0\t"""[1, 2]"""\n', {"loss": [4.0]}),
        ("epoch,loss,val_loss\n0,1,NA\n", {"loss": [1.0]}),
        ("epoch,loss\n0,1\n1,2\n0,3\n", {"loss": [1.0, 2.0, 3.0]}),
    ],
)
def test_logs(tmp_path, text, expected):
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = read_log(path)
    assert found.epochs == list(range(1, len(found.epochs) + 1))
    np.testing.assert_equal(found.curves, expected)


@pytest.mark.parametrize(
    "raw", [b"loss\n1\n", b"epoch,loss\n0\n", b"epoch,loss\n0,x\n", b"epoch,loss\nNA,1\n", b"\xff\xfe\0", b"PK\3\4", b"epoch"]
)  # fmt: skip
def test_other_files_are_no_logs(tmp_path, raw):
    path = tmp_path / "log.csv"
    path.write_bytes(raw)
    if raw == b"epoch":
        assert read_log(path) is None
    else:
        with pytest.raises(ValueError, match="no file of a CSVLogger"):
            read_log(path)


@pytest.mark.parametrize("wrong", [3, "log.csv", [1, 2], {"loss": "high"}, {"loss": [[1], [1, 2]]}])
def test_other_things_are_no_history(wrong, tmp_path):
    with pytest.raises(TypeError, match="write_report expects history"):
        write_report(network(), tmp_path / "report.html", wrong)
    assert list(tmp_path.iterdir()) == []


# --- errors, and the command line -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "path", "error"),
    [
        (layers.Dense(2), "report.html", TypeError),
        (minidl.Sequential([layers.Dense(2)]), "report.html", ValueError),
        (None, "report.keras", ValueError),
        (None, 3, TypeError),
    ],
)
def test_wrong_arguments(tmp_path, model, path, error):
    with pytest.raises(error, match="write_report expects"):
        write_report(model or network(), tmp_path / path if isinstance(path, str) else path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved(tmp_path):
    pytest.importorskip("h5py")
    path = tmp_path / "model.keras"
    trained(2, [CSVLogger(tmp_path / "log.csv")]).save(path)
    return path


def test_the_command_writes_a_page(saved, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MINIDL_LANG", "en")  # put back behind the test, for --lang sets it
    page = tmp_path / "report.html"
    assert main([str(saved), "-o", str(page)]) == 0
    assert "val_loss" in page.read_text(encoding="utf-8")  # the history is in the file of the model
    (tmp_path / "log.csv").write_text("epoch,other\n0,1\n1,2\n")
    assert main([str(saved), "-o", str(page), "--history", str(tmp_path / "log.csv"), "--lang", "ko"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "val_loss" not in text
    assert "other" in text
    assert '<html lang="ko">' in text
    assert capsys.readouterr() == ("", "")


def test_the_command_explains(saved, capsys):
    assert main([str(saved)]) == 0
    shown = capsys.readouterr().out
    assert "(3·3·2 + 1)·3 = 57" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.keras"], "nothing.keras: No such file"),
        (["log.csv"], "log.csv: expected a zip archive"),
        (["."], ": expected a file, got a folder"),
        (["model.keras", "-o", "nowhere/report.html"], "report.html: Could not be written"),
        (["model.keras", "-o", "model.keras"], "end in .html"),
        (["model.keras", "-o", "report.html", "--history", "none.csv"], "none.csv: No such file"),
        (["model.keras", "-o", "report.html", "--history", "model.keras"], "no file of a CSVLogger"),
        (["model.keras", "--history", "log.csv"], "--history is for the page"),
    ],
)
def test_what_goes_wrong_is_one_line(saved, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    before = saved.read_bytes()
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert saved.read_bytes() == before
    assert not (tmp_path / "report.html").exists()


def test_as_a_program(saved):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "minidl.inspect", str(saved)], capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "57" in done.stdout.decode()
    wrong = subprocess.run(
        [sys.executable, "-m", "minidl.inspect", "nothing"], capture_output=True, timeout=120
    )
    assert wrong.returncode == 2
    assert b"Traceback" not in wrong.stderr
