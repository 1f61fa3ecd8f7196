# SPDX-License-Identifier: GPL-2.0-only
"""Tests and parts of them that make no progress time out."""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = os.path.join(os.path.dirname(HERE), "limit")

STALLS = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
import progress
progress.EVERY_S, progress.GRACE_S = 0.1, 0.5
steps = progress.Watch(0.5, lambda: "the last line of a console").start()
steps.at("the step that hangs")
try:
    threading.Event().wait()
except progress.Stalled as e:
    print("stalled:", e)
    if sys.argv[2] == "ends":
        steps.at("the next")
        sys.exit(3)
threading.Event().wait()
"""


def python(text, *args):
    r = subprocess.run([sys.executable, "-c", text, HERE, *args], text=True,
                       capture_output=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def test_a_step_that_hangs_fails_and_says_which_it_was(lab):
    status, out, err = python(STALLS, "ends")
    assert status == 3, (status, out, err)
    assert "STALLED the step that hangs: not over" in out, out
    assert "the last line of a console" in out, out
    assert "stalled: the step that hangs" in out, out


def test_a_run_that_does_not_heed_that_ends(lab):
    status, out, err = python(STALLS, "hangs")
    assert status == 1, (status, out, err)
    assert "it cannot be stopped; the run ends here" in out, out


def test_a_part_has_a_limit_and_takes_its_children_along(lab):
    start = time.monotonic()
    r = subprocess.run([LIMIT, "1", "sh", "-c", "sleep 987 & wait"], text=True,
                       capture_output=True, timeout=60)
    assert r.returncode == 124, r
    assert "STOPPED sh -c" in r.stdout, r.stdout
    assert time.monotonic() - start < 60
    left = subprocess.run(["ps", "-eo", "args"], text=True, capture_output=True).stdout
    assert "sleep 987\n" not in left, left


def test_a_part_that_ends_gives_its_status(lab):
    for word, status in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)):
        r = subprocess.run([LIMIT, "60", "sh", "-c", word], timeout=60)
        assert r.returncode == status, (word, r)
