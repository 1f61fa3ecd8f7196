# SPDX-License-Identifier: GPL-2.0-only
"""The lab itself: the results of a run, and what it leaves behind."""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import hosttsc
import kernels
import lib
import labtest
import machine
import modules
import reports
import session

LEAN = ("--kernel", "base", "--lean")
PROVOKE = "/sys/kernel/debug/provoke-crash/DIRECT"  # LKDTM


def run(lab, *args, options=(), kernel=LEAN):
    """lab run -> (status, stdout, stderr); it leaves no process behind."""
    r = lab.tool("run", *kernel, *options, "--", *args)
    left = labtest.processes_in(lab.dir)
    assert not left, left
    return r


def provoke(lab, what, *options, **kw):
    """A run that provokes a fault of the kernel."""
    return run(lab, "sh", "-c", f"echo {what} >{PROVOKE}; sleep 0.5",
               options=options, **kw)


def processes(word):
    """Processes with @word in their command line."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                if word.encode() in f.read():
                    found.append(path)
        except OSError:
            pass  # it has ended meanwhile
    return found


def listens(path):
    try:
        lib.Client(path).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def test_output_and_exit_status_come_back(lab):
    status, out, err = run(lab, "sh", "-c", "echo one; echo two >&2; exit 7")
    assert (status, out, err) == (7, "one\n", "two\n")


def test_gpcvm_probe_sees_what_the_kernel_has(lab):
    status, out, err = run(lab, "gpcvm", "probe", "--json")
    assert status == 0, err
    assert "private-6.8" in out and "0x1ff" in out, out
    rows = {r["name"]: r for r in json.loads(out)["rows"]}
    # Measured: the version that KVM writes is in the alias.
    assert rows["private-clock"]["state"] == "no", rows["private-clock"]
    assert "alias" in rows["private-clock"]["value"], rows["private-clock"]


def test_a_command_line_is_not_cut(lab):
    # More than 64 words, and more bytes than a frame of agent.h, with
    # characters that a shell would change.
    words = ["", "a b", "$HOME 'x' \\ \"y\"", "\n"]
    words += [f"{n:04} " + "x" * 20 for n in range(2000)]
    box = lab.box("lean")
    status, out, err = box.run("busybox", "printf", "%s|", *words)
    assert (status, out) == (0, "".join(w + "|" for w in words)), (status, err)


def test_a_command_line_that_linux_refuses_is_told(lab):
    # MAX_ARG_STRLEN of include/uapi/linux/binfmts.h
    status, out, err = lab.box("lean").run("echo", "x" * (128 << 10))
    assert status == 126 and "Argument list too long" in err, (status, err)


def test_a_kernels_command_line_is_not_cut(lab):
    text = "x=" + "y" * 1500
    status, out, err = run(lab, "cat", "/proc/cmdline", options=("--append", text))
    assert status == 0 and out.rstrip().endswith(text), (status, err)
    status, out, err = run(lab, "true", options=("--append", text + text[2:]))
    assert status == reports.LAB_FAILED and "2047" in err, (status, err)


def test_a_kernel_that_mistakes_its_timer_is_booted_again(lab):
    line = b"..... host bus clock speed is %s MHz."
    for mhz, wrong in ((b"1000.0004", None), (b"999.0280", None),
                       (b"98.1234", 98.1234), (b"7600.0000", 7600.0)):
        assert machine.wrong_timer(line % mhz) == wrong, mhz
    assert machine.wrong_timer(b"a kernel that says nothing of it") is None
    # This kernel logs it.
    assert machine.TIMER.search(lab.box("lean").m.log), lab.box("lean").m.log
    boots = []

    def boot():
        boots.append(1)
        if len(boots) < 3:
            raise machine.BadTimer("as the test wants it")
        return "up"

    assert session.retried(boot) == "up" and len(boots) == 3
    try:
        session.retried(lambda: (_ for _ in ()).throw(machine.BadTimer("never")))
    except machine.BadTimer:
        return
    raise AssertionError("no end of booting")


def is_as_fast_as_ours(box):
    """The seconds of its clock in seconds of ours: between the shortest and
    the longest possible."""
    def at():
        before = time.monotonic()
        inside = float(box.sh("cat /proc/uptime").split()[0])
        return before, inside, time.monotonic()

    a0, a, a1 = at()
    time.sleep(3)
    b0, b, b1 = at()
    # /proc/uptime has hundredths of a second.
    assert 0.98 * (b0 - a1) - 0.02 <= b - a <= 1.02 * (b1 - a0) + 0.02, (
        b0 - a1, b - a, b1 - a0)


def test_the_clock_does_not_depend_on_what_the_kernel_measures_at_boot(lab):
    # With more load than this machine has CPUs, from before the boot.
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"])
            for _ in range(2 * os.cpu_count())]
    try:
        box = labtest.Box("lean", lab.gpcvm)
        try:
            is_as_fast_as_ours(box)
            log = box.sh("cat /proc/cmdline")
        finally:
            box.close()
    finally:
        for p in busy:
            p.kill()
            p.wait()
    known = hosttsc.khz()
    if known is None:
        raise lib.Skip("no TSC here whose frequency the lab could tell the kernel")
    assert f"tsc_early_khz={known}" in log, log


def test_kvm_stays_in_use_so_that_no_text_is_patched(lab):
    """agent_setup.c, agent_hold_kvm(): without it a machine that starts or
    ends could crash QEMU's kernel with an int3."""
    held = lab.box().sh("ls -l /proc/1/fd")
    assert "anon_inode:kvm-vm" in held and "anon_inode:kvm-vcpu" in held, held


def test_a_command_that_is_not_there_is_127(lab):
    status, _, err = run(lab, "nosuch")
    assert status == 127 and "nosuch" in err, (status, err)


def test_a_gpcvm_that_crashes_comes_back_as_its_signal(lab):
    status, _, _ = run(
        lab, "sh", "-c", "gpcvm run --quiet --memory anon & sleep 0.5;"
        " kill -SEGV $!; wait $!")
    assert status == 128 + signal.SIGSEGV, status


def test_files_come_back_and_go_nowhere_else(lab):
    out = os.path.join(lab.dir, "out")
    os.mkdir(out)
    status, _, err = run(
        lab, "sh", "-c",
        "gpcvm run --memory anon --dump-dtb tree.dtb && mkdir d && echo x >d/y"
        " && ln -s /etc/passwd link && head -c 300000 /bin/gpcvm >big",
        options=("--out", out))
    assert status == 0, err
    assert sorted(os.listdir(out)) == ["big", "d", "tree.dtb"]
    with open(os.path.join(out, "tree.dtb"), "rb") as f:
        assert f.read(4) == b"\xd0\x0d\xfe\xed"
    with open(os.path.join(out, "big"), "rb") as f, open(lab.gpcvm, "rb") as g:
        assert f.read() == g.read(300000)


def test_a_file_that_cannot_be_written_is_told_but_hides_no_report(lab):
    os.mkdir(os.path.join(lab.dir, "taken"))
    status, _, err = run(lab, "sh", "-c", "echo x >taken")
    assert status == reports.LAB_FAILED and "taken" in err, err
    status, _, err = run(
        lab, "sh", "-c", f"echo x >taken; echo WARNING >{PROVOKE}; sleep 0.5")
    assert status == reports.WARNING, err
    assert "taken" in err and "lkdtm_WARNING" in err, err


def test_a_directory_goes_in(lab):
    os.makedirs(os.path.join(lab.dir, "in", "deep"))
    for name in ("one", "deep/two"):
        with open(os.path.join(lab.dir, "in", name), "w") as f:
            f.write(name)
    status, out, err = run(lab, "cat", "/there/one", "/there/deep/two",
                           options=("--file", "in:/there"))
    assert (status, out) == (0, "onedeep/two"), err


def test_a_file_goes_in_and_the_console_comes_out(lab):
    path = os.path.join(lab.dir, "in")
    with open(path, "w") as f:
        f.write("hello\n")
    log = os.path.join(lab.dir, "log")
    status, out, err = run(
        lab, "sh", "-c", "cat /data/in; echo seen >/dev/kmsg",
        options=("--file", f"{path}:/data/in", "--console", log))
    assert (status, out) == (0, "hello\n"), err
    with open(log) as f:
        text = f.read()
    assert "Linux version 6.12" in text and "seen" in text


def test_a_panic_is_told_whole(lab):
    status, _, err = provoke(lab, "PANIC")
    assert status == reports.PANIC, err
    assert "Kernel panic - not syncing: dumptest" in err
    assert "lkdtm_PANIC" in err, err


def test_an_oops_is_told_whole(lab):
    status, _, err = provoke(lab, "EXCEPTION")
    assert status == reports.OOPS, err
    assert "kernel NULL pointer" in err and "end trace" in err, err


def test_a_warning_counts_even_if_the_command_succeeds(lab):
    status, _, err = provoke(lab, "WARNING")
    assert status == reports.WARNING and "lkdtm_WARNING" in err, err
    assert "the command's own status is 0" in err, err


def test_kasan_finds_a_use_after_free(lab):
    status, _, err = provoke(lab, "WRITE_AFTER_FREE", kernel=("--kernel", "base"))
    assert status == reports.KASAN, err
    assert "slab-use-after-free in lkdtm" in err and "Freed by" in err, err


def test_refcount_lockdep_and_list_reports_are_told_apart(lab):
    for what, status, words in (
        ("REFCOUNT_INC_OVERFLOW", reports.REFCOUNT, "saturated"),
        # Held on the way back to userspace, or by the thread scheduled there.
        ("SPINLOCKUP", reports.LOCKDEP, "(lock_me_up)"),
        ("CORRUPT_LIST_ADD", reports.CORRUPTION, "list_add corruption"),
    ):
        s, _, err = provoke(lab, what, kernel=("--kernel", "base"))
        assert s == status and words in err, (what, s, err)


def test_kmemleak_finds_a_leak(lab):
    box = lab.box("debug")
    ko = os.path.join(box.kernel.where, "modules", "kmemleak-test.ko")
    status, _, err = run(
        lab, "insmod", "/leak.ko",
        options=("--kmemleak", "--file", f"{ko}:/leak.ko"),
        kernel=("--kernel", "base"))
    assert status == reports.KMEMLEAK, err
    assert "unreferenced object" in err and "kmemleak_test" in err, err


def test_a_clean_run_has_no_leak(lab):
    status, _, err = run(
        lab, "gpcvm", "run", "--memory", "gmem-private", "--guest", "hello",
        options=("--kmemleak",), kernel=("--kernel", "base"))
    assert status == 0, err


def test_a_hung_task_is_a_report(lab):
    status, _, err = run(
        lab, "sh", "-c", "cd /proc/sys/kernel; echo 2 >hung_task_timeout_secs;"
        f" echo 1 >hung_task_check_interval_secs; echo HUNG_TASK >{PROVOKE}")
    assert status == reports.HUNG, err
    assert "blocked for more than" in err, err


def test_a_kernel_that_panics_at_boot(lab):
    status, _, err = run(lab, "true", options=(
        "--append", "lkdtm.cpoint_name=DIRECT lkdtm.cpoint_type=PANIC"))
    assert status == reports.PANIC and "dumptest" in err, err


def test_a_kernel_that_hangs_at_boot(lab):
    start = time.monotonic()
    status, _, err = run(lab, "true", options=(
        "--timeout", "10", "--append",
        "lkdtm.cpoint_name=DIRECT lkdtm.cpoint_type=HARDLOCKUP"))
    assert status == reports.NO_BOOT, err
    assert "before the kernel was up" in err, err
    assert time.monotonic() - start < 10 + 20
    assert not os.listdir(lab.dir)


def test_a_command_that_hangs(lab):
    status, _, err = run(lab, "sleep", "1000", options=("--timeout", "15"))
    assert status == reports.TIME_OUT and "was up" in err, err
    assert not os.listdir(lab.dir)


def test_a_machine_that_goes_away_by_itself(lab):
    status, _, err = run(lab, "sh", "-c", "reboot -f; sleep 100")
    assert status == reports.ENDED, err


def test_a_kernel_without_the_agents_port_is_told(lab):
    status, _, err = run(lab, "true", options=(
        "--append", "initcall_blacklist=serial8250_init"))
    assert status == reports.ENDED and "SERIAL_8250" in err, err


def test_the_control_socket_is_reached_from_outside(lab):
    sock = os.path.join(lab.dir, "control")
    p = subprocess.Popen(
        [labtest.TOOL, "run", *LEAN, "--control", sock, "--", "gpcvm", "run",
         "--memory", "gmem-private"],
        env=dict(os.environ, GPCVM=lab.gpcvm), cwd=lab.dir,
        stderr=subprocess.DEVNULL)
    try:
        lib.eventually(f"a socket at {sock}",
                       lambda: p.poll() is not None or listens(sock),
                       labtest.LIMIT)
        a, b = lib.Client(sock), lib.Client(sock)
        assert oct(os.stat(sock).st_mode & 0o777) == "0o600"
        b.ok("subscribe")
        assert a.ok("status")["memory"] == "gmem-private"
        assert all(r["ok"] for r in a.pipeline(["help"] * 50))
        status, out, err = lab.tool("ctl", sock, "guest 0 nop")
        assert status == 0 and '"ok":true' in out, err
        # a got the reply and b did not, but b has the event.
        while b.line()["event"] != "control":
            pass
        a.ok("quit 5")
        assert p.wait(labtest.LIMIT) == 5
        assert not os.path.exists(sock)
    finally:
        p.kill()
        p.wait()


def test_a_stale_control_socket_is_replaced_and_a_file_is_not(lab):
    path = os.path.join(lab.dir, "control")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    gpcvm = ("gpcvm", "run", "--quiet", "--memory", "anon", "--guest", "hello")
    status, out, err = run(lab, *gpcvm, options=("--control", path))
    assert status == 0 and "Hello" in out, err
    assert not os.path.exists(path)
    with open(path, "w") as f:
        f.write("mine")
    status, _, err = run(lab, *gpcvm, options=("--control", path))
    assert status == reports.LAB_FAILED and path in err, err
    with open(path) as f:
        assert f.read() == "mine"


def test_what_qemu_refuses_is_told(lab):
    status, _, err = run(lab, "true", options=("--mem", "lots"))
    assert status == reports.ENDED and "lots" in err, (status, err)
    status, _, err = run(lab, "true", options=("--cpus", "0"))
    assert status == reports.LAB_FAILED and "--cpus 0" in err, (status, err)


def test_a_lab_that_is_told_to_end_leaves_nothing(lab):
    sock = os.path.join(lab.dir, "control")
    for signo, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130),
                          (signal.SIGKILL, -9)):
        mark = f"mark-{os.getpid()}-{signo}"
        p = subprocess.Popen(
            [labtest.TOOL, "run", *LEAN, "--append", mark, "--control", sock,
             "--", "gpcvm", "run", "--memory", "anon"],
            env=dict(os.environ, GPCVM=lab.gpcvm), cwd=lab.dir,
            stderr=subprocess.DEVNULL, preexec_fn=labtest.heed_interrupts)
        lib.eventually("gpcvm listens inside", lambda: listens(sock),
                       labtest.LIMIT)
        assert len(processes(mark)) == 2, "lab and QEMU"
        p.send_signal(signo)
        assert p.wait(labtest.LIMIT) == status
        lib.eventually("QEMU is gone", lambda m=mark: not processes(m))
        if signo != signal.SIGKILL:  # nothing cleans up after that one
            assert not os.listdir(lab.dir)
    assert os.listdir(lab.dir) == ["control"]


def test_a_demo_without_kvm_runs_in_the_lab(lab):
    # A gpcvm without a usable /dev/kvm.
    wrapper = os.path.join(lab.dir, "gpcvm")
    with open(wrapper, "w") as f:
        f.write(f'#!/bin/sh\n[ "$1" = run ] || exec {lab.gpcvm} "$@"\n'
                f'exec {lab.gpcvm} "$@" --device /dev/null\n')
    os.chmod(wrapper, 0o755)
    r = subprocess.run(
        [os.path.join(lab.root, "tests", "demo"), wrapper], cwd=lab.root,
        capture_output=True, text=True, timeout=labtest.LIMIT,
        stdin=subprocess.DEVNULL, env=dict(os.environ, GPCVM=lab.gpcvm))
    assert r.returncode == 0, r.stdout + r.stderr
    assert "No usable KVM here" in r.stdout and "in the lab" in r.stdout
    assert "10 checks, none failed" in r.stdout, r.stdout
    assert "model: fresh; guest: stale" in r.stdout, r.stdout
    assert len(r.stdout.splitlines()) <= 34, "more than a screen"


def test_the_shell_is_a_shell_inside(lab):
    p = subprocess.Popen(
        [labtest.TOOL, "shell", *LEAN], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=dict(os.environ, GPCVM=lab.gpcvm), cwd=lab.dir, text=True)
    # Input before the prompt may be lost.
    seen = ""
    while not seen.endswith("# "):
        more = p.stdout.read(1)
        assert more, seen
        seen += more
    # The output differs from the terminal's echo.
    out, _ = p.communicate("echo $((40 + 2))-$(uname -s); exit\n",
                           timeout=labtest.LIMIT)
    assert p.returncode == 0 and "42-Linux" in out, out


def test_mistakes_are_told_before_anything_starts(lab):
    image = os.path.join(lab.dir, "image")
    with open(image, "wb") as f:
        f.write(bytes(4096))
    empty = os.path.join(lab.dir, "empty")
    os.mkdir(empty)
    for args, status, words in (
        (("--kernel", "nosuch"), 64, "one of base, reference, debian"),
        (("--kernel", image), 64, "no bzImage"),
        (("--kernel", "base", "--modules", empty), 64, "--kernel FILE"),
        (("--source", empty), 65, "no kernel tree"),
        (("--source", empty, "--kernel", "base"), 64, "one of them"),
        (("--patches", empty), 65, "no *.patch"),
        (("--kernel", "debian", "--patches", empty), 64, "not debian"),
        ((*LEAN, "--file", "/no/such"), 64, "/no/such"),
        ((*LEAN, "--file", f"{image}:/out"), 64, "its own /out"),
        ((*LEAN, "--file", f"{image}:/out/image"), 64, "its own /out"),
        ((*LEAN, "--file", f"{image}:sys/kernel/debug/x"), 64, "its own /sys"),
        ((*LEAN, "--file", f"{image}:/x/../init"), 64, "its own /init"),
        ((*LEAN, "--file", f"{lab.dir}:/run"), 64, "its own /run"),
        ((*LEAN, "--out", "/no/such"), 64, "/no/such"),
        ((*LEAN, "--control", "/no/such/dir"), 64, "gpcvm run, not true"),
    ):
        s, _, err = lab.tool("run", *args, "--", "true")
        assert s == status and words in err, (args, s, err)
        assert "Traceback" not in err, err


def test_modules_are_found_wherever_their_directory_is_and_stay_as_they_are(lab):
    built = kernels.get("base", lean=True)
    ko = next(p for p in glob.glob(f"{built.where}/modules/*.ko"))
    moddir = os.path.join(lab.dir, "elsewhere", "6.12-mine")
    os.makedirs(os.path.join(moddir, "kernel"))
    shutil.copy(ko, os.path.join(moddir, "kernel", "kvm-amd.ko"))
    for given in (moddir, moddir + "/", os.path.dirname(moddir),
                  os.path.relpath(moddir)):
        load = modules.to_load(modules.find_dir(given))
        assert load == [f"{moddir}/kernel/kvm-amd.ko"], (given, load)
    assert os.listdir(moddir) == ["kernel"], "something was written there"


def test_list_tells_what_is_built_from_what_is_not(lab):
    cached = os.path.join(lab.dir, "cache")
    os.makedirs(os.path.join(cached, "gpcvm", "lab", "kernels", "mine-lean-123"))
    r = subprocess.run([labtest.TOOL, "list"], capture_output=True, text=True,
                       env=dict(os.environ, XDG_CACHE_HOME=cached))
    assert r.returncode == 0, r.stderr
    names = ["base", "base --lean", "debian", "reference", "reference --lean"]
    missing = [x.partition(" not built")[0].rstrip() for x in r.stdout.splitlines()
               if " not built" in x]
    assert missing == names, r.stdout
    assert "mine-lean-123\n" in r.stdout, r.stdout
    kernels.get("base", lean=True)
    _, out, _ = lab.tool("list")
    line = next(x for x in out.splitlines() if x.startswith("base --lean "))
    assert line.endswith(os.path.dirname(kernels.get("base", lean=True).image)), out


def test_init_holds_what_would_have_the_kernel_patch_its_text(lab):
    # The same at the end of a gpcvm: the event is held all the time.
    for kernel in "lean", "debian":
        box = lab.box(kernel)
        before = box.sh("ls -l /proc/1/fd")
        for what, n in ("kvm-vm", 2), ("kvm-vcpu", 2), ("[perf_event]", 1):
            assert before.count(f"anon_inode:{what}") == n, (kernel, what, before)
        box.sh("gpcvm run --quiet --memory anon --guest hello")
        assert box.sh("ls -l /proc/1/fd").count("anon_inode:") == \
            before.count("anon_inode:")
