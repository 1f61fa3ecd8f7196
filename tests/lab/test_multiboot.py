# SPDX-License-Identifier: GPL-2.0-only
"""Kernels from files in private memory, which the host cannot write: they are
loaded through the window."""

import os

import lib
import multiboot as mb

IMAGE = "/run/image.elf"


def put(box, path, data):
    status, _, err = box.run("sh", "-c", f"cat >{path}", stdin=data)
    assert status == 0, err


def box_with_image(lab, kernel="lean"):
    box = lab.box(kernel)
    with open(mb.image(lab.gpcvm), "rb") as f:
        put(box, IMAGE, f.read())
    return box


def boot(box, *args, status=mb.PASSED):
    got, out, err = box.run("gpcvm", "run", "--quiet", "--kernel", IMAGE, *args)
    assert got == status, (got, out, err)
    return out


# Text that the kernel has moved, such as a copy of the APs' trampoline: a KVM
# that must emulate there, and whose emulator cannot read private memory,
# mostly fails; on `lean` both were seen. `reference` reads private memory.
def moved_text_works(mode, kernel):
    return mode != "gmem-private" or kernel == "reference-lean"


def everything(mode, vcpus, kernel="lean"):
    def test(lab):
        box = box_with_image(lab, kernel)
        copy = moved_text_works(mode, kernel)
        out = boot(box, "--memory", mode, "--vcpus", str(vcpus),
                   *(() if copy else ("--append", "nocopy")))
        assert mb.passed(out) == [n for n in mb.ALL if copy or
                                  n != "APs begin in a copy"], out
        assert f"CPUs {vcpus:#010x}" in out, out
    return test


for _mode in ("anon", "gmem-private"):
    for _n in (1, 2, 4):
        _name = f"test_{_mode.replace('-', '_')}_{_n}_cpus_find_a_pc"
        globals()[_name] = everything(_mode, _n)
test_out_of_the_direct_map_2_cpus_find_a_pc = everything(
    "gmem-private+no-direct-map", 2, "reference-lean")


def box_with_long_image(lab, kernel):
    box = lab.box(kernel)
    with open(mb.image(lab.gpcvm, "long.elf"), "rb") as f:
        put(box, IMAGE, f.read())
    put(box, "/run/env", b"A=1")
    return box


def long_mode(mode, vcpus, kernel="lean", words="tables two words"):
    def test(lab):
        box = box_with_long_image(lab, kernel)
        out = boot(box, "--memory", mode, "--vcpus", str(vcpus), "--initrd",
                   "/run/env", "--append", words)
        assert mb.passed(out) == mb.long_lines(True, "tables" in words), out
        assert f"command line {IMAGE} {words}\nenvironment A=1\n" in out, out
        assert f"CPUs {vcpus:#010x}" in out, out
    return test


# Its trampoline is a copy: use one CPU if that does not work.
test_a_start_as_of_kvm_unit_tests_reaches_long_mode = long_mode("anon", 4)
test_it_reaches_that_in_private_memory = long_mode(
    "gmem-private", 1, words="two words")
test_it_has_4_cpus_in_private_memory = long_mode(
    "gmem-private", 4, "reference-lean")
test_it_has_2_cpus_out_of_the_direct_map = long_mode(
    "gmem-private+no-direct-map", 2, "reference-lean")


def test_page_tables_in_private_memory_are_not_walked_by_an_unpatched_kernel(lab):
    # As in docs/guests.md for `lean`: KVM reads them from the alias.
    box = box_with_long_image(lab, "lean")
    status, out, err = box.run("gpcvm", "run", "--quiet", "--kernel", IMAGE,
                               "--memory", "gmem-private", "--append", "tables")
    assert status == 11 and "KVM internal error" in err, (status, out, err)
    assert "tables\n" in out and "page tables of its own" not in out, out


def test_a_module_larger_than_the_window_arrives_in_private_memory(lab):
    box = box_with_image(lab)
    data = os.urandom(700001)
    put(box, "/run/module", data)
    out = boot(box, "--memory", "gmem-private", "--append", "quick",
               "--initrd", "/run/module,its args")
    mb.passed(out)
    assert mb.module_line("/run/module its args", data) in out, out


def test_all_memory_is_private_once_the_kernel_runs(lab):
    box_with_image(lab)
    g = lab.guest("--memory", "gmem-private", "--kernel", IMAGE, "--append",
                  "quick wait")
    lib.eventually("the kernel waits", lambda: b"waiting" in bytes(g.proc.out),
                   300)
    s = g.ok("status")
    assert s["memory"] == "gmem-private" and s["loader"] == "multiboot", s
    assert s["memory_fault"]["reported"] == 0, s
    # The kernel wrote to the former window, in a page that the host does not
    # see: the host still has the alias, with a part of the image.
    assert g.ok("mem 0x20000 4")["data"] != "feca0d60", s
    g.fails("guest 0 nop", "unsupported", "no agent")
    events = [e["text"] for e in g.ok("log 100")["events"]]
    assert any("in its place" in t for t in events), events
