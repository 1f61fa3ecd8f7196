# SPDX-License-Identifier: GPL-2.0-only
"""Every verdict with a real cause: faults are reported as such, and KVM's
misplaced writes are found.

MSR 0x12, kvm-clock's old one, does things to KVM's cache behind the back of
gpcvm, which follows the new one (Documentation/virt/kvm/x86/msr.rst).
"""
import pytest

import lib

OLD_MSR = 0x12
CLOCK_MSR = 0x4b564d01
STEAL_MSR = 0x4b564d03
ELSEWHERE = 0x300000
TOO_HIGH = 1 << 47      # for the guest's page tables


def behind(m, value):
    """Move KVM's cache of clock0 there, or switch it off."""
    r = m.cmd(f"guest 0 wrmsr {OLD_MSR:#x} {value:#x}")
    if not r["ok"]:
        raise lib.Skip("this KVM has no MSR 0x12: " + r["error"]["message"])


def elsewhere(r, where, gpa):
    assert r["elsewhere"] == {"where": where, "gpa": hex(gpa)}, r
    assert f"gpa {gpa:#x}" in r["why"], r


def start(lab, *args):
    """A machine, and whether the kernel's tracepoint can be read."""
    m = lab.plain(*args)
    status, out, _ = lab.run("probe")
    rows = [line.split() for line in out.splitlines() if " tracepoints " in line]
    assert len(rows) == 1 and rows[0][0] in ("yes", "no"), rows
    m.kernel_tells = rows[0][0] == "yes"
    return m


@pytest.mark.short
def test_fresh_clock_is_what_the_kernel_says_it_wrote(lab):
    m = start(lab, "--vcpus", "2")
    for name in ("clock0", "clock1"):
        for line in ("guest 0 nop", f"punch {name}"):
            m.ok(line)
            r = m.check(name)
            assert "elsewhere" not in r and "disagreement" not in r, r
            if m.kernel_tells:
                for field in ("version", "system_time", "tsc_timestamp"):
                    assert r["kernel"][field] == r["seen"][field], r
            else:
                assert "kernel" not in r, r


@pytest.mark.short
def test_stale_clock_is_found_where_kvm_wrote_it(lab):
    m = start(lab)
    behind(m, ELSEWHERE | 1)
    r = m.check("clock0", "stale")
    elsewhere(r, "memory", ELSEWHERE)
    assert "model: fresh; guest: stale" in r["disagreement"], r
    at = m.read(f"{ELSEWHERE:#x}", 32)
    assert int.from_bytes(at[16:24], "little") >= r["set"], (at, r)
    if m.kernel_tells:
        k = r["kernel"]
        assert k["system_time"] >= r["set"], r
        assert f"kernel: kvm:kvm_pvclock_update: version {k['version']}" in \
            r["disagreement"], r


def test_stale_clock_in_its_former_place_is_named_so(lab):
    m = start(lab)
    home = int(m.page("clock0")["gpa"], 16)
    m.ok(f"pv clock0 move {ELSEWHERE}")
    behind(m, home | 1)
    elsewhere(m.check("clock0", "stale"), "former", home)
    m.ok(f"pv clock0 move {ELSEWHERE}")
    m.check("clock0")


def test_stale_clock_in_the_place_of_another_is_named_so(lab):
    m = start(lab, "--vcpus", "2", "--pv-layout", "packed")
    other = int(m.page("clock1")["gpa"], 16)
    m.ok("pv clock1 off")
    behind(m, other | 1)
    elsewhere(m.check("clock0", "stale"), "clock1", other)
    # KVM writes there for another cache as well: the writer cannot be
    # identified.
    m.ok("pv clock1 on")
    assert "elsewhere" not in m.check("clock0", "stale")
    m.check("clock1")


def test_clock_that_was_not_poked_is_stale_and_nowhere_else(lab):
    m = start(lab)
    behind(m, 0)
    r = m.check("clock0", "stale")
    assert "elsewhere" not in r and "kernel" not in r, r
    assert "model: fresh; guest: stale" in r["disagreement"], r
    if m.kernel_tells:
        assert "kernel: kvm:kvm_pvclock_update was not hit" in \
            r["disagreement"], r


def test_punched_clock_that_kvm_does_not_write_reads_as_zeros(lab):
    m = start(lab)
    behind(m, 0)
    m.ok("punch clock0")
    assert "zeros" in m.check("clock0", "stale")["why"]


@pytest.mark.short
def test_clock_whose_version_the_guest_made_odd_is_torn(lab):
    m = start(lab)
    m.ok("guest 0 write clock0 3 4")
    m.check("clock0")   # KVM makes it even
    behind(m, ELSEWHERE | 1)
    m.ok("guest 0 write clock0 3 4")
    r = m.check("clock0", "torn")
    elsewhere(r, "memory", ELSEWHERE)
    assert "model: fresh; guest: torn" in r["disagreement"], r


def test_steal_version_is_the_guests_own_counted_on(lab):
    m = start(lab)
    seen = set()
    for _ in range(5):
        r = m.check("steal0")
        up = (r["seen"]["version"] - r["left"]) % (1 << 32)
        assert up >= 2 and up % 2 == 0, r
        assert r["left"] not in seen and r["left"] % 2 == 0, r
        seen.add(r["left"])
    # KVM treats an odd one as junk, and continues from the next.
    m.ok("guest 0 write steal0 0")
    m.ok(f"guest 0 write {int(m.page('steal0')['gpa'], 16) + 8} 0x1235 4")
    m.check("steal0")


def test_page_that_is_off_or_has_no_slot_is_absent(lab):
    m = start(lab, "--slot", "0,32M", "--slot", "32M,8M,file=1")
    m.ok("pv clock0 off")
    assert "is off" in m.check("clock0", "absent")["why"]
    m.ok("pv steal0 move 0x2100000")
    m.check("steal0")
    m.ok("slot delete 1")
    r = m.check("steal0", "absent")
    assert "no slot" in r["why"] and "elsewhere" not in r, r


def test_closed_file_is_absent(lab):
    lab.need_mode("gmem")
    m = start(lab, "--slot", "0,32M", "--slot", "32M,8M,file=1")
    m.ok("pv clock0 move 0x2100000")
    m.check("clock0")
    m.ok("slot close 1")
    r = m.check("clock0", "absent")
    assert r["why"] and r["expected"] == "absent", r
    assert "elsewhere" not in r and "disagreement" not in r, r


def test_page_that_the_guest_cannot_map_is_unsupported(lab):
    m = start(lab, "--no-guard")
    m.ok(f"guest 0 wrmsr {CLOCK_MSR:#x} {TOO_HIGH | 1:#x}")
    r = m.check("clock0", "unsupported")
    assert "disagreement" not in r and "status" in r["why"], r
    m.ok(f"guest 0 wrmsr {STEAL_MSR:#x} {TOO_HIGH | 1:#x}")
    m.check("steal0", "unsupported")


def test_without_rights_there_is_no_kernel_to_ask(lab):
    own, device, user = lab.nobody()
    m = lab.machine("--memory", "anon", *device, path=own + "/control", **user)
    r = m.check("clock0")
    assert "kernel" not in r and "disagreement" not in r, r
