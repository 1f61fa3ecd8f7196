# SPDX-License-Identifier: GPL-2.0-only
"""Refusals before a machine starts, and the other subcommands."""
import json
import os

import pytest

import lib


def refused(lab, status, args, *words, **kw):
    """gpcvm run ARGS must end with @status and print @words, and leave
    nothing."""
    before = sorted(os.listdir(lab.dir))
    if "--control" not in args:
        args = [*args, "--control", os.path.join(lab.dir, "sock")]
    # If it is not refused, this guest ends at once, and another would never
    # end.
    got, _, err = lab.run("run", "--dump-dtb", "/dev/null", *args, **kw)
    assert got == status, (args, got, err)
    got, out, err = lab.run("run", *args, **kw)
    assert got == status, (args, got, out, err)
    assert out == "", (args, out)
    assert err.endswith("\n") and "gpcvm: " in err, (args, err)
    for w in words:
        assert w in err, f"{args}: no '{w}' in {err}"
    assert sorted(os.listdir(lab.dir)) == before, "something was left behind"
    return err


@pytest.mark.short
def test_memory_sizes_that_cannot_be_are_refused(lab):
    for size in "0", "1", "4K", "1M", "2M1", "2097151", "2T", "1025G", \
            "0x10000000001", "16777216T", "18446744073709551615", \
            "18446744073709551616", "9" * 50, "-64M", "+64M", "", " 64M", \
            "64M ", "64MB", "junk", "0x", "1.5G", "64 M":
        err = refused(lab, 2, ["--mem", size], "--mem")
        assert size[:40] in err, (size, err)
    err = refused(lab, 2, ["--mem", "67108865"], "67108865", "4096")


def test_the_smallest_and_a_sparse_size_of_memory_run(lab):
    for size in "2M", "16G":
        m = lab.plain("--mem", size)
        m.healthy()
        m.quit()


def test_too_little_memory_for_many_vcpus_is_refused(lab):
    lab.need_kvm()
    err = refused(lab, 1, ["--memory", lab.mode(), "--mem", "2M", "--vcpus",
                           "256"], "2M", "256", "at least")
    # And the suggestion in the error works.
    need = err.split("at least ")[1].strip(" \n.;")
    m = lab.plain("--mem", need, "--vcpus", "256")
    m.healthy()


@pytest.mark.short
def test_numbers_of_vcpus_that_cannot_be_are_refused(lab):
    for n in "0", "4097", "100000", "4294967297", "18446744073709551617", \
            "-1", "+1", "", "two", "1.0", "0x", "1 2":
        err = refused(lab, 2, ["--vcpus", n], "--vcpus")
        assert n in err, (n, err)


def test_more_vcpus_than_kvm_has_are_refused(lab):
    lab.need_kvm()
    args = ["--memory", lab.mode(), "--vcpus", "4096", "--mem", "256M"]
    status, _, err = lab.run("run", *args, "--dump-dtb", "/dev/null")
    if status == 0:
        raise lib.Skip("this KVM takes 4096 vCPUs")
    refused(lab, 1, args, "4096", "at most")


@pytest.mark.short
def test_wrong_options_are_refused(lab):
    refused(lab, 2, ["--frobnicate"], "--frobnicate", "--help")
    refused(lab, 2, ["-x"], "x", "--help")
    refused(lab, 2, ["--mem"])
    refused(lab, 2, ["--quiet=1"], "--quiet")
    refused(lab, 2, ["surplus"], "surplus")
    refused(lab, 2, ["--quiet", "sur plus", "more"], "sur plus")
    for option, choices in (("--guest", ("agent", "hello", "clockwatch", "linux")),
                            ("--memory", ("anon", "gmem", "gmem-private")),
                            ("--pv-layout", ("separate", "packed", "split")),
                            ("--pv-by", ("gpa", "hva")),
                            ("--family", ("none", "mmap-6.18")),
                            ("--memory-fault",
                             ("report", "convert", "stop")),
                            ("--pv", ("kvm", "xen"))):
        for bad in "nonsense", "", "Agent", "gmem+", "x" * 300:
            err = refused(lab, 2, [option, bad], *choices)
            assert bad[:60] in err, (option, bad, err)
    refused(lab, 2, ["--gmem-flags", "three"], "--gmem-flags", "three")
    for bad in "", "0", "0,", "0,2M,color=1", "0,2M,file=x", ",", \
            "0,2M,offset=", "0,0x10000000000000000", "0 2M", "0,2M,file=99", \
            "0,2M,file=none,offset=4K", "0,2M,file=None":
        refused(lab, 2, ["--slot", bad], "slot")


@pytest.mark.short
def test_options_of_the_xen_flavour_alone_are_refused(lab):
    refused(lab, 2, ["--pv-layout", "split"], "split", "--pv xen")
    refused(lab, 2, ["--pv-by", "hva", "--pv", "kvm"], "hva", "--pv xen")


def test_xen_flavour_that_kvm_lacks_is_refused_with_what_to_try(lab):
    lab.need_kvm()
    status, out, _ = lab.run("probe", "--json")
    rows = {r["name"]: r for r in json.loads(out)["rows"]}
    if rows["xen"]["state"] == "yes":
        raise lib.Skip("this KVM has Xen")
    for extra in [], ["--pv-by", "hva"], ["--pv-layout", "split"]:
        refused(lab, 1, ["--memory", "anon", "--pv", "xen", *extra],
                "--pv xen", "KVM_CAP_XEN_HVM", "--pv kvm")


def test_empty_parts_of_a_slot_are_refused(lab):
    for bad in "0,2M,", ",0,2M", "0,,2M", "0,2M,,file=0":
        refused(lab, 2, ["--slot", bad], bad)


def test_slots_that_make_no_machine_are_refused(lab):
    lab.need_kvm()
    mode = ["--memory", lab.mode()]
    # No RAM where the guest must be; two slots in one place; too many.
    for slots in (["0x10000000,16M"], ["0,64M", "32M,64M"],
                  ["0,64M", "0,64M"], ["1,64M"], ["0,64M", "128M,1"],
                  ["0,64M,offset=1"], ["0,64M", "0xfffffffffffff000,2M"]):
        args = mode + [a for s in slots for a in ("--slot", s)]
        status, _, err = lab.run("run", *args)
        assert status in (1, 2) and err.startswith("gpcvm: "), (args, err)
    args = [a for i in range(200) for a in ("--slot", f"{i * 2}M,2M")]
    refused(lab, 2, mode + args, "slots")


def test_memory_modes_that_the_kernel_lacks_are_refused_with_a_reason(lab):
    lab.need_kvm()
    for mode in "gmem", "gmem-private", "gmem+no-direct-map", \
            "gmem-private+no-direct-map", "auto":
        status, _, _ = lab.run("run", "--memory", mode, "--dump-dtb",
                               "/dev/null")
        if status:
            err = refused(lab, 1, ["--memory", mode], "--memory", mode)
            assert "try" in err or "or use --memory anon" in err, err
    refused(lab, 2, ["--memory", "anon+no-direct-map"], "anon+no-direct-map")
    for mode in "gmem", "auto", "gmem-private":
        refused(lab, 1, ["--family", "none", "--memory", mode], "guest_memfd")


@pytest.mark.short
def test_a_device_that_is_not_kvm_is_refused(lab):
    missing = os.path.join(lab.dir, "no-kvm")
    mode = ["--memory", "anon", "--device"]
    refused(lab, 1, mode + [missing], missing, "No such file")
    refused(lab, 1, mode + ["/dev/null"], "/dev/null")
    refused(lab, 1, mode + ["/dev/zero"], "/dev/zero")
    refused(lab, 1, mode + [lab.dir], lab.dir)
    refused(lab, 1, mode + [""], "cannot open")
    plain = os.path.join(lab.dir, "plain")
    with open(plain, "w"):
        pass
    refused(lab, 1, mode + [plain], plain)


def test_a_device_without_rights_is_refused_with_advice(lab):
    own, _, kw = lab.nobody()
    sock = os.path.join(own, "sock")
    closed = os.path.join(lab.dir, "closed-kvm")
    st = os.stat("/dev/kvm")
    os.mknod(closed, 0o600 | 0o020000, st.st_rdev)
    refused(lab, 1, ["--memory", "anon", "--device", closed, "--control",
                     sock], closed, f"uid {lib.NOBODY}", "Permission denied",
            "kvm", **kw)
    status, out, err = lab.run("probe", **kw)
    assert status in (0, 1) and len(out + err) > 20, (status, out, err)


def test_a_device_tree_that_cannot_be_written_is_refused(lab):
    lab.need_kvm()
    args = ["--memory", lab.mode(), "--dump-dtb"]
    for path, why in (("/dev/full", "No space left"),
                      (os.path.join(lab.dir, "no", "dtb"), "No such file"),
                      (lab.dir, "directory"), ("", "No such file"),
                      ("/proc/version", "")):
        refused(lab, 1, args + [path], "--dump-dtb", path, why)
    path = os.path.join(lab.dir, "dtb")
    status, out, err = lab.run("run", *args, path)
    assert status == 0, (status, err)
    with open(path, "rb") as f:
        assert f.read(4) == b"\xd0\x0d\xfe\xed", "not a device tree"


@pytest.mark.short
def test_help_and_version_of_every_subcommand_work(lab):
    for args in ["--help"], ["help"], ["run", "--help"], ["probe", "--help"], \
            ["ctl", "--help"]:
        status, out, err = lab.run(*args)
        assert status == 0 and err == "", (args, status, err)
        assert "Usage: gpcvm" in out, (args, out)
        for line in out.splitlines():
            assert len(line) <= 80, (args, line)
    for args in ["--version"], ["run", "--version"], ["probe", "--version"], \
            ["ctl", "--version"]:
        status, out, err = lab.run(*args)
        assert status == 0 and err == "", (args, status, err)
        assert out.startswith("gpcvm ") and out[6].isdigit(), (args, out)


@pytest.mark.short
def test_no_or_an_unknown_subcommand_is_wrong_usage(lab):
    status, out, err = lab.run()
    assert status == 2 and out == "" and "Usage" in err, (status, out, err)
    for args in ["frobnicate"], [""], ["--frobnicate"], ["Run"]:
        status, out, err = lab.run(*args)
        assert status == 2 and out == "", (args, status, out)
        assert args[0] in err and "--help" in err, (args, err)
    for args in ["ctl"], ["ctl", "--frobnicate"], ["probe", "--frobnicate"], \
            ["probe", "surplus"]:
        status, out, err = lab.run(*args)
        assert status == 2 and out == "" and "gpcvm" in err, (args, status)


def test_probe_tells_the_same_in_json(lab):
    lab.need_kvm()
    status, out, err = lab.run("probe", "--json")
    assert status == 0 and err == "", (status, err)
    rows = {row["name"] for row in json.loads(out)["rows"]}
    status, table, err = lab.run("probe")
    assert status == 0 and err == "", (status, err)
    for name in rows:
        assert name in table, name


def test_ctl_says_when_nobody_is_there(lab):
    path = os.path.join(lab.dir, "nobody")
    status, out, err = lab.run("ctl", path, "status")
    assert status == 3 and out == "" and path in err, (status, out, err)
