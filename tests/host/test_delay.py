# SPDX-License-Identifier: GPL-2.0-only
"""delay on a kernel without delays; tests/lab/test_delay.py has the rest."""
import os

import pytest

import lib

WHERE = "/sys/kernel/debug/kvm/test"


@pytest.mark.short
def test_a_kernel_without_delays_says_so_and_what_has_them(lab):
    if os.path.exists(WHERE):
        raise lib.Skip(f"there is a {WHERE}")
    m = lab.plain()
    for line in "delay", "delay all 0", "delay unmap 1000000":
        m.fails(line, "unsupported", WHERE, "CONFIG_KVM_GPC_TEST", "reference")
    m.healthy()


@pytest.mark.short
def test_what_is_no_delay_is_refused_first(lab):
    m = lab.plain()
    m.fails("delay punch 1", "usage", "punch", "invalidate")
    m.fails("delay unmap", "usage", "missing argument: delay unmap USEC")
    m.fails("delay unmap x", "usage", "x")
    m.fails("delay unmap -1", "usage")
    m.fails("delay unmap 1 2", "usage")
    for much in "1000001", "4G", "0xffffffffffffffff":
        m.fails(f"delay all {much}", "range", "1000000")
    m.healthy()
