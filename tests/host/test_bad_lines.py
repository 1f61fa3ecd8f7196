# SPDX-License-Identifier: GPL-2.0-only
"""Lines that are not requests: length, bytes, quotes, ends; and garbage."""
import random

import pytest

import lib


@pytest.mark.short
def test_a_line_of_4096_bytes_runs_and_one_of_4097_is_refused(lab):
    m = lab.plain()
    assert m.ok("help".ljust(4096))["cmd"] == "help"
    e = m.fails("help".ljust(4097), "usage", "4096")
    assert e["errno"] is None
    # 4096 bytes, not characters.
    m.fails("help " + "\u00e9" * 2046, "usage", "4096")
    m.fails("x" * 4096, "usage", "unknown command")
    m.healthy()


def test_a_line_of_a_megabyte_gets_one_failure_and_the_next_line_runs(lab):
    m = lab.plain()
    for size in 16383, 16384, 16385, 1 << 20:
        m.client.send(b"quit " + b"9" * size + b"\nstatus\n")
        r = m.client.reply()
        assert not r["ok"] and "4096" in r["error"]["message"], r
        assert r["cmd"] is None, r
        assert m.client.reply()["cmd"] == "status", size
    m.healthy()


def test_the_end_of_a_long_line_is_not_run_as_a_request(lab):
    m = lab.plain()
    pads = [*range(4091, 4110), *range(16370, 16390)]
    for pad in pads:
        m.client.send(b" " * pad + b"quit 1\n")
    for pad in pads:
        r = m.client.reply()
        assert not r["ok"] and r["cmd"] is None, (pad, r)
    m.healthy()


def test_nul_and_invalid_utf8_are_refused_and_not_run(lab):
    m = lab.plain()
    for line in (b"quit\0", b"\0quit", b"quit 1\0", b"\0", b"quit 1 \0 x"):
        m.client.send(line + b"\n")
        r = m.client.reply()
        assert not r["ok"] and r["error"]["kind"] == "usage", (line, r)
        assert "NUL" in r["error"]["message"], (line, r)
    for bad in (b"\x80", b"\xff", b"\xfe", b"\xc0\xaf", b"\xc1\xbf",
                b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf0\x80\x80\x80",
                b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xc3",
                b"\xe2\x82", b"\xf0\x9f\x98", b"\xc3("):
        m.client.send(b"quit " + bad + b"\n")
        r = m.client.reply()
        assert not r["ok"] and "UTF-8" in r["error"]["message"], (bad, r)
    m.healthy()


def test_a_line_may_end_in_cr_lf_and_in_no_other_odd_way(lab):
    m = lab.plain()
    m.client.send(b"status\r\npunch 8M\r\n")
    assert m.client.reply()["ok"] and m.client.reply()["gpa"] == "0x800000"
    for line in b"status\r\r", b"\rstatus", b"punch\r8M", b"status\x0b", \
            b"status\x0c", b"status\x1a", b"status;", b"\xef\xbb\xbfstatus", \
            b"\r":
        m.client.send(line + b"\n")
        r = m.client.reply()
        assert not r["ok"] and r["error"]["kind"] == "usage", (line, r)
    m.healthy()


def test_quotes_that_do_not_close_are_refused(lab):
    m = lab.plain()
    for line in '"', '"quit', 'quit "', 'quit "1', '"quit\\"', 'quit "1\\', \
            'qu"it', '"quit"1', 'quit "1"2', '""quit', 'quit 1"', '"""':
        m.fails(line, "usage")
    m.fails('""', "usage")
    m.healthy()


@pytest.mark.short
def test_half_a_line_and_a_hang_up_is_not_run(lab):
    m = lab.plain()
    before = m.fds()
    for part in b"quit 5", b"quit", b"punch 8M 4K", b"\0", b"x" * 5000:
        c = m.connect()
        c.send(part)
        c.close()
    for part in b"punch 9M\nquit 5", b"nonsense\nquit":
        c = m.connect()
        c.send(part)
        c.close()
    lib.eventually("all hang-ups seen", lambda: m.fds() == before)
    log = m.ok("log 1024")["events"]
    assert not any("quit" in e["text"] for e in log), log
    m.healthy()


@pytest.mark.short
def test_half_a_line_and_a_half_close_gets_a_failure_and_is_not_run(lab):
    m = lab.plain()
    for part in b"quit 5", b"quit", b"punch 8M", b"\xff", b"x" * 4096:
        c = m.connect()
        c.send(b"status\n" + part)
        c.half_close()
        assert c.reply()["cmd"] == "status", part
        r = c.reply()
        assert not r["ok"] and r["error"]["kind"] == "usage", (part, r)
        assert "not run" in r["error"]["message"], (part, r)
        assert c.line() is None, part
        c.close()
    # Complete lines before the half-close get replies, including slow ones.
    c = m.connect()
    c.send(b"guest 0 hash 8M 256K\nguest 0 nop\nstatus\n")
    c.half_close()
    assert [c.reply()["cmd"] for _ in range(3)] == ["guest", "guest", "status"]
    assert c.line() is None
    c.close()
    # An empty connection is not reported.
    c = m.connect()
    c.half_close()
    assert c.line() is None
    c.close()
    m.healthy()


# Not sent: quit ends the machine, poison takes a page from the host, record
# may write files.
FORBIDDEN = {"quit", "poison", "record"}
NUMBERS = ["0", "1", "2", "7", "8", "4096", "4K", "0x800000", "8M", "9M",
           "0x801000", "63M", "64M", "1G", "0x4b564d01", "0x4b564d03", "0x10",
           "0x1b", "0xc0000080", "0x130001", "0xffffffffffffffff", "255"]
WORDS = ["private", "shared", "off", "on", "move", "delete", "restore", "pause",
         "resume", "regs", "pin", "all", "clock0", "clock1", "steal0",
         "steal1", "clock9", "plant", "check", "read", "write", '"', '""',
         '"a b"', "help", "stop"]


def garbage(rng):
    """Bytes without a newline."""
    return bytes(b for b in rng.randbytes(rng.randrange(40)) if b != 10)


def random_line(rng, commands, ops):
    kind = rng.random()
    if kind < 0.1:
        return garbage(rng)
    if kind < 0.4:
        words = ["guest", str(rng.randrange(3)), rng.choice(ops)]
    else:
        words = [rng.choice(commands)]
    for _ in range(rng.randrange(5)):
        words.append(rng.choice(rng.choice([NUMBERS, NUMBERS, WORDS, ops])))
    line = " ".join(words).encode()
    if kind > 0.9:
        at = rng.randrange(len(line))
        line = line[:at] + garbage(rng) + line[at + rng.randrange(3):]
    first = line.replace(b'"', b" ").split()[:1]
    return b"help" if first and first[0].decode(errors="replace") in \
        FORBIDDEN else line


def mend(m):
    """Undo valid effects of the garbage."""
    for v in m.ok("status")["vcpus"]:
        m.ok(f"vcpu {v['vcpu']} resume")
    for s in m.ok("status")["slots"][1:]:
        m.cmd(f"slot restore {s['slot']}")
    for p, gpa in zip(m.ok("gpc")["pages"], ("10M", "11M", "12M", "13M")):
        m.ok(f"pv {p['name']} move {gpa}")


def test_2000_lines_of_garbage_get_2000_replies(lab):
    for seed in range(2):
        rng = random.Random(seed)
        m = lab.plain("--vcpus", "2")
        commands = [row["name"] for row in m.ok("help")["commands"]
                    if row["name"] not in FORBIDDEN]
        ops = [row["name"] for row in m.ok("guest 0 help")["ops"]]
        lines = [random_line(rng, commands, ops) for _ in range(2000)]
        for i in range(0, len(lines), 50):
            part = lines[i:i + 50]
            m.client.send(b"".join(line + b"\n" for line in part))
            for line in part:
                r = m.client.reply()
                assert r is not None, f"seed {seed}: gpcvm hung up: {line}"
                assert r["ok"] is True or r["error"]["message"], (line, r)
        m.ok("subscribe off")
        mend(m)
        m.healthy()
        m.quit()
