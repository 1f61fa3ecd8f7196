# SPDX-License-Identifier: GPL-2.0-only
"""make demo: it shows what it says, and says where it cannot."""
import os
import subprocess

import lib


def demo(lab, *before):
    script = os.path.join(lab.root, "tests", "host", "demo")
    return subprocess.run([*before, script, lab.gpcvm], capture_output=True,
                          text=True, timeout=lib.LIMIT,
                          stdin=subprocess.DEVNULL)


def test_demo_shows_every_step(lab):
    lab.need_kvm()
    r = demo(lab)
    assert r.returncode == 0, r.stdout + r.stderr
    assert "9 things shown, none failed" in r.stdout, r.stdout
    for step in ("check all: clock0 clock1 steal0 steal1 are fresh",
                 "the guest reads zeros there",
                 "its version begins anew",
                 "both clocks are gone"):
        assert step in r.stdout, r.stdout


def test_demo_without_kvm_says_so_and_fails(lab):
    if os.geteuid():
        raise lib.Skip("hiding /dev/kvm takes root")
    if not os.path.exists("/dev/kvm"):
        r = demo(lab)
    else:
        r = demo(lab, "unshare", "-m", "sh", "-c",
                 'mount --bind /dev/null /dev/kvm && exec "$0" "$@"')
    assert r.returncode == 1, r.stdout + r.stderr
    assert "needs a usable /dev/kvm" in r.stdout, r.stdout
