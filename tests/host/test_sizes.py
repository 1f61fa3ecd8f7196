# SPDX-License-Identifier: GPL-2.0-only
"""Sizes and modes of guest memory: they run, or are refused with a reason."""
import ctypes
import fcntl
import json
import mmap
import multiprocessing
import os
import re
import struct

import lib

M, G, T = 1 << 20, 1 << 30, 1 << 40
REFUSABLE = ("gmem+no-direct-map", "gmem-private",
             "gmem-private+no-direct-map")


def works_to_the_last_page(m, size):
    s = m.ok("status")
    assert s["mem"] == size, s
    last = s["slots"][-1]
    end = int(last["gpa"], 16) + int(last["size"], 16)
    m.ok(f"guest 0 write {end - 8:#x} 0x600dcafe")
    assert m.read(f"{end - 8:#x}") == 0x600dcafe.to_bytes(8, "little")
    m.fails(f"guest 0 read {end:#x}", "range", "RAM")
    m.ok(f"punch {end - 4096:#x}")
    assert m.read(f"{end - 8:#x}") == bytes(8)
    m.ok(f"pv clock0 move {end - 4096:#x}")
    m.ok(f"punch {end - 4096:#x}")
    m.check("all")


def size(mode, text, number):
    def test(lab):
        lab.need_mode(mode)
        m = lab.machine("--memory", mode, "--mem", text)
        works_to_the_last_page(m, number)
        low = sum(int(s["size"], 16) for s in m.slots()
                  if int(s["gpa"], 16) < 4 * G)
        assert low == min(number, 3 * G), m.slots()
    return test


for _mode in ("anon", "gmem"):
    for _text, _number in (("2M", 2 * M), ("3M", 3 * M), ("3G", 3 * G),
                           ("5G", 5 * G)):
        globals()[f"test_{_mode}_{_text}_works_to_the_last_page"] = \
            size(_mode, _text, _number)


# include/uapi/linux/kvm.h
KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION2 = 0xae01, 0x40a0ae49
KVM_CREATE_GUEST_MEMFD, KVM_MEM_GUEST_MEMFD = 0xc040aed4, 4
MMAP_AND_SHARED = 3     # guest_memfd's flags
MAP_NORESERVE = 0x4000  # not in Python's mmap


def reserve(size, fd=-1):
    """-> the address of memory reserved the way gpcvm does it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_ssize_t
    libc.mmap.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int,
                          ctypes.c_int, ctypes.c_int, ctypes.c_ssize_t]
    kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS if fd < 0 else mmap.MAP_SHARED
    at = libc.mmap(0, size, mmap.PROT_READ | mmap.PROT_WRITE,
                   kind | MAP_NORESERVE, fd, 0)
    if at == -1:
        raise OSError(ctypes.get_errno(), "mmap")
    return at


def kernel_refuses(mode, size):
    """Ask the kernel, without gpcvm, for a VM with one slot of that size: ->
    the errno, or None."""
    fds = [os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)]
    try:
        fds.append(fcntl.ioctl(fds[0], KVM_CREATE_VM, 0))
        gmem = 0
        if mode == "gmem":
            args = bytearray(struct.pack("QQ48x", size, MMAP_AND_SHARED))
            gmem = fcntl.ioctl(fds[1], KVM_CREATE_GUEST_MEMFD, args)
            fds.append(gmem)
        at = reserve(size, gmem or -1)
        fcntl.ioctl(fds[1], KVM_SET_USER_MEMORY_REGION2, struct.pack(
            "IIQQQQI116x", 0, KVM_MEM_GUEST_MEMFD if gmem else 0, 4 * G, size,
            at, 0, gmem))
    except OSError as e:
        return e.errno
    finally:
        for fd in reversed(fds):
            os.close(fd)
    return None


def physical_bits():
    with open("/proc/cpuinfo", encoding="ascii") as f:
        return int(re.search(r"(\d+) bits physical", f.read()).group(1))


def terabyte(lab, mode):
    """It runs if the kernel accepts such a slot, and otherwise is refused with
    the kernel's reason."""
    lab.need_mode(mode)
    # In a separate process, whose mappings end with it.
    with multiprocessing.get_context("fork").Pool(1) as pool:
        refused = pool.apply(kernel_refuses, (mode, T))
    status, out, err = lab.run("run", "--memory", mode, "--mem", "1T",
                               "--guest", "hello", "--quiet")
    if refused is None and 1 << physical_bits() > T + 4 * G:
        assert status == 0, (status, err)
        assert f"{1 << 20} MiB" in out, out
        works_to_the_last_page(lab.machine("--memory", mode, "--mem", "1T"), T)
        print(f"        {mode}, 1T: runs")
        return
    reason = os.strerror(refused) if refused else "physical"
    assert status == 1, f"the kernel refuses it ({reason}), gpcvm runs: {out}"
    assert err.startswith("gpcvm: ") and reason in err, (reason, err)
    print(f"        {mode}, 1T: refused: {err.strip()}")


def test_anon_1T_runs_where_the_kernel_takes_it(lab):
    terabyte(lab, "anon")


def test_gmem_1T_runs_where_the_kernel_takes_it(lab):
    terabyte(lab, "gmem")


def test_too_little_for_many_vcpus_says_how_much_would_do(lab):
    lab.need_kvm()
    status, out, err = lab.run("run", "--memory", "anon", "--mem", "2M",
                               "--vcpus", "200")
    assert status in (1, 2), (status, err)
    assert "200" in err and "at least" in err, err
    need = err.split("at least ")[1].split()[0].strip(".")
    m = lab.machine("--memory", "anon", "--mem", need, "--vcpus", "200")
    m.check("all")


# ---- modes ----------------------------------------------------------------

def bounce(lab, mode, *args):
    """The guest copies itself into place, and runs the same."""
    lab.need_mode(mode)
    seen = []
    for more in ((), ("--bounce",)):
        m = lab.machine("--memory", mode, "--vcpus", "3", *args, *more)
        m.check("all")
        m.ok("punch clock2")
        m.check("clock2")
        for i in range(3):
            m.ok(f"guest {i} fill 0x1800000 4K {i + 1}")
            assert m.read("0x1800ff8", vcpu=i) == bytes([i + 1] * 8)
        # The image's text, before its data.
        seen.append(m.ok("guest 0 hash 0x100000 8K")["hash"])
        m.quit()
    assert seen[0] == seen[1], seen


def test_anon_bounce_gives_the_same_guest(lab):
    bounce(lab, "anon")


def test_gmem_bounce_gives_the_same_guest(lab):
    bounce(lab, "gmem")


def test_gmem_bounce_with_slots_gives_the_same_guest(lab):
    bounce(lab, "gmem", "--slot", "0,4M,offset=16M", "--slot",
           "4M,28M,offset=32M")


def modes_of(lab):
    lab.need_kvm()
    status, out, err = lab.run("probe", "--json")
    assert status == 0, err
    return {r["name"][5:]: r["state"] for r in json.loads(out)["rows"]
            if r["name"].startswith("mode-")}


def mode(name):
    def test(lab):
        known = modes_of(lab)
        assert name in known, known
        if known[name] == "yes":
            m = lab.machine("--memory", name, "--vcpus", "2")
            assert m.ok("status")["memory"] == name
            m.ok("guest 0 canary 0x2000000 plant")
            r = m.ok("guest 0 canary 0x2000000 check")
            assert r["state"] == "intact", r
            return
        path = f"{lab.dir}/never"
        status, out, err = lab.run("run", "--memory", name, "--control", path)
        assert status == 1, (status, err)
        assert f"--memory {name}" in err, err
        assert "try --memory" in err, err
        # The mode that the error suggests exists, and works if probe says so.
        other = err.split("try --memory ")[1].split()[0].strip(",.;:\n")
        assert other in known, err
    return test


for _name in REFUSABLE:
    globals()[f"test_{_name.replace('+', '_with_').replace('-', '_')}"
              "_runs_or_is_refused_with_what_to_try"] = mode(_name)


def test_auto_takes_what_the_probe_says(lab):
    lab.need_kvm()
    status, out, err = lab.run("probe", "--json")
    wanted = json.loads(out)["auto"]
    if not wanted:
        status, out, err = lab.run("run")
        assert status == 1 and "anon" in err, err
        raise lib.Skip("no mode with guest_memfd here")
    m = lab.machine()
    assert m.ok("status")["memory"] == wanted
    assert wanted != "anon"
