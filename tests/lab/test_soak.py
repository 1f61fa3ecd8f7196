# SPDX-License-Identifier: GPL-2.0-only
"""make soak: its storms, a few rounds each, still do what they are to do."""

import glob
import os
import re

import labtest

BOX = "reference-lean"
ROUNDS = 5


def play(lab, path):
    """The storm of a scenario -> its reply."""
    with open(path) as f:
        lines = [x.strip() for x in f]
    vm = next(x for x in lines if x.startswith("vm "))
    g = lab.guest(*vm.split()[1:], kernel=BOX)
    for line in lines:
        if re.match("delay |pv ", line):
            g.ok(line)
        elif line.startswith("storm "):
            # In order and by number: chance may leave an operation out for
            # longer than a test is worth.
            line, n = re.subn(r"^storm for 300 ", f"storm count {ROUNDS} ",
                              line)
            assert n, line
            r = g.ok(re.sub(r"\bany ", "", line))
    g.quit()
    return r


def test_every_operation_of_the_soak_is_done(lab):
    paths = sorted(glob.glob(os.path.join(labtest.HERE, "soak", "*.scn")))
    assert len(paths) == 6, "six of five minutes are half an hour"
    for path in paths:
        r = play(lab, path)
        assert r["ended_by"] == "count" and r["not_restored"] == [], (path, r)
        assert {p["verdict"] for p in r["pages"]} == {"fresh"}, (path, r)
        for w in r["workers"]:
            for o in w["ops"]:
                assert o["count"] > o["failed"], (path, o)
