# SPDX-License-Identifier: GPL-2.0-only
"""The socket's directory: what other users can do to it, and its content while
gpcvm starts and ends."""
import contextlib
import errno
import fcntl
import os
import resource
import signal
import socket
import time

import pytest

import lib


@contextlib.contextmanager
def locked(path):
    """Hold a lock that anybody who can open the file can take."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@pytest.mark.short
def test_a_lock_on_the_directory_delays_neither_start_nor_end(lab):
    with locked(lab.dir):
        m = lab.plain()
        m.healthy()
        m.quit()
        m = lab.plain()
        m.alive()
        m.proc.send_signal(signal.SIGTERM)
        assert m.wait() == 128 + signal.SIGTERM, m.stderr()
        assert not os.path.exists(m.path)


def test_the_lock_of_a_killed_gpcvm_is_taken_over(lab):
    path = os.path.join(lab.dir, "vm")
    os.mkdir(path + ".lock", 0o700)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path + ".lock/socket")
    m = lab.plain(path=path)
    m.healthy()
    assert not os.path.exists(path + ".lock")
    m.quit()


def test_what_a_gpcvm_leaves_that_is_killed_in_its_start_goes_with_the_next(lab):
    lab.need_kvm()
    mode = lab.mode()
    place = os.path.join(lab.dir, "place")
    os.mkdir(place)
    path = os.path.join(place, "vm")
    for n in range(60):
        p = lab.spawn("run", "--memory", mode, "--control", path)
        time.sleep(n / 4000)
        p.kill()
        p.wait(lib.LIMIT)
    m = lab.plain(path=path)
    m.healthy()
    assert os.listdir(place) == ["vm"]
    m.quit()
    assert os.listdir(place) == []


def refused(lab, path, *words):
    status, _, err = lab.run("run", "--memory", lab.mode(), "--control", path)
    assert status == 1 and all(w in err for w in (path, *words)), (status, err)
    assert not os.path.lexists(path)


def test_what_is_in_the_place_of_the_lock_is_named_and_left_alone(lab):
    path = os.path.join(lab.dir, "vm")
    lock = path + ".lock"
    with open(lock, "w") as f:
        f.write("precious")
    refused(lab, path, "vm.lock")
    with open(lock) as f:
        assert f.read() == "precious"
    os.unlink(lock)
    os.mkfifo(lock)
    refused(lab, path, "vm.lock")
    os.unlink(lock)
    elsewhere = os.path.join(lab.dir, "elsewhere")
    os.mkdir(elsewhere, 0o700)
    os.symlink(elsewhere, lock)
    refused(lab, path, "vm.lock")
    assert os.listdir(elsewhere) == []
    os.unlink(lock)
    os.mkdir(lock, 0o700)
    os.chmod(lock, 0o755)  # others can open it, and lock it
    refused(lab, path, "vm.lock", "remove it")
    if os.geteuid() == 0:
        os.chmod(lock, 0o700)
        os.chown(lock, lib.NOBODY, lib.NOBODY)
        refused(lab, path, "vm.lock")


def test_who_holds_the_lock_delays_the_start_for_seconds_and_not_its_end(lab):
    path = os.path.join(lab.dir, "vm")
    lock = path + ".lock"
    os.mkdir(lock, 0o700)
    with locked(lock):
        refused(lab, path, "vm.lock", "another process")
        m = lab.plain(path=path, connect=False)
        m.proc.send_signal(signal.SIGTERM)
        m.wait()
    assert not os.path.exists(path)


def knock_until(path, end):
    """Connect repeatedly until the errno is @end -> all errnos."""
    seen = set()
    while end not in seen:
        with socket.socket(socket.AF_UNIX) as s:
            seen.add(s.connect_ex(path))
    return seen


@pytest.mark.short
def test_a_client_that_knocks_all_the_time_is_never_refused(lab):
    """The path exists while gpcvm listens."""
    path = os.path.join(lab.dir, "vm")
    for _ in range(30):
        m = lab.plain(path=path, connect=False)
        seen = knock_until(path, 0)
        assert seen <= {0, errno.ENOENT}, seen
        m.client = m.connect()
        m.client.send("quit\n")
        seen = knock_until(path, errno.ENOENT)
        assert seen <= {0, errno.ENOENT, errno.EAGAIN}, seen
        assert m.wait() == 0, m.stderr()


@pytest.mark.short
def test_the_socket_goes_where_no_file_can_be_opened_any_more(lab):
    # A leak sanitizer opens some.
    m = lab.plain(env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    m.healthy()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    keeper = m.ok("status")["sandbox"]["keeper"]["pid"]
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, (0, hard))
    m.quit()


def test_a_socket_that_cannot_be_removed_is_reported(lab):
    own, device, kw = lab.nobody()
    m = lab.plain(*device, path=os.path.join(own, "vm"), **kw)
    m.alive()
    os.chmod(own, 0o555)
    m.ok("quit")
    assert m.wait() == 0, m.stderr()
    assert os.path.exists(m.path)
    assert f"--control {m.path}: removing it" in m.stderr(), m.stderr()


def test_the_socket_goes_from_a_directory_that_was_renamed(lab):
    before, after = (os.path.join(lab.dir, n) for n in ("before", "after"))
    os.mkdir(before)
    m = lab.plain(path=os.path.join(before, "vm"))
    m.alive()
    os.rename(before, after)
    m.quit()
    assert os.listdir(after) == []
