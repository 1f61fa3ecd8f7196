# SPDX-License-Identifier: GPL-2.0-only
"""Memory that KVM has mapped before a kernel runs."""

import struct

AT, SIZE = 0x1000000, 4 << 20
PAGES = SIZE >> 12


def bzimage():
    """A kernel that halts at once: Documentation/arch/x86/boot.rst."""
    image = bytearray(2048)
    for at, fmt, value in (
        (0x1f1, "B", 1),  # setup_sects: the rest begins at 1024
        (0x1f4, "I", 64),  # syssize: of 16 bytes each
        (0x1fe, "H", 0xaa55),
        (0x200, "BB", (0xeb, 0x66)),  # the header ends at 0x268
        (0x202, "4s", b"HdrS"),
        (0x206, "H", 0x20f),
        (0x211, "B", 1),  # LOADED_HIGH
        (0x22c, "I", 0x7fffffff),  # initrd_addr_max
        (0x230, "I", 0x200000),  # kernel_alignment
        (0x236, "H", 1),  # XLF_KERNEL_64
        (0x238, "I", 255),  # cmdline_size
        (0x258, "Q", AT),  # pref_address
        (0x260, "I", SIZE),  # init_size
        (1024 + 0x200, "3s", b"\xf4\xeb\xfd"),  # hlt; jmp
    ):
        values = value if isinstance(value, tuple) else (value,)
        struct.pack_into("<" + fmt, image, at, *values)
    return bytes(image)


def test_a_bzimage_that_has_not_run_has_all_of_its_place_mapped(lab):
    box = lab.box("lean")
    assert box.run("sh", "-c", "cat >/run/bz", stdin=bzimage())[0] == 0
    for memory in ("anon", "gmem-private"):
        mem = ["--mem", "64M"] if memory == "anon" else ["--slot", "0,64M,shared"]
        g = box.guest("--memory", memory, *mem, "--kernel", "/run/bz")
        last = g.ok(f"mem {AT + SIZE - 4096:#x}")
        assert last["resident"] == 1, last
        # A count for all VMs: this is the only one.
        mapped = int(box.sh("cat /sys/kernel/debug/kvm/pages_4k"))
        assert mapped >= PAGES, mapped
        g.quit()
