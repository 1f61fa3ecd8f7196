# SPDX-License-Identifier: GPL-2.0-only
"""How far a run of tests has come, and an end to one that gets nowhere.

Each step has a limit. It is not one of time but of what the machine achieves
meanwhile: where this process gets half a CPU, it is twice as long. A step that
takes longer fails: what waits in the main thread gets Stalled, and if that does
not end the step either, the whole run ends."""

import glob
import os
import signal
import sys
import threading
import time

EVERY_S = 5  # between two looks at what the machine achieves
PROBE_S = 0.05  # of work, for a look
SHARE_MIN = 0.1  # a step takes at most so much longer than its limit: 1 / 0.1
GRACE_S = 120  # for the end of a step that has been stopped


class Stalled(AssertionError):
    """A step was not over in time."""


def share():
    """Which part of a CPU this process gets if it wants one."""
    start, cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - cpu < PROBE_S:
        pass
    took = time.monotonic() - start
    return max(SHARE_MIN, min(1.0, PROBE_S / took))


def children():
    """Processes that this one has started, whichever thread did."""
    for path in glob.glob("/proc/self/task/*/children"):
        with open(path) as f:
            yield from map(int, f.read().split())


class Watch:
    """The steps of this process. @tell() says more of one that stalls, such as
    what is on the consoles of the lab; @out is where it is seen at once."""

    def __init__(self, limit, tell=lambda: "", out=sys.__stdout__):
        self.limit, self.tell, self.out = limit, tell, out
        self.what, self.used, self.started = None, 0.0, 0.0

    def start(self):
        """In this process, whose main thread calls this."""
        signal.signal(signal.SIGUSR1, self._raise)
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def at(self, what):
        """The next step; None: nothing that has a limit."""
        self.what, self.used, self.started = what, 0.0, time.monotonic()

    def _text(self):
        took = time.monotonic() - self.started
        return (f"{self.what}: not over after {took:.0f} s, of which this machine"
                f" had time for {self.used:.0f} s (limit {self.limit:.0f} s)")

    def _say(self, text):
        print(f"STALLED {text}", file=self.out, flush=True)

    def _raise(self, *_):
        raise Stalled(self._text())

    def _run(self):
        while True:
            time.sleep(EVERY_S)
            what = self.what
            if what is None:
                continue
            self.used += (EVERY_S + PROBE_S) * share()
            if self.used > self.limit and self.what == what:
                self._stop(what)

    def _stop(self, what):
        self._say(f"{self._text()}\n{self.tell()}")
        os.kill(os.getpid(), signal.SIGUSR1)
        end = time.monotonic() + GRACE_S
        while self.what == what and time.monotonic() < end:
            time.sleep(0.1)
        if self.what == what:
            self._say(f"{what}: it cannot be stopped; the run ends here")
            for child in children():
                os.kill(child, signal.SIGKILL)
            os._exit(1)
