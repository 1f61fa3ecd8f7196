# SPDX-License-Identifier: GPL-2.0-only
"""The pages that the kernel writes: punched, moved, switched, and back."""
import pytest

import lib

FREE = 0x2000000        # 32M: nobody's, with the default layout
MSR = {"clock": 0x4b564d01, "steal": 0x4b564d03}


def both(fn):
    """fn(m) on two vCPUs, in both memory modes, separate and packed."""
    def make(mode, layout):
        def test(lab):
            lab.need_mode(mode)
            m = lab.machine("--memory", mode, "--vcpus", "2", "--pv-layout",
                            layout)
            fn(m)
            m.check("all")
        return test
    for mode in ("anon", "gmem"):
        for layout in ("separate", "packed"):
            name = f"test_{mode}_{layout}_{fn.__name__}"
            globals()[name] = make(mode, layout)


def punch_to_zeros(m, name, reader):
    """Punch until vCPU `reader` sees zeros.

    KVM may write the page by itself between the punch and the read:
    kvmclock_update_work() refreshes all clocks some 100 ms after an MSR write.
    """
    def attempt():
        m.ok(f"punch {name}")
        length = 32 if name.startswith("clock") else 64
        return not any(m.read(name, length, reader))
    lib.eventually(f"the guest reads zeros after punch {name}", attempt)


def version(data):
    return int.from_bytes(data[:4], "little")


def system_time(m, name="clock0"):
    return int.from_bytes(m.read(name, 32)[16:24], "little")


def kick_clocks(m):
    """KVM_SET_CLOCK asks every vCPU to update; then one KVM_RUN of vCPU 0."""
    m.ok("poke clock1")
    m.ok("guest 0 nop")


def state(m, name, on, predicted, gpa=None):
    p = m.page(name)
    assert (p["on"], p["predicted"]) == (on, predicted), p
    assert gpa is None or int(p["gpa"], 16) == gpa, p


# ---- punch ----------------------------------------------------------------

def clock_recovers_from_a_punch(m):
    m.check("clock0")
    state(m, "clock0", True, "valid")
    punch_to_zeros(m, "clock0", 0)
    state(m, "clock0", True, "invalid")
    m.check("clock0")
    state(m, "clock0", True, "valid")


def steal_time_recovers_from_a_punch(m):
    m.check("steal0")
    # Read on vCPU 1: each KVM_RUN of vCPU 0 writes the page again.
    punch_to_zeros(m, "steal0", 1)
    m.check("steal0")


def steal_version_starts_again_after_a_punch(m):
    for _ in range(50):
        m.ok("guest 0 nop")
    before = version(m.read("steal0", 64))
    assert before >= 100, before
    punch_to_zeros(m, "steal0", 1)
    after = m.check("steal0")["before"]["version"]
    assert 0 < after < before, (before, after)


def check_says_whether_the_pfn_changed(m):
    first = m.check("clock0")
    assert first["pfn_changed"] == "unknown", first
    for line in ("guest 0 nop", "punch clock0", "guest 0 nop"):
        m.ok(line)
        r = m.check("clock0")
        if r["pfn"] is None:    # not root: pagemap shows no pfn
            assert r["pfn_changed"] == "unknown", r
        else:   # the host may move a page whenever it likes
            same = r["pfn"] == first["pfn"]
            assert r["pfn_changed"] == ("no" if same else "yes"), (first, r)
        first = r


for _fn in (clock_recovers_from_a_punch, steal_time_recovers_from_a_punch,
            steal_version_starts_again_after_a_punch,
            check_says_whether_the_pfn_changed):
    both(_fn)


# ---- poke -----------------------------------------------------------------

def poke_sets_what_the_guest_then_reads(m):
    for _ in range(5):
        before = system_time(m)
        set_to = m.ok("poke clock0")["set"]
        assert set_to > before, (set_to, before)
        assert system_time(m) >= set_to, (system_time(m), set_to)


both(poke_sets_what_the_guest_then_reads)


# ---- off and on -----------------------------------------------------------

def clock_that_is_off_is_left_alone(m):
    was = m.read("clock0", 32)
    kick_clocks(m)
    on = m.read("clock0", 32)
    assert on != was, "poking does not show even while the clock is on"
    m.ok("pv clock0 off")
    state(m, "clock0", False, "inactive")
    r = m.check("clock0", "absent")
    assert "off" in r["why"], r
    m.fails("poke clock0", "state", "off")
    off = m.read("clock0", 32)
    for _ in range(5):
        kick_clocks(m)
        assert m.read("clock0", 32) == off
    m.ok("pv clock0 on")
    state(m, "clock0", True, "valid")
    m.check("clock0")
    assert m.read("clock0", 32) != off


def steal_time_that_is_off_is_left_alone(m):
    assert m.read("steal0", 64) != m.read("steal0", 64)
    m.ok("pv steal0 off")
    m.check("steal0", "absent")
    off = m.read("steal0", 64)
    for _ in range(5):
        m.ok("guest 0 nop")
        assert m.read("steal0", 64) == off
    m.ok("pv steal0 on")
    m.check("steal0")
    assert m.read("steal0", 64) != off


def clock_goes_on_while_its_neighbour_is_off(m):
    m.ok("pv clock1 off")
    off = m.read("clock1", 32)
    m.check("clock0")
    state(m, "clock0", True, "valid")
    m.ok("poke clock0")
    m.ok("guest 1 nop")
    assert m.read("clock1", 32) == off
    m.check("clock1", "absent")
    m.ok("pv clock1 on")


for _fn in (clock_that_is_off_is_left_alone,
            steal_time_that_is_off_is_left_alone,
            clock_goes_on_while_its_neighbour_is_off):
    both(_fn)


# ---- move -----------------------------------------------------------------

def moves(m, name, to):
    """It is fresh at its new place, and its old place is not written."""
    size = 32 if name.startswith("clock") else 64
    old = m.page(name)["gpa"]
    m.ok(f"pv {name} move {to:#x}")
    state(m, name, True, "valid", to)
    m.ok(f"guest 0 fill {old} {size} 0xa5")
    for _ in range(3):
        m.check(name)
        kick_clocks(m)
    assert m.read(old, size) == b"\xa5" * size
    h = m.ok(f"guest 0 hash {old} {size}")["hash"]
    assert int(h, 16) == lib.fnv1a(b"\xa5" * size), h
    assert any(m.read(f"{to:#x}", size))


def clock_moves_to_another_page(m):
    moves(m, "clock0", FREE)
    punch_to_zeros(m, "clock0", 0)
    m.check("clock0")


def steal_time_moves_to_another_page(m):
    moves(m, "steal0", FREE + 64)
    punch_to_zeros(m, "steal0", 1)
    m.check("steal0")


def caches_move_inside_their_page(m):
    for name, step in (("clock0", 0x400), ("steal0", 0x800)):
        moves(m, name, int(m.page(name)["gpa"], 16) + step)
    m.check("clock1")
    m.check("steal1")


def pages_go_where_the_guest_writes_its_msrs(m):
    for name, at in (("clock", FREE), ("steal", FREE + 0x1000)):
        m.ok(f"guest 0 wrmsr {MSR[name]:#x} {at | 1:#x}")
        state(m, name + "0", True, "valid", at)
        m.check(name + "0")
        m.ok(f"guest 0 wrmsr {MSR[name]:#x} 0")
        state(m, name + "0", False, "inactive", at)
        m.check(name + "0", "absent")
        m.ok(f"pv {name}0 on")
        state(m, name + "0", True, "valid", at)


for _fn in (clock_moves_to_another_page, steal_time_moves_to_another_page,
            caches_move_inside_their_page,
            pages_go_where_the_guest_writes_its_msrs):
    both(_fn)


# ---- several caches on one page -------------------------------------------

def punch_of_the_shared_page(lab, mode):
    lab.need_mode(mode)
    m = lab.machine("--memory", mode, "--vcpus", "4", "--pv-layout", "packed")
    names = [f"clock{i}" for i in range(4)]
    assert len({int(m.page(n)["gpa"], 16) >> 12 for n in names}) == 1
    for _ in range(3):
        punch_to_zeros(m, "clock0", 0)
        for n in names:
            state(m, n, True, "invalid")
        for n in names:
            m.check(n)
            state(m, n, True, "valid")
    m.ok("pv clock2 off")
    m.ok("punch clock3")
    state(m, "clock2", False, "inactive")
    state(m, "clock3", True, "invalid")
    for n in ("clock0", "clock1", "clock3"):
        m.check(n)


def test_anon_packed_clocks_all_recover_from_one_punch(lab):
    punch_of_the_shared_page(lab, "anon")


def test_gmem_packed_clocks_all_recover_from_one_punch(lab):
    punch_of_the_shared_page(lab, "gmem")


def test_moves_that_cannot_be_are_refused_and_change_nothing(lab):
    m = lab.machine("--memory", "anon")
    gpa = int(m.page("clock0")["gpa"], 16)
    m.fails(f"pv clock0 move {FREE + 8:#x}", "range", hex(FREE + 8), "32")
    m.fails(f"pv steal0 move {FREE + 32:#x}", "range", hex(FREE + 32), "64")
    m.fails("pv clock0 move 1T", "range", "not in RAM")
    m.fails("pv clock0 move", "usage", "GPA")
    m.fails("pv clock9 off", "range", "clock9")
    state(m, "clock0", True, "valid", gpa)
    m.check("all")


pytest.mark.short(globals()["test_gmem_packed_clock_recovers_from_a_punch"])
pytest.mark.short(globals()["test_gmem_separate_steal_time_recovers_from_a_punch"])
pytest.mark.short(globals()["test_gmem_separate_clock_moves_to_another_page"])
pytest.mark.short(globals()["test_gmem_packed_clocks_all_recover_from_one_punch"])


def steals_what_it_waits(lab, mode):
    lab.need_mode(mode)
    m = lab.machine("--memory", mode, "--vcpus", "2")
    for _ in range(5):
        for p in ("steal0", "steal1"):
            r = m.check(p)
            grown = r["seen"]["steal"] - r["before"]["steal"]
            # The check makes another thread take the vCPU's CPU.
            assert 0 < grown <= r["run_delay"], r
            assert r["preempted"] in ("set", "unknown"), r


def test_anon_steal_grows_by_what_the_thread_waits(lab):
    steals_what_it_waits(lab, "anon")


def test_gmem_steal_grows_by_what_the_thread_waits(lab):
    steals_what_it_waits(lab, "gmem")
