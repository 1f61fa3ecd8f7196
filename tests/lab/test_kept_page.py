# SPDX-License-Identifier: GPL-2.0-only
"""Memory that a kernel keeps for good, and that is in no list of unevictable
pages: a kernel with a patch of its own does so."""
import os
import re

import labtest

PATCHES = os.path.join(labtest.HERE, "patches", "kept-page")
SCENARIO = os.path.join(labtest.HERE, "..", "scenarios", "leak",
                        "a-page-for-each-punch.scn")


def play(lab, *kernel):
    # On one CPU a page that was freed is the next to be handed out.
    return lab.tool("run", *kernel, "--lean", "--cpus", "1", "--file",
                    SCENARIO + ":/s.scn", "--", "gpcvm", "play", "/s.scn")


def test_page_that_a_refresh_keeps_fails_the_scenario(lab):
    status, out, err = play(lab, "--patches", PATCHES)
    assert status == 1, (status, out, err)
    pages = re.search(r"not given back: (\d+) pages more are anonymous", out)
    # A page for every second of 4000 punches.
    assert pages and 1000 < int(pages.group(1)) <= 4000, out
    status, out, err = play(lab, "--kernel", "base")
    assert status == 0, (status, out, err)
