# SPDX-License-Identifier: GPL-2.0-only
"""The guest's memory as guest and host see it: writes, punches, canaries."""
import pytest

import lib

FREE = 0x2000000        # 32M: nobody's, with the default layout
PAGE = 0x1000


def both(fn):
    """fn(m) in both memory modes."""
    def make(mode):
        def test(lab):
            lab.need_mode(mode)
            fn(lab.machine("--memory", mode, "--vcpus", "2"))
        return test
    for mode in ("anon", "gmem"):
        globals()[f"test_{mode}_{fn.__name__}"] = make(mode)
    return fn


def mem(m, gpa, length=64):
    """Read as the host -> bytes, resident pages."""
    r = m.ok(f"mem {gpa:#x} {length}")
    return bytes.fromhex(r["data"]), r["resident"]


@both
def guest_reads_what_it_wrote_in_every_size(m):
    for size in (1, 2, 4, 8):
        for at in (0, 1, 3, PAGE - 1):     # unaligned, and across pages
            value = 0x1122334455667788 & (1 << 8 * size) - 1
            m.ok(f"guest 0 fill {FREE + at - 1:#x} 10 0")
            m.ok(f"guest 0 write {FREE + at:#x} {value:#x} {size}")
            want = b"\0" + value.to_bytes(size, "little") + bytes(9 - size)
            assert m.read(f"{FREE + at - 1:#x}", 10) == want, (size, at)
            r = m.ok(f"guest 1 read {FREE + at:#x} {size}")
            assert int(r["value"], 16) == value, r
    m.fails(f"guest 0 write {FREE:#x} 256 1", "range", "0x100")
    m.fails(f"guest 0 write {FREE:#x} 0 3", "range", "3")


@both
def long_reads_are_whole(m):
    pattern = bytes(i * 7 & 0xff for i in range(256))
    for i in range(0, 256, 8):
        word = int.from_bytes(pattern[i:i + 8], "little")
        m.ok(f"guest 0 write {FREE + PAGE - 100 + i:#x} {word:#x}")
    for start, length in ((0, 256), (1, 255), (3, 56), (5, 57), (7, 113)):
        got = m.read(f"{FREE + PAGE - 100 + start:#x}", length)
        assert got == pattern[start:start + length], (start, length)
    assert len(m.read(f"{FREE:#x}", 4096)) == 4096
    m.fails(f"guest 0 read {FREE:#x} 4097", "range", "4097")


@both
def host_sees_what_the_guest_wrote(m):
    m.ok(f"guest 0 write {FREE + 8:#x} 0x0123456789abcdef")
    data, resident = mem(m, FREE, 16)
    assert data == bytes(8) + 0x0123456789abcdef.to_bytes(8, "little"), data
    assert resident == 1
    m.ok(f"guest 0 fill {FREE + PAGE - 2:#x} 4 0xee")
    data, resident = mem(m, FREE + PAGE - 4, 8)
    assert data == b"\0\0\xee\xee\xee\xee\0\0", data
    assert resident == 2


@both
def fill_reaches_every_byte_and_no_other(m):
    m.ok(f"guest 0 fill {FREE:#x} {3 * PAGE} 0x11")
    m.ok(f"guest 1 fill {FREE + 5:#x} {2 * PAGE + 1} 0x22")
    whole = b"".join(m.read(f"{FREE + i * PAGE:#x}", PAGE) for i in range(3))
    assert whole == b"\x11" * 5 + b"\x22" * (2 * PAGE + 1) + \
        b"\x11" * (PAGE - 6)
    m.fails(f"guest 0 fill {FREE:#x} 8 256", "range", "256")
    m.fails(f"guest 0 fill {FREE:#x} 0 1", "range")


@both
def hash_is_fnv1a_over_words(m):
    size = 72 * 1024        # more than one operation of the agent covers
    m.ok(f"guest 0 fill {FREE:#x} {size} 0x5a")
    m.ok(f"guest 0 write {FREE + size - 8:#x} 0xfedcba9876543210")
    data = b"\x5a" * (size - 8) + 0xfedcba9876543210.to_bytes(8, "little")
    h = m.ok(f"guest 0 hash {FREE:#x} {size}")["hash"]
    assert int(h, 16) == lib.fnv1a(data), h
    h = m.ok(f"guest 1 hash {FREE + size - 24:#x} 24")["hash"]
    assert int(h, 16) == lib.fnv1a(data[-24:]), h
    m.fails(f"guest 0 hash {FREE:#x} 12", "range", "8")


@both
def touch_brings_in_one_page_after_the_other(m):
    m.ok(f"punch {FREE:#x} {8 * PAGE}")
    r = m.ok(f"guest 0 touch {FREE + PAGE - 1:#x} 2 write")
    assert r["pages"] == 2, r
    assert [mem(m, FREE + i * PAGE)[1] for i in range(4)] == [1, 1, 0, 0]
    assert m.ok(f"guest 0 touch {FREE:#x}")["pages"] == 1
    m.ok(f"guest 0 fill {FREE:#x} {8 * PAGE} 0x77")
    r = m.ok(f"guest 1 touch {FREE:#x} {8 * PAGE} write")
    assert r["pages"] == 8, r
    r = m.ok(f"guest 1 touch {FREE:#x} {8 * PAGE} read")
    assert r["pages"] == 8, r
    assert m.read(f"{FREE + PAGE:#x}", 16) == b"\x77" * 16
    m.fails(f"guest 0 touch {FREE:#x} 1 sideways", "usage", "sideways")


@both
def punch_gives_the_page_back_and_looking_does_not_bring_it_in(m):
    m.ok(f"guest 0 fill {FREE:#x} {3 * PAGE} 0x33")
    m.ok(f"punch {FREE + PAGE:#x}")
    for _ in range(3):
        assert mem(m, FREE + PAGE) == (bytes(64), 0)
    assert mem(m, FREE) == (b"\x33" * 64, 1)
    assert mem(m, FREE + 2 * PAGE) == (b"\x33" * 64, 1)
    assert mem(m, FREE + PAGE - 8, 16) == (b"\x33" * 8 + bytes(8), 1)
    assert m.read(f"{FREE + PAGE:#x}", PAGE) == bytes(PAGE)
    assert mem(m, FREE + PAGE) == (bytes(64), 1), "the guest's read did not"


@both
def mem_shows_what_allocate_brought_in(m):
    m.ok(f"punch {FREE:#x} {4 * PAGE}")
    m.ok(f"allocate {FREE:#x} {4 * PAGE}")
    assert [mem(m, FREE + i * PAGE)[1] for i in range(4)] == [1] * 4
    m.ok(f"punch {FREE:#x} {4 * PAGE}")
    assert [mem(m, FREE + i * PAGE)[1] for i in range(4)] == [0] * 4


@both
def allocate_keeps_what_is_there_and_adds_zeros(m):
    m.ok(f"punch {FREE:#x} {4 * PAGE}")
    m.ok(f"guest 0 fill {FREE + PAGE:#x} 8 0x44")
    m.ok(f"allocate {FREE:#x} {4 * PAGE}")
    for i in range(4):
        want = b"\x44" * 8 if i == 1 else bytes(8)
        assert mem(m, FREE + i * PAGE, 8)[0] == want, i
        assert m.read(f"{FREE + i * PAGE:#x}") == want, i
        assert mem(m, FREE + i * PAGE, 8) == (want, 1), i


def canary(m, what, vcpu=0):
    return m.ok(f"guest {vcpu} canary {FREE:#x} {what}")


@both
def canary_tells_intact_punched_and_changed_apart(m):
    assert canary(m, "check")["state"] == "not planted"
    assert canary(m, "plant")["state"] == "planted"
    assert canary(m, "check")["state"] == "intact"
    assert canary(m, "check", 1)["state"] == "not planted"
    assert any(m.read(f"{FREE:#x}", 64))
    m.ok(f"punch {FREE:#x}")
    assert canary(m, "check")["state"] == "zeros"
    canary(m, "plant")
    word = int.from_bytes(m.read(f"{FREE + 0xab8:#x}"), "little")
    m.ok(f"guest 1 write {FREE + 0xab8:#x} {word ^ 1:#x}")
    r = canary(m, "check")
    assert r["state"] == "changed", r
    assert int(r["offset"], 16) == 0xab8, r
    m.ok(f"guest 1 write {FREE + 0xab8:#x} {word:#x}")
    assert canary(m, "check")["state"] == "intact"


@both
def canaries_of_two_vcpus_are_not_the_same(m):
    canary(m, "plant", 0)
    first = m.read(f"{FREE:#x}", 64)
    canary(m, "plant", 1)
    assert m.read(f"{FREE:#x}", 64) != first
    assert canary(m, "check", 0)["state"] == "changed"
    assert canary(m, "check", 1)["state"] == "intact"


# ---- the guest's own memory -----------------------------------------------

OWN = (
    "punch 0x100000", "punch 0 4K", "guest 0 fill 0x100000 8 0",
    "guest 0 write 0x100000 0", "guest 0 touch 0x100000 write",
    "guest 0 canary 0x100000 plant", "slot delete 0", "slot move 0 8G",
    "poison 0x100000", "pv clock0 move 0x100000", "pv steal0 move 0x100000",
    "guest 0 wrmsr 0x4b564d01 0x100001", "guest 0 wrmsr 0x12 0x100001",
    "guest 0 wrmsr 0x4b564d03 0x100001", "guest 0 wrmsr 0x4b564d00 0x100000",
    "guest 0 wrmsr 0x11 0x100000", "guest 0 wrmsr 0x4b564d04 0x100001",
    "guest 0 wrmsr 0xc0000080 0", "guest 0 wrmsr 0x4b564d02 0x2000001",
    "guest 0 hypercall 9 0x100000",
)


@both
def own_memory_of_the_guest_is_guarded(m):
    assert m.ok("status")["guard"] is True
    end = int(m.ok("status")["own_end"], 16)
    for line in OWN:
        m.fails(line, "state", "--no-guard")
    m.fails(f"punch {end - PAGE:#x} {2 * PAGE}", "state", "--no-guard")
    m.ok(f"guest 0 read {0x100000:#x} 64")      # reading is allowed
    m.ok(f"guest 0 hash {0x100000:#x} 64")
    m.ok(f"guest 0 touch {0x100000:#x} read")
    m.ok(f"punch {end:#x}")
    m.check("all")


def no_guard(lab, mode):
    """The unused page at 0x3000 is below own_end, but nothing needs it."""
    lab.need_mode(mode)
    m = lab.machine("--memory", mode, "--no-guard")
    assert m.ok("status")["guard"] is False
    m.ok("guest 0 fill 0x3000 4K 0x66")
    assert m.read("0x3000", 8) == b"\x66" * 8
    m.ok("punch 0x3000")
    assert m.read("0x3000", 8) == bytes(8)
    m.ok("guest 0 canary 0x3000 plant")
    m.ok("pv clock0 move 0x3000")
    m.check("clock0")
    m.ok("guest 0 wrmsr 0x4b564d01 0x3021")
    m.check("clock0")
    m.ok("guest 0 wrmsr 0x4b564d03 0x3041")
    m.check("all")


def test_anon_no_guard_lets_commands_into_low_memory(lab):
    no_guard(lab, "anon")


def test_gmem_no_guard_lets_commands_into_low_memory(lab):
    no_guard(lab, "gmem")


@pytest.mark.alone
def test_no_guard_deletes_slot_0_and_gpcvm_says_how_the_guest_died(lab):
    m = lab.machine("--memory", "anon", "--no-guard")
    m.ok("guest 0 nop")
    m.ok("slot delete 0")
    m.client.send("guest 0 nop\n")      # its reply may no longer arrive
    status = m.wait()
    assert status in (10, 11, 12, 13), (status, m.stderr())
    assert "vCPU 0" in m.stderr(), m.stderr()


pytest.mark.short(globals()["test_gmem_"
                    "punch_gives_the_page_back_and_looking_does_not_bring_it_in"
                    ])
pytest.mark.short(globals()["test_gmem_own_memory_of_the_guest_is_guarded"])
