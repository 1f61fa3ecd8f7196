# SPDX-License-Identifier: GPL-2.0-only
"""leak: which of the guest's pages are in the host's direct map."""

import threading

import labtest
import lib

FREE = "8M"


def start(lab, mode, *args, **kw):
    g = lab.guest("--memory", mode, *args, **kw)
    lib.eventually("the guest is ready", lambda: g.alive()["ready_ns"])
    return g


def present(r):
    assert r["leak"] == "present" and r["restored"], r
    assert int(r["phys"], 16) % 4096 == 0, r


def test_private_memory_is_present_and_the_control_page_is_found(lab):
    # Before the series of 2024, nothing removes it from the direct map.
    for n in ("1", "8"):
        g = start(lab, "gmem-private", "--vcpus", n)
        for what in ("clock0", "steal0", FREE):
            r = g.ok(f"leak {what}")
            present(r)
            assert r["control"]["leak"] == "present", r
            assert int(r["control"]["phys"], 16) and not r["unreadable"], r
        r = g.ok("leak all")
        assert r["leak"] == "present", r
        assert {p["name"] for p in r["pages"]} >= {"clock0", "steal0", "ram"}
        for p in r["pages"]:
            present(p)
        g.quit()


def test_xens_pages_are_measured_like_any_other(lab):
    g = start(lab, "gmem-private", "--pv", "xen")
    r = g.ok("leak all")
    assert r["leak"] == "present", r
    for p in r["pages"]:
        present(p)


def test_a_page_that_stays_is_still_seen_when_its_cache_is_off(lab):
    g = start(lab, "gmem-private")
    r = g.ok("leak clock0 off")
    present(r)
    assert "disagreement" not in r and " of 2 CPUs" in r["why"], r
    assert not g.page("clock0")["on"]
    g.ok("pv clock0 on")


def test_it_is_the_page_that_the_pagemap_tells(lab):
    g = start(lab, "anon")
    pfn = int(g.check("clock0")["pfn"], 16)
    assert int(g.ok("leak clock0")["phys"], 16) == pfn * 4096


def test_the_page_is_afterwards_as_it_was(lab):
    g = start(lab, "gmem-private")
    g.ok(f"guest 0 fill {FREE} 4096 0x5a")
    g.ok("attr clock0 shared")
    before = g.ok(f"guest 0 hash {FREE} 4096")["hash"]
    g.check("clock0")
    g.ok(f"leak {FREE}")
    g.ok("leak clock0")
    assert g.ok(f"guest 0 hash {FREE} 4096")["hash"] == before
    g.check("clock0")


def test_the_answer_is_the_same_every_time(lab):
    g = start(lab, "gmem-private")
    for _ in range(10):
        present(g.ok(f"leak {FREE}"))


def while_another(g, lines, fn):
    """Run fn() while another client sends @lines over and over."""
    stop, c = threading.Event(), g._link(lib.Client)

    def loop():
        while not stop.is_set():
            c.pipeline(lines)

    t = threading.Thread(target=loop)
    t.start()
    try:
        return fn()
    finally:
        stop.set()
        t.join()


def test_punches_of_the_neighbours_do_not_hide_it(lab):
    g = start(lab, "gmem-private")
    present(while_another(
        g, ["punch 0x7ff000", "punch 0x801000", "punch 0x900000 64K"],
        lambda: g.ok(f"leak {FREE}")))


def test_a_page_that_does_not_stand_is_unknown_not_absent(lab):
    g = start(lab, "gmem-private")

    def until_hit():
        r = g.ok(f"leak {FREE}")
        assert r["leak"] != "absent", r
        return r["leak"] == "unknown" and r

    r = while_another(g, [f"punch {FREE}"] * 20, lambda: lib.eventually(
        "a punch during the scan", until_hit, labtest.LIMIT))
    assert "changed during the scan" in r["why"], r


def test_a_page_without_a_slot_is_unknown_not_absent(lab):
    g = start(lab, "gmem-private")
    g.ok("slot delete 1")
    r = g.ok("leak all")
    assert {p["leak"] for p in r["pages"]} == {"unknown"}, r
    g.ok("slot restore 1")
    present(g.ok("leak clock0"))


def test_a_page_with_no_room_is_unknown(lab):
    g = start(lab, "anon", "--vcpus", "64", "--pv-layout", "packed")
    r = g.ok("leak steal3")
    assert r["leak"] == "unknown" and "no room" in r["why"], r
    present(g.ok("leak clock3"))


def test_a_scan_does_not_keep_others_waiting_nor_the_end(lab):
    g = start(lab, "gmem-private", kernel="debug")
    c = g._link(lib.Client)
    c.send("leak all\n")
    assert g.ok("status")["ok"]
    g.quit()
