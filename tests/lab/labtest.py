# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the lab's tests: kernels that stay booted between tests, and
gpcvm machines inside them. A test fails if the kernel reports anything
meanwhile, and the next one gets a freshly booted kernel."""

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

import kernels
import lib
import machine
import session

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, "lab")

LIMIT = 300  # seconds, for anything: the emulated machine is slow
STEP_LIMIT = 1800  # seconds of achieved processor time, for a test
BUILD_LIMIT = 3600  # for steps that may build a kernel first, or wait for a build
CPUS = 2

# Kernels built here: the name, and whether built lean.
BUILT = {
    "lean": ("base", True),
    "debug": ("base", False),
    "reference": ("reference", False),
    "reference-lean": ("reference", True),
}

_boxes = {}
_alive = []


def consoles():
    """The last console lines of each running kernel, for a kernel that
    hangs."""
    return "\n".join(
        f"the console of {box.name}, its last lines:\n"
        + "\n".join(box.m.console.lines[-20:])
        for box in list(_alive) if hasattr(box, "m"))


def heed_interrupts():
    """For a child process: background processes of a shell ignore SIGINT, and
    perhaps so do we."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def processes_in(directory):
    """Processes whose working directory is @directory or below."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cwd"):
        try:
            cwd = os.readlink(path)
        except OSError:
            continue  # it has ended, or is a zombie
        if cwd == directory or cwd.startswith(directory + "/"):
            found.append(path)
    return found


class Guest(lib.Talk):
    """A gpcvm run with a control socket inside a box."""

    def __init__(self, box, number, *args, connect=True, stdin=False):
        self.box = box
        self.path = f"/run/{number}.sock"
        self.proc = box.m.spawn(
            ["gpcvm", "run", "--quiet", "--control", self.path, *args]
        )
        if not stdin:
            self.proc.write(b"")
        self.links = []
        if connect:
            self.client = self.connect()

    def _link(self, make):
        try:
            link = make(self.box.m.connect(self.path, LIMIT))
        except machine.Gone:
            raise AssertionError(f"gpcvm does not listen: {self.stderr()}") from None
        self.links.append(link)
        return link

    def connect(self):
        # A gpcvm that has ended never listens.
        def there():
            if self.proc.status is not None:
                raise AssertionError(
                    f"gpcvm ended, {self.proc.status}: {self.stderr()}"
                )
            return self.box.run("test", "-S", self.path)[0] == 0

        lib.eventually(f"{self.path} in the lab", there, LIMIT)
        return self._link(lib.Client)

    def events(self):
        return self._link(lib.Events)

    def wait(self):
        return self.proc.wait(LIMIT)

    def quit(self, code=0):
        self.ok(f"quit {code}")
        assert self.wait() == code, self.stderr()

    def stderr(self):
        return bytes(self.proc.err).decode("utf-8", "replace")

    def stop(self):
        """Kill it in any state, and close its connections."""
        if self.proc.status is None:
            self.proc.kill(9)
            self.wait()
        for link in self.links:
            link.close()


class Box:
    """A booted kernel. @extra: like --file of lab run; @linux: like its
    --linux."""

    def __init__(self, name, gpcvm, extra=(), linux=False):
        os.environ["GPCVM"] = gpcvm
        self.name = name
        self.kernel = kernels.get(*BUILT.get(name, (name,)))
        if linux:
            extra = [*extra, kernels.guest_file()]
        self.image = session.image_of(self.kernel, extra)
        _alive.append(self)
        self.m = session.retried(lambda: self._boot(
            session.LINUX_CPUS if linux else CPUS))
        self.guests, self.count = [], 0
        self.faulty = False

    def _boot(self, cpus):
        self.m = machine.Machine(self.kernel, self.image, cpus)
        try:
            self.m.ready(LIMIT)
        except machine.BadTimer:
            self.m.close()
            raise
        return self.m

    def run(self, *argv, stdin=b""):
        """Run a command inside: (status, stdout, stderr), as text."""
        status, out, err = self.m.run(list(argv), LIMIT, stdin)
        return status, out.decode(), err.decode()

    def sh(self, script):
        """Run a shell script inside, which must succeed; returns its
        output."""
        status, out, err = self.run("sh", "-c", script)
        assert status == 0, f"{script}: {status}: {err}"
        return out

    def fault(self, name):
        """Switch a fault of the kernel on until the end of the test."""
        self.faulty = name != "none"
        self.m.fault(name, LIMIT)

    def guest(self, *args, **kw):
        self.count += 1
        g = Guest(self, self.count, *args, **kw)
        self.guests.append(g)
        return g

    def report(self):
        """The kernel's report, or None."""
        with self.m.change:
            first = self.m.console.first()
        if first:
            time.sleep(1)  # the rest of it
            return self.m.console.first()[1]
        if self.m.ended:
            return "the machine has gone: " + "\n".join(self.m.console.lines[-20:])
        return None

    def settle(self):
        """After a test, check that nothing of it is left."""
        for g in self.guests:
            if not self.m.ended:
                g.stop()
        self.guests = []
        if self.faulty and not self.m.ended:
            self.fault("none")

    def close(self):
        self.m.close()
        self.image.close()
        if self in _alive:
            _alive.remove(self)


def finish():
    """After the last test."""
    for box in _boxes.values():
        box.close()
    _boxes.clear()


def forget(box):
    """Discard it: it can no longer be used."""
    for key in [k for k, b in _boxes.items() if b is box]:
        del _boxes[key]
    box.close()


class Lab:
    """The resources of one test."""

    def __init__(self, gpcvm):
        self.gpcvm = gpcvm
        self.dir = tempfile.mkdtemp(prefix="gpcvm-lab-test-")
        self.root = os.path.dirname(os.path.dirname(HERE))
        self.used = []

    def box(self, name="lean", linux=False, extra=()):
        """Boot a kernel of BUILT, or another of the lab's names. @linux: for
        Linux guests; @extra: as for Box."""
        key = name, linux, extra
        if key not in _boxes:
            _boxes[key] = Box(name, self.gpcvm, extra, linux)
        box = _boxes[key]
        if box not in self.used:
            self.used.append(box)
        return box

    def guest(self, *args, kernel="lean", linux=False, **kw):
        return self.box(kernel, linux).guest(*args, **kw)

    def linux(self, *args, kernel="lean", **kw):
        return self.guest("--guest", "linux", *args, kernel=kernel, linux=True, **kw)

    def breaks(self, box, *words):
        """Wait for a kernel report with all of @words in @box, as the test
        expects; the box cannot be used any more. Returns the report."""
        lib.eventually(f"{box.name} reports", lambda: box.report(), LIMIT)
        text = box.report()
        for w in words:
            assert w in text, (w, text)
        self.used.remove(box)
        forget(box)
        return text

    def private(self, *args, kernel="lean", **kw):
        return self.guest("--memory", "gmem-private", *args, kernel=kernel, **kw)

    def tool(self, *args, **kw):
        """tests/lab/lab ARGS -> (status, stdout, stderr)."""
        r = subprocess.run(
            [TOOL, *args], capture_output=True, text=True, cwd=self.dir,
            stdin=subprocess.DEVNULL, timeout=BUILD_LIMIT,
            env=dict(os.environ, GPCVM=self.gpcvm), **kw,
        )
        return r.returncode, r.stdout, r.stderr

    def close(self):
        """At the end of a passed test: the machines must end cleanly, and the
        kernels must not have reported anything."""
        for box in self.used:
            for g in box.guests:
                if g.proc.status is None and g.client:
                    g.quit()
        for box in self.used:
            report = box.report()
            assert not report, f"the kernel {box.name} reports:\n{report}"
        self.cleanup()

    def cleanup(self):
        output = []
        for box in self.used:
            for g in box.guests:
                if g.proc.err:
                    output.append(f"stderr of gpcvm in {box.name}:\n{g.stderr()}")
            report = box.report()
            if report:
                output.append(f"{box.name}:\n{report}")
                forget(box)
            else:
                box.settle()
        shutil.rmtree(self.dir, ignore_errors=True)
        return output
