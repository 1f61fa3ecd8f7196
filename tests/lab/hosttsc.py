# SPDX-License-Identifier: GPL-2.0-only
"""The frequency of this machine's TSC, which QEMU's TCG passes on."""

import ctypes
import functools
import mmap
import platform
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
RDTSC = bytes.fromhex("0f3148c1e2204809d0c3")
SPAN_S = 0.05


def _sample(rdtsc):
    """(ns, TSC) of the same moment: the pair read fastest of several, so that
    preemption between the two reads does no harm."""
    best = None
    for _ in range(32):
        before = time.monotonic_ns()
        tsc = rdtsc()
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = after - before, (before + after) // 2, tsc
    return best[1:]


@functools.cache
def khz():
    """The frequency, or None if the TSC cannot be read."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE,
                         prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:  # a system that allows no page to be both
        return None
    page.write(RDTSC)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(at)
    ns, tsc = _sample(rdtsc)
    time.sleep(SPAN_S)
    later_ns, later_tsc = _sample(rdtsc)
    return round((later_tsc - tsc) * 1_000_000 / (later_ns - ns))
