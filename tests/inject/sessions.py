# SPDX-License-Identifier: GPL-2.0-only
"""The sessions in which gpcvm's calls fail, one function each. The result is
what a user can observe, and is the same each time."""
import json
import os
import re

# Requests to a machine, some of every kind.
COMMANDS = """
status
help
help punch
gpc
poke clock0
check all
guest 0 write 0x900000 0x55
guest 1 read 0x900000
guest 0 fill 0x902000 4K 0x77
guest 0 hash 0x902000 4K
guest 0 rdmsr 0x10
punch 0x900000 64K
allocate 0x900000 64K
mem 0x900000 64
attr 0x900000 4K shared
prefault 0 0x900000 4K
punch clock0
check clock0
pv clock0 off
pv clock0 on
pv steal0 move 0x901000
check steal0
slot delete 1
slot restore 1
slot move 1 0x40000000
slot restore 1
vcpu 0 pause
vcpu 0 regs
vcpu 0 resume
vcpu 1 pin 0
leak clock0
subscribe
storm count 20 punch clock0 & poke clock0 + touch 1 0x910000 64K
log 8
check all
""".strip().splitlines()


def reply(file):
    """The next line that is not an event; None at the end of the
    connection."""
    for line in file:
        r = json.loads(line)
        if "ok" in r:
            return r
    return None


def talk(run, sock, commands):
    """Each command's outcome in a word or two."""
    seen = []
    file = sock.makefile("r")
    for c in commands:
        try:
            sock.sendall((c + "\n").encode())
            r = reply(file)
        except (BrokenPipeError, ConnectionResetError):
            r = None
        if r is None:
            seen.append("gone")
            break
        run.said.append(f"{c}: {json.dumps(r)}")
        seen.append(r.get("verdict", "ok") if r["ok"]
                    else r["error"]["kind"])
    return seen


def machine(run, *args, commands=COMMANDS):
    path = run.path("s")
    run.spawn("run", "--control", path, *args)
    sock = run.connect(path)
    seen = talk(run, sock, commands) if sock else ["never there"]
    # gpcvm drops a client when memory runs out; the machine goes on.
    for _ in range(2):
        if sock and seen[-1] == "gone" and run.proc.poll() is None:
            sock = run.connect(path)
        if sock and seen[-1] != "quit":
            seen += talk(run, sock, ["quit"])
        if seen[-1] != "gone":
            break
    return seen, run.wait()


def gmem(run):
    record = run.path("record")
    commands = COMMANDS[:1] + [f"record {record}"] + COMMANDS[1:] + \
        ["record stop"]
    r = machine(run, "--memory", "gmem", "--vcpus", "2", commands=commands)
    if os.path.exists(record):
        os.unlink(record)
    return r


def plain(run, *args):
    run.spawn(*args)
    status = run.wait()
    text = run.text("out").replace(run.dir, "DIR").replace("}", "}\n")
    # The host's other VMs, and the flags of its clock, vary.
    text = re.sub(".*(another VM|as well|clocksource|master-clock.*flags).*\n",
                  "", text)
    return status, re.sub("0x[0-9a-f]+|[0-9]+", "N", text)


def anon(run):
    return machine(run, "--memory", "anon", commands=COMMANDS[4:7])


def ctl(run):
    """The calls of the client fail, not those of the machine."""
    path = run.path("s")
    machine = run.spawn("run", "--memory", "anon", "--quiet", "--control", path,
                        inject=False)
    sock = run.connect(path)
    commands = os.path.join(run.dir, "commands")
    with open(commands, "w") as f:
        f.write("# three\nstatus\npunch clock0\nno-such-command\n")
    with open(commands) as f:
        run.spawn("ctl", path, stdin=f)
        first = run.wait()
    run.spawn("ctl", path, "check", "clock0", ";", "quit")
    status = run.wait()
    # The machine does not end by itself if its client cannot tell it to.
    if machine.poll() is None:
        talk(run, sock, ["quit"])
    run.clients.remove(sock)
    sock.close()
    text = re.sub("0x[0-9a-f]+|[0-9]+", "N", run.text("out"))
    return first, status, machine.wait(run.left()), len(text.split("\n"))


def kernel(run):
    """A Multiboot image, with a module."""
    image = os.path.join(os.path.dirname(run.gpcvm), "..", "multiboot",
                         "image.elf")
    return plain(run, "run", "--memory", "anon", "--quiet", "--kernel", image,
                 "--append", "inject", "--initrd", scenario(run))


SCENARIO = """
vm --memory anon
punch clock0
parallel
	poke clock0
and
	punch clock0
end
check clock0
expect verdict = fresh
"""


def scenario(run):
    path = os.path.join(run.dir, "a.scn")
    with open(path, "w") as f:
        f.write(SCENARIO)
    return path


def play(run):
    return plain(run, "play", scenario(run))


def suite(run):
    return plain(run, "suite", scenario(run))


def run_scenario(run):
    path = os.path.join(run.dir, "b.scn")
    with open(path, "w") as f:
        f.write("punch clock0\ncheck clock0\nexpect verdict = fresh\n")
    return plain(run, "run", "--memory", "anon", "--quiet", "--control",
                 run.path("s"), "--scenario", path)


def probe(run):
    return plain(run, "probe")


def probe_json(run):
    return plain(run, "probe", "--json")


def hello(run):
    return plain(run, "run", "--memory", "anon", "--guest", "hello", "--quiet")


def dump(run):
    path = run.path("dtb")
    r = plain(run, "run", "--memory", "anon", "--dump-dtb", path)
    if os.path.exists(path):
        r += os.path.getsize(path),
        os.unlink(path)
    return r


ALL = {f.__name__: f for f in (gmem, anon, hello, kernel, dump, ctl, play, suite,
                               run_scenario, probe, probe_json)}
