# SPDX-License-Identifier: GPL-2.0-only
"""Machines of every size and mode start, and end as they should."""
import pytest

import lib


def up(lab, mode, vcpus):
    lab.need_mode(mode)
    m = lab.machine("--memory", mode, "--vcpus", str(vcpus))
    for i in range(vcpus):
        m.ok(f"guest {i} nop")
    r = m.ok("check all")
    assert r["verdict"] == "fresh", r
    assert r["fresh"] == 2 * vcpus, r
    m.quit(7)


def make(mode, vcpus):
    def test(lab):
        up(lab, mode, vcpus)
    return test


for _mode in ("anon", "gmem"):
    for _n in (1, 2, 8, 64):
        globals()[f"test_{_mode}_{_n}_vcpus_come_up_and_are_fresh"] = \
            make(_mode, _n)
pytest.mark.short(globals()["test_gmem_2_vcpus_come_up_and_are_fresh"])
