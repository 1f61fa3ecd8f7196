# SPDX-License-Identifier: GPL-2.0-only
"""Make a thread of another process call the kernel (ptrace(2)), as a guest
would that controls the thread. x86-64."""
import ctypes
import errno
import os
import signal

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                        ctypes.c_void_p]
CONT, SINGLESTEP, DETACH, GETREGS, SETREGS = 7, 9, 17, 12, 13
SEIZE, INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
SYSCALL = b"\x0f\x05"


class Killed(Exception):
    """A signal killed the thread during the call."""


class Regs(ctypes.Structure):
    _fields_ = [(n, ctypes.c_ulonglong) for n in (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax "
        "rip cs eflags rsp ss fs_base gs_base ds es fs gs").split()]


def ptrace(request, tid, address=0, data=0):
    if LIBC.ptrace(request, tid, address, data) < 0:
        e = ctypes.get_errno()
        raise OSError(e, f"ptrace {request:#x}: {os.strerror(e)}")


def find_syscall(pid):
    """The address of a system call instruction in the program."""
    with open(f"/proc/{pid}/maps") as maps, \
            open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            where, how, _, _, _, *name = line.split()
            if "x" in how and name and name[0].startswith("/"):
                start, end = (int(x, 16) for x in where.split("-"))
                mem.seek(start)
                at = mem.read(end - start).find(SYSCALL)
                if at >= 0:
                    return start + at
    raise AssertionError("no system call instruction in the program")


def stopped(tid, *fine):
    """Wait until the thread stops, passing on other signals -> the signal that
    stopped it."""
    while True:
        _, status = os.waitpid(tid, WALL)
        if os.WIFSIGNALED(status):
            raise Killed(os.WTERMSIG(status))
        if os.WIFEXITED(status):
            raise Killed(os.WEXITSTATUS(status))
        sig = os.WSTOPSIG(status)
        if sig in fine:
            return sig
        # ptrace's own stops are not signals of the thread.
        ptrace(CONT, tid, 0,
               0 if status >> 16 or sig == signal.SIGTRAP else sig)


def call(pid, tid, number, *args):
    """-> the call's result; str and bytes arguments are copied below the
    stack. Raises Killed if the call killed the thread."""
    at = find_syscall(pid)
    ptrace(SEIZE, tid)
    ptrace(INTERRUPT, tid)
    stopped(tid, signal.SIGTRAP)
    old, new = Regs(), Regs()
    ptrace(GETREGS, tid, 0, ctypes.addressof(old))
    ptrace(GETREGS, tid, 0, ctypes.addressof(new))
    below = (old.rsp - 4096) & ~15
    for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), args):
        if isinstance(value, (str, bytes)):
            data = os.fsencode(value) + b"\0"
            with open(f"/proc/{pid}/mem", "r+b", buffering=0) as mem:
                mem.seek(below)
                mem.write(data)
            value, below = below, below - 256
        setattr(new, name, value & (1 << 64) - 1)
    new.rip, new.rax = at, number
    new.orig_rax = (1 << 64) - 1  # do not restart an interrupted call
    ptrace(SETREGS, tid, 0, ctypes.addressof(new))
    ptrace(SINGLESTEP, tid)
    sig = stopped(tid, signal.SIGTRAP, signal.SIGSYS)
    if sig == signal.SIGSYS:  # deliver it, and watch the thread die
        ptrace(CONT, tid, 0, sig)
        stopped(tid)
    ptrace(GETREGS, tid, 0, ctypes.addressof(new))
    ptrace(SETREGS, tid, 0, ctypes.addressof(old))
    ptrace(DETACH, tid)
    return ctypes.c_long(new.rax).value


def name_of(result):
    return errno.errorcode.get(-result, result)
