# SPDX-License-Identifier: GPL-2.0-only
"""storm: its operations, counts and end, and what it leaves behind."""
import os
import threading
import time

import kmsg
import pytest

import lib

LONG = "for 3000"  # something else ends it before that
MODES = "anon", "gmem"


def threads(m):
    return len(os.listdir(f"/proc/{m.proc.pid}/task"))


def begun(m):
    """Wait until another connection's storm runs."""
    lib.eventually("a storm", lambda: m.ok("status")["storm"])


def over(m):
    lib.eventually("the storm's end", lambda: not m.ok("status")["storm"])


def start(m, line):
    """-> a connection on which that storm has begun."""
    c = m.connect()
    c.send(line + "\n")
    begun(m)
    return c


def ops(r):
    """-> {text: its results}; each text occurs once."""
    return {o["text"]: o for w in r["workers"] for o in w["ops"]}


def plausible(r):
    """The figures of any storm are consistent."""
    for w in r["workers"]:
        assert len(w["rounds"]) == len(w["order"]) == w["threads"], w
        for o in w["ops"]:
            assert 0 <= o["failed"] <= o["count"], o
            assert sum(o["errors"].values()) == o["failed"], o
            assert ("first_error" in o) == bool(o["failed"]), o
            if o["count"] == o["failed"]:
                assert o["p50"] is None and o["rate"] == 0, o
            else:
                assert 0 < o["p50"] <= o["p99"] <= o["max"], o
                assert o["max"] <= r["run_ns"] * 1.1 + 1e6, (o, r["run_ns"])
    for g in r["groups"]:
        if g["rounds"]:
            assert 0 <= g["skew_p50"] <= g["skew_p99"] <= g["skew_max"], g
        else:
            assert g["skew_p50"] is g["skew_p99"] is g["skew_max"] is None, g
        assert 0 <= g["overlapped"] <= g["rounds"], g
        few = f"{g['overlapped']} of {g['rounds']} rounds overlapped"
        assert ("note" in g) == (g["overlapped"] * 10 < g["rounds"]), g
        assert few in g.get("note", few), g
    # Pages that are not stale here, or cannot be checked, were so before.
    assert r["before"]["verdict"] in ("fresh", r["verdict"]), r
    assert {p["name"] for p in r["before"]["pages"]} >= \
        {p["name"] for p in r["pages"]}, r
    assert r["not_restored"] == [], r


def storm(m, line, verdict="fresh"):
    r = m.ok("storm " + line)
    plausible(r)
    assert r["verdict"] == verdict, r
    return r


def slots_and_pages(m):
    return m.slots(), [(p["name"], p["gpa"], p["on"], p["by"])
                       for p in m.ok("gpc")["pages"]]


ALONE = [
    "punch 8M", "punch 8M 1M page", "punch clock0", "allocate 9M 64K",
    "allocate 9M 64K page", "poke clock0", "poke steal1", "check clock1",
    "pv clock0", "pv steal1 move 10M", "slot 1", "slot 1 move 4G",
    "touch 0 8M", "touch 1 8M 1M write page", "touch 0 clock0 read",
]


def each_alone(mode):
    @pytest.mark.short
    def test(lab):
        lab.need_mode(mode)
        m = lab.machine("--memory", mode, "--vcpus", "2")
        before = slots_and_pages(m)
        for op in ALONE:
            r = storm(m, f"count 40 {op}")
            o = ops(r)[op]
            assert o["op"] == op.split()[0], o
            assert o["count"] == 40 and not o["failed"], o
            assert r["ended_by"] == "count" and r["groups"] == [], r
            assert r["workers"][0]["rounds"] == [40], r
            assert len(r["pages"]) == r["fresh"] == 4, r
        assert slots_and_pages(m) == before
        m.healthy()
    return test


for _mode in MODES:
    globals()[f"test_{_mode}_each_operation_alone_is_done_and_counted"] \
        = each_alone(_mode)


MIXES = [
    "punch clock0, poke clock0, allocate clock0",
    "x3 any punch 8M 1M page, allocate 8M 1M page, touch 1 8M 1M write page",
    "punch clock0 & poke clock0",
    "punch clock0 & poke clock0 & poke clock1 + slot 1",
    "slot 1 & x2 punch 16M 8M page & touch 0 16M 8M page",
    "pv clock0 move 9M + pv clock1 + punch clock0 & check clock0",
    "x4 slot 1 + x4 punch 8M + x2 poke steal0",
    "any pv clock0, pv clock0 move 9M, slot 1, punch 9M + x2 poke clock1",
]


def mixes(mode):
    def test(lab):
        lab.need_mode(mode)
        m = lab.machine("--memory", mode, "--vcpus", "2")
        m.healthy()
        before = slots_and_pages(m)
        for mix in MIXES:
            for length in "for 0.2", "count 25":
                r = storm(m, f"{length} {mix}")
                assert r["ended_by"] == length.split()[0] \
                    .replace("for", "time"), r
                for w in r["workers"]:
                    if length != "for 0.2":
                        assert set(w["rounds"]) == {25}, (mix, w)
                    assert min(w["rounds"]) or r["ended_by"] == "time", w
        assert slots_and_pages(m) == before
        m.healthy()
    return test


for _mode in MODES:
    globals()[f"test_{_mode}_mixes_of_operations_leave_all_as_it_was"] \
        = mixes(_mode)


def test_64_threads_run_and_are_gone_afterwards(lab):
    m = lab.plain("--vcpus", "2")
    m.healthy()
    storm(m, "count 1 punch 8M")
    tasks, fds = threads(m), m.fds()
    r = storm(m, "count 50 x24 any punch 8M 4M page, allocate 8M 4M page + "
              "x10 poke clock0 & x10 punch clock0 & x10 check clock1 + "
              "x10 slot 1")
    assert [w["threads"] for w in r["workers"]] == [24, 10, 10, 10, 10], r
    assert all(set(w["rounds"]) == {50} for w in r["workers"]), r
    assert r["groups"][0]["threads"] == 30, r
    assert r["groups"][0]["rounds"] == 50, r
    # At once: no thread may hold on to anything.
    for _ in range(5):
        storm(m, "for 0.05 x63 punch 8M & poke clock0")
    assert threads(m) == tasks and m.fds() == fds
    m.healthy()


def test_ranges_of_one_page_short_are_never_left_by_page(lab):
    m = lab.plain()
    # The guest's bytes on both sides of the range must stay.
    m.ok("guest 0 fill 0x800000 0x9000 0x5a")
    m.ok("guest 0 fill 0x811000 0x1000 0x5a")
    storm(m, "count 4000 x2 punch 0x809000 0x8000 page")
    assert m.read("0x800000", 4096) == m.read("0x811000", 4096) \
        == b"\x5a" * 4096
    assert m.read("0x808fff", 2) == b"\x5a\0"
    assert m.read("0x810ff8", 16) == bytes(8) + b"\x5a" * 8
    m.healthy()


# ---- the order --------------------------------------------------------------

ORDERED = "x3 any punch 8M 1M page, allocate 9M 1M page, poke clock0 + " \
    "punch 8M 64K page & x2 any poke clock0, touch 1 8M 64K page"


def orders(r):
    return [w["order"] for w in r["workers"]]


@pytest.mark.short
def test_the_same_seed_and_count_give_the_same_order(lab):
    m = lab.plain("--vcpus", "2")
    first = storm(m, f"count 60 seed 7 {ORDERED}")
    assert first["seed"] == "0x7", first
    assert len({o for w in orders(first) for o in w}) == 6, orders(first)
    assert orders(storm(m, f"count 60 seed 0x7 {ORDERED}")) == orders(first)
    assert orders(storm(m, f"count 60 seed 8 {ORDERED}")) != orders(first)
    assert orders(storm(m, f"count 61 seed 7 {ORDERED}")) != orders(first)
    other = lab.plain("--vcpus", "2", "--mem", "128M")
    assert orders(storm(other, f"count 60 seed 7 {ORDERED}")) == orders(first)


def test_a_storm_without_a_seed_draws_one_that_reproduces_it(lab):
    m = lab.plain("--vcpus", "2")
    drawn = storm(m, f"count 40 {ORDERED}")
    assert drawn["seed"] != storm(m, f"count 40 {ORDERED}")["seed"]
    again = storm(m, f"count 40 seed {drawn['seed']} {ORDERED}")
    assert again["seed"] == drawn["seed"] and orders(again) == orders(drawn)


# ---- barriers ---------------------------------------------------------------

def test_joined_rounds_start_together_and_the_skew_is_told(lab):
    m = lab.plain("--vcpus", "2")
    for workers, n in ("punch 8M & punch 9M", 2), \
            ("punch clock0 & poke clock0", 2), \
            ("x3 punch 8M & poke clock0, poke clock1 & poke clock1", 5):
        r = storm(m, f"count 200 {workers}")
        g, = r["groups"]
        assert g["threads"] == n and g["rounds"] == 200, g
        assert g["workers"] == list(range(len(r["workers"]))), g
        # The first thread could not begin before the last one arrived.
        assert all(set(w["rounds"]) == {200} for w in r["workers"]), r
    r = storm(m, "count 5 punch 8M & punch 9M + punch 8M + punch 9M & punch 8M")
    assert [g["workers"] for g in r["groups"]] == [[0, 1], [3, 4]], r


def test_a_storm_says_whether_the_pfn_has_changed(lab):
    m = lab.plain("--vcpus", "2")
    r = ops(storm(m, "count 50 poke clock0, punch 8M + check clock1"))
    assert "pfn_same" not in r["punch 8M"], r
    for o in r["poke clock0"], r["check clock1"]:
        # The first is unknown, and all without CAP_SYS_ADMIN.
        assert o["pfn_unknown"] >= 1, o
        assert o["pfn_changed"] + o["pfn_same"] + o["pfn_unknown"] == 50, o
        assert o["pfn_changed"] == 0, o     # nobody punched it


def test_an_operation_that_fails_overlaps_with_none(lab):
    m = lab.plain("--vcpus", "2")
    m.ok("pv clock0 off")
    r = storm(m, "count 30 poke clock0 & punch 8M")
    g, = r["groups"]
    assert g["rounds"] == 30 and g["overlapped"] == 0, g
    assert "0 of 30 rounds overlapped" in g["note"], g


def test_vcpus_may_run_where_they_could_before_a_storm(lab):
    m = lab.plain("--vcpus", "2")
    cpus = os.sched_getaffinity(0)

    def where(name):
        found = {}
        for t in os.listdir(f"/proc/{m.proc.pid}/task"):
            with open(f"/proc/{m.proc.pid}/task/{t}/comm") as f:
                if f.read().strip() == name:
                    found[t] = os.sched_getaffinity(int(t))
        return found
    m.ok(f"vcpu 1 pin {max(cpus)}")
    before = where("vcpu")
    assert len(before) == 2, before
    storm(m, "count 50 poke clock0 & punch 8M")
    storm(m, "count 50 poke clock1 & punch 8M")
    assert where("vcpu") == before, (before, where("vcpu"))


# ---- failures ---------------------------------------------------------------

@pytest.mark.short
def test_failed_operations_are_counted_by_kind_and_do_not_end_it(lab):
    m = lab.plain("--vcpus", "2")
    m.ok("pv clock0 off")
    r = storm(m, "count 30 poke clock0, punch 8M")
    o = ops(r)["poke clock0"]
    assert o["count"] == o["failed"] == 30, o
    assert o["errors"] == {"state": 30}, o
    assert "clock0 is off" in o["first_error"], o
    assert ops(r)["punch 8M"]["failed"] == 0, r
    # Pages that are off are not checked, and stay off.
    assert [p["name"] for p in r["pages"]] == ["clock1", "steal0", "steal1"], r
    assert m.page("clock0")["on"] is False
    # Off and on, and off again at the end.
    r = storm(m, "count 10 pv clock0, poke clock0")
    assert not ops(r)["poke clock0"]["failed"], r
    assert m.page("clock0")["on"] is False
    m.ok("pv clock0 on")
    m.healthy()


def test_a_paused_vcpu_does_not_hold_up_a_storm(lab):
    m = lab.plain("--vcpus", "2")
    m.ok("vcpu 1 pause")
    r = storm(m, "count 20 poke clock1 & punch clock1 + poke clock0",
              "unsupported")
    o = ops(r)
    assert o["poke clock1"]["errors"] == {"state": 20}, o
    assert "paused" in o["poke clock1"]["first_error"], o
    assert not o["poke clock0"]["failed"] + o["punch clock1"]["failed"], o
    assert [p["verdict"] for p in r["pages"]] == \
        ["fresh", "unsupported", "fresh", "unsupported"], r
    m.ok("vcpu 1 resume")
    m.healthy()


def test_a_vcpu_that_is_paused_meanwhile_does_not_keep_stop_waiting(lab):
    m = lab.plain("--vcpus", "2")
    c = start(m, f"storm {LONG} poke clock1 & punch clock1 + x2 poke clock1")
    m.ok("vcpu 1 pause")
    m.ok("storm stop")
    r = c.reply()
    assert r["ok"] and r["ended_by"] == "stop", r
    m.ok("vcpu 1 resume")
    m.healthy()


def test_what_the_storm_cannot_restore_is_told(lab):
    m = lab.plain("--vcpus", "2")
    c = start(m, f"storm {LONG} pv clock1 move 9M")
    m.ok("vcpu 1 pause")
    m.ok("pv clock0 off")  # it does not belong to the storm
    m.ok("storm stop")
    r = c.reply()
    assert r["ok"] and r["ended_by"] == "stop", r
    if m.page("clock1")["gpa"] == "0x900000":
        assert r["not_restored"], r
    assert all("pv clock1 move 9M: vCPU 1 is paused" in t
               for t in r["not_restored"]), r
    m.ok("vcpu 1 resume")
    m.ok("pv clock0 on")
    m.healthy()


def test_what_a_pause_cut_short_is_known_once_the_vcpu_is_back(lab):
    """The guest may still write the MSR that moves its clock after gpcvm timed
    out: a check of the old place would be wrong."""
    m = lab.plain("--vcpus", "2")
    for _ in range(20):
        c = start(m, f"storm {LONG} pv clock1 move 9M")
        m.ok("vcpu 1 pause")
        m.ok("storm stop")
        r = c.reply()
        assert r["ok"] and r["ended_by"] == "stop", r
        c.close()
        m.ok("vcpu 1 resume")
        m.healthy()
        m.ok("pv clock1 move 0x131000")


def test_the_final_check_tells_what_is_wrong(lab):
    m = lab.plain()
    m.ok("slot delete 1")
    r = storm(m, "count 3 punch 8M", "absent")
    assert r["absent"] >= 1 and r["fresh"] == 0, r
    assert all(p["why"] for p in r["pages"]), r
    m.ok("slot restore 1")
    m.healthy()


BAD = [
    ("storm", "usage", "missing argument"),
    ("storm now", "usage", "now"),
    ("storm for", "usage", "missing argument"),
    ("storm for ever punch 8M", "usage", "ever"),
    ("storm for 0 punch 8M", "range", "0"),
    ("storm count 0 punch 8M", "range", "0"),
    ("storm count 1 seed", "usage", "seed"),
    ("storm count 1", "usage", "without workers"),
    ("storm count 1 dance", "usage", "dance"),
    ("storm count 1 punch 8M + dance", "usage", "dance"),
    ("storm count 1 punch 8M +", "usage", "no operation"),
    ("storm count 1 x65 punch 8M", "range", "65"),
    ("storm count 1 x40 punch 8M & x25 punch 8M", "range", "65"),
    ("storm count 1 punch 0", "state", "own"),
    ("storm count 1 punch 64T", "range", "0x400000000000"),
    ("storm count 1 punch 8M 3", "range", "0x3"),
    ("storm count 1 poke clock9", "range", "clock9"),
    ("storm count 1 touch 9 8M", "range", "9"),
    ("storm count 1 touch 0 0 write", "state", "own"),
    ("storm count 1 pv clock0 move 0", "state", "own"),
    ("storm count 1 slot 0", "state", "own"),
    ("storm count 1 slot 9", "range", "9"),
    ("storm count 1 flip 8M", "unsupported", "private"),
    ("storm count 1 attr 8M private", "unsupported", "private"),
    ("storm stop", "state", "no storm"),
]


@pytest.mark.short
def test_what_is_no_storm_is_refused_and_nothing_starts(lab):
    m = lab.plain()
    m.healthy()
    tasks = threads(m)
    for line, kind, word in BAD:
        m.fails(line, kind, word)
        assert m.ok("status")["storm"] is False, line
    assert threads(m) == tasks
    r = m.ok("storm help")
    assert {o["name"] for o in r["ops"]} == {
        "punch", "allocate", "flip", "attr", "prefault", "poke", "check", "pv",
        "slot", "touch"}, r
    m.healthy()


# ---- its end ----------------------------------------------------------------

BUSY = "x3 any punch 8M 1M page, touch 1 8M 1M write page, poke clock0 + " \
    "punch clock1 & poke clock1 + slot 1 + pv clock0 move 9M"


def test_stop_ends_it_and_only_one_runs(lab):
    m = lab.plain("--vcpus", "2")
    before = slots_and_pages(m)
    for _ in range(5):
        c = start(m, f"storm {LONG} {BUSY}")
        m.fails("storm count 1 punch 8M", "state", "storm stop")
        at = time.monotonic()
        assert m.ok("storm stop")["stopping"] is True
        r = c.reply()
        took = time.monotonic() - at
        assert r["ok"] and r["ended_by"] == "stop", r
        plausible(r)
        assert took < 5, took  # far below LONG, even on a loaded host
        assert r["run_ns"] < took * 1e9 + 60e9, r
        m.fails("storm stop", "state", "no storm")
        c.close()
    assert slots_and_pages(m) == before
    m.healthy()


def test_it_ends_when_its_client_goes_and_restores_all_the_same(lab):
    m = lab.plain("--vcpus", "2")
    m.healthy()
    before = slots_and_pages(m)
    tasks, fds = threads(m), m.fds()
    for _ in range(3):
        start(m, f"storm {LONG} {BUSY}").close()
        over(m)
        assert slots_and_pages(m) == before
    lib.eventually("its files closed", lambda: m.fds() == fds)
    lib.eventually("its threads gone", lambda: threads(m) == tasks)
    storm(m, "count 5 " + BUSY)
    m.healthy()


def test_quit_during_a_storm_ends_both(lab):
    for _ in range(3):
        m = lab.plain("--vcpus", "2")
        c = start(m, f"storm {LONG} {BUSY}")
        m.quit(7)
        r = c.reply()
        assert r is None or r["ended_by"] == "machine", r


def test_the_end_of_the_guest_ends_it(lab):
    m = lab.plain("--vcpus", "2", "--no-guard")
    c = start(m, f"storm {LONG} {BUSY}")
    m.proc.terminate()
    assert m.proc.wait(lib.LIMIT) == 143
    r = c.reply()
    assert r is None or r["ended_by"] == "machine", r


@pytest.mark.alone
def test_a_message_of_the_kernel_ends_it(lab):
    m = lab.plain("--vcpus", "2")
    log = kmsg.Kmsg()
    kmsg.kernel_warns(lab, log)  # earlier ones do not count
    lib.eventually("its event", lambda: log.read()[-1] in [
        e["text"] for e in m.ok("log 100")["events"]])
    c = start(m, f"storm {LONG} {BUSY}")
    log.write("<4>gpcvm test: not of the kernel")
    storm_runs_on = m.ok("status")["storm"]
    kmsg.kernel_warns(lab, kmsg.Kmsg())
    r = c.reply()
    assert r["ok"] and r["ended_by"] == "kernel", r
    assert storm_runs_on
    plausible(r)
    m.healthy()


# ---- others meanwhile -------------------------------------------------------

def test_other_clients_are_served_while_it_runs(lab):
    """The many readers and writers of a storm must not starve others at the
    memory's lock."""
    m = lab.plain("--vcpus", "2")
    for busy in "x8 punch 8M 1M page", "x8 slot 1 + x8 punch 8M", \
            "x4 poke clock0 & x4 poke steal0":
        c = start(m, f"storm {LONG} {busy}")
        for _ in range(10):
            for line in "status", "punch 12M", "mem 12M", "gpc", \
                    "allocate 12M 64K", "check clock1", "guest 1 nop":
                m.ok(line)
            m.cmd("slot move 1 4G")
            m.cmd("slot restore 1")
        m.ok("storm stop")
        r = c.reply()
        assert r["ok"] and r["ended_by"] == "stop", r
        c.close()
        m.cmd("slot restore 1")
        m.healthy()


def test_two_machines_have_their_storms_at_once(lab):
    a, b = lab.plain("--vcpus", "2"), lab.plain("--vcpus", "2")
    replies = {}

    def run(name, m):
        replies[name] = storm(m, f"count 50 {BUSY}")

    both = [threading.Thread(target=run, args=x) for x in (("a", a), ("b", b))]
    for t in both:
        t.start()
    for t in both:
        t.join(lib.LIMIT)
    assert {r["ended_by"] for r in replies.values()} == {"count"}, replies
    assert len(replies) == 2
    a.healthy()
    b.healthy()


def test_its_operations_are_not_in_the_log_but_the_storm_is(lab):
    m = lab.plain()
    last = m.ok("status")["events"]
    storm(m, "count 500 punch 8M, poke clock0")
    texts = [e["text"] for e in m.ok("log 50")["events"] if e["seq"] > last]
    assert any(t.startswith("storm count 500") for t in texts), texts
    assert len(texts) < 10, texts


kmsg.undisturb(globals())
