# SPDX-License-Identifier: GPL-2.0-only
"""How a machine ends: status, reason, registers, socket, client."""
import os
import signal
import socket

import pytest

import lib

REGISTERS = ("rip", "rsp", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
             "r8", "r15", "cr2", "cr3")


def ended(m, status, *words):
    """Check how it ended, and that nothing is left."""
    assert m.wait() == status, (m.proc.returncode, m.stderr())
    assert not os.path.exists(m.path), "the socket is still there"
    for w in words:
        assert w in m.stderr(), f"no '{w}' on stderr: {m.stderr()}"
    with socket.socket(socket.AF_UNIX) as s:
        assert s.connect_ex(m.path), "somebody still listens"


def last_words(client):
    """Everything received until gpcvm hangs up."""
    lines = []
    while True:
        try:
            line = client.line()
        except ConnectionResetError:
            return lines  # data that it sent was not read
        if line is None:
            return lines
        lines.append(line)


# ---- the guest destroyed on purpose; these need --no-guard -----------------

def breakable(lab, **kw):
    return lab.plain("--no-guard", "--vcpus", "2", **kw)


def regs(m):
    """vCPU 0's registers, while its agent waits at the doorbell."""
    m.ok("guest 0 nop")
    return m.ok("vcpu 0 regs")


def prepare(m, code):
    """Write machine code (1, 2, 4 or 8 bytes) where vCPU 0's agent continues
    after the doorbell: the return address follows the words that db_call
    pushes (guest/doorbell.S)."""
    sp = int(regs(m)["rsp"], 16) + 16
    # Not through the agent, which would overwrite that part of its stack.
    at = int.from_bytes(bytes.fromhex(m.ok(f"mem {sp:#x} 8")["data"]),
                        "little")
    value = int.from_bytes(code, "little")
    m.ok(f"guest 0 write {at:#x} {value:#x} {len(code)}")


def plant(m, code):
    """Write it, and run it."""
    prepare(m, code)
    return m.cmd("guest 0 nop")


def triple_fault(m):
    """Without page tables there is no handler for the #PF either."""
    cr3 = regs(m)["cr3"]
    m.client.send(f"guest 0 fill {cr3} 4K 0\n")


@pytest.mark.alone
@pytest.mark.short
def test_triple_fault_ends_with_10_registers_and_the_reason(lab):
    m = breakable(lab)
    m.ok("guest 1 nop")
    triple_fault(m)
    r = m.client.reply()
    assert not r["ok"] and r["error"]["kind"] == "state", r
    assert last_words(m.client) == []
    ended(m, 10, "triple fault", "vCPU 0", *REGISTERS)


@pytest.mark.alone
def test_kvm_internal_error_ends_with_11_and_registers(lab):
    m = breakable(lab)
    r = plant(m, b"\xcc")  # int3
    assert not r["ok"], r
    m.wait()
    if m.proc.returncode == 13 and "#BP" in m.stderr():
        raise lib.Skip("this KVM runs int3, which was to be its error")
    ended(m, 11, "internal error", "suberror", "vCPU 0", *REGISTERS)


@pytest.mark.alone
def test_unexpected_exception_ends_with_13_its_name_and_registers(lab):
    m = breakable(lab)
    r = plant(m, b"\x0f\x0b")  # ud2
    assert not r["ok"] and r["error"]["kind"] == "state", r
    ended(m, 13, "#UD", "vCPU 0", *REGISTERS)


@pytest.mark.alone
def test_unexpected_page_fault_tells_the_address(lab):
    m = breakable(lab)
    # mov 0xfffffffffffff000, %rax
    r = plant(m, b"\x48\x8b\x04\x25\x00\xf0\xff\xff")
    assert not r["ok"], r
    ended(m, 13, "#PF", "fffffffffffff000", "vCPU 0", *REGISTERS)


@pytest.mark.alone
def test_exceptions_in_the_handler_end_with_13_or_10(lab):
    m = breakable(lab)
    # ud2 where db_call continues: the handler also goes through there.
    m.ok(f"guest 0 write {regs(m)['rip']} 0x0b0f 2")
    r = m.cmd("guest 0 nop")
    assert not r["ok"], r
    status = m.wait()
    assert status in (10, 13), (status, m.stderr())
    ended(m, status, "vCPU 0")


@pytest.mark.alone
def test_all_waiting_clients_are_answered_when_the_guest_dies(lab):
    m = breakable(lab)
    clients = [m.connect() for _ in range(10)]
    for n, c in enumerate(clients):
        c.send(f"guest {n % 2} hash 16M 16M\nstatus\nstatus\n")
    lib.eventually("all of them under way", lambda: sum(
        "hash" in e["text"] for e in m.ok("log 50")["events"]) == 10)
    # vCPU 1's agent is busy with 16M; vCPU 0's is told to stop first.
    for c in clients[::2]:
        c.close()
    triple_fault(m)
    r = m.client.reply()
    assert r is None or not r["ok"], r
    for c in clients[1::2]:
        lines = last_words(c)
        assert len(lines) <= 3, lines
        assert not lines or lines[0]["cmd"] == "guest", lines
        c.close()
    ended(m, 10)


# ---- ended by the user -----------------------------------------------------

@pytest.mark.short
def test_quit_ends_with_its_code(lab):
    for code in 0, 1, 10, 255:
        m = lab.plain("--vcpus", "2")
        c = m.connect()
        assert c.ok(f"quit {code}")["code"] == code
        assert c.line() is None and m.client.line() is None, "not hung up"
        ended(m, code)
    m = lab.plain()
    m.ok("quit")
    ended(m, 0)


def test_quit_with_more_than_255_is_refused(lab):
    m = lab.plain()
    m.fails("quit 256", "range", "256")
    m.fails("quit 0x100000000", "range")
    m.fails("quit -1", "usage")
    m.healthy()


def test_requests_behind_quit_are_not_run(lab):
    m = lab.plain()
    m.client.send("status\nquit 3\nquit 4\nstatus\n")
    lines = last_words(m.client)
    assert [line["cmd"] for line in lines] == ["status", "quit"], lines
    ended(m, 3)


@pytest.mark.short
def test_signals_end_with_128_and_their_number(lab):
    for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        m = lab.plain("--vcpus", "2")
        m.alive()
        m.proc.send_signal(sig)
        assert last_words(m.client) == []
        ended(m, 128 + sig)


def test_signals_end_a_busy_machine(lab):
    for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        m = lab.plain("--vcpus", "2")
        clients = [m.connect() for _ in range(4)]
        for n, c in enumerate(clients):
            c.send(f"subscribe\nguest {n % 2} hash 8M 32M\n")
        m.ok("vcpu 1 pause")
        m.proc.send_signal(sig)
        for c in clients:
            last_words(c)
            c.close()
        ended(m, 128 + sig)


def test_signals_that_are_none_of_its_business_do_no_harm(lab):
    m = lab.plain("--vcpus", "2")
    for sig in signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH, \
            signal.SIGCONT, signal.SIGURG:
        m.proc.send_signal(sig)
        m.healthy()


@pytest.mark.short
def test_hello_prints_and_ends_with_0(lab):
    lab.need_kvm()
    for n in "1", "3":
        status, out, err = lab.run("run", "--memory", lab.mode(), "--guest",
                                   "hello", "--vcpus", n, "--quiet")
        assert status == 0 and err == "", (status, err)
        assert out.startswith("Hello") and out.endswith("\n"), out
        assert f"{n} vCPU" in out, out
    m = lab.plain("--guest", "hello", connect=False)
    ended(m, 0)


def test_the_path_is_free_when_quit_is_answered(lab):
    """A script starts the next machine there while this one still ends."""
    for _ in range(5):
        m = lab.plain()
        m.ok("quit")
        assert not os.path.lexists(m.path)
        assert m.wait() == 0, m.stderr()


# ---- standard files ---------------------------------------------------------

def test_a_stdout_that_takes_nothing_does_not_hang_or_kill_the_machine(lab):
    lab.need_kvm()
    args = "run", "--memory", lab.mode(), "--guest", "hello", "--quiet"
    with open("/dev/full", "wb") as full:
        assert lab.spawn(*args, stdout=full).wait(lib.LIMIT) in (0, 1)
    r, w = os.pipe()
    os.close(r)  # no reader: EPIPE, and SIGPIPE unless ignored
    try:
        assert lab.spawn(*args, stdout=w).wait(lib.LIMIT) in (0, 1)
    finally:
        os.close(w)


def close_files(fds):
    def close():
        for fd in fds:
            os.close(fd)
    return close


def test_closed_standard_files_do_not_become_the_machines(lab):
    for closed in (1,), (2,), (0,), (0, 1, 2):
        m = lab.plain("--guest", "clockwatch", preexec_fn=close_files(closed))
        m.alive()
        for fd in closed:
            try:
                to = os.readlink(f"/proc/{m.proc.pid}/fd/{fd}")
            except FileNotFoundError:
                continue
            assert to == "/dev/null", f"{fd} is {to}: prints would go there"
        m.quit()


def test_a_closed_stdin_does_not_keep_the_machine_from_starting(lab):
    m = lab.plain(preexec_fn=close_files((0,)))
    m.healthy()
    m.quit()
