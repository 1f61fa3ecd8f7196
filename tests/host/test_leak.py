# SPDX-License-Identifier: GPL-2.0-only
"""leak: refusals, and results if the direct map can be read."""
import os

import pytest

import lib

KCORE = "/proc/kcore"


def need_kcore():
    try:
        os.close(os.open(KCORE, os.O_RDONLY))
    except OSError as e:
        raise lib.Skip(f"{KCORE}: {e.strerror}") from None


def names(m):
    return [p["name"] for p in m.ok("gpc")["pages"] if p["on"]]


@pytest.mark.short
def test_without_kcore_it_is_unsupported_with_what_to_do(lab):
    if os.path.exists(KCORE):
        raise lib.Skip(f"there is a {KCORE}")
    m = lab.plain()
    for what in "clock0", "8M", "all":
        m.fails(f"leak {what}", "unsupported", KCORE, "CONFIG_PROC_KCORE")
    m.healthy()


def test_without_the_right_it_is_unsupported_with_what_to_do(lab):
    if not os.path.exists(KCORE):
        raise lib.Skip(f"no {KCORE}")
    own, device, kw = lab.nobody()
    m = lab.plain(*device, path=os.path.join(own, "control"), **kw)
    e = m.fails("leak all", "unsupported", KCORE, "CAP_SYS_RAWIO")
    assert e["errno"] in ("EACCES", "EPERM"), e
    m.healthy()


@pytest.mark.short
def test_what_is_no_page_to_measure_is_refused_first(lab):
    m = lab.plain()
    m.fails("leak", "usage")
    m.fails("leak 8M 8M", "usage")
    m.fails("leak 8M off", "usage", "pv page")
    m.fails("leak all off", "range", "all")
    m.ok("pv steal0 off")
    m.fails("leak steal0 off", "state", "already off")
    m.ok("pv steal0 on")
    m.fails("leak clock7", "range", "clock7")
    m.fails("leak 1T", "range", "not in RAM")
    m.fails("leak 0xfffffffffffff000", "range")
    m.fails("leak 0x100000", "state", "--no-guard")
    m.healthy()


def present(p):
    assert p["leak"] == "present" and p["restored"], p
    assert int(p["phys"], 16) % 4096 == 0, p


def mode_test(mode):
    """No kernel removes these modes' pages from its direct map."""
    def test(lab):
        need_kcore()
        lab.need_mode(mode)
        m = lab.machine("--memory", mode, "--vcpus", "2")
        m.ok("guest 0 canary 8M plant")
        for _ in range(3):
            for what in "8M", "clock1", "steal0":
                r = m.ok(f"leak {what}")
                present(r)
                assert r["control"]["leak"] == "present", r
            r = m.ok("leak all")
            assert r["leak"] == "present", r
            assert [p["name"] for p in r["pages"]] == names(m) + ["ram"], r
            for p in r["pages"]:
                present(p)
        r = m.ok("guest 0 canary 8M check")
        assert r["state"] == "intact", r
    return test


for _mode in ("anon", "gmem", "gmem_private"):
    globals()[f"test_{_mode}_pages_are_present_and_get_their_content_back"] \
        = mode_test(_mode.replace("_", "-"))


def test_the_page_is_found_where_the_pagemap_has_it(lab):
    need_kcore()
    m = lab.machine("--memory", "anon")
    pfn = m.check("clock0")["pfn"]
    if pfn is None:
        raise lib.Skip("the host's pfns cannot be seen")
    assert int(m.ok("leak clock0")["phys"], 16) == int(pfn, 16) * 4096


def test_a_client_that_goes_and_the_end_of_the_machine_end_a_scan(lab):
    need_kcore()
    m = lab.plain("--vcpus", "2")
    before = m.read("8M", 4096)
    for _ in range(5):
        c = m.connect()
        c.send("leak all\nleak 8M\n")
        c.close()
    m.healthy()
    lib.eventually("the page is as it was", lambda:
                   m.read("8M", 4096) == before)
    c = m.connect()
    c.send("leak all\n")
    lib.eventually("it is under way", lambda: "leak all" in [
        e["text"] for e in m.ok("log 2")["events"]])
    m.quit()


def test_pages_without_a_slot_are_unknown(lab):
    need_kcore()
    m = lab.plain()
    m.ok("slot delete 1")
    r = m.ok("leak all")
    assert r["leak"] == "unknown", r
    for p in r["pages"]:
        assert p["leak"] == "unknown" and "no slot" in p["why"], p
    m.ok("slot restore 1")
    present(m.ok("leak clock0"))


def test_paused_vcpus_leave_it_to_the_others(lab):
    need_kcore()
    m = lab.plain("--vcpus", "2")
    m.healthy()     # vCPU 0 has released the other
    m.ok("vcpu 0 pause")
    present(m.ok("leak 8M"))
    m.ok("vcpu 1 pause")
    m.fails("leak 8M", "state", "vCPU 0 is paused")
    m.ok("vcpu 1 resume")
    m.ok("vcpu 0 resume")
    m.healthy()
