# SPDX-License-Identifier: GPL-2.0-only
"""The command line of the lab."""

import argparse
import glob
import os
import shutil
import subprocess
import sys

import cache
import kernels
import reports
import session
from machine import LabError

ABOUT = """\
Boot a host kernel under QEMU's software emulation and run gpcvm in it. Needs no
/dev/kvm and no privileges. What was built is kept in $XDG_CACHE_HOME/gpcvm
(~/.cache/gpcvm).

kernels:
"""

STATUS = f"""
exit status of run: that of the command (gpcvm's own is below {reports.LAB_FAILED};
128 and the signal's number if one killed it), unless
  {reports.LAB_FAILED}  the lab itself failed            {reports.BUILD_FAILED}  the kernel did not build
  {reports.NO_BOOT}  time-out before the kernel was up  {reports.TIME_OUT}  time-out later
  {reports.ENDED}  the machine went away by itself      {reports.NO_FAULT}  the kernel has no such --fault
or the kernel reported something, of which the first counts:
  {reports.PANIC}  panic     {reports.OOPS}  oops      {reports.KASAN}  KASAN               {reports.LOCKDEP}  lockdep
  {reports.REFCOUNT}  refcount  {reports.KMEMLEAK}  kmemleak  {reports.HUNG}  hung task or lockup  {reports.CORRUPTION}  corruption
  {reports.WARNING}  any other WARNING or BUG
"""


def _kernel_options(p):
    p.add_argument(
        "--kernel",
        metavar="NAME|FILE",
        help="a kernel of the list below (base), or any bzImage",
    )
    p.add_argument("--modules", metavar="DIR", help="modules of a kernel FILE")
    p.add_argument("--source", metavar="DIR", help="build this kernel tree")
    p.add_argument(
        "--patches", metavar="DIR", help="apply DIR/*.patch before building"
    )
    p.add_argument(
        "--config",
        metavar="FILE",
        action="append",
        default=[],
        help="one more configuration fragment; may be repeated",
    )
    p.add_argument(
        "--lean",
        action="store_true",
        help="build for speed: no KASAN, lockdep and the like",
    )


def _machine_options(p):
    p.add_argument("--cpus", type=int, metavar="N", help="CPUs (2; 1 with --linux)")
    p.add_argument(
        "--linux",
        action="store_true",
        help="with a kernel for gpcvm run --guest linux in it",
    )
    p.add_argument("--mem", default="1G", metavar="SIZE", help="memory (1G)")
    p.add_argument(
        "--append", default="", metavar="STR", help="for the kernel's command line"
    )
    p.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="FILE[:PATH]",
        help="put FILE, or all of a directory, into the image, at /PATH",
    )
    p.add_argument(
        "--console", metavar="FILE", help="write the kernel's console there"
    )


def parser():
    names = "".join(f"  {n:8} {t}\n" for n, t in kernels.NAMES.items())
    top = argparse.ArgumentParser(
        prog="lab",
        description=ABOUT + names,
        epilog=STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub = top.add_subparsers(dest="what", required=True, metavar="COMMAND")
    run = sub.add_parser(
        "run",
        help="boot, run a command, power off",
        description="Boot, run COMMAND (gpcvm or anything else in the image),"
        " power off; its output and exit status are lab's. Files that it wrote"
        " into its working directory come back into --out.",
        usage="lab run [OPTION]... -- COMMAND [ARG]...",
    )
    _kernel_options(run)
    _machine_options(run)
    run.add_argument(
        "--timeout",
        type=float,
        default=600,
        metavar="S",
        help="seconds for all of it (600)",
    )
    run.add_argument(
        "--out", default=".", metavar="DIR", help="where its files go (.)"
    )
    run.add_argument(
        "--control",
        metavar="PATH",
        help="give gpcvm run a control socket, and reach it at PATH, out here",
    )
    run.add_argument(
        "--fault",
        metavar="NAME",
        help="switch on a mistake of the reference kernel (docs/lab.md)",
    )
    run.add_argument(
        "--kmemleak",
        action="store_true",
        help="scan for leaks afterwards: takes 10 seconds and more",
    )
    run.add_argument("command", nargs="+", metavar="COMMAND")
    shell = sub.add_parser("shell", help="boot, and give a prompt inside")
    _kernel_options(shell)
    _machine_options(shell)
    ctl = sub.add_parser(
        "ctl",
        help="gpcvm ctl to the socket of `lab run --control PATH`",
        usage="lab ctl PATH [COMMAND]...",
    )
    ctl.add_argument("args", nargs="*")
    build = sub.add_parser("build", help="build a kernel and say where it is")
    _kernel_options(build)
    sub.add_parser("list", help="the kernels in the cache, and those that are not")
    sub.add_parser("clean", help="remove the cache")
    return top


def _get(args):
    if args.source and args.kernel:
        raise LabError("--source and --kernel: one of them")
    if getattr(args, "cpus", None) is not None and args.cpus < 1:
        raise LabError(f"--cpus {args.cpus}: at least 1")
    if args.modules and (args.source or args.kernel in (None, *kernels.NAMES)):
        raise LabError("--modules goes with --kernel FILE")
    return kernels.get(
        args.kernel or "base",
        args.lean,
        args.modules,
        args.source,
        args.patches,
        args.config,
    )


def _list():
    """The kernels in the cache, and the names of the others."""
    missing, named = [], set()
    for name, where in kernels.places():
        if os.path.isdir(where):
            named.add(where)
            print(f"{name:16} {where}")
        else:
            missing.append(name)
    for what in ("kernels", "debian"):
        for where in sorted(glob.glob(os.path.join(cache.path(what), "*"))):
            if where not in named and ".tmp-" not in where:
                print(f"{'(another)':16} {where}")
    for name in missing:
        print(f"{name:16} not built yet: lab build --kernel {name}")
    return 0


def _clean():
    where = cache.root()
    shutil.rmtree(where)
    print(f"removed {where}")
    return 0


def _ctl(args):
    return subprocess.call([session.gpcvm(), "ctl", *args])


def main(argv):
    try:
        # The rest belongs to gpcvm, including options.
        if argv[:1] == ["ctl"] and argv[1:] not in ([], ["-h"], ["--help"]):
            return _ctl(argv[1:])
        args = parser().parse_args(argv)
        if args.what == "list":
            return _list()
        if args.what == "clean":
            return _clean()
        if args.what == "ctl":
            raise LabError("ctl: PATH is missing: lab ctl PATH [COMMAND]...")
        if args.what == "build":
            print(_get(args).image)
            return 0
        if args.what == "shell":
            return session.shell(_get(args), args)
        return session.run(_get(args), args)
    except LabError as e:
        print(f"lab: {e}", file=sys.stderr)
        return e.status
    except OSError as e:  # a full disk, a directory that is not ours
        print(f"lab: {e}", file=sys.stderr)
        return reports.LAB_FAILED
