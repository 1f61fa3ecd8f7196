# SPDX-License-Identifier: GPL-2.0-only
"""Slot layouts, and slots that come and go under pv pages."""
import functools

import lib

PAGE = 0x1000
BASE = 0x400000         # slot 0 is 4M: the guest's own, and its pv pages
SMALL = 0x10000         # the slots after it
HIGH = 0x100000000

# name: (gpa, SIZE..., options) of slots 1 and 2; slot 0 has its own row.
LAYOUTS = {
    "one_file": (
        "0,4M", f"{BASE:#x},64K,offset=4M", f"{BASE + SMALL:#x},64K,"
        f"offset={BASE + SMALL:#x}"),
    "one_file_in_another_order": (
        "0,4M,offset=128K", f"{BASE:#x},64K,offset=64K",
        f"{BASE + SMALL:#x},64K,offset=0"),
    "two_files": (
        "0,4M", f"{BASE:#x},64K,file=1", f"{BASE + SMALL:#x},64K,file=2"),
    "offsets": (
        "0,4M,offset=1M", f"{BASE:#x},64K,file=1,offset=8M",
        f"{BASE + SMALL:#x},64K,file=1,offset=4K"),
}


def start(lab, mode, layout, *args):
    lab.need_mode(mode)
    slots = [w for s in layout for w in ("--slot", s)]
    return lab.machine("--memory", mode, *slots, *args)


def both(fn, layouts):
    """fn(m) for each memory mode and layout."""
    def make(mode, name):
        def test(lab):
            m = start(lab, mode, layouts[name])
            fn(m)
            m.check("all")
        return test
    for mode in ("anon", "gmem"):
        for name in layouts:
            full = f"test_{mode}_{name}_{fn.__name__}"
            globals()[full] = make(mode, name)


def fill(m, gpa, byte, length=PAGE):
    m.ok(f"guest 0 fill {gpa:#x} {length} {byte}")


def holds(m, gpa, byte, length=PAGE):
    got = m.read(f"{gpa:#x}", length)
    assert got == bytes([byte]) * length, f"{gpa:#x}: {got[:16].hex()}..."


@functools.lru_cache(maxsize=None)
def hash_of_a_page(byte):
    return lib.fnv1a(bytes([byte]) * PAGE)


def page_holds(m, gpa, byte):
    h = m.ok(f"guest 0 hash {gpa:#x} {PAGE}")["hash"]
    if int(h, 16) != hash_of_a_page(byte):
        holds(m, gpa, byte)     # it lists the existing ones
        raise AssertionError(f"{gpa:#x} has changed")


def marks(m):
    """Fill each page of slots 1 and 2, and the last of slot 0, with its own
    byte."""
    pages = range(BASE - PAGE, BASE + 2 * SMALL, PAGE)
    for i, gpa in enumerate(pages):
        fill(m, gpa, i + 1)
    return list(pages)


def only_zeros_are(m, pages, first, count):
    for i, gpa in enumerate(pages):
        page_holds(m, gpa, 0 if first <= i < first + count else i + 1)


def punches_stay_inside_their_range(m):
    per = SMALL // PAGE
    # (first page, pages): page 0 is slot 0's last, 1 is slot 1's first.
    for first, count in (
            (0, 1),             # ends where slot 1 starts
            (1, 1),             # starts right after slot 0
            (1, per - 1),       # ends one page short of slot 2
            (1, per),           # slot 1, exactly
            (per, 2),           # over the edge of 1 and 2
            (per + 1, per),     # slot 2, exactly
            (0, 2 * per + 1)):  # across all three
        pages = marks(m)
        m.ok(f"punch {pages[first]:#x} {count * PAGE:#x}")
        only_zeros_are(m, pages, first, count)


def allocate_and_fill_span_slots(m):
    gpa, length = BASE - PAGE, 2 * SMALL + PAGE
    m.ok(f"punch {gpa:#x} {length:#x}")
    m.ok(f"allocate {gpa:#x} {length:#x}")
    holds(m, gpa, 0)
    fill(m, gpa, 0x5c, length)
    for at in (gpa, BASE, BASE + SMALL - 8, BASE + 2 * SMALL - PAGE):
        holds(m, at, 0x5c, 8)
    r = m.ok(f"mem {BASE + SMALL - 4:#x} 8")
    assert (r["data"], r["resident"]) == ("5c" * 8, 2), r
    m.fails(f"punch {gpa:#x} {length + PAGE:#x}", "range", "ends outside")


both(punches_stay_inside_their_range, LAYOUTS)
both(allocate_and_fill_span_slots, LAYOUTS)


# ---- above 4G, and with a hole --------------------------------------------

FAR = {"high": ("0,4M", f"{HIGH:#x},64K,file=1", f"{HIGH * 16:#x},64K,"
                "file=1,offset=64K")}


def high_memory_works_and_the_hole_is_none(m):
    for gpa, byte in ((HIGH, 0x21), (HIGH * 16 + SMALL - PAGE, 0x43)):
        fill(m, gpa, byte)
        holds(m, gpa, byte)
    m.ok(f"punch {HIGH:#x} 64K")
    holds(m, HIGH, 0)
    holds(m, HIGH * 16 + SMALL - PAGE, 0x43)
    for line in (f"guest 0 read {BASE:#x}", f"mem {HIGH + SMALL:#x}",
                 f"guest 0 write {HIGH + SMALL - 4:#x} 0",
                 f"punch {HIGH:#x} 68K"):
        m.fails(line, "range", "RAM")
    m.ok(f"pv clock0 move {HIGH:#x}")
    m.ok(f"pv steal0 move {HIGH * 16:#x}")
    m.check("all")
    m.ok(f"punch {HIGH:#x}")


both(high_memory_works_and_the_hole_is_none, FAR)


# ---- delete, restore, move ------------------------------------------------

PV = {k: LAYOUTS[k] for k in ("one_file", "offsets")}
CLOCK, STEAL = BASE + PAGE, BASE + 2 * PAGE


def pv_into_slot_1(m):
    m.ok(f"pv clock0 move {CLOCK:#x}")
    m.ok(f"pv steal0 move {STEAL:#x}")
    m.check("all")


def gone(m):
    for name in ("clock0", "steal0"):
        r = m.check(name, "absent")
        assert "MMIO" in r["why"], r
        p = m.page(name)
        assert p["predicted"] == "invalid", p
        assert "slot 1 (deleted)" in p["backing"], p


def pv_pages_are_absent_while_their_slot_is_deleted(m):
    pv_into_slot_1(m)
    fill(m, BASE, 0x99)
    fill(m, BASE + SMALL, 0x98)
    r = m.ok("slot delete 1")
    assert r["present"] is False, r
    assert [s["present"] for s in m.slots()] == [True, False, True]
    gone(m)
    m.fails("slot delete 1", "state", "already deleted")
    holds(m, BASE + SMALL, 0x98)
    m.ok("slot restore 1")
    m.check("all")
    holds(m, BASE, 0x99)
    assert m.page("clock0")["predicted"] == "valid"
    m.fails("slot restore 1", "state", "already at its home")


def poke_does_not_revive_a_page_without_a_slot(m):
    pv_into_slot_1(m)
    m.ok("slot delete 1")
    m.cmd("poke clock0")
    p = m.page("clock0")
    assert p["predicted"] == "invalid", p
    m.ok("slot restore 1")


def moved_slot_takes_its_content_along(m):
    to = HIGH * 4
    pv_into_slot_1(m)
    fill(m, BASE + SMALL - PAGE, 0x97)
    r = m.ok(f"slot move 1 {to:#x}")
    assert int(r["gpa"], 16) == to, r
    holds(m, to + SMALL - PAGE, 0x97)
    m.fails(f"guest 0 read {BASE:#x}", "range", "RAM")
    assert m.page("clock0")["backing"] == "no slot"
    assert m.page("clock0")["predicted"] == "invalid"
    m.check("clock0", "absent")
    m.ok(f"pv clock0 move {to + PAGE:#x}")
    m.check("clock0")
    fill(m, to, 0x96)
    m.ok("slot restore 1")
    holds(m, BASE, 0x96)
    m.check("steal0")
    m.check("clock0", "absent")
    m.ok(f"pv clock0 move {CLOCK:#x}")


def impossible_moves_change_nothing(m):
    fill(m, BASE, 0x95)
    before = m.slots()
    for gpa, word in ((BASE + SMALL, "overlaps slot 2"),
                      (BASE - PAGE, "overlaps slot 0"),
                      (HIGH + 1, "unaligned"),
                      ((1 << 64) - PAGE, "wraps")):
        m.fails(f"slot move 1 {gpa:#x}", "range", hex(gpa), word)
    # Beyond the address space of any x86: KVM refuses, and the slot stays.
    m.fails(f"slot move 1 {1 << 60:#x}", "kvm", hex(1 << 60))
    m.fails("slot delete 9", "range", "9", "0 to 2")
    m.fails("slot bend 1", "usage", "bend")
    m.fails("slot move 1", "usage", "GPA")
    m.fails("slot delete 1 0", "usage")
    assert m.slots() == before
    holds(m, BASE, 0x95)


def restore_to_where_another_slot_is_changes_nothing(m):
    fill(m, BASE, 0x94)
    m.ok(f"slot move 1 {HIGH:#x}")
    m.ok(f"slot move 2 {BASE:#x}")
    before = m.slots()
    m.fails("slot restore 1", "range", hex(BASE))
    assert m.slots() == before
    holds(m, HIGH, 0x94)
    m.ok("slot restore 2")
    m.ok("slot restore 1")
    holds(m, BASE, 0x94)


for _fn in (pv_pages_are_absent_while_their_slot_is_deleted,
            poke_does_not_revive_a_page_without_a_slot,
            moved_slot_takes_its_content_along,
            impossible_moves_change_nothing,
            restore_to_where_another_slot_is_changes_nothing):
    both(_fn, PV)


# ---- layouts that cannot be -----------------------------------------------

def refused(lab, mode, slots, *words):
    lab.need_mode(mode)
    args = [w for s in slots for w in ("--slot", s)]
    status, out, err = lab.run("run", "--memory", mode, *args)
    assert status in (1, 2), (status, err)
    for w in words:
        assert w in err, f"no '{w}' in {err}"


def test_layouts_that_cannot_be_are_refused_with_the_place(lab):
    refused(lab, "anon", ("0,4M", "2M,4M"), "overlap", "0x200000")
    refused(lab, "gmem", ("0,4M", "4M,4M,offset=2M"), "overlap", "file 0")
    refused(lab, "anon", ("0,4M", "4M,5000"), "4096")
    refused(lab, "anon", ("0,4M", "4M,0"), "size 0")
    refused(lab, "anon", ("0,4M", "0xffffffffffff0000,1M"), "wraps")
    refused(lab, "anon", ("4M,4M",), "gpa 0")
    refused(lab, "anon", ("0,4M,colour=1",), "colour")
    refused(lab, "anon", ("0",), "GPA,SIZE")
