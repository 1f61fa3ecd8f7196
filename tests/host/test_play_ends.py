# SPDX-License-Identifier: GPL-2.0-only
"""However a scenario ends, nothing is left: no socket, no directory, no delay
in the kernel, and recordings are complete."""
import contextlib
import glob
import os
import random
import signal
import time

import lib
from test_play import Player, env, nothing_left, vm, write

DELAYS = "/sys/kernel/debug"


class Running(Player):
    """gpcvm run --scenario, whose socket has a path of its own."""

    def __init__(self, lab, text, *args):
        lab.need_kvm()
        self.lab = lab
        self.path = os.path.join(lab.dir, "s")
        self.proc = lab.spawn("run", "--memory", lab.mode(), "--quiet",
                              "--control", self.path, "--scenario",
                              write(lab, text), *args, env=env(lab))

    def machine(self, at="status"):
        def find():
            assert self.proc.poll() is None, self.proc.out_text()
            try:
                c = lib.Client(self.path)
            except (FileNotFoundError, ConnectionRefusedError):
                return None
            texts = [e["text"] for e in c.ok("log 1024")["events"]]
            pid = c.ok("status")["pid"]
            c.close()
            return pid if at in texts else None
        return lib.eventually("a machine of the scenario", find)


def vm_that_records(lab):
    return vm(lab, "--record-dir", lab.dir)


def gone(pid):
    lib.eventually(f"the end of {pid}",
                   lambda: not os.path.exists(f"/proc/{pid}"))


def is_whole(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    return text.endswith("\n") and "guest 0 nop" in text


def test_scenario_that_is_interrupted_leaves_no_socket_and_a_whole_recording(
        lab):
    for i, sig in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)):
        rec = os.path.join(lab.dir, f"rec{i}")
        text = f"record {rec}\nguest 0 nop\nsleep 3000000\n"
        p = Running(lab, text)
        pid = p.machine("guest 0 nop")
        p.proc.send_signal(sig)
        status, out = p.result()
        assert status == 1 and "interrupted by SIG" in out, out
        assert not os.path.exists(f"/proc/{pid}"), "the machine is there"
        assert not os.path.lexists(p.path), "the socket is there"
        assert is_whole(rec), os.listdir(lab.dir)
        nothing_left(lab)


def test_time_out_leaves_a_whole_recording(lab):
    lab.need_kvm()
    rec = os.path.join(lab.dir, "rec")
    path = write(lab, vm_that_records(lab)
                 + f"record {rec}\nguest 0 nop\nwait end\n")
    for limit in 2, 10, 40:
        status, out, _ = lab.run("play", "--timeout", str(limit), path,
                                 env=env(lab))
        assert status == 1 and "timed out" in out, out
        nothing_left(lab)
        if "s.scn:4: wait end" in out:
            break
    assert is_whole(rec), os.listdir(lab.dir)


def test_machine_that_does_not_end_is_killed_and_its_socket_removed(lab):
    p = Running(lab, "guest 0 nop\nsleep 3000000\n")
    pid = p.machine("guest 0 nop")
    os.kill(pid, signal.SIGSTOP)
    p.proc.send_signal(signal.SIGINT)
    status, out = p.result()
    assert status == 1 and "interrupted by SIGINT" in out, out
    assert not os.path.lexists(p.path), "the socket is there"
    # A second signal ends the wait.
    p = Running(lab, "guest 0 nop\nsleep 3000000\n")
    pid = p.machine("guest 0 nop")
    os.kill(pid, signal.SIGSTOP)
    start = time.monotonic()
    while p.proc.poll() is None:
        p.proc.send_signal(signal.SIGINT)
        time.sleep(0.2)
    assert time.monotonic() - start < 15, "it waited all the same"
    assert not os.path.lexists(p.path), "the socket is there"
    gone(pid)


def test_socket_that_was_there_before_is_not_removed_with_a_killed_machine(
        lab):
    other = lab.plain()
    p = Running(lab, "guest 0 nop\nwait end\n")
    os.rename(other.path, other.path + "-kept")
    pid = p.machine("guest 0 nop")
    os.rename(other.path + "-kept", p.path)     # now of another machine
    os.kill(pid, signal.SIGKILL)
    assert p.result()[0] == 1
    assert os.path.exists(p.path), "another machine's socket is gone"
    os.rename(p.path, other.path)


def test_interrupted_suite_ends_its_machine_cleanly(lab):
    rec = os.path.join(lab.dir, "rec")
    p = Player(lab, vm_that_records(lab)
               + f"record {rec}\nguest 0 nop\nsleep 3000000\n", sub="suite")
    p.machine("guest 0 nop")
    p.proc.send_signal(signal.SIGINT)
    status, out = p.result()
    assert status == 1 and "interrupted by SIG" in out, out
    assert is_whole(rec), os.listdir(lab.dir)
    nothing_left(lab)


def test_ctrl_c_at_a_terminal_ends_the_machine_cleanly(lab):
    """The signal goes to the whole process group, to which the suite's players
    do not belong."""
    rec = os.path.join(lab.dir, "rec")
    for sub in "play", "suite":
        lab.need_kvm()
        p = Player.__new__(Player)
        p.lab = lab
        path = write(lab, vm_that_records(lab) + f"record {rec}-{sub}\n"
                     "guest 0 nop\nsleep 3000000\n")
        p.proc = lab.spawn(sub, path, env=env(lab), start_new_session=True)
        p.machine("guest 0 nop")
        os.killpg(p.proc.pid, signal.SIGINT)
        status, out = p.result()
        assert status == 1 and "interrupted by SIG" in out, out
        assert is_whole(f"{rec}-{sub}"), os.listdir(lab.dir)
        nothing_left(lab)


def test_player_that_is_killed_leaves_nothing(lab):
    """At any moment, alone, with its process group, or with its machine."""
    lab.need_kvm()
    draw = random.Random(12)
    path = write(lab, vm(lab) + "sleep 3000000\n")
    for i in range(30):
        p = lab.spawn("play", path, env=env(lab), start_new_session=True)
        time.sleep(draw.random() * 0.3)
        if i % 3 == 1:
            os.killpg(p.pid, signal.SIGKILL)
        if i % 3 == 2:
            for m in glob.glob(f"/proc/{p.pid}/task/*/children"):
                with contextlib.suppress(OSError):  # it exits meanwhile
                    with open(m, encoding="ascii") as f:
                        children = [int(pid) for pid in f.read().split()]
                    for pid in children[1:]:    # the first belongs to vm_dir
                        os.kill(pid, signal.SIGKILL)
        p.kill()
        p.wait()
    lib.eventually("no directory of a player", lambda: not glob.glob(
        os.path.join(lab.dir, "gpcvm-play-*")))
    nothing_left(lab)


def fake_delays(lab):
    """A directory like that of a kernel with test-only delays."""
    top = os.path.join(lab.dir, "debug")
    test = os.path.join(top, "kvm", "test")
    os.makedirs(test, exist_ok=True)
    for kind in "delay", "hit":
        for what in "refresh", "invalidate", "unmap":
            with open(f"{test}/{kind}_{what}", "w", encoding="ascii") as f:
                f.write("7\n" if kind == "delay" else "0\n")
    return top


def delays(top):
    text = []
    for what in "refresh", "invalidate", "unmap":
        with open(f"{top}/kvm/test/delay_{what}", encoding="ascii") as f:
            text.append(f.read().strip())
    return text


def delayed(lab, top, *args):
    """A scenario that has set a delay -> the player, its machine's pid."""
    p = Player.__new__(Player)
    p.lab = lab
    path = write(lab, vm(lab) + "delay invalidate 1234\nguest 0 nop\n"
                 "wait end\n")
    p.proc = lib.Process(
        ["unshare", "-m", "sh", "-c",
         f'mount --bind "$0" {DELAYS} && exec "$@"', top, lab.gpcvm, "play",
         *args, path], lab.dir, f"delayed{len(lab.procs)}", env=env(lab))
    lab.procs.append(p.proc)
    pid = p.machine("guest 0 nop")
    assert delays(top) == ["7", "1234", "7"], delays(top)
    return p, pid


def test_delays_are_put_back_however_a_scenario_is_ended(lab):
    if os.geteuid() or not os.path.isdir(DELAYS):
        raise lib.Skip("only root can put files in place of debugfs")
    top = fake_delays(lab)
    for how in "interrupt", "machine killed", "player killed":
        p, pid = delayed(lab, top)
        if how == "interrupt":
            p.proc.send_signal(signal.SIGINT)
        elif how == "machine killed":
            os.kill(pid, signal.SIGKILL)
        else:
            p.proc.kill()
        p.proc.wait(lib.LIMIT)
        gone(pid)
        lib.eventually(f"the delays are put back: {how}",
                       lambda: delays(top) == ["7", "7", "7"], 20)
        nothing_left(lab)
