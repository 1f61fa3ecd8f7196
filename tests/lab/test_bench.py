# SPDX-License-Identifier: GPL-2.0-only
"""make bench, the part in the lab: it measures what it says."""

import json
import os
import subprocess

import labtest


def test_each_figure_of_the_two_kernels_is_measured(lab):
    out = os.path.join(lab.dir, "figures")
    r = subprocess.run([os.path.join(labtest.HERE, "bench"), "--gpcvm", lab.gpcvm,
                        "--json", out, "--turns", "1", "--each", "2"],
                       capture_output=True, text=True, timeout=labtest.BUILD_LIMIT,
                       stdin=subprocess.DEVNULL)
    assert r.returncode == 0, r.stdout + r.stderr
    with open(out) as f:
        figures = json.load(f)["figures"]
    assert len(figures) == 12, figures
    assert all(x["ns"] > 0 and x["base_ns"] > 0 for x in figures), figures
