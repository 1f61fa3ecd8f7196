# SPDX-License-Identifier: GPL-2.0-only
"""What the lab takes for a report of the kernel, and what it does not."""

import reports

STAMP = "[    1.234567] "
KASAN = """\
==================================================================
BUG: KASAN: slab-use-after-free in f+0xaa/0x111
Write of size 4 at addr ffff888005d77200 by task sh/36

CPU: 0 UID: 0 PID: 36 Comm: sh Not tainted 6.12.0 #1
Call Trace:
 <TASK>
 f+0x1/0x2
 </TASK>

Freed by task 36:
==================================================================
"""
REFCOUNT = """\
------------[ cut here ]------------
refcount_t: underflow; use-after-free.
WARNING: CPU: 1 PID: 37 at lib/refcount.c:28 refcount_warn_saturate+0xf8/0x13f
Modules linked in:
---[ end trace 0000000000000000 ]---
"""
LOCKDEP = """\
======================================================
WARNING: possible circular locking dependency detected
6.12.0 #1 Not tainted
------------------------------------------------------
sh/37 is trying to acquire lock:
 <TASK>
 </TASK>
"""


def console(*texts):
    c = reports.Console()
    for text in texts:
        for line in text.splitlines():
            c.feed((STAMP + line + "\r\n").encode())
    c.finish()
    return c


def only(text):
    """The status of the one report in @text; all of it, without noise."""
    c = console("before\n", text, "after\n")
    assert len(c.found) == 1, c.found
    status, whole = c.first()
    want = [STAMP + x for x in text.splitlines()]
    assert whole.splitlines()[: len(want)] == want, whole
    return status, len(whole.splitlines()) == len(want)


def test_kasan_lockdep_and_refcount_reports_are_whole(lab):
    assert only(KASAN) == (reports.KASAN, True)
    assert only(REFCOUNT) == (reports.REFCOUNT, True)
    assert only(LOCKDEP) == (reports.LOCKDEP, True)


def test_the_first_of_several_reports_counts(lab):
    c = console("x\n", REFCOUNT, KASAN, "Kernel panic - not syncing: y\n")
    assert [k for k, _ in c.found] == [
        reports.REFCOUNT, reports.KASAN, reports.PANIC
    ]
    status, text = c.first()
    assert status == reports.REFCOUNT
    assert "KASAN" not in text, text


def test_each_kind_of_report_has_its_own_status(lab):
    said = {
        "Kernel panic - not syncing: sysrq triggered crash": reports.PANIC,
        "BUG: kernel NULL pointer dereference, address: 0": reports.OOPS,
        "Oops: general protection fault, maybe for address 0": reports.OOPS,
        "kernel BUG at mm/gup.c:1!": reports.OOPS,
        "BUG: KASAN: null-ptr-deref in f": reports.KASAN,
        "BUG: sleeping function called from invalid context": reports.LOCKDEP,
        "WARNING: suspicious RCU usage": reports.LOCKDEP,
        "refcount_t: addition on 0; use-after-free.": reports.REFCOUNT,
        "unreferenced object 0xffff888 (size 32):": reports.KMEMLEAK,
        "INFO: task sh:35 blocked for more than 20 seconds.": reports.HUNG,
        "watchdog: BUG: soft lockup - CPU#0 stuck for 26s!": reports.HUNG,
        "rcu: INFO: rcu_sched self-detected stall on CPU": reports.HUNG,
        "list_del corruption. prev->next should be x": reports.CORRUPTION,
        "BUG: Bad page state in process x": reports.CORRUPTION,
        "WARNING: CPU: 1 PID: 37 at virt/kvm/pfncache.c:1": reports.WARNING,
    }
    for line, status in said.items():
        assert reports.kind_of(STAMP + line) == status, line


def test_lines_that_are_no_reports_are_left_alone(lab):
    for line in (
        "traps: gpcvm[12] general protection fault ip:1 sp:2 error:0 in gpcvm",
        "gpcvm[12]: segfault at 0 ip 0 sp 0 error 4",
        "lkdtm: list_add() corruption not detected!",
        "Kernel command line: console=ttyS0 panic=-1",
        "kmemleak: Automatic memory scanning thread started",
        "rcu: Hierarchical RCU implementation.",
        "printk: log_buf_len: 262144 bytes",
    ):
        assert reports.kind_of(STAMP + line) is None, line


def test_lines_cut_anywhere_are_put_together(lab):
    c = reports.Console()
    data = (STAMP + "Kernel panic - not syncing: x\r\nmore\n").encode()
    for i in range(len(data)):
        c.feed(data[i : i + 1])
    assert c.lines == [STAMP + "Kernel panic - not syncing: x", "more"]
    assert c.first()[0] == reports.PANIC
