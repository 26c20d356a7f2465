"""That the runs themselves can be believed: the copy is what is tested, faults are seen, and nothing else is."""

import pytest
from mutation.mutants import Mutant, path_of, places, source_of
from mutation.sandbox import Known, Sandbox

SGD = "minidl/optimizers/sgd.py"
TEXT = '''
def scaled(x: "int | None", factor: float | None) -> list[int | float]:
    """Not 3 * this."""
    total: float | int = 5
    if not factor:
        raise ValueError(f"expects {factor * 3} or more, {'none' if factor == 0 else 7}")
    return x * factor
'''


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    if not (path_of("minidl").parent / "tests").is_dir():
        pytest.skip("the tests of a wheel run without the source tree")
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    return Sandbox(tmp_path_factory.mktemp("copy"), home, Known())


def mutant(old, new):
    source = source_of(SGD)
    return Mutant("", "", SGD, source, source.replace(old, new))


def test_a_fault_is_caught_and_mended_and_what_is_none_is_not(sandbox, monkeypatch):
    monkeypatch.setattr(
        "mutation.sandbox.responsible", lambda file, root: [["tests/optimizers/test_clipping.py"]]
    )
    before = source_of(SGD)
    caught = sandbox.test(mutant("(w - learning_rate * g,)", "(w + learning_rate * g,)"))
    assert caught.caught
    assert caught.how.startswith("FAILED")
    assert not sandbox.test(mutant("(w - learning_rate * g,)", "(w - g * learning_rate,)")).caught
    assert source_of(SGD) == (sandbox.root / SGD).read_text(encoding="utf-8") == before


def test_what_hangs_is_caught(sandbox, monkeypatch):
    monkeypatch.setattr(
        "mutation.sandbox.responsible", lambda file, root: [["tests/optimizers/test_clipping.py"]]
    )
    monkeypatch.setattr("mutation.sandbox.PATIENCE", 1)
    hanging = sandbox.test(
        mutant("    return (w - learning", "    while True:\n        pass\n    return (w - learning")
    )
    assert (hanging.caught, hanging.how) == (True, "timeout")


def test_generated_faults_are_not_in_texts_or_type_hints():
    pytest.importorskip("cosmic_ray")
    lines = {start[0] for start, _ in places(TEXT)}
    assert lines == {4, 5, 7}
