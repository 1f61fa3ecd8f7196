# SPDX-License-Identifier: GPL-2.0-only
"""Linux boots with gpcvm run --kernel. All guests of a kernel run one after the
other in one boot of the lab."""

import hashlib

import lib
import linux_guest as lg

LIMIT = 300  # seconds: generous, a machine under load takes a minute


def boot(box, *args, status=0, **kw):
    """Run it to its end -> its output."""
    got, out, err = box.run(*lg.command(*args, **kw))
    assert got == status, (got, out, err)
    return out


def userspace(lab, vcpus, *args, box="lean", newest=False, status=0, **kw):
    out = boot(lg.box(lab, box, newest), "--vcpus", str(vcpus), *args, status=status, **kw)
    said = lg.said(out)
    assert said.get("init") == "there", out
    assert said["clock"] == "kvm-clock", out
    assert said["warnings"] == "0", out
    assert said["nproc"] == str(vcpus), out
    return said, out


def reaches(vcpus, *args, **kw):
    def test(lab):
        userspace(lab, vcpus, *args, **kw)
    return test


ANON = ("--memory", "anon")
test_a_bzimage_reaches_userspace_with_4_cpus_and_powers_off = reaches(4, *ANON)
test_a_vmlinux_reaches_userspace_by_pvh_and_restarts = reaches(
    2, *ANON, kernel=lg.VMLINUX, words="restart", status=14)
test_a_distributions_kernel_reaches_userspace_and_powers_off = reaches(
    2, *ANON, kernel=lg.DEBIAN)
test_debians_newest_kernel_reaches_userspace_and_powers_off = reaches(
    2, *ANON, newest=True, kernel=lg.NEWEST, mem="192M")
test_a_bzimage_reaches_userspace_through_the_window = reaches(
    1, *ANON, "--bounce")
test_a_vmlinux_reaches_userspace_through_the_window = reaches(
    1, *ANON, "--bounce", kernel=lg.VMLINUX)
OUT = ("--memory", "gmem-private+no-direct-map")
test_out_of_the_direct_map_a_bzimage_reaches_userspace_with_2_cpus = reaches(
    2, *OUT, box="reference-lean")
test_out_of_the_direct_map_a_vmlinux_reaches_userspace = reaches(
    1, *OUT, box="reference-lean", kernel=lg.VMLINUX, words="restart", status=14)


def test_a_restart_takes_the_port_that_linux_is_told_to_take(lab):
    box = lg.box(lab)
    for words, port in ("reboot=k restart", "0x64"), ("restart", "0xcf9"):
        argv = lg.command(*ANON, words=words)
        argv.remove("--quiet")
        status, out, err = box.run(*argv)
        assert status == 14 and f"to port {port}" in err, (status, out, err)


def test_linux_prints_the_tree_back(lab):
    box = lg.box(lab)
    said, out = userspace(lab, 2, *ANON, words="tree")
    words = lg.command("--vcpus", "2", *ANON, words="tree")
    status, _, err = box.run(*words, "--dump-dtb", "/run/tree")
    assert status == 0, err
    status, blob, err = box.m.run(["cat", "/run/tree"], LIMIT)
    assert status == 0, err
    want = {path: hashlib.md5(value).hexdigest()
            for path, value in lg.tree(blob).items()}
    assert lg.properties(out) == want, (out, want)
    assert {"/chosen/linux,initrd-start", "/cpus/cpu@1/reg",
            "/ports/serial@3f8/reg"} <= set(want), want
    assert said["model"].startswith("gpcvm"), out


def test_two_files_are_one_initrd_and_memory_is_what_was_given(lab):
    for kernel in lg.BZIMAGE, lg.VMLINUX:
        said, out = userspace(lab, 1, *ANON, "--initrd", lg.MORE, kernel=kernel)
        assert said["more"] == lg.MORE_TEXT, out
        # 128 MiB, less the kernel's own memory.
        assert 100 << 10 < int(said["memory"].split()[0]) <= 128 << 10, out


def test_the_serial_port_works_both_ways(lab):
    box = lg.box(lab)
    p = box.m.spawn(lg.command("--vcpus", "1", *ANON, words="ask"))
    try:
        lib.eventually("Linux asks", lambda: b"ask is ready" in bytes(p.out)
                       or p.status is not None, LIMIT)
        p.write(b"6 7\n")
        p.write(b"")
        assert p.wait(LIMIT) == 0, (p.out, p.err)
    finally:
        if p.status is None:
            p.kill(9)
            p.wait(LIMIT)
    out = bytes(p.out).decode("utf-8", "replace")
    # The terminal also echoes the input.
    assert lg.said(out)["answer"] == "42" and "\n6 7\r" in out, out


def test_status_names_the_loader_and_the_kernel_can_be_looked_at(lab):
    box = lg.box(lab)
    for kernel, loader in (lg.BZIMAGE, "linux"), (lg.VMLINUX, "pvh"):
        argv = lg.command("--vcpus", "1", *ANON, kernel=kernel, words="shell")
        g = box.guest(*argv[argv.index("--mem"):])
        lib.eventually("Linux has a shell",
                       lambda: b"init is there" in bytes(g.proc.out), LIMIT)
        s = g.ok("status")
        assert s["loader"] == loader and s["kernel"] == kernel, s
        g.fails("guest 0 nop", "unsupported", "no agent")
        assert int(g.ok("vcpu 0 regs")["rip"], 16) > 0
        g.quit(5)
