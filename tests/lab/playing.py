# SPDX-License-Identifier: GPL-2.0-only
"""Scenarios played in a kernel of the lab, for what prints tables of them."""

import json

import labtest
import machine
import session

INSIDE = "/scenarios"  # where the image has them
WORDS = (("pass", "passed"), ("fail", "failed"), ("skip", "skipped"))


class Lines:
    """The JSON lines of a suite, as they come."""

    def __init__(self, show=lambda row: None):
        self.rest, self.rows, self.show = b"", [], show

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            row = json.loads(line)
            self.rows.append(row)
            self.show(row)


def boot(name, gpcvm, where, linux=False):
    """A box that has the scenarios of the directory @where."""
    return labtest.Box(name, gpcvm, [f"{where}:{INSIDE}"], linux)


def play(box, argv, lines, seconds=None):
    """A gpcvm suite in @box, its rows to @lines -> (status, stderr, gone). Gone:
    why it did not come to its end, or None. A kernel that cannot go on is not
    waited for."""
    p = box.m.spawn(["gpcvm", *argv], lines.feed)
    p.write(b"")
    try:
        status, gone = session.wait_for(box.m, p, session.Deadline(seconds)), None
    except machine.Gone as e:
        status, gone = 1, str(e)
    return status, p.err.decode("utf-8", "replace"), gone


def finish(what, passed, failed, skipped, counts):
    """The last line of a table, and a file for tests/all."""
    if counts:
        with open(counts, "w") as f:
            f.write(f"{passed} passed {failed} failed {skipped} skipped\n")
    print(f"{what}: {passed} passed, {failed} failed, {skipped} skipped")
