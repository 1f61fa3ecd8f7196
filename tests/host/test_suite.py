# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm suite: the scenarios it plays; each fails alone."""
import glob
import json
import os
import signal

import pytest

import lib
import test_play
from test_play import disturbed, env, nothing_left, vm


def folder(lab, files, name="suite"):
    """-> its path"""
    top = os.path.join(lab.dir, name)
    for file, text in files.items():
        path = os.path.join(top, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    return top


# In seconds, for all of its scenarios.
SUITE_LIMIT = 900


def suite(lab, *args):
    lab.need_kvm()
    for _ in range(test_play.ATTEMPTS):
        r = lab.run("suite", *args, env=env(lab), limit=SUITE_LIMIT)
        nothing_left(lab)
        if not disturbed(r[1]):
            break
    return r


def results(out):
    return [line for line in out.splitlines() if not line.startswith("#")]


def test_scenarios_of_a_folder_are_played_in_order_and_counted(lab):
    good = vm(lab) + "check clock0\nexpect verdict = fresh\n"
    top = folder(lab, {
        "b.scn": vm(lab) + "check clock0\nexpect verdict = torn\n",
        "a.scn": good,
        "deep/er/c.scn": good,
        "d#1.scn": "need cpus>=999999\nvm\n",
        "README": "no scenario",
        "a.scn~": "no scenario",
    })
    status, out, err = suite(lab, top)
    assert status == 1 and not err, (status, out, err)
    lines = results(out)
    assert lines[:5] == ["KTAP version 1", "1..4", "ok 1 a", "not ok 2 b",
                         lines[4]], out
    assert lines[4].startswith("ok 3 d\\#1 # SKIP needs CPUs "), out
    assert lines[5:] == ["ok 4 deep/er/c"], out
    assert f"# {top}/b.scn:3: expect verdict = torn\n" in out, out
    assert out.endswith("# 2 passed, 1 failed, 1 skipped\n"), out


def test_folders_and_files_can_be_mixed(lab):
    top = folder(lab, {"a.scn": vm(lab)})
    status, out, err = suite(lab, top + "/", os.path.join(top, "a.scn"))
    assert status == 0, (out, err)
    lines = results(out)
    assert lines[1] == "1..2" and len(lines) == 4, out
    assert lines[2:] == [f"ok 1 {top}/a", f"ok 2 {top}/a (2)"], out


def test_play_takes_folders_and_can_be_a_suite(lab):
    top = folder(lab, {"a.scn": vm(lab), "b/c.scn": "need kernel<1.0\n"})
    status, out, err = suite(lab, top)
    assert status == 0 and not err, (status, out, err)
    lines = results(out)
    assert lines[2] == "ok 1 a" and lines[3].startswith("ok 2 b/c # SKIP"), out
    # The same tool with other defaults.
    for _ in range(test_play.ATTEMPTS):
        status, out, err = lab.run("play", "--suite", top, env=env(lab))
        if not disturbed(out):
            break
    assert status == 0 and not err and results(out) == lines, (out, err)
    assert out.endswith("# 1 passed, 0 failed, 1 skipped\n"), out
    status, out, err = lab.run("play", os.path.join(top, "b"), env=env(lab))
    assert status == 4 and not err, (status, out, err)
    assert results(out)[2].startswith(f"ok 1 {top}/b/c # SKIP"), out
    assert "skipped" not in out, out
    status, out, err = lab.run("suite", "--statements")
    assert status == 0 and json.loads(out) and not err, (status, out, err)
    assert out == lab.run("play", "--statements")[1]


def test_suite_that_is_skipped_as_a_whole_says_so(lab):
    top = folder(lab, {"a.scn": "need kernel<1.0\n"})
    status, out, _ = suite(lab, top)
    assert status == 4, out
    assert out.endswith("# 0 passed, 0 failed, 1 skipped\n"), out


def test_folder_without_scenarios_is_an_error(lab):
    top = folder(lab, {"README": "x"})
    status, out, err = lab.run("suite", top)
    assert status == 2 and not out and "no *.scn" in err, err
    status, out, err = lab.run("suite", os.path.join(top, "none"))
    assert status == 2 and not out and "No such file" in err, err


def test_syntax_error_in_a_suite_plays_nothing(lab):
    top = folder(lab, {"a.scn": vm(lab), "b.scn": "vm\nend\n"})
    status, out, err = lab.run("suite", top)
    assert status == 2 and not out, out
    assert f"gpcvm: {top}/b.scn:2:1: end: no repeat or parallel" in err, err


def test_hang_fails_alone(lab):
    top = folder(lab, {"a.scn": vm(lab) + "sleep 3000000\n", "b.scn": vm(lab)})
    status, out, err = suite(lab, "--timeout", "15", top)
    assert status == 1, (out, err)
    assert results(out)[2:] == ["not ok 1 a", "ok 2 b"], out
    assert "timed out after 15 s" in out, out


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def test_player_that_crashes_fails_alone(lab):
    lab.need_kvm()
    top = folder(lab, {"a.scn": vm(lab) + "sleep 3000000\n", "b.scn": vm(lab)})
    p = lab.spawn("suite", top, env=env(lab))

    def machine():
        assert p.poll() is None, p.out_text()
        for player in children(p.pid):
            for m in children(player):
                return player, m
        return None
    player, pid = lib.eventually("a player with a machine", machine)
    os.kill(player, signal.SIGKILL)
    assert p.wait(lib.LIMIT) == 1, p.out_text()
    out = p.out_text()
    assert "# the player died of SIGKILL\nnot ok 1 a\n" in out, out
    assert "ok 2 b" in out or disturbed(out), out
    lib.eventually("its machine's end",
                   lambda: not os.path.exists(f"/proc/{pid}"))


def test_interrupted_suite_leaves_nothing_behind(lab):
    lab.need_kvm()
    top = folder(lab, {"a.scn": vm(lab) + "sleep 3000000\n", "b.scn": vm(lab)})
    for sig in signal.SIGINT, signal.SIGTERM:
        p = lab.spawn("suite", top, env=env(lab))
        lib.eventually("a machine", lambda: glob.glob(
            os.path.join(lab.dir, "gpcvm-play-*", "control")))
        p.send_signal(sig)
        assert p.wait(lib.LIMIT) == 1, p.out_text()
        out = p.out_text()
        assert "interrupted by SIGTERM" in out and "not ok 1 a" in out, out
        assert "Bail out!" in out and "ok 2" not in out, out
        nothing_left(lab)


def test_players_end_with_a_suite_that_is_killed(lab):
    lab.need_kvm()
    top = folder(lab, {"a.scn": vm(lab) + "sleep 3000000\n"})
    p = lab.spawn("suite", top, env=env(lab))
    lib.eventually("a machine", lambda: glob.glob(
        os.path.join(lab.dir, "gpcvm-play-*", "control")))
    p.kill()
    p.wait(lib.LIMIT)
    lib.eventually("the end of all", lambda: not glob.glob(
        os.path.join(lab.dir, "gpcvm-play-*")))
    nothing_left(lab)


def test_two_runs_of_a_suite_give_the_same_json(lab):
    text = vm(lab, "--vcpus 2") + """
        check all
        parallel
        check clock0
        and
        pv steal0 off
        check steal0
        end
        """
    top = folder(lab, {"a.scn": text, "b.scn": "need cpus>=999999\nvm\n",
                       "c.scn": vm(lab) + "check all\nexpect ok = false\n"})
    seen = []
    for _ in range(2):
        status, out, err = suite(lab, "--json", top)
        assert status == 1 and not err, (status, out, err)
        rows = [json.loads(line) for line in out.splitlines()]
        assert [r.pop("ms") >= 0 for r in rows] == [True] * 3, out
        seen.append(rows)
    assert seen[0] == seen[1], seen
    assert [r["result"] for r in seen[0]] == ["pass", "skip", "fail"], seen
    assert seen[0][0]["verdicts"] == ["fresh"] * 6 + ["absent"], seen
    assert seen[0][2]["line"] == 3, seen


def test_suite_plays_over_a_socket_that_is_there(lab):
    m = lab.plain()
    top = folder(lab, {"a.scn": vm(lab) + "check all\nexpect verdict = fresh\n",
                       "b.scn": "status\nexpect ok = true\n",
                       "c.scn": "vm --vcpus 3\n"})
    status, out, err = suite(lab, "--control", m.path, top)
    assert status == 0 and not err, (out, err)
    assert "# 2 passed, 0 failed, 1 skipped" in out, out
    m.healthy()


def test_scenarios_of_the_project_pass(lab):
    top = os.path.join(lab.root, "tests", "scenarios")
    status, out, err = suite(lab, top)
    assert status == 0 and not err, (status, out, err)
    for path in glob.glob(os.path.join(top, "**", "*.scn"), recursive=True):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert text.startswith("# "), f"{path} opens with no comment"
        assert text.count("\n") <= 66, f"{path} is longer than a page"


for _test in (test_scenarios_of_a_folder_are_played_in_order_and_counted,
              test_hang_fails_alone, test_scenarios_of_the_project_pass):
    pytest.mark.short(_test)


def test_equal_files_of_two_folders_have_different_names(lab):
    lab.need_kvm()
    text = test_play.vm(lab)
    one = folder(lab, {"same.scn": text, "one.scn": text}, "one")
    two = folder(lab, {"same.scn": text}, "two")
    for sub in "suite", "play":
        files = [one, two, f"{one}/same.scn"] if sub == "suite" else \
            [f"{one}/same.scn", f"{two}/same.scn", f"{one}/same.scn"]
        status, out, err = lab.run(sub, *files, env=test_play.env(lab))
        assert status == 0, (status, out, err)
        names = [line.split(" ", 2)[2] for line in out.splitlines()
                 if line.startswith("ok ")]
        assert len(names) == len(set(names)) >= 3, names
        assert f"{one}/same" in names and f"{two}/same" in names, names
    # A file named on the command line keeps its name.
    out = lab.run("suite", one, two, env=test_play.env(lab))[1]
    assert "\nok 1 one\n" in out, out


def test_suite_whose_results_nobody_reads_ends(lab):
    lab.need_kvm()
    for sub, tail in ("suite", []), ("play", ["0", "1", "2", "3"]):
        files = {f"{i}.scn": test_play.vm(lab) +
                 f"record {lab.dir}/{sub}{i}\nguest 0 nop\n" for i in range(4)}
        where = folder(lab, files, f"nobody-{sub}")
        read, write = os.pipe()
        p = lab.spawn(sub, *([f"{where}/{i}.scn" for i in tail] or [where]),
                      env=test_play.env(lab), stdout=write)
        os.close(write)
        text = b""
        while text.count(b"\n") < 2:    # as head -2
            text += os.read(read, 1)
        os.close(read)
        assert p.wait(lib.LIMIT) == 1, p.err_text()
        assert "Broken pipe" in p.err_text(), p.err_text()
        assert not os.path.exists(f"{lab.dir}/{sub}3"), "it played on"
