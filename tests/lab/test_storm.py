# SPDX-License-Identifier: GPL-2.0-only
"""Storms of what only private memory has: flips, attributes, prefaults."""

import json
import lib
import test_reference

FREE = 0x800000


def attributes(g):
    """Of the pv pages; and what the guest finds on four pages of each kind."""
    return (
        [(p["name"], p["gpa"], p["attribute"], p["on"]) for p in g.ok("gpc")["pages"]],
        [g.read(FREE + i * 4096) for i in range(8)],
    )


def storm(g, line):
    r = g.ok("storm " + line)
    assert r["not_restored"] == [], r
    return r


def ops(r):
    return {o["text"]: o for w in r["workers"] for o in w["ops"]}


def mark(g):
    """Pages of which every other is shared, each with a word of its own."""
    for i in range(8):
        g.ok(f"attr {FREE + i * 4096} {'shared' if i % 2 else 'private'}")
        g.ok(f"guest 0 write {FREE + i * 4096} {i + 1}")


def test_flips_are_taken_back(lab):
    g = lab.private("--vcpus", "2")
    mark(g)
    before = attributes(g)
    for n in 1, 2, 3:
        r = storm(g, f"count {n} flip {FREE} 32K + x2 flip {FREE} 32K page")
        assert all(o["count"] and not o["failed"] for o in ops(r).values()), r
        assert attributes(g) == before, n
    r = storm(g, f"for 0.5 attr {FREE} 32K shared, attr {FREE} 16K private "
              "& flip clock0 & poke clock0")
    assert attributes(g) == before
    assert not ops(r)["flip clock0"]["failed"], r


def test_what_is_flipped_and_punched_can_still_be_touched(lab):
    g = lab.private("--vcpus", "2")
    r = storm(g, f"count 60 x2 any flip {FREE} 64K page, punch {FREE} 64K page, "
              f"touch 0 {FREE} 64K write page, touch 1 {FREE} 64K page + "
              f"prefault 1 {FREE} 64K")
    o = ops(r)
    # A prefault that meets a flip is told so; the guest takes a fault then.
    for text, row in o.items():
        assert row["count"] > row["failed"], (text, row)
    g.alive()
    for i in range(16):
        g.ok(f"attr {FREE + i * 4096} private")
        g.ok(f"guest {i % 2} write {FREE + i * 4096} 7")
    g.ok("check steal0")


def test_prefault_against_slot_changes_ends(lab):
    # Before 6.18 KVM_PRE_FAULT_MEMORY tried again for ever while its slot was
    # on the way out.
    g = lab.private("--vcpus", "2")
    g.ok("attr clock0 shared")
    g.ok("attr clock1 shared")
    r = storm(g, f"count 40 slot 1 & prefault 0 {FREE} 64K & "
              f"prefault 1 {FREE} 64K + punch {FREE} 64K page")
    assert not ops(r)["slot 1"]["failed"], r
    assert {p["verdict"] for p in r["pages"] if "clock" in p["name"]} == {"fresh"}, r


def test_the_final_check_has_the_verdicts_of_check_all(lab):
    # Stock 6.12 writes the clock of a private page to its shared alias.
    g = lab.private("--vcpus", "2")
    want = [(p["name"], p["verdict"]) for p in g.ok("check all")["pages"]]
    r = storm(g, f"count 20 flip {FREE} 1M page & poke clock0")
    assert [(p["name"], p["verdict"]) for p in r["pages"]] == want, r
    assert dict(want)["clock0"] == "stale" == r["verdict"], r


def test_stop_ends_a_storm_of_flips(lab):
    g = lab.private("--vcpus", "2")
    mark(g)
    before = attributes(g)
    c = g.connect()
    c.send(f"storm for 3000 x4 flip {FREE} 32K page & prefault 0 {FREE} 32K "
           "+ x2 punch clock1, poke clock1\n")
    lib.eventually("a storm", lambda: g.ok("status")["storm"])
    for _ in range(5):
        g.ok(f"mem {FREE}")
        g.ok(f"attr {FREE + 0x100000} shared")
    g.ok("storm stop")
    r = c.reply()
    assert r["ok"] and r["ended_by"] == "stop" and not r["not_restored"], r
    lost = attributes(g)
    # The punches were not of these pages.
    assert lost == before


def test_flips_that_are_taken_back_do_not_heal_a_stale_clock_unseen(lab):
    """A refresh that ignores an invalidation in flight, and flips that hold one
    open while the clock is used."""
    box = lab.box("reference-lean")
    box.fault("ignore-in-flight")
    g = test_reference.start(lab)
    for n in 3, 4:
        # Whether a poke comes while a flip is under way is up to the scheduler.
        for _ in range(10):
            g.ok("delay invalidate 300000")
            r = g.ok(f"storm count {n} flip clock0 & poke clock0, "
                     "poke clock0, poke clock0")
            g.ok("delay invalidate 0")
            if r["before"]["verdict"] == "stale":
                break
        assert (r["before"]["verdict"], r["verdict"]) == ("stale", "stale"), \
            (n, json.dumps(r)[-1500:])
        if n % 2:   # what it put back has healed it
            g.check("clock0")
