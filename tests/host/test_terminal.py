# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm at a terminal: it restores what it changes."""
import fcntl
import json
import os
import pty
import signal
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
