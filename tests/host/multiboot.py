# SPDX-License-Identifier: GPL-2.0-only
"""The Multiboot images of tests/multiboot, and their expected output, for
tests on the host and in the lab."""
import os
import re
import struct

# The output of image.elf: every line is required, so that no check is skipped.
ENTRY = ["EAX is the magic", "protected mode, paging off", "interrupts off",
         "A20", "data is loaded", "bss is zero"]
INFO = ["flags of the information", "mem_lower",
        "the image is in RAM of the map", "mem_upper is RAM of the map"]
CHIPS = ["local APIC", "CPUID has its number", "local APIC timer",
         "TSC deadline in CPUID", "TSC deadline", "IO-APIC",
         "PIT through pin 2", "speaker port", "PIT channel 2", "serial idle",
         "serial interrupt 4", "serial receive pending", "serial loop"]
TEST_DEVICE = ["test device, " + x for x in (
    "a line that is low", "a line is raised", "once an edge",
    "it is raised again", "4 bytes", "2 bytes", "1 byte", "each byte has its place")]
ACPI = ["RSDP in the BIOS area", "RSDT", "FADT", "MADT", "PM timer in the FADT",
        "PM timer has 24 bits", "PM timer goes", "PM timer does not go too fast"]
CHIPS += TEST_DEVICE + ACPI
APS = ["APs wait for the SIPI", "APs begin at the SIPI",
       "APs begin in a copy"]
COUNTERS = ["performance counters take a zero"]
REST = COUNTERS + ["fw_cfg RAM", "RTC valid", "PS/2 absent", "unhandled port, 1 byte",
        "unhandled port, 2 bytes", "unhandled port, 4 bytes"]
ALL = ENTRY + INFO + CHIPS + APS + REST
# long.elf, which starts like kvm-unit-tests. CPUID does not say whether an AMD
# CPU (as in the lab) has counters.
AMD = ["performance counters count or are absent"]
LONG = ["memory behind the image", "CPUs are online",
        "every CPU takes an interrupt", "every CPU knows its number"]


def long_lines(amd, tables=False):
    """@tables: with that word on the command line."""
    return (COUNTERS + (AMD if amd else []) + LONG[:1] +
            ["page tables of its own"] * tables + LONG[1:])


PASSED = 1  # debug-exit with 0: (0 << 1) | 1


def image(gpcvm, name="image.elf"):
    return os.path.join(os.path.dirname(gpcvm), "tests", "multiboot", name)


def passed(out):
    """The names of the lines "ok ..."."""
    assert "not ok" not in out and "\nPASS\n" in out, out
    return re.findall(r"^ok (.*)$", out, re.M)


def checksum(data):
    """The checksum that the image computes of a module."""
    s = 0
    whole = len(data) // 4 * 4
    for b in [*struct.unpack(f"<{whole // 4}I", data[:whole]), *data[whole:]]:
        s = (s << 1 & 0xffffffff | s >> 31) ^ b
    return s


def module_line(name, data):
    return f"module {name}: {len(data):#010x} {checksum(data):#010x}\n"


MAGIC = 0x1badb002


def header(flags, *addresses, magic=MAGIC, checksum=0):
    words = (magic, flags, checksum - (magic + flags) & 0xffffffff) + addresses
    return struct.pack(f"<{len(words)}I", *words)


def elf32(segments, entry=0x200000, machine=3, phoff=52, flags=3, type=2,
          **other):
    """An ELF file with a Multiboot header, unless flags is None; segments:
    (gpa, offset, filesz, memsz)."""
    ehdr = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack(
        "<HHIIIIIHHHHHH", type, machine, 1, entry, phoff, 0, 0, 52, 32,
        len(segments), 0, 0, 0)
    phdrs = b"".join(struct.pack("<8I", 1, off, gpa, gpa, filesz, memsz, 7, 1)
                     for gpa, off, filesz, memsz in segments)
    mb = b"" if flags is None else header(flags, **other)
    return (ehdr + phdrs + mb).ljust(4096, b"\xf4")


def elf64():
    ehdr = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0x200000, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    return (ehdr + header(3)).ljust(4096, b"\0")
