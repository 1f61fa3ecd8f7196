# SPDX-License-Identifier: GPL-2.0-only
"""ctl and play with a peer that is not gpcvm, or that disconnects; and files
that block."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

import lib


@contextlib.contextmanager
def peer(lab, serve):
    """A listener; calls serve(connection) for each connection."""
    path = os.path.join(lab.dir, "peer")
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(8)

    def one(conn):
        with conn, contextlib.suppress(OSError):
            serve(conn)

    def run():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(s.accept()[0],)).start()
    t = threading.Thread(target=run)
    t.start()
    try:
        yield path
    finally:
        s.shutdown(socket.SHUT_RDWR)
        t.join()
        s.close()


def flood(conn):
    """A line of more than 96 MB."""
    for _ in range(96):
        conn.sendall(b"x" * 1000000)
    conn.sendall(b"\n")



def test_ctl_and_play_take_no_line_without_an_end(lab):
    scenario = os.path.join(lab.dir, "s.scn")
    with open(scenario, "w") as f:
        f.write("status\n")
    with peer(lab, flood) as path:
        for words in ["ctl", path, "status"], \
                ["play", "--control", path, scenario]:
            p = lab.spawn(*words)
            _, status, used = os.wait4(p.pid, 0)
            p.returncode = os.waitstatus_to_exitcode(status)
            text = p.out_text() + p.err_text()
            want = 3 if words[0] == "ctl" else 1
            assert p.returncode == want, (p.returncode, text[-300:])
            assert words[0] == "play" or "16 MiB" in text, text[-300:]
            assert used.ru_maxrss < 64 << 10, f"{used.ru_maxrss} KiB"


def answer(line):
    def serve(conn):
        conn.recv(4096)
        conn.sendall(line + b"\n")
        conn.recv(4096)
    return serve


def ctl_prints(lab, line):
    with peer(lab, answer(line)) as path:
        r = subprocess.run([lab.gpcvm, "ctl", path, "status"],
                           capture_output=True, timeout=lib.LIMIT)
    os.unlink(path)
    return r.stdout


def test_ctl_lets_no_control_character_of_a_peer_through(lab):
    for hostile in b'{"ok":true,"cmd":"\x00"}', b"\x1b]0;title\x07", \
            b'{"ok":true}\r{"ok":false}', b"\xc2\x9b2J", b"\x7f\x9b\xff", \
            b'{"ok":true,"cmd":"\x1b[2J"}':
        out = ctl_prints(lab, hostile)
        assert out.endswith(b"\n") and out.count(b"\n") == 1, out
        text = out[:-1].decode()
        assert all(c.isprintable() or c == "\ufffd" for c in text), out
    for honest in b'{"ok":true,"cmd":"status","x":"\\u001b \xc3\xa4 \xe2\x82\xac"}', \
            b'{"ok":false,"cmd":null,"error":{"kind":"os"}}':
        assert ctl_prints(lab, honest) == honest + b"\n"


def test_replies_have_no_control_characters_and_lose_none(lab):
    m = lab.plain()
    word = "a\x1b\x7f\u009b\u0085ä\u20ac"
    m.client.send(f"{word}\n")
    raw = b""
    while b"\n" not in raw:
        raw += m.client.sock.recv(4096)
    assert all(c.isprintable() for c in raw[:-1].decode()), raw
    assert json.loads(raw)["cmd"] == word
    m.healthy()


def test_play_notices_in_a_sleep_that_its_machine_has_gone(lab):
    m = lab.plain()
    m.healthy()
    scenario = os.path.join(lab.dir, "s.scn")
    with open(scenario, "w") as f:
        f.write("status\nsleep 100000\nstatus\n")
    seq = m.ok("log 1")["events"][0]["seq"]
    p = lab.spawn("play", "--timeout", "200", "--control", m.path, scenario)
    lib.eventually("play has begun", lambda: any(
        e["seq"] > seq and e["text"] == "status"
        for e in m.ok("log 100")["events"]))
    m.proc.kill()
    m.wait()
    assert p.wait(lib.LIMIT) == 1, p.out_text()
    assert "lost the connection to the machine" in p.out_text(), p.out_text()


def test_a_fifo_without_a_peer_is_refused_or_waited_for_in_vain(lab):
    lab.need_kvm()
    fifo = os.path.join(lab.dir, "fifo")
    os.mkfifo(fifo)
    status, _, err = lab.run("run", "--memory", lab.mode(), "--dump-dtb", fifo)
    assert status == 1 and fifo in err and "FIFO" in err, (status, err)
    for words in ["run", "--scenario", fifo], ["play", fifo]:
        status, _, err = lab.run(*words)
        assert status == 2 and fifo in err and "FIFO" in err, (status, err)
    status, _, err = lab.run("run", "--kernel", fifo)
    assert status == 1 and fifo in err, (status, err)


def test_a_fifo_with_a_peer_is_used(lab):
    fifo = os.path.join(lab.dir, "fifo")
    os.mkfifo(fifo)
    with subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE) as cat:
        def dump():
            return lab.run("run", "--memory", lab.mode(), "--dump-dtb",
                           fifo)[0] == 0
        lib.eventually("cat has opened it", dump)
        assert cat.stdout.read(4) == b"\xd0\x0d\xfe\xed"
    p = lab.spawn("play", fifo)
    with open(fifo, "w") as f:
        f.write("vm\n")
        f.flush()
        time.sleep(0.01)  # a writer may think
        f.write("status\n")
    assert p.wait(lib.LIMIT) == 0, p.out_text() + p.err_text()


def test_a_signal_ends_play_while_it_waits_for_text(lab):
    fifo = os.path.join(lab.dir, "fifo")
    os.mkfifo(fifo)
    p = lab.spawn("play", fifo)
    fd = os.open(fifo, os.O_WRONLY)  # it waits while this is open
    p.send_signal(signal.SIGTERM)
    assert p.wait(lib.LIMIT) == -signal.SIGTERM
    os.close(fd)
