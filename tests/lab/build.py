# SPDX-License-Identifier: GPL-2.0-only
"""Building a kernel, with the kernel's own build system, into the cache.

  sources/VERSION            as unpacked, never built in
  work/VERSION-PATCHES/      the same files (hard links) with the patches on
                  obj-...    and what was built, inside it: kbuild then writes
                             relative paths, so that a copy is built on and not
                             from the start
  kernels/NAME-KEY/          image, modules, config, log: complete
"""

import contextlib
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

import cache
import debian
from cache import BuildError

TARGETS = ["bzImage", "modules"]


class Kernel:
    """A kernel: its name, image (what QEMU boots), load (paths of modules, in
    order)."""

    def __init__(self, name, image, load=(), where=None):
        self.name, self.image, self.load = name, image, list(load)
        self.where = where  # its directory in the cache, or None


def _cc():
    """Identify the compiler: another one makes another kernel."""
    cc = os.environ.get("CC", "gcc")
    return cache.tool([cc, "--version"], f"{cc} --version").splitlines()[0]


def _digest(*things):
    h = hashlib.sha256()
    for t in things:
        h.update(t if isinstance(t, bytes) else str(t).encode())
        h.update(b"\0")
    return h.hexdigest()[:12]


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        raise BuildError(f"{path}: {e.strerror}")


def fragments(flavour, extra):
    """The configuration fragments, in the order of merging."""
    own = [os.path.join(cache.HERE, "config", f"{n}.config")
           for n in ("common", flavour)]
    return own + [os.path.abspath(x) for x in extra]


def _patch_files(*places):
    """The files named by @places, or inside them; skips None."""
    files = []
    for place in filter(None, places):
        if os.path.isfile(place):
            files.append(os.path.abspath(place))
            continue
        there = glob.glob(os.path.join(os.path.abspath(place), "*.patch"))
        if not there:
            raise BuildError(f"--patches {place}: no *.patch there")
        files += sorted(there)
    return files


# ---- sources


def _unpack_source(package, version):
    def fill(tmp):
        tar = _tarball(package, version, tmp)
        cache.say(f"unpacking {os.path.basename(tar)}")
        cache.tool(
            ["tar", "-x", "--strip-components=1", "-C", tmp, "-f", tar],
            f"unpacking {tar}",
        )
        shutil.rmtree(os.path.join(tmp, ".deb"), ignore_errors=True)

    return cache.once(cache.path("sources", version), fill)


def _tarball(package, version, tmp):
    tar = f"usr/src/{package}.tar.xz"
    if debian.installed(package) == version and os.path.exists(f"/{tar}"):
        return f"/{tar}"
    where = os.path.join(tmp, ".deb")
    os.mkdir(where)
    debian.unpack_deb(debian.fetch(package, version, where), where)
    return os.path.join(where, tar)


def _link_copy(src, dest):
    """Copy by hard links if possible: patch(1) and kbuild write new files,
    never into old ones."""
    r = subprocess.run(["cp", "-al", f"{src}/.", dest], capture_output=True)
    if r.returncode:
        cache.tool(["cp", "-a", f"{src}/.", dest], f"copying {src}")


def _apply(files, tree):
    for f in files:
        cache.say(f"patch {os.path.basename(f)}")
        r = subprocess.run(
            ["patch", "-p1", "--batch", "--fuzz=0", "-i", f],
            cwd=tree, capture_output=True, text=True,
        )
        if r.returncode:
            said = [x for x in r.stdout.splitlines() if "FAILED" in x or "find" in x]
            raise BuildError(
                f"{f} does not apply: {(said or r.stdout.splitlines() or ['?'])[0]}"
            )


def _work(source, ident, files):
    """A tree to build in."""

    def fill(tmp):
        _link_copy(source, tmp)
        _apply(files, tmp)

    return cache.once(cache.path("work", ident), fill)


# ---- configuration


def _make(tree, obj):
    cc = [f"CC={os.environ['CC']}"] if os.environ.get("CC") else []
    return ["make", "-C", tree, f"O={obj}", *cc]


def configure(tree, obj, flavour, extra, log):
    """tinyconfig plus the fragments; returns the options that were lost."""
    os.makedirs(obj, exist_ok=True)
    make = _make(tree, obj)
    wanted = fragments(flavour, extra)
    merge = os.path.join(tree, "scripts", "kconfig", "merge_config.sh")
    for argv in (
        [*make, "tinyconfig"],
        [merge, "-m", "-O", obj, os.path.join(obj, ".config"), *wanted],
        [*make, "olddefconfig"],
    ):
        with open(log, "ab") as out:
            r = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out,
                               stderr=out, env=cache.env(), cwd=tree)
        if r.returncode:
            raise BuildError(f"configuring failed: {first_error(log)}; log: {log}")
    return lost(os.path.join(obj, ".config"), wanted)


def lost(config, wanted):
    """Options of the fragments that the configuration does not have."""
    have = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", _read(config).decode(), re.M))
    asked = {}
    for f in wanted:
        text = _read(f).decode()
        asked.update(re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.M))
    return [f"{k}={v}" for k, v in asked.items() if have.get(k, "n") != v]


# ---- building


def first_error(log):
    """The line that best explains why a build failed."""
    lines = _read(log).decode("utf-8", "replace").splitlines()
    for pattern in (r"(fatal )?error:|Error:", r"\*\*\*", r"not found|No such"):
        for line in lines:
            if re.search(pattern, line) and "[-Werror" not in line.split(":")[0]:
                return line.strip()
    return lines[-1] if lines else "the log is empty"


class Progress:
    """Show the progress of a build on stderr: a line that changes on a
    terminal, otherwise one every half minute."""

    def __init__(self, what, log):
        self.what, self.log = what, log
        self.start = self.said = time.monotonic()
        self.tty = sys.stderr.isatty()
        self.files, self.at = 0, 0

    def __call__(self, done):
        with open(self.log, "rb") as f:
            f.seek(self.at)
            new = f.read()
        self.at += len(new)
        self.files += len(re.findall(rb"^  (?:CC|AS|LD|AR) ", new, re.M))
        now = time.monotonic()
        text = (f"lab: building {self.what}: {self.files} files,"
                f" {now - self.start:.0f} s")
        if self.tty:
            print(f"\r{text}", end="\n" if done else "", file=sys.stderr, flush=True)
        elif done or now - self.said >= 30:
            self.said = now
            print(text, file=sys.stderr, flush=True)


def _compile(tree, obj, what, log):
    argv = ["nice", *_make(tree, obj), f"-j{os.cpu_count()}", *TARGETS]
    env = cache.env(KBUILD_BUILD_TIMESTAMP="Thu Jan 1 00:00:00 UTC 1970", KBUILD_BUILD_USER="lab",
               KBUILD_BUILD_HOST="gpcvm")
    if cache.long_run(argv, log, Progress(what, log), env=env):
        raise BuildError(f"building {what} failed: {first_error(log)}; log: {log}")


def _collect(obj, log, tmp):
    shutil.copy(os.path.join(obj, "arch", "x86", "boot", "bzImage"), tmp)
    shutil.copy(os.path.join(obj, "System.map"), tmp)
    shutil.copy(os.path.join(obj, ".config"), os.path.join(tmp, "config"))
    shutil.copy(log, os.path.join(tmp, "build.log"))
    os.mkdir(os.path.join(tmp, "modules"))
    for root, _, names in os.walk(obj):
        for name in names:
            if name.endswith(".ko"):
                shutil.copy(os.path.join(root, name), os.path.join(tmp, "modules"))


def _kernel(name, dest):
    load = []
    for wanted in ("irqbypass", "kvm", "kvm-amd", "hwpoison-inject"):
        ko = os.path.join(dest, "modules", wanted + ".ko")
        if os.path.exists(ko):
            load.append(ko)
    return Kernel(name, os.path.join(dest, "bzImage"), load, dest)


def _place(name, flavour, ident, extra):
    """The kernel's key, and its place in the cache, whether built or not."""
    key = _digest(ident, _cc(), *map(_read, fragments(flavour, extra)))
    return key, cache.path("kernels", f"{name}-{flavour}-{key}")


def _made(name, flavour, ident, extra, prepare):
    """Return the kernel from the cache, or build it. prepare() returns (tree,
    obj, must_have_all)."""
    key, dest = _place(name, flavour, ident, extra)
    if os.path.isdir(dest):
        return _kernel(name, dest)
    with cache.locked(f"kernel-{key}"):
        if os.path.isdir(dest):
            return _kernel(name, dest)
        tree, obj, strict = prepare()
        with cache.locked("obj-" + _digest(obj)):
            _build(name, flavour, extra, tree, obj, strict, dest)
    return _kernel(name, dest)


def _build(name, flavour, extra, tree, obj, strict, dest):
    what = f"{name} ({flavour})"
    log = os.path.join(os.path.dirname(obj), os.path.basename(obj) + ".log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    open(log, "wb").close()
    cache.say(f"building {what}: this takes minutes, once; log: {log}")
    missing = configure(tree, obj, flavour, extra, log)
    if missing and strict:
        raise BuildError(f"{what}: the tree does not take {' '.join(missing)}")
    if missing:
        cache.say(f"{what}: this tree does not take {' '.join(missing)}")
    _compile(tree, obj, what, log)
    with cache.making(dest) as tmp:
        _collect(obj, log, tmp)


def _touch(tree, files):
    """Make patched files newer than the objects built without the patches."""
    for f in files:
        for name in re.findall(rb"^\+\+\+ b/(\S+)", _read(f), re.M):
            with contextlib.suppress(FileNotFoundError):  # a later one removes it
                os.utime(os.path.join(tree, os.fsdecode(name)))


def _seed(plain, obj, tree, files=()):
    """Start from a build without the extra fragments, or without the patches
    @files, which @tree has: kbuild compiles only the changes. Objects may be
    younger than files that were patched before them."""
    if plain == obj or os.path.isdir(obj) or not os.path.isdir(plain):
        return
    with cache.locked("obj-" + _digest(plain)), cache.making(obj) as tmp:
        cache.tool(["cp", "-a", f"{plain}/.", tmp], f"copying {plain}")
        _touch(tree, files)


def debian_place(name, pattern, flavour, patches=(), extra=()):
    """Where debian_source() puts that kernel, whether built or not."""
    contents = [_read(f) for f in _patch_files(*patches)]
    ident = _digest(debian.pinned(pattern)[1], *contents)
    return _place(name, flavour, ident, extra)[1]


def debian_source(name, pattern, flavour, patches=(), extra=()):
    """A kernel from Debian's source package, with or without patches."""
    package, version = debian.pinned(pattern)
    if not os.path.isdir(cache.path("sources", version)):
        package, version = debian.choose(pattern)
    files = _patch_files(*patches)
    contents = [_read(f) for f in files]
    obj = f"obj-{flavour}" + (f"-{_digest(*map(_read, extra))}" if extra else "")

    def prepare():
        source = _unpack_source(package, version)
        plain = f"{version}-plain"
        tree = base = cache.path("work", plain)
        if files:
            tree = _work(source, f"{version}-{_digest(*contents)}", files)
        else:
            tree = _work(source, plain, [])
        dest = os.path.join(tree, obj)
        _seed(os.path.join(tree, f"obj-{flavour}"), dest, tree)
        _seed(os.path.join(base, f"obj-{flavour}"), dest, tree, files)
        return tree, dest, True

    return _made(name, flavour, _digest(version, *contents), extra, prepare)


def _listing(tree):
    """Identify a tree that people edit by names, sizes and times. kbuild
    compares the contents."""
    h, stack = hashlib.sha256(), [tree]
    while stack:
        with os.scandir(stack.pop()) as it:
            for e in sorted(it, key=lambda e: e.name):
                if e.is_dir(follow_symlinks=False):
                    if e.name != ".git":
                        stack.append(e.path)
                    continue
                s = e.stat(follow_symlinks=False)
                h.update(f"{e.path} {s.st_size} {s.st_mtime_ns}\n".encode())
    return h.hexdigest()


def tree(source, flavour, patches=None, extra=()):
    """A kernel from a user's tree, which is not modified."""
    source = os.path.abspath(source)
    if not os.path.isfile(os.path.join(source, "Kbuild")):
        raise BuildError(f"--source {source}: no kernel tree (it has no Kbuild)")
    if os.path.exists(os.path.join(source, ".config")) or os.path.isdir(
        os.path.join(source, "include", "config")
    ):
        raise BuildError(
            f"--source {source} has been built in, and kbuild wants it clean:"
            " make mrproper there, or give a git worktree of it"
        )
    files = _patch_files(patches)
    listing = _listing(source)
    contents = [_read(f) for f in files]
    name = re.sub(r"[^\w.-]", "_", os.path.basename(source))
    place = _digest(source, *(contents and [listing]), *contents)

    def prepare():
        extras = f"-{_digest(*map(_read, extra))}" if extra else ""
        if not files:
            return source, cache.path("work", f"{place}-obj-{flavour}{extras}"), False
        patched = _work(source, f"{name}-{place}", files)
        return patched, os.path.join(patched, f"obj-{flavour}{extras}"), False

    return _made(name, flavour, _digest(listing, *contents), extra, prepare)
