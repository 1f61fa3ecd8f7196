# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts on private and on Xen's pages: what goes astray is found, and nobody
disagrees where all is as it is known to be."""

import lib

KVM = ("clock0", "steal0")
XEN = ("shinfo", "vcpuinfo0", "vcputime0", "runstate0")
CLOCKS = ("clock0", "vcpuinfo0", "vcputime0")
OLD_MSR = 0x12
SPARE = 0x900000


def machines(lab, mode, **kw):
    """One of each flavour and layout, with its pages."""
    for args, names in (((), KVM), (("--pv-layout", "packed"), KVM),
                        (("--pv", "xen"), XEN),
                        (("--pv", "xen", "--pv-layout", "split"), XEN),
                        (("--pv", "xen", "--pv-by", "hva"), XEN)):
        yield lab.guest("--memory", mode, *args, **kw), names


def agreed(g, name, verdict):
    r = g.check(name, verdict)
    assert r["expected"] == verdict and "disagreement" not in r, r
    return r


def test_stale_private_page_is_written_in_the_shared_alias(lab):
    # 6.12: KVM resolves the gfn to the alias.
    for g, names in machines(lab, "gmem-private"):
        for name in names:
            p = g.page(name)
            assert p["model"][0]["writes"] == "alias", p
            r = agreed(g, name, "stale")
            assert r["elsewhere"] == {"where": "alias", "gpa": p["gpa"]}, r
            assert "shared alias" in r["why"], r
        g.quit()


def test_page_that_is_flipped_under_the_guest_is_stale_until_it_is_back(lab):
    for g, names in machines(lab, "gmem-private"):
        for name in names:
            g.ok(f"attr {name} shared")
            r = agreed(g, name, "fresh")
            assert "elsewhere" not in r, r
            assert g.page(name)["model"][0]["writes"] == "page"
            g.ok(f"attr {name} private")
            agreed(g, name, "stale")
        g.quit()


def test_kernel_that_is_not_what_it_is_said_to_be_is_a_disagreement(lab):
    # Caches of such a kernel reach private pages; this one's do not.
    for args, names in (((), ("clock0",)), (("--pv", "xen"), XEN)):
        g = lab.guest("--memory", "gmem-private", "--family",
                      "direct-map-2024", *args)
        for name in names:
            assert g.page(name)["model"][0]["private"] == "yes"
            r = g.check(name, "stale")
            assert r["expected"] == "fresh", r
            assert "model: fresh; guest: stale" in r["disagreement"], r
            assert r["elsewhere"]["where"] == "alias", r
            g.ok(f"attr {name} shared")
            agreed(g, name, "fresh")
        g.quit()


def test_kernel_says_what_the_guest_sees_of_each_clock(lab):
    for kernel in ("lean", "debian"):
        for g, names in machines(lab, "anon", kernel=kernel):
            for name in names:
                r = agreed(g, name, "fresh")
                if name not in CLOCKS:
                    assert "kernel" not in r, r
                    continue
                for field in ("version", "system_time", "tsc_timestamp"):
                    assert r["kernel"][field] == r["seen"][field], r
            g.quit()


def test_kernel_says_that_it_wrote_where_the_guest_does_not_look(lab):
    g = lab.private()
    r = g.check("clock0", "stale")
    assert r["kernel"]["system_time"] >= r["set"], r


def test_clock_that_was_moved_behind_its_back_is_a_disagreement(lab):
    g = lab.private()
    g.ok("attr clock0 shared")
    g.ok(f"attr {SPARE} shared")
    agreed(g, "clock0", "fresh")
    g.ok(f"guest 0 wrmsr {OLD_MSR:#x} {SPARE | 1:#x}")
    r = g.check("clock0", "stale")
    assert r["elsewhere"] == {"where": "memory", "gpa": hex(SPARE)}, r
    assert "model: fresh; guest: stale" in r["disagreement"], r
    # To where the guest has another page: the alias of that.
    g.ok(f"attr {SPARE} private")
    assert g.check("clock0", "stale")["elsewhere"]["where"] == "alias"


def test_shared_info_whose_version_the_guest_made_odd_is_torn(lab):
    for kernel in ("lean", "debian"):
        g = lab.guest("--memory", "anon", "--pv", "xen", kernel=kernel)
        agreed(g, "shinfo", "fresh")
        wc = int(g.page("shinfo")["gpa"], 16) + 0xc00
        g.ok(f"guest 0 write {wc} 7 4")
        r = g.check("shinfo", "torn")
        assert "odd" in r["why"], r
        # It was the guest, and not KVM.
        assert r["expected"] == "unknown" and "disagreement" not in r, r
        g.ok("pv shinfo off")
        g.ok("pv shinfo on")    # KVM writes the wall clock anew
        agreed(g, "shinfo", "fresh")
        g.quit()


def test_vcpu_info_whose_bits_the_guest_took_up_is_torn_or_fresh(lab):
    g = lab.guest("--memory", "anon", "--pv", "xen")
    agreed(g, "vcpuinfo0", "fresh")
    sel = int(g.page("vcpuinfo0")["gpa"], 16) + 8
    # Bits that are there already are no work of the events that are sent.
    g.ok(f"guest 0 write {sel} 0xffffffffffffffff")
    r = g.check("vcpuinfo0", "torn")
    assert "evtchn_upcall_pending is 0" in r["why"], r
    assert "disagreement" not in r, r
    assert g.check("vcpuinfo0")["upcall"]["state"] == "raised"


def test_deleted_slot_is_absent_for_every_kind(lab):
    for g, names in machines(lab, "anon"):
        g.ok("slot delete 1")
        for name in names:
            r = agreed(g, name, "absent")
            assert "elsewhere" not in r, r
        g.ok("slot restore 1")
        for name in names:
            agreed(g, name, "fresh")
        g.quit()


def test_leak_finds_what_the_model_expects(lab):
    g = lab.private()
    g.ok("attr clock0 shared")
    r = g.ok("leak all")
    assert {p["expected"] for p in r["pages"]} == {"present"}, r
    assert not any("disagreement" in p for p in r["pages"]), r


def test_poisoned_page_is_not_guessed_at(lab):
    g = lab.guest("--memory", "gmem-private", "--poison", "--slot", "0,32M",
                  "--slot", "32M,8M,file=1")
    g.ok("pv clock0 move 0x2100000")
    g.ok("attr clock0 shared")
    agreed(g, "clock0", "fresh")
    g.ok("poison clock0")
    r = g.check("clock0", "absent")
    assert r["expected"] == "unknown", r
    g.ok("punch clock0")
    agreed(g, "clock0", "fresh")
    lib.eventually("the machine lives", g.alive)
