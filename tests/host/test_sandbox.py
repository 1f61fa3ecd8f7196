# SPDX-License-Identifier: GPL-2.0-only
"""What a guest that controls a thread of gpcvm could still do."""
import os
import signal
import struct

import inject
import pytest

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


@pytest.mark.short
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


# ---- out of a thread ---------------------------------------------------------

# x86-64: arch/x86/entry/syscalls/syscall_64.tbl
READ, OPEN, MMAP, IOCTL, GETPID, SOCKET, CLONE, EXECVE, KILL, PTRACE, SETUID, \
    SETRESUID, OPENAT, MADVISE, UNSHARE, BPF = 0, 2, 9, 16, 39, 41, 56, 59, \
    62, 101, 105, 117, 257, 28, 272, 321
AT_FDCWD, PTRACE_ATTACH, TIOCSTI, SIGCHLD = -100, 16, 0x5412, 17
CLONE_NEWUSER = 0x10000000
RWX, PRIVATE_ANONYMOUS = 7, 0x22

ATTEMPTS = {
    "open_a_file_for_writing": (OPENAT, AT_FDCWD, "/etc/passwd", os.O_WRONLY),
    "open_a_file_the_old_way": (OPEN, "/etc/passwd", os.O_WRONLY),
    "run_a_program": (EXECVE, "/bin/sh", 0, 0),
    "make_a_socket": (SOCKET, 2, 1, 0),  # AF_INET, SOCK_STREAM
    "trace_a_process": (PTRACE, PTRACE_ATTACH, 1, 0, 0),
    "type_at_the_terminal": (IOCTL, 0, TIOCSTI, "x"),
    "make_a_process": (CLONE, SIGCHLD, 0, 0, 0),
    "send_a_signal": (KILL, 1, 0),
    "become_root": (SETRESUID, 0, 0, 0),
    "map_memory_to_run": (MMAP, 0, 4096, RWX, PRIVATE_ANONYMOUS, -1, 0),
    "leave_its_namespace": (UNSHARE, CLONE_NEWUSER),
    "load_a_bpf_program": (BPF, 0, 0, 0),
}


def comm(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/comm") as f:
        return f.read().strip()


def thread_called(pid, name):
    def find():
        for tid in os.listdir(f"/proc/{pid}/task"):
            try:
                # The C library starts a thread with its signals blocked: then
                # the kernel kills without a message.
                blocked = int(fields(pid, tid)["SigBlk"][0], 16)
                if comm(pid, tid) == name and \
                        not blocked >> signal.SIGSYS - 1 & 1:
                    return int(tid)
            except FileNotFoundError:
                pass  # it has just ended
        return None
    return lib.eventually(f"a thread {name}", find)


def child_called(pid, name):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        for child in f.read().split():
            if comm(child, child) == name:
                return int(child)
    raise AssertionError(f"gpcvm has no process {name}")


class Prey:
    """A machine, and the thread of one kind."""

    def __init__(self, lab, kind):
        if os.geteuid():
            raise lib.Skip("only root may trace all threads")
        lab.need_kvm()
        self.m = lib.Machine(lab, "--quiet", "--memory", lab.mode(), "--vcpus",
                             "2", *(["--poison"] if kind == "poisoner" else []))
        self.m.healthy()
        self.sandbox = self.m.ok("status")["sandbox"]
        if not self.sandbox["seccomp"]:
            raise lib.Skip(self.sandbox["seccomp_why"])
        pid = self.pid = self.m.proc.pid
        if kind == "storm":
            self.m.client.send("storm for 300 poke clock0\n")
        if kind in ("keeper", "poisoner"):
            self.pid = self.tid = child_called(pid, kind)
        elif kind == "main":
            self.tid = pid
        else:
            self.tid = thread_called(pid, kind)

    def call(self, *args):
        return inject.call(self.pid, self.tid, *args)

    def end(self):
        """It must not be connected again."""
        self.m.proc.kill()
        self.m.proc.wait(lib.LIMIT)


def attempt(kind, what):
    number, *args = ATTEMPTS[what]

    def test(lab):
        prey = Prey(lab, kind)
        opens = number in (OPEN, OPENAT)
        if kind == "keeper" and opens and not prey.sandbox["keeper"]["landlock"]:
            raise lib.Skip("this kernel has no Landlock, which is what keeps "
                           "the keeper from files")
        try:
            result = prey.call(number, *args)
        except inject.Killed as e:
            assert e.args[0] == signal.SIGSYS, f"ended by {e}"
            if kind not in ("keeper", "poisoner"):
                # The end of the main thread was seen already.
                assert kind == "main" or prey.m.wait() == -signal.SIGSYS
                said = prey.m.stderr()
                assert "sandbox: thread" in said and \
                    f"system call {number}\n" in said, said
            else:
                prey.m.alive()  # the machine works without it
                prey.m.fails("caps", "state", "gone") if kind == "keeper" \
                    else None
        else:
            refused = result in (-1, -13)  # EPERM, EACCES
            assert opens and refused, \
                f"{what} from {kind}: {inject.name_of(result)}"
        prey.end()
        assert os.path.getsize("/etc/passwd")

    return test


for _kind in "main", "vcpu", "storm", "keeper", "poisoner":
    for _what in ATTEMPTS:
        globals()[f"test_a_{_kind}_thread_cannot_{_what}"] = \
            attempt(_kind, _what)


def injector(kind):
    def test(lab):
        prey = Prey(lab, kind)
        if kind == "poisoner":  # an unmapped address
            assert prey.call(MADVISE, 1, 4096, 100) == -22
        else:
            assert prey.call(GETPID) == prey.pid
        c = prey.m.connect()  # its first client waits for the storm
        c.ok("storm stop" if kind == "storm" else "check all")
        c.close()

    return test


for _kind in "main", "vcpu", "storm", "keeper", "poisoner":
    globals()[f"test_a_{_kind}_thread_can_do_what_is_allowed"] = \
        injector(_kind)


# ---- what it says, and what is seen from the outside -------------------------

def fields(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/status") as f:
        return {k: v.split() for k, v in (line.split(":", 1) for line in f)}


@pytest.mark.short
def test_a_machine_that_root_starts_leaves_uid_0(lab):
    if os.geteuid():
        raise lib.Skip("not root")
    m = lab.plain("--vcpus", "2")
    m.healthy()
    uid = m.ok("status")["sandbox"]["uid"]
    assert uid not in (0, lib.NOBODY), "others may have it, too"
    for tid in os.listdir(f"/proc/{m.proc.pid}/task"):
        f = fields(m.proc.pid, tid)
        assert f["Uid"] == f["Gid"] == [str(uid)] * 4, (tid, f["Uid"])
        assert f["Groups"] == [], f["Groups"]


def test_a_machine_through_sudo_becomes_the_user_who_called_it(lab):
    if os.geteuid():
        raise lib.Skip("not root")
    for uid, gid, want in (("1234", "1235", [1234, 1235]), ("0", "0", None),
                           ("-1", "7", None), ("4294967295", "7", None),
                           ("x", "7", None), ("1234", "", None)):
        m = lab.plain(env={**os.environ, "SUDO_UID": uid, "SUDO_GID": gid})
        s = m.ok("status")["sandbox"]
        f = fields(m.proc.pid, m.proc.pid)
        assert f["Uid"][0] == str(s["uid"]) != "0", (uid, f["Uid"])
        if want:
            assert [s["uid"], s["gid"]] == want, s
        else:
            assert s["uid"] != 1234, s
        m.quit()


@pytest.mark.short
def test_status_says_what_is_in_force(lab):
    m = lab.plain()
    s = m.ok("status")["sandbox"]
    f = fields(m.proc.pid, m.proc.pid)
    assert s["no_new_privs"] == (f["NoNewPrivs"] == ["1"])
    assert bool(s["seccomp"]) == (f["Seccomp"] == ["2"]), (s, f["Seccomp"])
    assert s["seccomp"] or s["seccomp_why"]
    assert s["landlock"] or s["seccomp_why"] or s["landlock_why"], s
    k = s["keeper"]
    f = fields(k["pid"], k["pid"])
    assert f["NoNewPrivs"] == ["1"] and int(f["CapEff"][0], 16) == 0
    assert k["seccomp"] == (f["Seccomp"] == ["2"]), f
    assert s["poisoner"] is None


def test_no_sandbox_is_said(lab):
    m = lab.plain("--no-sandbox")
    m.healthy()
    s = m.ok("status")["sandbox"]
    assert s["uid"] == os.geteuid() and s["seccomp"] == [], s
    assert s["seccomp_why"] == "--no-sandbox" and s["landlock"] is None, s


def test_a_machine_that_is_killed_leaves_no_socket(lab):
    for sig in signal.SIGKILL, signal.SIGABRT:
        m = lab.plain()
        m.alive()
        keeper = m.ok("status")["sandbox"]["keeper"]["pid"]
        m.proc.send_signal(sig)
        m.wait()
        lib.eventually("the socket's end",
                       lambda: not os.path.exists(m.path))
        lib.eventually("the keeper's end",
                       lambda: not os.path.exists(f"/proc/{keeper}"))


def test_a_recording_is_made_where_it_may_be_and_nowhere_else(lab):
    below = os.path.join(lab.dir, "below")
    other = os.path.join(lab.dir, "other")
    os.mkdir(below)
    os.mkdir(other)
    os.symlink("/etc", os.path.join(lab.dir, "link"))
    m = lab.plain("--record-dir", other)
    for path in (f"{below}/a", "/etc/gpcvm.scn", f"{lab.dir}/link/gpcvm.scn",
                 f"{lab.dir}/below/../../gpcvm.scn"):
        e = m.fails(f"record {path}", "os", "--record-dir")
        assert e["errno"] == "EACCES", e
    for path in f"{lab.dir}/a", f"{other}/a", f"{below}/../b":
        m.ok(f"record {path}")
        m.ok("record stop")
        assert os.path.getsize(path)


def test_a_keeper_that_is_killed_does_not_take_the_machine_along(lab):
    m = lab.plain()
    m.healthy()
    os.kill(m.ok("status")["sandbox"]["keeper"]["pid"], signal.SIGKILL)
    m.fails(f"record {lab.dir}/x", "state", "gone")
    m.healthy()
    m.ok("quit")
    assert m.wait() == 0
    os.unlink(m.path)
