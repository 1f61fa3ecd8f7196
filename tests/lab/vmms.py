# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm and QEMU's microvm with the same Linux, in one boot of the lab: how long
until the guest's /init runs, and what memory that takes beyond the guest's."""

import functools
import os
import re
import shutil
import statistics
import subprocess
import time

import initramfs
import kernels
import labtest
import session
from machine import LabError

MIB = 1 << 20
MEM = 256 * MIB
MARK = "init is here"  # tests/lab/init.c
GOAL = 0.7
# Quiet: to print is most of a boot otherwise.
APPEND = "console=ttyS0 quiet panic=-1"
KERNEL, INITRD = f"/{kernels.GUEST}", "/initrd"
QEMU = "qemu-system-x86_64"
# What a microvm starts a bzImage with, with ACPI and without.
FIRMWARE = ("bios-microvm.bin", "qboot.rom", "linuxboot_dma.bin")


def gpcvm(*memory):
    return ["gpcvm", "run", "--quiet", *memory, "--kernel", KERNEL,
            "--initrd", INITRD, "--append", APPEND]


def microvm(options=""):
    return [qemu(), "-M", f"microvm,accel=kvm{options}", "-cpu", "host", "-smp", "1",
            "-m", f"{MEM // MIB}M", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", KERNEL, "-initrd", INITRD, "-append", APPEND]


# What takes turns.
SIDES = {
    "anon": lambda: gpcvm("--memory", "anon", "--mem", str(MEM)),
    "gmem-private, shared": lambda: gpcvm("--memory", "gmem-private",
                                          "--slot", f"0,{MEM},shared"),
    "microvm": microvm,
    "microvm,acpi=off": lambda: microvm(",acpi=off"),
}
# What is compared, and whether the goal is about it: gpcvm has ACPI, as a microvm has
# that is not told otherwise.
PAIRS = (("anon", "microvm", True), ("gmem-private, shared", "microvm", True),
         ("anon", "microvm,acpi=off", False))


# ---- QEMU, and what it needs, in the image


@functools.cache
def qemu():
    path = shutil.which(QEMU)
    if not path:
        raise LabError(f"{QEMU} is missing: apt-get install qemu-system-x86")
    return path


def _output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def qemu_files():
    """As lab's --file takes them; each is where it is out here."""
    files = [qemu(), *re.findall(r"(/\S+) \(0x", _output("ldd", qemu()))]
    dirs = _output(qemu(), "-L", "help").split()
    for name in FIRMWARE:
        found = [p for d in dirs if os.path.isfile(p := os.path.join(d, name))]
        if not found:
            raise LabError(f"QEMU's {name} is in none of " + ", ".join(dirs))
        files.append(found[0])
    return [f"{f}:{f}" for f in files]


def initrd():
    """An initramfs with nothing but the /init; close() is yours."""
    image = initramfs.Initramfs()
    image.add_file("init", session.built("build/tests/lab/init"), 0o755)
    image.done()
    return image


def boot(program):
    stopwatch = session.built("build/tests/lab/stopwatch")
    rd = initrd()
    try:
        return labtest.Box(
            "lean", program,
            [f"{stopwatch}:bin/stopwatch", f"/proc/self/fd/{rd.fd}:{INITRD}",
             *qemu_files()], linux=True)
    finally:
        rd.close()


# ---- one run


class Marks:
    """The lines of stopwatch, and the processor time that the lab's QEMU had taken
    when they came."""

    def __init__(self, pid):
        self.out, self.at = b"", {}
        self.clock = ~pid << 3 | 2  # kernel: include/linux/posix-timers.h, CPUCLOCK

    def feed(self, data):
        now = time.clock_gettime_ns(self.clock)
        self.out += data
        for word in (b"start\n", b"mark\n"):
            if word in self.out:
                self.at.setdefault(word, now)

    def result(self):
        seen = re.search(rb"ns (\d+) rss (\d+) guest (\d+)\n", self.out)
        if not seen:
            raise AssertionError(f"stopwatch says {self.out!r}")
        ns, rss, guest = map(int, seen.groups())
        return {"init": ns, "init-cpu": self.at[b"mark\n"] - self.at[b"start\n"],
                "memory": rss - guest, "guest": guest}


def once(box, argv):
    marks = Marks(box.m.qemu.pid)
    p = box.m.spawn(["stopwatch", MARK, str(MEM), *argv], marks.feed)
    p.write(b"")
    if p.wait(labtest.LIMIT):
        raise AssertionError(f"{' '.join(argv)}:\n{p.err.decode('utf-8', 'replace')}")
    return marks.result()


# ---- all


def compare(name, got, one, other, goal):
    a, b = ([r[name] for r in got[side]] for side in (one, other))
    each = [x / y for x, y in zip(a, b)]
    value = statistics.median(a) / statistics.median(b)
    goal = goal and name != "memory"
    return {"name": name, "gpcvm": one, "against": other,
            "unit": "B" if name == "memory" else "ns",
            "own": statistics.median(a), "other": statistics.median(b),
            "value": value, "min": min(each), "max": max(each), "turns": len(each),
            "goal": GOAL if goal else None, "met": value <= GOAL if goal else None}


HEAD = (f"{'figure':<11} {'gpcvm':<21} {'QEMU':<17} {'gpcvm':>9} {'QEMU':>9}  ratio"
        "  spread      goal")


def row(f):
    by, unit = (MIB, "MiB") if f["unit"] == "B" else (1e6, "ms ")
    goal = "" if f["met"] is None \
        else f"<= {f['goal']} {'met' if f['met'] else 'missed'}"
    return (f"{f['name']:<11} {f['gpcvm']:<21} {f['against']:<17}"
            f" {f['own'] / by:>5.4g} {unit} {f['other'] / by:>5.4g} {unit}"
            f" {f['value']:.2f}x  {f['min']:.2f}..{f['max']:.2f}  {goal}").rstrip()


def run(program, turns):
    """-> the figures, each a comparison of two medians"""
    box = boot(program)
    try:
        got = {side: [] for side in SIDES}
        for _ in range(turns):
            for side, argv in SIDES.items():
                got[side].append(once(box, argv()))
        if report := box.report():
            raise AssertionError(f"{box.name} reports:\n{report}")
    finally:
        box.close()
    return [compare(name, got, *pair) for pair in PAIRS
            for name in ("init", "init-cpu", "memory")]
