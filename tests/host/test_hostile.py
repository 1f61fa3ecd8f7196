# SPDX-License-Identifier: GPL-2.0-only
"""Guests that misuse the doorbell."""
import os
import re

import lib
from hostile import DOORBELL, HALT, HERE, READY, START_APS, forever, guest, \
    mov, out
from test_endings import prepare


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


def test_an_operation_that_hangs_is_given_up_with_what_its_thread_did(lab):
    m = lab.plain("--no-guard", "--vcpus", "2")
    other = m.connect()
    prepare(m, b"\xeb\xfe")     # jmp to itself
    m.client.send("guest 0 nop\n")
    lib.eventually("it is under way", lambda: other.ok("status")["vcpus"][0]
                   ["state"] == "running")
    other.send("guest 0 nop\n")
    first, second = m.client.reply(), other.reply()
    for r in first, second:
        assert not r["ok"] and r["error"]["kind"] == "state", r
    text = first["error"]["message"]
    assert text.startswith("vCPU 0 did not complete the operation: in "), \
        text
    text2 = second["error"]["message"]
    assert "'guest' has run for" in text + text2, (text, text2)
    for t in text, text2:
        told = re.search(r"in (\d+) ms, its thread ran for (\d+) ms, and had no "
                         r"CPU for (\d+) ms; it is (\w+), \d in its queue", t)
        assert told, t
        took, ran, waited = map(int, told.groups()[:3])
        # Time without a CPU does not count, or the time-out would come after
        # 10 s. The wait is known only afterwards, to within a check or two.
        assert took > 9900 and (took - waited > 5000 or took > 39000), t
        assert ran > 0, t
        assert "R in" in t, t
    m.alive()


def test_root_is_told_the_kernel_stack_of_a_thread_that_hangs(lab):
    if os.geteuid() or not os.path.exists("/proc/self/stack"):
        raise lib.Skip("only root's keeper may open it, with CONFIG_STACKTRACE")
    m = lab.plain()
    m.alive()
    if "seccomp_why" in m.ok("status")["sandbox"]:
        raise lib.Skip("without filters the files of its threads are its own "
                       "uid's, which the keeper does not have")
    names = [os.readlink(f"/proc/{m.proc.pid}/fd/{fd}")
             for fd in os.listdir(f"/proc/{m.proc.pid}/fd")]
    assert any(re.fullmatch(r"/proc/\d+/task/\d+/stack", n) for n in names), names
    m.quit()
