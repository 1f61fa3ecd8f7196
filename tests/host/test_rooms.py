# SPDX-License-Identifier: GPL-2.0-only
"""tests/rooms names the file that breaks the one-way rule of rooms, and
how."""

import os
import subprocess

import pytest

import lib

TABLE = """\
# room: what it may include
guest:
base:
machine: base
ctl: base
devices: base machine
vmm: base machine ctl devices
"""

# A correct house: the content of each file.
HOUSE = {
    "vmm/base/num.h": "int num(void);\n",
    "vmm/base/num.c": '#include "base/num.h"\nint num(void) { return 1; }\n',
    "vmm/machine/board.h": '#include "base/num.h"\nint board(void);\n',
    "vmm/machine/board.c": '#include "machine/board.h"\nint board(void) { return num(); }\n',
    "vmm/ctl/ctl.h": "int ctl(void);\n",
    "vmm/ctl/ctl.c": '#include "base/num.h"\n#include "ctl/ctl.h"\nint ctl(void) { return num(); }\n',
    "devices/rtc.c": '#include "machine/board.h"\nint rtc(void);\nint rtc(void) { return board(); }\n',
    "vmm/main.c": '#include "ctl/ctl.h"\nint main(void) { return ctl(); }\n',
}


def rooms(lab, table=TABLE, **changed):
    """Status and words of tests/rooms over HOUSE with changed files: base__num__c is
    vmm/base/num.c."""
    top = os.path.join(lab.dir, "house")
    files = dict(HOUSE, **{"vmm/rooms": table})
    files.update((name.replace("__", "/", 1).replace("__", "."), text)
                 for name, text in changed.items())
    for name, text in files.items():
        path = os.path.join(top, name if name.startswith(("devices/", "vmm/"))
                            else "vmm/" + name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    for where, _, names in os.walk(top):
        for name in names:
            if not name.endswith(".c"):
                continue
            source = os.path.relpath(os.path.join(where, name), top)
            out = os.path.join(top, "build", source[:-2] + ".o")
            os.makedirs(os.path.dirname(out), exist_ok=True)
            subprocess.run(["cc", "-Ivmm", "-I.", "-c", "-o", out, source],
                           cwd=top, check=True)
    r = subprocess.run([os.path.join(lab.root, "tests", "rooms"), "build"],
                       cwd=top, text=True, capture_output=True, timeout=60)
    return r.returncode, r.stdout + r.stderr


@pytest.mark.short
def test_house_in_order_passes_without_a_word(lab):
    assert rooms(lab) == (0, "")


@pytest.mark.short
def test_include_of_a_room_above_fails_and_names_line_and_row(lab):
    status, said = rooms(lab, base__num__h='int num(void);\n#include "machine/later.h"\n',
                         machine__later__h="int later(void);\n")
    assert status == 1, said
    assert said == ('vmm/base/num.h:2: base may not include "machine/later.h": '
                    "vmm/rooms:3: base: \n"), said


@pytest.mark.short
def test_symbol_of_a_room_above_fails_and_names_it_and_the_row(lab):
    status, said = rooms(lab, ctl__ctl__c="int board(void);\nint ctl(void);\n"
                                          "int ctl(void) { return board(); }\n")
    assert status == 1, said
    assert said == ("vmm/ctl/ctl.c: ctl may not take board from vmm/machine/board.c: "
                    "vmm/rooms:5: ctl: base \n"), said


@pytest.mark.short
def test_two_files_of_a_room_that_call_each_other_fail(lab):
    status, said = rooms(
        lab, machine__bus__h="int bus(void);\nint fault(void);\n",
        machine__bus__c='#include "machine/bus.h"\nint bus(void) { return fault(); }\n',
        machine__fault__c='#include "machine/bus.h"\nint fault(void) { return bus(); }\n')
    assert status == 1, said
    assert "files that need each other:" in said, said
    assert "vmm/machine/bus.c: takes fault from vmm/machine/fault.c" in said, said
    assert "vmm/machine/fault.c: takes bus from vmm/machine/bus.c" in said, said
    assert "num" not in said, said


@pytest.mark.short
def test_two_headers_that_include_each_other_fail(lab):
    guard = "#ifndef %s\n#define %s\n#include \"%s\"\n#endif\n"
    status, said = rooms(lab, base__a__h=guard % ("A", "A", "base/b.h"),
                         base__b__h=guard % ("B", "B", "base/a.h"))
    assert status == 1, said
    assert 'vmm/base/a.h:3: #include "base/b.h"' in said, said
    assert 'vmm/base/b.h:3: #include "base/a.h"' in said, said


@pytest.mark.short
def test_include_without_its_room_fails(lab):
    status, said = rooms(lab, base__num__c='#include "num.h"\nint num(void) { return 1; }\n')
    assert status == 1, said
    assert said == 'vmm/base/num.c:1: #include "num.h": write "room/file.h"\n', said


@pytest.mark.short
def test_row_that_names_a_room_below_it_and_a_room_without_a_row_fail(lab):
    status, said = rooms(lab, table=TABLE.replace("base:\n", "base: ctl\n"),
                         attic__a__h="int a(void);\n")
    assert status == 1, said
    assert "vmm/rooms:3: ctl has no row before this one" in said, said
    assert "vmm/attic/a.h: the room attic has no row in vmm/rooms" in said, said


def test_house_of_gpcvm_is_in_order(lab):
    """Skipped if it is not built; `make rooms` checks it as well."""
    build = os.path.dirname(os.path.abspath(lab.gpcvm))
    if not os.path.isdir(os.path.join(build, "vmm", "base")):
        raise lib.Skip("the objects of gpcvm are not beside it")
    r = subprocess.run([os.path.join(lab.root, "tests", "rooms"), build], cwd=lab.root,
                       text=True, capture_output=True, timeout=60)
    assert (r.returncode, r.stderr) == (0, ""), r.stderr


@pytest.mark.short
def test_object_that_was_not_built_fails(lab):
    assert rooms(lab) == (0, "")
    top = os.path.join(lab.dir, "house")
    os.unlink(os.path.join(top, "build", "vmm", "base", "num.o"))
    r = subprocess.run([os.path.join(lab.root, "tests", "rooms"), "build"],
                       cwd=top, text=True, capture_output=True, timeout=60)
    assert r.returncode == 1 and "num.o" in r.stderr, r
