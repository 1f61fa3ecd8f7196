# SPDX-License-Identifier: GPL-2.0-only
"""What gpcvm may still do once the guest runs, and who can run it."""
import os

import lib

CAP_SYS_ADMIN = 21
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def threads(m):
    """-> {tid: {field: value}} of every thread of a machine"""
    found = {}
    base = f"/proc/{m.proc.pid}/task"
    for tid in os.listdir(base):
        with open(f"{base}/{tid}/status") as f:
            found[tid] = {k: v.strip() for k, v in
                          (line.split(":", 1) for line in f)}
    return found


@lib.short
def test_no_thread_keeps_a_capability(lab):
    m = lab.plain("--vcpus", "4")
    m.healthy()
    found = threads(m)
    assert len(found) >= 5, f"{len(found)} threads for 4 vCPUs"
    for tid, t in found.items():
        for name in SETS:
            # Without CAP_SETPCAP the bounding set stays as it was.
            if name != "CapBnd" or not os.geteuid():
                assert int(t[name], 16) == 0, (tid, t["Name"], name, t[name])
        assert t["NoNewPrivs"] == "1", (tid, t["Name"])


def test_poison_leaves_one_thread_one_capability(lab):
    if os.geteuid():
        raise lib.Skip("only root can start gpcvm with --poison")
    m = lab.plain("--vcpus", "2", "--poison")
    m.healthy()
    found = threads(m)
    sets = [tuple(int(t[name], 16) for name in SETS) for t in found.values()]
    only = (0, 1 << CAP_SYS_ADMIN, 1 << CAP_SYS_ADMIN, 0, 0)
    assert sets.count(only) == 1, sets
    assert sets.count((0,) * 5) == len(sets) - 1, sets
    assert all(t["NoNewPrivs"] == "1" for t in found.values())
    main = found[str(m.proc.pid)]
    assert int(main["CapPrm"], 16) == 0, "the main thread has it"


def test_poison_is_refused_to_who_has_no_right_to_it(lab):
    own, device, kw = lab.nobody()
    status, _, err = lab.run("run", "--memory", lab.mode(), "--poison",
                             *device, **kw)
    assert status == 1 and "CAP_SYS_ADMIN" in err, (status, err)


def test_no_thread_gets_a_capability_back_later(lab):
    m = lab.plain("--vcpus", "2")
    m.healthy()
    for line in "caps", "punch 8M", "vcpu 0 pin 0", "leak all":
        m.cmd(line)
    m.healthy()
    for tid, t in threads(m).items():
        for name in "CapPrm", "CapEff", "CapAmb":
            assert int(t[name], 16) == 0, (tid, name, t[name])
        assert t["NoNewPrivs"] == "1", tid


def test_an_ordinary_user_can_run_a_machine(lab):
    own, device, kw = lab.nobody()
    m = lab.plain(*device, "--vcpus", "2",
                  path=os.path.join(own, "control"), **kw)
    m.healthy()
    for tid, t in threads(m).items():
        assert t["Uid"].split() == [str(lib.NOBODY)] * 4, (tid, t["Uid"])
        assert t["NoNewPrivs"] == "1", tid
        for name in "CapPrm", "CapEff", "CapAmb":
            assert int(t[name], 16) == 0, (tid, name, t[name])
    for line in "punch clock0", "allocate 8M 64K", "guest 1 fill 8M 4K 1", \
            "caps", "gpc", "log", "mem 8M":
        m.ok(line)
    m.healthy()
    m.quit(9)


def test_an_ordinary_user_can_probe(lab):
    _, device, kw = lab.nobody()
    status, out, err = lab.run("probe", **kw)
    assert status in (0, 1) and (out or err), (status, out, err)
    status, out, err = lab.run("run", "--memory", lab.mode(), "--guest",
                               "hello", *device, **kw)
    assert status == 0 and "Hello" in out, (status, out, err)
