# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm play: passes, failures, skips, and leftovers."""
import glob
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

import lib

ATTEMPTS = 5
TEXT = "no memory slot"  # from the warning about a dying guest


def write(lab, text, name="s.scn"):
    path = os.path.join(lab.dir, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def env(lab):
    """Its temporary folders are in the test's own."""
    return dict(os.environ, TMPDIR=lab.dir)


def nothing_left(lab):
    """No directory, no socket, no process of a machine."""
    assert not glob.glob(os.path.join(lab.dir, "gpcvm-play-*"))
    left = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if any(w.startswith(lab.dir.encode() + b"/gpcvm-play-")
               for w in words):
            left.append(words)
    assert not left, left


def play(lab, text, *args, **kw):
    """-> status, stdout, stderr. A kernel message caused by another program on
    this host fails a correct scenario: then play it again."""
    lab.need_kvm()
    path = write(lab, text)
    if "--timeout" not in args:
        args = ("--timeout", str(lib.LIMIT // 2), *args)
    for _ in range(ATTEMPTS):
        r = lab.run("play", *args, path, env=env(lab), **kw)
        nothing_left(lab)
        if not disturbed(r[1]):
            break
    return r


def disturbed(out):
    """The kernel reports on a process that is not ours."""
    return "the kernel reports: " in out and TEXT in out


def passes(lab, text, *args, **kw):
    status, out, err = play(lab, text, *args, **kw)
    assert status == 0 and not err, (status, out, err)
    assert "\nok 1 " in out and "# SKIP" not in out, out
    return out


def fails(lab, text, *words, args=(), **kw):
    status, out, err = play(lab, text, *args, **kw)
    assert status == 1, (status, out, err)
    assert "\nnot ok 1 " in out, out
    for w in words:
        assert w in out, f"no '{w}' in {out}"
    return out


def vm(lab, *options):
    return " ".join(("vm --memory", lab.mode()) + options) + "\n"


# ---- what passes -----------------------------------------------------------

def test_checked_clock_passes(lab):
    out = passes(lab, vm(lab) + """
        check clock0
        expect verdict = fresh
        check all
        expect pages.*.verdict = fresh
        expect pages.clock0.verdict = fresh
        expect pages.0.name = clock0
        """)
    assert out.startswith("KTAP version 1\n1..1\n"), out
    assert "leak check skipped" not in out or "also has a VM" in out or \
        os.geteuid(), out


def test_commands_replies_and_expectations_go_together(lab):
    passes(lab, vm(lab, "--vcpus 2") + """
        # each about the last reply
        guest 0 write 0x200000 "a b"
        expect-error usage
        guest 1 write 0x200000 0x1122334455667788
        guest 0 read 0x200000
        expect data = 8877665544332211
        mem 0x200000 4096
        expect len = 4K
        expect ns > 0
        expect ns < 100G
        expect ok = true
        expect ok != false
        """)


def test_repeat_and_parallel_run_all_that_is_in_them(lab):
    status, out, err = play(lab, vm(lab, "--vcpus 2") + """
        repeat 3
          repeat 2
            check clock0
          end
          parallel
            check steal0
            expect verdict = fresh
          and
            repeat 5
              poke clock1
            end
            check clock1
            expect verdict = fresh
          and
          end
        end
        """, "--json")
    assert status == 0, (status, out, err)
    assert json.loads(out)["verdicts"] == ["fresh"] * 12, out


def test_branches_run_at_the_same_time(lab):
    start = time.monotonic()
    passes(lab, vm(lab) + "parallel\n" + "and\n".join(["sleep 500\n"] * 10) +
           "end\n")
    assert time.monotonic() - start < 4


def test_wait_takes_events_in_their_order(lab):
    passes(lab, vm(lab) + """
        wait machine "guest ready"
        guest 0 nop
        wait control "guest 0 nop"
        quit 5
        wait machine "ends with status 5"
        wait end 5
        """)
    # A wait does not find the same event again.
    out = overdue(lab, vm(lab) + """
        guest 0 nop
        wait control "guest 0 nop"
        wait control "guest 0 nop"
        """)
    assert ":5: wait control" in out, out


def test_wait_whose_event_never_comes_fails_when_the_machine_ends(lab):
    fails(lab, vm(lab) + 'quit\nwait guest "anything"\n',
          ':3: wait guest "anything"',
          "the machine ended without such an event")


def test_second_vm_line_ends_the_first_machine(lab):
    passes(lab, vm(lab) + "guest 0 write 0x200000 1\n" + vm(lab) +
           "guest 0 read 0x200000\nexpect data = 0000000000000000\n")
    fails(lab, vm(lab) + "quit 7\n" + vm(lab),
          ":3: vm", "status 7, expected 0")


def test_guest_without_an_agent_can_be_played(lab):
    passes(lab, vm(lab, "--guest hello") + "wait end\n")


# ---- what fails ------------------------------------------------------------

def test_field_that_is_otherwise_fails_and_shows_both(lab):
    out = fails(lab, vm(lab) + "check clock0\nexpect verdict = stale\n",
                "s.scn:3: expect verdict = stale",
                "verdict: expected stale, got fresh",
                "command: line 2: check clock0", '"verdict":"fresh"')
    assert out.index("reply") < out.index("not ok 1"), out
    fails(lab, vm(lab) + "check clock0\nexpect seen.version < 0\n",
          "seen.version: expected < 0, got ")
    fails(lab, vm(lab) + "check clock0\nexpect verdikt = fresh\n",
          "no field verdikt")
    fails(lab, vm(lab) + "check all\nexpect pages.*.name = clock0\n",
          "pages.*.name: expected clock0, got steal0")


def test_command_that_fails_fails_the_scenario(lab):
    fails(lab, vm(lab) + "punch 1\nstatus\n", ":2: punch 1",
          "the command failed: range", '"ok":false')


def test_error_that_does_not_come_fails(lab):
    fails(lab, vm(lab) + "status\nexpect-error state\n",
          ":3: expect-error state", "the command succeeded")
    fails(lab, vm(lab) + "punch 1\nexpect-error state\n",
          "expected error state, got range")
    passes(lab, vm(lab) + "punch 1\nexpect error.kind = range\n"
           "expect-error range\nexpect-error range\n")


def test_expected_disagreement_that_is_not_there_fails(lab):
    fails(lab, vm(lab) + "check clock0\nexpect-disagreement\n",
          "expected a disagreement, got none")


def test_failure_in_a_branch_ends_the_others(lab):
    start = time.monotonic()
    fails(lab, vm(lab) + """parallel
        sleep 3000000
        and
        wait guest "never"
        and
        wait end
        and
        punch 1
        end
        """, ":9: punch 1", "the command failed")
    assert time.monotonic() - start < lib.LIMIT


def test_round_that_fails_is_told(lab):
    fails(lab, vm(lab) + """
        repeat 3
        punch 0x200000
        repeat 2
        punch 1
        end
        end
        """, "in round 1 of 2", "in round 1 of 3")


def test_mode_that_is_missing_fails_and_names_the_need(lab):
    status, out, _ = lab.run("probe", "--json")
    rows = {r["name"]: r["state"] for r in json.loads(out)["rows"]}
    missing = [m for m in ("gmem", "gmem-private", "gmem+no-direct-map")
               if rows["mode-" + m] == "no"]
    if not missing:
        raise lib.Skip("this kernel has every mode")
    fails(lab, f"vm --memory {missing[0]}\n", "status 1 before its guest",
          "gpcvm run: gpcvm: --memory " + missing[0],
          "need mode-" + missing[0])


def test_exit_status_of_a_machine_is_judged(lab):
    fails(lab, vm(lab) + "quit 4\n", "status 4, expected 0")
    fails(lab, vm(lab) + "quit 4\nwait end 5\n", ":3: wait end 5",
          "status 4, expected 5")
    passes(lab, vm(lab) + "quit 4\nwait end 4\n")
    passes(lab, vm(lab) + "quit\n")


@pytest.mark.alone
def test_machine_that_dies_is_told_with_what_it_printed(lab):
    out = play(lab, vm(lab, "--memory anon --no-guard") + """
        guest 0 nop
        slot delete 0
        guest 0 nop
        expect-error state
        guest 0 nop
        """)[1]
    assert "the machine ended with status 10" in out, out
    assert "gpcvm run: gpcvm: vCPU 0: triple fault" in out, out
    assert re.search("gpcvm run:   rip 0", out), out


class Player:
    """A running player, and its machine."""

    def __init__(self, lab, text, *args, sub="play"):
        lab.need_kvm()
        self.lab = lab
        self.proc = lab.spawn(sub, *args, write(lab, text), env=env(lab))

    def machine(self, at="status"):
        """The pid of its machine, after that received @at and its guest is
        ready."""
        def find():
            assert self.proc.poll() is None, self.proc.out_text()
            for path in glob.glob(os.path.join(self.lab.dir,
                                               "gpcvm-play-*", "control")):
                try:
                    c = lib.Client(path)
                except (FileNotFoundError, ConnectionRefusedError):
                    return None
                status = c.ok("status")
                texts = [e["text"] for e in c.ok("log 1024")["events"]]
                c.close()
                if status["ready_ns"] and at in texts:
                    return status["pid"]
            return None
        return lib.eventually("a machine of the player", find)

    def result(self):
        return self.proc.wait(lib.LIMIT), self.proc.out_text()


def test_machine_that_is_killed_fails_the_scenario(lab):
    p = Player(lab, vm(lab) + "repeat 1000000\npoke clock0\nend\n")
    os.kill(p.machine("poke clock0"), signal.SIGKILL)
    status, out = p.result()
    assert status == 1, out
    assert "the machine ended with status 137 (a signal)" in out, out
    assert "poke clock0" in out, out
    nothing_left(lab)


def overdue(lab, text):
    """Play it with a limit that suffices to start its machine -> stdout."""
    for limit in 1, 5, 20, 60:
        status, out, err = lab.run("play", "--timeout", str(limit),
                                   write(lab, text), env=env(lab))
        assert status == 1 and not err, (status, out, err)
        assert f"timed out after {limit} s" in out, out
        nothing_left(lab)
        if "s.scn:1: vm" not in out:
            return out
    raise AssertionError("no machine came up: " + out)


def test_hang_is_ended_by_the_time_limit(lab):
    lab.need_kvm()
    for last, line in (("sleep 3000000\n", 2), ('wait guest "never"\n', 2),
                       ("wait end\n", 2),
                       ("repeat 1000000\npoke clock0\nend\n", 3)):
        out = overdue(lab, vm(lab) + last)
        assert f"s.scn:{line}: " in out, out
    # The current statement of each branch.
    out = overdue(lab, vm(lab) +
                  "parallel\nsleep 999999\nand\nwait end\nend\n")
    for text in ("s.scn:3: ended here: sleep 999999",
                 "s.scn:5: ended here: wait end", "s.scn:2: parallel"):
        assert text in out, out


def test_machine_that_does_not_answer_is_ended_by_the_time_limit(lab):
    p = Player(lab, vm(lab) + "repeat 1000000\npoke clock0\nend\n",
               "--timeout", "20")
    os.kill(p.machine("poke clock0"), signal.SIGSTOP)
    status, out = p.result()
    assert status == 1 and "timed out after 20 s" in out, out
    nothing_left(lab)


def test_interrupted_player_leaves_nothing_behind(lab):
    for sig, name in (signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM"), \
            (signal.SIGHUP, "SIGHUP"):
        p = Player(lab, vm(lab) + "sleep 3000000\n")
        pid = p.machine()
        p.proc.send_signal(sig)
        status, out = p.result()
        assert status == 1 and "interrupted by " + name in out, out
        assert "not ok 1 " in out, out
        assert not os.path.exists(f"/proc/{pid}"), "the machine is there"
        nothing_left(lab)


def test_interrupt_ends_the_files_that_follow_too(lab):
    lab.need_kvm()
    slow = write(lab, vm(lab) + "sleep 3000000\n", "slow.scn")
    p = Player(lab, vm(lab) + "sleep 3000000\n", slow)
    p.machine()
    p.proc.send_signal(signal.SIGINT)
    status, out = p.result()
    assert status == 1 and "Bail out!" in out and "ok 2" not in out, out


def test_machine_dies_with_a_player_that_is_killed(lab):
    p = Player(lab, vm(lab) + "sleep 3000000\n")
    pid = p.machine()
    p.proc.kill()
    p.proc.wait(lib.LIMIT)
    lib.eventually("the machine's end",
                   lambda: not os.path.exists(f"/proc/{pid}"))


# ---- the kernel ------------------------------------------------------------

KILL = """
guest 0 nop
slot delete 0
guest 0 nop
expect-error state
wait end 10
"""


def warned(lab, text, good):
    """Play what makes this kernel warn; repeat if it does not, because it
    limits the rate -> stdout."""
    if os.geteuid():
        raise lib.Skip("only root may read the kernel's messages")
    for _ in range(ATTEMPTS):
        status, out, err = lab.run("play", write(lab, text))
        assert status in (0, 1) and not err, (status, out, err)
        if good(status, out):
            return out
        time.sleep(6)
    raise lib.Skip("nothing makes this kernel write a warning: " + out)


@pytest.mark.alone
def test_kernel_warning_that_nobody_expects_fails_the_scenario(lab):
    out = warned(lab, "vm --memory anon --no-guard\n" + KILL,
                 lambda status, out: status == 1)
    assert "# the kernel reports: " in out and TEXT in out, out
    assert "#   kernel: " in out, out


@pytest.mark.alone
def test_kernel_warning_that_is_expected_is_excused(lab):
    line = f'expect-kernel "{TEXT}"\n'
    kill = "vm --memory anon --no-guard\n" + KILL
    warned(lab, kill + line, lambda status, out: status == 0)
    # One expectation for each; all are excused.
    warned(lab, kill + line + kill, lambda status, out: status == 0)
    # It came from the previous machine.
    out = warned(lab, kill + line + vm(lab) + 'expect-kernel "two times"\n',
                 lambda status, out: ":8: expect-kernel" not in out)
    assert ":10: expect-kernel" in out and "no such message" in out, out
    assert "the kernel reports" not in out or TEXT not in out, out


def test_kernel_message_that_does_not_come_fails(lab):
    if os.geteuid():
        raise lib.Skip("only root may read the kernel's messages")
    fails(lab, vm(lab) + 'expect-kernel "nothing says this"\n',
          ":2: expect-kernel", "no such message")


class Faked(Player):
    """A player that reads the test's files in place of the kernel's."""

    def __init__(self, lab, text, files):
        if os.geteuid():
            raise lib.Skip("only root can put files in place of others")
        lab.need_kvm()
        self.lab = lab
        words = []
        for real, content in files.items():
            if not os.path.exists(real):
                raise lib.Skip(f"there is no {real}")
            words.append(f"mount --bind '{self.path(real)}' '{real}'")
            if content is None:
                os.mkdir(self.path(real))
            else:
                self.put(real, content)
        words.append(f"exec '{lab.gpcvm}' play '{write(lab, text)}'")
        self.proc = lib.Process(
            ["unshare", "-m", "sh", "-c", " && ".join(words)], lab.dir,
            "faked", env=env(lab))
        lab.procs.append(self.proc)

    def path(self, real):
        return os.path.join(self.lab.dir, real.replace("/", "_"))

    def put(self, real, content):
        with open(self.path(real), "w", encoding="ascii") as f:
            f.write(content)


def test_taint_that_is_new_fails_the_scenario(lab):
    taint = "/proc/sys/kernel/tainted"
    p = Faked(lab, vm(lab) + "sleep 1000\n", {taint: "4096\n"})
    p.machine()
    p.put(taint, "4608\n")
    status, out = p.result()
    assert status == 1, out
    assert "# the kernel is now tainted: W (/proc/sys/kernel/tainted was " \
        "4096, is 4608)" in out, out
    p = Faked(lab, vm(lab), {taint: "4608\n"})
    assert p.result()[0] == 0 or disturbed(p.proc.out_text()), p.result()


def test_vm_that_kvm_keeps_fails_the_scenario(lab):
    debugfs = "/sys/kernel/debug"
    p = Faked(lab, vm(lab) + "sleep 1000\n", {debugfs: None})
    pid = p.machine()
    os.makedirs(os.path.join(p.path(debugfs), "kvm", f"{pid}-11"))
    status, out = p.result()
    assert status == 1, out
    assert f"# KVM still has a VM of process {pid}" in out, out


@pytest.mark.alone
def test_page_that_is_not_given_back_fails_the_scenario(lab):
    vmstat = "/proc/vmstat"
    for _ in range(ATTEMPTS):
        p = Faked(lab, vm(lab) + "sleep 1000\n",
                  {vmstat: "nr_unevictable 340\nnr_mlock 100\n"})
        p.machine()
        p.put(vmstat, "nr_unevictable 651\nnr_mlock 110\n")
        status, out = p.result()
        os.remove(p.path(vmstat))
        if "leak check skipped" not in out:
            assert status == 1, out
            assert "# memory leaked: 301 more pages" in out, out
            return
    raise lib.Skip("somebody else has machines: " + out)


def test_machines_that_a_container_does_not_see_are_thought_of(lab):
    if os.geteuid():
        raise lib.Skip("only root can make namespaces")
    path = write(lab, vm(lab))
    r = subprocess.run(["unshare", "-mpf", "--mount-proc", lab.gpcvm, "play",
                        path], capture_output=True, text=True, check=False,
                       timeout=lib.LIMIT, env=env(lab))
    assert "leak check skipped: not all processes are in /proc" in r.stdout, r


LEAK = """
import ctypes, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
size = 512 << 12
shm = libc.shmget(0, size, 0o1600)
assert shm >= 0 and libc.shmctl(shm, 11, None) == 0  # SHM_LOCK
at = libc.shmat(shm, None, 0)
libc.shmctl(shm, 0, None)
print("ready", flush=True)
sys.stdin.readline()
ctypes.memset(at, 1, size)
print("kept", flush=True)
sys.stdin.readline()
"""


@pytest.mark.alone
def test_memory_that_is_kept_fails_the_scenario(lab):
    """Another process's unevictable memory stands in for folios that the
    kernel has leaked."""
    if os.geteuid():
        raise lib.Skip("only root can count")
    for _ in range(ATTEMPTS):
        other = subprocess.Popen(["python3", "-c", LEAK], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if other.stdout.readline() != "ready\n":
                raise lib.Skip("no shared memory can be locked here")
            p = Player(lab, vm(lab) + "sleep 2000\n")
            p.machine()
            other.stdin.write("\n")
            other.stdin.flush()
            assert other.stdout.readline() == "kept\n"
            status, out = p.result()
        finally:
            other.kill()
            other.wait()
        if "leak check skipped" not in out:
            assert status == 1, out
            found = re.search(r"memory leaked: (\d+) more pages", out)
            assert found and abs(int(found[1]) - 512) <= 256, out  # others also lock memory
            return
    raise lib.Skip("somebody else has machines: " + out)


def test_ordinary_user_is_told_what_is_not_looked_at(lab):
    own, device, as_nobody = lab.nobody()
    path = write(lab, f"vm --memory {lab_mode(lab, device, as_nobody)} "
                 f"--device {device[1]}\ncheck clock0\n")
    os.chmod(path, 0o644)
    status, out, err = lab.run("play", path,
                               env=dict(os.environ, TMPDIR=own), **as_nobody)
    assert status == 0, (out, err)
    assert "# leak check skipped: only root" in out, out


def lab_mode(lab, device, kw):
    r = subprocess.run([lab.gpcvm, "run", "--memory", "gmem", "--dump-dtb",
                        "/dev/null", *device], capture_output=True,
                       check=False, **kw)
    return "anon" if r.returncode else "gmem"


# ---- what is skipped -------------------------------------------------------

def test_need_that_is_missing_skips_with_its_reason(lab):
    text = "need kernel>=999.0\n" + vm(lab) + "punch 1\n"
    status, out, err = play(lab, text)
    assert status == 4 and not err, (status, out, err)
    assert re.search("^ok 1 .*s # SKIP needs kernel >= 999.0, got .*$",
                     out, re.M), out
    ok = write(lab, vm(lab), "ok.scn")
    status, out, _ = lab.run("play", write(lab, text), ok)
    assert status == 0 and "ok 2" in out, out


def test_needs_that_are_there_do_not_skip(lab):
    passes(lab, f"need kvm kernel>=4.0 cpus>=1 mode-{lab.mode()}\n"
           "need not:cpu-flags\n" + vm(lab)
           if "cpu-flags" in missing_rows(lab) else
           f"need kvm kernel>=4.0 cpus>=1 mode-{lab.mode()}\n" + vm(lab))


def missing_rows(lab):
    rows = json.loads(lab.run("probe", "--json")[1])["rows"]
    return [r["name"] for r in rows if r["state"] != "yes"]


# ---- syntax ----------------------------------------------------------------

def test_syntax_error_anywhere_plays_nothing(lab):
    good = write(lab, vm(lab), "good.scn")
    bad = write(lab, "# x\nvm\n  punsh clock0\n", "bad.scn")
    worse = write(lab, "vm\nrepeat 2\n", "worse.scn")
    status, out, err = lab.run("play", good, bad, worse)
    assert status == 2 and not out, (status, out)
    assert f"gpcvm: {bad}:3:3: unknown statement or command \"punsh\": " \
        "expected " in err, err
    assert f"gpcvm: {worse}:2:1: repeat: not closed" in err, err


def test_wrong_usage_is_told(lab):
    for args, words in (((), "missing argument: FILE or DIR"),
                        (("--timeout", "0", "x"), "--timeout"),
                        (("--timeout",), "needs a value"),
                        (("--seed", "x", "y"), "--seed"),
                        (("--what", "x"), "--what"),
                        (("/nonexistent",), "No such file")):
        for sub in "play", "suite":
            status, out, err = lab.run(sub, *args)
            assert status == 2 and not out and words in err, (args, err)


# ---- output ----------------------------------------------------------------

def test_two_runs_give_the_same_json(lab):
    text = vm(lab, "--vcpus 2") + """
        check all
        punch clock0
        check clock0
        parallel
        check clock1
        and
        check steal0
        end
        pv clock0 off
        check clock0
        """
    seen = []
    for _ in range(2):
        status, out, err = play(lab, text, "--json")
        assert status == 0 and not err, (status, out, err)
        r = json.loads(out)
        assert r.pop("ms") >= 0
        seen.append(r)
    assert seen[0] == seen[1], seen
    assert seen[0] == {"scenario": os.path.join(lab.dir, "s"),
                       "result": "pass", "why": None, "line": None,
                       "verdicts": ["fresh"] * 8 + ["absent"]}, seen


def test_json_of_a_failure_and_a_skip_says_where_and_why(lab):
    r = json.loads(play(lab, vm(lab) + "check clock0\nexpect verdict = torn\n",
                        "--json")[1])
    assert r["result"] == "fail" and r["line"] == 3, r
    assert r["why"] == "verdict: expected torn, got fresh", r
    assert r["verdicts"] == ["fresh"], r
    r = json.loads(play(lab, "need cpus>=999999\nvm\n", "--json")[1])
    assert r["result"] == "skip" and "CPUs" in r["why"], r


def test_full_disk_is_told(lab):
    path = write(lab, vm(lab))
    with open("/dev/full", "w", encoding="utf-8") as full:
        r = subprocess.run([lab.gpcvm, "play", path], stdout=full,
                           stderr=subprocess.PIPE, text=True, check=False,
                           timeout=lib.LIMIT, env=env(lab))
    assert r.returncode == 1 and "No space left" in r.stderr, r
    nothing_left(lab)


def test_reader_that_goes_away_is_told(lab):
    path = write(lab, vm(lab))
    r, w = os.pipe()
    os.close(r)
    done = subprocess.run([lab.gpcvm, "play", path], stdout=w,
                          stderr=subprocess.PIPE, text=True, check=False,
                          timeout=lib.LIMIT, env=env(lab))
    os.close(w)
    assert done.returncode == 1 and "Broken pipe" in done.stderr, done
    nothing_left(lab)


def test_closed_stdout_does_no_harm(lab):
    path = write(lab, vm(lab) + "check clock0\nexpect verdict = fresh\n")
    for redirect in ">&-", ">&- 2>&- <&-":
        lib.eventually("a run that nothing disturbs", lambda: subprocess.run(
            f"exec '{lab.gpcvm}' play '{path}' {redirect}", shell=True,
            check=False, timeout=lib.LIMIT, env=env(lab)).returncode == 0)
    nothing_left(lab)


def test_progress_is_for_terminals_only(lab):
    path = write(lab, vm(lab))
    main, side = os.openpty()
    r = subprocess.run([lab.gpcvm, "play", path], stdout=subprocess.PIPE,
                       stderr=side, check=False, timeout=lib.LIMIT)
    os.close(side)
    shown = os.read(main, 4096).decode()
    os.close(main)
    assert "[1/1] " in shown and "\033[K" in shown, shown
    assert b"\033" not in r.stdout, r.stdout
    assert not lab.run("play", path)[2]


def test_control_characters_do_not_reach_the_terminal(lab):
    out = fails(lab, vm(lab) + 'mem "\x1b[31m\x07"\n', "mem")
    assert "\x1b" not in out and "\x07" not in out, out


# ---- on a running machine ---------------------------------------------------

def test_running_machine_is_played_as_it_is_and_goes_on(lab):
    m = lab.plain("--vcpus", "2")
    out = passes(lab, vm(lab, "--vcpus 2") +
                 "check all\nexpect verdict = fresh\nstatus\n"
                 f"expect pid = {m.proc.pid}\n", "--control", m.path)
    assert ":1: using the running machine in place of: vm" in \
        out, out
    assert "leak check skipped: the machine keeps running" in out, out
    # And without a vm line.
    passes(lab, "check all\nexpect verdict = fresh\nguest 0 nop\n"
           'wait control "guest 0 nop"\n', "--control", m.path)
    m.healthy()


def test_machine_that_is_another_one_is_a_skip(lab):
    m = lab.plain()
    other = "anon" if lab.mode() == "gmem" else "gmem"
    for line, words in ((f"vm --memory {other}", f"expected {other}, "),
                        ("vm --vcpus 2", "--vcpus: expected 2, the running "
                         "machine has 1"),
                        ("vm --vcpus=3", "--vcpus: expected 3, the running "
                         "machine has 1"),
                        ("vm --pv xen", "--pv: expected xen, the running "
                         "machine has kvm"),
                        ("vm --pv-layout packed", "pv-layout: expected packed, ")):
        status, out, _ = play(lab, line + "\nquit\n", "--control", m.path)
        assert status == 4 and words in out, (status, out)
    m.healthy()


def test_second_vm_line_over_a_socket_fails(lab):
    m = lab.plain()
    fails(lab, vm(lab) + "status\n" + vm(lab),
          ":3: vm", "only one vm line",
          args=("--control", m.path))
    m.healthy()


def test_socket_that_is_not_there_fails(lab):
    fails(lab, "status\n", "no control socket at",
          args=("--control", os.path.join(lab.dir, "none")))


def test_machine_that_goes_away_over_a_socket_fails(lab):
    m = lab.plain()
    fails(lab, "quit\n", "the machine ended",
          args=("--control", m.path))
    assert m.wait() == 0
    m = lab.plain()
    passes(lab, "quit 3\nwait end\n", "--control", m.path)
    assert m.wait() == 3


class Fake(threading.Thread):
    """A listener that replies like a machine."""

    def __init__(self, lab, answers):
        super().__init__(daemon=True)
        self.answers = answers
        self.path = os.path.join(lab.dir, "fake")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.bind(self.path)
        self.sock.listen()
        self.start()

    def run(self):
        while True:
            try:
                one = self.sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(one,),
                             daemon=True).start()

    def serve(self, one):
        with one, one.makefile("rw", encoding="utf-8", newline="\n") as f:
            for line in f:
                word = line.split()[0]
                answer = self.answers.get(
                    word, f'{{"ok":true,"cmd":"{word}","last":0}}')
                if answer is None:
                    return
                try:
                    f.write(answer + "\n")
                    f.flush()
                except OSError:
                    return

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        os.remove(self.path)


def over(lab, answers, text):
    fake = Fake(lab, answers)
    try:
        return play(lab, text, "--control", fake.path)
    finally:
        fake.close()


def test_disagreement_that_nobody_expects_fails(lab):
    check = {"check": '{"ok":true,"cmd":"check","pages":[{"verdict":"fresh",'
             '"disagreement":"model: stale; guest: fresh"}]}'}
    status, out, err = over(lab, check, "check all\nstatus\n")
    assert status == 1 and not err, (out, err)
    assert ":1: check all\n#   disagreement: model: stale; guest: fresh" \
        in out, out
    for text, want in (("expect-disagreement", 0),
                       ('expect-disagreement "guest: fresh"', 0),
                       ("expect pages.0.verdict = fresh\n"
                        "expect-disagreement model", 0),
                       ("expect-disagreement kernel", 1),
                       ("expect ok = true", 1)):
        status, out, err = over(lab, check, f"check all\n{text}\nstatus\n")
        assert status == want and not err, (text, out, err)


NO_KIND = "the command failed: the reply has no error.kind"
NO_REPLY = 'the command failed: expected a JSON object with "ok"'


def test_replies_that_no_machine_would_send_fail_and_do_not_hang(lab):
    for answer, words in (
            ("no json", NO_REPLY), ("[]", NO_REPLY), ("", NO_REPLY),
            ('{"ok":true', NO_REPLY), ('{"ok":"true"}', NO_KIND),
            (None, "lost the connection to the machine"),
            ('{"ok":false}', NO_KIND), ('{"ok":false,"error":7}', NO_KIND),
            ('{"ok":false,"error":{"kind":[],"message":{}}}', NO_KIND)):
        status, out, err = over(lab, {"poke": answer}, "poke clock0\n")
        assert status == 1 and not err and words in out, (answer, out, err)
    for answer in "[" * 5000, '{"a":' * 5000, "x" * 300000, "\x1b[2J":
        status, out, err = over(lab, {"poke": answer},
                                "poke clock0\nexpect-error kvm\n")
        assert status == 1 and not err and "\x1b" not in out, (answer, out)


def test_reply_of_a_megabyte_is_judged_and_cut_where_it_is_shown(lab):
    pages = ",".join('{"name":"clock%d","verdict":"fresh"}' % i
                     for i in range(20000))
    check = {"check": '{"ok":true,"cmd":"check","pages":[%s]}' % pages}
    text = "check all\nexpect pages.*.verdict = fresh\n" \
        "expect pages.clock19999.verdict = fresh\n"
    assert over(lab, check, text)[0] == 0
    status, out, _ = over(lab, check, text + "expect ok = false\n")
    assert status == 1 and len(out) < 80000, len(out)
    assert "in all)" in out, out[-2000:]


# ---- gpcvm run --scenario ---------------------------------------------------

def test_run_plays_a_scenario_against_its_machine(lab):
    control = os.path.join(lab.dir, "c")
    path = write(lab, "check all\nexpect verdict = fresh\nstatus\n"
                 "expect pv_layout = packed\n")
    for args in (("--scenario", path), ("--scenario=" + path,),
                 ("--control", control, "--scenario", path),
                 ("--scenario", path, "--control=" + control)):
        lab.need_kvm()
        for _ in range(ATTEMPTS):
            status, out, err = lab.run("run", "--memory", lab.mode(), *args,
                                       "--pv-layout", "packed", env=env(lab))
            if not disturbed(out):
                break
        assert status == 0 and not err, (args, status, out, err)
        assert f"ok 1 {path[:-4]}\n" in out, out
        nothing_left(lab)
        assert not os.path.exists(control), "the socket is still there"


def test_run_with_a_scenario_has_the_status_of_play(lab):
    for text, want in (("check clock0\nexpect verdict = torn\n", 1),
                       ("need cpus>=999999\nstatus\n", 4),
                       ("vm\n", 2), ("nonsense\n", 2)):
        status, out, err = lab.run("run", "--memory", lab.mode(),
                                   "--scenario", write(lab, text),
                                   env=env(lab))
        assert status == want, (text, status, out, err)
        nothing_left(lab)


def test_seed_is_handed_to_the_machine(lab):
    text = vm(lab) + "sleep 3000000\n"
    for args, line, want in ((("--seed", "0x10"), text, b"--seed\x0016\0"),
                             ((), text, None),
                             (("--seed", "1"), vm(lab, "--seed 7") +
                              "sleep 3000000\n", b"--seed\x007\0")):
        p = Player(lab, line, *args)
        with open(f"/proc/{p.machine()}/cmdline", "rb") as f:
            words = f.read()
        p.proc.send_signal(signal.SIGINT)
        p.result()
        if want:
            assert want in words, words
        assert words.count(b"--seed") == (1 if want else 0), words


for _test in (test_field_that_is_otherwise_fails_and_shows_both,
              test_interrupted_player_leaves_nothing_behind,
              test_syntax_error_anywhere_plays_nothing,
              test_running_machine_is_played_as_it_is_and_goes_on,
              test_hang_is_ended_by_the_time_limit):
    pytest.mark.short(_test)
