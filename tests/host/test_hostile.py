# SPDX-License-Identifier: GPL-2.0-only
"""Guests that misuse the doorbell."""
import lib
from hostile import DOORBELL, HALT, HERE, READY, START_APS, forever, guest, \
    mov, out


def machine(lab, code, vcpus):
    return lab.machine("--memory", "anon", "--vcpus", str(vcpus), "--kernel",
                       guest(lab, code))


def events(m):
    return [e["text"] for e in m.ok("log 1000")["events"]]


def test_a_vcpu_that_is_ready_twice_counts_once(lab):
    ready = mov("ebx", 0) + mov("ecx", 1) + mov("eax", READY) + out(DOORBELL)
    m = machine(lab, forever(ready), 2)
    lib.eventually("many calls", lambda: m.ok("status")["vcpus"][0]["exits"]
                   > 1000)
    assert m.ok("status")["ready_ns"] is None
    assert not any("guest ready" in e for e in events(m)), events(m)


def test_starting_vcpus_that_run_is_refused_and_told(lab):
    start = mov("ebx", HERE + 0x400) + mov("eax", START_APS) + out(DOORBELL)
    m = machine(lab, start + start + HALT, 4)
    told = lib.eventually("all of them refused", lambda: [
        e for e in events(m) if "again" in e][5:])
    assert "vCPU 3 again" in told[-1], told
    regs = m.ok("vcpu 3 regs")
    assert int(regs["rip"], 16) != HERE + 0x400, regs
