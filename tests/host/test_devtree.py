# SPDX-License-Identifier: GPL-2.0-only
"""The device tree that --dump-dtb writes, as dtc reads it."""
import re
import shutil
import subprocess

import pytest

import lib


def dump(lab, *args):
    """-> the source that dtc prints, and its warnings."""
    lab.need_kvm()
    if not shutil.which("dtc"):
        raise lib.Skip("no dtc: apt-get install device-tree-compiler")
    path = f"{lab.dir}/tree.dtb"
    status, out, err = lab.run("run", "--dump-dtb", path, *args)
    assert status == 0, err
    r = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", path],
                       capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    return r.stdout, r.stderr


def nodes(dts, name):
    """The bodies of the nodes name@..., by what follows the @."""
    return dict(re.findall(rf"\n\t*{name}@i?([0-9a-f]+) {{\n(.*?)\n\t*}};", dts,
                           re.S))


def cells(body, prop="reg"):
    found = re.search(rf"\b{prop} = <(.*?)>;", body)
    assert found, f"no {prop} in {body}"
    return [int(c, 16) for c in found.group(1).split()]


def reg(body):
    hi, lo, len_hi, len_lo = cells(body)
    return hi << 32 | lo, len_hi << 32 | len_lo


def same_as_the_machine(lab, vcpus, *args):
    """Every vCPU, slot and pv page that the control socket knows."""
    args = (*args, "--vcpus", str(vcpus))
    dts, _ = dump(lab, *args)
    assert len(nodes(dts, "cpu")) == vcpus, dts
    m = lab.machine(*args)
    for p in m.ok("gpc")["pages"]:
        kind = p["name"].rstrip("0123456789")
        body = nodes(dts, kind)[p["gpa"][2:]]
        assert reg(body) == (int(p["gpa"], 16),
                             32 if kind == "clock" else 64), body
        assert cells(body, "gpcvm,vcpu") == [p["vcpu"]], body
        assert f'label = "{p["name"]}"' in body, body
        assert f'compatible = "gpcvm,{p["kind"]}"' in body, body
    memory = nodes(dts, "memory")
    assert len(memory) == len(m.slots()), dts
    for s in m.slots():
        body = memory[s["gpa"][2:]]
        assert reg(body) == (int(s["gpa"], 16), int(s["size"], 16)), body
        assert cells(body, "gpcvm,slot") == [s["slot"]], body


def make(mode, vcpus, *args):
    def test(lab):
        lab.need_mode(mode)
        same_as_the_machine(lab, vcpus, "--memory", mode, *args)
    return test


SLOTS = ("--slot", "0,4M", "--slot", "4M,4M,offset=4M", "--slot",
         "4G,8M,file=1")
for _mode in ("anon", "gmem"):
    for _n in (1, 8):
        _name = f"test_{_mode}_{_n}_vcpus_"
        globals()[_name + "tree_is_the_machine"] = make(_mode, _n)
        globals()[_name + "packed_tree_is_the_machine"] = \
            make(_mode, _n, "--pv-layout", "packed")
        globals()[_name + "slots_tree_is_the_machine"] = \
            make(_mode, _n, *SLOTS)
pytest.mark.short(globals()["test_gmem_8_vcpus_packed_tree_is_the_machine"])


def test_dtc_reads_every_tree_without_a_warning(lab):
    for args in ((), ("--vcpus", "8"), ("--pv-layout", "packed"),
                 ("--vcpus", "8", "--pv-layout", "packed"), SLOTS):
        _, warnings = dump(lab, "--memory", "anon", *args)
        assert warnings == "", (args, warnings)


def test_tree_has_the_ports_and_the_guest(lab):
    dts, _ = dump(lab, "--memory", "anon", "--guest", "clockwatch")
    assert 'bootargs = "guest=clockwatch"' in dts, dts
    assert cells(nodes(dts, "serial")["3f8"])[-2:] == [0x3f8, 8], dts
    assert cells(nodes(dts, "doorbell")["510"])[-2:] == [0x510, 4], dts


def test_tree_that_cannot_be_written_is_an_error_with_the_path(lab):
    lab.need_kvm()
    status, out, err = lab.run("run", "--memory", "anon", "--dump-dtb",
                               f"{lab.dir}/no/such/place")
    assert status == 1, (status, err)
    assert "no/such/place" in err and "No such file" in err, err
    status, out, err = lab.run("run", "--memory", "anon", "--dump-dtb",
                               "/dev/full")
    assert status == 1 and "/dev/full" in err, (status, err)
