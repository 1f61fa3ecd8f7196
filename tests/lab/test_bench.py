# SPDX-License-Identifier: GPL-2.0-only
"""make bench, the part in the lab: it produces its figures."""

import json
import os
import subprocess

import labtest


def figures_of(lab, *args):
    out = os.path.join(lab.dir, "figures")
    r = subprocess.run([os.path.join(labtest.HERE, "bench"), "--gpcvm", lab.gpcvm,
                        "--json", out, "--turns", "1", *args],
                       capture_output=True, text=True, timeout=labtest.BUILD_LIMIT,
                       stdin=subprocess.DEVNULL)
    assert r.returncode == 0, r.stdout + r.stderr
    with open(out) as f:
        return json.load(f)["figures"]


def test_each_figure_of_the_two_kernels_is_measured(lab):
    figures = figures_of(lab, "--part", "kernels", "--each", "2")
    assert len(figures) == 12, figures
    assert all(x["ns"] > 0 and x["base_ns"] > 0 for x in figures), figures


def test_each_figure_of_the_two_vmms_is_measured(lab):
    figures = figures_of(lab, "--part", "vmms")
    names = [x["name"] for x in figures]
    assert names == ["init", "init-cpu", "memory"] * 3, names
    assert all(x["own"] > 0 and x["other"] > 0 for x in figures), figures
    # Both booted Linux: no VMM does that with less, and QEMU's libraries alone
    # take more memory than gpcvm.
    assert all(x["own"] > 10**8 for x in figures if x["unit"] == "ns"), figures
    assert all(x["value"] < 1 for x in figures if x["name"] == "memory"), figures
