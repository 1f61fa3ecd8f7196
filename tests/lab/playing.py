# SPDX-License-Identifier: GPL-2.0-only
"""Play scenarios in a kernel of the lab, for programs that print tables."""

import json
import os
import time

import labtest
import machine
import progress
import session

INSIDE = "/scenarios"  # their place in the image
LOOK_S = 60  # to inspect what runs inside
# Print twice, so that a livelock differs from a dead wait: each user thread's state, the
# ns that it ran and waited for a CPU, its kernel stack. Then the status of the
# scenario's machine, the registers of two vCPUs, twice, and the last events.
LOOK = r"""
for turn in 1 2; do
	echo "uptime $(cat /proc/uptime)"
	for t in /proc/[0-9]*/task/*; do
		[ -s ${t%/task*}/exe ] || continue
		set -- $(sed 's/.*)//' $t/stat)
		echo "${t#/proc/} $(cat $t/comm) $1, schedstat $(cat $t/schedstat)"
		head -n 5 $t/stack
	done
	sleep 1
done 2>/dev/null
for s in /tmp/gpcvm-play-*/control; do
	for c in status "vcpu 0 regs" "vcpu 1 regs" "vcpu 0 regs" "vcpu 1 regs" "log 20"; do
		timeout 10 gpcvm ctl "$s" "$c"
	done
done 2>&1
"""
WORDS = (("pass", "passed"), ("fail", "failed"), ("skip", "skipped"))


class Lines:
    """The JSON lines of a suite, as they arrive."""

    def __init__(self, show=lambda row: None):
        self.rest, self.rows, self.show = b"", [], show

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            row = json.loads(line)
            self.rows.append(row)
            self.show(row)


def wall_seconds(limit):
    """The value of gpcvm's --timeout, which does not adapt to the load:
    @limit, scaled by what this machine achieves now, doubled in case that
    drops."""
    return str(int(2 * limit / progress.share()))


def boot(name, gpcvm, where, linux=False):
    """Boot a box with the scenarios of the directory @where."""
    return labtest.Box(name, gpcvm, [f"{where}:{INSIDE}"], linux)


def names(where):
    """The scenarios below @where, in the order in which gpcvm suite plays them."""
    found = [os.path.join(at, n) for at, _, files in os.walk(where)
             for n in files if n.endswith(".scn")]
    return [os.path.relpath(f, where)[:-len(".scn")] for f in sorted(found)]


def inside(m):
    """Report what runs in the machine @m, as far as it answers, and how long QEMU ran."""
    start, spent, end = time.monotonic(), m.cpu_seconds(), ""
    p = m.spawn(["sh", "-c", LOOK])
    p.write(b"")
    try:
        p.wait(LOOK_S)
    except machine.Gone as e:
        end = f"no more from inside: {e}\n"
    return (f"{p.out.decode('utf-8', 'replace')}{end}QEMU ran for"
            f" {m.cpu_seconds() - spent:.1f} s in {time.monotonic() - start:.1f} s")


def _late(box, took, had, current):
    """The report of a scenario that reached its limit."""
    return (f"{current}: not over after {took:.0f} s, of which this machine had time"
            f" for {had:.0f} s; what runs inside:\n{inside(box.m)}\n"
            "the console's last lines:\n" + "\n".join(box.m.console.lines[-20:]))


def play(box, argv, lines, limit, current=lambda: "?"):
    """Run gpcvm suite in @box, its rows to @lines -> (status, stderr, gone).
    gone: why it did not finish, or None. Does not wait for a kernel that
    cannot go on, nor for a scenario beyond @limit: seconds of achieved
    processor time (progress.py). @current: the scenario that is running."""
    p = box.m.spawn(["gpcvm", *argv], lines.feed)
    p.write(b"")
    rows, start, had, status, gone = -1, 0, 0.0, 1, None
    while not gone:
        if len(lines.rows) != rows:
            rows, start, had = len(lines.rows), time.monotonic(), 0.0
        try:
            status = session.wait_for(box.m, p, session.Deadline(progress.EVERY_S))
            break
        except machine.Gone as e:
            had += progress.EVERY_S * progress.share()
            if box.m.ended or session.cannot_go_on(box.m):
                gone = str(e)
            elif had > limit and len(lines.rows) == rows:
                gone = _late(box, time.monotonic() - start, had, current())
    return status, p.err.decode("utf-8", "replace"), gone


def finish(what, passed, failed, skipped, counts):
    """The last line of a table, and a file for tests/all."""
    if counts:
        with open(counts, "w") as f:
            f.write(f"{passed} passed {failed} failed {skipped} skipped\n")
    print(f"{what}: {passed} passed, {failed} failed, {skipped} skipped")
