# SPDX-License-Identifier: GPL-2.0-only
"""Misbehaving clients, many clients, and what they leave behind."""
import fcntl
import os
import resource
import signal
import subprocess
import sys
import termios
import time

import pytest

import lib

# A sanitizer keeps freed memory to detect use after free; a small quarantine
# suffices here, and does not look like a leak.
SMALL_QUARANTINE = {**os.environ,
                    "ASAN_OPTIONS": "quarantine_size_mb=1:"
                                    "thread_local_quarantine_size_kb=64"}


def send_until_blocked(client, data, most):
    """-> the number of bytes accepted, at most @most."""
    client.sock.settimeout(1)
    sent = 0
    try:
        while sent < most:
            sent += client.sock.send(data)
    except TimeoutError:
        pass
    client.sock.settimeout(lib.LIMIT)
    return sent


@pytest.mark.short
def test_a_client_that_never_reads_is_not_read_from_and_disturbs_nobody(lab):
    m = lab.plain(env=SMALL_QUARANTINE)
    m.healthy()
    fds, rss = m.fds(), m.rss()
    greedy = m.connect()
    most = 64 << 20
    sent = send_until_blocked(greedy, b"help\n" * 10000, most)
    assert sent < most, "gpcvm takes requests whose replies nobody reads"
    for i in range(200):
        assert m.ok(f"punch {0x800000 + i * 4096:#x}")
    m.healthy()
    assert m.rss() - rss < 4 << 20, (rss, m.rss())
    greedy.close()
    lib.eventually("its file closed", lambda: m.fds() == fds)
    m.healthy()


def test_a_client_that_reads_late_gets_all_its_replies(lab):
    m = lab.plain()
    late = m.connect()
    n = send_until_blocked(late, b"help\n" * 1000, 64 << 20)
    late.half_close()
    for i in range(n // 5):
        r = late.reply()
        assert r and r["cmd"] == "help", (i, n, r)
    r = late.reply()
    assert n % 5 == 0 or (r and not r["ok"]), (n, r)
    late.close()
    m.healthy()


def test_1000_clients_at_once_are_all_answered(lab):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 1200:
        raise lib.Skip(f"the limit of open files is {hard}, not 1200")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    m = lab.plain("--vcpus", "2")
    m.healthy()  # opens files of the vCPUs
    fds = m.fds()
    clients = [m.connect() for _ in range(1000)]
    try:
        for n, c in enumerate(clients):
            c.send(f"mem {0x800000 + n:#x} 1\nguest {n % 2} nop\n")
        for n, c in enumerate(clients):
            assert c.reply()["gpa"] == hex(0x800000 + n), n
            assert c.reply()["vcpu"] == n % 2, n
        m.healthy()
    finally:
        for c in clients:
            c.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, soft)
    lib.eventually("their files closed", lambda: m.fds() == fds)
    m.healthy()


def limit_files(n):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))


def knock(m):
    """-> a client and its first reply, which may be a refusal"""
    c = m.connect()
    try:
        c.send("status\n")
    except BrokenPipeError:
        pass  # refused already, but the reply has arrived
    return c, c.reply()


def hung_up(client):
    try:
        return client.line() is None
    except ConnectionResetError:
        return True  # data that it sent was not read


def test_clients_over_the_limit_are_refused_with_a_reply(lab):
    m = lab.plain(preexec_fn=limit_files(100))
    clients = []
    while True:
        assert len(clients) < 100, "no limit"
        c, r = knock(m)
        if not r["ok"]:
            break
        clients.append(c)
    assert hung_up(c)
    c.close()
    assert len(clients) >= 8, f"only {len(clients)} clients"
    assert r["error"]["kind"] == "state", r
    assert f"{len(clients) + 1} clients" in r["error"]["message"], r
    status, out, err = lab.run("ctl", m.path, "status")
    assert status in (1, 3) and "too many connections" in out + err, (status, out, err)
    for _ in range(50):
        c, r = knock(m)
        assert r["error"]["kind"] == "state", r
        c.close()
    m.ok("caps")  # opens files
    m.healthy()
    clients.pop().close()  # one leaves, another may connect

    def room():
        c, r = knock(m)
        c.close()
        return r["ok"]
    lib.eventually("room for another client", room)
    for c in clients:
        c.close()
    m.healthy()
    m.quit()


def test_the_smallest_limit_of_files_leaves_room_for_one_client(lab):
    m = lab.plain(preexec_fn=limit_files(66))
    m.healthy()
    c, r = knock(m)
    assert r["ok"] or r["error"]["kind"] == "state", r
    c.close()
    m.healthy()
    m.quit()


def test_a_client_that_leaves_while_its_guest_operation_runs(lab):
    m = lab.plain("--vcpus", "2")
    m.healthy()
    fds = m.fds()
    for _ in range(10):
        for line in b"guest 0 hash 8M 48M\n", b"check all\n", \
                b"guest 1 fill 8M 8M 1\nguest 0 nop\n", b"vcpu 0 regs\n":
            c = m.connect()
            c.send(line)
            c.close()
    lib.eventually("their files closed", lambda: m.fds() == fds)
    for v in "0", "1":
        m.ok(f"guest {v} nop")
    m.healthy()


KILLED = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"subscribe\\nguest 0 hash 8M 48M\\n" + b"help\\n" * 100 + b"quit 3")
print("sent", flush=True)
sys.stdin.read()
"""


def test_a_client_that_is_killed(lab):
    m = lab.plain()
    m.healthy()
    fds = m.fds()
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", KILLED, m.path],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as p:
            assert p.stdout.readline() == b"sent\n"
            p.send_signal(signal.SIGKILL)
    lib.eventually("its file closed", lambda: m.fds() == fds)
    m.ok("guest 0 nop")
    m.healthy()


def test_a_subscriber_that_never_reads_misses_events_and_nothing_else(lab):
    m = lab.plain(env=SMALL_QUARANTINE)
    lazy = m.connect()
    lazy.send("subscribe\n")
    assert lazy.line()["subscribed"] is True
    m.client.pipeline(["punch 8M"] * 5000)
    rss = m.rss()
    m.client.pipeline(["punch 8M"] * 20000)
    assert m.rss() - rss < 4 << 20, (rss, m.rss())
    m.healthy()
    # It can resume: missed events show as gaps.
    lazy.send("unheard-of\n")
    last, seen = 0, 0
    while "event" in (line := lazy.line()):
        seq = line["event"]["seq"] if isinstance(line["event"], dict) \
            else line["seq"]
        assert seq > last, (seq, last)
        last, seen = seq, seen + 1
    assert line["cmd"] == "unheard-of", line
    assert 100 < seen < 25000, (seen, "nothing was missed, or all")
    lazy.close()
    m.healthy()


def test_500_connections_leave_no_open_file(lab):
    m = lab.plain()
    m.healthy()
    fds = m.fds()
    for n in range(500):
        c = m.connect()
        if n % 3 == 0:
            c.ok("status")
        elif n % 3 == 1:
            c.send("subscribe\nguest 0 nop\nhalf")
        c.close()
    lib.eventually("all files closed", lambda: m.fds() == fds)
    m.healthy()


def test_200000_requests_leave_no_memory(lab):
    m = lab.plain(env=SMALL_QUARANTINE)
    lines = ["punch 8M", "gpc", "nonsense", "punch 1", "mem 8M 64",
             'help "punch"', "guest 9 nop", "attr 8M private"] * 2500
    for _ in range(3):  # until its buffers have their final size
        m.client.pipeline(lines)
    before = m.rss()
    for _ in range(9):
        for r in m.client.pipeline(lines)[:8]:
            assert r["cmd"], r
    m.client.pipeline(["guest 0 nop", "check clock0"] * 1000)
    assert m.rss() - before < 4 << 20, (before, m.rss())
    m.healthy()


def cpu_ns(m):
    """The main thread's processor time, without the vCPUs."""
    with open(f"/proc/{m.proc.pid}/task/{m.proc.pid}/schedstat") as f:
        return int(f.read().split()[0])


def cost_of_requests(m, nr):
    """The main thread's processor time for @n, the median of five."""
    costs = []
    for _ in range(5):
        before = cpu_ns(m)
        m.client.pipeline(["help status"] * nr)
        costs.append(cpu_ns(m) - before)
    return sorted(costs)[2]


def deaf(m, nr, line):
    """Clients that send lines as long as these are accepted, and read
    nothing."""
    clients = [m.connect() for _ in range(nr)]
    for c in clients:
        c.sock.setblocking(False)
    lib.eventually("nothing more is taken", lambda: not any(
        [send_some(c, line * 100) for c in clients]))
    return clients


def send_some(client, data):
    try:
        return client.sock.send(data)
    except BlockingIOError:
        return 0


def unread(client):
    """The number of bytes that the kernel buffers for it."""
    n = fcntl.ioctl(client.sock, termios.FIONREAD, bytes(4))
    return int.from_bytes(n, sys.byteorder)


def test_deaf_subscribers_cost_nothing_for_each_event(lab):
    m = lab.plain()
    m.healthy()
    alone = cost_of_requests(m, 1000)
    clients = [m.connect() for _ in range(100)]
    for c in clients:
        c.send("subscribe\n")
        assert c.line()["subscribed"]
    full = None
    while full != (now := [unread(c) for c in clients]):
        full = now
        m.client.pipeline(["help status"] * 1000)
    beside = cost_of_requests(m, 1000)
    assert beside < 3 * alone, f"{beside / alone:.1f} times as long"
    for c in clients:
        c.close()
    m.healthy()


def test_what_a_deaf_client_is_sent_takes_little_memory(lab):
    m = lab.plain(env=SMALL_QUARANTINE)
    m.client.pipeline(["help " + "x" * 200] * 1100)
    m.healthy()
    rss = m.rss()
    clients = deaf(m, 50, b"log 1024\n")
    m.healthy()
    each = (m.rss() - rss) / len(clients)
    assert each < 160 << 10, f"{each / 1024:.0f} KiB a client"
    for c in clients:
        c.close()
    m.healthy()


def test_a_long_log_comes_whole_and_in_order(lab):
    m = lab.plain()
    m.client.pipeline(["help " + "x" * 200] * 1100)
    m.client.send("subscribe\nlog 1024\nlog 1024\nstatus\n")
    for cmd in "subscribe", "log", "log", "status":
        r = m.client.reply()
        assert r["ok"] and r["cmd"] == cmd and list(r)[-1] == "ns", (cmd, r)
        if cmd == "log":
            seqs = [e["seq"] for e in r["events"]]
            assert seqs == list(range(seqs[0], seqs[0] + 1024)), len(seqs)
    m.healthy()


def ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spin(seconds):
    """Wait until this process has run that long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def allow_files(m, nr):
    """Run it as another user: the machine leaves uid 0, and root here may lack
    CAP_SYS_RESOURCE."""
    with open(f"/proc/{m.proc.pid}/status") as f:
        ids = {k: v.split() for k, _, v in (l.partition(":") for l in f)}
    uid, gid = int(ids["Uid"][0]), int(ids["Gid"][0])
    with open(f"/proc/{m.proc.pid}/limits") as f:
        hard = next(int(l.split()[4]) for l in f
                    if l.startswith("Max open files"))
    pid = os.fork()
    if not pid:
        try:
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            resource.prlimit(m.proc.pid, resource.RLIMIT_NOFILE, (nr, hard))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0, f"no limit of {nr} files set"


def test_who_knocks_where_no_file_is_left_is_told_so(lab):
    m = lab.plain()
    m.healthy()
    allow_files(m, m.fds())
    for _ in range(5):
        c, r = knock(m)
        assert r["error"]["kind"] == "os", r
        assert r["error"]["errno"] == "EMFILE", r
        assert hung_up(c)
        c.close()
    m.healthy()
    m.quit()


def test_who_knocks_where_no_file_can_be_had_waits_and_costs_nothing(lab):
    m = lab.plain()
    m.healthy()
    allow_files(m, 0)
    waiting = [m.connect() for _ in range(3)]
    before = ticks(m.proc.pid)
    spin(1)
    used = ticks(m.proc.pid) - before
    assert used < 0.2, f"gpcvm ran for {used} s while this test ran for 1 s"
    log = m.ok("log 1024")["events"]
    told = [e for e in log if "cannot accept connections" in e["text"]]
    assert len(told) == 1, told
    allow_files(m, 1000)
    for c in waiting:
        c.ok("status")
        c.close()
    m.healthy()
    m.quit()
