# SPDX-License-Identifier: GPL-2.0-only
"""clockwatch: silent while all is well; reports each fault once."""
import pytest

import lib



def watch(lab, mode, *args):
    lab.need_mode(mode)
    m = lab.machine("--memory", mode, "--guest", "clockwatch", *args)
    m.ok("guest 0 nop")
    return m, m.events()


def both(fn):
    """fn(m, events) with two vCPUs, in both memory modes."""
    def make(mode):
        def test(lab):
            fn(*watch(lab, mode, "--vcpus", "2"))
        return test
    for mode in ("anon", "gmem"):
        globals()[f"test_{mode}_{fn.__name__}"] = make(mode)
    return fn


def rounds(m, n, vcpu=0):
    """n times: the guest watches, then comes for an operation."""
    for _ in range(n):
        m.ok(f"guest {vcpu} nop")


def until_told(m, events, cause, *words):
    """Call cause() until the guest reports it.

    KVM may write the page by itself (kvmclock_update_work(), 100 ms after an
    MSR write) before the guest has looked.
    """
    def attempt():
        cause()
        rounds(m, 3)
        end = m.ok("status")["events"]
        for e in m.ok("log 1000")["events"]:
            if events.last < e["seq"] <= end and e["event"] == "guest" and \
                    all(w in e["text"] for w in words):
                return e
        return None
    return lib.eventually(f"a report: {words}", attempt)


def reports(m, since):
    return [e["text"] for e in m.ok("log 1000")["events"]
            if e["seq"] > since and e["event"] == "guest"]


def told(m, events, *texts):
    lib.eventually(f"reports: {texts}", lambda: all(
        any(r.startswith(t) for r in reports(m, events.last))
        for t in texts))


@both
def nothing_is_reported_while_nothing_is_wrong(m, events):
    for i in range(100):
        m.check("all")
        m.ok(f"guest {i % 2} read clock{i % 2}")
        m.ok("poke clock0")
        m.ok("poke steal1")
        m.ok(f"guest {i % 2} fill 0x2000000 64 {i}")
    events.none_before(m, "guest")


@both
def punched_clock_is_told_once_and_once_when_it_is_back(m, events):
    until_told(m, events, lambda: m.ok("punch clock0"),
               "vcpu 0", "clock page reads as zeros")
    m.ok("poke clock0")
    e = events.until("vcpu 0: clock is back", of="guest")
    m.check("all")
    rounds(m, 20)
    # Each end follows its beginning, and no other vCPU saw anything.
    seen = reports(m, events.last)
    for i, text in enumerate(seen):
        want = "clock is back" if i % 2 else "clock page reads as zeros"
        assert text.startswith(f"vcpu 0: {want}"), seen
    assert e["text"] in seen, seen


@both
def switched_off_clock_is_not_watched(m, events):
    m.ok("pv clock0 off")
    m.ok("punch clock0")
    m.ok("guest 0 write clock0 3 4")
    rounds(m, 20)
    events.none_before(m, "guest")
    m.ok("punch clock0")
    m.ok("pv clock0 on")
    m.check("clock0")
    rounds(m, 20)
    events.none_before(m, "guest")


@both
def moved_clock_is_watched_where_it_is(m, events):
    old = m.page("clock0")["gpa"]
    m.ok("pv clock0 move 0x2000000")
    m.check("clock0")
    m.ok(f"punch {old}")
    m.ok(f"guest 0 write {old} 3 4")
    rounds(m, 20)
    events.none_before(m, "guest")
    until_told(m, events, lambda: m.ok("punch 0x2000000"), "vcpu 0",
               "reads as zeros")
    m.ok("poke clock0")
    events.until("vcpu 0: clock is back", of="guest")


@both
def clock_that_goes_back_is_told(m, events):
    # The host cannot make a correct KVM do this: the guest corrupts its own
    # page, like a kernel that writes old data.
    at = int(m.page("clock1")["gpa"], 16) + 16

    def spoil():
        m.ok("poke clock0")
        rounds(m, 3, vcpu=1)
        m.ok(f"guest 1 write {at:#x} 5")
        rounds(m, 3, vcpu=1)

    e = until_told(m, events, spoil, "vcpu 1: clock went backwards: ")
    before, now = e["text"].split(": ")[2].split(" then ")
    assert int(now) < int(before), e
    m.check("all")


def off_by(m, events, ns, word):
    """The guest sets its own clock that far from KVM's; KVM corrects it."""
    at = int(m.page("clock1")["gpa"], 16) + 16

    def spoil():
        m.ok(f"guest 1 write {at:#x} {ns}")

    e = until_told(m, events, spoil, f"vcpu 1: clock is {word} KVM_GET_CLOCK: ")
    clock, kvm = e["text"].split(": ")[2].split(" then ")
    assert abs(int(clock) - int(kvm)) > 1e9, e
    m.ok("poke clock1")
    told(m, events, "vcpu 1: clock is back")
    m.check("all")


@both
def clock_that_is_far_ahead_is_told(m, events):
    off_by(m, events, 10 ** 15, "ahead of")


@both
def clock_that_is_far_behind_is_told(m, events):
    # A VM that is old enough to exclude luck.
    lib.eventually("two seconds of the VM's clock", lambda:
                   m.ok("poke clock0")["set"] > 2 * 10 ** 9)
    off_by(m, events, 5, "behind")


@both
def version_that_stays_odd_is_told_and_its_end_too(m, events):
    until_told(m, events, lambda: m.ok("guest 0 write clock0 3 4"),
               "vcpu 0: clock version stays odd: 3")
    m.ok("poke clock0")
    events.until("vcpu 0: clock is back", of="guest")
    m.check("all")


@both
def steal_time_that_starts_again_is_told(m, events):
    # The kernel adds to what it finds in the page: 0 after a punch.
    def stolen():
        data = m.read("steal0", 64)
        return int.from_bytes(data[:8], "little") > 0
    lib.eventually("some steal time", stolen)
    e = until_told(m, events, lambda: m.ok("punch steal0"),
                   "vcpu 0: steal time went backwards: ")
    before, now = e["text"].split(": ")[2].split(" then ")
    assert int(now) < int(before), e
    m.check("all")


def slot_goes(lab, mode):
    """Without a slot, all bits read as one: a version that stays odd."""
    m, events = watch(lab, mode)
    m.ok("slot delete 1")
    told(m, events, "vcpu 0: clock version stays odd",
         "vcpu 0: steal version stays odd")
    m.ok("slot restore 1")
    m.ok("poke clock0")
    told(m, events, "vcpu 0: clock is back", "vcpu 0: steal time is back")
    m.check("all")


def test_anon_pages_without_a_slot_are_told(lab):
    slot_goes(lab, "anon")


def test_gmem_pages_without_a_slot_are_told(lab):
    slot_goes(lab, "gmem")


def test_operations_are_served_while_the_pages_have_no_slot(lab):
    m, events = watch(lab, "anon")
    m.ok("slot delete 1")
    told(m, events, "vcpu 0: clock version stays odd")
    rounds(m, 1)
    m.ok("slot restore 1")
    m.check("all")


def test_pages_without_a_slot_do_not_flood_the_log(lab):
    m, events = watch(lab, "anon")
    m.ok("slot delete 1")
    told(m, events, "vcpu 0: clock version stays odd",
         "vcpu 0: steal version stays odd")
    rounds(m, 1)        # thirty-two looks at each of the two pages
    exits = [e for e in m.ok("log 1000")["events"] if e["event"] == "exit"]
    assert 1 <= len(exits) <= 4, (len(exits), exits[:6])
    m.ok("slot restore 1")


pytest.mark.short(globals()["test_gmem_"
                    "punched_clock_is_told_once_and_once_when_it_is_back"])
