# SPDX-License-Identifier: GPL-2.0-only
"""Recognise a kernel's reports on its console."""

import re

# The exit statuses of the lab. gpcvm's own, 0 to 63 and 128 on, pass through.
LAB_FAILED = 64  # the lab itself failed: no QEMU, no kernel of that name ...
BUILD_FAILED = 65
NO_BOOT = 66  # time-out before the kernel reached the agent
TIME_OUT = 67  # time-out after that
ENDED = 68  # the machine ended without an answer or a report
NO_FAULT = 69  # --fault: the kernel has no such fault to switch on
PANIC = 70
OOPS = 71
KASAN = 72
LOCKDEP = 73
REFCOUNT = 74
KMEMLEAK = 75
HUNG = 76
CORRUPTION = 77  # list and page state checks
WARNING = 78

NAMES = {
    PANIC: "panic",
    OOPS: "oops",
    KASAN: "KASAN report",
    LOCKDEP: "lockdep report",
    REFCOUNT: "refcount report",
    KMEMLEAK: "kmemleak report",
    HUNG: "hung task or lockup",
    CORRUPTION: "corruption report",
    WARNING: "warning",
}

# The first match of a line classifies the report. The texts are those of
# kernel/panic.c, mm/kasan/report.c, kernel/locking/lockdep.c, lib/refcount.c,
# mm/kmemleak.c, kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/,
# lib/list_debug.c, mm/page_alloc.c, mm/memory.c, arch/x86/kernel/traps.c.
KINDS = [
    (PANIC, r"Kernel panic - not syncing"),
    (KASAN, r"BUG: KASAN: "),
    (KASAN, r"BUG: KFENCE: "),
    (REFCOUNT, r"refcount_t: "),
    (KMEMLEAK, r"unreferenced object 0x"),
    (
        LOCKDEP,
        r"WARNING: (possible|inconsistent|bad|suspicious RCU|lock held|"
        r"HARDIRQ|SOFTIRQ|Nested lock|Subtype|chain cache)"
        r"|INFO: (possible|trying to register non-static)"
        r"|BUG: (sleeping function|Invalid wait|held lock|scheduling while|"
        r"MAX_LOCK|MAX_STACK|looking up invalid|using __this_cpu|"
        r"using smp_processor_id)"
        r"|\[ BUG: |DEBUG_LOCKS_WARN_ON",
    ),
    (
        HUNG,
        r"INFO: task .* blocked for more than|soft lockup|hard LOCKUP"
        r"|detected (expedited )?stalls|self-detected stall"
        r"|BUG: workqueue lockup",
    ),
    (
        CORRUPTION,
        r"^list_(add|del) corruption|BUG: Bad (page|rss)|BUG: Bad rss-counter"
        r"|page dumped because:|=+ *BUG .*: (Redzone|Poison|Object|Freepointer)"
        r"|BUG kmalloc|Padding overwritten",
    ),
    (
        OOPS,
        # Not "traps: prog[7] general protection fault": that is userspace's.
        r"^BUG: unable to handle|^BUG: kernel NULL|^Oops: |^kernel BUG at"
        r"|^general protection fault|^invalid opcode: |^stack segment:"
        r"|^divide error: |^BUG: stack guard page",
    ),
    (WARNING, r"WARNING: CPU: |WARNING: .* at |BUG: "),
]
KINDS = [(k, re.compile(r)) for k, r in KINDS]

STAMP = re.compile(r"^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?")
RULE = re.compile(r"^=+$|^-+$|^-+\[ cut here \]-+$")
TRACE_END = re.compile(r"^---\[ end (trace|Kernel panic)")
ENDS = {
    KASAN: re.compile(r"^={20,}$"),
    LOCKDEP: re.compile(r"^ *</TASK>$"),
    HUNG: re.compile(r"^ *</TASK>$"),
}
# The longest report; one without an end mark is shorter.
LINES_MAX = 200


def kind_of(line):
    """The status for a console line that opens a report, or None."""
    text = STAMP.sub("", line)
    for kind, what in KINDS:
        if what.search(text):
            return kind
    return None


class Console:
    """The lines of a console, and the reports in them."""

    def __init__(self):
        self.lines = []
        self.rest = ""
        self.found = []  # (status, index of the report's first line)

    def feed(self, data):
        self.rest += data.decode("utf-8", "replace").replace("\r", "")
        *lines, self.rest = self.rest.split("\n")
        for line in lines:
            self._line(line)

    def finish(self):
        if self.rest:
            self._line(self.rest)
            self.rest = ""

    def _line(self, line):
        self.lines.append(line)
        kind = kind_of(line)
        if kind is None:
            return
        if self.found:
            # The same report goes on: after "refcount_t: ..." the kernel also
            # says "WARNING: ...".
            if len(self.lines) - 1 < self._end(*self.found[-1]):
                return
        at = len(self.lines) - 1
        # With the rule that opens it.
        while at and RULE.match(STAMP.sub("", self.lines[at - 1])):
            at -= 1
        self.found.append((kind, at))

    def _end(self, kind, at):
        """The index after the last line of the report that begins at @at."""
        end = ENDS.get(kind, TRACE_END)
        stop = min(len(self.lines), at + LINES_MAX)
        for i in range(at + 2, stop):
            if end.search(STAMP.sub("", self.lines[i])):
                return i + 1
        return stop

    def first(self):
        """(status, text) of the first report, or None. The first one counts: a
        panic that follows an oops is an oops."""
        if not self.found:
            return None
        kind, at = self.found[0]
        return kind, "\n".join(self.lines[at : self._end(kind, at)])
