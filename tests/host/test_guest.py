# SPDX-License-Identifier: GPL-2.0-only
"""The tiny guest in the smallest monitor that can run it (tests/bench/floor),
which shares no code with gpcvm: only guest/doorbell.h and the device tree."""
import json
import os
import subprocess

import lib


def floor(lab, *args):
    lab.need_kvm()
    build = os.path.dirname(lab.gpcvm)
    image = os.path.join(build, "guest", "guest.elf")
    r = subprocess.run(
        [os.path.join(build, "tests", "bench", "floor"), "--memory", lab.mode(),
         "--vcpus", "2", image, *args], capture_output=True, text=True,
        timeout=lib.LIMIT, stdin=subprocess.DEVNULL)
    assert r.returncode == 0, f"{args}: {r.returncode}: {r.stdout}{r.stderr}"
    return r.stdout


def test_every_operation_does_what_doorbell_h_says(lab):
    floor(lab, "selftest")


def test_an_exception_of_the_guest_is_told(lab):
    floor(lab, "crashtest")


def test_the_guest_sets_up_the_clocks_that_the_tree_names(lab):
    r = json.loads(floor(lab, "fresh", "10"))
    assert r["n"] == 10 and r["stale"] == 0, r
