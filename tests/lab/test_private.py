# SPDX-License-Identifier: GPL-2.0-only
"""Private memory, for real: the whole guest runs from private gfns."""

import threading

import lib

FREE = 0x800000


def test_the_guest_boots_from_private_memory_on_1_2_and_8_vcpus(lab):
    for n in (1, 2, 8):
        g = lab.private("--vcpus", str(n))
        s = lib.eventually("all vCPUs are ready",
                           lambda g=g: (s := g.alive())["ready_ns"] and s)
        assert s["memory"] == "gmem-private", s
        for i in range(n):
            assert g.ok(f"guest {i} nop")["ok"]
        g.quit()


def test_private_and_shared_are_different_pages(lab):
    g = lab.private()
    g.ok(f"guest 0 write {FREE} 0x1111")
    g.ok(f"attr {FREE} shared")
    g.ok(f"guest 0 write {FREE} 0x2222")
    assert g.ok(f"mem {FREE} 8")["data"] == "2222000000000000"
    g.ok(f"attr {FREE} private")
    assert g.read(FREE) == b"\x11\x11" + bytes(6)
    g.ok(f"attr {FREE} shared")
    assert g.read(FREE) == b"\x22\x22" + bytes(6)


def test_the_guest_converts_its_own_memory(lab):
    g = lab.private()
    g.ok(f"guest 0 write {FREE} 0x1111")
    g.ok(f"guest 0 convert {FREE} shared")
    assert g.read(FREE) == bytes(8)
    g.ok(f"guest 0 convert {FREE} private")
    assert g.read(FREE) == b"\x11\x11" + bytes(6)


def test_a_punch_takes_a_private_page_away(lab):
    g = lab.private()
    g.ok(f"guest 0 write {FREE} 0x1111")
    g.ok(f"punch {FREE}")
    assert g.read(FREE) == bytes(8)


def test_a_punch_takes_what_is_shared_as_well(lab):
    g = lab.private()
    g.ok(f"guest 0 fill {FREE} 8K 0x11")
    g.ok(f"attr {FREE} shared")
    g.ok(f"guest 0 fill {FREE} 8K 0x22")
    g.ok(f"punch {FREE} 8K")
    assert g.read(FREE) == bytes(8) and g.read(FREE + 4096) == bytes(8)
    g.ok(f"attr {FREE} private")
    assert g.read(FREE) == bytes(8)


def test_prefault_maps_private_pages(lab):
    g = lab.private()
    g.ok(f"prefault 0 {FREE} 64K")
    assert g.read(FREE) == bytes(8)


def test_a_clock_in_a_private_page_is_stale_and_shared_it_is_fresh(lab):
    # 6.12: KVM resolves the gfn to the shared alias and writes there.
    g = lab.private()
    assert "zeros" in g.check("clock0", "stale")["why"]
    g.ok("attr clock0 shared")
    g.check("clock0", "fresh")
    g.ok("attr clock0 private")
    g.check("clock0", "stale")


def test_flips_and_punches_under_way_do_not_lose_the_guest(lab):
    g = lab.private("--vcpus", "2")
    stop = threading.Event()
    failed = []

    def hammer(lines):
        c = g._link(lib.Client)
        while not stop.is_set():
            failed.extend(r for r in c.pipeline(lines) if not r["ok"])

    threads = [threading.Thread(target=hammer, args=(lines,)) for lines in (
        [f"attr {FREE} 1M shared", f"attr {FREE} 1M private"] * 4,
        [f"punch {FREE} 512K", "punch clock0", "attr clock1 shared",
         "attr clock1 private"] * 4,
    )]
    for t in threads:
        t.start()
    for i in range(200):
        at = FREE + i % 256 * 4096
        g.ok(f"guest {i % 2} touch {at} 4096 write")
    stop.set()
    for t in threads:
        t.join()
    assert not failed, failed[:3]
    for i in range(2):
        g.ok(f"guest {i} nop")
    g.ok("attr clock1 shared")
    g.check("clock1", "fresh")


def test_a_slot_comes_and_goes_under_live_caches(lab):
    g = lab.private()
    g.ok("attr clock0 shared")
    g.check("clock0")
    g.ok("slot delete 1")
    g.check("clock0", "absent")
    g.ok("slot restore 1")
    g.ok("attr clock0 shared")
    g.check("clock0")


def test_the_machine_ends_cleanly_with_live_caches(lab):
    g = lab.private("--vcpus", "2", "--pv-layout", "packed", kernel="debug")
    g.ok("attr clock0 shared")
    g.check("clock0")
    g.check("clock1")
    g.quit()
