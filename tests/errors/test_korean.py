"""The tables of wrong data and impossible models once more, for a reader of Korean: nothing in them stays English."""

import re

import pytest
from errors import bad_data, bad_models, refused

CASES = {f"data, {name}": (case[0], case[1]) for name, case in bad_data.CASES.items()}
CASES |= {f"model, {name}": ("line", case[0]) for name, case in bad_models.CASES.items()}
PYTHONS_WORDS = {
    "model, own: takes nothing",
    "model, Lambda",
    "model, no room",
}  # what Python and NumPy say themselves

CODE = re.compile(r"'[^']*'|[\w.]+\([^()]*\)|\[[^\]]*\]|\([^()]*\)")
ENGLISH = re.compile(r"(?<![\w.=])[A-Za-z]+,? [a-z]+ [a-z]+(?![\w=])|\b(expects?|got|the|and|with|which)\b")


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_is_korean_throughout(name, monkeypatch):
    kind, call = CASES[name]
    made = refused.KINDS[kind]
    model = refused.fresh(made.make)
    model.fit(made.x, made.y, verbose=0)
    monkeypatch.setenv("MINIDL_LANG", "ko")
    _, text = refused.refusal(call, model)
    refused.rules(text)
    if name not in PYTHONS_WORDS:
        assert re.search("[가-힣]{2}", text), text
        assert not ENGLISH.search(CODE.sub("", text)), text
