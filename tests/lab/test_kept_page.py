# SPDX-License-Identifier: GPL-2.0-only
"""Leaked memory that is on no list of unevictable pages, by a patched
kernel."""
import os
import re

import labtest

PATCHES = os.path.join(labtest.HERE, "patches", "kept-page")
SCENARIO = os.path.join(labtest.HERE, "..", "scenarios", "leak",
                        "a-page-for-each-punch.scn")


def play(lab, *kernel):
    # On one CPU, the page freed last is allocated next.
    return lab.tool("run", *kernel, "--lean", "--cpus", "1", "--file",
                    SCENARIO + ":/s.scn", "--", "gpcvm", "play", "/s.scn")


def test_page_that_a_refresh_keeps_fails_the_scenario(lab):
    status, out, err = play(lab, "--patches", PATCHES)
    assert status == 1, (status, out, err)
    pages = re.search(r"leaked: (\d+) more pages .* are anonymous", out)
    # A page for every second of 4000 punches.
    assert pages and 1000 < int(pages.group(1)) <= 4000, out
    status, out, err = play(lab, "--kernel", "base")
    assert status == 0, (status, out, err)
