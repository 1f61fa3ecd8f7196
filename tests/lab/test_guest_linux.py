# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm run --guest linux: its agent, its shell, and their reports. The
scenarios in tests/scenarios/linux, which the suite plays, have the rest."""

import os
import time

import labtest
import lib
import playing

LIMIT = 300
FAR = 10_000_000_000  # ns: more than any kernel's error


class Linux(labtest.Guest):
    """Its serial port is at hand."""

    def __init__(self, lab, *args):
        box = lab.box(linux=True)
        box.guests.append(self)
        super().__init__(box, "linux", "--guest", "linux", *args, stdin=True)

    def said(self, text):
        def there():
            return text.encode() in bytes(self.proc.out)

        lib.eventually(f"Linux says {text}",
                       lambda: there() or self.proc.status is not None, LIMIT)
        assert there(), (self.proc.status, bytes(self.proc.out), self.stderr())


def pages(g):
    return {p["name"]: int(p["gpa"], 16) for p in g.ok("gpc")["pages"]}


def ready(g):
    lib.eventually("Linux is ready",
                   lambda: g.ok("status")["ready_ns"] is not None, LIMIT)
    return g


def reports(g):
    return [v["reports"] for v in g.ok("status")["vcpus"]]


def where_its_clocks_are(g):
    at = pages(g)
    assert set(at) == {"clock0", "clock1", "steal0", "steal1"}, at
    assert at["clock0"] & ~0xFFF == at["clock1"] & ~0xFFF, at
    assert int(g.ok("guest 0 rdmsr 0x4b564d01")["value"], 16) == at["clock0"] | 1
    assert g.ok("check all")["verdict"] == "fresh"
    for n in (0, 1):
        t = g.ok(f"guest {n} time")
        assert t["drift_ns"] == 0 and t["unsure_ns"] < FAR, t
    assert reports(g) == [0, 0]


def what_the_tiny_guest_serves(g, spare):
    g.ok(f"guest 0 write {spare:#x} 0x1122334455667788")
    assert g.ok(f"guest 0 read {spare:#x}")["value"] == "0x1122334455667788"
    assert g.ok(f"mem {spare:#x} 8")["data"] == "8877665544332211"
    g.ok(f"punch {spare:#x}")
    assert g.ok(f"guest 0 read {spare:#x}")["value"] == "0x0"
    g.ok(f"guest 0 canary {spare:#x} plant")
    assert g.ok(f"guest 0 canary {spare:#x} check")["state"] == "intact"
    assert g.ok(f"guest 0 touch {spare:#x} 16M write")["pages"] == 4096


def what_is_refused(g):
    g.fails("guest 0 rdmsr 0x12345678", "kvm")
    # A program can do neither.
    g.fails("guest 0 halt", "unsupported")
    g.fails("guest 0 hypercall 1", "unsupported")
    # Linux's own memory is not changed.
    g.fails("punch clock0", "state")
    g.fails("punch 0x1000000", "state")


def test_linux_serves_tells_where_its_clocks_are_and_has_a_shell(lab):
    g = Linux(lab, "--memory", "anon", "--vcpus", "2")
    ready(g)
    where_its_clocks_are(g)
    what_the_tiny_guest_serves(g, int(g.ok("status")["own_end"], 16))
    what_is_refused(g)
    g.said("linux# ")
    g.proc.write(b"cat /sys/devices/system/clocksource/*/current_clocksource\n")
    g.said("kvm-clock\r\n")
    g.proc.write(b"echo $(nproc) CPUs and $((6 * 7))\n")
    g.said("2 CPUs and 42")
    # The tree has the arguments that Linux was started with.
    g.proc.write(b"""[ "$(cat /proc/cmdline)" = "$(tr -d '\\0' """
                 b"""</proc/device-tree/chosen/bootargs)" ] && """
                 b"""[ -z "$(find /proc/device-tree/pv -name '*@*')" ] && echo tree $((40 + 2))\n""")
    g.said("tree 42")
    g.proc.write(b"poweroff\n")
    assert g.wait() == 0, g.stderr()


def is_reported(g, at):
    """The round after the operation sees the clock set back, unless KVM has
    written it by then. The kernel's time, and sleeping processes, stop until
    it catches up: a poke corrects it."""
    g.ok(f"guest 0 write {at:#x} 1")
    for _ in range(300):
        if reports(g)[0]:
            break
        time.sleep(0.01)
    g.ok("poke clock0")
    return reports(g)[0]


def test_a_clock_that_is_wrong_is_reported_and_is_a_drift(lab):
    g = ready(lab.linux("--memory", "anon", "--vcpus", "1", "--no-guard"))
    at = pages(g)["clock0"] + 16
    lib.eventually("the step back is reported", lambda: is_reported(g, at), LIMIT)
    text = "\n".join(e["text"] for e in g.ok("log 100")["events"])
    assert "clock went backwards" in text, text
    assert g.ok("guest 0 time")["drift_ns"] == 0
    now = int(g.ok(f"guest 0 read {at:#x}")["value"], 16)
    # At the end: from here the kernel's time stops until it has caught up.
    g.ok(f"guest 0 write {at:#x} {now + 2 * FAR}")
    assert FAR < g.ok("guest 0 time")["drift_ns"] < 3 * FAR


def test_one_reference_for_two_clocks_of_linux_is_seen(lab):
    # The project's first question: Linux has its clocks in one page.
    where = os.path.join(lab.root, "tests", "scenarios", "linux")
    box = playing.boot("reference-lean", lab.gpcvm, where, linux=True)
    try:
        box.fault("one-ref")
        lines = playing.Lines()
        playing.play(box, ["suite", "--json", "--timeout", str(LIMIT),
                           f"{playing.INSIDE}/two-clocks-in-one-page.scn"],
                     lines, LIMIT + 60)
        report = box.report() or ""
        assert "unable to handle page fault" in report, (report, lines.rows)
        assert "kvm_setup_guest_pvclock" in report, report
    finally:
        box.close()
