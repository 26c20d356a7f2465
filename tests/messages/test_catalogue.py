"""Every message of the source is in the catalogue, every entry is in the source, and each finds its way to Korean."""

import ast
import re
import string
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import minidl
from minidl import layers, losses, messages
from minidl.messages.catalogue import entries, filled_with, translated

SOURCE = Path(minidl.__file__).parent
SAYS = {"say", "warn", "word", "words"}  # functions whose first argument is a message, or a label
PARTS = {"refusal"}  # whose arguments are parts of one
HOLE = "{}"
NOT_MESSAGES = ("ops/elementwise", "models/picture", "saving/operations")  # descriptions of functions, labels


def written(node):
    """The text of a literal as the catalogue writes it, with {} where something is filled in; else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.strip()
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else HOLE for v in node.values).strip()
    return None


def letters(text):
    return sum(c in string.ascii_letters for c in text.replace(HOLE, ""))


@cache
def literals():
    """(file, text, where it stands: "message", "part" or "text") of every literal in the source but docstrings."""
    found = []
    for file in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        roles, hidden = {}, set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for argument in node.args if node.func.id in SAYS | PARTS else ():
                    roles[id(argument)] = "message" if node.func.id in SAYS else "part"
            if isinstance(node, ast.JoinedStr):
                hidden.update(id(v) for v in node.values)
            if isinstance(node, ast.Expr):
                hidden.add(id(node.value))
        for node in ast.walk(tree):
            text = None if id(node) in hidden else written(node)
            if text:
                found.append((str(file.relative_to(SOURCE)), text, roles.get(id(node), "text")))
    return found


ENGLISH = {HOLE.join(entry.pieces) for entry in entries()}


def test_the_source_is_read():
    assert len(literals()) > 3000
    assert sum(role == "message" for *_, role in literals()) > 400


def test_every_message_is_in_the_catalogue():
    missing = [(f, t) for f, t, role in literals() if role != "text" and letters(t) > 3 and t not in ENGLISH]
    assert not missing


def test_sentences_that_messages_are_made_of_are_in_it_too():
    """A literal that begins with a capital letter and ends as a sentence is said to somebody."""
    sentence = re.compile(r"[A-Z][a-z]*('s)? .*[.?!]")
    missing = [
        (file, text)
        for file, text, _ in literals()
        if sentence.fullmatch(text) and text not in ENGLISH and not file.startswith(NOT_MESSAGES)
    ]
    assert not missing


def test_every_error_is_said():
    """No exception takes its text past `say`."""
    kinds = {
        "ValueError",
        "TypeError",
        "RuntimeError",
        "NotImplementedError",
        "AttributeError",
        "MemoryError",
    }
    past = []
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                text = written(node.args[0]) if node.args else None
                if text is not None and letters(text) > 3:
                    past.append((file.name, node.lineno, text))
    assert not past


def test_every_entry_is_in_the_source():
    assert not ENGLISH - {text for _, text, _ in literals()}


def test_no_message_is_there_twice():
    assert len(ENGLISH) == len(entries())


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: HOLE.join(entry.pieces)[:60])
def test_both_languages_fill_in_the_same(entry):
    numbers = {int(n) for n in re.findall(r"\{(\d)\}", entry.korean)}
    assert numbers <= set(range(len(entry.pieces) - 1))
    assert re.search("[가-힣]", entry.korean) or letters(HOLE.join(entry.pieces)) < 16
    assert "\x1b" not in entry.korean
    assert re.sub(r"\{\d\}", "", entry.korean).count("{") == "".join(entry.pieces).count("{")  # of code


@pytest.mark.parametrize(
    "entry", [e for e in entries() if e.is_sentence], ids=lambda entry: HOLE.join(entry.pieces)[:60]
)
def test_a_finished_message_finds_its_entry(entry):
    holes = [f"⟨{i}⟩" for i in range(len(entry.pieces) - 1)]
    text = "".join(piece + hole for piece, hole in zip(entry.pieces, [*holes, ""], strict=True))
    assert translated(text) == entry.filled(holes)


def test_what_was_filled_in_may_be_anything():
    assert filled_with(("a ", ", ", "."), "a b, c, d.") == ["b", "c, d"]
    assert filled_with(("only this",), "only this") == []
    assert filled_with(("only this",), "only that") is None
    assert filled_with(("ab", "bc"), "abc") is None  # the pieces may not overlap
    assert translated("no such message") == "no such message"
    assert translated("") == ""


def test_no_message_installs_minidl_from_an_index():
    """`pip install "minidl[plot]"` would ask an index for it; the packages themselves are there."""
    assert not [text for _, text, _ in literals() if re.search(r"pip install \W?minidl", text)]


def test_words_that_stand_alone(monkeypatch):
    monkeypatch.delenv("MINIDL_LANG", raising=False)
    head = "layer, output, mean, std, |dL/dy|, |dL/dw|, time"
    assert messages.word(head) == head
    monkeypatch.setenv("MINIDL_LANG", "ko")
    assert len(messages.word(head).split(", ")) == len(head.split(", "))
    assert messages.word("output") == "output"  # may be the name of a layer


HOOK = "Override compute_loss for a loss of your own, or write the loop with optimizer.apply(gradients, variables)."
KEEP = "Write self.u = u in __init__, or define get_config()."


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("Add expects a to be a file, got '/x/b.h5'.", "'/x/b.h5'"),
        (
            "Bidirectional expects layer to be a recurrent layer, such as LSTM(32), got the class LSTM.",
            "클래스 LSTM",
        ),
        ("M.train_step would never be called: minidl has no such hook. " + HOOK, "M.train_step은"),
        ("l does not keep its argument 'u', so get_config() cannot tell its value. " + KEEP, "self.u = u"),
        ("Conv2D expects padding to be 'valid' or 'same', got 'causal'.", "'valid' 또는 'same'"),
        ("Dropout expects rate to be a number >= 0 and <= 1, got 50.", ">= 0, <= 1"),
        (
            "binary_crossentropy expects targets from 0 to 1, got 2 at row 3 of this batch. Mend.",
            "이 배치의 3번 행",
        ),
        ("save: Could not be written: No such file or directory.", "No such file or directory"),
    ],
)
def test_values_inside_a_sentence_stay_whole(english, korean):
    assert korean in translated(english)


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"MINIDL_LANG": "ko"}, "ko"),
        ({"MINIDL_LANG": "en", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LC_ALL": "ko_KR.UTF-8", "LANG": "en_US.UTF-8"}, "ko"),
        ({"LC_ALL": "C.UTF-8", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LANG": "ko.UTF-8"}, "ko"),
        ({"MINIDL_LANG": "ko-KR"}, "ko"),
        ({"LANG": "kok_IN"}, "en"),  # Konkani is another language
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"MINIDL_LANG": "", "LANG": "ko"}, "ko"),
    ],
)
def test_language(monkeypatch, variables, language):
    for name in ("MINIDL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert messages.language() == language


ERRORS = [
    lambda: layers.Dense(0),
    lambda: layers.Dropout(1.5),
    lambda: layers.Dense(3, activation="rleu"),
    lambda: layers.LSTM(3)(np.zeros((4, 8))),
    lambda: layers.Embedding(5, 2)(np.array([[7]])),
    lambda: layers.Conv2D(2, 5)(np.zeros((1, 3, 3, 1))),
    lambda: layers.Add()([np.zeros((2, 3)), np.zeros((2, 4))]),
    lambda: losses.MeanSquaredError()(np.zeros(3), np.zeros((3, 2))),
    lambda: losses.SparseCategoricalCrossentropy()(np.array([3]), np.array([[0.5, 0.5]])),
    lambda: minidl.Sequential([layers.Dense(2)]).fit(np.zeros((3, 2))),
    lambda: minidl.Sequential([layers.Dense]),
    lambda: minidl.models.load_model(__file__),
    lambda: layers.Conv2D(2, 3, actvation="relu"),
    lambda: minidl.Tensor([1.0, 2.0]).backward(),
    lambda: layers.Conv2D(2, 3, padding="causal"),
    lambda: layers.Conv2D(32),
    lambda: layers.Concatenate(1, 2),
    lambda: layers.Bidirectional(layers.LSTM),
    lambda: layers.Dense(64, 32),
    lambda: layers.Dropout(50),
    lambda: float(minidl.Tensor([1.0, 2.0])),
    lambda: losses.LossFunctionWrapper(lambda y: y),
]


@pytest.mark.parametrize("wrong", ERRORS)
def test_errors_in_korean(monkeypatch, wrong):
    """All of the message is Korean but for names and code, and the names and numbers are those of the English one."""
    with pytest.raises((TypeError, ValueError, RuntimeError)) as english:
        wrong()
    monkeypatch.setenv("MINIDL_LANG", "ko")
    minidl.utils.clear_session()
    with pytest.raises((TypeError, ValueError, RuntimeError)) as korean:
        wrong()
    assert type(korean.value) is type(english.value)
    text = str(korean.value)
    assert re.search("[가-힣]{2}", text)
    assert not re.search(r"(?<![\w'.(\[])[a-z]+ [a-z]+ [a-z]+(?![\w'(])", text), text
    for number in re.findall(r"\d+", str(english.value)):
        assert number in text
    assert len(text) < 400
