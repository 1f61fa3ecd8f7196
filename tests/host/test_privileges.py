# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm's privileges while the guest runs, and the users who can run it."""
import fcntl
import os
import shutil
import subprocess

import pytest

import lib
import multiboot

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


@pytest.mark.short
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


def test_poison_leaves_one_process_one_capability(lab):
    if os.geteuid():
        raise lib.Skip("only root can start gpcvm with --poison")
    m = lab.plain("--vcpus", "2", "--poison")
    m.healthy()
    for tid, t in threads(m).items():
        for name in SETS:
            assert int(t[name], 16) == 0, (tid, name, t[name])
    sandbox = m.ok("status")["sandbox"]
    t = status_of(sandbox["poisoner"])
    sets = tuple(int(t[name], 16) for name in SETS)
    assert sets == (0, 1 << CAP_SYS_ADMIN, 1 << CAP_SYS_ADMIN, 0, 0), sets
    assert t["NoNewPrivs"].strip() == "1"
    if sandbox["seccomp"]:
        assert t["Uid"].split() == [str(sandbox["uid"])] * 4, t["Uid"]
    m.quit()
    assert not os.path.exists(f"/proc/{sandbox['poisoner']}")


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


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.split(":", 1) for line in f)


def test_the_file_of_a_kernel_is_looked_into_without_privileges(lab):
    # It reports into a full pipe, so that its privileges are still those from
    # when it found the fault.
    lab.need_kvm()
    bad = os.path.join(lab.dir, "bad")
    with open(bad, "wb") as f:
        f.write(multiboot.elf32([(0x200000, 0, 4097, 5000)]))
    for more in (), ("--dump-dtb", os.path.join(lab.dir, "tree")):
        r, w = os.pipe()
        os.write(w, b"x" * fcntl.fcntl(w, fcntl.F_GETPIPE_SZ))
        p = subprocess.Popen([lab.gpcvm, "run", "--memory", "anon", "--kernel",
                              bad, *more], stderr=w, stdin=subprocess.DEVNULL)
        os.close(w)
        try:
            lib.eventually("no_new_privs", lambda: status_of(p.pid)[
                "NoNewPrivs"].strip() == "1")
            for name in "CapPrm", "CapEff", "CapAmb":
                assert int(status_of(p.pid)[name], 16) == 0, name
        except BaseException:
            p.kill()
            raise
        finally:
            with os.fdopen(r, "rb") as f:
                said = f.read().lstrip(b"x")
            status = p.wait(lib.LIMIT)
        assert status == 1 and b"truncated" in said, (status, said)


def test_root_may_boot_what_only_its_owner_may_read(lab):
    # The file is opened before privileges are dropped.
    image = multiboot.image(lab.gpcvm)
    own, _, _ = lab.nobody()
    path = shutil.copy(image, os.path.join(own, "image"))
    os.chown(path, lib.NOBODY, lib.NOBODY)
    os.chmod(path, 0o600)
    os.chmod(own, 0o700)
    for more in (), ("--initrd", path):
        status, out, err = lab.run("run", "--memory", "anon", "--kernel", path,
                                   "--append", "quick", *more)
        assert status == multiboot.PASSED, (status, out, err)
    tree = os.path.join(own, "tree")
    status, _, err = lab.run("run", "--memory", "anon", "--kernel", path,
                             "--dump-dtb", tree)
    assert status == 0 and os.path.getsize(tree), err
