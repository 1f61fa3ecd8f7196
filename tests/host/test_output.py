# SPDX-License-Identifier: GPL-2.0-only
"""stdout and stderr without a reader, and guests that print forever."""
import fcntl
import os
import select
import signal
import struct

import pytest

import lib
from hostile import DOORBELL, EXCEPTION, HALT, HERE, REPORT, SERIAL, \
    START_APS, TRIPLE_FAULT, forever, guest, mov, out

def full_pipe():
    """A full pipe: (read end, write end)."""
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
    while select.select([], [w], [], 0)[1]:
        os.write(w, b"x" * 4096)
    return r, w


class Deaf:
    """Files without a reader at the other end."""

    def __init__(self, *which):
        self.ends = {name: full_pipe() for name in which}
        self.kw = {name: w for name, (_, w) in self.ends.items()}

    def close(self):
        for r, w in self.ends.values():
            os.close(r)
            os.close(w)

    def read(self, name):
        """Everything that was written, after the writers are gone."""
        r, w = self.ends[name]
        os.close(w)
        text = b""
        while part := os.read(r, 65536):
            text += part
        os.close(r)
        del self.ends[name]
        return text


def writing(m):
    """Wait until all vCPUs wait for a reader: 256 KiB, one character an exit,
    takes a while."""
    lib.eventually("the guest waits", lambda: all(
        v["state"] == "writing" for v in m.ok("status")["vcpus"]),
        limit=10 * lib.LIMIT)


def ends(m, status):
    """It ends by itself, and leaves nothing behind."""
    assert m.proc.wait(lib.LIMIT) == status, m.proc.returncode
    assert not os.path.exists(m.path), "the socket is still there"


def deaf_machine(lab, which, code, vcpus=1, **kw):
    deaf = Deaf(*which)
    m = lab.machine("--memory", "anon", "--kernel", guest(lab, code),
                    "--vcpus", str(vcpus), **kw, **deaf.kw)
    return deaf, m


# ---- nobody reads -----------------------------------------------------------

SAY_EXCEPTION = mov("eax", EXCEPTION) + out(DOORBELL)
SAY_CHARACTER = mov("eax", ord("a")) + out(SERIAL, 1)


def test_exception_reports_to_a_stderr_that_nobody_reads_stop_nothing(lab):
    deaf, m = deaf_machine(lab, ["stderr"], forever(SAY_EXCEPTION))
    for _ in range(20):
        m.alive()
    m.ok("vcpu 0 regs")
    m.proc.send_signal(signal.SIGTERM)
    ends(m, 143)
    deaf.close()


@pytest.mark.alone     # KVM may log a triple fault
def test_a_triple_fault_with_full_pipes_ends_with_10(lab):
    for which in ["stderr"], ["stdout", "stderr"]:
        deaf, m = deaf_machine(lab, which, TRIPLE_FAULT, connect=False)
        ends(m, 10)
        deaf.close()


def test_a_console_that_nobody_reads_stops_nothing_but_its_vcpu(lab):
    deaf, m = deaf_machine(lab, ["stdout"], forever(SAY_CHARACTER))
    writing(m)
    exits = m.ok("status")["vcpus"][0]["exits"]
    m.ok("vcpu 0 regs")
    m.ok("vcpu 0 pause")
    m.ok("vcpu 0 resume")
    assert m.ok("status")["vcpus"][0]["exits"] == exits, "it ran on"
    m.client.send("quit 7\n")
    ends(m, 7)
    assert "bytes of guest output" in m.stderr(), m.stderr()
    deaf.close()


def test_many_vcpus_and_two_deaf_files_still_end(lab):
    # Each vCPU starts here by SIPI; all of them write.
    trampoline = bytes.fromhex("b041baf803eeebfa")  # 16-bit: mov al; dx; out
    code = b"".join(
        b"\xc6\x05" + struct.pack("<IB", 0x8000 + i, b)
        for i, b in enumerate(trampoline))
    for command in 0xc4500, 0xc4608:        # INIT and SIPI to all others
        code += b"\xc7\x05" + struct.pack("<II", 0xfee00300, command)
    code += forever(SAY_EXCEPTION + SAY_CHARACTER)
    deaf, m = deaf_machine(lab, ["stdout", "stderr"], code, vcpus=8)
    writing(m)
    m.proc.send_signal(signal.SIGINT)
    ends(m, 130)
    deaf.close()


def test_a_refused_start_with_a_full_stderr_ends(lab):
    deaf = Deaf("stderr")
    p = lab.spawn("run", "--memory", "anon", "--kernel",
                  guest(lab, HALT), "--control", "/nonexistent/x", **deaf.kw)
    assert p.wait(lib.LIMIT) == 1
    deaf.close()


# ---- somebody reads, late ---------------------------------------------------

def test_a_slow_reader_gets_all_of_the_console(lab):
    n = 300000  # more than the buffer and the pipe hold
    code = mov("ecx", n) + SAY_CHARACTER + b"\xe2\xf3"
    code += mov("eax", 0) + out(0xf4)
    deaf, m = deaf_machine(lab, ["stdout"], code)
    before = 4096
    writing(m)
    text = deaf.read("stdout")
    assert len(text) == before + n and text.count(b"a") == n, len(text)
    ends(m, 1)
    assert m.stderr() == "", m.stderr()


@pytest.mark.alone     # KVM may log a triple fault
def test_messages_and_console_on_one_file_keep_their_order(lab):
    code = mov("eax", ord("A")) + out(SERIAL, 1) + TRIPLE_FAULT
    r, w = os.pipe()
    m = lab.spawn("run", "--memory", "anon", "--kernel", guest(lab, code),
                  stdout=w, stderr=w)
    os.close(w)
    text = b""
    while part := os.read(r, 65536):
        text += part
    os.close(r)
    assert m.wait(lib.LIMIT) == 10
    assert text.index(b"A") < text.index(b"vCPU 0:\n"), text


# ---- a guest that talks -----------------------------------------------------

def floods():
    """Every way in which a guest can make gpcvm print something."""
    yield "exceptions", SAY_EXCEPTION
    yield "registers", mov("eax", 7) + out(DOORBELL)
    yield "reports", mov("ebx", 2) + mov("eax", REPORT) + out(DOORBELL)
    yield "unknown reports", mov("ebx", 99) + mov("eax", REPORT) + \
        out(DOORBELL)
    yield "unknown calls", mov("eax", 0x7777) + out(DOORBELL)
    yield "starts", mov("ebx", HERE) + mov("eax", START_APS) + out(DOORBELL)
    # A byte at every page of a gap of the map, round and round.
    yield "no slot", b"\x81\xc7\x00\x10\x00\x00" + \
        b"\x81\xe7\x00\xf0\xff\x0f" + b"\x8a\x87\x00\x00\x00\xc0"
    # Every port.
    yield "ports", b"\x89\xfa\xec\x66\x47\x66\x81\xff\x00\x20\x77\x05" + \
        b"\x66\xbf\x00\x20\x90"


def test_a_guest_that_never_stops_fills_neither_log_nor_disk(lab):
    for what, code in floods():
        m = lab.machine("--memory", "anon", "--vcpus", "2", "--kernel",
                        guest(lab, forever(code)))
        m.ok("help status")
        exits = m.ok("status")["vcpus"][0]["exits"]
        lib.eventually(f"many {what}", lambda: m.ok("status")["vcpus"][0]
                       ["exits"] > exits + 20000)
        s = m.ok("status")
        events = m.ok("log 1000")["events"]
        assert any(e["text"] == "help status" for e in events), \
            f"{what}: the guest flushed the log"
        guests = [e for e in events if e["event"] in ("guest", "exit")]
        assert len(guests) <= 512, (what, len(guests))
        # Missing messages are reported; a burst at first, then now and then.
        bursts = 1 + s["up_ns"] // 1_000_000_000
        assert s["events"] < 200 + 2 * 80 * bursts, (what, s["events"])
        assert what == "registers" or s["events_left_out"] > 10000, (what, s)
        m.quit()
        assert len(m.stderr()) < 20000, (what, len(m.stderr()))


def test_what_the_log_leaves_out_is_told_in_it(lab):
    m = lab.machine("--memory", "anon", "--kernel",
                    guest(lab, forever(SAY_EXCEPTION)))
    lib.eventually("a gap", lambda: any(
        "suppressed before" in e["text"] for e in m.ok("log 100")["events"]))
