# SPDX-License-Identifier: GPL-2.0-only
"""gpcvm play and suite: effects of a message of the host's kernel, its
attribution, and how often a note about the host is printed. A FIFO stands in
for /dev/kmsg."""
import json
import os
import re
import threading

import lib
from test_play import env, write

TEXT = "WARNING: CPU: 0 PID: 7 at virt/kvm/made_up.c:1"
STORM = "storm for 600 poke clock0 & punch clock0 , poke clock0\n"


class Writer:
    """A FIFO in place of /dev/kmsg. Only the first reader gets a message, so
    it keeps writing while there are readers."""

    def __init__(self, lab):
        self.path = os.path.join(lab.dir, "kmsg")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.write)
        self.thread.start()

    def write(self):
        while not self.over.wait(0.001):
            try:
                os.write(self.fd, f"4,1,1,-;{TEXT}\n".encode())
            except BlockingIOError:
                pass

    def close(self):
        self.over.set()
        self.thread.join()
        os.close(self.fd)
        os.remove(self.path)


def warned(lab, text, *args):
    """Play it while the kernel warns all the time -> status, stdout."""
    if os.geteuid():
        raise lib.Skip("only root can put a file in place of /dev/kmsg")
    lab.need_kvm()
    writer = Writer(lab)
    try:
        p = lib.Process(
            ["unshare", "-m", "sh", "-c",
             'mount --bind "$0" /dev/kmsg && exec "$@"', writer.path,
             lab.gpcvm, "play", *args, write(lab, text)], lab.dir, "warned",
            env=env(lab))
        lab.procs.append(p)
        return p.wait(lib.LIMIT), p.out_text()
    finally:
        writer.close()


def the_reply(out):
    """It must be shown completely."""
    lines = re.findall("^#   reply: (.*)$", out, re.M)
    assert len(lines) == 1, out
    return json.loads(lines[0])


def vm(lab, *options):
    return " ".join(("vm --memory", lab.mode()) + options) + "\n"


def test_storm_that_a_warning_ended_says_so(lab):
    status, out = warned(lab, vm(lab) + STORM)
    assert status == 1, out
    assert f":2: {STORM.strip()}\n#   ended by the kernel: {TEXT}" in out, out
    assert the_reply(out)["ended_by"] == "kernel", out
    status, out = warned(lab, vm(lab) + STORM, "--json")
    row = json.loads(out)
    assert row["why"].startswith(f"ended by the kernel: {TEXT}"), row
    assert row["line"] == 2, row


def test_expectation_of_a_storm_that_a_warning_ended_says_so(lab):
    status, out = warned(lab, vm(lab) + STORM + "expect ended_by = time\n")
    assert status == 1, out
    assert f":3: expect ended_by = time\n#   ended by the kernel: {TEXT}" \
        in out, out
    assert "ended_by: expected time, got kernel" in out, out
    assert the_reply(out)["ended_by"] == "kernel", out


def test_long_reply_of_a_failure_is_shown_whole(lab):
    words = " & ".join(["poke clock0 , poke steal0"] * 9)
    out = warned(lab, vm(lab, "--vcpus 8") + f"storm for 600 {words}\n")[1]
    assert len(json.dumps(the_reply(out))) > 4000, out


def test_warning_that_is_expected_ends_a_storm_and_fails_nothing(lab):
    status, out = warned(
        lab, vm(lab) + STORM + "expect ended_by = kernel\n"
        'expect-kernel "made_up.c"\n')
    assert status == 0, out


def test_warning_beside_another_machine_says_that_it_may_be_its(lab):
    other = lab.plain()
    out = warned(lab, vm(lab) + "repeat 200\ncheck clock0\nend\n")[1]
    found = re.search(r"the kernel reports: .*made_up.c:1 \(process (\d+) "
                      "also had a VM: the message may be about that one", out)
    assert found, out
    # Another test's machine is one, too.
    assert os.path.exists(f"/proc/{other.proc.pid}"), out


def test_note_about_the_host_is_printed_once_a_run(lab):
    if os.geteuid():
        raise lib.Skip("only root can tell whether others have a VM")
    lab.plain()
    folder = os.path.join(lab.dir, "many")
    os.mkdir(folder)
    for i in range(3):
        write(lab, vm(lab), f"many/{i}.scn")
    for args in ("suite", folder), \
            ("play", *(f"{folder}/{i}.scn" for i in range(3))):
        _, out, _ = lab.run(*args, env=env(lab))
        assert out.count("also has a VM") == 1, out
        assert "ok 3" in out, out
