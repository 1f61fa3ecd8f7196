# SPDX-License-Identifier: GPL-2.0-only
"""What the lab's tests share: kernels that stay booted from test to test, and
machines of gpcvm inside them. A test fails when the kernel reports anything
meanwhile, and the next one gets a kernel that was booted anew."""

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
STEP_LIMIT = 1800  # of what the machine achieves, for a test
BUILD_LIMIT = 3600  # for what may build a kernel first, or wait for a build
CPUS = 2

# What is built here: the kernel, and whether it is built lean.
BUILT = {
    "lean": ("base", True),
    "debug": ("base", False),
    "reference": ("reference", False),
    "reference-lean": ("reference", True),
}

_boxes = {}
_alive = []


def consoles():
    """The last that each kernel that runs has said, for one that says no more."""
    return "\n".join(
        f"the console of {box.name}, its last lines:\n"
        + "\n".join(box.m.console.lines[-20:])
        for box in list(_alive) if hasattr(box, "m"))


def heed_interrupts():
    """For a child: what a shell starts in the background ignores SIGINT, and so
    do we, if we are that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def processes_in(directory):
    """Processes that work in @directory or below."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cwd"):
        try:
            cwd = os.readlink(path)
        except OSError:
            continue  # it has ended meanwhile, or is a zombie
        if cwd == directory or cwd.startswith(directory + "/"):
            found.append(path)
    return found


class Guest(lib.Talk):
    """A gpcvm run with a control socket, in a box."""

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
        # A gpcvm that has ended will never listen.
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
        """Whatever state it is in: gone, connections closed."""
        if self.proc.status is None:
            self.proc.kill(9)
            self.wait()
        for link in self.links:
            link.close()


class Box:
    """A booted kernel. @extra: as --file of lab run; @linux: as its --linux."""

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
        """(status, stdout, stderr) of a command inside, as text."""
        status, out, err = self.m.run(list(argv), LIMIT, stdin)
        return status, out.decode(), err.decode()

    def sh(self, script):
        """A shell script inside that must succeed; what it printed."""
        status, out, err = self.run("sh", "-c", script)
        assert status == 0, f"{script}: {status}: {err}"
        return out

    def fault(self, name):
        """Have the kernel make that mistake, to the end of the test."""
        self.faulty = name != "none"
        self.m.fault(name, LIMIT)

    def guest(self, *args, **kw):
        self.count += 1
        g = Guest(self, self.count, *args, **kw)
        self.guests.append(g)
        return g

    def report(self):
        """What the kernel has said is wrong, or None."""
        with self.m.change:
            first = self.m.console.first()
        if first:
            time.sleep(1)  # the rest of it
            return self.m.console.first()[1]
        if self.m.ended:
            return "the machine has gone: " + "\n".join(self.m.console.lines[-20:])
        return None

    def settle(self):
        """After a test: nothing of it is left."""
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
    """Of no use any more."""
    for key in [k for k, b in _boxes.items() if b is box]:
        del _boxes[key]
    box.close()


class Lab:
    """What one test uses."""

    def __init__(self, gpcvm):
        self.gpcvm = gpcvm
        self.dir = tempfile.mkdtemp(prefix="gpcvm-lab-test-")
        self.root = os.path.dirname(os.path.dirname(HERE))
        self.used = []

    def box(self, name="lean", linux=False, extra=()):
        """A kernel of BUILT, or another of the lab's by name; @linux: for Linux
        guests; @extra: as Box has it."""
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
        """The kernel of @box reports something with all of @words, as the test
        wants it to; the box is of no use any more. Returns the report."""
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
        """The test passed so far: the machines end cleanly, and the kernels
        have nothing to say."""
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
