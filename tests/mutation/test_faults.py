"""The tables of faults made by hand still fit the source, so that `run.py` can use them."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from mutation.mutants import HERE, by_hand, drawn_files, source_of, survivors, table
from mutation.selection import responsible

FAULTS = table()
by_name = pytest.mark.parametrize("fault", FAULTS, ids=[re.sub(r"\W+", "-", f["name"]) for f in FAULTS])


def test_there_are_many_and_no_name_twice():
    assert len(FAULTS) >= 100
    assert len({fault["name"] for fault in FAULTS}) == len(FAULTS)


@by_name
def test_the_old_text_is_in_its_file_exactly_once(fault):
    assert source_of(fault["file"]).count(fault["old"]) == 1, f"mend the table {fault['area']}.toml"
    assert fault["old"] != fault["new"]


@by_name
def test_the_mutant_compiles(fault):
    text = source_of(fault["file"]).replace(fault["old"], fault["new"])
    compile(text, fault["file"], "exec")


@by_name
def test_some_tests_are_responsible(fault):
    root = HERE.parent.parent
    runs = responsible(fault["file"], root)
    assert runs
    assert runs != [["tests"]]
    assert all((root / run[0]).exists() and run[1:2] in ([], ["-k"]) for run in runs)


def test_mutants_are_the_source_with_one_change():
    for mutant, fault in zip(by_hand(), FAULTS, strict=True):
        assert mutant.old == source_of(fault["file"])
        assert mutant.new != mutant.old
        assert mutant.diff().startswith(f"--- {fault['file']}")


@pytest.mark.parametrize("entry", survivors(), ids=lambda e: e["file"])
def test_every_explained_survivor_names_lines_that_are_there(entry):
    files = [file for file in drawn_files() if fnmatch(file, entry["file"])]
    wanted = [line.strip() for line in entry["gone"].splitlines()]
    assert any(
        set(wanted) <= {line.strip() for line in source_of(file).splitlines()} | {""} for file in files
    )
    assert entry["reason"]


def test_a_file_without_tests_of_its_own_is_tested_by_all():
    assert responsible("minidl/config.py", Path("/nowhere")) == [["tests"]]
