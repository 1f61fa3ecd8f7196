# SPDX-License-Identifier: GPL-2.0-only
"""The command delay, on a kernel with delays."""

import os
import re
import signal

import machine
import test_docs
import test_reference

NAMES = ["refresh", "invalidate", "unmap"]
BOX = "reference-lean"


def delays(r):
    assert [d["name"] for d in r["delays"]] == NAMES, r
    return {d["name"]: d["us"] for d in r["delays"]}


def hits(g, name):
    return {d["name"]: d["hits"] for d in g.ok("delay")["delays"]}[name]


def of_kernel(box):
    return {n: int(box.sh(f"cat {machine.TEST}/delay_{n}")) for n in NAMES}


def test_what_is_set_is_shown_and_in_the_kernel(lab):
    g, box = test_reference.start(lab), lab.box(BOX)
    assert delays(g.ok("delay")) == dict.fromkeys(NAMES, 0)
    assert delays(g.ok("delay unmap 1000000"))["unmap"] == 1000000
    g.ok("delay all 20")
    assert of_kernel(box) == dict.fromkeys(NAMES, 20)
    assert delays(g.ok("delay invalidate 0")) == of_kernel(box)
    g.fails("delay refresh 1000001", "range")
    assert of_kernel(box) == {"refresh": 20, "invalidate": 0, "unmap": 20}
    g.quit()
    assert of_kernel(box) == dict.fromkeys(NAMES, 0)


def test_hits_are_those_since_it_was_set(lab):
    g = test_reference.start(lab)
    for name, line in (("invalidate", "punch clock0"), ("refresh", "poke clock0"),
                       ("unmap", "pv clock0 off")):
        g.ok(f"delay {name} 1000")
        before = hits(g, name)
        g.ok(line)
        assert hits(g, name) > before, name
        g.ok(f"delay {name} 0")
    assert hits(g, "unmap") == 0


def test_what_was_there_is_back_after_a_signal(lab):
    box = lab.box(BOX)
    box.sh(f"echo 5 >{machine.TEST}/delay_unmap")
    try:
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            g = test_reference.start(lab)
            g.ok("delay all 1000")
            g.ok("delay unmap 2000")
            g.proc.kill(signo)
            g.wait()
            assert of_kernel(box) == {"refresh": 0, "invalidate": 0, "unmap": 5}
    finally:
        box.sh(f"echo 0 >{machine.TEST}/delay_unmap")


def test_what_was_there_is_back_where_a_vcpu_ended_it(lab):
    box = lab.box(BOX)
    g = test_reference.start(lab, "--memory-fault", "stop", "--slot", "0,32M",
                             "--slot", "32M,8M,file=none")
    g.ok("delay all 1000")
    g.ok("attr 32M private")
    g.cmd("guest 0 read 32M 8")
    assert g.wait() == 12, g.stderr()
    assert of_kernel(box) == dict.fromkeys(NAMES, 0)


def test_one_machine_has_them_until_it_ends(lab):
    box = lab.box(BOX)
    a, b = test_reference.start(lab), test_reference.start(lab)
    a.ok("delay refresh 1000")
    b.fails("delay unmap 1000", "state", "another gpcvm")
    assert delays(b.ok("delay"))["refresh"] == 1000
    a.quit()
    b.ok("delay unmap 1000")
    b.quit()
    assert of_kernel(box) == dict.fromkeys(NAMES, 0)


def test_the_manual_has_every_field(lab):
    page = test_docs.text_of(lab, "docs/gpcvm-control.7")
    fields = set(re.findall(r"^\.Va (\w+)", page, re.M))
    r = test_reference.start(lab).ok("delay")
    missing = (set(r) | {k for d in r["delays"] for k in d}) - fields
    assert not missing, missing


def test_a_recording_with_delays_needs_them(lab):
    g, box = test_reference.start(lab), lab.box(BOX)
    name = f"/run/{os.path.basename(lab.dir)}.scn"
    g.ok(f"record {name}")
    g.ok("delay unmap 1000")
    g.ok("delay")
    g.ok("record stop")
    text = box.sh(f"cat {name}")
    assert re.search(r"^need .*\bdelays\b", text, re.M), text
    assert re.findall(r"^delay.*$", text, re.M) == ["delay unmap 1000"], text
