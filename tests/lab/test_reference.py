# SPDX-License-Identifier: GPL-2.0-only
"""The reference kernel does what its series promises."""

import json
import os

import labtest
import lib

MODE = "gmem-private+no-direct-map"
FREE = 0x800000
PV = {"kvm": ("clock0", "clock1", "steal0", "steal1"),
      "xen": ("shinfo", "vcpuinfo0", "vcputime1", "runstate0")}
TRACE = "/sys/kernel/tracing"


def start(lab, *args, kernel="reference-lean"):
    g = lab.guest("--memory", MODE, "--vcpus", "2", *args, kernel=kernel)
    lib.eventually("the guest is ready", lambda: g.alive()["ready_ns"])
    return g


def fresh(g):
    r = g.healthy()
    assert "disagreement" not in json.dumps(r), r


def leak(g, what):
    r = g.ok(f"leak {what}")
    assert "disagreement" not in r, r
    return r["leak"]


def test_the_probe_finds_what_the_series_adds(lab):
    status, out, err = lab.box("reference-lean").run("gpcvm", "probe", "--json")
    assert status == 0, err
    r = json.loads(out)
    rows = {x["name"]: x["state"] for x in r["rows"]}
    assert r["family"] == "direct-map-2024", r
    for name in ("gmem-no-direct-map", "private-clock", "private-steal"):
        assert rows[name] == "yes", rows


def every_event(g, names):
    """Repeatedly, with a check of all pages in between."""
    fresh(g)
    first = g.page(names[0])["gpa"]
    for i, name in enumerate(names):
        for line in (f"punch {name}", f"punch {first} 64K",
                     f"attr {name} shared", f"attr {name} private",
                     f"pv {name} off", f"pv {name} on",
                     f"pv {name} move {FREE + i * 4096}"):
            g.ok(line)
            if not line.endswith("off"):
                fresh(g)
    for line in ("slot delete 1", "slot restore 1"):
        g.ok(line)
    fresh(g)
    g.ok("slot delete 1")
    g.ok(f"punch {first} 64K")
    g.ok("slot restore 1")
    fresh(g)


def test_every_kvm_page_is_fresh_through_every_event(lab):
    every_event(start(lab), PV["kvm"])


def test_every_xen_page_is_fresh_through_every_event(lab):
    every_event(start(lab, "--pv", "xen"), PV["xen"])


def test_no_report_of_a_debugging_kernel_through_every_event(lab):
    g = start(lab, kernel="reference")
    every_event(g, PV["kvm"][:3:2])
    g.ok("attr clock1 shared")
    g.ok("pv steal1 off")
    g.quit()


def test_a_page_is_in_the_direct_map_while_a_cache_holds_it(lab):
    g = start(lab)
    assert leak(g, FREE) == "absent"
    assert leak(g, "clock0") == "present"
    g.ok("pv clock0 off")
    assert leak(g, "clock0") == "absent"
    g.ok("pv clock0 on")
    assert leak(g, "clock0") == "present"
    # A punched page is gone from the guest, and from the direct map.
    g.ok(f"punch {FREE}")
    assert leak(g, FREE) == "absent"


def test_the_last_of_two_packed_caches_takes_the_page_out(lab):
    g = start(lab, "--pv-layout", "packed")
    for first, last in (("clock0", "clock1"), ("clock1", "clock0")):
        g.ok(f"pv {first} off")
        g.check(last)
        assert leak(g, last) == "present"
        g.ok(f"pv {last} off")
        assert leak(g, last) == "absent"
        g.ok(f"pv {first} on")
        g.ok(f"pv {last} on")
        fresh(g)


def test_a_flip_keeps_the_reference_until_the_cache_goes(lab):
    g = start(lab)
    g.ok("attr clock0 shared")
    g.ok("attr clock0 private")
    assert leak(g, "clock0") == "present"
    g.ok("attr clock0 shared")
    g.ok("pv clock0 off")
    g.ok("attr clock0 private")
    assert leak(g, "clock0") == "absent"


def test_memory_that_replaces_mmio_is_reached_as_what_it_is(lab):
    # 6.12 itself treats the access as shared forever.
    g = start(lab)
    g.ok(f"attr {FREE} shared")
    g.ok("slot delete 1")
    g.ok(f"guest 0 read {FREE} 8")
    g.ok("slot restore 1")
    g.ok(f"attr {FREE} private")
    assert g.read(FREE) == bytes(8)


def test_instructions_are_emulated_in_private_memory(lab):
    tool = os.path.join(os.path.dirname(lab.gpcvm), "tests", "lab", "emulate")
    for flags in ("0", "1"):
        status, out, err = lab.tool(
            "run", "--kernel", "reference", "--lean", "--file", tool,
            "--append", "kvm.force_emulation_prefix=1", "--", "/emulate", flags)
        assert status == 0 and "6 of 6" in out, (status, out, err)


def test_the_tracepoints_tell_of_a_punch(lab):
    g = start(lab)
    box = lab.box("reference-lean")
    events = " ".join(f"{TRACE}/events/kvm/{e}/enable" for e in (
        "kvm_gmem_share", "kvm_gmem_unshare", "kvm_gmem_abandon",
        "kvm_gpc_invalidate", "kvm_gpc_refresh"))
    box.sh(f"echo >{TRACE}/trace; echo 1 | tee {events}")
    gpa = g.page("clock0")["gpa"]
    g.ok("punch clock0")
    g.check("clock0")
    g.ok("pv clock0 off")
    text = box.sh(f"echo 0 | tee {events} >/dev/null; cat {TRACE}/trace")
    pgoff = f"pgoff {hex(int(gpa, 16) >> 12)} "
    for what in (f"kvm_gpc_invalidate: punch {hex(int(gpa, 16) >> 12)} -- ",
                 f"kvm_gmem_abandon: {pgoff}",
                 f"kvm_gmem_share: {pgoff}",
                 f"kvm_gpc_refresh: gpa {gpa} ",
                 f"kvm_gmem_unshare: {pgoff}"):
        assert what in text, (what, text)
    # The last one to be deactivated removed it.
    last = [x for x in text.splitlines() if "kvm_gmem_unshare" in x and pgoff in x]
    assert "count 0 direct map absent" in last[-1], last


def test_the_series_builds_on_base(lab):
    status, out, err = lab.tool("build", "--kernel", "reference", "--lean")
    assert status == 0 and os.path.isfile(out.strip()), err
    config = os.path.join(os.path.dirname(out.strip()), "config")
    with open(config) as f:
        assert "CONFIG_KVM_GMEM_NO_DIRECT_MAP=y" in f.read()


def test_more_patches_go_on_top_of_the_series(lab):
    empty = os.path.join(lab.dir, "empty")
    os.mkdir(empty)
    status, _, err = lab.tool("build", "--kernel", "reference", "--patches", empty)
    assert status == 65 and "no *.patch" in err, err
    assert labtest.BUILT["reference"] == ("reference", False)
