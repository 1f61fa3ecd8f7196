# SPDX-License-Identifier: GPL-2.0-only
"""Kernels that look like Linux to a loader: a bzImage, and an ELF file with a
PVH note. They only run HLT."""
import struct

PAGE = 4096
HERE = 0x1000000

# The setup header (Documentation/arch/x86/boot.rst): name: (offset, format).
FIELDS = {
    "setup_sects": (0x1f1, "<B"), "syssize": (0x1f4, "<I"),
    "boot_flag": (0x1fe, "<H"), "jump": (0x200, "<H"),
    "header": (0x202, "<I"), "version": (0x206, "<H"),
    "loadflags": (0x211, "<B"), "initrd_addr_max": (0x22c, "<I"),
    "kernel_alignment": (0x230, "<I"), "relocatable_kernel": (0x234, "<B"),
    "xloadflags": (0x236, "<H"), "cmdline_size": (0x238, "<I"),
    "pref_address": (0x258, "<Q"), "init_size": (0x260, "<I"),
}
SANE = {
    "setup_sects": 1, "boot_flag": 0xaa55, "jump": 0x6aeb,
    "header": 0x53726448, "version": 0x20f, "loadflags": 1,
    "initrd_addr_max": 0x7fffffff, "kernel_alignment": 0x200000,
    "relocatable_kernel": 1, "xloadflags": 3, "cmdline_size": 2047,
    "pref_address": HERE, "init_size": 0x10000,
}


def bzimage(body=PAGE, **fields):
    """@body: bytes of the protected-mode part."""
    setup = bytearray(1024)
    values = {**SANE, "syssize": body // 16, **fields}
    for name, value in values.items():
        at, form = FIELDS[name]
        struct.pack_into(form, setup, at, value)
    return bytes(setup) + b"\xf4" * body


def note(name=b"Xen", kind=18, data=struct.pack("<Q", HERE)):
    """PVH's by default."""
    name += b"\0"

    def pad(b):
        return b + b"\0" * (-len(b) % 4)
    return struct.pack("<III", len(name), len(data), kind) + pad(name) + pad(data)


def elf64(segments=((HERE, PAGE, PAGE, PAGE),), notes=note(), entry=HERE,
          machine=62, type=2, phoff=64, note_len=None):
    """@segments: (gpa, offset, filesz, memsz); the notes lie at 512."""
    rows = [(1, gpa, off, filesz, memsz) for gpa, off, filesz, memsz in segments]
    if notes is not None:
        n = len(notes) if note_len is None else note_len
        rows.append((4, 0, 512, n, n))
    ehdr = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", type, machine, 1, entry, phoff, 0, 0, 64, 56,
        len(rows), 0, 0, 0)
    phdrs = b"".join(
        struct.pack("<IIQQQQQQ", kind, 7, off, 0, gpa, filesz, memsz, 1)
        for kind, gpa, off, filesz, memsz in rows)
    head = (ehdr + phdrs).ljust(512, b"\0") + (notes or b"")
    return head.ljust(2 * PAGE, b"\xf4")
