# SPDX-License-Identifier: GPL-2.0-only
"""The protocol: the shape of replies, their order, help, several clients."""
import re

import pytest

import lib

KINDS = {"usage", "range", "state", "unsupported", "kvm", "os"}
COMMANDS = {
    "help", "status", "caps", "gpc", "punch", "allocate", "attr", "prefault",
    "poison", "slot", "pv", "poke", "check", "guest", "vcpu", "mem", "leak",
    "delay", "storm", "record", "log", "subscribe", "quit",
}
OPS = {"read", "write", "fill", "hash", "rdmsr", "wrmsr", "hypercall",
       "canary", "convert", "touch", "halt"}

# Fields with addresses or 64-bit words.
HEX = {"gpa", "gfn", "hva", "value", "msr", "hash", "own_end", "rip", "rsp",
       "rflags", "rax", "rbx", "rcx", "rdx", "cr0", "cr2", "cr3", "cr4",
       "efer", "gmem_flags", "ret", "pfn"}

# At least one request for each command, in this order on one machine.
REQUESTS = [
    "help", "help punch", "help nonsense", "status", "caps", "gpc",
    "punch 8M", "punch 8M 64K", "punch 0", "punch 8M 1", "punch clock0",
    "allocate 8M 64K", "attr 8M private", "attr 8M sideways",
    "prefault 0 8M", "prefault 9 8M", "poison 0", "poison 1",
    "slot delete 0", "slot move 1 1", "slot wave 1",
    "pv clock0 off", "pv clock0 on", "pv clock0 move 9M", "pv clock9 on",
    "poke clock0", "poke steal0", "poke nothing", "check clock0",
    "check all", "check nothing",
    "guest 0 help", "guest 0 write 8M 0xffffffffffffffff",
    "guest 0 read 8M", "guest 0 read clock0", "guest 0 fill 8M 4K 7",
    "guest 0 hash 8M 4K", "guest 0 touch 8M 64K write",
    "guest 0 canary 8M plant", "guest 0 canary 8M check",
    "guest 0 convert 8M shared", "guest 0 rdmsr 0x4b564d01",
    "guest 0 rdmsr 0xdeadbeef", "guest 0 wrmsr 0x4b564d03 0",
    "guest 0 hypercall 1", "guest 0 nop", "guest 0 halt", "guest 0 nonsense",
    "vcpu 0 regs", "vcpu 0 pause", "guest 0 nop", "vcpu 0 resume",
    "vcpu 0 pin 99999", "vcpu 9 regs", "mem 8M", "mem 8M 4096", "mem 8M 0",
    "leak 8M", "leak all", "leak clock0 off", "delay", "delay all 0",
    "delay all x", "storm", "record stop", "log", "log 5", "log 0",
    "subscribe", "subscribe off", "subscribe on", "quit 256", "quit x",
]


def check_values(value, key=None):
    """Counts are not negative; addresses are hex."""
    if isinstance(value, dict):
        for k, v in value.items():
            check_values(v, k)
    elif isinstance(value, list):
        for v in value:
            check_values(v, key)
    elif key in HEX and value is not None:
        assert isinstance(value, str), f"{key} is {value!r}"
        if key == "pfn" and not value.startswith("0x"):
            return  # it says why it is unknown
        if key == "value" and not value.startswith("0x"):
            return  # caps: the value of a row is text
        assert re.fullmatch("0x(0|[1-9a-f][0-9a-f]*)", value), (key, value)


def check_shape(reply, word):
    assert reply["cmd"] == word, reply
    first = list(reply)[:2]
    assert first == ["ok", "cmd"], f"the order of fields: {reply}"
    if reply["ok"] is True:
        assert isinstance(reply["ns"], int) and reply["ns"] >= 0, reply
        assert "error" not in reply, reply
        check_values({k: v for k, v in reply.items() if k != "rows"})
        return
    assert reply["ok"] is False and set(reply) == {"ok", "cmd", "error"}, reply
    e = reply["error"]
    assert set(e) == {"kind", "errno", "message"}, reply
    assert e["kind"] in KINDS, reply
    assert e["errno"] is None or re.fullmatch("E[A-Z0-9]+", e["errno"]), reply
    assert isinstance(e["message"], str) and len(e["message"]) > 8, reply


@pytest.mark.short
def test_a_reply_of_every_command_has_the_shape_of_the_protocol(lab):
    m = lab.plain()
    words = {request.split()[0] for request in REQUESTS}
    listed = {row["name"] for row in m.ok("help")["commands"]}
    assert words == listed, f"REQUESTS and help differ: {words ^ listed}"
    for request in REQUESTS:
        check_shape(m.cmd(request), request.split()[0])
    m.quit(3)


def test_a_line_without_a_command_is_answered_with_null(lab):
    m = lab.plain()
    for line in "", "   ", '"open', 'a"b', "help\0", "x" * 5000:
        r = m.cmd(line)
        check_shape(r, None)
        assert r["error"]["kind"] == "usage", r
    r = m.cmd("frobnicate 1 2")
    check_shape(r, "frobnicate")
    m.healthy()


@pytest.mark.short
def test_help_lists_every_command_and_explains_each(lab):
    m = lab.plain()
    rows = m.ok("help")["commands"]
    names = [row["name"] for row in rows]
    assert set(names) == COMMANDS, set(names) ^ COMMANDS
    assert len(names) == len(set(names)), names
    for row in rows:
        assert row["help"] and isinstance(row["args"], str), row
        one = m.ok("help " + row["name"])
        for field in "name", "args", "help":
            assert one[field] == row[field], (one, row)
    m.fails("help frobnicate", "range", "frobnicate", "help")


def test_guest_help_lists_every_operation(lab):
    m = lab.plain()
    rows = m.ok("guest 0 help")["ops"]
    names = {row["name"] for row in rows}
    assert OPS <= names, OPS - names
    for row in rows:
        assert row["help"], row


def test_numbers_come_with_suffixes_in_hex_and_in_quotes(lab):
    m = lab.plain()
    for text in "8388608", "0x800000", "8192K", "8192k", "8M", "8m", \
            "0x8M", '"8M"', "0X800000":
        r = m.ok(f"punch {text}")
        assert r["gpa"] == "0x800000", (text, r)
    assert m.ok("punch 8M\t 4K  ")["len"] == "0x1000"
    # A pv page's name stands for its gpa.
    gpa = {p["name"]: p["gpa"] for p in m.ok("gpc")["pages"]}
    assert m.ok("mem clock0")["gpa"] == gpa["clock0"]
    assert m.ok("punch steal0")["gpa"] == gpa["steal0"]


@pytest.mark.short
def test_10000_requests_in_one_write_are_answered_in_order(lab):
    m = lab.plain()
    lines = []
    for i in range(2500):
        lines += [f"punch {0x800000 + i * 4096:#x}", f"punch {i * 2 + 1}",
                  f"mem {0x800000 + i:#x} 1", f"word{i}"]
    replies = m.client.pipeline(lines)
    for i in range(2500):
        a, b, c, d = replies[4 * i:4 * i + 4]
        assert a["ok"] and a["gpa"] == hex(0x800000 + i * 4096), (i, a)
        assert not b["ok"] and hex(i * 2 + 1) in b["error"]["message"], (i, b)
        assert c["ok"] and c["gpa"] == hex(0x800000 + i), (i, c)
        assert not d["ok"] and d["cmd"] == f"word{i}", (i, d)
    m.healthy()


def test_replies_stay_in_order_behind_slow_guest_operations(lab):
    m = lab.plain("--vcpus", "2")
    lines = []
    for i in range(10):
        lines += ["guest 0 hash 8M 64K", f"word{i}", "guest 1 nop",
                  f"punch {0x800000 + i * 4096:#x}", "check all", "status"]
    replies = m.client.pipeline(lines)
    for line, r in zip(lines, replies):
        assert r["cmd"] == line.split()[0], (line, r)
    assert [r["gpa"] for r in replies if r["cmd"] == "punch"] == \
        [hex(0x800000 + i * 4096) for i in range(10)]
    # A request after an operation sees its effect.
    replies = m.client.pipeline(["guest 0 fill 9M 4K 0xa5", "mem 9M 1",
                                 "punch 9M", "guest 0 read 9M 1"])
    assert replies[1]["data"] == "a5" and replies[3]["data"] == "00", replies


def test_clients_that_send_in_pieces_get_their_own_replies(lab):
    m = lab.plain("--vcpus", "2")
    clients = [m.connect() for _ in range(20)]
    data = []
    for n, _ in enumerate(clients):
        lines = [f"mem {0x800000 + n * 65536 + i:#x} 1\nguest {n % 2} nop\n"
                 for i in range(20)]
        data.append("".join(lines).encode())
    at = 0
    while any(at < len(d) for d in data):
        for c, d in zip(clients, data):
            c.send(d[at:at + 7])
        at += 7
    for n, c in enumerate(clients):
        for i in range(20):
            r = c.reply()
            assert r["ok"] and r["gpa"] == hex(0x800000 + n * 65536 + i), r
            r = c.reply()
            assert r["ok"] and r["vcpu"] == n % 2, r
    for c in clients:
        c.close()
    m.healthy()


def test_a_slow_guest_operation_does_not_hold_up_another_client(lab):
    m = lab.plain("--vcpus", "2")
    slow = m.connect()
    # Far more than the guest completes while the other client is served.
    slow.send("guest 0 hash 16M 16M\n" * 200)
    lib.eventually("the operation in the log", lambda: any(
        "hash 16M" in e["text"] for e in m.ok("log 5")["events"]))
    for i in range(100):
        assert m.ok(f"punch {0x800000 + i * 4096:#x}")["ns"] >= 0
        m.ok("status")
        m.ok("guest 1 nop")
    slow.sock.setblocking(False)
    done = 0
    try:
        while chunk := slow.sock.recv(65536):
            done += chunk.count(b"\n")
    except BlockingIOError:
        pass
    assert done < 200, "punch and status had to wait for the guest"
    slow.close()
    m.healthy()
