# SPDX-License-Identifier: GPL-2.0-only
"""The socket: its users, other files at its path, its removal."""
import os
import signal
import socket
import stat

import pytest

import lib

def refused(lab, path, *words):
    """Check that gpcvm does not start with this --control; returns its
    error."""
    before = os.listdir(lab.dir)
    status, out, err = lab.run("run", "--memory", lab.mode(), "--control",
                               path)
    assert status == 1, (status, err)
    assert out == "" and err.startswith("gpcvm: "), (out, err)
    for w in words:
        assert w in err, (w, err)
    assert os.listdir(lab.dir) == before, "something was left behind"
    return err


@pytest.mark.short
def test_the_socket_is_for_its_owner_only_whatever_the_umask(lab):
    for umask in 0, 0o022, 0o077, 0o777:
        m = lab.plain(umask=umask)
        m.alive()
        st = os.stat(m.path)
        assert stat.S_ISSOCK(st.st_mode)
        assert stat.S_IMODE(st.st_mode) == 0o600, (oct(umask), oct(st.st_mode))
        m.quit()


@pytest.mark.short
def test_the_socket_of_a_killed_gpcvm_is_replaced(lab):
    m = lab.plain()
    # Together with the process that would remove it, as in a power failure.
    os.kill(m.ok("status")["sandbox"]["keeper"]["pid"], signal.SIGKILL)
    m.proc.kill()
    m.wait()
    assert os.path.exists(m.path), "this test needs a stale socket"
    n = lab.plain(path=m.path)
    n.healthy()
    n.quit()


@pytest.mark.short
def test_the_socket_of_a_live_gpcvm_is_not_taken(lab):
    m = lab.plain()
    m.alive()
    for _ in range(3):
        err = refused(lab, m.path, m.path)
        assert "another gpcvm" in err, err
        m.healthy()
    c = m.connect()  # the path still leads to the first one
    assert c.ok("status")["pid"] == m.proc.pid
    c.close()


def test_a_busy_gpcvm_counts_as_live(lab):
    m = lab.plain()
    m.alive()
    m.proc.send_signal(signal.SIGSTOP)
    try:
        refused(lab, m.path, m.path)
    finally:
        m.proc.send_signal(signal.SIGCONT)
    m.healthy()


def test_another_program_that_listens_is_not_replaced(lab):
    path = os.path.join(lab.dir, "other")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen(1)
        refused(lab, path, path)
        assert os.path.exists(path)


def test_what_is_no_socket_is_left_alone(lab):
    path = os.path.join(lab.dir, "precious")
    with open(path, "w") as f:
        f.write("do not touch")
    refused(lab, path, path, "not a socket")
    with open(path) as f:
        assert f.read() == "do not touch"
    link = os.path.join(lab.dir, "link")
    os.symlink(path, link)
    refused(lab, link, link)
    assert os.readlink(link) == path
    fifo = os.path.join(lab.dir, "fifo")
    os.mkfifo(fifo)
    refused(lab, fifo, fifo)
    refused(lab, lab.dir, lab.dir)
    dangling = os.path.join(lab.dir, "dangling")
    os.symlink(os.path.join(lab.dir, "nothing"), dangling)
    refused(lab, dangling, dangling)


@pytest.mark.short
def test_a_path_that_cannot_be_made_is_refused(lab):
    refused(lab, "", "--control")
    refused(lab, os.path.join(lab.dir, "no", "where"), "no/where",
            "No such file")
    refused(lab, "/proc/gpcvm-control", "/proc/gpcvm-control")
    with open(os.path.join(lab.dir, "file"), "w"):
        pass
    refused(lab, os.path.join(lab.dir, "file", "x"), "file/x")
    long = os.path.join(lab.dir, "x" * 200)
    refused(lab, long, long, "107")
    refused(lab, "/" + "y" * 107, "107")


def test_the_longest_path_works(lab):
    path = os.path.join(lab.dir, "")
    path += "p" * (107 - len(path))
    m = lab.plain(path=path)
    m.healthy()
    m.quit()


def test_a_relative_path_works(lab):
    m = lab.plain(path="relative", cwd=lab.dir, connect=False)
    m.path = os.path.join(lab.dir, "relative")
    m.client = m.connect()
    m.healthy()
    m.quit()


def test_a_directory_without_write_permission_is_refused(lab):
    _, device, kw = lab.nobody()
    path = os.path.join(lab.dir, "closed")  # root's directory, mode 755
    status, _, err = lab.run("run", "--memory", lab.mode(), *device,
                             "--control", path, **kw)
    assert status == 1 and path in err and "Permission denied" in err, err
    assert not os.path.exists(path)


def race(lab, path):
    """Ten gpcvm on one path: one gets it."""
    procs = [lab.spawn("run", "--quiet", "--memory", lab.mode(), "--control",
                       path) for _ in range(10)]
    lib.eventually("nine have ended",
                   lambda: sum(p.poll() is not None for p in procs) >= 9)
    ended = [p for p in procs if p.poll() is not None]
    assert len(ended) == 9, "nobody got the path"
    for p in ended:
        assert p.returncode == 1, (p.returncode, p.err_text())
        assert path in p.err_text(), p.err_text()
    winner = [p for p in procs if p not in ended][0]
    c = lib.Client(path)
    assert c.ok("status")["pid"] == winner.pid
    assert c.ok("check all")["verdict"] == "fresh"
    c.ok("quit 5")
    assert winner.wait(lib.LIMIT) == 5
    assert not os.path.exists(path)


def test_of_ten_at_once_exactly_one_gets_the_path(lab):
    lab.need_kvm()
    for n in range(3):
        race(lab, os.path.join(lab.dir, f"free{n}"))
    path = os.path.join(lab.dir, "stale")
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
        race(lab, path)


def test_one_gpcvm_does_not_remove_the_socket_of_the_next(lab):
    first = lab.plain()
    first.alive()
    os.unlink(first.path)
    second = lab.plain(path=first.path)
    second.alive()
    first.ok("quit")
    assert first.wait() == 0, first.stderr()
    c = second.connect()
    assert c.ok("status")["pid"] == second.proc.pid
    c.close()
    # Nor another process's file there.
    os.unlink(second.path)
    with open(second.path, "w"):
        pass
    second.ok("quit")
    assert second.wait() == 0, second.stderr()
    assert os.path.isfile(second.path)


def test_a_peer_of_another_uid_is_refused_with_a_reply(lab):
    if os.geteuid():
        raise lib.Skip("only root can connect as another user")
    m = lab.plain()
    m.healthy()
    fds = m.fds()
    os.chmod(lab.dir, 0o755)
    os.chmod(m.path, 0o666)
    for line in "quit 3\n", "quit 3", "":
        os.seteuid(lib.NOBODY)  # the peer's identity on the socket
        try:
            c = m.connect()
        finally:
            os.seteuid(0)
        try:
            c.send(line)
        except BrokenPipeError:
            pass  # refused already, but the reply has arrived
        r = c.line()
        assert not r["ok"] and r["error"]["kind"] == "state", r
        assert f"uid {lib.NOBODY}" in r["error"]["message"], r
        c.close()
    assert m.fds() == fds
    log = m.ok("log")["events"]
    assert sum("refused" in e["text"] for e in log) == 3, log
    m.healthy()


def test_root_may_control_the_gpcvm_of_another_user(lab):
    own, device, kw = lab.nobody()
    m = lab.plain(*device, path=os.path.join(own, "control"), **kw)
    m.healthy()
    assert os.stat(m.path).st_uid == lib.NOBODY
    m.quit(4)
