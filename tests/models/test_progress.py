"""The display of fit, evaluate and predict: what is written, where, and how often."""

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
import unicodedata
from contextlib import redirect_stdout
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.models import progress
from minidl.models.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Stands for the time of day; tests move it."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "perf_counter", clock)
    return clock


def run(stream, verbose, epochs=2, steps=4, logs=None, clock=None, seconds=0.003):
    shown = Progress(verbose, epochs, steps, file=stream)
    for epoch in range(epochs):
        shown.epoch_begin(epoch)
        for n in range(4):
            if clock:
                clock.now += seconds
            shown.step(n + 1, lambda: {"mae": 0.5, "loss": 0.25})
        shown.epoch_end({"mae": 0.5, "loss": 0.25} if logs is None else logs)
    shown.close()
    return stream.getvalue()


BAR = "━" * 20


def test_a_bar_per_epoch_where_nothing_can_be_redrawn(clock):
    assert run(io.StringIO(), 1, clock=clock) == (
        f"Epoch 1/2\n4/4 {BAR} 0s 3ms/step - loss: 0.2500 - mae: 0.5000\n"
        f"Epoch 2/2\n4/4 {BAR} 0s 3ms/step - loss: 0.2500 - mae: 0.5000\n"
    )


def test_one_line_per_epoch(clock):
    assert run(io.StringIO(), 2, clock=clock) == (
        "Epoch 1/2\n4/4 - 0s - 3ms/step - loss: 0.2500 - mae: 0.5000\n"
        "Epoch 2/2\n4/4 - 0s - 3ms/step - loss: 0.2500 - mae: 0.5000\n"
    )


def test_epoch_lines_only():
    assert run(io.StringIO(), 3) == "Epoch 1/2\nEpoch 2/2\n"


def test_silent():
    assert run(io.StringIO(), 0) == ""
    assert run(Terminal(), 0) == ""


@pytest.mark.parametrize(("verbose", "lines"), [(1, 1), (2, 1), (3, 0), (4, 0), (9, 0)])
def test_a_single_epoch_has_no_number(verbose, lines):
    text = run(io.StringIO(), verbose, epochs=1)
    assert "Epoch" not in text
    assert text.count("\n") == lines


def test_auto_and_numpy_integers_are_levels_too(clock):
    bar = run(io.StringIO(), 1, clock=clock)
    assert run(io.StringIO(), "auto", clock=clock) == bar
    assert run(io.StringIO(), np.int64(1), clock=clock) == bar
    assert run(io.StringIO(), True, clock=clock) == bar


@pytest.mark.parametrize("verbose", ["yes", None, 1.5, [1]])
def test_nonsense_is_refused(verbose):
    with pytest.raises(ValueError, match="expect verbose to be 'auto' or a number, 0 to 3"):
        Progress(verbose, 1, 1)


def test_predict_has_no_numbers(clock):
    shown = Progress(1, 1, 1, file=io.StringIO())
    shown.epoch_begin(0)
    clock.now += 2
    shown.step(1)
    shown.epoch_end()
    assert shown._file.getvalue() == f"1/1 {BAR} 2s 2s/step\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12344, "0.1234"),
        (0.00101, "0.0010"),
        (0.001, "1.0000e-03"),
        (-0.5, "-0.5000"),
        (-2e-5, "-2.0000e-05"),
        (0.0, "0.0000e+00"),
        (12345.678, "12345.6780"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (np.float32(0.25), "0.2500"),
        (np.array(3.0), "3.0000"),
        (2, "2.0000"),
    ],
)
def test_numbers_are_written_as_in_keras(value, text):
    assert run(io.StringIO(), 1, epochs=1, logs={"loss": value}).endswith(f" - loss: {text}\n")


def test_numbers_come_by_name_those_of_the_validation_last():
    logs = {"val_loss": 1, "loss": 1, "val_acc": 1, "zeta": 1, "acc": 1}
    names = re.findall(r"- (\w+):", run(io.StringIO(), 2, epochs=1, logs=logs))
    assert names == ["acc", "loss", "zeta", "val_acc", "val_loss"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2e-6, "0s 2us/step"),
        (0.00052, "0s 520us/step"),
        (0.003, "0s 3ms/step"),
        (0.25, "1s 250ms/step"),
        (1.6, "6s 2s/step"),
        (30, "120s 30s/step"),
    ],
)
def test_time(clock, seconds, text):
    assert f" {text} - " in run(io.StringIO(), 1, epochs=1, clock=clock, seconds=seconds)


def test_the_first_step_and_the_validation_do_not_count_into_the_pace(clock):
    shown = Progress(2, 1, 3, file=io.StringIO())
    shown.epoch_begin(0)
    for n, seconds in enumerate([5, 0.01, 0.01]):
        clock.now += seconds
        shown.step(n + 1)
    clock.now += 4
    shown.epoch_end({"val_loss": 1.0})
    assert shown._file.getvalue() == "3/3 - 9s - 10ms/step - val_loss: 1.0000\n"


def test_an_epoch_that_stopped_early_says_so(clock):
    shown = Progress(1, 1, 10, file=io.StringIO())
    shown.epoch_begin(0)
    shown.step(5)
    shown.epoch_end()
    assert shown._file.getvalue().startswith(f" 5/10 {'━' * 10}{'─' * 10} ")


def test_writes_to_what_stdout_is_at_that_moment():
    shown = Progress(3, 2, 1)
    outputs = [io.StringIO(), io.StringIO()]
    for epoch, output in enumerate(outputs):
        with redirect_stdout(output):
            shown.epoch_begin(epoch)
    assert [o.getvalue() for o in outputs] == ["Epoch 1/2\n", "Epoch 2/2\n"]


def test_a_program_without_a_console_trains_silently(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    shown = Progress(1, 2, 1)
    shown.epoch_begin(0)
    shown.step(1, lambda: {"loss": 1.0})
    shown.epoch_end({"loss": 1.0})
    shown.close()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp949"])
def test_an_output_that_has_no_heavy_lines_gets_plain_ones(encoding):
    binary = io.BytesIO()
    stream = io.TextIOWrapper(binary, encoding=encoding, write_through=True)
    shown = Progress(1, 1, 4, file=stream)
    shown.epoch_begin(0)
    shown.step(2)
    shown.epoch_end({"loss": 1.0})
    assert binary.getvalue().decode(encoding).startswith("2/4 ==========.......... 0s ")


# --- in a terminal ----------------------------------------------------------------------------------------


def screen(text: str, columns: int) -> list[str]:
    """What a terminal of this width shows: \\r goes to the start of the row, a full row wraps."""
    rows: list[list[str]] = [[]]
    at = 0
    for c in text:
        if c == "\n":
            rows.append([])
            at = 0
        elif c == "\r":
            at = 0
        else:
            wide = unicodedata.east_asian_width(c) in "WF"
            if at + wide >= columns:
                rows.append([])
                at = 0
            row = rows[-1]
            row.extend(" " * (at + 1 + wide - len(row)))
            row[at : at + 1 + wide] = [c, ""] if wide else [c]
            at += 1 + wide
    return ["".join(row).rstrip() for row in rows]


def test_the_terminal_of_these_tests():
    assert screen("abcdef\rX\n12", 4) == ["abcd", "Xf", "12"]
    assert screen("한글a\rb", 5) == ["b글a"] or screen("한글a", 4) == ["한글", "a"]


def test_the_line_is_redrawn_in_place(clock):
    text = run(Terminal(), 1, clock=clock, seconds=0.2)
    assert screen(text, 80) == [
        "Epoch 1/2",
        f"4/4 {BAR} 1s 200ms/step - loss: 0.2500 - mae: 0.5000",
        "Epoch 2/2",
        f"4/4 {BAR} 1s 200ms/step - loss: 0.2500 - mae: 0.5000",
        "",
    ]
    drawn = text.split("\n")[1].split("\r")[1:]
    assert [line.split()[0] for line in drawn] == ["1/4", "2/4", "3/4", "4/4", "4/4"]
    assert drawn[0].startswith(f"1/4 {'━' * 5}{'─' * 15} 0s ")


def test_redrawn_ten_times_a_second_however_many_steps(clock):
    stream, reads = Terminal(), []
    shown = Progress(1, 1, 3000, file=stream)
    shown.epoch_begin(0)
    for n in range(3000):
        clock.now += 0.001
        shown.step(n + 1, lambda: reads.append(1) or {"loss": 0.5})
    assert 25 <= len(reads) <= 31
    assert stream.getvalue().count("\r") == len(reads)


@pytest.mark.parametrize(("stream", "verbose"), [(io.StringIO(), 1), (Terminal(), 0), (Terminal(), 2)])
def test_numbers_nobody_sees_are_not_asked_for(stream, verbose):
    shown = Progress(verbose, 1, 10, file=stream)
    shown.epoch_begin(0)
    for n in range(10):
        shown.step(n + 1, lambda: pytest.fail("asked for the numbers"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "9s"), (10, "1:30"), (500, "1:15:00"), (0.001, "0s"), (60, "9:00")]
)
def test_the_time_left(clock, seconds, text):
    stream = Terminal()
    shown = Progress(1, 1, 10, file=stream)
    shown.epoch_begin(0)
    clock.now += seconds
    shown.step(1)
    assert f" {text} " in stream.getvalue()


def test_unknown_length_counts_and_is_known_from_the_second_epoch_on(clock):
    stream = Terminal()
    text = run(stream, 1, steps=None, clock=clock, seconds=0.2)
    first, second = (part.split("\r")[1:] for part in text.split("\n")[1::2])
    assert first[0].startswith("      1/Unknown 0s 200ms/step - loss: 0.2500")
    assert first[-1].startswith(f"4/4 {BAR} 1s")
    assert second[0].startswith("1/4 ━━━━━─")


def test_close_ends_a_line_left_half_way():
    stream = Terminal()
    shown = Progress(1, 1, 4, file=stream)
    shown.epoch_begin(0)
    shown.step(1)
    assert not stream.getvalue().endswith("\n")
    shown.close()
    shown.close()
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\n")


names = st.sampled_from(["loss", "accuracy", "정확도", "val_loss", "a" * 30])


@settings(deadline=None, max_examples=100)
@given(
    st.integers(10, 130),
    st.lists(st.dictionaries(names, st.floats(-1e6, 1e6)), min_size=1, max_size=5),
    st.sampled_from([None, 5, 60000]),
    st.dictionaries(names, st.floats(-1e6, 1e6)),
)
def test_it_never_leaves_its_row_and_the_last_line_is_whole(columns, logs, steps, final):
    stream, clock = Terminal(), Clock()
    with (
        mock.patch.object(progress, "perf_counter", clock),
        mock.patch.object(progress, "_columns", return_value=columns),
    ):
        shown = Progress(1, 1, steps, file=stream)
        shown.epoch_begin(0)
        for n, numbers in enumerate(logs):
            clock.now += 1
            shown.step(n + 1, lambda numbers=numbers: numbers)
            assert len(screen(stream.getvalue(), columns)) == 1
            for name in re.findall(r"(\w+): ", screen(stream.getvalue(), columns)[0]):
                assert name in numbers
        shown.epoch_end(final)
    last = stream.getvalue().rsplit("\r", 1)[1]
    assert re.findall(r"(\w+): ", last) == sorted(final, key=lambda name: ("val" in name, name))
    if len(screen(last, columns)) == 2:  # one row and the new line: all of the rows before is gone
        assert screen(stream.getvalue(), columns) == screen(last, columns)


def test_numbers_are_dropped_whole_where_the_row_is_short(clock):
    stream = Terminal()
    with mock.patch.object(progress, "_columns", return_value=40):
        shown = Progress(1, 1, 99, file=stream)
        shown.epoch_begin(0)
        clock.now += 0.006
        shown.step(1, lambda: {"accuracy": 0.5, "loss": 0.25})
        assert stream.getvalue() == "\r 1/99 0s 6ms/step - accuracy: 0.5000"
        shown.epoch_end({"accuracy": 0.5, "loss": 0.25})
    assert "\r 1/99 0s 6ms/step - accuracy: 0.5000 - loss: 0.2500" in stream.getvalue()


@pytest.mark.parametrize("columns", [80, 40])
def test_in_a_real_terminal(columns):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        shown = Progress(1, 1, 10, file=stream)
        shown.epoch_begin(0)
        shown.step(1, lambda: {"loss": 0.5, "some_metric": 0.25, "another": 3.0})
        shown.close()
        drawn = b""
        while b"\n" not in drawn:
            drawn += os.read(master, 4096)
    os.close(master)
    rows = screen(drawn.decode().replace("\r\n", "\n"), columns)
    assert rows[0].startswith(" 1/10 ")
    assert ("another: 3.0000" in rows[0], "some_metric: 0.2500" in rows[0]) == (True, columns == 80)
    assert rows[1:] == [""]


def test_a_notebook_redraws_and_idle_does_not():
    notebook = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    idle = type("StdOutputFile", (Terminal,), {"__module__": "idlelib.run"})
    assert "\r" in run(notebook(), 1)
    assert "\r" not in run(idle(), 1)
