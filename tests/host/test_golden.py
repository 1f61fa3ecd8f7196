# SPDX-License-Identifier: GPL-2.0-only
"""A golden session: requests and command lines whose replies, events, output
and exit status must match tests/host/golden, except for varying numbers. It
preserves what clients rely on while the code changes. After an intended
change, record them again with tests/host/golden/record."""
import difflib
import json
import os
import re
import shlex
import shutil
import threading

import pytest

import lib
from kmsg import undisturbed

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")

# Fields whose number varies, with its letter in the recording. Nothing else in
# a reply may differ: neither names nor order nor words.
NUMBERS = {
    "ns": "ns up_ns ready_ns run_ns p50 p99 max skew_p50 skew_p99 skew_max "
          "rate at set system_time now clock steal run_delay",
    "n": "pid uid gid seq last events runs exits version left shift ms "
         "overlapped pfn_changed pfn_same pfn_unknown",
}
HEX = "tsc_timestamp mul rip rsp rflags rax rbx rcx rdx rsi rdi rbp r8 r9 " \
      "r10 r11 r12 r13 r14 r15 cr2 pfn"


def field(names, value):
    return rf'("(?:{names.replace(" ", "|")})":){value}'


RULES = [(re.compile(pattern), to) for pattern, to in [
    *((field(names, r"-?\d+(?=[,}])"), rf"\1{to}")
      for to, names in NUMBERS.items()),
    (field(HEX, r'"0x[0-9a-f]+"'), r'\1"hex"'),
    # The host's allocator chooses the page.
    (field("pfn_changed", '"(?:yes|no|unknown)"'), r'\1"maybe"'),
    # It depends on the guest's compiler.
    (r"\brip 0x[0-9a-f]+", "rip hex"),
    # Same in a build with sanitizers as in others.
    (r'"seccomp":\[\],"seccomp_why":"built with sanitizers[^"]*","landlock":'
     r'null,"keeper":{"pid":n,"seccomp":false,"landlock":null',
     '"seccomp":["main","vcpu","request"],"landlock":7,'
     '"keeper":{"pid":n,"seccomp":true,"landlock":7'),
    # By chance: few rounds, or a vCPU that has not reached the doorbell.
    (r'"state":"running"(?=,"agent")', '"state":"idle"'),
    (r',"note":"only \d+ of \d+ rounds overlapped: [^"]*"', ""),
    # Rows of probe, whose table has columns, and what play says of others.
    (r"\bLinux \d[^\s\"]*( ?) *", r"Linux n\1"),
    (r"\b\d+( vCPUs per VM| slots per VM| events of KVM)", r"n\1"),
    (r"\b(set to \d+, reads) \d+", r"\1 n"),
    (r"\b(on) \d+( CPUs?)\b", r"\1 n\2"),
    (r"\b(process) \d+( also has a VM)", r"\1 n\2"),
]]


def normal(text, lab):
    """@text without its varying parts."""
    for real, name in (lab.dir, "DIR"), (lab.gpcvm, "gpcvm"):
        text = text.replace(real, name)
    for pattern, to in RULES:
        text = pattern.sub(to, text)
    return text


def shown(text, lab):
    """The lines of the recording; long lists have one line per element."""
    text = normal(text, lab)
    if len(text) > 200:
        text = re.sub(r"(?<=[\[,])\{", "\n{", text)
    return [("    " + line).rstrip() for line in text.splitlines()]


def recorded(name):
    with open(os.path.join(GOLDEN, name), encoding="utf-8") as f:
        return f.read().splitlines()


def lines_of(name):
    return [line for line in recorded(name)
            if line and not line.startswith("#")]


# ---- sessions ---------------------------------------------------------------

class Session:
    """A machine and its events."""

    def __init__(self, lab, mode, options):
        self.lab = lab
        self.machine = lab.machine("--memory", mode, *options)
        lib.eventually("a guest that is ready",
                       lambda: self.machine.ok("status")["ready_ns"])
        self.events = []
        self.watch = self.machine.events()
        self.thread = threading.Thread(target=self.collect)
        self.thread.start()

    def collect(self):
        while e := self.watch.line():
            # This session does not cause the kernel's messages.
            if e["event"] != "kernel":
                self.events.append(e)

    def request(self, line):
        """-> the lines of its reply"""
        self.machine.cmd(line.replace("DIR", self.lab.dir))
        return shown(self.machine.client.raw.decode(), self.lab)

    def end(self):
        """-> exit status, stderr and the events, of each type in their order:
        types come from different threads"""
        status = self.machine.wait()
        self.thread.join(lib.LIMIT)
        return [f"    exit status {status}"] + \
            shown(self.machine.stderr(), self.lab) + \
            [f"    {e['event']}: {normal(e['text'], self.lab)}"
             for e in sorted(self.events, key=lambda e: e["event"])]


def play(lab, mode):
    """All of requests -> [(request, lines of its reply)...]"""
    out, session = [], None
    for line in lines_of("requests"):
        if line.startswith("vm "):
            session = Session(lab, mode, line.split()[1:])
            out.append((line, []))
            continue
        out.append((line, session.request(line)))
        if session.machine.client.raw.startswith(b'{"ok":true,"cmd":"quit"'):
            out.append(("the end", session.end()))
    return out


def play_all(lab):
    """In both modes -> the lines of the recording"""
    out = []
    for (line, anon), (_, gmem) in zip(play(lab, "anon"), play(lab, "gmem")):
        out.append(line)
        out += anon if anon == gmem else ["  anon", *anon, "  gmem", *gmem]
    return out


# ---- command lines ----------------------------------------------------------

def run_all(lab):
    """All of command-lines -> the lines of the recording."""
    for name in os.listdir(GOLDEN):
        if name.endswith(".scn"):
            shutil.copy(os.path.join(GOLDEN, name), lab.dir)
    lab.machine("--memory", "anon", path=os.path.join(lab.dir, "control"))
    out = []
    for line in lines_of("command-lines"):
        status, stdout, stderr = lab.run(
            *shlex.split(line.replace("DIR", lab.dir)), cwd=lab.dir)
        out += [f"gpcvm {line}", f"  exit status {status}"]
        for name, text in ("stdout", stdout), ("stderr", stderr):
            out += [f"  {name}", *shown(text, lab)] if text else []
    return out


# ---- what was recorded ------------------------------------------------------

def host(lab):
    """Properties of the host that affect replies: rows of probe, each with its
    state, some with the value."""
    rows = json.loads(lab.run("probe", "--json")[1])["rows"]
    part = {"kernel": r"Linux \d+\.\d+", "vendor-module": ".*", "family": ".*"}
    return [row["name"] + " " + (
        re.match(part[row["name"]], row["value"]).group()
        if row["name"] in part else row["state"]) for row in rows]


RECORDINGS = {"host": host, "replies": play_all, "output": run_all}


def same(lab, name):
    lab.need_mode("gmem")
    there = dict(line.split(" ", 1) for line in recorded("host"))
    for line in host(lab):
        row, here = line.split(" ", 1)
        if there.get(row, here) != here:
            raise lib.Skip(f"recorded on a host where probe's {row} is "
                           f"'{there[row]}'; here it is '{here}'")
    diff = "\n".join(difflib.unified_diff(
        recorded(name), RECORDINGS[name](lab), f"tests/host/golden/{name}",
        "what gpcvm does", lineterm=""))
    assert not diff, diff + "\nIf that is on purpose: tests/host/golden/record"


@undisturbed
def test_replies_and_events_stay_as_they_are(lab):
    same(lab, "replies")


@pytest.mark.short
@undisturbed
def test_output_of_the_subcommands_stays_as_it_is(lab):
    same(lab, "output")


@pytest.mark.short
def test_golden_session_has_every_command_operation_and_option(lab):
    m = lab.plain()
    requests = "\n".join(lines_of("requests"))
    wanted = [row["name"] for row in m.ok("help")["commands"]]
    wanted += ["guest 0 " + row["name"] for row in m.ok("guest 0 help")["ops"]]
    for line in wanted:
        assert re.search(rf"^{line}\b", requests, re.M), f"no {line}"
    for row in m.ok("storm help")["ops"]:
        assert re.search(rf"^storm .*\b{row['name']} ", requests, re.M), row
    lines = "\n".join(lines_of("command-lines"))
    for sub in "run", "play", "suite", "ctl", "probe":
        usage = lab.run(sub, "--help")[1]
        options = re.findall(r"(?:^ +|\[|, )(--[a-z-]+)", usage, re.M)
        assert options, usage
        for option in options:
            assert re.search(rf"^{sub} .*{option}\b", lines, re.M), \
                f"no gpcvm {sub} {option}"
