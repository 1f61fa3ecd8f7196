# SPDX-License-Identifier: GPL-2.0-only
"""Kernels from files: the Multiboot image of the tests finds the right
machine, and invalid images are refused before anything starts."""
import bz2
import datetime
import gzip
import lzma
import os
import re
import signal
import time

import pytest

import lib
import multiboot as mb
from images import refused, write


def boot(lab, *args, image="image.elf", status=mb.PASSED):
    lab.need_kvm()
    got, out, err = lab.run("run", "--quiet", "--kernel",
                            mb.image(lab.gpcvm, image), *args)
    assert got == status, (got, out, err)
    return out


def waiting(lab, *args):
    """A machine whose kernel has halted for good."""
    m = lab.plain("--kernel", mb.image(lab.gpcvm), "--append", "wait", *args)
    lib.eventually("the kernel waits", lambda: "waiting" in m.stdout())
    return m


def everything(mode, vcpus, *args):
    def test(lab):
        lab.need_mode(mode)
        out = boot(lab, "--memory", mode, "--vcpus", str(vcpus), *args)
        assert mb.passed(out) == mb.ALL, out
        assert f"CPUs {vcpus:#010x}" in out, out
    return test


for _mode in ("anon", "gmem"):
    for _n in (1, 4):
        globals()[f"test_{_mode}_{_n}_cpus_find_the_machine_of_a_pc"] = \
            everything(_mode, _n)
test_fed_through_the_window_it_finds_the_same = everything(
    "anon", 2, "--bounce")
test_gmem_fed_through_the_window_finds_the_same = everything(
    "gmem", 2, "--bounce")
pytest.mark.short(globals()["test_gmem_4_cpus_find_the_machine_of_a_pc"])


with open("/proc/cpuinfo") as _f:
    AMD = "AuthenticAMD" in _f.read()


def long_mode(mode, vcpus, *more):
    def test(lab):
        lab.need_mode(mode)
        env = write(lab, "env", b"NR_CPUS=%d" % vcpus)
        out = boot(lab, "--memory", mode, "--vcpus", str(vcpus), "--append",
                   "tables two words", "--initrd", env, *more, image="long.elf")
        assert mb.passed(out) == mb.long_lines(AMD, tables=True), out
        assert f"CPUs {vcpus:#010x}" in out, out
        assert "long.elf tables two words\n" in out, out
        assert f"environment NR_CPUS={vcpus}\n" in out, out
    return test


test_a_start_as_of_kvm_unit_tests_reaches_long_mode = long_mode("anon", 1)
test_it_has_4_cpus_there = long_mode("anon", 4)
test_it_has_4_cpus_there_in_gmem = long_mode("gmem", 4)
test_fed_through_the_window_it_has_4_cpus_there = long_mode(
    "anon", 4, "--bounce")


def test_addresses_in_the_header_take_the_place_of_elf(lab):
    module = write(lab, "module", b"behind the bss")
    for more in (), ("--bounce",):
        out = boot(lab, "--memory", "anon", "--initrd", module, *more,
                   image="image.flat")
        assert "multiboot image, flat" in out, out
        assert mb.passed(out) == (
            mb.ENTRY + mb.INFO + ["module on a page",
                                  "module behind the image"] + mb.CHIPS +
            [n for n in mb.APS if n != "APs begin at the SIPI"] + mb.REST), out


def test_modules_arrive_with_their_command_lines(lab):
    # Larger than the window, so that it takes several parts; an odd length,
    # and one byte.
    data = [os.urandom(1500001), b"x"]
    paths = [write(lab, f"m{i}", d) for i, d in enumerate(data)]
    for more in (), ("--bounce",):
        out = boot(lab, "--memory", "anon", "--append", "quick two words",
                   "--initrd", paths[0] + ",some=args, and a comma",
                   "--initrd", paths[1], *more)
        mb.passed(out)
        assert mb.module_line(paths[0] + " some=args, and a comma",
                              data[0]) in out, out
        assert mb.module_line(paths[1], data[1]) in out, out
        assert f"command line {mb.image(lab.gpcvm)} quick two words\n" in out
        assert "loader gpcvm " in out, out


def test_memory_above_4g_is_in_the_map(lab):
    out = boot(lab, "--memory", "anon", "--mem", "5G", "--append", "quick")
    mb.passed(out)
    assert "range 0x000000000x00100000 0x000000000xbff00000 RAM" in out, out
    assert "range 0x000000010x00000000 0x000000000x80000000 RAM" in out, out


def test_a_slot_behind_a_hole_is_for_commands_alone(lab):
    out = boot(lab, "--memory", "anon", "--slot", "0,16M", "--slot",
               "1G,16M", "--append", "quick")
    assert "0x000000000x00100000 0x000000000x00f00000 RAM" in out, out
    assert "x40000000" not in out, out


def test_the_status_is_that_of_debug_exit(lab):
    boot(lab, "--append", "quick exit=7", status=15)


def test_a_reset_by_the_keyboards_port_ends_it(lab):
    boot(lab, "--append", "quick reset", status=14)


def test_a_reset_by_the_acpi_register_ends_it(lab):
    boot(lab, "--append", "quick cf9", status=14)


def test_a_power_off_by_acpi_ends_it(lab):
    out = boot(lab, "--append", "quick poweroff", status=0)
    assert mb.passed(out)[-4:] == ["ACPI mode", "nothing pending",
                                   "enable is kept", "SLP_EN reads 0"], out


@pytest.mark.alone  # some KVMs log a kernel message about it
def test_a_triple_fault_is_told(lab):
    lab.need_kvm()
    status, out, err = lab.run(
        "run", "--kernel", mb.image(lab.gpcvm), "--append", "quick triple")
    assert status in (10, 11), (status, err)


def test_unhandled_ports_are_logged_once(lab):
    m = waiting(lab)
    texts = [e["text"] for e in m.ok("log 100")["events"]
             if "0x1234" in e["text"]]
    assert len(texts) == 1 and "unclaimed" in texts[0], texts


def test_commands_that_need_the_agent_say_why_there_is_none(lab):
    m = waiting(lab, "--vcpus", "2")
    m.fails("guest 0 nop", "unsupported", "no agent")
    for line in ("check all", "check clock0", "poke clock0", "pv clock0 off"):
        m.fails(line, "unsupported", "places its pv pages itself")
    assert m.ok("gpc")["pages"] == []
    s = m.ok("status")
    assert s["loader"] == "multiboot" and s["pv"] == "none", s
    assert s["kernel"] == mb.image(lab.gpcvm) and s["guest"] == "kernel", s
    assert [v["state"] for v in s["vcpus"]] == ["running"] * 2, s
    m.quit(5)


def test_a_storm_beside_a_kernel_claims_nothing(lab):
    m = waiting(lab, "--slot", "0,16M", "--slot", "1G,16M,file=1")
    r = m.ok("storm count 10 punch 1G")
    assert r["verdict"] == "unsupported", r
    m.fails("punch 0x300000", "state", "guest's own memory")


def test_registers_and_pause_work_without_an_agent(lab):
    m = waiting(lab, "--vcpus", "2")
    assert int(m.ok("vcpu 0 regs")["rip"], 16) > 0x200000
    m.ok("vcpu 1 pause")
    lib.eventually("paused",
                   lambda: m.ok("status")["vcpus"][1]["state"] == "paused")
    m.ok("vcpu 1 resume")
    assert m.ok("mem 0x200000 4")["data"] == "02b0ad1b"
    assert m.ok("mem 0x20000 4")["data"] == "feca0d60"


def test_signals_end_a_kernel_that_has_halted(lab):
    m = waiting(lab, "--vcpus", "2")
    m.proc.send_signal(signal.SIGTERM)
    assert m.wait() == 143, m.stderr()


def test_the_clock_has_the_time_of_the_host(lab):
    before = int(time.time())
    out = boot(lab, "--memory", "anon")
    date, day = re.search(r"^RTC 0x(\d{8}) 0x00(\d{6})$", out, re.M).groups()
    then = datetime.datetime.strptime(date + day + "+0000", "%Y%m%d%H%M%S%z")
    assert before <= then.timestamp() <= time.time(), (then, before)


def test_the_map_is_that_of_a_pc(lab):
    out = boot(lab, "--memory", "anon", "--mem", "32M", "--append", "quick")
    assert re.findall("^range (.*)$", out, re.M) == [
        "0x000000000x00000000 0x000000000x0009fc00 RAM",
        "0x000000000x0009fc00 0x000000000x00000400 reserved",
        "0x000000000x000f0000 0x000000000x00010000 reserved",
        "0x000000000x00100000 0x000000000x01f00000 RAM"], out


def good_image(lab):
    with open(mb.image(lab.gpcvm), "rb") as f:
        return f.read()


def bad(*rows):
    """A test that each (what makes the file, words of the error) is refused."""
    def test(lab):
        lab.need_kvm()
        for i, (make, *words) in enumerate(rows):
            data = make(good_image(lab)) if callable(make) else make
            refused(lab, write(lab, f"bad{i}", data), *words)
    return test


HERE = 0x200000
SANE = [(HERE, 0, 4096, 4096)]
NO_IMAGE = "Multiboot 1 image (32-bit ELF"

test_an_image_that_is_cut_off_is_refused = bad(
    (lambda good: good[:3000], "truncated", "segment"),
    (mb.elf32(SANE)[:4095], "truncated", "segment 0"),
    (mb.elf32([(HERE, 0, 4097, 5000)]), "truncated", "segment 0"),
    (mb.elf32(SANE, phoff=0xffffff00), "truncated", "program headers"),
    (mb.header(0x10003, HERE, HERE, HERE + 0x100000, 0, HERE), "truncated"),
    (mb.header(0x10003, HERE)[:16], "truncated", "addresses"),
    (b"", "empty"))
test_an_image_with_a_wrong_magic_is_refused = bad(
    (mb.elf32(SANE, magic=0x1badb003), "a 32-bit ELF file", NO_IMAGE),
    # With the checksum of the valid one.
    (mb.elf32(SANE, magic=0x1badb003, checksum=1), "a 32-bit ELF file",
     NO_IMAGE),
    (mb.elf32(SANE, checksum=1), "a 32-bit ELF file", NO_IMAGE),
    (b"\x7fELG" + mb.elf32(SANE)[4:], "not an ELF file", "no addresses"),
    (b"\0" * 100, "unrecognised kernel image", NO_IMAGE),
    (b"#!/bin/sh\n", "unrecognised kernel image", NO_IMAGE))
test_overlapping_segments_are_refused = bad(
    (mb.elf32(SANE + [(HERE + 0x800, 0, 4, 4)]), "segment 1",
     "overlaps segment 0"),
    (mb.elf32(SANE + SANE), "segment 1", "overlaps segment 0"),
    # The zeros of one under the text of the next.
    (mb.elf32([(HERE, 0, 16, 0x2000), (HERE + 0x1fff, 0, 4, 4)]), "segment 1",
     "overlaps segment 0"))
test_huge_and_misplaced_segments_are_refused = bad(
    (mb.elf32([(HERE, 0, 4096, 0xfffff000)]), "0xfffff000 bytes",
     "not in the guest's RAM", "--mem"),
    (mb.elf32([(0xfffff000, 0, 4096, 0x2000)]), "not in the guest's RAM"),
    (mb.elf32([(HERE, 0, 4096, 64 << 20)]), "not in the guest's RAM"),
    (mb.elf32([(0xa0000, 0, 4096, 4096)]), "not in the guest's RAM"),
    (mb.elf32([(HERE, 0, 4096, 4)]), "segment 0", "in memory"),
    (mb.header(0x10003, HERE, HERE, 0, 0xfffffff0, HERE),
     "not in the guest's RAM"))
test_a_32_bit_elf_file_without_a_multiboot_header_is_refused = bad(
    (mb.elf32(SANE, flags=None), "a 32-bit ELF file", NO_IMAGE),
    # A header after the first 8192 bytes does not count.
    (mb.elf32(SANE, flags=None).ljust(8192, b"\xf4") + mb.header(3),
     "a 32-bit ELF file", NO_IMAGE))
test_compressed_images_are_refused_with_what_unpacks_them = bad(
    (gzip.compress, "gzip -d"),
    (bz2.compress, "bzip2 -d"),
    (lzma.compress, "xz -d"),
    (lambda good: lzma.compress(good, format=lzma.FORMAT_ALONE), "lzma -d"),
    (b"\x28\xb5\x2f\xfd" + b"\xf4" * 100, "zstd -d"),
    (b"\x04\x22\x4d\x18" + b"\xf4" * 100, "lz4 -d"),
    (b"\x02\x21\x4c\x18" + b"\xf4" * 100, "lz4 -d"),
    # lzop's magic is none of those.
    (b"\x89LZO\0\r\n\x1a\n" + b"\xf4" * 100, "unrecognised kernel image",
     NO_IMAGE))
test_elf_files_of_other_kinds_are_refused = bad(
    (mb.elf64(), "64-bit ELF", "objcopy -O elf32-i386"),
    (mb.elf32(SANE, machine=40), "machine 40"),
    (mb.elf32(SANE, type=3), "ET_EXEC"),
    (mb.elf32(SANE, entry=0x1234), "entry"))
test_headers_that_ask_for_what_is_not_there_are_refused = bad(
    (mb.elf32(SANE, flags=7), "video mode"),
    (mb.elf32(SANE, flags=11), "0x8"),
    (mb.header(3).ljust(4096, b"\0"), "no addresses"))
test_addresses_that_contradict_each_other_are_refused = bad(
    (mb.header(0x10003, 0x100000, HERE, 0, 0, HERE), "before the file"),
    (mb.header(0x10003, HERE, HERE, 0x100000, 0, HERE), "load_end_addr"),
    (mb.header(0x10003, HERE, HERE, 0, HERE + 1, HERE), "bss_end_addr"),
    (mb.header(0x10003, HERE, HERE, 0, 0, 0x100000), "entry_addr"))


def test_files_that_cannot_be_read_are_refused(lab):
    lab.need_kvm()
    good = mb.image(lab.gpcvm)
    fifo = os.path.join(lab.dir, "fifo")
    os.mkfifo(fifo)
    refused(lab, "/nonexistent", "/nonexistent", "No such file")
    refused(lab, lab.dir, "not a regular file")
    refused(lab, fifo, "not a regular file")
    refused(lab, good, "--initrd /nonexistent", "No such file",
            args=["--initrd", "/nonexistent"])


def test_what_does_not_fit_the_memory_is_refused(lab):
    lab.need_kvm()
    good = mb.image(lab.gpcvm)
    big = os.path.join(lab.dir, "big")
    with open(big, "wb") as f:
        f.truncate(7 << 20)
    refused(lab, good, "no room for module 0", "--mem",
            args=["--mem", "8M", "--initrd", big])
    with open(big, "wb") as f:
        f.truncate(100 << 20)
    refused(lab, good, "exceed", "--mem",
            args=["--mem", "8M", "--initrd", big])
    refused(lab, good, "not in the guest's RAM", args=["--mem", "2M"])
    refused(lab, good, "command line",
            args=["--append", "x" * 5000])


def test_options_that_do_not_go_together_are_refused(lab):
    good = mb.image(lab.gpcvm)
    for args, word in ((("--guest", "hello", "--kernel", good), "only one"),
                       (("--append", "x"), "only with --kernel"),
                       (("--initrd", good), "only with --kernel"),
                       (("--kernel", good, "--pv", "xen"), "--pv"),
                       (("--kernel", good, "--vcpus", "256"), "255"),
                       (("--kernel", good, "--initrd", ",x"), "--initrd ,x"),
                       (("--kernel", good) + ("--initrd", good) * 17, "16")):
        status, out, err = lab.run("run", *args)
        assert status == 2 and word in err, (args, status, err)


def test_a_scenario_boots_a_kernel(lab):
    lab.need_kvm()
    path = write(lab, "k.scn", (
        f"vm --memory anon --kernel {mb.image(lab.gpcvm)} --append wait\n"
        "status\nexpect loader = multiboot\n"
        "check all\nexpect-error unsupported\n").encode())
    status, out, err = lab.run("play", path)
    assert status == 0, (status, out, err)


def test_the_tree_of_a_kernel_has_what_its_machine_has(lab):
    lab.need_kvm()
    dtb = os.path.join(lab.dir, "tree")
    status, out, err = lab.run(
        "run", "--kernel", mb.image(lab.gpcvm), "--append", "some args",
        "--dump-dtb", dtb)
    assert status == 0, err
    with open(dtb, "rb") as f:
        tree = f.read()
    for word in b"rtc@70", b"fw-cfg@510", b"serial@3f8", b"some args":
        assert word in tree, word
    assert b"doorbell@530" in tree and b"doorbell@510" not in tree
