# SPDX-License-Identifier: GPL-2.0-only
"""A clock that the kernel really does not write is not reported fresh.

MSR 0x12, kvm-clock's old one, takes KVM's cache to another page behind the
back of gpcvm, which follows the new one (Documentation/virt/kvm/x86/msr.rst):
the page that clock0 stands for is then left behind.
"""
import pytest

import lib

OLD_MSR = 0x12
NEW_MSR = 0x4b564d01
ELSEWHERE = 0x300000


def left_behind(lab, mode):
    lab.need_mode(mode)
    m = lab.machine("--memory", mode)
    gpa = int(m.ok("check clock0")["gpa"], 16)
    r = m.cmd(f"guest 0 wrmsr {OLD_MSR:#x} {ELSEWHERE | 1:#x}")
    if not r["ok"]:
        raise lib.Skip("this KVM has no MSR 0x12: " + r["error"]["message"])
    r = m.ok("check clock0")
    assert r["verdict"] == "stale", r
    assert "older than the poke" in r["why"], r
    assert m.ok("check all")["verdict"] == "stale"
    m.ok("punch clock0")
    r = m.ok("check clock0")
    assert r["verdict"] == "stale" and "zeros" in r["why"], r
    m.ok(f"guest 0 wrmsr {NEW_MSR:#x} {gpa | 1:#x}")
    assert m.ok("check clock0")["verdict"] == "fresh"


def test_anon_clock_that_is_left_behind_is_stale(lab):
    left_behind(lab, "anon")


@pytest.mark.short
def test_gmem_clock_that_is_left_behind_is_stale(lab):
    left_behind(lab, "gmem")
