# SPDX-License-Identifier: GPL-2.0-only
"""The program does what the documents show.

In README.md and docs/*.md the blocks marked sh of one document are one shell
session. "$ " starts a command, which must succeed; the lines below it are what
it prints, with "..." for any text (alone on a line: for any lines) and numbers
that stand for any number. No lines: the output is not looked at. `make` is
not run, but its targets must be there.
"""
import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import types

import pytest

import lib
import multiboot

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "lab"))
import bugs  # noqa: E402

SOCKET = "/tmp/gpcvm"
# KVM refreshes all clocks once, 100 ms after a guest has set one up
# (KVMCLOCK_UPDATE_DELAY). A reader is slower than that; the test waits.
SETTLE = 0.3
# The host chooses pages and CPUs: a session may see the same pfn again, and is
# then repeated.
ATTEMPTS = 5

NUMBER = re.compile(r"(?<![\w.])(?:0x[0-9a-f]+|\d+(?:\.\d+)?)")
FENCE = re.compile(r"^( *)```sh\n(.*?)^ *```", re.M | re.S)


# ---- the documents ----------------------------------------------------------

def documents(lab):
    return ["README.md", "CONTRIBUTING.md"] + sorted(
        os.path.relpath(p, lab.root)
        for p in glob.glob(os.path.join(lab.root, "docs", "**", "*.md"),
                           recursive=True))


def pages(lab):
    return sorted(os.path.relpath(p, lab.root)
                  for p in glob.glob(os.path.join(lab.root, "docs", "*.[1-9]")))


def text_of(lab, name):
    with open(os.path.join(lab.root, name), encoding="utf-8") as f:
        return f.read()


def unfinished(command):
    """Does the command continue on the next line?"""
    here = re.search(r"<<'(\w+)'\n?", command)
    return command.endswith("\\") or \
        bool(here) and not command.endswith("\n" + here.group(1))


def commands_of(text):
    """-> [(command, [line of output...])...]"""
    found = []
    for indent, block in FENCE.findall(text):
        for line in block.splitlines():
            line = line.removeprefix(indent)
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found and unfinished(found[-1][0]):
                found[-1] = (found[-1][0] + "\n" + line, [])
            else:
                assert found, f"output without a command: {line}"
                found[-1][1].append(line)
    return found


# ---- what is shown against what is seen -------------------------------------

def pattern(line):
    """A line of output as a regular expression."""
    out = []
    for part in re.split(r"(\.\.\.)", line):
        if part == "...":
            out.append(".*")
            continue
        at = 0
        for m in NUMBER.finditer(part):
            out.append(re.escape(part[at:m.start()]))
            word = m.group()
            if re.fullmatch("0{2,}", word):
                out.append(word)  # a page of zeros is not a number
            elif word.startswith("0x"):
                out.append("0x[0-9a-f]+")
            else:
                out.append(r"\d+(?:\.\d+)?")
            at = m.end()
        out.append(re.escape(part[at:]))
    return "".join(out)


def matches(shown, seen):
    lines = []
    for line in shown:
        # Ordinary users do not see pfns.
        if os.geteuid():
            line = re.sub(r'"pfn":"0x[0-9a-f]+"', '"pfn":null', line)
            line = line.replace('"pfn_changed":"yes"',
                                '"pfn_changed":"unknown"')
        lines.append("(?:.*\n)*" if line == "..." else pattern(line) + "\n")
    return re.fullmatch("".join(lines), seen) is not None


# ---- a session --------------------------------------------------------------

def script(lab, commands, socket, stand_ins):
    """A bash script of the commands, each followed by a mark with its
    status."""
    here = os.path.dirname(lab.gpcvm)
    out = [f"cd '{lab.root}'", f"PATH='{here}':$PATH",
           "trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    for i, (command, _) in enumerate(commands):
        command = command.replace("build/gpcvm", lab.gpcvm)
        command = re.sub(SOCKET + r"(?![\w.-])", socket, command)
        for shown, real in stand_ins.items():
            command = command.replace(shown, real)
        out.append(command)
        out.append(f"printf '\\n@@ {i} %s\\n' $?")
        if " run --" in command and command.endswith("&") and \
                lab.gpcvm in command:
            # A read-only request, because a recording may have to come first.
            # A kernel from a file has no agent that would become ready.
            out.append(f"while gpcvm ctl --wait {lib.LIMIT} '{socket}' status "
                       "| grep -v '\"loader\"' "
                       "| grep -q '\"ready_ns\":null'; do sleep 0.1; done; "
                       f"sleep {SETTLE}")
    return "\n".join(out) + "\n"


def by_chance(seen):
    """Can these replies differ from the shown ones by chance?"""
    if '"ok":false' in seen or re.search(r'"verdict":"(?!fresh)', seen):
        return False
    return '"pfn_changed":"no"' in seen or '"op":"read"' in seen


def hold(lab, commands, number, stand_ins, limit):
    """Run them all -> the difference or None, and whether it may be chance."""
    socket = os.path.join(lab.dir, f"session{number}")
    path = socket + ".sh"
    with open(path, "w", encoding="utf-8") as f:
        f.write(script(lab, commands, socket, stand_ins))
    p = lib.Process(["bash", path], lab.dir, f"session{number}",
                    start_new_session=True)
    try:
        p.wait(limit)
    finally:
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    err = p.err_text()
    assert "Sanitizer" not in err and "runtime error" not in err, err
    parts = re.split(r"\n@@ \d+ (\d+)\n", p.out_text())
    for i, (command, shown) in enumerate(commands):
        if 2 * i + 1 >= len(parts):
            return f"$ {command}\nnever came to its end\n{err}", False
        seen, status = parts[2 * i], parts[2 * i + 1]
        # The mark's newline ends the last line if the command did not.
        seen += "" if seen.endswith("\n") or not seen else "\n"
        for there, real in stand_ins.items():
            seen = seen.replace(real, there)
        if status != "0":
            return f"$ {command}\nexit status {status}\n{seen}{err}", False
        if shown and not matches(shown, seen):
            return (f"$ {command}\nshown:\n" + "\n".join(shown) +
                    f"\nseen:\n{seen}{err}"), by_chance(seen)
    return None, False


def session(lab, name, stand_ins=None, limit=2 * lib.LIMIT):
    """@stand_ins: the test's replacements for shown paths."""
    commands = [c for c in commands_of(text_of(lab, name))
                if not re.match(r"make\b", c[0])]
    assert commands, f"{name} shows no commands"
    for number in range(ATTEMPTS):
        wrong, chance = hold(lab, commands, number, stand_ins or {}, limit)
        if not wrong:
            return
        if not chance:
            break
    raise AssertionError(f"{name}: {wrong}")


def host_session(lab, name):
    lab.need_mode("gmem")
    if not shutil.which("socat"):
        raise lib.Skip("socat is not installed")
    # Recordings are only allowed in the socket's directory.
    session(lab, name, {"/tmp/session.scn":
                        os.path.join(lab.dir, "session.scn")})


def test_readme_does_what_it_shows(lab):
    host_session(lab, "README.md")


def test_readme_shows_the_demo(lab):
    lab.need_mode("gmem")
    shown = [out for command, out in commands_of(text_of(lab, "README.md"))
             if command == "make demo"]
    assert len(shown) == 1 and len(shown[0]) >= 10, shown
    demo = os.path.join(lab.root, "tests", "host", "demo")
    for _ in range(ATTEMPTS):
        r = subprocess.run([demo, lab.gpcvm], capture_output=True, text=True,
                           timeout=lib.LIMIT, stdin=subprocess.DEVNULL)
        assert r.returncode == 0, r.stdout + r.stderr
        # The allocator may hand out the same page again.
        if "same host page" not in r.stdout:
            break
    assert matches(shown[0], r.stdout), \
        "\n".join(shown[0]) + "\nseen:\n" + r.stdout


@pytest.mark.short
def test_readme_shows_the_fault_of_its_page(lab):
    # tests/lab/test_bugs.py checks the page on the kernel.
    readme, page = text_of(lab, "README.md"), text_of(lab, "docs/bugs/no-punch.md")
    shown = re.search(r"```text\n(.*?)```", readme, re.S)[1]
    diagram, output = shown.split("\n\n")
    assert diagram in page, diagram
    assert output in page, output


def test_guests_does_what_it_shows(lab):
    lab.need_kvm()
    session(lab, "docs/guests.md", {
        "build/tests/multiboot/": multiboot.image(lab.gpcvm, "")})


def test_testing_does_what_it_shows(lab):
    host_session(lab, "docs/testing.md")


def test_tutorial_does_what_it_shows(lab):
    host_session(lab, "docs/tutorial.md")


def test_no_document_is_left_out(lab):
    # docs/lab.md: tests/lab/test_lab_docs.py; docs/bugs/: below, and
    # tests/lab/test_bugs.py.
    tested = {"README.md", "docs/guests.md", "docs/lab.md", "docs/testing.md",
              "docs/tutorial.md"}
    for name in documents(lab):
        if name not in tested and not name.startswith("docs/bugs/"):
            assert not commands_of(text_of(lab, name)), \
                f"{name}: give it a test of its session"


@pytest.mark.short
def test_every_fault_of_the_kernel_has_its_page_and_scenario(lab):
    faults = bugs.names()
    assert len(faults) == len(set(faults)) >= 20, faults
    wanted = {bugs.page(n) for n in faults}
    there = {d for d in documents(lab) if d.startswith("docs/bugs/")}
    assert there == wanted | {"docs/bugs/README.md"}, there ^ wanted
    index = text_of(lab, "docs/bugs/README.md")
    assert re.findall(r"^\| \[([a-z-]+)\]\(\1\.md\) \|", index, re.M) == faults
    for name in faults:
        page = text_of(lab, bugs.page(name))
        path = f"tests/scenarios/{bugs.scenario(name)}.scn"
        assert page.startswith(f"# {name}\n"), page
        for part in ("**Why it matters.**", "## Step by step", "**Evidence.**"):
            assert part in page, (name, part)
        run = "".join(c for c, _ in commands_of(page))
        assert f"--fault {name} " in run and f"--file {path} " in run, run
        assert re.match(r"# .*docs/rules\.md", text_of(lab, path), re.S), path


@pytest.mark.short
def test_patterns_match_what_they_should(lab):
    assert matches(["a 12 ... 0x1f"], "a 7 and more 0xabc\n")
    assert matches(["...", "end 1.5 s"], "x\ny\nend 30 s\n")
    assert matches(["..."], "")
    assert not matches(["clock0"], "clock1\n")
    assert not matches(['"0000"'], '"0001"\n')
    assert not matches(["one line"], "one line\nand one more\n")
    assert commands_of("```sh\n$ cat >f <<'X'\none\n\nX\nout\n```\n") == \
        [("cat >f <<'X'\none\n\nX", ["out"])]
    assert commands_of("  ```sh\n  $ a \\\n    b\n  out\n  ```\n") == \
        [("a \\\n  b", ["out"])]


# ---- make -------------------------------------------------------------------

@pytest.mark.short
def test_make_targets_are_there(lab):
    wanted = set()
    for name in documents(lab):
        text = text_of(lab, name)
        found = re.findall(r"`(make\b[^`\n]*)`|^ *\$ (make\b.*)$|"
                           r"^    (make \w+)  ", text, re.M)
        wanted |= {"".join(words).removesuffix(" -n") for words in found}
    assert {"make demo", "make test", "make check", "make bench",
            "make install"} <= wanted, wanted
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("MAKE", "MFLAGS", "GNUMAKE"))
           and k not in ("SAN", "O", "T", "V")}
    for line in sorted(wanted):
        r = subprocess.run(["make", "-n", "SKIP_DEPS=1", *shlex.split(line)[1:]],
                           cwd=lab.root, env=env, capture_output=True,
                           text=True, timeout=lib.LIMIT)
        assert r.returncode == 0, f"{line}: {r.stderr}"


# ---- the manual pages -------------------------------------------------------

@pytest.mark.short
def test_reference_is_up_to_date(lab):
    path = os.path.join(lab.root, "tests", "host", "reference")
    reference = types.ModuleType("reference")  # a script, without .py
    reference.__file__ = path
    exec(compile(text_of(lab, path), path, "exec"), reference.__dict__)
    for name, page, wanted in reference.outdated(lab):
        assert page == wanted, "run tests/host/reference:\n" + \
            reference.diff(name, page, wanted)


@pytest.mark.short
def test_pages_lint_clean(lab):
    if not shutil.which("mandoc"):
        raise lib.Skip("mandoc is not installed")
    for page in pages(lab):
        r = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page],
                           cwd=lab.root, capture_output=True, text=True,
                           timeout=lib.LIMIT)
        assert r.returncode == 0 and not r.stdout, r.stdout + r.stderr


@pytest.mark.short
def test_pages_render_without_warnings(lab):
    if not shutil.which("groff"):
        raise lib.Skip("groff is not installed")
    for page in pages(lab):
        r = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rLL=80n", page],
                           cwd=lab.root, capture_output=True, text=True,
                           timeout=lib.LIMIT)
        assert r.returncode == 0 and not r.stderr, r.stderr
        lines = [re.sub(r".\x08|\x1b\[[0-9;]*m", "", line)
                 for line in r.stdout.splitlines() if line.strip()]
        title = re.sub(r"(.*)\.(\d)", r"\1(\2)", os.path.basename(page)).upper()
        assert re.fullmatch(rf"{re.escape(title)} +gpcvm .* Manual +"
                            rf"{re.escape(title)}", lines[0]), lines[0]
        assert re.fullmatch(rf"gpcvm {version(lab)} .* gpcvm {version(lab)}",
                            lines[-1]), lines[-1]


def version(lab):
    return lab.run("--version")[1].split()[1]


@pytest.mark.short
def test_pages_see_each_other(lab):
    """Each page refers to all others, sorted by section, then by name."""
    names = [os.path.basename(p).rsplit(".", 1)[::-1] for p in pages(lab)]
    assert len(names) == 8, names
    for page in pages(lab):
        own = os.path.basename(page).rsplit(".", 1)[::-1]
        wanted = " ,\n".join(f".Xr {name} {section}" for section, name
                             in sorted(names) if [section, name] != own)
        assert re.search(rf"^\.Sh SEE ALSO\n{re.escape(wanted)}\n(?:\.Sh|\Z)",
                         text_of(lab, page), re.M), f"{page}: expected\n{wanted}"


@pytest.mark.short
def test_pages_have_every_option(lab):
    for sub in ("run", "play", "suite", "ctl", "probe"):
        page = text_of(lab, f"docs/gpcvm-{sub}.1")
        status, usage, _ = lab.run(sub, "--help")
        assert status == 0, f"gpcvm {sub} --help: status {status}"
        told = set(re.findall(r"(?:^ +|\[|, )--([a-z-]+)", usage, re.M))
        assert told, usage
        there = set(re.findall(r"^\.It Fl -([a-z-]+)", page, re.M))
        assert told <= there, f"not in gpcvm-{sub}.1: {told - there}"
        surplus = [o for o in there - told
                   if lab.run(sub, f"--{o}")[0] != 0]
        assert not surplus, f"gpcvm {sub} does not know: {surplus}"


@pytest.mark.short
def test_pages_have_every_exit_status(lab):
    text = text_of(lab, "vmm/base/status.h")
    told = set(re.findall(r"STATUS_\w+ = (\d+),", text)) - {"128"}
    assert {"0", "1", "2", "10"} <= told, told
    there = set(re.findall(r"^\.It (\d+)$", text_of(lab, "docs/gpcvm-run.1"),
                           re.M))
    assert told <= there, f"not in gpcvm-run.1: {told - there}"


@pytest.mark.short
def test_control_has_every_command_and_field(lab):
    page = text_of(lab, "docs/gpcvm-control.7")
    fields = set(re.findall(r"^\.Va (\w+)", page, re.M))
    m = lab.machine("--memory", "anon")
    names = {c["name"] for c in m.ok("help")["commands"]}
    there = set(re.findall(r"^\.It Ic (\w+)", page, re.M))
    assert names <= there, f"not in gpcvm-control.7: {names - there}"
    for line in ("help", "help punch", "status", "caps", "gpc",
                 "punch clock0", "allocate 2M", "pv clock0 off",
                 "pv clock0 on", "poke clock0", "poke steal0",
                 "check clock0", "check steal0", "check all",
                 "guest 0 help", "guest 0 read 2M", "guest 0 write 2M 1",
                 "guest 0 fill 2M 8 1", "guest 0 hash 2M 8",
                 "guest 0 touch 2M", "guest 0 canary 2M plant",
                 "guest 0 rdmsr 0x4b564d01", "guest 0 nop", "guest 0 halt",
                 "vcpu 0 pause", "vcpu 0 resume", "mem 2M",
                 "slot delete 1", "slot restore 1", "log", "subscribe off"):
        missing = set(m.ok(line)) - fields
        assert not missing, f"{line}: not in gpcvm-control.7: {missing}"
    error = m.cmd("punch 1")
    assert set(error) | set(error["error"]) <= fields, error


def literal_blocks(page):
    """The text between .Bd -literal and .Ed, as rendered."""
    return [b.replace("\\e", "\\") for b in re.findall(
        r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", page, re.M | re.S)]


def test_scenarios_of_the_manual_pass(lab):
    lab.need_kvm()
    shown = literal_blocks(text_of(lab, "docs/gpcvm-scenario.5"))
    assert len(shown) >= 3, shown
    for i, text in enumerate(shown):
        path = os.path.join(lab.dir, f"shown{i}.scn")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        status, out, err = lab.run("play", path)
        assert status in (0, 4) and not err, (text, out, err)


def test_examples_of_play_and_suite_do_what_they_say(lab):
    for name in "play", "suite":
        page = text_of(lab, f"docs/gpcvm-{name}.1")
        control = os.path.join(lab.dir, "vm")
        blocks = literal_blocks(page) + [
            line + "\n" for line in re.findall(r"^\.Dl (gpcvm .*)$", page, re.M)]
        assert blocks, page
        lab.need_mode("gmem")
        if "jq" in page and not shutil.which("jq"):
            raise lib.Skip("jq is not installed")
        for block in blocks:
            block = block.replace("/tmp/vm", control)
            block = re.sub(r"(> |diff )one\b", rf"\1{lab.dir}/one", block)
            script = (f"set -e; cd '{lab.root}'\n"
                      f"gpcvm() {{ '{lab.gpcvm}' \"$@\"; }}\n{block}wait\n")
            r = subprocess.run(["bash", "-c", script], capture_output=True,
                               text=True, timeout=4 * lib.LIMIT)
            assert r.returncode == 0, (block, r.stdout, r.stderr)
