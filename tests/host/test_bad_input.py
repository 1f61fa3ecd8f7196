# SPDX-License-Identifier: GPL-2.0-only
"""Bad requests get a clear error, and the machine goes on."""
import json
import re

import pytest

import lib

RAM = 64 << 20  # RAM of lab.plain(), from gpa 0 on
TOP = 1 << 64

# Valid requests for each row of the tables of help, with all their arguments.
# Numbers are in braces. None may be missing: a new command fails
# test_every_command_has_a_good_request.
GOOD = {
    "help": ["help"], "status": [""], "caps": [""], "gpc": [""],
    "punch": ["{8M} {4K}"], "allocate": ["{8M} {4K}"],
    "attr": ["{8M} {4K} shared"], "prefault": ["{0} {8M} {4K}"],
    "poison": ["{8M}"],
    "slot": ["move {1} {8G}"],
    "pv": ["clock0 move {9M} gpa"], "poke": ["clock0"], "check": ["clock0"],
    "guest": ["{0} nop"], "vcpu": ["{0} pin {0}"], "mem": ["{8M} {8}"],
    "leak": ["{8M}"], "delay": ["all {0}"],
    "storm": ["for 1 seed {5} poke clock0",
              "count {1} seed {5} poke clock0"],
    "record": ["stop"], "log": ["{5}"], "subscribe": ["off"],
    "quit": ["{0}"],
    "guest 0 read": ["{8M} {8}"], "guest 0 write": ["{8M} {1} {8}"],
    "guest 0 fill": ["{8M} {4K} {1}"], "guest 0 hash": ["{8M} {4K}"],
    "guest 0 touch": ["{8M} {4K} write"],
    "guest 0 canary": ["{8M} check"],
    "guest 0 convert": ["{8M} {4K} shared"],
    "guest 0 rdmsr": ["{0x10}"], "guest 0 wrmsr": ["{0x10} {1}"],
    "guest 0 hypercall": ["{1} {0} {0} {0} {0}"], "guest 0 time": [""],
    "guest 0 halt": [""], "guest 0 nop": [""],
}
# Argument names in the tables: numbers, and others.
NUMBERS = {"GPA", "LEN", "VCPU", "SLOT", "CPU", "N", "CODE", "VALUE", "BYTE",
           "MSR", "NR", "USEC", "A0", "A1", "A2", "A3"}
WORDS = {"CMD", "NAME", "OP", "ARG", "WORKER", "FILE",
         "SECONDS"}     # may have a fraction
# Requests that end the machine, or cannot be repeated.
LAST = {"quit"}

BAD_NUMBERS = [
    '""', "-1", "+1", "-0", "0x", "0xg", "0x-1", "1e3", "1.5", "12q", "1KK",
    "K", "0b1", "1,000", "1_000", "x10", "\u0661", "\u00bd", "nan", '" 1"',
    '"1 "', "18446744073709551616", "0x10000000000000000", "9" * 40,
    "0x" + "f" * 40, "16777216T", "17179869184G", "0x4000000000000000K",
    "18446744073709551615K", "1" * 3000,
]


def rows(m):
    """-> (words before the arguments, arguments, is the last one open)"""
    for prefix, table in (("", m.ok("help")["commands"]),
                          ("guest 0 ", m.ok("guest 0 help")["ops"])):
        for row in table:
            args = row["args"].split()
            many = any("..." in a for a in args)
            args = [a for a in args if a not in ("...", "ARG...",
                                                 "[ARG]...")]
            yield prefix + row["name"], args, many


def good(name):
    """-> its requests, as lists of (word, is it a number)"""
    assert name in GOOD, f"{name} has no good request: see GOOD"
    return [[(w.strip("{}"), w.startswith("{")) for w in line.split()]
            for line in GOOD[name]]


def words(name):
    """The first of them."""
    return [w for w, _ in good(name)[0]]


@pytest.mark.short
def test_unknown_words_are_refused(lab):
    m = lab.plain()
    for line in "frobnicate", "HELP", "punch8M", "../etc", '"punch 8M"', "'", \
            "{}", "%s%n%s", "a" * 4000, "\u00e9t\u00e9 1", "he\rlp", "guests":
        e = m.fails(line, "usage", "help")
        assert len(e["message"]) < 1000, e
    m.fails("guest 0 frobnicate", "usage", "frobnicate", "help")
    for line in "vcpu 0 dance", "pv clock0 sideways", \
            "attr 8M grey", "guest 0 canary 8M eat", "subscribe now", \
            "guest 0 convert 8M grey", "guest 0 touch 8M 4K lick":
        m.fails(line, "usage", line.split()[-1])
    m.fails("slot eat 1", "usage", "eat")
    m.healthy()


def test_every_command_has_a_good_request(lab):
    m = lab.plain("--slot", "0,16M", "--slot", "16M,16M,offset=16M")
    found = set()
    for name, args, _ in rows(m):
        found.add(name)
        names = re.findall("[A-Z][A-Z0-9]*", " ".join(args))
        assert NUMBERS | WORDS >= set(names), (name, names)
        numbers = [n for n in names if n in NUMBERS]
        given = [w for line in good(name) for w, number in line if number]
        assert len(given) >= len(numbers), (name, numbers, given)
        for line in good(name):
            if name in LAST:
                continue
            text = " ".join([name] + [w for w, _ in line])
            r = m.cmd(text)
            # The arguments are valid, but this kernel may not support it.
            assert r["ok"] or r["error"]["kind"] not in ("usage", "range"), \
                (text, r)
        if name == "slot":
            m.ok("slot move 1 16M")
    assert found == set(GOOD), found ^ set(GOOD)
    m.quit()


def test_missing_arguments_are_refused(lab):
    m = lab.plain()
    for name, args, _ in rows(m):
        needed = [a for a in args if not a.startswith("[")]
        for n in range(len(needed)):
            m.fails(" ".join([name] + words(name)[:n]), "usage")
    m.healthy()


def test_surplus_arguments_are_refused(lab):
    m = lab.plain()
    for name, args, many in rows(m):
        line = [name] + words(name)
        if not many:
            m.fails(" ".join(line + ["1"]), "usage")
        m.fails(" ".join(line + ["1"] * 2000), "usage", "64")
    m.healthy()


def test_numbers_that_are_none_are_refused_everywhere(lab):
    m = lab.plain("--slot", "0,16M", "--slot", "16M,16M,offset=16M")
    tried = set()
    for name, _, _ in rows(m):
        for right in good(name):
            for i, (_, number) in enumerate(right):
                for bad in BAD_NUMBERS if number else ():
                    line = " ".join([name] + [w for w, _ in right[:i]] +
                                    [bad] + [w for w, _ in right[i + 1:]])
                    r = m.cmd(line)
                    assert not r["ok"], f"{line}: {r}"
                    assert r["error"]["kind"] in ("usage", "range"), (line, r)
                    assert len(r["error"]["message"]) > 10, (line, r)
                    tried.add((name, i))
    assert {("slot", 1), ("slot", 2), ("pv", 2), ("vcpu", 2), ("delay", 1),
            ("storm", 1), ("storm", 3)} <= tried, tried
    m.healthy()


def test_a_bad_number_is_named_in_the_message(lab):
    m = lab.plain()
    for line in "punch 12q", "punch 0x10000000000000000", "log -1", \
            "quit 256", "vcpu 7 regs", "guest 7 nop", "punch 8M 12q", \
            "slot delete 77", "guest 0 rdmsr 0x100000000", \
            "guest 0 fill 8M 4K 256", "guest 0 write 8M 0x1ff 1":
        message = m.cmd(line)["error"]["message"]
        assert any(w in message for w in line.split()[1:]), (line, message)
    m.healthy()


# Commands that take pages, and commands that take bytes.
BY_PAGES = ["punch {} {}", "allocate {} {}", "attr {} {} shared",
            "prefault 0 {} {}", "guest 0 convert {} {} shared"]
BY_BYTES = ["guest 0 fill {} {} 1", "guest 0 hash {} {}",
            "guest 0 touch {} {} read", "guest 0 touch {} {} write"]
SHORT = ["mem {} {}", "guest 0 read {} {}"]  # at most 4096 bytes
ONE_PAGE = ["punch {}", "allocate {}", "attr {} shared", "prefault 0 {}",
            "poison {}", "guest 0 canary {} plant", "guest 0 canary {} check",
            "guest 0 convert {} shared"]
ONE_WORD = ["mem {}", "guest 0 read {}", "guest 0 write {} 1",
            "guest 0 write {} 1 8", "guest 0 touch {}",
            "pv clock0 move {}", "pv steal0 move {}"]


def refuse(m, forms, *values):
    for form in forms:
        line = form.format(*map(hex, values))
        r = m.cmd(line)
        assert not r["ok"], f"{line}: {r}"
        assert r["error"]["kind"] in ("range", "usage"), f"{line}: {r}"


def test_unaligned_ranges_are_refused(lab):
    m = lab.plain()
    for off in 1, 8, 0x800, 0xfff:
        refuse(m, ONE_PAGE, 0x800000 + off)
        refuse(m, BY_PAGES, 0x800000 + off, 0x1000)
        refuse(m, BY_PAGES, 0x800000, 0x1000 + off)
        refuse(m, BY_PAGES, 0x800000, off)
    refuse(m, ["guest 0 hash {} {}"], 0x800000, 12)
    refuse(m, ["guest 0 hash {} {}"], 0x800004, 8)
    refuse(m, ["pv clock0 move {}", "pv steal0 move {}"], 0x800001)
    refuse(m, ["pv steal0 move {}"], 0x800020)
    refuse(m, ["slot move 1 {}"], 0x800001)
    m.healthy()


def test_empty_and_wrapping_ranges_are_refused(lab):
    m = lab.plain()
    refuse(m, BY_PAGES + BY_BYTES + SHORT, 0x800000, 0)
    for gpa, size in ((TOP - 0x1000, 0x1000), (TOP - 0x1000, 0x2000),
                      (TOP - 0x2000, 0x1000), (0x800000, TOP - 0x800000),
                      (0x800000, TOP - 0x1000), (0x1000, TOP - 0x1000),
                      (0, TOP - 0x1000)):
        refuse(m, BY_PAGES + BY_BYTES + SHORT, gpa, size)
    for gpa in TOP - 1, TOP - 8, TOP - 64, TOP - 0x1000:
        refuse(m, ONE_WORD + ONE_PAGE, gpa)
    refuse(m, ["slot move 1 {}"], TOP - 0x1000)
    m.healthy()


def test_ranges_outside_ram_are_refused(lab):
    m = lab.plain()
    for gpa in RAM, RAM + 0x1000, 0xfee00000, 1 << 32, 1 << 47, 1 << 52, \
            1 << 63:
        refuse(m, ONE_PAGE + ONE_WORD, gpa)
        refuse(m, BY_PAGES + BY_BYTES + SHORT, gpa, 0x1000)
    # Beyond the end of RAM.
    refuse(m, BY_PAGES + BY_BYTES, RAM - 0x1000, 0x2000)
    refuse(m, BY_PAGES + BY_BYTES, 0x800000, RAM)
    refuse(m, SHORT, RAM - 0x800, 0x1000)
    refuse(m, ["guest 0 write {} 1", "guest 0 read {}", "mem {}",
               "pv clock0 move {}"], RAM - 4)
    # The last page and the last bytes are still RAM.
    m.ok(f"punch {RAM - 0x1000:#x}")
    m.ok(f"guest 0 write {RAM - 8:#x} 1")
    m.ok(f"mem {RAM - 1:#x} 1")
    m.healthy()


def test_pv_pages_and_vcpus_that_do_not_exist_are_refused(lab):
    m = lab.plain("--vcpus", "2")
    for name in "clock2", "steal2", "clock", "clock-1", "clock00", "Clock0", \
            "clock4294967296", "shinfo", '""', "all0", "\u00e9", "c" * 3000:
        for form in "poke {}", "check {}", "pv {} on", "pv {} off", \
                "pv {} move 8M", "punch {}", "mem {}", "guest 0 read {}", \
                "pv clock0 move {}":
            r = m.cmd(form.format(name))
            assert not r["ok"], (name, form, r)
            assert r["error"]["kind"] == "range", (name, form, r)
            assert "gpc" in r["error"]["message"], (name, form, r)
    for n in "2", "64", "4294967296", "0xffffffffffffffff":
        for form in "guest {} nop", "guest {} help", "vcpu {} regs", \
                "vcpu {} pause", "vcpu {} pin 0", "prefault {} 8M":
            m.fails(form.format(n), "range", "0 to 1")
    m.healthy()


def test_no_message_is_broken_by_cutting_utf8(lab):
    m = lab.plain()
    for n in range(1, 70):
        for form in "{}", "punch {}", "poke {}", "help {}", "guest 0 {}", \
                "punch 8M {}", '"{}', 'x{}"', "attr 8M {}":
            m.client.send(form.format("a" * n + "\u20ac" * 30) + "\n")
            r = m.client.reply()  # json.loads refuses invalid UTF-8
            assert not r["ok"], (form, r)
            assert json.dumps(r), r
    m.healthy()
