# SPDX-License-Identifier: GPL-2.0-only
"""The lab does what docs/lab.md shows, and the rest of what a build must
do."""

import difflib
import glob
import os
import re
import signal
import subprocess
import time

import cache
import debian
import kernels
import labtest
import lib
import reports
import test_docs

PATCHED = "virt/kvm/pfncache.c"
ADDED = """
static int __init gpcvm_patched(void)
{
\tpr_info("gpcvm: patched\\n");
\treturn 0;
}
late_initcall(gpcvm_patched);
"""


def source():
    """An unpacked kernel tree, as the lab has it."""
    kernels.get("base", lean=True)
    version = debian.pinned(kernels.SOURCE)[1]
    trees = [cache.path("sources", version), *glob.glob(cache.path("sources", "*"))]
    return next(t for t in trees if os.path.isdir(t))


def patches(lab, name=PATCHED, added=ADDED):
    """A directory with one patch, which appends @added to @name."""
    with open(os.path.join(source(), name)) as f:
        old = f.readlines()
    new = old + [x + "\n" for x in added.splitlines()]
    where = os.path.join(lab.dir, "patches")
    os.makedirs(where)
    with open(os.path.join(where, "0001-say.patch"), "w") as f:
        f.writelines(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))
    return where


def test_the_lab_page_does_what_it_shows(lab):
    own = kernels.get("base", lean=True)
    packaged = kernels.get("debian")
    test_docs.session(lab, "docs/lab.md", {
        "~/linux": source(),
        "~/patches": patches(lab),
        "~/bzImage": own.image,
        "~/vmlinuz": packaged.image,
        "~/modules": packaged.where,
        "/tmp/gpcvm.console": os.path.join(lab.dir, "console"),
    }, labtest.BUILD_LIMIT)


def test_a_second_build_is_instant_and_the_source_stays_clean(lab):
    which = (("--lean",), ("--source", source(), "--lean"),
             ("--kernel", "debian"))
    for args in which:
        lab.tool("build", *args)
    start = time.monotonic()
    for args in which:
        status, out, err = lab.tool("build", *args)
        assert status == 0 and os.path.isfile(out.strip()), err
        assert "building" not in err, err
    assert time.monotonic() - start < 60
    assert not os.path.exists(os.path.join(source(), ".config"))


def test_a_patch_that_does_not_apply_is_one_line(lab):
    where = patches(lab)
    path = glob.glob(os.path.join(where, "*.patch"))[0]
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(re.sub(r"^ .*$", " no such line", text, flags=re.M))
    status, _, err = lab.tool("build", "--patches", where, "--lean")
    assert status == reports.BUILD_FAILED, err
    assert "does not apply" in err.splitlines()[-1], err


def test_a_build_that_fails_says_why_and_where_in_one_line(lab):
    where = patches(lab, added='#error "this kernel is not to be"')
    status, _, err = lab.tool("build", "--patches", where, "--lean")
    assert status == reports.BUILD_FAILED, err
    last = err.splitlines()[-1]
    assert 'this kernel is not to be' in last and "pfncache.c" in last, err
    log = last.rsplit("log: ", 1)[1]
    assert os.path.isfile(log), err
    # And its remains are not used as a kernel later.
    assert lab.tool("build", "--patches", where, "--lean")[0] == status


def test_an_interrupted_build_leaves_nothing_half_made(lab):
    where = patches(lab, added=ADDED.replace("patched", "interrupted"))
    before = set(os.listdir(cache.path("kernels")))
    p = subprocess.Popen(
        [labtest.TOOL, "build", "--patches", where, "--lean"],
        env=dict(os.environ, GPCVM=lab.gpcvm), cwd=lab.dir,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=labtest.heed_interrupts)
    for line in p.stderr:
        if "this takes minutes" in line:
            break
    log = line.rsplit("log: ", 1)[1].strip()
    lib.eventually("make runs", lambda: os.path.getsize(log) > 200, labtest.LIMIT)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=labtest.LIMIT)
    assert p.returncode == 130
    gone = os.path.dirname(log)
    # Others may be building.
    for new in set(os.listdir(cache.path("kernels"))) - before:
        if ".tmp-" in new:
            continue
        with open(cache.path("kernels", new, "build.log"), "rb") as f:
            assert gone.encode() not in f.read(), new
    lib.eventually("no make is left", lambda: not labtest.processes_in(gone))
