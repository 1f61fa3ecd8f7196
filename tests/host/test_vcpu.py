# SPDX-License-Identifier: GPL-2.0-only
"""vCPUs: paused, resumed, halted, pinned; and operations they cannot do."""
import os

import pytest

import lib

FREE = 0x2000000


def states(m):
    return [v["state"] for v in m.ok("status")["vcpus"]]


def agents_up(m):
    """Wait until all vCPUs are idle."""
    lib.eventually("idle vCPUs", lambda: set(states(m)) == {"idle"})


# ---- pause, resume --------------------------------------------------------

def test_paused_vcpu_answers_state_at_once_and_goes_on_later(lab):
    m = lab.machine("--vcpus", "2")
    agents_up(m)
    r = m.ok("vcpu 1 pause")
    assert (r["vcpu"], r["state"]) == (1, "paused"), r
    assert states(m) == ["idle", "paused"]
    for line in ("guest 1 nop", f"guest 1 read {FREE}", "check clock1",
                 "poke steal1", "pv clock1 off"):
        # Otherwise it times out after ten seconds.
        m.fails(line, "state", "vCPU 1 is paused", "vcpu 1 resume")
    m.ok("guest 0 nop")
    m.check("clock0")
    r = m.ok("vcpu 1 resume")
    assert (r["vcpu"], r["state"]) == (1, "resumed"), r
    m.ok("guest 1 nop")
    assert states(m) == ["idle", "idle"]
    m.check("all")


def test_check_all_tells_of_the_others_when_one_vcpu_is_paused(lab):
    m = lab.machine("--vcpus", "3")
    m.ok("vcpu 1 pause")
    r = m.ok("check all")
    by = {p["name"]: p for p in r["pages"]}
    for name in ("clock0", "steal0", "clock2", "steal2"):
        assert by[name]["verdict"] == "fresh", r
    for name in ("clock1", "steal1"):
        assert by[name]["verdict"] != "fresh", r
        assert "paused" in by[name]["why"], r
    assert r["verdict"] != "fresh", r
    m.ok("vcpu 1 resume")
    m.check("all")


def test_pausing_twice_and_resuming_twice_is_harmless(lab):
    m = lab.machine()
    for _ in range(3):
        m.ok("vcpu 0 pause")
        m.ok("vcpu 0 pause")
        m.ok("vcpu 0 resume")
        m.ok("vcpu 0 resume")
        m.ok("guest 0 nop")


def test_paused_machine_still_quits(lab):
    m = lab.machine("--vcpus", "2")
    m.ok("vcpu 0 pause")
    m.ok("vcpu 1 pause")
    m.quit(5)


def test_clockwatch_can_be_paused_while_it_runs(lab):
    m = lab.machine("--guest", "clockwatch", "--vcpus", "2")
    m.ok("guest 1 nop")     # it is "new" until vCPU 0 has started it
    for _ in range(5):
        m.ok("vcpu 1 pause")
        assert states(m)[1] == "paused"
        runs = m.ok("status")["vcpus"][1]["runs"]
        m.fails("guest 1 nop", "state", "paused")
        m.ok("guest 0 nop")
        assert m.ok("status")["vcpus"][1]["runs"] == runs
        m.ok("vcpu 1 resume")
        m.ok("guest 1 nop")
        assert m.ok("status")["vcpus"][1]["runs"] > runs


# ---- registers, halt, pin -------------------------------------------------

def test_registers_are_those_of_the_guest(lab):
    m = lab.machine("--vcpus", "2")
    m.ok("guest 0 nop")
    m.ok("guest 1 nop")  # both have started
    end = int(m.ok("status")["own_end"], 16)
    for line in ("vcpu 0 regs", "vcpu 1 regs"):
        r = m.ok(line)
        assert 0x100000 <= int(r["rip"], 16) < end, r
        assert 0x100000 <= int(r["rsp"], 16) < end, r
        assert int(r["cr0"], 16) & 0x80000001 == 0x80000001, r
        assert int(r["efer"], 16) & 0x500 == 0x500, r
    m.ok("vcpu 1 pause")
    first = m.ok("vcpu 1 regs")
    second = m.ok("vcpu 1 regs")
    del first["ns"], second["ns"]
    assert first == second


def test_halted_vcpu_wakes_for_the_next_operation(lab):
    m = lab.machine("--vcpus", "2")
    agents_up(m)
    for _ in range(3):
        r = m.ok("guest 0 halt")
        assert r["state"] == "halted", r
        assert states(m) == ["halted", "idle"]
        m.ok("vcpu 0 regs")
        assert states(m) == ["halted", "idle"], "regs woke it up"
        m.ok("guest 0 nop")
        assert states(m) == ["idle", "idle"]
    m.ok("guest 0 halt")
    m.check("all")
    m.ok("guest 0 halt")
    m.ok("vcpu 0 pause")
    m.fails("guest 0 nop", "state", "paused")
    m.ok("vcpu 0 resume")
    m.ok("guest 0 nop")


def test_runs_and_exits_grow_with_every_operation(lab):
    m = lab.machine("--vcpus", "2")
    agents_up(m)
    before = m.ok("status")["vcpus"]
    for _ in range(10):
        m.ok("guest 0 nop")
    after = m.ok("status")["vcpus"]
    for what in ("runs", "exits"):
        assert after[0][what] >= before[0][what] + 10, (before, after)
    assert after[1] == before[1], (before, after)


def test_pin_takes_a_cpu_that_is_there_and_no_other(lab):
    m = lab.machine()
    mine = sorted(os.sched_getaffinity(0))
    r = m.ok(f"vcpu 0 pin {mine[-1]}")
    assert r["cpu"] == mine[-1], r
    m.ok("guest 0 nop")
    masks = [os.sched_getaffinity(int(t))
             for t in os.listdir(f"/proc/{m.proc.pid}/task")]
    assert {mine[-1]} in masks, masks
    missing = max(os.cpu_count(), mine[-1] + 1) + 5
    m.fails(f"vcpu 0 pin {missing}", "range", str(missing))
    m.fails("vcpu 0 pin 99999", "range", "99999")
    m.fails("vcpu 0 pin", "usage", "CPU")
    m.fails("vcpu 7 pin 0", "range", "7")
    m.check("all")


# ---- what the guest or the kernel cannot do -------------------------------

def test_bad_msr_is_a_gp_fault_and_the_vcpu_lives_on(lab):
    m = lab.machine()
    for line in ("guest 0 rdmsr 0x9999", "guest 0 wrmsr 0x9999 1"):
        e = m.fails(line, "kvm", "#GP", "rip 0x1")
        assert e["errno"] is None, e
    tsc = int(m.ok("guest 0 rdmsr 0x10")["value"], 16)
    assert int(m.ok("guest 0 rdmsr 0x10")["value"], 16) > tsc > 0
    m.fails("guest 0 rdmsr 0x100000000", "range")
    m.check("all")


MAY_BE_MISSING = (
    "guest 0 hypercall 1", "guest 0 convert 0x2000000 private",
    "prefault 0 0x2000000", "attr 0x2000000 private", "leak 0x2000000",
    "leak all",
)


def optional(mode):
    """unsupported with a reason, or success if the kernel supports it."""
    def test(lab):
        lab.need_mode(mode)
        m = lab.machine("--memory", mode)
        for line in MAY_BE_MISSING:
            r = m.cmd(line)
            if not r["ok"]:
                assert r["error"]["kind"] == "unsupported", (line, r)
                assert len(r["error"]["message"]) > 20, (line, r)
        m.check("all")
    return test


for _mode in ("anon", "gmem"):
    globals()[f"test_{_mode}_what_is_missing_is_unsupported_with_a_reason"] \
        = optional(_mode)


def test_poison_without_the_right_is_unsupported(lab):
    m = lab.machine()
    m.fails("poison 0x2000000", "unsupported", "--poison")
    assert m.ok("status")["poison"] is False
    m.check("all")


def test_poison_without_the_kernel_is_unsupported(lab):
    if os.geteuid():
        raise lib.Skip("only root can start gpcvm with --poison")
    if os.path.exists("/sys/kernel/mm/hwpoison") or \
            "HardwareCorrupted" in open("/proc/meminfo").read():
        raise lib.Skip("this kernel might do it, and lose a page of RAM")
    m = lab.machine("--poison")
    m.fails("poison 0x2000000", "unsupported", "CONFIG_MEMORY_FAILURE")
    m.fails("poison 0", "state", "--no-guard")
    m.fails("poison 1", "range", "4096")
    m.fails("poison 0x100000000000", "range", "0x100000000000")
    status = m.ok("status")
    assert (status["poison"], status["poisoned"]) == (True, 0), status
    m.check("all")


# ---- hello ----------------------------------------------------------------

def test_hello_prints_its_line_and_ends_well(lab):
    lab.need_kvm()
    for mode, vcpus, size in (("anon", 1, 16), ("anon", 8, 64),
                              ("auto", 2, 5120)):
        if mode == "auto":
            lab.need_mode(mode)
        status, out, err = lab.run(
            "run", "--guest", "hello", "--memory", mode, "--vcpus",
            str(vcpus), "--mem", f"{size}M", "--quiet")
        assert status == 0, (status, err)
        assert err == "", err
        lines = out.splitlines()
        assert len(lines) == 1, out
        assert lines[0].startswith("Hello from gpcvm "), out
        s = "" if vcpus == 1 else "s"
        assert f": {vcpus} vCPU{s}, {size} MiB" in lines[0], out


pytest.mark.short(test_hello_prints_its_line_and_ends_well)
pytest.mark.short(test_paused_vcpu_answers_state_at_once_and_goes_on_later)
