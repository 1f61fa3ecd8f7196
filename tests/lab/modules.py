# SPDX-License-Identifier: GPL-2.0-only
"""Which modules a kernel needs loaded, and in which order."""

import glob
import os
import re
import tempfile

import cache
from machine import LabError

# Built-in modules have no file, and need none.
WANTED = ("kvm_amd", "hwpoison_inject")


def find_dir(path):
    """Find the directory with modules.dep, for /, lib/modules or
    lib/modules/X."""
    path = os.path.abspath(path)
    for pattern in (".", "lib/modules/*", "usr/lib/modules/*", "*"):
        for d in sorted(glob.glob(os.path.join(glob.escape(path), pattern))):
            d = os.path.normpath(d)
            if os.path.isdir(os.path.join(d, "kernel")):
                return d
    raise LabError(
        f"--modules {path}: no modules there (a directory like"
        " /lib/modules/6.12.0, as `make modules_install` fills it)"
    )


def _name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def _depmod(moddir):
    """The right content of modules.dep for @moddir; nothing is written
    there."""
    version = os.path.basename(moddir)
    with tempfile.TemporaryDirectory(prefix="gpcvm-lab-") as base:
        # depmod looks here, wherever the directory is.
        os.makedirs(os.path.join(base, "lib", "modules"))
        os.symlink(moddir, os.path.join(base, "lib", "modules", version))
        # Including its other tables, which have no such lines.
        out = cache.tool(["depmod", "-n", "-b", base, version],
                         f"depmod for {moddir}")
    return "".join(re.findall(r"^\S+\.ko\S*:.*\n", out, re.M))


def write_deps(moddir):
    """Write modules.dep anew."""
    text = _depmod(moddir)
    with open(os.path.join(moddir, "modules.dep"), "w") as f:
        f.write(text)


def _deps(moddir):
    """{name: (path, [paths that it needs])} from modules.dep."""
    dep = os.path.join(moddir, "modules.dep")
    if os.path.exists(dep):
        with open(dep) as f:
            text = f.read()
    else:
        text = _depmod(moddir)
    known = {}
    for line in text.splitlines():
        path, needs = line.split(":", 1)
        known[_name(path)] = (path, needs.split())
    return known


def to_load(moddir, wanted=WANTED):
    """Paths under @moddir in load order. A line of modules.dep lists the
    dependencies of a module, the deepest last."""
    known, order = _deps(moddir), []
    for name in wanted:
        if name not in known:
            continue
        path, needs = known[name]
        for p in [*reversed(needs), path]:
            if p not in order:
                order.append(p)
    return [os.path.join(moddir, p) for p in order]
