# SPDX-License-Identifier: GPL-2.0-only
"""Slots without a gmem file, and slots that lose theirs."""
import pytest

import lib

PAGE = 0x1000
ONE = 0x400000          # slots 1 and 3 are on file 1
NONE = 0x800000         # slot 2 has no file
TWO = 0xc00000
SLOTS = ("0,4M", "4M,1M,file=1", "8M,1M,file=none", "12M,1M,file=1,offset=1M")


def start(lab, mode, *args):
    lab.need_mode(mode)
    return lab.machine("--memory", mode, *args,
                       *(w for s in SLOTS for w in ("--slot", s)))


def use_a_slot_without_file(m):
    m.ok(f"guest 0 fill {NONE:#x} {2 * PAGE} 0x5a")
    r = m.ok(f"mem {NONE:#x} 8")
    assert (r["data"], r["resident"]) == ("5a" * 8, 1), r
    m.ok(f"punch {NONE:#x}")
    assert m.ok(f"mem {NONE:#x} 8")["resident"] == 0
    assert m.read(f"{NONE:#x}") == bytes(8)
    assert m.read(f"{NONE + PAGE:#x}") == b"\x5a" * 8
    m.ok(f"punch {NONE:#x} {2 * PAGE}")
    m.ok(f"allocate {NONE:#x} {2 * PAGE}")
    assert m.ok(f"mem {NONE:#x} {PAGE}")["resident"] == 1
    for name, gpa in ("clock0", NONE), ("steal0", NONE + PAGE):
        m.ok(f"pv {name} move {gpa:#x}")
        m.check(name)
    m.ok("slot delete 2")
    m.check("clock0", "absent")
    m.ok("slot restore 2")
    m.check("clock0")


@pytest.mark.short
def test_slot_without_file_works_in_gmem(lab):
    m = start(lab, "gmem")
    row = m.slots()[2]
    assert row["file"] is None and "closed" not in row, row
    use_a_slot_without_file(m)
    assert m.page("clock0")["backing"] == "anon, slot 2"


def test_slot_without_file_works_in_anon(lab):
    use_a_slot_without_file(start(lab, "anon"))


def test_closing_takes_the_file_from_all_its_slots_and_says_which(lab):
    m = start(lab, "gmem")
    r = m.ok("slot close 3")
    assert (r["file"], r["closed"], r["slot"]) == (1, [1, 3], 3), r
    assert [s.get("closed") for s in m.slots()] == [False, True, None, True]
    assert "(closed)" not in m.page("clock0")["backing"]
    m.healthy()


@pytest.mark.short
def test_what_needs_a_closed_file_is_refused_with_the_reason(lab):
    m = start(lab, "gmem")
    m.ok("slot close 1")
    for at in ONE, TWO:
        for line in f"punch {at:#x}", f"allocate {at:#x}", f"mem {at:#x} 8", \
                f"pv clock0 move {at:#x}", f"pv steal0 move {at:#x}":
            m.fails(line, "state", "file 1 is closed")
    # A range that only ends there is refused as a whole.
    m.ok(f"guest 0 fill {ONE - PAGE:#x} 8 0x77")
    m.fails(f"punch {ONE - PAGE:#x} {2 * PAGE}", "state", "closed")
    assert m.read(f"{ONE - PAGE:#x}") == b"\x77" * 8
    m.fails("slot close 1", "state", "closed")
    m.fails("slot close 3", "state", "closed")
    m.fails("slot move 1 16M", "state", "closed")
    assert m.slots()[1]["present"]
    m.ok("slot delete 1")
    m.fails("slot restore 1", "state", "closed")
    assert not m.slots()[1]["present"]
    m.healthy()


def test_slots_without_a_file_of_their_own_are_not_closed(lab):
    m = start(lab, "gmem")
    m.fails("slot close 2", "state", "no gmem file")
    m.fails("slot close 9", "range", "0 to 3")
    m.fails("slot close 0", "state", "--no-guard")
    m.fails("slot close 1 0", "usage")
    plain = lab.machine("--memory", "gmem")
    # Slot 1 holds nothing of the guest's own, but its file does.
    plain.fails("slot close 1", "state", "file 0", "slot 0", "--no-guard")
    anon = start(lab, "anon")
    anon.fails("slot close 1", "state", "no gmem file")
    for machine in m, plain, anon:
        machine.healthy()


def test_pv_pages_in_a_closed_file_are_absent_and_can_leave(lab):
    m = start(lab, "gmem")
    m.ok(f"pv clock0 move {ONE:#x}")
    m.ok(f"pv steal0 move {TWO:#x}")
    m.healthy()
    m.ok("slot close 1")
    assert m.page("clock0")["predicted"] == "invalid"
    assert "(closed)" in m.page("clock0")["backing"]
    for name in "clock0", "steal0":
        r = m.check(name, "absent")
        assert r["why"], r
        m.ok(f"pv {name} move {NONE + (name == 'steal0') * PAGE:#x}")
    m.healthy()


def test_closing_gives_the_memory_back_to_the_host(lab):
    m = start(lab, "gmem")
    m.ok(f"guest 0 fill {ONE:#x} 1M 1")
    before = m.fds()
    with open(f"/proc/{m.proc.pid}/maps") as f:
        assert len([x for x in f if "gmem" in x]) == 2
    m.ok("slot close 1")
    assert m.fds() == before - 1
    with open(f"/proc/{m.proc.pid}/maps") as f:
        assert len([x for x in f if "gmem" in x]) == 1


def test_machine_ends_well_whatever_has_happened_to_its_slots(lab):
    for lines in (("slot close 1",), ("slot close 1", "slot delete 3"),
                  ("slot delete 1", "slot close 1"),
                  ("slot move 1 1G", "slot close 3"), ("slot delete 2",)):
        m = start(lab, "gmem")
        m.ok(f"pv clock0 move {ONE:#x}")
        m.ok(f"pv steal0 move {NONE:#x}")
        m.check("all")
        for line in lines:
            m.ok(line)
        m.quit(3)


def test_status_tells_the_policy_and_counts_of_memory_faults(lab):
    for policy in "report", "convert", "stop":
        m = lab.plain("--memory-fault", policy)
        assert m.ok("status")["memory_fault"] == {
            "policy": policy, "reported": 0, "converted": 0, "retried": 0}
    assert lab.plain().ok("status")["memory_fault"]["policy"] == "report"
