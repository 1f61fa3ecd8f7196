# SPDX-License-Identifier: GPL-2.0-only
"""Runs the tests of tests/host and tests/lab with pytest: pytest.ini.

A test takes the fixture `lab`, a Lab of lib.py or labtest.py. It is skipped when it
raises lib.Skip, and fails when it raises anything else or its lab does not close."""

import fcntl
import os
import shutil
import signal
import sys

import pytest

HERE = os.path.dirname(os.path.realpath(__file__))
LIMIT = 600  # seconds of what the machine achieves, for a test

# pytest has compiled this file before it can say so.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for its workers as well
shutil.rmtree(os.path.join(HERE, "__pycache__"), ignore_errors=True)
sys.path.append(os.path.join(HERE, "host"))

import lib  # noqa: E402
import progress  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--gpcvm", default="build/gpcvm", metavar="FILE",
                     help="the program to test")
    parser.addoption("--counts", metavar="FILE", help="write there how many passed, failed, skipped")


def interrupt(signo, _):
    """End the run as Ctrl-C does: each lab cleans up. Once: the workers of a run
    get the signal from several sides."""
    signal.signal(signo, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(signo).name)


def pytest_configure(config):
    for s in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        if s == signal.SIGINT or signal.getsignal(s) != signal.SIG_IGN:
            signal.signal(s, interrupt)
    # Not where pytest captures it: for what cannot wait for the end of a test.
    config.watch = progress.Watch(LIMIT, out=os.fdopen(os.dup(2), "w")).start()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Closing(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Those that run alone come last. -k knows all by FILE.TEST as well."""
    for item in items:
        item.extra_keyword_matches.add(f"{item.path.stem[5:]}.{item.name[5:]}")
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Several workers run tests at the same time: whoever runs one holds the lock,
    and a test that runs alone is the only one to hold it."""
    alone = item.get_closest_marker("alone")
    with open(os.path.join(item.path.parent, "conftest.py"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.hookimpl(hookwrapper=True)
def watched(item):
    item.config.watch.at(item.nodeid)
    outcome = yield
    item.config.watch.at(None)
    item.passed = outcome.excinfo is None


pytest_runtest_setup = pytest_runtest_call = pytest_runtest_teardown = watched


@pytest.fixture
def lab(request, labs):
    """@labs: the module that has Lab, from the conftest.py beside the test."""
    lab = labs.Lab(os.path.abspath(request.config.option.gpcvm))
    yield lab
    try:
        if request.node.passed:
            lab.close()
    finally:
        for text in lab.cleanup():
            print(text)


class Closing:
    """The end of a run: why tests were skipped, and the counts."""

    def __init__(self, config):
        self.config = config
        self.failed, self.passed, self.skipped = set(), set(), {}

    def pytest_runtest_logreport(self, report):
        if report.failed:
            if report.nodeid not in self.failed:
                lib.note_failed(report.nodeid)
            self.failed.add(report.nodeid)
        elif report.skipped:
            self.skipped[report.nodeid] = report.longrepr[2]
        elif report.when == "call":
            self.passed.add(report.nodeid)

    pytest_collectreport = pytest_runtest_logreport

    def pytest_terminal_summary(self, terminalreporter):
        for name, why in self.skipped.items():
            terminalreporter.line(f"  skip  {name}: {why.removeprefix('Skipped: ')}")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self):
        yield
        counts = (f"{len(self.passed - self.failed)} passed, {len(self.failed)} failed,"
                  f" {len(self.skipped)} skipped")
        print(counts, flush=True)
        if self.config.option.counts:
            with open(self.config.option.counts, "w") as f:
                f.write(counts.replace(",", "") + "\n")
