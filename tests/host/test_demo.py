# SPDX-License-Identifier: GPL-2.0-only
"""make demo: every step, and a clear failure without KVM."""
import os
import subprocess

import lib


def demo(lab, gpcvm):
    script = os.path.join(lab.root, "tests", "host", "demo")
    return subprocess.run([script, gpcvm], capture_output=True, text=True,
                          timeout=lib.LIMIT, stdin=subprocess.DEVNULL)


def test_demo_shows_every_step(lab):
    lab.need_kvm()
    r = demo(lab, lab.gpcvm)
    assert r.returncode == 0, r.stdout + r.stderr
    assert "9 checks, none failed" in r.stdout, r.stdout
    for step in ("check all: clock0 clock1 steal0 steal1 are fresh",
                 "punched clock0's page: the guest reads zeros",
                 "its version restarts",
                 "punched that page: the guest reads zeros"):
        assert step in r.stdout, r.stdout


def test_demo_without_kvm_says_so_and_fails(lab):
    # A gpcvm without a usable /dev/kvm.
    wrapper = os.path.join(lab.dir, "gpcvm")
    with open(wrapper, "w") as f:
        f.write(f"#!/bin/sh\nexec {lab.gpcvm} \"$@\" --device /dev/null\n")
    os.chmod(wrapper, 0o755)
    r = demo(lab, wrapper)
    assert r.returncode == 1, r.stdout + r.stderr
    assert "needs a usable /dev/kvm" in r.stdout, r.stdout
    assert "KVM_GET_API_VERSION" in r.stdout, r.stdout
