# SPDX-License-Identifier: GPL-2.0-only
"""A kernel booted under QEMU's software emulation, and commands run in it."""

import ctypes
import errno
import itertools
import os
import re
import selectors
import signal
import socket
import struct
import subprocess
import threading
import time

import frames
import hosttsc
import initramfs
import reports

# TCG can emulate EPYC-Rome with SVM, and KVM works inside it.
QEMU = "qemu-system-x86_64"
# Without XSAVE and the features that need it: QEMU before 8.2 does not check
# the intercept of XSETBV (target/i386/tcg/translate.c, "target/i386: check
# intercept for XSETBV"). A guest then sets the host's XCR0 behind KVM's back,
# and CPUID returns wrong sizes to the guest: Linux warns of an "XSAVE
# consistency problem", and 7.3 panics.
NO_XSAVE = "-xsave,-xsaveopt,-xsavec,-xgetbv1,-avx,-avx2,-f16c,-fma"
QEMU_ARGS = (
    "-nodefaults -no-user-config -display none -no-reboot"
    " -accel tcg,thread=multi -cpu EPYC-Rome,+svm,+npt," + NO_XSAVE
).split()
# panic=-1: reboot at once, which -no-reboot turns into QEMU's exit.
# nowatchdog: the kernel compares the emulated TSC with timers that are
# emulated more slowly, and would warn about nothing. no_timer_check: the boot
# checks that a timer interrupt comes in time, and panics on a loaded machine
# (arch/x86/kernel/apic/io_apic.c, check_timer). apic=verbose: the kernel logs
# the frequency that it measured for the APIC's timer.
APPEND = ("console=ttyS0 panic=-1 ignore_loglevel tsc=nowatchdog no_timer_check"
          " apic=verbose")
# The timer frequency of QEMU's APIC (hw/intc/apic.c: a tick is a nanosecond),
# and the allowed error of the kernel's measurement.
TIMER_MHZ, TIMER_OFF = 1000, 0.1
TIMER = re.compile(rb"host bus clock speed is (\d+\.\d+) MHz")
# The interval of interrupts from outside: Machine._beat().
BEAT_S = 0.25
# arch/x86/include/asm/setup.h; the kernel truncates longer ones.
COMMAND_LINE_SIZE = 2048
PR_SET_PDEATHSIG = 1
# The reference kernel's test-only faults: virt/kvm/gpc_test.c there.
TEST = "/sys/kernel/debug/kvm/test"
FAULT = TEST + "/fault"


class LabError(Exception):
    """The lab itself failed, not the command in it."""

    def __init__(self, text, status=reports.LAB_FAILED):
        super().__init__(text)
        self.status = status


class Gone(LabError):
    """The machine is gone: time-out, panic, end."""


class BadTimer(LabError):
    """Boot again: the kernel miscalibrated its timer.

    It compares the APIC's timer with ACPI's, both emulated, and on a loaded machine
    time passes between the two reads (arch/x86/kernel/apic/apic.c,
    calibrate_APIC_clock). If it takes the timer for slower than it is, interrupts
    come too early from then on, repeatedly before they are due; guests of that
    kernel make no progress, even after the load is gone."""


def wrong_timer(log):
    """The timer's MHz in the console @log, if too far off."""
    said = TIMER.search(log)
    mhz = float(said[1]) if said else TIMER_MHZ
    return mhz if abs(mhz / TIMER_MHZ - 1) > TIMER_OFF else None


def _known_tsc():
    """The TSC frequency for the kernel, which then need not measure it.
    Measured with an emulated timer on a loaded machine it is too low, and the
    kernel's clock runs fast for good: time limits expire early, and the ticks
    of a Linux guest arrive faster than it handles them, so that it makes no
    progress. The kernel accepts its own later refinement if that is within a
    percent (arch/x86/kernel/tsc.c)."""
    khz = hosttsc.khz()
    return f" tsc_early_khz={khz}" if khz else ""


# The host CPU for the next lab with one CPU.
_turns = itertools.count(os.getpid())


def _host_cpu(cpus):
    """Choose the host CPU for all threads of a lab with one CPU; None for more.

    QEMU's VMRUN sets a bit of interrupt_request without the lock that other
    threads take to raise interrupts, by an OR without LOCK prefix
    (target/i386/tcg/sysemu/svm_helper.c, helper_vmrun; seen in Debian's 7.2). If
    another thread sets a bit on another host CPU meanwhile, that bit is lost, and the
    interrupt stays in the APIC's IRR until the next one comes. Losing the timer's
    interrupt stops all timers of the kernel: nothing preempts the running thread, so a
    vCPU that spins may run forever, and no next interrupt comes. On one host CPU, no
    thread can run between the read and the write of one instruction."""
    if cpus != 1:
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[next(_turns) % len(allowed)]


def _prepare(host_cpu):
    """Run in the child process before it executes QEMU."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if host_cpu is not None:
        os.sched_setaffinity(0, [host_cpu])


def _applets(busybox):
    r = subprocess.run([busybox, "--list"], capture_output=True, text=True)
    return [a for a in r.stdout.split() if a != "busybox"]


def make_initramfs(kernel, agent, programs=(), busybox=None):
    """@programs: pairs of (name in the image, path here), installed as
    executables. Returns a finished Initramfs."""
    image = initramfs.Initramfs()
    image.add_file("init", agent, 0o755)
    if busybox:
        image.add_file("bin/busybox", busybox, 0o755)
        for applet in _applets(busybox):
            image.link(f"bin/{applet}", "busybox")
    for name, path in programs:
        image.add_file(name, path)
    names = []
    for path in kernel.load:
        names.append("/lab/" + os.path.basename(path))
        image.add_file(names[-1][1:], path, 0o644)
    image.add("lab/modules", "".join(n + "\n" for n in names).encode(), 0o644)
    image.done()
    return image


class Process:
    """A command inside; its output is collected, or passed on as it
    arrives."""

    def __init__(self, machine, ident, on_out=None, on_err=None):
        self.machine, self.ident = machine, ident
        self.out, self.err = bytearray(), bytearray()
        self.sinks = {frames.STDOUT: on_out, frames.STDERR: on_err}
        self.status = None  # as a shell would report it
        self.errno = 0  # the reason that it did not start

    def on_frame(self, kind, data):
        if kind in (frames.STDOUT, frames.STDERR):
            keep = self.out if kind == frames.STDOUT else self.err
            if self.sinks[kind]:
                self.sinks[kind](data)
            else:
                keep += data
        elif kind == frames.EXITED:
            word = struct.unpack("<I", data)[0]
            if word >> 31:
                self.status, self.errno = 126, word & 0xFFFF
                self.err += os.strerror(self.errno).encode() + b"\n"
            elif os.WIFSIGNALED(word):
                self.status = 128 + os.WTERMSIG(word)
            else:
                self.status = os.WEXITSTATUS(word)
            self.machine.forget(self.ident)

    def write(self, data):
        self.machine.send(frames.STDIN, self.ident, data)

    def kill(self, signo=signal.SIGTERM):
        self.machine.send(frames.SIGNAL, self.ident, bytes([signo]))

    def wait(self, timeout=None):
        self.machine.wait(lambda: self.status is not None, timeout)
        return self.status


class Link:
    """A connection to a Unix socket inside; the other end of a socketpair
    outside is self.sock."""

    def __init__(self, machine, ident, sock):
        self.machine, self.ident = machine, ident
        self.errno = None  # 0: open
        self.sock, self.over = sock, False

    def on_frame(self, kind, data):
        if kind == frames.OPENED:
            self.errno = struct.unpack("<I", data)[0]
            if self.errno:
                self.machine.forget(self.ident)
        elif kind == frames.DATA and data:
            try:
                self.sock.sendall(data)
            except OSError:
                pass  # no reader any more: drop the data
        elif kind == frames.DATA:
            self.over = True
            self.machine.forget(self.ident)
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pump(self):
        """Copy from outside to inside, in a separate thread."""
        while True:
            try:
                data = self.sock.recv(frames.MAX)
            except OSError:
                data = b""
            if not self.over:
                self.machine.send(frames.DATA, self.ident, data)
            if not data:
                return


class Machine:
    """Starts to boot at once; ready() waits for the agent inside."""

    def __init__(self, kernel, image, cpus=2, mem="1G", append="", shell=False):
        self.console = reports.Console()
        self.log = bytearray()
        self.change = threading.Condition()
        self.items = {}
        self.release = None  # the kernel's, once the agent has started
        self.ended = False
        self.started = time.monotonic()
        self.ready_after = None
        ours, theirs = zip(*(socket.socketpair() for _ in range(2)))
        self.con, self.port = ours
        self.sending = threading.Lock()
        host_cpu = _host_cpu(cpus)
        args = self._args(kernel, image, cpus, mem, append, theirs)
        if shell:
            args[-1] += " lab-shell"
            args += "-chardev stdio,id=sh,signal=off -serial chardev:sh".split()
        try:
            self.qemu = subprocess.Popen(
                args,
                stdin=None if shell else subprocess.DEVNULL,
                stdout=None if shell else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[image.fd, *(s.fileno() for s in theirs)],
                preexec_fn=lambda: _prepare(host_cpu),
            )
        except OSError as e:
            raise LabError(f"{QEMU}: {e.strerror}: apt-get install qemu-system-x86")
        finally:
            for s in theirs:
                s.close()
        for target in (self._read, self._beat):
            threading.Thread(target=target, daemon=True).start()

    @staticmethod
    def _args(kernel, image, cpus, mem, append, socks):
        args = [QEMU, *QEMU_ARGS, "-smp", str(cpus), "-m", mem]
        for name, sock in zip(("con", "lab"), socks):
            args += ["-chardev", f"socket,id={name},fd={sock.fileno()}"]
            args += ["-serial", f"chardev:{name}"]
        args += ["-kernel", kernel.image]
        args += ["-initrd", f"/proc/self/fd/{image.fd}"]
        append = f"{APPEND}{_known_tsc()} {append}".strip()
        if len(os.fsencode(append)) >= COMMAND_LINE_SIZE:
            raise LabError(f"--append: the kernel's command line would have"
                           f" {len(os.fsencode(append))} bytes, and it takes"
                           f" {COMMAND_LINE_SIZE - 1}")
        return args + ["-append", append]

    # ---- what comes

    def _read(self):
        sel = selectors.DefaultSelector()
        reader = frames.Reader()
        for s in (self.con, self.port):
            sel.register(s, selectors.EVENT_READ)
        while sel.get_map():
            for key, _ in sel.select():
                try:
                    data = key.fileobj.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    sel.unregister(key.fileobj)
                elif key.fileobj is self.con:
                    with self.change:
                        self.log += data
                        self.console.feed(data)
                        self.change.notify_all()
                else:
                    self._frames(reader, data)
        with self.change:
            self.console.finish()
            self.ended = True
            for item in list(self.items.values()):
                if isinstance(item, Link):
                    item.on_frame(frames.DATA, b"")
            self.change.notify_all()

    def _frames(self, reader, data):
        try:
            got = list(reader.feed(data))
        except ValueError as e:
            # Something else writes to the agent's port: give up.
            with self.change:
                self.console.feed(f"\nlab: on the second serial port: {e}\n".encode())
            self.qemu.kill()
            return
        for kind, ident, payload in got:
            with self.change:
                if kind == frames.HELLO:
                    self.release = payload[len(frames.MAGIC) :].decode()
                    self.ready_after = time.monotonic() - self.started
                elif ident in self.items:
                    self.items[ident].on_frame(kind, payload)
                self.change.notify_all()

    def forget(self, ident):
        self.items.pop(ident, None)

    def cpu_seconds(self):
        """QEMU's CPU time; 0 after its end."""
        try:
            with open(f"/proc/{self.qemu.pid}/stat") as f:
                times = f.read().rpartition(")")[2].split()[11:13]  # proc(5)
        except OSError:
            return 0.0
        return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")

    def _beat(self):
        """Interrupt the machine, so that it also takes an interrupt that QEMU
        has lost: see _host_cpu(), which does nothing for several CPUs."""
        with self.change:
            self.change.wait_for(lambda: self.release or self.ended)
        while not self.ended:
            time.sleep(BEAT_S)
            self.send(frames.BEAT, 0)

    # ---- what is asked

    def wait(self, cond, timeout=None):
        """Wait for @cond; raises Gone if the machine ends or the time is
        up."""
        with self.change:
            if not self.change.wait_for(lambda: cond() or self.ended, timeout):
                raise Gone("the time is up", self._late())
            if not cond():
                raise Gone("the machine has ended", reports.ENDED)

    def _late(self):
        return reports.TIME_OUT if self.release else reports.NO_BOOT

    def ready(self, timeout):
        """Wait for the agent; raises BadTimer if the timer is
        miscalibrated."""
        self.wait(lambda: self.release, timeout)
        mhz = wrong_timer(self.log)
        if mhz:
            raise BadTimer(f"the kernel takes its timer for one of {mhz} MHz,"
                           f" not {TIMER_MHZ}: is this machine that loaded?",
                           reports.NO_BOOT)

    def send(self, kind, ident, data=b""):
        try:
            with self.sending:  # in one piece
                self.port.sendall(frames.pack(kind, ident, data))
        except OSError:
            pass  # it has ended; the waiting thread reports it

    def _new(self, make):
        with self.change:
            ident = next((i for i in range(256) if i not in self.items), None)
            if ident is None:
                raise LabError("too many processes and connections in the lab")
            self.items[ident] = item = make(ident)
        return item

    def spawn(self, argv, on_out=None, on_err=None):
        words = b"".join(os.fsencode(a) + b"\0" for a in argv)
        p = self._new(lambda i: Process(self, i, on_out, on_err))
        self.send(frames.ARGS, p.ident, words)  # in several, if need be
        self.send(frames.EXEC, p.ident)
        return p

    def write(self, path, text, timeout=None):
        """Write to an existing file inside; returns 0 or an errno."""
        p = self._new(lambda i: Process(self, i))
        self.send(frames.WRITE, p.ident, os.fsencode(path) + b"\0" + text.encode())
        p.wait(timeout)
        return p.errno

    def fault(self, name, timeout=None):
        """Switch on a fault of the reference kernel; "none" switches all
        off."""
        r = self.write(FAULT, name, timeout)
        if r == errno.EINVAL:
            raise LabError(f"--fault {name}: this kernel has no such fault;"
                           f" {FAULT} lists them", reports.NO_FAULT)
        if r:
            raise LabError(f"--fault {name}: {FAULT}: {os.strerror(r)}: it takes"
                           " --kernel reference, with CONFIG_KVM_GPC_TEST",
                           reports.NO_FAULT)

    def run(self, argv, timeout=None, stdin=b""):
        """(status, stdout, stderr)"""
        p = self.spawn(argv)
        if stdin:
            p.write(stdin)
        p.write(b"")
        p.wait(timeout)
        return p.status, bytes(p.out), bytes(p.err)

    def connect(self, path, timeout=60):
        """A socket connected to the Unix socket @path inside; waits until
        somebody listens there."""
        end = time.monotonic() + timeout
        while True:
            ours, theirs = socket.socketpair()
            link = self._new(lambda i, s=theirs: Link(self, i, s))
            self.send(frames.CONNECT, link.ident, os.fsencode(path))
            self.wait(lambda: link.errno is not None, timeout)
            if not link.errno:
                threading.Thread(target=link.pump, daemon=True).start()
                return ours
            ours.close()
            theirs.close()
            if time.monotonic() > end:
                raise Gone(
                    f"{path}: {os.strerror(link.errno)}", reports.TIME_OUT
                )
            time.sleep(0.02)

    # ---- the end

    def reboot(self, timeout=10):
        """Let the machine shut down, and wait for QEMU's exit."""
        self.send(frames.REBOOT, 0)
        self.await_end(timeout)

    def await_end(self, timeout):
        with self.change:
            self.change.wait_for(lambda: self.ended, timeout)

    def close(self):
        """Kill QEMU in any state; returns its error messages, if any."""
        if self.qemu.poll() is None and not self.ended:
            self.qemu.kill()
        self.await_end(10)
        err = self.qemu.stderr.read().decode("utf-8", "replace")
        self.qemu.stderr.close()
        self.qemu.wait()
        self.con.close()
        self.port.close()
        return "\n".join(
            x for x in err.splitlines() if "TCG doesn't support" not in x
        )
