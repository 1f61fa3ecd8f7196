# SPDX-License-Identifier: GPL-2.0-only
"""A session recorded on a kernel with private memory can be played there."""

import json

FREE = 0x800000


def verdicts(value):
    found = []
    for k, v in value.items():
        if k == "verdict":
            found.append(v)
        elif isinstance(v, dict):
            found += verdicts(v)
        elif isinstance(v, list):
            for x in v:
                found += verdicts(x) if isinstance(x, dict) else []
    return found


def test_a_session_in_private_memory_plays_with_the_same_verdicts(lab):
    g = lab.private("--vcpus", "2", "--record-dir", "/tmp")
    path = "/tmp/session.scn"
    g.ok(f"record {path}")
    other = g.connect()
    seen = []
    for client, line in (
        (g, "check all"),
        (other, "attr clock0 shared"),
        (g, "check clock0"),
        (other, "punch clock0"),
        (g, "check clock0"),
        (g, "attr clock0 private"),
        (other, "check clock0"),
        (other, f"guest 1 convert {FREE} shared"),
        (g, f"prefault 0 {FREE + 0x10000} 64K"),
        (g, "attr steal1 shared"),
        (other, "check steal1"),
        (g, f"storm count 20 flip {FREE} 64K page & poke clock1"),
        (other, "punch 0"),
        (other, "check all"),
    ):
        seen += verdicts(client.cmd(line))
    g.ok("record stop")
    g.quit()
    box = g.box
    text = box.sh(f"cat {path}")
    needs = text.splitlines()[1].split()
    for word in "mode-gmem-private", "prefault", "exit-hypercall":
        assert word in needs, text
    for _ in range(5):
        status, out, err = box.run("gpcvm", "play", "--json", path)
        # On a new vCPU, if the emulated TSC was recalibrated meanwhile
        # (arch/x86/kvm/x86.c, set_tsc_khz): not part of the recording.
        if "TSC rate below hardware speed" not in out:
            break
    assert status == 0, (out, err, text)
    assert json.loads(out)["verdicts"] == seen, (out, seen)
    assert "stale" in seen and "fresh" in seen, seen
    box.sh(f"rm {path}")


def test_what_is_recorded_elsewhere_is_skipped_with_the_reason(lab):
    g = lab.private("--record-dir", "/tmp")
    g.ok("record /tmp/private.scn")
    g.ok("attr clock0 shared")
    g.quit()
    g.box.sh("sed -i 's/^need mode-gmem-private/need mode-gmem/' /tmp/private.scn")
    status, out, _ = g.box.run("gpcvm", "play", "/tmp/private.scn")
    assert status == 4 and "SKIP" in out and "mode-gmem" in out, (status, out)
    g.box.sh("rm /tmp/private.scn")
