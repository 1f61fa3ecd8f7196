# SPDX-License-Identifier: GPL-2.0-only
"""One boot, one command: `lab run` and `lab shell`."""

import contextlib
import io
import os
import shutil
import socket
import stat
import sys
import tarfile
import termios
import threading
import time

import cache
import kernels
import reports
from machine import BadTimer, Gone, LabError, Machine, make_initramfs

ROOT = os.path.dirname(os.path.dirname(cache.HERE))
# Where gpcvm inside listens for `lab run --control`.
INSIDE = "/run/gpcvm.sock"
# How long to wait for the rest of a report of a kernel that cannot go on.
GRACE_S = 5
BOOTS = 5  # if the timer is miscalibrated
SCAN = "echo scan >/sys/kernel/debug/kmemleak"
FILES_MAX = 1 << 30
# Mounted by agent_mount(), and the files of the agent: agent_setup.c.
RESERVED = ("init", "lab", "dev", "proc", "sys", "tmp", "run", "out")
# CPUs for Linux guests: with two, QEMU 7.2 was seen to leak host state (its GS
# base, for one) into a guest with several vCPUs, when interrupts move from CPU
# to CPU meanwhile.
LINUX_CPUS = 1
NEEDS = "BLK_DEV_INITRD, DEVTMPFS, BINFMT_ELF and two ports of SERIAL_8250"


def gpcvm():
    """The program: $GPCVM, or built from this tree."""
    return os.environ.get("GPCVM") or built("build/gpcvm")


def agent():
    return os.environ.get("GPCVM_LAB_AGENT") or built("build/tests/lab/agent")


def built(name):
    """A program of this tree."""
    cache.tool(["make", "-s", "-C", ROOT, name], f"make {name}", env=cache.env())
    return os.path.join(ROOT, name)


def _place(spec, name):
    """@name as a path in the image; refuses the lab's own paths."""
    name = os.path.normpath(f"/{name}").lstrip("/")
    for own in RESERVED:
        if name == own or name.startswith(own + "/"):
            raise LabError(f"--file {spec}: the lab has its own /{own} there,"
                           " which would hide it: give another PATH")
    return name


def _files(spec):
    """(name in the image, path here) of a file, or of all files in a
    directory."""
    path, _, where = spec.partition(":")
    where = where.strip("/") or os.path.basename(os.path.abspath(path))
    if os.path.isfile(path):
        return [(_place(spec, where), path)]
    if not os.path.isdir(path):
        raise LabError(f"--file {path}: no such file or directory")
    found = []
    for at, _, names in sorted(os.walk(path)):
        below = os.path.join(where, os.path.relpath(at, path))
        found += [(_place(spec, os.path.join(below, n)), os.path.join(at, n))
                  for n in sorted(names)]
    return found


def image_of(kernel, extra=()):
    """The initramfs for @kernel: gpcvm, busybox if there is one, @extra."""
    programs = [("bin/gpcvm", gpcvm())]
    for spec in extra:
        programs += _files(spec)
    return make_initramfs(kernel, agent(), programs, shutil.which("busybox"))


# ---- what comes back


def _stream(to):
    def write(data):
        with contextlib.suppress(BrokenPipeError, ValueError):
            to.buffer.write(data)
            to.buffer.flush()

    return write


def _safe(member, where):
    """Restrict what a tar member may become out here: a plain file inside
    @where."""
    name = os.path.normpath(member.name)
    if name.startswith(("/", "..")) or not member.isfile():
        return None
    return os.path.join(where, name)


def fetch_files(m, where, timeout):
    """The files that the command left in its working directory."""
    if not shutil.which("busybox"):
        cache.say("no busybox here, so none in the image: no files come back")
        return []
    status, out, _ = m.run(["sh", "-c", "ls -A . | head -n 1"], timeout)
    if status or not out:
        return []
    status, data, err = m.run(["tar", "-c", "."], timeout)
    if status:
        raise LabError(f"fetching the files: {err.decode().strip()}")
    names = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            path = _safe(member, where)
            if not path or member.size > FILES_MAX:
                continue
            try:
                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
                with open(path, "wb") as f:
                    shutil.copyfileobj(tar.extractfile(member), f)
                os.chmod(path, member.mode & 0o777)
            except OSError as e:
                raise LabError(f"--out: {path}: {e.strerror}")
            names.append(path)
    return names


# ---- the control socket


class Control:
    """A Unix socket out here that forwards to gpcvm inside."""

    def __init__(self, m, path, timeout):
        self.m, self.path = m, path
        self.listener = socket.socket(socket.AF_UNIX)
        try:
            self._remove_stale()
            self.listener.bind(path)
        except OSError as e:
            raise LabError(f"--control {path}: {e.strerror}")
        os.chmod(path, 0o600)
        self.links, self.answers = [], []
        threading.Thread(target=self._open, args=(timeout,), daemon=True).start()

    def _remove_stale(self):
        """Remove the stale socket of a killed lab."""
        try:
            if not stat.S_ISSOCK(os.lstat(self.path).st_mode):
                return
        except FileNotFoundError:
            return
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.path)
            except ConnectionRefusedError:
                os.unlink(self.path)

    def _open(self, timeout):
        # Accept no connection before gpcvm listens: a first command must not
        # meet a machine that does not exist yet.
        with contextlib.suppress(LabError, OSError):
            self.m.connect(INSIDE, timeout).close()
            self.listener.listen()
            while True:
                client, _ = self.listener.accept()
                inside = self.m.connect(INSIDE, timeout)
                self.links += [client, inside]
                for a, b in ((client, inside), (inside, client)):
                    t = threading.Thread(
                        target=self._copy, args=(a, b), daemon=True
                    )
                    t.start()
                self.answers.append((inside, t))

    @staticmethod
    def _copy(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)

    def close(self):
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        # Forward gpcvm's last replies first, for instance to quit.
        deadline = Deadline(GRACE_S)
        for inside, t in self.answers:
            with contextlib.suppress(OSError):
                inside.shutdown(socket.SHUT_RD)
            t.join(deadline.left())
        for s in (self.listener, *self.links):
            s.close()


# ---- the run


@contextlib.contextmanager
def booted(kernel, args, shell=False):
    """A Machine; its console goes to --console in any case."""
    files = [*args.file, *([kernels.guest_file()] if args.linux else ())]
    image = image_of(kernel, files)
    cpus = args.cpus or (LINUX_CPUS if args.linux else 2)
    m = Machine(kernel, image, cpus, args.mem, args.append, shell)
    try:
        yield m
    finally:
        said = m.close()
        image.close()
        if said:
            cache.say(f"QEMU: {said}")
        if args.console:
            try:
                with open(args.console, "wb") as f:
                    f.write(m.log)
            except OSError as e:
                cache.say(f"--console {args.console}: {e.strerror}")


class Deadline:
    """None: there is none."""

    def __init__(self, seconds):
        self.end = None if seconds is None else time.monotonic() + seconds

    def left(self):
        return None if self.end is None else max(0.0, self.end - time.monotonic())


def cannot_go_on(m):
    """Has the kernel reported something fatal?"""
    return any(k in (reports.PANIC, reports.OOPS, reports.HUNG)
               for k, _ in m.console.found)


def wait_for(m, process, deadline):
    """Wait until the command ends; raises Gone if it does not."""
    m.wait(lambda: process.status is not None or cannot_go_on(m), deadline.left())
    if process.status is None:
        with contextlib.suppress(Gone):
            left = deadline.left()
            process.wait(GRACE_S if left is None else min(GRACE_S, left))
    if process.status is None:
        raise Gone("the kernel cannot go on", reports.TIME_OUT)
    return process.status


def _scan(m, deadline):
    """kmemleak reports what two scans found alike, and nothing younger than
    five seconds (mm/kmemleak.c, MSECS_MIN_AGE)."""
    time.sleep(min(6, deadline.left()))
    for _ in range(2):
        status, _, err = m.run(["sh", "-c", SCAN], deadline.left())
        if status:
            raise LabError(f"--kmemleak: this kernel has none: {err.decode().strip()}")
    out = m.run(["cat", "/sys/kernel/debug/kmemleak"], deadline.left())[1]
    with m.change:
        m.console.feed(out)


def _command(args):
    if not args.control:
        return args.command
    if args.command[:2] != ["gpcvm", "run"]:
        raise LabError(f"--control is for gpcvm run, not {args.command[0]}")
    return [*args.command, "--control", INSIDE]


def _in_machine(m, args, deadline):
    """Run the command inside, and pass on its results."""
    m.ready(deadline.left())
    if args.fault:
        m.fault(args.fault, deadline.left())
    control = Control(m, args.control, deadline.left()) if args.control else None
    try:
        p = m.spawn(_command(args), _stream(sys.stdout), _stream(sys.stderr))
        p.write(b"")
        try:
            status = wait_for(m, p, deadline)
        except BaseException:
            p.kill()
            raise
        if args.kmemleak:
            _scan(m, deadline)
        fetch_files(m, args.out, deadline.left())
        m.reboot(min(10, deadline.left()))
        return status
    finally:
        if control:
            control.close()


def _verdict(m, status, gone):
    """Report what was wrong; returns the lab's exit status."""
    report = m.console.first()
    if report:
        own = "" if gone else f" (the command's own status is {status})"
        status = report[0]
        cache.say(f"the kernel reports: {reports.NAMES[status]}{own}")
        print(report[1], file=sys.stderr)
    elif gone:
        status = gone.status
        when = (f"after the kernel {m.release} was up" if m.release
                else "before the kernel was up")
        cache.say(f"{gone}, {when}; the console's last lines:")
        if gone.status == reports.ENDED and not m.release:
            cache.say("(the lab needs a kernel with " + NEEDS + ")")
        print("\n".join(m.console.lines[-20:]), file=sys.stderr)
    return status


def retried(boot, tries=BOOTS):
    """boot(), repeated if the kernel miscalibrated its timer."""
    for left in range(tries - 1, -1, -1):
        try:
            return boot()
        except BadTimer as e:
            if not left:
                raise
            cache.say(f"{e} Booting again")


def run(kernel, args):
    return retried(lambda: _run_once(kernel, args))


def _run_once(kernel, args):
    deadline, gone, failed, status = Deadline(args.timeout), None, None, 0
    _command(args)
    if not os.path.isdir(args.out):
        raise LabError(f"--out {args.out}: no such directory")
    with booted(kernel, args) as m:
        try:
            status = _in_machine(m, args, deadline)
        except Gone as e:
            gone = e
            if e.status == reports.ENDED or cannot_go_on(m):
                m.await_end(GRACE_S)  # the rest of its report
        except BadTimer:
            raise
        except LabError as e:
            failed = e
    if failed and not m.console.first():
        raise failed
    if failed:  # the kernel's report takes precedence
        cache.say(failed)
    return _verdict(m, status, gone or failed)


def shell(kernel, args):
    if not shutil.which("busybox"):
        raise LabError("lab shell needs busybox: apt-get install busybox-static")
    tty = sys.stdin.isatty()
    old = termios.tcgetattr(0) if tty else None
    cache.say("a prompt inside; exit or Ctrl-D ends the machine")
    try:
        with booted(kernel, args, shell=True) as m:
            with contextlib.suppress(Gone):
                m.wait(lambda: False)
        report = m.console.first()
        return _verdict(m, 0, None) if report else 0
    finally:
        if tty:
            termios.tcsetattr(0, termios.TCSADRAIN, old)


