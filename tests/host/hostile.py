# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of a few bytes of 32-bit code that misbehave."""
import struct

import multiboot as mb
from images import write

HERE = 0x200000
DOORBELL = 0x530    # DB_PORT_PC of guest/doorbell.h
SERIAL = 0x3f8
READY, EXCEPTION, REPORT, START_APS = 1, 6, 5, 4


def mov(register, value):
    """32-bit code: eax, ecx, edx, ebx, esi, edi."""
    n = {"eax": 0, "ecx": 1, "edx": 2, "ebx": 3, "esi": 6, "edi": 7}[register]
    return bytes([0xb8 + n]) + struct.pack("<I", value)


def out(port, size=4):
    """al or eax to a port; edx changes."""
    return mov("edx", port) + (b"\xef" if size == 4 else b"\xee")


def forever(code):
    jump = len(code) + 5
    return code + b"\xe9" + struct.pack("<i", -jump)


# No handlers: the next exception is a triple fault.
TRIPLE_FAULT = b"\x0f\x01\x1d" + struct.pack("<I", HERE + 0xf00) + b"\x0f\x0b"
HALT = b"\xf4\xeb\xfd"


def guest(lab, code, name="guest.elf"):
    """A kernel that consists of these bytes."""
    image = bytearray(mb.elf32([(HERE, 0, 4096, 4096)], entry=HERE + 0x400))
    assert len(code) < 0x800
    image[0x400:0x400 + len(code)] = code
    return write(lab, name, bytes(image))
