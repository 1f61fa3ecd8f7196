# SPDX-License-Identifier: GPL-2.0-only
"""How tests are run: tests/conftest.py, with a directory of tests of its own."""

import json
import os
import signal
import subprocess
import time
import xml.etree.ElementTree

import pytest

import lib

# As the lab has one.
CONFTEST = """
import os, pytest, lib, progress
progress.EVERY_S, progress.GRACE_S = 0.1, 0.5

class Lab(lib.Lab):
    broken = False
    def close(self):
        assert not self.broken, "it does not close"
        super().close()

@pytest.fixture(scope="session")
def labs(request):
    request.config.watch.limit = 0.5 if "GPCVM_QUICK" in os.environ else 60
    lib.Lab = Lab
    return lib
"""

HEAD = """
import os, pathlib, signal, threading, time, pytest, lib
here = pathlib.Path(__file__).parent
"""


class Tests:
    """@text in a directory of its own, with the conftest.py of tests/."""

    def __init__(self, lab, text):
        self.lab = lab
        self.dir = os.path.join(lab.dir, "host")
        self.temp = os.path.join(lab.dir, "temp")
        for d in self.dir, self.temp:
            os.mkdir(d)
        os.symlink(os.path.join(lab.root, "tests", "conftest.py"),
                   os.path.join(lab.dir, "conftest.py"))
        for name, content in ("conftest.py", CONFTEST), ("test_it.py", HEAD + text):
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(content)
        self.failed = os.path.join(lab.dir, "failed")
        self.counts = os.path.join(lab.dir, "counts")

    def start(self, *args, **env):
        env = dict(os.environ, GPCVM_FAILED=self.failed, TMPDIR=self.temp,
                   GPCVM=self.lab.gpcvm, **env)
        return subprocess.Popen(
            ["pytest", "-c", os.path.join(self.lab.root, "pytest.ini"),
             f"--gpcvm={self.lab.gpcvm}", f"--counts={self.counts}", *args, self.dir],
            env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)

    def end(self, p):
        """-> what it printed"""
        try:
            return p.communicate(timeout=2 * lib.LIMIT)[0]
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            raise

    def run(self, *args, **env):
        """-> exit status, what it printed, its last line, names of what failed"""
        p = self.start(*args, **env)
        out = self.end(p)
        failed = ""
        if os.path.exists(self.failed):
            with open(self.failed) as f:
                failed = [line.split("::")[1] for line in f.read().splitlines()]
        with open(self.counts) as f:
            assert f.read() == out.splitlines()[-1].replace(",", "") + "\n", out
        return p.returncode, out, out.splitlines()[-1], failed or []

    def left(self):
        """Processes that work here or were given a path of here, and files."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as f:
                    words = f.read().replace("\0", " ")
            except OSError:
                continue
            if self.lab.dir in words:
                found.append(words)
        return found + os.listdir(self.temp)


def files_of_python(lab):
    r = subprocess.run(["find", lab.root, "(", "-name", "__pycache__", "-o",
                        "-name", ".pytest_cache", "-o", "-name", "*.pyc", ")"],
                       capture_output=True, text=True)
    return r.stdout


@pytest.mark.short
def test_results_are_counted_and_told(lab):
    tests = Tests(lab, """
def test_passes(lab): pass
def test_fails(lab): assert 1 == 2, "one is not two"
def test_is_skipped(lab): raise lib.Skip("there is no moon")
def test_does_not_close(lab): lab.broken = True
def test_fails_and_would_not_close(lab):
    lab.spawn("no-such-command").wait()
    lab.broken = True
    raise OSError("first of all")
""")
    for args in [], ["-n", "2"]:
        status, out, last, failed = tests.run(*args)
        assert status == 1, (status, out)
        assert last == "1 passed, 3 failed, 1 skipped", out
        for words in ("  skip  ", "test_it.py::test_is_skipped: there is no moon\n",
                      "one is not two", "it does not close", "first of all",
                      "stderr of ", "no-such-command"):
            assert words in out, (words, out)
        assert sorted(failed) == ["test_does_not_close", "test_fails",
                                  "test_fails_and_would_not_close"], failed
        os.remove(tests.failed)
    assert not tests.left(), tests.left()
    assert not files_of_python(lab), files_of_python(lab)


def test_tests_are_chosen_by_part_of_the_name_and_by_mark(lab):
    tests = Tests(lab, """
def test_one(lab): pass
@pytest.mark.short
def test_two(lab): assert False
def test_three(lab): assert False
""")
    report = os.path.join(lab.dir, "junit.xml")
    for args, want in ((["-k", "it.one"], "1 passed, 0 failed, 0 skipped"),
                       (["-k", "it.tw or it.one"], "1 passed, 1 failed, 0 skipped"),
                       (["-k", "it.two"], "0 passed, 1 failed, 0 skipped"),
                       (["-m", "short"], "0 passed, 1 failed, 0 skipped"),
                       (["-x"], "1 passed, 1 failed, 0 skipped"),
                       ([f"--junitxml={report}"], "1 passed, 2 failed, 0 skipped"),
                       (["-k", "nothing"], "0 passed, 0 failed, 0 skipped")):
        status, out, last, _ = tests.run(*args)
        assert last == want, (args, out)
        assert bool(status) == ("1 passed, 0 failed" not in want), (args, out)
    cases = [(c.get("name"), len(c))
             for c in xml.etree.ElementTree.parse(report).iter("testcase")]
    assert cases == [("test_one", 0), ("test_two", 1), ("test_three", 1)], cases


def test_no_other_test_runs_beside_one_that_is_alone(lab):
    tests = Tests(lab, """
def note(what, seconds):
    start = time.monotonic()
    time.sleep(seconds)
    with open(here / "times", "a") as f:
        f.write(f'["{what}", {start}, {time.monotonic()}]\\n')

def make(what, seconds):
    def test(lab):
        note(what, seconds)
    return test

for i in range(8):
    globals()[f"test_a{i}"] = pytest.mark.alone(make("alone", 0.1))
    globals()[f"test_b{i}"] = make("beside", 0.3)
""")
    status, out, last, _ = tests.run("-n", "3")
    assert last == "16 passed, 0 failed, 0 skipped" and not status, out
    with open(os.path.join(tests.dir, "times")) as f:
        times = [json.loads(line) for line in f]
    pairs = [(a, b) for a in times for b in times
             if a is not b and a[1] < b[2] and b[1] < a[2]]
    assert pairs, f"nothing ran at the same time: {times}"
    assert not [p for p in pairs if "alone" in (p[0][0], p[1][0])], pairs


def test_a_test_that_hangs_fails_by_name_and_the_others_run(lab):
    tests = Tests(lab, """
def test_hangs(lab): threading.Event().wait()
def test_cannot_be_stopped(lab):
    lab.spawn("run", "--quiet", "--control", lab.dir + "/s")
    while True:
        try:
            time.sleep(600)
        except AssertionError:
            pass
def test_goes_on(lab): pass
""")
    status, out, last, failed = tests.run("-n", "1", GPCVM_QUICK="1")
    assert status == 1 and last == "1 passed, 2 failed, 0 skipped", out
    for words in ("test_it.py::test_hangs: not over after",
                  "test_it.py::test_cannot_be_stopped: it cannot be stopped",
                  "crashed while running"):
        assert words in out, (words, out)
    assert failed == ["test_hangs", "test_cannot_be_stopped"], failed
    lib.eventually("an end of all processes", lambda: not [
        x for x in tests.left() if "run --quiet" in x], 10)


def test_a_crash_is_a_failure_and_the_others_run(lab):
    tests = Tests(lab, """
def test_a(lab): pass
def test_b(lab): os.kill(os.getpid(), signal.SIGSEGV)
def test_c(lab): os._exit(0)
def test_d(lab): pass
""")
    status, out, last, failed = tests.run("-n", "2")
    assert status == 1 and last == "2 passed, 2 failed, 0 skipped", out
    assert sorted(failed) == ["test_b", "test_c"], (failed, out)


def test_an_interrupted_run_leaves_nothing(lab):
    """Ctrl-C reaches all of a terminal's job, a SIGTERM perhaps one."""
    lab.need_kvm()
    tests = Tests(lab, """
def make(i):
    def test(lab):
        m = lab.machine("--memory", "anon")
        m.ok("status")
        (here / f"up{i}").touch()
        threading.Event().wait()
    return test
for i in range(6):
    globals()[f"test_{i}"] = make(i)
""")
    def twice(pid, signo):
        os.killpg(pid, signo)
        time.sleep(0.05)
        os.killpg(pid, signo)

    for args, n in ([], 1), (["-n", "2"], 2):
        for signo, kill in ((signal.SIGINT, os.killpg), (signal.SIGTERM, os.killpg),
                            (signal.SIGTERM, os.kill), (signal.SIGINT, os.kill),
                            (signal.SIGTERM, twice)):
            p = tests.start(*args)
            lib.eventually("tests that run", lambda: len(
                [x for x in os.listdir(tests.dir) if x.startswith("up")]) == n)
            kill(p.pid, signo)
            out = tests.end(p)
            assert p.returncode == 2, (args, signo, kill, out)
            assert out.splitlines()[-1].endswith(" skipped"), out
            assert not tests.left(), (args, signo, kill, tests.left(), out)
            for x in os.listdir(tests.dir):
                if x.startswith("up"):
                    os.remove(os.path.join(tests.dir, x))


def test_another_user_runs_tests_as_well(lab):
    if os.geteuid():
        raise lib.Skip("only root becomes another user")
    tests = Tests(lab, """
def test_writes_only_where_it_may(lab):
    assert os.geteuid() == 65534
    open(lab.dir + "/file", "w").close()
""")
    for d in lab.dir, tests.dir, tests.temp:
        os.chmod(d, 0o777)
    r = subprocess.run(
        ["pytest", "-c", os.path.join(lab.root, "pytest.ini"), "-n", "2", tests.dir],
        capture_output=True, text=True, env=dict(os.environ, TMPDIR=tests.temp,
                                                 HOME="/nonexistent"),
        cwd=lab.dir, **lib.AS_NOBODY)
    assert r.returncode == 0, r
    assert r.stdout.endswith("\n1 passed, 0 failed, 0 skipped\n"), r
    assert not tests.left() and not files_of_python(lab)
