# SPDX-License-Identifier: GPL-2.0-only
"""Memory faults and their policies, slots and files that are removed,
poison."""

import threading

import lib

# A separate file to close, and a slot without a file.
SLOTS = ("--slot", "0,4M", "--slot", "4M,1M,file=1", "--slot", "8M,1M,file=none")


def start(lab, *args, **kw):
    return lab.private(*SLOTS, *args, **kw)


def fault(g, line, errno, *words):
    e = g.fails(line, "kvm", "memory fault", *words)
    assert e["errno"] == errno, e


def test_a_private_page_without_a_file_is_a_reported_fault(lab):
    g = start(lab)
    ev = g.events()
    g.ok("attr 8M private")
    for _ in range(2):
        fault(g, "guest 0 read 8M 8", "EFAULT", "slot 2 has no gmem file")
    g.fails("punch 8M", "state")
    g.fails("allocate 8M", "state")
    assert g.fails("prefault 0 8M", "kvm")["errno"] == "EFAULT"
    g.ok("pv clock0 move 8M")
    assert "memory fault" in g.check("clock0", "absent")["why"]
    g.ok("attr 8M shared")
    assert g.read("8M") is not None
    g.ok("help status")
    ev.until("help status", of="control")
    told = [e for e in ev.seen if "memory fault" in e["text"]]
    assert len(told) == 1, told


def test_the_policy_stop_ends_the_machine(lab):
    g = start(lab, "--memory-fault", "stop")
    g.ok("attr 8M private")
    g.cmd("guest 0 read 8M 8")
    assert g.wait() == 12, g.stderr()
    assert "memory fault" in g.stderr()


def test_the_policy_convert_reports_what_it_cannot_mend(lab):
    g = start(lab, "--memory-fault", "convert")
    ev = g.events()
    g.ok("attr 8M private")
    fault(g, "guest 0 read 8M 8", "EFAULT")
    ev.until("converting did not help")


def test_slots_come_and_go_and_say_why_a_read_fails(lab):
    g = start(lab)
    g.ok("guest 0 write 4M 0x77")
    g.ok("slot delete 1")
    fault(g, "guest 0 read 4M 8", "EFAULT", "slot 1 is deleted")
    g.ok("slot restore 1")
    assert g.read("4M")[0] == 0x77
    e = g.fails("slot move 1 0xffffffff00000", "kvm", "at its old gpa")
    assert e["errno"] == "EINVAL" and g.slots()[1]["present"]
    g.ok("slot move 1 16M")
    g.ok("attr 16M private")
    assert g.read("16M")[0] == 0x77
    g.ok("slot restore 1")
    assert g.read("4M")[0] == 0x77


def test_the_last_close_of_a_file_under_a_live_cache(lab):
    for kernel in ("lean", "debug"):
        g = start(lab, kernel=kernel)
        g.ok("pv clock0 move 4M")
        g.check("clock0", "stale")
        r = g.ok("slot close 1")
        assert (r["file"], r["closed"]) == (1, [1]), r
        assert "is closed" in g.check("clock0", "absent")["why"]
        fault(g, "guest 0 read 4M 8", "EFAULT", "gmem file 1 of slot 1 is closed")
        for line in ("slot close 1", "punch 4M", "allocate 4M",
                     "slot move 1 16M", "pv steal0 move 4M"):
            g.fails(line, "state")
        g.ok("attr 4M 1M shared")
        g.check("clock0", "fresh")
        g.quit()


def test_the_guests_own_file_is_not_closed(lab):
    g = start(lab)
    g.fails("slot close 0", "state", "--no-guard")
    g.fails("slot close 2", "state")
    g.ok("guest 0 nop")


def test_a_guest_that_loses_its_own_memory_ends_the_machine(lab):
    g = start(lab, "--no-guard")
    g.ok("slot close 0")
    g.cmd("guest 0 nop")
    assert g.wait() == 12, g.stderr()


def poisoned(g, gpa):
    r = g.ok(f"poison {gpa}")
    assert r["by"] == "corrupt-pfn" and int(r["pfn"], 16), r
    fault(g, f"guest 0 read {gpa} 8", "EHWPOISON", "poisoned")
    fault(g, f"guest 0 write {gpa} 1", "EHWPOISON", "poisoned")
    assert g.fails(f"prefault 0 {gpa}", "kvm")["errno"] == "EHWPOISON"
    g.ok(f"punch {gpa}")
    assert g.read(gpa) == bytes(8)


def test_a_poisoned_page_is_lost_until_it_is_punched(lab):
    g = start(lab, "--poison")
    poisoned(g, "8M")  # shared: mapped by the host
    g.ok("guest 0 write 4M 1")
    poisoned(g, "4M")  # private: its pfn is searched for in the direct map


def test_what_the_host_has_of_a_poisoned_page_is_an_error(lab):
    g = start(lab, "--poison")
    g.ok("poison 8M")
    assert g.fails("mem 8M 8", "os")["errno"] == "EFAULT"
    assert g.fails("poison 8M", "os")["errno"] == "EHWPOISON"


def test_a_poisoned_clock_is_absent_and_comes_back(lab):
    g = start(lab, "--poison")
    for page, gpa in (("clock0", 0x800000), ("steal0", 0x801000)):
        g.ok(f"pv {page} move {gpa}")
        g.check(page)
        g.ok(f"poison {page}")
        g.check(page, "absent")
        g.ok(f"punch {page}")
        g.check(page)


def test_without_the_option_poison_is_refused(lab):
    start(lab).fails("poison 8M", "unsupported", "--poison")


def hammer(g, lines, stop, failed):
    c = g._link(lib.Client)
    while not stop.is_set():
        failed.extend(r for r in c.pipeline(lines) if not r or not r["ok"])


def test_an_access_that_meets_a_flip_is_no_false_fault(lab):
    g = lab.private("--vcpus", "2")
    stop, failed = threading.Event(), []
    t = threading.Thread(target=hammer, args=(
        g, ["attr 8M 1M shared", "attr 8M 1M private"] * 8, stop, failed))
    t.start()
    try:
        for i in range(100):
            g.ok(f"guest {i % 2} touch 8M 1M write")
            g.ok(f"guest {i % 2} hash 8M 64K")
    finally:
        stop.set()
        t.join()
    assert not failed, failed[:3]
    assert g.alive()["memory_fault"]["reported"] == 0


def test_prefault_and_slot_changes_do_not_wait_for_each_other(lab):
    # 6.12: KVM_PRE_FAULT_MEMORY and a deletion can deadlock.
    g = start(lab)
    stop, failed = threading.Event(), []
    c = g._link(lib.Client)

    def prefaults():
        while not stop.is_set():
            if not c.cmd("prefault 0 4M 1M"):
                failed.append("no reply")
                return

    t = threading.Thread(target=prefaults)
    t.start()
    try:
        for _ in range(30):
            g.ok("slot delete 1")
            g.ok("slot restore 1")
    finally:
        stop.set()
        t.join()
    assert not failed, failed


def test_every_ending_of_a_machine_that_was_hurt_is_clean(lab):
    for last in ("slot delete 1", "slot close 1", "poison 8M", "attr 4M shared"):
        g = start(lab, "--poison", kernel="debug")
        g.ok("pv clock0 move 4M")
        g.cmd("check clock0")
        g.ok(last)
        g.quit()
