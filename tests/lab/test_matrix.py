# SPDX-License-Identifier: GPL-2.0-only
"""The matrix names the cells that differ from the known table."""

import os
import types

import labtest


def load():
    path = os.path.join(labtest.HERE, "matrix")
    module = types.ModuleType("matrix")  # a script, without .py
    module.__file__ = path
    with open(path) as f:
        exec(compile(f.read(), path, "exec"), module.__dict__)
    return module


def test_a_table_is_read_back_as_it_was_written(lab):
    m = load()
    rows = {("private", "runstate split"): ["stale"] * len(m.HEADS),
            ("anon", "clock"): ["unsupported"]}
    path = os.path.join(lab.dir, "table")
    with open(path, "w") as f:
        f.write("# a comment\n" + "".join(
            m.line(*key, cells) + "\n" for key, cells in rows.items()))
    assert m.read(path) == rows
    assert list(m.differences(rows, m.read(path))) == []


def test_a_cell_that_differs_is_named(lab):
    m = load()
    known = {("anon", "clock"): ["fresh"] * len(m.HEADS)}
    seen = {("anon", "clock"): ["fresh"] * len(m.HEADS)}
    seen["anon", "clock"][m.HEADS.index("punch2")] = "stale"
    assert list(m.differences(known, seen)) == \
        ["anon, clock, after punch2: stale, expected fresh"]


def test_rows_that_come_or_go_are_named(lab):
    m = load()
    row = {("anon", "clock"): ["fresh"] * len(m.HEADS)}
    assert list(m.differences(row, {})) == ["anon, clock: no row"]
    assert list(m.differences({}, row)) == ["anon, clock: no row is expected"]
    assert "unsupported, expected" in next(
        m.differences(row, {("anon", "clock"): ["unsupported"]}))


def test_fresh_on_the_same_page_is_not_taken_for_fresh(lab):
    m = load()
    case = m.Case.__new__(m.Case)
    answers = iter(["no", "no", "yes"])
    case.punch = lambda: None
    case.check = lambda: {"verdict": "fresh", "pfn_changed": next(answers, "no")}
    assert case.punched() == "fresh"
    assert case.punched() == "same-pfn"


def test_known_tables_are_whole(lab):
    m = load()
    for name in ("base", "debian"):
        rows = m.read(os.path.join(labtest.HERE, "expected", f"{name}.txt"))
        assert set(rows) == {(mode, page) for mode, _, _ in m.MODES
                             for page, _, _ in m.PAGES}
        assert all(len(c) in (1, len(m.HEADS)) for c in rows.values()), rows
    # A property of 6.12: KVM writes the shared alias.
    base = m.read(os.path.join(labtest.HERE, "expected", "base.txt"))
    assert base["private", "clock"][0] == "stale"
    assert base["shared", "clock"][0] == "fresh"
