# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm at a terminal: it restores what it changes."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

import lib


def shell(lab, end, path):
    """Run gpcvm in the foreground of the terminal on stdin, like a shell ->
    what became of both."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    before = termios.tcgetattr(0)

    def job():
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    proc = lab.spawn("run", "--quiet", "--no-guard", "--memory", lab.mode(),
                     "--control", path, stdin=0, preexec_fn=job)

    def attempt():
        try:
            return lib.Client(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
    client = lib.eventually("a socket", attempt)
    client.ok("guest 0 nop")
    while_running = termios.tcgetattr(0)
    end(proc, client)
    _, status = os.waitpid(proc.pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        proc.kill()
    proc.returncode = 0  # Popen must not wait for it as well
    os.tcsetpgrp(0, os.getpgrp())
    return {"stopped": os.WIFSTOPPED(status),
            "status": os.waitstatus_to_exitcode(status)
            if not os.WIFSTOPPED(status) else None,
            "changed": while_running != before,
            "restored": termios.tcgetattr(0) == before,
            "socket": os.path.exists(path)}


def at_terminal(lab, end):
    """shell() in a session with a terminal of its own."""
    mode = lab.mode()
    master, slave = pty.openpty()
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        answer = {"error": "?"}
        try:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            os.dup2(slave, 0)
            answer = shell(lab, end, os.path.join(lab.dir, f"tty-{mode}"))
        except BaseException as e:  # the test is another process
            answer = {"error": repr(e)}
        finally:
            os.write(w, json.dumps(answer).encode())
            os._exit(0)
    os.close(w)
    os.close(slave)
    with os.fdopen(r) as f:
        answer = json.loads(f.read())
    os.waitpid(pid, 0)
    os.close(master)
    assert "error" not in answer, answer
    return answer


def check(answer, status):
    assert answer == {"stopped": False, "status": status, "changed": True,
                      "restored": True, "socket": False}, answer


def triple_fault(_, client):
    cr3 = client.ok("vcpu 0 regs")["cr3"]
    client.send(f"guest 0 fill {cr3} 4K 0\n")


@pytest.mark.short
def test_the_terminal_is_as_before_after_quit(lab):
    check(at_terminal(lab, lambda proc, c: c.ok("quit 2")), 2)


def test_the_terminal_is_as_before_after_a_signal(lab):
    for sig in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        check(at_terminal(lab, lambda proc, c: proc.send_signal(sig)),
              128 + sig)


@pytest.mark.alone
def test_the_terminal_is_as_before_after_a_triple_fault(lab):
    check(at_terminal(lab, triple_fault), 10)


def test_quit_ends_a_machine_that_was_put_into_the_background(lab):
    def end(_, client):
        os.tcsetpgrp(0, os.getpgrp())  # as the shell does after Ctrl-Z
        client.ok("quit 3")
    answer = at_terminal(lab, end)
    assert not answer["stopped"], "stopped by the terminal (SIGTTOU)"
    assert answer["status"] == 3 and not answer["socket"], answer


def test_a_machine_in_the_background_leaves_the_terminal_alone(lab):
    master, slave = pty.openpty()  # nobody's controlling terminal
    try:
        before = termios.tcgetattr(slave)
        m = lab.plain(stdin=slave)
        m.healthy()
        assert termios.tcgetattr(slave) == before
        m.quit()
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)


# ---- the prompt of gpcvm ctl ------------------------------------------------

LEFT, RIGHT, UP, DOWN = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B"
CTRL = {c: bytes([ord(c) & 31]) for c in "ACDEGHKPRUWZ"}


class Prompt:
    """gpcvm ctl at a terminal of its own; what it prints goes to a screen of one
    endless page, of which there is always the last row."""

    def __init__(self, lab, path, *args, columns=80, **env):
        self.master, slave = pty.openpty()
        self.resize(columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.state = os.path.join(lab.dir, "state")
        env = dict({"TERM": "xterm", "XDG_STATE_HOME": self.state, "PATH": "/bin"},
                   **env)

        def own():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        self.proc = subprocess.Popen(
            [lab.gpcvm, "ctl", *args, path], stdin=slave, stdout=slave,
            stderr=slave, env={k: v for k, v in env.items() if v is not None},
            preexec_fn=own)
        self.raw, self.rows, self.column = b"", [""], 0
        self.typed = self.bells = 0
        self.until("gpcvm> ")

    def resize(self, columns):
        self.columns = columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, columns, 0, 0))

    def read(self):
        try:
            self.raw += os.read(self.master, 65536)
        except OSError:
            return False  # nobody has it open any more
        # Whole characters and sequences; the rest of one is to come.
        text = self.raw.decode("utf-8", "ignore")
        whole = re.match(r"(?:[^\x1b]|\x1b\[[0-9;]*[A-Za-z])*", text).group()
        self.raw = self.raw[len(whole.encode()):]
        for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[^\x1b]", whole):
            self.put(part)
        return True

    def put(self, part):
        row = self.rows[-1]
        if part == "\r":
            self.column = 0
        elif part == "\a":
            self.bells += 1
        elif part == "\t":
            self.column = self.column // 8 * 8 + 8
        elif part == "\n":
            self.rows.append("")
            self.column = 0
        elif part == "\x1b[K":
            self.rows[-1] = row[:self.column]
        elif m := re.fullmatch(r"\x1b\[(\d*)C", part):
            self.column += int(m.group(1) or 1)
        elif part.startswith("\x1b["):
            self.rows, self.column, self.typed = [""], 0, 0  # the screen was cleared
        else:
            assert part.isprintable(), f"{part!r} on {self.rows}"
            row = row.ljust(self.column)
            self.rows[-1] = row[:self.column] + part + row[self.column + 1:]
            self.column += 1

    def until(self, last, column=None, above=None):
        """The last row is that, the cursor there or at its end; and there is a row
        with @above since the last type()."""
        def there():
            if self.rows[-1].rstrip() == last.rstrip() and \
                    self.column == (len(last) if column is None else column) and \
                    (not above or any(above in row for row in self.rows[self.typed:])):
                return True
            return self.more()
        try:
            lib.eventually(f"{last!r} at the prompt", there, 10)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.rows}, column {self.column}") from None

    def type(self, *keys):
        self.typed = len(self.rows) - 1
        for key in keys:
            os.write(self.master, key if isinstance(key, bytes) else key.encode())

    def tab(self, text):
        """Type that and then a tab, not as a text that is pasted. Wait for what comes
        of it."""
        before = self.rows[-1][:self.column] + text
        self.type(text)
        lib.eventually("what was typed", lambda: self.rows[-1].startswith(before) or
                       self.more())
        self.type("\t")
        seen = self.bells, list(self.rows)
        lib.eventually("what a tab does", lambda: (self.bells, self.rows) != seen or
                       self.more())

    def more(self):
        if select.select([self.master], [], [], 0.05)[0]:
            self.read()

    def enter(self, line, shows=None):
        """Type a line; there is a row with @shows, or a reply, then the prompt."""
        self.type(line, "\r")
        self.until("gpcvm> ", above=shows or "ok ")

    def shows(self, *words):
        """Rows that have all of words."""
        return [row for row in self.rows if all(w in row for w in words)]

    def end(self, *keys, status=0):
        self.type(*keys or [CTRL["D"]])
        lib.eventually("the prompt's end", lambda: not (
            select.select([self.master], [], [], 0.05)[0] and self.read() and
            self.proc.poll() is None) and self.proc.poll() is not None)
        assert self.proc.returncode == status, (self.proc.returncode, self.rows)
        assert termios.tcgetattr(self.slave) == self.before, "the modes differ"
        os.close(self.slave)
        os.close(self.master)

    def history(self):
        with open(os.path.join(self.state, "gpcvm", "history")) as f:
            return f.read()


def test_a_line_is_edited_and_sent(lab):
    m = lab.machine("--memory", "anon")
    p = Prompt(lab, m.path)
    p.type("hlp st", LEFT * 5, "e")
    p.until("gpcvm> help st", 9)
    p.type(CTRL["E"], "atus x", CTRL["W"])
    p.until("gpcvm> help status ")
    p.enter("", "the machine: memory, slots")
    assert p.shows("gpcvm> help status"), p.rows
    p.type("no such thing", CTRL["C"])
    p.until("gpcvm> ", above="gpcvm> no such thing^C")
    # Characters of several bytes are one each.
    p.type("a\u00e9b", LEFT, LEFT, "c")
    p.until("gpcvm> ac\u00e9b", 9)
    p.type(CTRL["U"], CTRL["K"])
    p.until("gpcvm> ")
    p.end()


def test_events_come_above_the_line_that_is_written(lab):
    m = lab.machine("--memory", "anon")
    p = Prompt(lab, m.path)
    p.enter("subscribe")
    p.type("help sta", LEFT)
    p.until("gpcvm> help sta", 14)
    m.ok("help caps")
    p.until("gpcvm> help sta", 14, above="help caps")
    assert p.shows("*", "help caps"), p.rows
    p.end(CTRL["C"], CTRL["D"])


def test_a_long_line_moves_sideways_in_one_row(lab):
    m = lab.machine("--memory", "anon")
    for columns in 20, 40, 200:
        p = Prompt(lab, m.path, columns=columns)
        text = "".join(chr(ord("a") + i % 26) for i in range(300))
        p.type(text)
        room = columns - len("gpcvm> ") - 1
        p.until("gpcvm> " + text[-room:])
        p.type(CTRL["A"])
        p.until("gpcvm> " + text[:room], 7)
        p.resize(columns + 7)
        p.until("gpcvm> " + text[:room + 7], 7)
        p.end(CTRL["C"], CTRL["D"])


def test_a_terminal_that_moves_no_cursor_edits_by_itself(lab):
    m = lab.machine("--memory", "anon")
    for term in None, "", "dumb":
        p = Prompt(lab, m.path, TERM=term)
        assert termios.tcgetattr(p.slave) == p.before
        p.type("help\tcaps\n")
        p.until("gpcvm> ", above="what the host kernel")
        p.end()


@pytest.mark.short
def test_tab_completes_from_the_tables_of_the_machine(lab):
    m = lab.machine("--memory", "anon", "--vcpus", "2")
    p = Prompt(lab, m.path)
    for typed, want in (
            ("stat\t", "status "), ("pun\tcl\t", "punch clock"),
            ("che\tste\t1\tnop\t", "check steal1 nopoke "),
            ("check a\t", "check all "), ("pv clock0 of\t", "pv clock0 off "),
            ("pv clock0 move 0x1000 h\t", "pv clock0 move 0x1000 hva "),
            ("guest 1 can\tclock0 pl\t", "guest 1 canary clock0 plant "),
            ("storm co\t5 pun\t0x1000 pa\t", "storm count 5 punch 0x1000 page "),
            ("help stor\t", "help storm "), ("slot re\t", "slot restore "),
            ("vcpu 0 pa\t", "vcpu 0 pause "), ("nothing\t", "nothing"),
            ("punch 0x1\t", "punch 0x1"), ("quit \t", "quit "), ("\u00e9\t", "\u00e9")):
        for part in typed.split("\t")[:-1]:
            p.tab(part)
        p.until("gpcvm> " + want)
        p.type("|")
        p.until("gpcvm> " + want + "|")
        p.type(CTRL["C"])
        p.until("gpcvm> ", above="^C")
    # In the middle of a line; and a list where several are possible.
    p.type("check x", LEFT, LEFT, LEFT)
    p.tab("")
    p.type("|")
    p.until("gpcvm> check|k x", 13)
    p.type(CTRL["U"], CTRL["K"])
    p.until("gpcvm> ")
    p.tab("guest 0 h")
    p.until("gpcvm> guest 0 h", above="hypercall")
    assert p.shows("hash  ", "hypercall  ", "halt"), p.rows
    p.type(CTRL["U"], "help\tcaps\r")
    p.until("gpcvm> ", above="gpcvm> help caps")
    p.end()
    asked = [e["text"] for e in m.ok("log 1000")["events"] if e["event"] == "control"]
    assert asked.count("storm help") == 1, asked


def test_a_machine_that_does_not_answer_keeps_no_tab_waiting(lab):
    m = lab.machine("--memory", "anon")
    p = Prompt(lab, m.path)
    m.proc.send_signal(signal.SIGSTOP)
    try:
        files = f"/proc/{p.proc.pid}/fd"
        before = len(os.listdir(files))

        def tab():
            p.type("\t")
            lib.eventually("a connection", lambda: len(os.listdir(files)) > before)
        p.type("stat")
        p.until("gpcvm> stat")
        tab()
        p.type("x")
        p.until("gpcvm> statx")
        p.type(CTRL["C"])
        p.until("gpcvm> ", above="^C")
        tab()
        p.proc.send_signal(signal.SIGTERM)
        p.end(b"", status=-signal.SIGTERM)
    finally:
        m.proc.send_signal(signal.SIGCONT)


def test_ctrl_r_searches_the_history(lab):
    m = lab.machine("--memory", "anon")
    p = Prompt(lab, m.path)
    for line in "help caps", "help punch", "help poke":
        p.enter(line)
    p.type("draft", CTRL["R"], "help")
    p.until("(search: 'help') help poke")
    p.type(CTRL["R"])
    p.until("(search: 'help') help punch")
    p.type(" ca")
    p.until("(search: 'help ca') help caps")
    p.type("z")
    p.until("(not found: 'help caz') help caps")
    p.type(CTRL["H"] * 2)
    p.until("(search: 'help c') help caps")
    p.type(CTRL["G"])
    p.until("gpcvm> draft")
    p.type(CTRL["U"], CTRL["R"], "punch", CTRL["A"])
    p.until("gpcvm> help punch", 7)
    p.type(CTRL["C"], CTRL["R"], "caps", "\r")
    p.until("gpcvm> ", above="what the host kernel")
    assert len(p.shows("gpcvm> help caps")) == 2, p.rows
    p.end()


@pytest.mark.short
def test_the_history_is_kept_from_prompt_to_prompt(lab):
    m = lab.machine("--memory", "anon")
    p = Prompt(lab, m.path)
    other = Prompt(lab, m.path)
    for line in "help caps", "help caps":
        p.enter(line)
    p.enter("help \u00e9", "unknown command")
    p.type("\r", "abandoned", CTRL["C"])
    p.until("gpcvm> ", above="abandoned^C")
    p.end()
    other.enter("help poke")
    other.end(b"exit\r")
    assert other.history() == "help caps\nhelp \u00e9\nhelp poke\nexit\n"
    mode = os.stat(os.path.join(p.state, "gpcvm", "history")).st_mode
    assert mode & 0o777 == 0o600, oct(mode)
    p = Prompt(lab, m.path)
    for want in "exit", "help poke", "help \u00e9", "help caps", "help caps":
        p.type(UP)
        p.until("gpcvm> " + want)
    p.end(CTRL["C"], CTRL["D"])
    # The default path; without a home directory, no file.
    p = Prompt(lab, m.path, XDG_STATE_HOME=None, HOME=lab.dir)
    p.end(b"exit\r")
    with open(os.path.join(lab.dir, ".local/state/gpcvm/history")) as f:
        assert f.read() == "exit\n"
    p = Prompt(lab, m.path, XDG_STATE_HOME="relative", HOME=None)
    p.end(b"exit\r")
    assert p.rows[0] == "gpcvm> exit", p.rows
    # Only lines of a terminal.
    status = lab.run("ctl", m.path, input="help poke\n",
                     env={"XDG_STATE_HOME": os.path.join(lab.dir, "piped")})[0]
    assert status == 0 and not os.path.exists(os.path.join(lab.dir, "piped"))


def test_a_history_that_cannot_be_kept_is_told_and_stops_nothing(lab):
    m = lab.machine("--memory", "anon")
    for name, make in (("file", lambda d: open(d, "w").close()),
                       ("directory", lambda d: os.makedirs(d + "/gpcvm/history")),
                       ("link", lambda d: os.symlink("/proc/1/no-such-thing", d))):
        where = os.path.join(lab.dir, name)
        make(where)
        p = Prompt(lab, m.path, XDG_STATE_HOME=where)
        for line in "help caps", "help poke":
            p.enter(line)
        told = p.shows(where, "lines are remembered for this session only")
        assert len(told) == 1, p.rows
        p.type(UP)
        p.until("gpcvm> help poke")
        p.end(CTRL["C"], CTRL["D"])


def test_a_history_from_elsewhere_does_no_harm(lab):
    m = lab.machine("--memory", "anon")
    where = os.path.join(lab.dir, "state", "gpcvm")
    os.makedirs(where)
    lines = [b"help %d" % i for i in range(2000)]
    with open(os.path.join(where, "history"), "wb") as f:
        f.write(b"\n".join([b"\x1b[2Jhelp", *lines, b"x" * 100000, b"\xff\xfe",
                            b"nul\0", b"", b"the last"]))
    p = Prompt(lab, m.path)
    p.type(UP)
    p.until("gpcvm> the last")
    p.type(UP)
    p.until("gpcvm> help 1999")
    p.end(CTRL["C"], CTRL["D"])
    kept = p.history().splitlines()
    assert kept == [f"help {i}" for i in range(1801, 2000)] + ["the last"], kept
    # A FIFO that nobody writes to.
    os.remove(os.path.join(where, "history"))
    os.mkfifo(os.path.join(where, "history"))
    p = Prompt(lab, m.path)
    p.enter("help caps")
    assert p.shows("lines are remembered for this session only"), p.rows
    p.end()
