# SPDX-License-Identifier: GPL-2.0-only
"""Invalid Linux images are refused before anything starts; the device tree
shows what was loaded from valid ones. Linux itself boots in the lab:
tests/lab/test_linux.py."""
import bz2
import gzip
import lzma
import os
import shutil
import struct
import subprocess

import pytest

import lib
import linux_image as li
from images import refused, write
from linux_image import HERE, PAGE

SEGMENT = (HERE, PAGE, PAGE, PAGE)


def bad(*rows, args=()):
    """A test that each (image, words of the error) is refused."""
    def test(lab):
        lab.need_kvm()
        for i, (data, *words) in enumerate(rows):
            refused(lab, write(lab, f"bad{i}", data), *words, args=args)
    return test


good = li.bzimage()
test_a_bzimage_that_is_cut_off_is_refused = bad(
    (good[:-1], "truncated", "the protected-mode part"),
    (good[:1024], "truncated", "the protected-mode part"),
    (good[:0x210], "truncated", "the setup header"),
    (li.bzimage(syssize=0xffffffff), "truncated", "the protected-mode part"),
    (li.bzimage(setup_sects=200), "truncated", "the protected-mode part"))
test_a_bzimage_with_a_wrong_magic_is_refused = bad(
    (li.bzimage(header=0x53726449), "unrecognised kernel image", "bzImage"),
    (b"MZ" + li.bzimage(header=0)[2:], "an EFI program", "bzImage"),
    (li.bzimage(boot_flag=0xaa56), "0xaa56", "0xaa55"))
test_a_bzimage_of_an_old_protocol_is_refused = bad(
    (li.bzimage(version=0x20b), "boot protocol 2.11 is too old", "2.12"),
    (li.bzimage(version=0x204), "boot protocol 2.04 is too old", "2.12"))
test_a_32_bit_bzimage_is_refused = bad(
    (li.bzimage(xloadflags=0), "no 64-bit entry", "x86-64"),
    # A zImage, below 1 MiB.
    (li.bzimage(loadflags=0), "no 64-bit entry", "x86-64"))
test_a_bzimage_that_does_not_fit_is_refused = bad(
    (li.bzimage(init_size=0xffffffff), "no room for the kernel", "--mem"),
    (li.bzimage(init_size=PAGE - 16), "init_size, 0xff0"),
    (li.bzimage(pref_address=1 << 40), "not in the guest's RAM", "--mem"),
    (li.bzimage(relocatable_kernel=0, pref_address=0xa0000),
     "not in the guest's RAM"),
    (li.bzimage(relocatable_kernel=0, pref_address=(1 << 64) - 4096),
     "not in the guest's RAM"),
    (li.bzimage(kernel_alignment=0x1001), "kernel_alignment 0x1001"))
test_an_elf_file_that_is_cut_off_is_refused = bad(
    (li.elf64()[:PAGE + 100], "truncated", "segment 0"),
    (li.elf64()[:500], "truncated", "the notes"),
    (li.elf64()[:100], "truncated", "program header 0"),
    (li.elf64()[:40], "truncated", "the ELF header"),
    (li.elf64(phoff=1 << 63), "truncated", "program headers"),
    (li.elf64(note_len=1 << 40), "truncated", "the notes"))
test_an_elf_file_without_a_pvh_note_is_refused = bad(
    (li.elf64(notes=None), "without a PVH note", "CONFIG_PVH"),
    (li.elf64(notes=li.note(kind=17)), "without a PVH note", "CONFIG_PVH"),
    (li.elf64(notes=li.note(name=b"GNU")), "without a PVH note"),
    (li.elf64(note_len=20), "without a PVH note"),
    (li.elf64(notes=li.note(data=b"12")), "PVH note of 2 bytes"))
test_an_elf_file_with_bad_segments_is_refused = bad(
    (li.elf64([SEGMENT, (HERE + 8, PAGE, 8, 8)]), "segment 1",
     "overlaps segment 0"),
    # The zeros of one under the text of the next.
    (li.elf64([(HERE, PAGE, 16, 0x2000), (HERE + 0x1fff, PAGE, 4, 4)]),
     "segment 1", "overlaps segment 0"),
    (li.elf64([(HERE, PAGE, PAGE, 1 << 40)]), "not in the guest's RAM",
     "--mem"),
    (li.elf64([(HERE, PAGE, PAGE, (1 << 64) - 1)]), "not in the guest's RAM"),
    (li.elf64([((1 << 64) - PAGE, PAGE, PAGE, PAGE)]),
     "not in the guest's RAM"),
    (li.elf64([(0xf0000, PAGE, PAGE, PAGE)]), "not in the guest's RAM"),
    (li.elf64([(HERE, PAGE, PAGE, 16)]), "segment 0", "in memory"),
    (li.elf64([SEGMENT], notes=li.note(data=struct.pack("<Q", HERE - 1))),
     "0xffffff, is in no segment"),
    (li.elf64([]), "is in no segment"))
test_elf_files_of_other_machines_and_kinds_are_refused = bad(
    (li.elf64(machine=183), "machine 183", "x86-64"),
    (li.elf64(type=3), "ET_EXEC"),
    (b"\x7fELF\x01" + li.elf64()[5:], "a 32-bit ELF file", "PVH"))
test_compressed_kernels_are_refused_with_what_unpacks_them = bad(
    (gzip.compress(good), "gzip -d"),
    (bz2.compress(good), "bzip2 -d"),
    (lzma.compress(good), "xz -d"),
    (b"\x28\xb5\x2f\xfd" + good, "zstd -d"),
    (b"\x02\x21\x4c\x18" + good, "lz4 -d"))


def kernels(lab):
    return write(lab, "bzImage", good), write(lab, "vmlinux", li.elf64())


def sparse(lab, name, size):
    path = os.path.join(lab.dir, name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def test_an_initrd_that_does_not_fit_is_refused(lab):
    lab.need_kvm()
    for kernel in kernels(lab):
        refused(lab, kernel, "no room for the initrd", "--mem",
                args=["--initrd", sparse(lab, "big", 60 << 20)])
        # Each would fit, but not one after the other.
        half = sparse(lab, "half", 30 << 20)
        refused(lab, kernel, "no room for the initrd", "--mem",
                args=["--initrd", half, "--initrd", half])
        refused(lab, kernel, "exceed", "--mem",
                args=["--initrd", sparse(lab, "big", 100 << 20)])
        refused(lab, kernel, "No such file",
                args=["--initrd", "/nonexistent"])


def test_an_initrd_stays_where_the_kernel_takes_it(lab):
    lab.need_kvm()
    path = write(lab, "low", li.bzimage(
        xloadflags=1, initrd_addr_max=HERE + 0x10fff))
    refused(lab, path, "no room for the initrd",
            args=["--initrd", sparse(lab, "two pages", 8192)])


def test_arguments_of_an_initrd_are_refused(lab):
    lab.need_kvm()
    for kernel in kernels(lab):
        refused(lab, kernel, "--initrd", "has no command line",
                args=["--initrd", write(lab, "initrd", b"x") + ",some=args"])


def test_a_command_line_that_is_too_long_is_refused(lab):
    lab.need_kvm()
    for kernel, most in zip(kernels(lab), (2047, 4095)):
        refused(lab, kernel, "--append", f"at most {most}",
                args=["--append", "x" * (most + 1)])


def test_a_kernel_needs_its_memory(lab):
    lab.need_kvm()
    for kernel in kernels(lab):
        refused(lab, kernel, "--mem", args=["--mem", "8M"])


def test_no_part_of_a_kernel_lies_in_the_window(lab):
    lab.need_kvm()
    path = write(lab, "in-window", li.bzimage(
        relocatable_kernel=0, pref_address=0x20000, init_size=0x8000))
    status, _, err = lab.run("run", "--memory", "anon", "--bounce", "--kernel",
                             path, "--dump-dtb", os.path.join(lab.dir, "t"))
    assert status == 1 and "overlaps the window" in err, (status, err)


def tree(lab, kernel, *args):
    """The source that dtc prints, without a warning."""
    lab.need_kvm()
    if not shutil.which("dtc"):
        raise lib.Skip("no dtc: apt-get install device-tree-compiler")
    path = os.path.join(lab.dir, "tree")
    status, _, err = lab.run("run", "--memory", "anon", "--kernel", kernel,
                             *args, "--dump-dtb", path)
    assert status == 0, err
    r = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", path],
                       capture_output=True, text=True)
    assert r.returncode == 0 and not r.stderr, r.stderr
    return r.stdout


@pytest.mark.short
def test_the_tree_of_linux_passes_dtcs_checks_and_has_its_initrd(lab):
    initrd = write(lab, "initrd", b"x" * 5000)
    for kernel, at in zip(kernels(lab), (HERE + 0x10000, HERE + 0x1000)):
        dts = tree(lab, kernel, "--vcpus", "4", "--initrd", initrd,
                   "--append", "console=ttyS0 quiet")
        for line in ('bootargs = "console=ttyS0 quiet";',
                     f"linux,initrd-start = <0x00 {at:#x}>;",
                     f"linux,initrd-end = <0x00 {at + 5000:#x}>;",
                     "cpu@3 {", "acpi-pm@600 {", "pm-timer@608 {",
                     "reset@cf9 {", "testdev@e0 {"):
            assert line in dts, (line, dts)
        assert "linux,initrd" not in tree(lab, kernel)


def test_a_long_command_line_is_in_the_tree(lab):
    kernel = write(lab, "vmlinux", li.elf64())
    assert "x" * 4095 in tree(lab, kernel, "--append", "x" * 4095,
                              "--vcpus", "255")
