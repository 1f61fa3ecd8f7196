# SPDX-License-Identifier: GPL-2.0-only
"""What the host tests share: a machine, a client, and their clean-up."""
import json
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest

# Generous: nothing here is about speed, and the machine may be busy.
LIMIT = 60

NOBODY = 65534
AS_NOBODY = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

# What Lab.mode() found, for each gpcvm.
MODES = {}


def note_failed(name):
    """For the end of `make test`, which would have to be looked for else."""
    path = os.environ.get("GPCVM_FAILED")
    if path:
        with open(path, "a") as f:
            f.write(name + "\n")


class Skip(unittest.SkipTest):
    """This host cannot run the test; the message says why."""


def eventually(what, fn, limit=LIMIT):
    """Call fn until it returns something true; its value."""
    end = time.monotonic() + limit
    while True:
        value = fn()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(0.01)


def fnv1a(data):
    """What `guest N hash` computes: FNV-1a over 64-bit words."""
    h = 0xcbf29ce484222325
    for i in range(0, len(data), 8):
        word = int.from_bytes(data[i:i + 8], "little")
        h = (h ^ word) * 0x100000001b3 & (1 << 64) - 1
    return h


class Client:
    """One connection to a control socket: its path, or a socket that is
    connected to it."""

    def __init__(self, to):
        if isinstance(to, socket.socket):
            self.sock = to
            to.settimeout(LIMIT)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(LIMIT)
            self.sock.connect(to)
        self.buf = self.raw = b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """The next line, parsed, and as it came in self.raw; None at the end
        of the connection."""
        while b"\n" not in self.buf:
            part = self.sock.recv(65536)
            if not part:
                return None
            self.buf += part
        self.raw, self.buf = self.buf.split(b"\n", 1)
        return json.loads(self.raw)

    def reply(self):
        """The next reply: events in between are passed over."""
        while True:
            line = self.line()
            if line is None or "ok" in line:
                return line

    def cmd(self, line):
        self.send(line + "\n")
        return self.reply()

    def ok(self, line):
        r = self.cmd(line)
        assert r and r["ok"], f"{line}: {r}"
        return r

    def fails(self, line, kind, *words):
        r = self.cmd(line)
        assert r and not r["ok"], f"{line}: {r}"
        assert r["error"]["kind"] == kind, f"{line}: {r}"
        for w in words:
            assert w in r["error"]["message"], f"{line}: no '{w}' in {r}"
        return r["error"]

    def pipeline(self, lines):
        """Send all lines at once; the replies to them, in order."""
        data = "".join(line + "\n" for line in lines).encode()
        sender = threading.Thread(target=self.sock.sendall, args=(data,))
        sender.start()
        replies = [self.reply() for _ in lines]
        sender.join(LIMIT)
        return replies

    def half_close(self):
        """Nothing more will be sent; replies can still come."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()


class Events(Client):
    """A connection that is sent events as they happen."""

    def __init__(self, to):
        super().__init__(to)
        self.last = self.ok("subscribe")["last"]
        self.seen = []

    def until(self, *words, of=None, limit=LIMIT):
        """The next event whose text has all of words, of that type."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            e = self.line()
            assert e, f"the connection ended before {words}: {self.seen}"
            self.seen.append(e)
            if of in (None, e["event"]) and \
                    all(w in e["text"] for w in words):
                return e
        raise AssertionError(f"no event {words} in {self.seen[-50:]}")

    def none_before(self, m, of):
        """No event of that type up to now."""
        m.ok("help status")
        self.until("help status", of="control")
        bad = [e for e in self.seen if e["event"] == of]
        assert not bad, bad


class Talk:
    """What is said to a machine through self.client."""

    client = None

    def cmd(self, line):
        return self.client.cmd(line)

    def ok(self, line):
        return self.client.ok(line)

    def fails(self, line, kind, *words):
        return self.client.fails(line, kind, *words)

    def alive(self):
        return self.ok("status")

    def healthy(self):
        """It lives, and every pv page is fresh."""
        self.alive()
        r = self.ok("check all")
        assert r["verdict"] == "fresh", r
        return r

    def page(self, name):
        """Its row of `gpc`."""
        rows = [p for p in self.ok("gpc")["pages"] if p["name"] == name]
        assert len(rows) == 1, f"{name}: {rows}"
        return rows[0]

    def slots(self):
        return self.ok("status")["slots"]

    def check(self, name, verdict="fresh"):
        r = self.ok(f"check {name}")
        assert r["verdict"] == verdict, r
        return r

    def read(self, gpa, length=8, vcpu=0):
        """What the guest reads there."""
        r = self.ok(f"guest {vcpu} read {gpa} {length}")
        return bytes.fromhex(r["data"])


class Machine(Talk):
    """A running gpcvm with a control socket and one client."""

    def __init__(self, lab, *args, connect=True, path=None, **kw):
        self.path = path or os.path.join(lab.dir,
                                         f"control{len(lab.machines)}")
        self.proc = lab.spawn("run", "--control", self.path, *args, **kw)
        lab.machines.append(self)
        self.client = None
        if connect:
            self.client = self.connect()

    def connect(self):
        def attempt():
            try:
                return Client(self.path)
            except (FileNotFoundError, ConnectionRefusedError):
                if self.proc.poll() is not None:
                    raise AssertionError("gpcvm ended: " + self.stderr())
                return None
        return eventually(f"a socket at {self.path}", attempt)

    def alive(self):
        assert self.proc.poll() is None, "gpcvm ended: " + self.stderr()
        return self.ok("status")

    def fds(self):
        """How many files gpcvm has open, its first client's with them."""
        self.alive()
        return len(os.listdir(f"/proc/{self.proc.pid}/fd"))

    def rss(self):
        """Its resident memory in bytes, the guest's not counted."""
        with open(f"/proc/{self.proc.pid}/status") as f:
            kib = dict(line.split(":", 1) for line in f)["RssAnon"].split()[0]
        return int(kib) * 1024

    def events(self):
        """Another connection, which is sent the events."""
        return Events(self.path)

    def wait(self):
        return self.proc.wait(LIMIT)

    def quit(self, code=0):
        self.ok(f"quit {code}")
        assert self.wait() == code, self.stderr()
        assert not os.path.exists(self.path), "the socket is still there"

    def stdout(self):
        return self.proc.out_text()

    def stderr(self):
        return self.proc.err_text()


class Process(subprocess.Popen):
    """With stdout and stderr in files, so that nothing can block."""

    def __init__(self, argv, dir, number, **kw):
        self.out = os.path.join(dir, f"{number}.out")
        self.err = os.path.join(dir, f"{number}.err")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            kw.setdefault("stdin", subprocess.DEVNULL)
            kw.setdefault("stdout", out)
            kw.setdefault("stderr", err)
            super().__init__(argv, **kw)

    def out_text(self):
        with open(self.out, errors="replace") as f:
            return f.read()

    def err_text(self):
        with open(self.err, errors="replace") as f:
            return f.read()


class Lab:
    """What one test uses; closed (and checked) after it."""

    def __init__(self, gpcvm):
        self.gpcvm = gpcvm
        self.root = os.path.dirname(os.path.dirname(os.path.dirname(
            os.path.abspath(__file__))))
        self.dir = tempfile.mkdtemp(prefix="gpcvm-test-")
        self.procs = []
        self.machines = []

    def spawn(self, *args, **kw):
        p = Process([self.gpcvm, *args], self.dir, len(self.procs), **kw)
        self.procs.append(p)
        return p

    def run(self, *args, input=None, limit=LIMIT, **kw):
        """gpcvm ARGS to its end -> (status, stdout, stderr)."""
        r = subprocess.run([self.gpcvm, *args], capture_output=True,
                           text=True, timeout=limit, input=input,
                           stdin=None if input is not None
                           else subprocess.DEVNULL, **kw)
        return r.returncode, r.stdout, r.stderr

    def need_kvm(self):
        try:
            os.close(os.open("/dev/kvm", os.O_RDWR))
        except OSError as e:
            raise Skip(f"/dev/kvm: {e.strerror}") from None

    def need_mode(self, mode):
        self.need_kvm()
        if mode == "anon":
            return
        status, out, err = self.run("run", "--memory", mode, "--dump-dtb",
                                    "/dev/null")
        if status:
            raise Skip(err.strip())

    def machine(self, *args, **kw):
        self.need_kvm()
        return Machine(self, "--quiet", *args, **kw)

    def mode(self):
        """The mode for tests that are not about memory: gmem if it is there."""
        if self.gpcvm not in MODES:
            self.need_kvm()
            status = self.run("run", "--memory", "gmem", "--dump-dtb",
                              "/dev/null")[0]
            MODES[self.gpcvm] = "anon" if status else "gmem"
        return MODES[self.gpcvm]

    def plain(self, *args, **kw):
        """A machine in that mode."""
        return self.machine("--memory", self.mode(), *args, **kw)

    def nobody(self):
        """What gpcvm needs to run as nobody: Popen's arguments, and --device
        with a copy of KVM's device of its own. Needs root."""
        if os.geteuid():
            raise Skip("only root can start gpcvm as another user")
        self.need_kvm()
        os.chmod(self.dir, 0o755)
        own = os.path.join(self.dir, "nobody")
        os.mkdir(own, 0o755)
        device = os.path.join(own, "kvm")
        self.gpcvm = shutil.copy(self.gpcvm, os.path.join(self.dir, "gpcvm"))
        try:
            os.mknod(device, 0o600 | stat.S_IFCHR,
                     os.stat("/dev/kvm").st_rdev)
            os.close(os.open(device, os.O_RDWR))
        except OSError as e:
            raise Skip(f"no copy of /dev/kvm in {own}: {e}") from None
        for path in own, device:
            os.chown(path, NOBODY, NOBODY)
        return own, ["--device", device], AS_NOBODY

    def close(self):
        """The test passed so far: nothing that it started may have failed."""
        for m in self.machines:
            if m.proc.poll() is None:
                m.client = m.connect()
                m.quit()
        for p in self.procs:
            text = p.err_text()
            assert "Sanitizer" not in text and "runtime error" not in text, text
        self.cleanup()

    def cleanup(self):
        """End what still runs; -> what was said on stderr."""
        output = []
        for p in self.procs:
            if p.poll() is None:
                p.kill()
                p.wait()
            text = p.err_text()
            if text:
                output.append(f"stderr of {' '.join(p.args)}:\n{text}")
        self.procs = []
        shutil.rmtree(self.dir, ignore_errors=True)
        return output
