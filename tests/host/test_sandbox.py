# SPDX-License-Identifier: GPL-2.0-only
"""What a guest that has taken over a thread of gpcvm could still do."""
import struct

import lib

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PT_GNU_STACK, PT_GNU_RELRO = 0x6474e551, 0x6474e552
PF_X, PF_W = 1, 2
DT_NULL, DT_TEXTREL, DT_FLAGS, DT_FLAGS_1 = 0, 22, 30, 0x6ffffffb
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000


def sanitized(lab):
    return "/san" in lab.gpcvm


def elf64(path):
    """-> e_type, program headers by type, the dynamic section."""
    with open(path, "rb") as f:
        data = f.read()
    e_type, = struct.unpack_from("<H", data, 16)
    phoff, = struct.unpack_from("<Q", data, 32)
    size, number = struct.unpack_from("<HH", data, 54)
    headers, dynamic = {}, {}
    for i in range(number):
        h = struct.unpack_from("<IIQQQQQQ", data, phoff + i * size)
        headers.setdefault(h[0], []).append(h)
    _, _, at, _, _, length, _, _ = headers[PT_DYNAMIC][0]
    for i in range(at, at + length, 16):
        tag, value = struct.unpack_from("<QQ", data, i)
        if tag == DT_NULL:
            break
        dynamic[tag] = value
    return e_type, headers, dynamic, data


@lib.short
def test_the_program_is_a_hardened_static_pie(lab):
    if sanitized(lab):
        raise lib.Skip("a build with sanitizers is linked dynamically")
    e_type, headers, dynamic, data = elf64(lab.gpcvm)
    assert e_type == 3, f"e_type {e_type}: no ET_DYN, its addresses are fixed"
    assert PT_INTERP not in headers, "it needs a dynamic loader"
    assert dynamic[DT_FLAGS_1] & DF_1_PIE
    assert DT_TEXTREL not in dynamic
    assert not headers[PT_GNU_STACK][0][1] & PF_X, "the stack is executable"
    assert PT_GNU_RELRO in headers
    assert dynamic[DT_FLAGS] & DF_BIND_NOW and dynamic[DT_FLAGS_1] & DF_1_NOW
    for h in headers[PT_LOAD]:
        assert h[1] & (PF_X | PF_W) != PF_X | PF_W, "writable and executable"
    for symbol in b"__stack_chk_fail", b"__snprintf_chk":
        assert symbol in data, symbol.decode()
