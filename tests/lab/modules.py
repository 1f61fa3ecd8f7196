# SPDX-License-Identifier: GPL-2.0-only
"""Which modules a kernel needs loaded, and in which order."""

import glob
import os

import cache
from machine import LabError

# What is built in is not there as a file, and not needed as one.
WANTED = ("kvm_amd", "hwpoison_inject")


def find_dir(path):
    """The directory with modules.dep, for /, lib/modules or lib/modules/X."""
    for pattern in ("", "lib/modules/*", "usr/lib/modules/*", "*"):
        for d in sorted(glob.glob(os.path.join(path, pattern))):
            if os.path.isdir(os.path.join(d, "kernel")):
                return d
    raise LabError(
        f"--modules {path}: no modules there (a directory like"
        " /lib/modules/6.12.0, as `make modules_install` fills it)"
    )


def _name(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def _deps(moddir):
    """{name: (path, [paths that it needs])} from modules.dep."""
    dep = os.path.join(moddir, "modules.dep")
    if not os.path.exists(dep):
        version = os.path.basename(moddir)
        base = os.path.dirname(os.path.dirname(os.path.dirname(moddir)))
        cache.tool(["depmod", "-b", base, version], f"depmod for {moddir}")
    known = {}
    with open(dep) as f:
        for line in f:
            path, needs = line.rstrip("\n").split(":", 1)
            known[_name(path)] = (path, needs.split())
    return known


def to_load(moddir, wanted=WANTED):
    """Paths under @moddir in the order in which they can be loaded. The line
    of modules.dep has what a module needs, the deepest last."""
    known, order = _deps(moddir), []
    for name in wanted:
        if name not in known:
            continue
        path, needs = known[name]
        for p in [*reversed(needs), path]:
            if p not in order:
                order.append(p)
    return [os.path.join(moddir, p) for p in order]
