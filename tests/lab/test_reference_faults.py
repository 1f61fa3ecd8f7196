# SPDX-License-Identifier: GPL-2.0-only
"""The reference kernel's test-only patches: delays and faults, and the lab's
way to switch them on."""

import re
import threading

import labtest
import lib
import machine
import reports
import test_reference

DIR = "/sys/kernel/debug/kvm/test"
SECOND = 1000000


def names(box):
    return re.sub(r"[\[\]]", "", box.sh(f"cat {DIR}/fault")).split()


def hits(box, name):
    return int(box.sh(f"cat {DIR}/hit_{name}"))


def test_a_fault_is_on_before_the_command_starts(lab):
    status, out, err = lab.tool("run", "--kernel", "reference", "--lean",
                                "--fault", "one-ref", "--", "cat", machine.FAULT)
    assert status == 0 and " [one-ref] " in out, (status, out, err)


def test_a_fault_that_is_not_there_is_said_and_has_its_own_status(lab):
    for args, word in ((("reference", "--lean", "--fault", "no-such"), "no such fault"),
                       (("base", "--lean", "--fault", "no-punch"), "--kernel reference")):
        status, out, err = lab.tool("run", "--kernel", *args, "--", "echo", "started")
        assert status == reports.NO_FAULT and not out, (status, out, err)
        assert word in err.splitlines()[-1], err


def test_one_fault_is_on_at_a_time_and_none_at_the_start(lab):
    box = lab.box("reference-lean")
    assert box.sh(f"cat {DIR}/fault").startswith("[none] ")
    known = names(box)
    assert len(known) == len(set(known)) == 22, known  # with none
    for name in known:
        box.fault(name)
        assert box.sh(f"cat {DIR}/fault").count("[") == 1
        assert f"[{name}]" in box.sh(f"cat {DIR}/fault")
    box.fault("no-attr")
    for wrong in ("", "no-attr no-punch", "x" * 100):
        assert box.run("sh", "-c", f"echo {wrong} >{DIR}/fault")[0], wrong
    assert "[no-attr]" in box.sh(f"cat {DIR}/fault")


def test_a_fault_does_not_outlast_its_test(lab):
    box = lab.box("reference-lean")
    box.fault("no-punch")
    g = test_reference.start(lab)
    g.ok("punch clock0 64K")
    r = g.check("clock0", "stale")
    assert "model: fresh" in r["disagreement"], r
    g.quit()
    box.settle()
    assert "[none]" in box.sh(f"cat {DIR}/fault")
    g = test_reference.start(lab)
    g.ok("punch clock0 64K")
    test_reference.fresh(g)


def test_a_delay_is_a_second_at_most(lab):
    box = lab.box("reference-lean")
    for name in ("refresh", "invalidate", "unmap"):
        path = f"{DIR}/delay_{name}"
        assert box.sh(f"cat {path}") == "0\n"
        assert box.run("sh", "-c", f"echo {SECOND + 1} >{path}")[0]
        box.sh(f"echo {SECOND} >{path}; echo 0 >{path}")


def held_up(box, g, window, line, usec=300000):
    """How long @line takes with that window held open, in us, and whether it
    passed the window."""
    before = hits(box, window)
    box.sh(f"echo {usec} >{DIR}/delay_{window}")
    ns = g.ok(line)["ns"]
    box.sh(f"echo 0 >{DIR}/delay_{window}")
    return ns // 1000, hits(box, window) > before


def test_each_window_is_held_open(lab):
    g = test_reference.start(lab)
    box = lab.box("reference-lean")
    for window, line in (("invalidate", "punch clock0"), ("refresh", "poke clock0"),
                         ("invalidate", "attr clock0 shared"), ("unmap", "poke clock0"),
                         ("unmap", "pv clock0 off"), ("refresh", "pv clock0 on")):
        usec, hit = held_up(box, g, window, line)
        assert hit and usec >= 300000, (window, line, usec)
    usec, _ = held_up(box, g, "invalidate", "punch clock0", usec=0)
    assert usec < 300000, usec
    test_reference.fresh(g)


def test_a_punch_in_the_window_before_an_unmap_does_no_harm(lab):
    g = test_reference.start(lab, kernel="reference")
    box = lab.box("reference")
    before = hits(box, "unmap")
    box.sh(f"echo {SECOND} >{DIR}/delay_unmap")
    other = g.connect()
    t = threading.Thread(target=lambda: other.ok("pv clock0 off"))
    t.start()
    lib.eventually("the window is open", lambda: hits(box, "unmap") > before)
    g.ok("punch clock0 64K")
    t.join(labtest.LIMIT)
    box.sh(f"echo 0 >{DIR}/delay_unmap")
    g.ok("pv clock0 on")
    test_reference.fresh(g)


def test_a_fault_that_breaks_the_kernel_is_seen_in_its_report(lab):
    box = lab.box("reference-lean")
    box.fault("unmap-reversed")
    g = test_reference.start(lab)
    g.ok("punch clock0 64K")
    g.client.send(b"poke clock0\n")
    lab.breaks(box, "NULL pointer dereference", "kvm_gmem")


def test_what_a_tlb_still_has_is_seen_only_by_a_cpu_that_is_at_it(lab):
    box = lab.box("reference-lean")
    for fault, want in (("none", "absent"), ("no-tlb-flush", "present")):
        box.fault(fault)
        g = test_reference.start(lab)
        # Entering a guest on the other CPU would also flush that TLB.
        g.ok("vcpu 1 pin 0")
        # A context switch also flushes it: one of several reads must succeed.
        looks = []
        for _ in range(3 if fault == "none" else 10):
            r = g.ok("leak clock1 off")
            looks.append(r["leak"])
            if fault != "none" and r["leak"] != want:
                g.ok("pv clock1 on")
                continue
            assert r["leak"] == want, (fault, r)
            assert ("disagreement" in r) == (fault != "none"), r
            assert g.ok("leak clock1")["leak"] == "absent"
            g.ok("pv clock1 on")
        assert want in looks, (fault, looks)
        g.quit()
