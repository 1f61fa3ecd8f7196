# SPDX-License-Identifier: GPL-2.0-only
"""Xen's pages: set up, used, moved, lost and found again."""

import threading

import lib

MODES = ("anon", "gmem-private")
PAGES = ("shinfo", "vcpuinfo0", "vcputime0", "runstate0")
SPARE = 0x900000


def xen(lab, mode, *args, **kw):
    """A machine of that flavour whose pages KVM can reach: what is private on
    6.12 it cannot."""
    g = lab.guest("--memory", mode, "--pv", "xen", *args, **kw)
    lib.eventually("the guest is ready", lambda: g.alive()["ready_ns"])
    if mode == "gmem-private":
        for p in g.ok("gpc")["pages"]:
            g.ok(f"attr {p['name']} shared")
        g.ok(f"attr {SPARE} 64K shared")
    return g


def test_every_layout_is_fresh_on_1_2_and_8_vcpus(lab):
    for n, layout, by in ((1, "separate", "gpa"), (2, "split", "hva"),
                          (8, "packed", "gpa"), (8, "packed", "hva")):
        for mode in MODES:
            g = xen(lab, mode, "--vcpus", str(n), "--pv-layout", layout,
                    "--pv-by", by)
            r = g.healthy()
            assert r["fresh"] == 1 + 3 * n, r
            assert g.page("shinfo")["by"] == by
            assert g.page("runstate0")["caches"] == (2 if layout == "split" else 1)
            g.quit()


def test_in_private_pages_they_are_stale(lab):
    g = lab.guest("--memory", "gmem-private", "--pv", "xen")
    for p in PAGES:
        g.check(p, "stale")
        g.ok(f"attr {p} shared")
        g.check(p)


def test_by_hva_a_private_page_is_stale_and_the_reason_is_named(lab):
    g = lab.guest("--memory", "gmem-private", "--pv", "xen", "--pv-by", "hva")
    for p in ("shinfo", "vcpuinfo0"):
        assert "shared alias" in g.check(p, "stale")["why"]


def test_each_recovers_from_a_punch(lab):
    g = xen(lab, "anon")
    for p in PAGES:
        g.ok(f"punch {p}")
        assert g.page(p)["predicted"] == "invalid"
        g.check(p)
        assert g.page(p)["predicted"] == "valid"
        g.ok(f"punch {p}")
        g.ok(f"poke {p}")
        assert g.page(p)["predicted"] == "valid"


def test_each_can_be_switched_off_on_and_moved(lab):
    for mode in MODES:
        g = xen(lab, mode)
        for i, p in enumerate(PAGES):
            g.ok(f"pv {p} off")
            assert "is off" in g.check(p, "absent")["why"]
            g.fails(f"poke {p}", "state")
            g.ok(f"pv {p} on")
            g.check(p)
            g.ok(f"pv {p} move {SPARE + i * 4096}")
            g.check(p)
            g.ok(f"punch {SPARE + i * 4096}")
            g.check(p)
        g.quit()


def test_shinfo_and_vcpuinfo_go_between_gpa_and_hva(lab):
    g = xen(lab, "anon")
    for p in ("shinfo", "vcpuinfo0"):
        for by in ("hva", "gpa", "hva"):
            g.ok(f"pv {p} move {SPARE + (4096 if p == 'shinfo' else 0)} {by}")
            assert g.page(p)["by"] == by
            g.check(p)
            g.ok(f"punch {p}")
            g.check(p)
    g.fails("pv vcputime0 on hva", "usage")
    g.fails("pv runstate0 on hva", "usage")


def test_runstate_across_two_pages_survives_the_loss_of_either(lab):
    g = xen(lab, "anon", "--pv-layout", "split")
    first = int(g.page("runstate0")["gpa"], 16) & ~4095
    for page in (first, first + 4096):
        g.ok(f"punch {page}")
        assert g.page("runstate0")["predicted"] == "invalid"
        g.check("runstate0")


def test_vcpu_infos_may_lie_in_shared_info(lab):
    g = xen(lab, "anon", "--vcpus", "2")
    gpa = int(g.page("shinfo")["gpa"], 16)
    for i in range(2):
        g.ok(f"pv vcpuinfo{i} move {gpa + 64 * i}")
    g.ok("punch shinfo")
    assert g.healthy()["fresh"] == 7
    g.fails(f"pv vcpuinfo0 move {gpa + 2048}", "range", "shinfo")


def test_what_a_hostile_guest_writes_there_is_judged_as_it_is(lab):
    g = xen(lab, "anon")
    g.ok("guest 0 fill shinfo 4096 0xff")
    assert "odd" in g.check("shinfo", "torn")["why"]
    assert g.check("vcpuinfo0")["upcall"]["state"] == "masked"
    g.ok("pv shinfo off")
    assert g.check("vcpuinfo0")["upcall"]["state"] == "not sent"
    g.ok("guest 0 fill shinfo 4096 0")
    g.ok("pv shinfo on")
    g.check("shinfo")
    assert g.check("vcpuinfo0")["upcall"]["state"] == "raised"


def test_a_page_without_a_slot_is_absent_until_it_is_back(lab):
    g = xen(lab, "anon")
    g.ok("slot delete 1")
    for p in PAGES:
        g.check(p, "absent")
    g.ok("pv vcputime0 off")
    assert g.fails("pv vcputime0 on", "kvm")["errno"] == "EFAULT"
    assert g.page("vcputime0")["predicted"] == "inactive"
    g.ok("slot restore 1")
    g.ok("pv vcputime0 on")
    g.healthy()


def test_checks_in_parallel_do_not_disturb_each_other(lab):
    g = xen(lab, "anon", "--vcpus", "4", "--pv-layout", "packed")
    wrong = []

    def work(i):
        c = g._link(lib.Client)
        for _ in range(10):
            for p in (f"vcpuinfo{i}", f"vcputime{i}", f"runstate{i}"):
                r = c.cmd(f"check {p}")
                if r.get("verdict") != "fresh":
                    wrong.append(r)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong[:3]


def test_teardown_with_live_caches_is_clean(lab):
    for args in (("--pv-layout", "split"), ("--pv-by", "hva")):
        g = xen(lab, "gmem-private", "--vcpus", "2", *args, kernel="debug")
        g.healthy()
        g.quit()
        g = xen(lab, "gmem-private", *args, kernel="debug")
        g.healthy()
        g.ok("slot delete 1")
        g.stop()


def test_debians_kernel_serves_them_as_well(lab):
    for args in (("--pv-layout", "split"), ("--pv-by", "hva", "--vcpus", "2")):
        g = xen(lab, "anon", *args, kernel="debian")
        g.healthy()
        for p in PAGES:
            g.ok(f"punch {p}")
            g.check(p)
        g.quit()


def test_guest_stopped_that_bleeds_from_kvm_clock_is_torn(lab):
    """Up to 6.14 KVM makes all clocks of a vCPU in one struct, and what it keeps of
    the first is in the others, too (arch/x86/kvm/x86.c, kvm_setup_guest_pvclock)."""
    g = xen(lab, "anon")
    g.check("all")
    g.ok(f"guest 0 wrmsr 0x4b564d01 {SPARE | 1:#x}")
    g.healthy()
    g.ok(f"guest 0 write {SPARE + 29:#x} 3 1")
    for p in ("vcpuinfo0", "vcputime0"):
        r = g.check(p, "torn")
        assert "PVCLOCK_GUEST_STOPPED" in r["why"], r
        assert r["expected"] == "fresh" and "disagreement" in r, r
    # Once KVM has no more reason to set it the guest's to clear is left.
    g.ok("guest 0 wrmsr 0x4b564d01 0")
    for p, offset in (("vcpuinfo0", 32), ("vcputime0", 0)):
        at = int(g.page(p)["gpa"], 16) + offset + 29
        g.ok(f"guest 0 write {at:#x} 1 1")
        g.check(p)
