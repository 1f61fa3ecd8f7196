# SPDX-License-Identifier: GPL-2.0-only
"""The model of the caches on a real kernel: it follows operations, agrees with
the guest, and reports disagreements."""
import threading

import pytest

import lib

OLD_MSR = 0x12          # kvm-clock's old one: see test_stale.py
ELSEWHERE = 0x300000
SLOTS = ("--slot", "0,32M", "--slot", "32M,8M,file=1")
HOME = 0x2100000        # in slot 1


def both(fn):
    """fn(lab, mode) in both memory modes."""
    def make(mode):
        def test(lab):
            lab.need_mode(mode)
            fn(lab, mode)
        return test
    for mode in ("anon", "gmem"):
        globals()[f"test_{mode}_{fn.__name__}"] = make(mode)


def cache(m, name="clock0"):
    caches = m.page(name)["model"]
    assert len(caches) == 1, caches
    return caches[0]


def agreed(m, name, verdict, expected=None):
    r = m.check(name, verdict)
    assert r["expected"] == (expected or verdict), r
    assert "disagreement" not in r, r
    return r


def cache_is_followed_through_what_is_done_to_it(lab, mode):
    m = lab.machine("--memory", mode, "--vcpus", "2", "--pv-layout", "packed")
    agreed(m, "clock0", "fresh")
    assert cache(m) == {
        "active": "yes", "valid": "yes", "private": "no", "unmap_owed": "no",
        "refs": 0, "direct_map": "present", "writes": "page"}, cache(m)
    m.ok("punch clock0")
    for name in ("clock0", "clock1"):
        assert cache(m, name)["valid"] == "no", cache(m, name)
    assert cache(m, "steal0")["valid"] == "yes"
    m.ok("poke clock0")
    assert cache(m)["valid"] == "yes"
    assert cache(m, "clock1")["valid"] == "no"
    agreed(m, "clock1", "fresh")
    # A range that ends right before it, and one that starts right after it.
    gpa = int(m.page("clock0")["gpa"], 16)
    m.ok(f"pv clock0 move {ELSEWHERE}")
    m.ok(f"punch {ELSEWHERE - 8192} 8K")
    m.ok(f"punch {ELSEWHERE + 4096} 8K")
    assert cache(m)["valid"] == "yes"
    m.ok("pv clock0 off")
    assert cache(m)["active"] == "no" and cache(m)["valid"] == "no"
    agreed(m, "clock0", "absent")
    m.ok(f"pv clock0 move {gpa}")
    assert cache(m)["active"] == "yes"
    agreed(m, "clock0", "fresh")


def slot_that_is_gone_is_expected_to_be_absent(lab, mode):
    m = lab.machine("--memory", mode, *SLOTS)
    for name in ("clock0", "steal0"):
        m.ok(f"pv {name} move {HOME + (4096 if name == 'steal0' else 0)}")
        agreed(m, name, "fresh")
    m.ok("slot delete 1")
    for name in ("clock0", "steal0"):
        assert cache(m, name)["writes"] == "nowhere"
        agreed(m, name, "absent")
    m.ok("slot restore 1")
    for name in ("clock0", "steal0"):
        agreed(m, name, "fresh")
    m.ok("slot move 1 64M")
    agreed(m, "clock0", "absent")
    m.ok("slot restore 1")
    if mode == "gmem":
        m.ok("slot close 1")
        agreed(m, "clock0", "absent")
        assert cache(m)["direct_map"] == "unknown"


def clock_that_was_moved_behind_its_back_is_a_disagreement(lab, mode):
    m = lab.machine("--memory", mode)
    agreed(m, "clock0", "fresh")
    events = m.events()
    r = m.cmd(f"guest 0 wrmsr {OLD_MSR:#x} {ELSEWHERE | 1:#x}")
    if not r["ok"]:
        raise lib.Skip("this KVM has no MSR 0x12: " + r["error"]["message"])
    r = m.check("clock0", "stale")
    assert r["expected"] == "fresh", r
    assert "model: fresh" in r["disagreement"], r
    assert "guest: stale" in r["disagreement"], r
    e = events.until("clock0", "model: fresh", of="model")
    assert "guest: stale" in e["text"], e
    r = m.ok("check all")
    assert "disagreement" in r["pages"][0], r
    assert "disagreement" not in r["pages"][1], r


for _fn in (cache_is_followed_through_what_is_done_to_it,
            slot_that_is_gone_is_expected_to_be_absent,
            clock_that_was_moved_behind_its_back_is_a_disagreement):
    both(_fn)


def no_race_is_a_disagreement(lab, *args):
    """Checks on the vCPUs' threads while the main thread takes pages away."""
    m = lab.machine("--vcpus", "2", "--pv-layout", "packed", *SLOTS, *args)
    for i in range(2):
        m.ok(f"pv clock{i} move {HOME + 32 * i}")
        m.ok(f"pv steal{i} move {HOME + 4096 + 64 * i}")
    stop = threading.Event()
    done = []

    def disturb(lines):
        c = lib.Client(m.path)
        while not stop.is_set():
            for r in c.pipeline(lines):
                assert r["ok"] or r["error"]["kind"] == "state", r
            done.append(1)
        c.close()

    threads = [threading.Thread(target=disturb, args=(lines,)) for lines in (
        ["punch clock0", "punch steal0"] * 4,
        ["slot delete 1", "slot restore 1"] * 4,
        ["pv clock1 off", "pv clock1 on", "poke clock0"] * 2)]
    for t in threads:
        t.start()
    expected = set()
    for _ in range(150):
        for r in m.ok("check all")["pages"]:
            assert "disagreement" not in r, r
            expected.add(r.get("expected"))
    stop.set()
    for t in threads:
        t.join()
    assert done and "unknown" in expected, expected
    for r in m.healthy()["pages"]:
        assert r["expected"] == "fresh", r


def test_anon_no_race_is_a_disagreement(lab):
    no_race_is_a_disagreement(lab, "--memory", "anon")


def test_gmem_no_race_is_a_disagreement(lab):
    lab.need_mode("gmem")
    no_race_is_a_disagreement(lab, "--memory", "gmem")


pytest.mark.short(globals()["test_gmem_cache_is_followed_through_what_is_done_to_it"])
pytest.mark.short(globals()[
    "test_gmem_clock_that_was_moved_behind_its_back_is_a_disagreement"])
