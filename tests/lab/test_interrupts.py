# SPDX-License-Identifier: GPL-2.0-only
"""Interrupts that QEMU loses do not stop a kernel of the lab for good, and a
hang reports where it was."""

import os

import playing

COUNT = "sed -n '/ttyS/s/^ *//p' /proc/interrupts"
# Meanwhile nothing arrives from outside except what the lab sends by itself.
WAITS = f"""a=$({COUNT}); n=0
while [ $n -lt 600 ]; do
	[ "$a" = "$({COUNT})" ] || {{ echo came; exit; }}
	sleep 0.1; n=$((n + 1))
done; echo never: $a"""
HANGS = "vm --memory anon --vcpus 2\nsleep 100000\n"


def host_cpus(box):
    """The CPUs on which its QEMU's threads may run."""
    at = f"/proc/{box.m.qemu.pid}/task"
    return [os.sched_getaffinity(int(tid)) for tid in os.listdir(at)]


def test_the_threads_of_a_lab_with_one_cpu_stay_on_one_of_ours(lab):
    one = host_cpus(lab.box("lean", linux=True))
    assert len(one) > 1 and len(one[0]) == 1 and set(map(frozenset, one)) == {
        frozenset(one[0])}, one
    several = host_cpus(lab.box("lean"))
    assert all(cpus == os.sched_getaffinity(0) for cpus in several), several


def test_a_kernel_that_waits_gets_interrupts_from_outside(lab):
    for linux in (True, False):
        out = lab.box("lean", linux).sh(WAITS)
        assert out == "came\n", out


def test_a_scenario_that_hangs_says_what_its_vcpus_do(lab):
    with open(os.path.join(lab.dir, "hangs.scn"), "w") as f:
        f.write(HANGS)
    box = playing.boot("lean", lab.gpcvm, lab.dir)
    try:
        gone = playing.play(box, ["suite", "--json", playing.INSIDE], playing.Lines(),
                            0, lambda: "hangs")[2]
    finally:
        box.close()
    for text in ("hangs: not over after", " vcpu S, schedstat ", "futex_wait",
                 '"state":"', '"rip":"0x', '"events":[', "QEMU ran for "):
        assert text in gone, (text, gone)
