# SPDX-License-Identifier: GPL-2.0-only
"""The event log: its content, reading it, subscribing to it."""
import os

import pytest

import lib
from kmsg import Kmsg, kernel_warns


def log(m, n=1000):
    return m.ok(f"log {n}")["events"]


def texts(events, of="control"):
    return [e["text"] for e in events if e["event"] == of]


# ---- log ------------------------------------------------------------------

def test_every_request_is_in_the_log_in_order(lab):
    m = lab.machine("--vcpus", "2")
    lines = ["status", "guest 0 nop", "check all", "punch 0x2000000 8K",
             "guest 1 write 0x2000000 7", "help"]
    for line in lines:
        m.ok(line)
    m.fails("frobnicate 1", "usage")
    m.fails("punch 1", "range")
    m.fails("poke clock7", "range")
    m.fails("punch 0x100000", "state")
    got = texts(log(m))
    assert got == lines + ["frobnicate 1 (usage)", "punch 1 (range)",
                           "poke clock7 (range)",
                           "punch 0x100000 (state)"], got


def test_failures_of_the_guest_are_in_the_log_with_their_kind(lab):
    m = lab.machine()
    m.fails("guest 0 rdmsr 0x9999", "kvm")
    m.ok("pv clock0 off")
    m.fails("poke clock0", "state")
    got = " | ".join(texts(log(m)))
    assert "(kvm)" in got, got
    assert "(state)" in got, got


def test_log_gives_the_last_n_oldest_first(lab):
    m = lab.machine()
    for i in range(30):
        m.ok(f"guest 0 write 0x2000000 {i}")
    assert len(m.ok("log")["events"]) == 20
    assert len(log(m, 3)) == 3
    assert len(log(m, 1)) == 1
    last = texts(log(m, 25))    # some may come from the host's kernel
    assert last[-5:] == ["guest 0 write 0x2000000 28",
                         "guest 0 write 0x2000000 29", "log", "log 3",
                         "log 1"], last
    seqs = [e["seq"] for e in log(m)]
    assert seqs == list(range(1, len(seqs) + 1)), seqs
    times = [e["at"] for e in log(m)]
    assert times == sorted(times) and times[0] > 0, times
    for bad in ("0", "-1", "x", "99999999999"):
        r = m.cmd(f"log {bad}")
        assert not r["ok"] and r["error"]["kind"] in ("range", "usage"), r


def test_old_events_leave_the_log_and_the_rest_is_whole(lab):
    m = lab.machine()
    kept = 1000
    m.ok("guest 0 nop")
    while m.ok(f"log {kept}")["events"][0]["seq"] == 1:
        m.client.send("help status\n" * 500)
        for _ in range(500):
            assert m.client.reply()["ok"]
    seqs = [e["seq"] for e in log(m)]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), seqs
    assert m.ok("status")["events"] >= seqs[-1]


def test_start_and_ready_are_told(lab):
    m = lab.machine("--vcpus", "3")
    m.ok("guest 0 nop")
    told = lib.eventually("guest ready", lambda: [
        t for t in texts(log(m), "machine") if t.startswith("guest ready")])
    assert "3 vCPUs" in told[0], told
    s = m.ok("status")
    assert 0 < s["ready_ns"] < s["up_ns"], s


# ---- subscribe ------------------------------------------------------------

def test_subscriber_sees_what_another_client_does_as_it_does_it(lab):
    m = lab.machine()
    events = m.events()
    for i in range(50):
        m.ok(f"guest 0 write 0x2000000 {i}")
        e = events.until(f"guest 0 write 0x2000000 {i}", of="control")
        assert e["seq"] > events.last, e
    m.fails("nonsense", "usage")
    events.until("nonsense (usage)", of="control")
    seqs = [e["seq"] for e in events.seen]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), seqs
    logged = {e["seq"]: e for e in log(m)}
    for e in events.seen:
        assert logged[e["seq"]] == e, (e, logged[e["seq"]])


def test_sequence_has_no_gap_while_it_is_read(lab):
    m = lab.machine("--vcpus", "2")
    events = m.events()
    other = m.connect()
    for _ in range(10):
        m.client.send("guest 0 nop\n" * 20)
        other.send("guest 1 nop\n" * 20)
        for _ in range(20):
            assert m.client.reply()["ok"] and other.reply()["ok"]
        m.ok("help quit")
        events.until("help quit", of="control")
    seqs = [e["seq"] for e in events.seen]
    assert len(seqs) >= 410, len(seqs)
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), seqs


def test_subscribe_off_ends_it_and_a_second_one_starts_again(lab):
    m = lab.machine()
    events = m.events()
    m.ok("help log")
    events.until("help log")
    r = events.ok("subscribe off")
    assert r["subscribed"] is False, r
    for _ in range(20):
        m.ok("guest 0 nop")
    # The next line is the reply: no event comes before it.
    events.send("help caps\n")
    r = events.line()
    assert r.get("cmd") == "help", r
    r = events.ok("subscribe")
    assert r["subscribed"] is True, r
    m.ok("help gpc")
    events.until("help gpc")
    m.fails("subscribe maybe", "usage", "maybe")


def test_subscribers_do_not_disturb_each_other(lab):
    m = lab.machine()
    a, b = m.events(), m.events()
    b.close()
    m.ok("help log")
    a.until("help log")
    c = m.events()
    m.ok("help gpc")
    a.until("help gpc")
    c.until("help gpc")
    assert not [e for e in c.seen if e["seq"] <= c.last], c.seen


def test_end_of_the_machine_is_the_last_event(lab):
    m = lab.machine()
    events = m.events()
    m.ok("quit 3")
    e = events.until("ends with status 3", of="machine")
    assert "quit" in e["text"], e
    assert m.wait() == 3


# ---- kernel messages ------------------------------------------------------

@pytest.mark.alone
def test_kernel_warning_is_an_event_and_nothing_else_is(lab):
    m = lab.machine()
    kmsg = Kmsg()
    before = m.ok("status")["kernel_messages"]
    assert len(texts(log(m), "kernel")) >= before
    # Messages that programs write there are not the kernel's (facility user).
    mine = f"gpcvm test message {os.getpid()}"
    kmsg.write(f"<4>{mine}")
    kmsg.write(f"<6>{mine}")
    kernel_warns(lab, kmsg)
    wanted = list(kmsg.read())
    lib.eventually(f"events for {wanted}", lambda: all(
        w in texts(log(m), "kernel") for w in wanted))
    seen = texts(log(m), "kernel")
    assert not [t for t in seen if mine in t], seen
    assert not [t for t in seen if t in kmsg.kernel[False]], seen
    assert m.ok("status")["kernel_messages"] >= len(wanted)


@pytest.mark.alone
def test_subscriber_is_told_of_a_kernel_warning(lab):
    m = lab.machine()
    events = m.events()
    kmsg = Kmsg()
    kernel_warns(lab, kmsg)
    e = events.until(kmsg.read()[0], of="kernel")
    assert e["text"] == kmsg.read()[0], e


pytest.mark.short(test_subscriber_sees_what_another_client_does_as_it_does_it)
pytest.mark.short(test_every_request_is_in_the_log_in_order)
