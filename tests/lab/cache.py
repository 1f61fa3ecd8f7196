# SPDX-License-Identifier: GPL-2.0-only
"""The lab's cache: its entries are complete, or do not exist."""

import contextlib
import fcntl
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import reports
from machine import LabError

HERE = os.path.dirname(os.path.abspath(__file__))


def root():
    """The directory, created if necessary."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(base, "gpcvm", "lab")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as e:
        raise LabError(f"{path}: {e.strerror}: set XDG_CACHE_HOME elsewhere")
    return path


def path(*names):
    return os.path.join(root(), *names)


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(name):
    """Hold a lock across processes; the process's end releases it."""
    os.makedirs(path("locks"), exist_ok=True)
    with open(path("locks", name), "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another lab that makes {name}")
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def making(dest):
    """A directory to fill, which becomes @dest on success."""
    os.makedirs(os.path.dirname(dest), exist_ok=True)
    tmp = tempfile.mkdtemp(
        prefix=os.path.basename(dest) + ".tmp-", dir=os.path.dirname(dest)
    )
    try:
        yield tmp
        os.chmod(tmp, 0o755)
        shutil.rmtree(dest, ignore_errors=True)
        os.rename(tmp, dest)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def sweep(dest):
    """Remove the incomplete @dest of a killed lab, under its lock."""
    for name in glob.glob(glob.escape(dest) + ".tmp-*"):
        shutil.rmtree(name, ignore_errors=True)


def env(**more):
    """The environment for a separate make, without the variables of the make
    that runs us."""
    ours = ("V", "O", "T", "K", "SAN", "SKIP_DEPS", "MFLAGS", "GNUMAKEFLAGS")
    keep = {
        k: v
        for k, v in os.environ.items()
        if k not in ours and not k.startswith(("MAKE", "KCONFIG_"))
    }
    return dict(keep, **more)


def once(dest, fill):
    """The directory @dest; fill(directory) fills it if it does not exist."""
    lock = os.path.relpath(dest, root()).replace(os.sep, "-")
    if not os.path.isdir(dest):
        with locked(lock):
            if not os.path.isdir(dest):  # another lab may have been faster
                sweep(dest)
                with making(dest) as tmp:
                    fill(tmp)
    return dest


def tool(argv, why, **kw):
    """Run a program that must succeed; LabError with its last line."""
    try:
        p = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, **kw
        )
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not installed: run tests/deps lab")
    except OSError as e:
        raise LabError(f"{argv[0]}: {e.strerror}")
    if p.returncode:
        lines = (p.stderr.strip() or p.stdout.strip() or "?").splitlines()
        raise LabError(f"{why}: {lines[-1]}")
    return p.stdout


def long_run(argv, log, progress, **kw):
    """Run a long program with its output in @log. Calls progress(done)
    periodically, with True at the end. Kills it and its children if this
    process is told to end. Returns the exit status."""
    with open(log, "ab") as out:
        p = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **kw,
        )
    try:
        while True:
            try:
                status = p.wait(0.5)
                progress(True)
                return status
            except subprocess.TimeoutExpired:
                progress(False)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        raise


class BuildError(LabError):
    def __init__(self, text):
        super().__init__(text, reports.BUILD_FAILED)
