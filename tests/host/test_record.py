# SPDX-License-Identifier: GPL-2.0-only
"""record: requests become a scenario that can be played."""
import json
import os
import resource
import shutil
import signal
import stat
import subprocess

import kmsg
import pytest

import lib


def lines(path):
    """The statements of a recording."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert text.startswith("# Recorded by gpcvm "), text
    assert os.uname().release in text.splitlines()[0], text
    return [s for s in (line.strip() for line in text.splitlines())
            if s and not s.startswith("#")]


def body(path):
    """The statements without the description of the machine."""
    found = lines(path)
    assert found[0].startswith("need ") and found[1].startswith("vm"), found
    return found[2:]


def comments(path):
    with open(path, encoding="utf-8") as f:
        return [s.strip() for s in f if s.strip().startswith("#")]


def play(lab, path):
    """Play it; it must pass -> the verdicts of its replies."""
    status, out, err = lab.run("play", "--json", path)
    result = json.loads(out)
    assert status == 0 and result["result"] == "pass", (out, err, lines(path))
    return result["verdicts"]


def verdicts(reply):
    """All values of a reply at any depth, in the order of the text."""
    found = []
    for k, v in reply.items() if isinstance(reply, dict) else ():
        if k == "verdict":
            found.append(v)
        elif isinstance(v, (dict, list)):
            for x in v if isinstance(v, list) else [v]:
                found += verdicts(x)
    return found


def new(lab, name="session.scn"):
    return os.path.join(lab.dir, name)


def begun(m):
    lib.eventually("a storm", lambda: m.ok("status")["storm"])


# ---- a session, and the same again ------------------------------------------

def round_trip(mode):
    @pytest.mark.short
    def test(lab):
        lab.need_mode(mode)
        m = lab.machine("--memory", mode, "--vcpus", "2")
        path = new(lab)
        r = m.ok(f"record {path}")
        assert r["file"] == path and r["from_start"] is True, r
        assert not os.path.exists(path)
        other = m.connect()
        seen = []
        for client, line in (
                (m, "check all"), (other, "punch clock0"),
                (m, "check clock0"), (other, "pv clock1 move 9M"),
                (other, "check clock1"), (m, "pv steal0 off"),
                (other, "check all"), (m, "punch 0"), (other, "poke steal0"),
                (m, "guest 1 write 8M 0x1234 4"), (other, "slot delete 1"),
                (m, "check clock0"), (m, "slot restore 1"),
                (other, "pv steal0 on"),
                (m, "storm count 30 any punch 8M 64K page, poke clock0 & "
                    "punch clock1"),
                (other, "check all")):
            seen += verdicts(client.cmd(line))
        r = m.ok("record stop")
        assert r["complete"] is True and r["from_start"] is True, r
        assert r["statements"] >= len(body(path)), r
        m.quit()
        assert play(lab, path) == seen
        assert f"vm --memory {mode} --vcpus 2" in lines(path)
    return test


for _mode in "anon", "gmem":
    globals()[f"test_{_mode}_a_session_plays_with_the_same_verdicts"] \
        = round_trip(_mode)


@pytest.mark.short
def test_lines_stand_in_order_with_what_their_replies_were(lab):
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    slow, quick = m.connect(), m.connect()
    # The slow request comes first and is answered last.
    slow.send("guest 1 hash 8M 8M\ncheck clock1\n")
    lib.eventually("its line", lambda: any(
        "hash 8M 8M" in e["text"] for e in m.ok("log 100")["events"]))
    quick.ok("punch 9M")
    quick.fails("poke nothing", "range")
    quick.ok("check clock0")
    slow.reply(), slow.reply()
    m.ok("record stop")
    found = body(path)
    # check clock1 ran after the hash: anywhere after that is right.
    at = found.index("check clock1")
    assert found[at + 1] == "expect verdict = fresh", found
    del found[at:at + 2]
    assert found == [
        "guest 1 hash 8M 8M", "punch 9M", "poke nothing",
        "expect-error range", "check clock0", "expect verdict = fresh"], found
    play(lab, path)


def test_what_only_looks_and_what_is_no_command_is_left_out(lab):
    m = lab.plain()
    path = new(lab)
    m.ok(f"record {path}")
    events = m.events()
    for line in ("status", "help", "help punch", "gpc", "caps", "mem 8M",
                 "log 5", "subscribe off", "guest 0 help", "storm help"):
        m.ok(line)
    for line in ("", "sing", "punch", "status now", 'punch "8M'):
        m.fails(line, "usage")
    m.client.send(b"punch \xff8M\npunch 8\0M\n")
    m.client.reply(), m.client.reply()
    m.ok("record stop")
    assert body(path) == [], body(path)
    assert m.ok(f"record {path}.2")["from_start"] is True
    m.ok("punch 8M")
    m.ok("record stop")
    assert m.ok(f"record {path}.3")["from_start"] is False
    m.ok("record stop")
    assert any("Not from the machine's start" in c
               for c in comments(path + ".3"))
    assert not any("Not from" in c for c in comments(path + ".2"))
    events.close()
    play(lab, path)


def test_words_are_quoted_where_they_have_to_be(lab):
    m = lab.plain()
    path = new(lab)
    m.ok(f"record {path}")
    m.ok('  punch   "8M"\t4K ')
    m.fails('punch "8 M"', "usage")
    m.fails('punch "a\\"b\\\\"', "range")
    m.fails('poke ""', "range")
    m.ok("record stop")
    assert body(path) == [
        "punch 8M 4K", 'punch "8 M"', "expect-error usage",
        'punch "a\\"b\\\\"', "expect-error range", 'poke ""',
        "expect-error range"], body(path)
    play(lab, path)


# ---- the machine ------------------------------------------------------------

def vm_line(lab, *options):
    m = lab.machine(*options)
    path = new(lab, f"vm{len(lab.procs)}.scn")
    m.ok(f"record {path}")
    m.ok("guest 0 nop")
    m.quit()
    return path, lines(path)[1]


def test_options_are_those_of_the_machine(lab):
    mode = lab.mode()
    for options, want in (
            (["--memory", mode], f"vm --memory {mode}"),
            ([f"--memory={mode}", "--vcp", "2", "--seed=7", "--dev",
              "/dev/kvm", "--mem", "128M", "--no-guard"],
             f"vm --memory {mode} --vcpus 2 --seed 7 --device /dev/kvm "
             "--mem 128M --no-guard"),
            (["--memory", mode, "--slot", "0,16M", "--slot=1G,4M,offset=16M",
              "--memory-fault", "stop", "--pv-layout", "packed"],
             f"vm --memory {mode} --slot 0,16M --slot 1G,4M,offset=16M "
             "--memory-fault stop --pv-layout packed")):
        path, line = vm_line(lab, *options)
        assert line == want, (options, line)
        play(lab, path)


def test_what_auto_took_is_named(lab):
    if lab.mode() != "gmem":
        raise lib.Skip("auto never takes anon")
    path, line = vm_line(lab, "--vcpus", "1")
    assert line == "vm --vcpus 1 --memory gmem", line
    assert any("the mode that auto chose" in c for c in comments(path))
    path, line = vm_line(lab, "--memory", "auto")
    assert line == "vm --memory auto --memory gmem", line
    play(lab, path)


def test_more_options_than_a_line_has_words_for_are_refused_or_joined(lab):
    mode = lab.mode()
    slots = ["--slot", "0,16M"]
    for i in range(40):
        slots += ["--slot", f"{1 << 30 | i << 22:#x},4M,offset={16 + 4 * i}M"]
    path, line = vm_line(lab, "--memory", mode, *slots)
    assert line.startswith(f"vm --memory={mode} --slot=0,16M --slot=0x4"), line
    play(lab, path)
    m = lab.machine("--memory", mode, *slots, *["--no-guard"] * 30)
    m.fails(f"record {new(lab)}", "state", "do not fit into a scenario line", "64 words")
    assert not os.path.exists(new(lab))


def test_needs_follow_from_machine_and_commands(lab):
    mode = lab.mode()
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    prefault, leak = m.cmd("prefault 0 8M")["ok"], m.cmd("leak 8M")["ok"]
    m.ok("vcpu 0 pin 0")
    m.cmd("attr 8M private")
    pin = m.cmd("vcpu 1 pin 1")["ok"]
    m.ok("record stop")
    needs = lines(path)[0].split()
    assert needs[:4] == ["need", f"mode-{mode}", "kvm-clock", "steal-time"]
    assert ("prefault" if prefault else "not:prefault") in needs, needs
    assert ("kcore" if leak else "not:kcore") in needs, needs
    assert ("cpus>=2" in needs) == pin, needs
    play(lab, path)


# ---- storms -----------------------------------------------------------------

BUSY = "x2 any punch 8M 1M page, poke clock0 + punch clock1 & poke clock1"


def test_a_storm_is_recorded_with_the_seed_it_drew(lab):
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    drawn = m.ok(f"storm count 20 {BUSY}")["seed"]
    m.ok(f"storm for 0.1 seed 7 {BUSY}")
    m.fails("storm count 1 punch 0", "state")
    m.ok("record stop")
    assert body(path) == [
        f"storm count 20 seed {drawn} {BUSY}", "expect verdict = fresh",
        f"storm for 0.1 seed 7 {BUSY}", "expect verdict = fresh",
        "storm count 1 punch 0", "expect-error state"], body(path)
    play(lab, path)


def test_what_came_while_a_storm_ran_comes_again_while_it_runs(lab):
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    m.ok("punch 8M")
    c = m.connect()
    c.send(f"storm for 3000 {BUSY}\n")
    begun(m)
    m.ok("punch 9M")
    m.fails("storm count 1 punch 8M", "state")
    m.ok("storm stop")
    r = c.reply()
    assert r["ended_by"] == "stop", r
    m.ok("check all")
    m.ok("record stop")
    storm = f"storm for 3000 seed {r['seed']} {BUSY}"
    assert body(path) == [
        "punch 8M", "parallel", f'wait control "{storm[:96]}"', "punch 9M",
        "storm count 1 punch 8M", "expect-error state", "storm stop", "and",
        storm, "expect verdict = fresh", "end", "check all",
        "expect verdict = fresh"], body(path)
    play(lab, path)


def test_a_storm_whose_client_went_is_as_long_as_it_was(lab):
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    c = m.connect()
    c.send(f"storm for 3000 {BUSY}\n")
    begun(m)
    c.close()
    lib.eventually("its end", lambda: not m.ok("status")["storm"])
    m.ok("check all")
    m.ok("record stop")
    words = body(path)[0].split()
    assert words[:2] == ["storm", "for"] and 0 < float(words[2]) < 600, words
    assert words[3] == "seed", words
    assert body(path)[1:] == ["check all", "expect verdict = fresh"]
    play(lab, path)


def test_a_recording_that_ends_while_a_storm_runs_plays(lab):
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    c = m.connect()
    c.send(f"storm for 3000 {BUSY}\n")
    begun(m)
    m.ok("punch 9M")
    m.ok("record stop")
    assert any("no reply when the recording ended" in x
               for x in comments(path))
    # The next recording begins in the middle of it.
    assert m.ok(f"record {path}.2")["from_start"] is False
    m.ok("punch 10M")
    m.ok("storm stop")
    c.reply()
    m.ok("check clock0")
    m.ok("record stop")
    play(lab, path)
    assert body(path + ".2") == ["punch 10M", "storm stop", "check clock0",
                                 "expect verdict = fresh"], body(path + ".2")


# ---- its end ----------------------------------------------------------------

@pytest.mark.short
def test_the_end_of_the_machine_ends_it(lab):
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    m.ok("check clock0")
    m.quit(7)
    assert body(path) == ["check clock0", "expect verdict = fresh", "quit 7",
                          "wait end 7"], body(path)
    play(lab, path)
    # During a storm, and with an operation under way.
    m = lab.plain("--vcpus", "2")
    m.ok(f"record {path}.2")
    c, d = m.connect(), m.connect()
    c.send(f"storm for 3000 {BUSY}\n")
    begun(m)
    d.send("check clock1\nguest 0 hash 8M 32M\n")
    m.ok("punch 9M")
    m.quit()
    found = body(path + ".2")
    assert found[-2:] == ["quit 0", "wait end 0"], found
    words = [s for s in found if s.startswith("storm ")][0].split()
    assert words[1] == "for" and float(words[2]) < 600, found
    play_ends(lab, path + ".2")


def play_ends(lab, path):
    """A command cut short by the end of a machine may be recorded differently,
    but the recording must be a scenario, and playing it must end."""
    status, out, err = lab.run("play", "--json", path)
    assert status in (0, 1), (status, out, err)
    return json.loads(out)


def test_a_signal_ends_it_too(lab):
    m = lab.plain()
    path = new(lab)
    m.ok(f"record {path}")
    m.ok("punch 8M")
    m.proc.terminate()
    assert m.wait() == 143
    assert body(path) == ["punch 8M"], body(path)
    assert any("SIGTERM" in c for c in comments(path)), comments(path)
    play(lab, path)


def test_a_gpcvm_that_is_killed_leaves_no_file(lab):
    m = lab.plain()
    path = new(lab)
    m.ok(f"record {path}")
    m.ok("punch 8M")
    m.proc.send_signal(signal.SIGKILL)
    m.proc.wait()
    assert not [f for f in os.listdir(lab.dir) if f.startswith("session")]


def test_only_one_is_made_and_only_a_new_file(lab):
    m = lab.plain()
    path = new(lab)
    m.fails("record stop", "state", "no recording is running")
    m.ok(f"record {path}")
    m.fails(f"record {path}.2", "state", path, "record stop")
    m.ok("record stop")
    before = lines(path)
    m.fails(f"record {path}", "state", path, "already")
    assert lines(path) == before
    os.symlink("/nowhere/at/all", path + ".link")
    m.fails(f"record {path}.link", "state", "already")
    e = m.fails(f"record {lab.dir}/no/such/place", "os", "/no/such/place")
    assert e["errno"] == "ENOENT", e
    m.fails('record ""', "usage", "file name is empty")
    m.fails(f"record {lab.dir}/{'x' * 300}", "os")
    assert sorted(f for f in os.listdir(lab.dir) if "session" in f) == \
        ["session.scn", "session.scn.link"]


def test_a_path_is_relative_to_gpcvm_and_the_mode_as_umask_has_it(lab):
    there = os.path.join(lab.dir, "there")
    os.mkdir(there)
    for umask, mode in (0o022, 0o644), (0o077, 0o600):
        m = lab.plain("--record-dir", ".", cwd=there, umask=umask)
        m.ok(f"record r{mode}")
        m.ok("record stop")
        path = os.path.join(there, f"r{mode}")
        assert stat.S_IMODE(os.stat(path).st_mode) == mode
        lines(path)


def test_a_file_that_came_meanwhile_is_not_overwritten(lab):
    m = lab.plain()
    path = new(lab)
    m.ok(f"record {path}")
    m.ok("punch 8M")
    with open(path, "w") as f:
        f.write("mine")
    m.fails("record stop", "state", "already")
    with open(path) as f:
        assert f.read() == "mine"
    m.ok("punch 9M")  # it goes on
    os.unlink(path)
    m.ok("record stop")
    assert body(path) == ["punch 8M", "punch 9M"]


# ---- what there is no room for ----------------------------------------------

def test_a_full_disk_is_told_and_does_not_disturb_the_machine(lab):
    if os.geteuid():
        raise lib.Skip("only root can mount a file system to fill")
    disk = os.path.join(lab.dir, "disk")
    os.mkdir(disk)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none",
                       disk], capture_output=True).returncode:
        raise lib.Skip("tmpfs cannot be mounted here")
    try:
        m = lab.plain("--record-dir", disk)
        path = os.path.join(disk, "session.scn")
        m.ok(f"record {path}")
        for i in range(1500):
            m.ok(f"punch {0x800000 + i * 4096:#x}")
        e = m.fails("record stop", "os", path)
        assert e["errno"] == "ENOSPC", e
        assert os.listdir(disk) == []
        m.healthy()
        subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
        m.ok("record stop")
        assert len(body(path)) == 1502, len(body(path))
        # And with the machine's end.
        subprocess.run(["mount", "-o", "remount,size=40k", disk], check=True)
        m.ok(f"record {path}.2")
        for i in range(1500):
            m.ok(f"punch {0x800000 + i * 4096:#x}")
        m.quit()
        assert "recording is lost" in m.stderr() and \
            "No space left" in m.stderr(), m.stderr()
        assert os.listdir(disk) == ["session.scn"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_limit_on_the_size_of_files_does_not_kill_the_machine(lab):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    m = lab.plain(preexec_fn=limit)
    path = new(lab)
    m.ok(f"record {path}")
    for i in range(500):
        m.ok(f"punch {0x800000 + i * 4096:#x}")
    e = m.fails("record stop", "os", path)
    assert e["errno"] == "EFBIG", e
    m.healthy()
    assert not os.path.exists(path)


def test_more_than_play_takes_is_cut_and_told(lab):
    m = lab.plain()
    path = new(lab)
    m.ok(f"record {path}")
    told = []
    for _ in range(42):
        replies = m.client.pipeline(["punch 8M", "punch clock0"] * 250)
        assert all(r["ok"] for r in replies)
        told += [e["text"] for e in m.ok("log 520")["events"]
                 if "is truncated" in e["text"]]
    assert set(told) == {told[0]} and path in told[0], told
    m.ok("check all")
    r = m.ok("record stop")
    assert r["complete"] is False, r
    assert 19000 < len(body(path)) <= 20000, len(body(path))
    assert any("Truncated here" in c for c in comments(path))
    m.healthy()
    play(lab, path)


def test_long_lines_are_cut_before_the_file_is_too_long(lab):
    m = lab.plain()
    path = new(lab)
    m.ok(f"record {path}")
    long = "poke " + "x" * 4000
    for _ in range(300):
        m.fails(long, "range")
    assert m.ok("record stop")["complete"] is False
    assert os.path.getsize(path) <= 1 << 20
    play(lab, path)


def test_clients_that_come_and_go_leave_their_lines(lab):
    m = lab.plain("--vcpus", "2")
    path = new(lab)
    m.ok(f"record {path}")
    for i in range(200):
        c = m.connect()
        c.send(f"guest {i % 2} hash 8M 1M\n" * 3 + "punch 9M\n")
        c.close()
    m.ok("guest 0 nop")
    m.ok("guest 1 nop")
    m.ok("record stop")
    found = body(path)
    assert "guest 0 nop" in found and "guest 1 nop" in found
    play(lab, path)


def test_nobody_can_make_a_file_where_he_may_not(lab):
    own, args, who = lab.nobody()
    m = lab.machine(*args, "--memory", "anon", path=os.path.join(own, "c"),
                    **who)
    e = m.fails(f"record {lab.dir}/session.scn", "os")
    assert e["errno"] == "EACCES", e
    m.ok(f"record {own}/session.scn")
    m.ok("record stop")
    lines(os.path.join(own, "session.scn"))
    m.quit()
    shutil.rmtree(own)


kmsg.undisturb(globals())
