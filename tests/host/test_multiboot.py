# SPDX-License-Identifier: GPL-2.0-only
"""Kernels from files: the Multiboot image that is built here finds what it
should, and images that are no good are refused before anything starts."""
import gzip
import os
import signal

import lib
import multiboot as mb


def boot(lab, *args, image="image.elf", status=mb.PASSED):
    lab.need_kvm()
    got, out, err = lab.run("run", "--quiet", "--kernel",
                            mb.image(lab.gpcvm, image), *args)
    assert got == status, (got, out, err)
    return out


def write(lab, name, data):
    path = os.path.join(lab.dir, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def waiting(lab, *args):
    """A machine whose kernel has halted for good."""
    m = lab.plain("--kernel", mb.image(lab.gpcvm), "--append", "wait", *args)
    lib.eventually("the kernel waits", lambda: "waiting" in m.stdout())
    return m


def everything(mode, vcpus, *args):
    def test(lab):
        lab.need_mode(mode)
        out = boot(lab, "--memory", mode, "--vcpus", str(vcpus), *args)
        assert mb.passed(out) == mb.ALL, out
        assert f"CPUs {vcpus:#010x}" in out, out
    return test


for _mode in ("anon", "gmem"):
    for _n in (1, 4):
        globals()[f"test_{_mode}_{_n}_cpus_find_the_machine_of_a_pc"] = \
            everything(_mode, _n)
test_fed_through_the_window_it_finds_the_same = everything(
    "anon", 2, "--bounce")
test_gmem_fed_through_the_window_finds_the_same = everything(
    "gmem", 2, "--bounce")
lib.short(globals()["test_gmem_4_cpus_find_the_machine_of_a_pc"])


def test_addresses_in_the_header_take_the_place_of_elf(lab):
    for more in (), ("--bounce",):
        out = boot(lab, "--memory", "anon", *more, image="image.flat")
        assert "multiboot image, flat" in out, out
        assert mb.passed(out) == [n for n in mb.ALL if n not in mb.APS], out


def test_modules_arrive_with_their_command_lines(lab):
    # Larger than the window, so that it goes through in several parts; an odd
    # length, and one byte.
    data = [os.urandom(1500001), b"x"]
    paths = [write(lab, f"m{i}", d) for i, d in enumerate(data)]
    for more in (), ("--bounce",):
        out = boot(lab, "--memory", "anon", "--append", "quick two words",
                   "--initrd", paths[0] + ",some=args, and a comma",
                   "--initrd", paths[1], *more)
        mb.passed(out)
        assert mb.module_line(paths[0] + " some=args, and a comma",
                              data[0]) in out, out
        assert mb.module_line(paths[1], data[1]) in out, out
        assert f"command line {mb.image(lab.gpcvm)} quick two words\n" in out
        assert "loader gpcvm " in out, out


def test_memory_above_4g_is_in_the_map(lab):
    out = boot(lab, "--memory", "anon", "--mem", "5G", "--append", "quick")
    mb.passed(out)
    assert "range 0x000000000x00100000 0x000000000xbff00000 RAM" in out, out
    assert "range 0x000000010x00000000 0x000000000x80000000 RAM" in out, out


def test_a_slot_behind_a_hole_is_for_commands_alone(lab):
    out = boot(lab, "--memory", "anon", "--slot", "0,16M", "--slot",
               "1G,16M", "--append", "quick")
    assert "0x000000000x00100000 0x000000000x00f00000 RAM" in out, out
    assert "x40000000" not in out, out


def test_the_status_is_that_of_debug_exit(lab):
    boot(lab, "--append", "quick exit=7", status=15)


def test_other_endings_of_a_kernel_are_told(lab):
    boot(lab, "--append", "quick reset", status=0)
    lab.need_kvm()
    status, out, err = lab.run(
        "run", "--kernel", mb.image(lab.gpcvm), "--append", "quick triple")
    assert status in (10, 11), (status, err)


def test_unhandled_ports_are_logged_once(lab):
    m = waiting(lab)
    texts = [e["text"] for e in m.ok("log 100")["events"]
             if "0x1234" in e["text"]]
    assert len(texts) == 1 and "nobody claims" in texts[0], texts


def test_commands_that_need_the_agent_say_why_there_is_none(lab):
    m = waiting(lab, "--vcpus", "2")
    m.fails("guest 0 nop", "unsupported", "no agent")
    for line in ("check all", "check clock0", "poke clock0", "pv clock0 off"):
        m.fails(line, "unsupported", "places its pv pages itself")
    assert m.ok("gpc")["pages"] == []
    s = m.ok("status")
    assert s["loader"] == "multiboot" and s["pv"] == "none", s
    assert s["kernel"] == mb.image(lab.gpcvm) and s["guest"] == "kernel", s
    assert [v["state"] for v in s["vcpus"]] == ["running"] * 2, s
    m.quit(5)


def test_a_storm_beside_a_kernel_claims_nothing(lab):
    m = waiting(lab, "--slot", "0,16M", "--slot", "1G,16M,file=1")
    r = m.ok("storm count 10 punch 1G")
    assert r["verdict"] == "unsupported", r
    m.fails("punch 0x300000", "state", "guest's own memory")


def test_registers_and_pause_work_without_an_agent(lab):
    m = waiting(lab, "--vcpus", "2")
    assert int(m.ok("vcpu 0 regs")["rip"], 16) > 0x200000
    m.ok("vcpu 1 pause")
    lib.eventually("paused",
                   lambda: m.ok("status")["vcpus"][1]["state"] == "paused")
    m.ok("vcpu 1 resume")
    assert m.ok("mem 0x200000 4")["data"] == "02b0ad1b"
    assert m.ok("mem 0x20000 4")["data"] == "feca0d60"


def test_signals_end_a_kernel_that_has_halted(lab):
    m = waiting(lab, "--vcpus", "2")
    m.proc.send_signal(signal.SIGTERM)
    assert m.wait() == 143, m.stderr()


def refused(lab, path, *words, args=(), status=1):
    for mode in ("--memory", "anon"), ("--memory", "anon", "--bounce"):
        got, out, err = lab.run("run", *mode, "--kernel", path, *args)
        assert got == status and not out, (got, out, err)
        for w in words:
            assert w in err, (w, err)
        assert len(err.splitlines()) == 1, err


def test_images_that_are_no_good_are_refused_with_the_reason(lab):
    lab.need_kvm()
    with open(mb.image(lab.gpcvm), "rb") as f:
        good = f.read()
    rows = [
        (good[:3000], "cut off"),
        (good[:40], "32-bit ELF", "Multiboot 1 image"),
        (b"\0" * 100, "no format that is known", "Multiboot 1 image"),
        (b"", "empty"),
        (gzip.compress(good), "gzip -d"),
        (b"\xfd7zXZ\0" + good, "xz -d"),
        (b"\x28\xb5\x2f\xfd" + good[100:200], "zstd -d"),
        (mb.elf64(), "64-bit ELF", "objcopy -O elf32-i386"),
        (mb.elf32([(0x200000, 0, 4096, 4096)], machine=40), "machine 40"),
        (mb.elf32([(0x200000, 0, 4096, 4096), (0x200800, 0, 4, 4)]),
         "segment 1", "overlaps segment 0"),
        (mb.elf32([(0x200000, 0, 4096, 0xfffff000)]), "not in the guest's RAM",
         "--mem"),
        (mb.elf32([(0xa0000, 0, 4096, 4096)]), "not in the guest's RAM"),
        (mb.elf32([(0x200000, 0, 4097, 5000)]), "cut off", "segment 0"),
        (mb.elf32([(0x200000, 0, 4096, 4)]), "segment 0", "in memory"),
        (mb.elf32([(0x200000, 0, 4096, 4096)], entry=0x1234), "entry"),
        (mb.elf32([(0x200000, 0, 4096, 4096)], phoff=0xffffff00), "cut off"),
        (mb.elf32([(0x200000, 0, 4096, 4096)], flags=7), "video mode"),
        (mb.elf32([(0x200000, 0, 4096, 4096)], flags=11), "0x8"),
        (mb.header(3).ljust(4096, b"\0"), "no addresses"),
        (mb.header(0x10003, 0x100000, 0x200000, 0, 0, 0x200000),
         "before the file"),
        (mb.header(0x10003, 0x200000, 0x200000, 0x100000, 0, 0x200000),
         "load_end_addr"),
        (mb.header(0x10003, 0x200000, 0x200000, 0x300000, 0, 0x200000),
         "cut off"),
        (mb.header(0x10003, 0x200000, 0x200000, 0, 0x200001, 0x200000),
         "bss_end_addr"),
        (mb.header(0x10003, 0x200000, 0x200000, 0, 0, 0x100000),
         "entry_addr"),
    ]
    for i, (data, *words) in enumerate(rows):
        refused(lab, write(lab, f"bad{i}", data), *words)


def test_files_that_cannot_be_read_are_refused(lab):
    lab.need_kvm()
    good = mb.image(lab.gpcvm)
    fifo = os.path.join(lab.dir, "fifo")
    os.mkfifo(fifo)
    refused(lab, "/nonexistent", "/nonexistent", "No such file")
    refused(lab, lab.dir, "not a regular file")
    refused(lab, fifo, "not a regular file")
    refused(lab, good, "--initrd /nonexistent", "No such file",
            args=["--initrd", "/nonexistent"])


def test_what_does_not_fit_the_memory_is_refused(lab):
    lab.need_kvm()
    good = mb.image(lab.gpcvm)
    big = os.path.join(lab.dir, "big")
    with open(big, "wb") as f:
        f.truncate(7 << 20)
    refused(lab, good, "no room for module 0", "--mem",
            args=["--mem", "8M", "--initrd", big])
    with open(big, "wb") as f:
        f.truncate(100 << 20)
    refused(lab, good, "do not fit", "--mem",
            args=["--mem", "8M", "--initrd", big])
    refused(lab, good, "not in the guest's RAM", args=["--mem", "2M"])
    refused(lab, good, "command line",
            args=["--append", "x" * 5000])


def test_options_that_do_not_go_together_are_refused(lab):
    good = mb.image(lab.gpcvm)
    for args, word in ((("--guest", "hello", "--kernel", good), "only one"),
                       (("--append", "x"), "only with --kernel"),
                       (("--initrd", good), "only with --kernel"),
                       (("--kernel", good, "--pv", "xen"), "--pv"),
                       (("--kernel", good, "--vcpus", "256"), "255"),
                       (("--kernel", good, "--initrd", ",x"), "--initrd ,x"),
                       (("--kernel", good) + ("--initrd", good) * 17, "16")):
        status, out, err = lab.run("run", *args)
        assert status == 2 and word in err, (args, status, err)


def test_a_scenario_boots_a_kernel(lab):
    lab.need_kvm()
    path = write(lab, "k.scn", (
        f"vm --memory anon --kernel {mb.image(lab.gpcvm)} --append wait\n"
        "status\nexpect loader = multiboot\n"
        "check all\nexpect-error unsupported\n").encode())
    status, out, err = lab.run("play", path)
    assert status == 0, (status, out, err)


def test_the_tree_of_a_kernel_has_what_its_machine_has(lab):
    lab.need_kvm()
    dtb = os.path.join(lab.dir, "tree")
    status, out, err = lab.run(
        "run", "--kernel", mb.image(lab.gpcvm), "--append", "some args",
        "--dump-dtb", dtb)
    assert status == 0, err
    with open(dtb, "rb") as f:
        tree = f.read()
    for word in b"rtc@70", b"fw-cfg@510", b"serial@3f8", b"some args":
        assert word in tree, word
    assert b"doorbell" not in tree
